//! `sweep sql "SELECT …"`: read-only queries over the documented views.

use std::{process::ExitCode, time::Duration};

use super::{Failure, Global, failure::print, output::Output};
use crate::{
    report,
    store::{self, QueryLimits},
};

#[derive(Debug, clap::Args)]
#[command(after_long_help = views())]
pub(super) struct Args {
    /// One `SELECT`, in SQLite's dialect
    #[arg(value_name = "QUERY", required_unless_present = "json_schema")]
    query: Option<String>,
    #[command(flatten)]
    output: Output,
    /// Print the JSON Schema of what `--format json` prints
    #[arg(long)]
    json_schema: bool,
    /// How long it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = timeout)]
    timeout: Duration,
}

fn timeout(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|&seconds: &f64| seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "a timeout is a number of seconds above 0".to_owned())
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let Some(query) = args.query.as_deref().filter(|_| !args.json_schema) else {
        return print(report::schemas::SQL).map(|()| ExitCode::SUCCESS);
    };
    let limits = QueryLimits { time: args.timeout, ..QueryLimits::default() };
    let table = store::query(&global.home, query, limits)?;
    args.output.emit(global, |encoding, look| Ok(report::encode(&table, encoding, look)))?;
    Ok(ExitCode::SUCCESS)
}

/// The views and their columns, for the help.
fn views() -> String {
    let mut text = String::from("Views:\n");
    for view in store::views() {
        text += &format!("\n  {}\n", view.name);
        for (column, meaning) in view.columns {
            text += &format!("    {column:<15} {meaning}\n");
        }
    }
    text
}
