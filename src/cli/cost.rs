//! `sweep cost [SWEEP]`: what it cost, and would cost elsewhere.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::{Failure, Global, output::Output, price};
use crate::{
    answer::{Account, Elsewhere, Priced},
    cost::Offer,
    report,
    store::{self, Reader, SweepRow},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    #[command(flatten)]
    rate: Rate,
    #[command(flatten)]
    output: Output,
}

/// What time is turned into money by, instead of the price that the sweep was submitted with.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Rate {
    /// Price it as if trained on this offer of `sweep prices`, such as `aws:p5.48xlarge`
    #[arg(long = "as", value_name = "OFFER", conflicts_with = "usd_per_hour")]
    elsewhere: Option<String>,
    /// Take the offer's spot price
    #[arg(long, requires = "elsewhere")]
    spot: bool,
    /// How many times as fast a device there is as this machine
    #[arg(long, value_name = "TIMES", requires = "elsewhere", default_value_t = 1.0, value_parser = times)]
    speedup: f64,
    /// How many devices, such as GPUs, this machine has; unless told what its own price says, or one
    #[arg(long, value_name = "N", requires = "elsewhere", value_parser = clap::value_parser!(u32).range(1..=1024))]
    devices: Option<u32>,
    /// What this machine costs, in dollars per hour
    #[arg(long, value_name = "USD", value_parser = usd)]
    usd_per_hour: Option<f64>,
    #[command(flatten)]
    own: price::Own,
}

fn times(text: &str) -> Result<f64, String> {
    let times = text.parse().ok().filter(|times| (1e-3..=1e6).contains(times));
    times.ok_or_else(|| "a number from 0.001 to 1000000".to_owned())
}

pub(super) fn usd(text: &str) -> Result<f64, String> {
    let usd = text.trim_start_matches('$').parse().ok().filter(|usd| *usd > 0.0 && *usd <= 1e9);
    usd.ok_or_else(|| "a number of dollars above 0, at most 1e9".to_owned())
}

/// What time is turned into money by, as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AskedRate {
    /// Instead of the one that the store has, which cannot confirm it.
    pub(super) asked_offer: Option<Offer>,
    /// Whether that is of another machine than the one that trained.
    elsewhere: bool,
    speedup: f64,
    devices: Option<u32>,
}

impl Rate {
    pub(super) fn asked(&self) -> Result<AskedRate, Failure> {
        let asked_offer = match (&self.elsewhere, self.usd_per_hour) {
            (Some(name), _) => Some(price::named(&self.own.table()?, name, self.spot)?),
            (None, usd) => usd.map(Offer::own),
        };
        Ok(AskedRate {
            asked_offer,
            elsewhere: self.elsewhere.is_some(),
            speedup: self.speedup,
            devices: self.devices,
        })
    }
}

impl AskedRate {
    pub(super) fn priced(
        &self,
        reader: &Reader,
        sweep: &SweepRow,
        account: &Account,
    ) -> Result<Priced, Failure> {
        let own = reader.price(sweep.sweep)?;
        let there = self.elsewhere.then(|| Elsewhere::new(self.speedup, self.devices, own.as_ref()));
        Ok(Priced::new(sweep, account, self.asked_offer.clone().or(own), there))
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&args.sweep)?;
    let outcomes = reader.outcomes(sweep.sweep)?;
    let account = Account::new(&sweep, &outcomes, &reader.spans(&outcomes)?);
    let priced = args.rate.asked()?.priced(&reader, &sweep, &account)?;
    let people = |format, look| report::cost(&priced, format, look);
    args.output.document(global, &priced, people, || report::cost_table(&priced))?;
    Ok(ExitCode::SUCCESS)
}
