//! Prices of machines: the table that is built in, one's own, and the one that a spec means.

use std::{
    fs,
    path::Path,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use super::{Failure, Global, failure::say, output::Output};
use crate::{
    cost::{self, Date, Offer, PriceError, Provisioning, prices},
    report,
    spec::{Pricing, Spec, SpecError},
    store::Table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// The offers that are known, as `pricing: {sku: …}` and `cost --as` take them
    List(List),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    own: Own,
    /// Only offers with this in their name or GPU, such as `aws` or `h100`
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// A table of one's own beside the one that is built in.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Own {
    /// A CSV file of prices whose rows go before those that are built in; `prices --format csv` prints the columns
    #[arg(long, value_name = "FILE", env = "SWEEP_PRICES")]
    prices: Option<std::path::PathBuf>,
}

impl Own {
    pub(super) fn table(&self) -> Result<Vec<Offer>, Failure> {
        table(self.prices.as_deref())
    }
}

/// Reads a table of one's own, if there is one, before the one that is built in.
fn table(own: Option<&Path>) -> Result<Vec<Offer>, Failure> {
    let Some(path) = own else { return Ok(prices::built_in()) };
    let unreadable = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let length = fs::metadata(path).map_err(|error| unreadable(format!("cannot be opened: {error}")))?.len();
    if length > prices::MAX_BYTES as u64 {
        return Err(unreadable(format!("is larger than {} MiB", prices::MAX_BYTES >> 20)));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    Ok(prices::with_own(prices::parse(&text).map_err(|error| {
        let line = error.line.map(|line| format!("{line}: ")).unwrap_or_default();
        let failure = Failure::usage(format!("{}:{line}{}", path.display(), error.message));
        error.hint.into_iter().fold(failure, Failure::hint)
    })?))
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let list = match &args.verb {
        Some(Verb::List(list)) => list,
        None => &args.list,
    };
    let mut offers = list.own.table()?;
    if let Some(text) = &list.text {
        let text = text.to_lowercase();
        offers.retain(|offer| format!("{offer} {}", offer.gpu).to_lowercase().contains(&text));
    }
    let people = |format, look| report::render(&for_people(&offers), format, look);
    list.output.document(global, &offers, people, || whole(&offers))?;
    Ok(ExitCode::SUCCESS)
}

fn whole(offers: &[Offer]) -> Table {
    let mut table = Table::new(&prices::COLUMNS);
    for offer in offers {
        let checked_at = offer.checked_at.map(|date| date.to_string());
        table.rows.push(vec![
            json!(offer.provider),
            json!(offer.sku),
            json!(offer.gpu),
            json!(offer.gpu_memory_gb),
            json!(offer.gpus),
            json!(offer.usd_per_hour),
            json!(offer.provisioning),
            json!(offer.region),
            json!(offer.billing_granularity_s),
            json!(offer.min_charge_s),
            json!(offer.source),
            json!(checked_at),
        ]);
    }
    table
}

fn for_people(offers: &[Offer]) -> Table {
    let mut table =
        Table::new(&["offer", "gpus", "$/hour", "$/GPU-hour", "rented", "region", "checked", "source"]);
    for offer in offers {
        let gpus = match offer.gpus {
            0 => String::new(),
            count => format!("{count} × {} {} GB", offer.gpu, offer.gpu_memory_gb),
        };
        let each = (offer.gpus > 0).then(|| (offer.usd_per_device_hour() * 1e4).round() / 1e4);
        table.rows.push(vec![
            json!(offer.to_string()),
            json!(gpus),
            json!(offer.usd_per_hour),
            json!(each),
            json!(offer.provisioning.name().replace('_', " ")),
            json!(offer.region),
            json!(offer.checked_at.map(|date| date.to_string())),
            json!(offer.source),
        ]);
    }
    table
}

/// What a spec says the machine costs; what looks odd about it is said.
pub(super) fn of(spec: &Spec, text: &str, file: &Path, loud: bool) -> Result<Option<Offer>, Failure> {
    let (sku, provisioning, own) = match &spec.pricing {
        None => return Ok(None),
        Some(Pricing::UsdPerHour(usd)) => return Ok(Some(Offer::own(*usd))),
        Some(Pricing::Offer { sku, provisioning, prices }) => (sku, *provisioning, prices),
    };
    let offers = table(own.as_deref())?;
    let offer = cost::find(&offers, sku, provisioning).map_err(|error| {
        let PriceError { message, hint, .. } = error;
        SpecError::at(file, text, "pricing.sku", message, hint)
    })?;
    if loud {
        warn(offer, &offers);
    }
    Ok(Some(offer.clone()))
}

/// The offer that an option names, such as `aws:p5.48xlarge`.
pub(super) fn named(offers: &[Offer], name: &str, spot: bool) -> Result<Offer, Failure> {
    let provisioning = if spot { Provisioning::Spot } else { Provisioning::OnDemand };
    let found = cost::find(offers, name, provisioning).map_err(|error| {
        let failure = Failure::usage(error.message);
        error.hint.into_iter().fold(failure, Failure::hint)
    })?;
    warn(found, offers);
    Ok(found.clone())
}

fn warn(offer: &Offer, offers: &[Offer]) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let today = Date::of_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    cost::warnings(offer, offers, today).iter().for_each(|warning| say(&format!("warning: {warning}")));
}
