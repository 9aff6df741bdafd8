//! `sweep verify REPORT`: recomputes every number in a report from the store and says which differ.

use std::{fs, path::PathBuf, process::ExitCode};

use super::{
    Failure, Global, OutputMode,
    failure::{print, say},
    report::{Kind, Options, document, kind, text},
};
use crate::{
    report::{self, Difference},
    store,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file that `sweep report -o` wrote
    #[arg(value_name = "REPORT")]
    report: PathBuf,
}

/// The most bytes of a report that is read.
const MAX_BYTES: u64 = 64 << 20;
/// Differences that are listed.
const MAX_LISTED: usize = 50;

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let path = &args.report;
    let wrong = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let kind = kind(path)?;
    let length = fs::metadata(path).map_err(|error| wrong(format!("cannot be opened: {error}")))?.len();
    if length > MAX_BYTES {
        return Err(wrong(format!("is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let written = fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let options = report::options_of(&written, kind == Kind::Page)
        .and_then(|options| serde_json::from_value(options).ok());
    let options: Options = options.filter(|options: &Options| options.version == 1).ok_or_else(|| {
        wrong("does not say how it was made".to_owned()).hint("`sweep report -o FILE` writes such a report")
    })?;
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&options.sweep.to_string())?;
    if (sweep.created_at, &sweep.name) != (options.created_at, &options.name) {
        let failure = wrong(format!("is of another store's sweep {} ({})", options.sweep, options.name));
        return Err(failure.hint("`--home` names the folder that it was made from"));
    }
    let document = document(&reader, &sweep, &options)?.0;
    let picture = report::picture_of(&written).unwrap_or_default().to_owned();
    let mut differences = report::differences(&written, &text(&document, kind, &picture));
    let mut numbers = report::count_numbers(&written);
    if kind == Kind::Markdown {
        let beside = path.with_file_name(&picture);
        let shown = fs::read_to_string(&beside)
            .map_err(|error| wrong(format!("its picture {} cannot be read: {error}", beside.display())))?;
        numbers += report::count_numbers(&shown);
        differences.extend(report::differences(&shown, &document.svg()));
    }
    match global.output_mode {
        OutputMode::Cli => print(&said(&differences, numbers))?,
        OutputMode::Json => {
            let json = serde_json::json!({"version": 1, "numbers": numbers, "differences": differences});
            print(&(serde_json::to_string_pretty(&json).map_err(Failure::internal)? + "\n"))?;
        }
        OutputMode::Quiet => {}
    }
    if let Some(offer) =
        options.inquiry.rate.asked_offer.as_ref().filter(|_| global.output_mode == OutputMode::Cli)
    {
        say(&format!(
            "the price is the report's own, {offer} at ${} an hour: the store does not know it",
            offer.usd_per_hour
        ));
    }
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn said(differences: &[Difference], numbers: usize) -> String {
    if differences.is_empty() {
        return format!("all {numbers} numbers are what the store gives\n");
    }
    let mut text = String::new();
    for Difference { line, written, computed } in differences.iter().take(MAX_LISTED) {
        text += &format!("line {line}\n  report  {}\n  store   {}\n", shown(written), shown(computed));
    }
    let more = differences.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        text += &format!("and {more} more\n");
    }
    let places = if differences.len() == 1 {
        "1 place differs".to_owned()
    } else {
        format!("{} places differ", differences.len())
    };
    text + &format!("{places} from the store; {numbers} numbers were made again\n")
}

fn shown(text: &str) -> String {
    if text.is_empty() { "nothing there".to_owned() } else { report::escape(text) }
}
