//! `sweep show TRIAL`: everything about one trial.

use std::{fs, process::ExitCode};

use super::{Failure, Global, output::Output};
use crate::{
    executor::TABLES,
    report::{self, Encoding, Format},
    store::{self, TrialDetail},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trial's number, as `sweep trials` shows it
    #[arg(value_name = "TRIAL")]
    trial: i64,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let trial = store::open_reader(&global.home)?.trial(args.trial)?;
    let rates = rates(global, &trial);
    args.output.emit(global, |encoding, look| match encoding {
        Encoding::Text(Format::Table) => Ok(report::show(&trial, &rates, look).into_bytes()),
        Encoding::Text(Format::Json) => {
            Ok((serde_json::to_string_pretty(&trial).map_err(Failure::internal)? + "\n").into_bytes())
        }
        _ => Err(Failure::usage("a trial is shown as `table` or `json`")),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The trial's learning rates, as far as its table is there.
fn rates(global: &Global, trial: &TrialDetail) -> Vec<f32> {
    let Some(name) = &trial.rates else { return Vec::new() };
    let bytes = fs::read(global.home.join(TABLES).join(format!("{name}.f32"))).unwrap_or_default();
    // A file that is twice as long has the momentum beside each rate.
    let columns = if bytes.len() as u64 == trial.steps.saturating_mul(8) { 2 } else { 1 };
    bytes.as_chunks::<4>().0.iter().step_by(columns).map(|rate| f32::from_le_bytes(*rate)).collect()
}
