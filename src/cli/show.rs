//! `sweep show TRIAL`: everything about one trial.

use std::process::ExitCode;

use super::{Failure, Global, results::emit};
use crate::{
    report::{self, Format},
    store,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trial's number, as `sweep trials` shows it
    #[arg(value_name = "TRIAL")]
    trial: i64,
    /// `table` or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let trial = store::open_reader(&global.home)?.trial(args.trial)?;
    emit(global, args.format, |format| match format {
        Format::Table => Ok(report::show(&trial)),
        Format::Json => Ok(serde_json::to_string_pretty(&trial).map_err(Failure::internal)? + "\n"),
        Format::Csv | Format::Markdown => Err(Failure::usage("a trial is shown as `table` or `json`")),
    })?;
    Ok(ExitCode::SUCCESS)
}
