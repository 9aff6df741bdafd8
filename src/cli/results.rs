//! `sweep results [SWEEP]`: the schedule × budget table, or its rows for a machine.

use std::process::ExitCode;

use super::{Failure, Global, OutputMode, failure::print, output::Output};
use crate::{
    engine::SweepId,
    report::{self, Encoding, Format, Look, Results, Totals},
    store::{self, Reader, SweepRow},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    #[command(flatten)]
    output: Output,
    /// Print the JSON Schema of what `--format json` prints
    #[arg(long)]
    json_schema: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    if args.json_schema {
        return print(report::schemas::RESULTS).map(|()| ExitCode::SUCCESS);
    }
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&args.sweep)?;
    args.output.emit(global, |encoding, look| match encoding {
        Encoding::Text(format) => Ok(render(&reader, &sweep, format, look)?.into_bytes()),
        Encoding::Parquet => {
            Ok(report::parquet(&Results::new(&sweep, &reader.outcomes(sweep.sweep)?).table()))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a sweep's results as the output mode asks; gives back how many of its trials failed.
pub(super) fn print_sweep(global: &Global, sweep: SweepId) -> Result<u64, Failure> {
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&sweep.to_string())?;
    emit(global, None, |format| render(&reader, &sweep, format, look(global)))?;
    Ok(sweep.counts.failed)
}

fn render(reader: &Reader, sweep: &SweepRow, format: Format, look: Look) -> Result<String, Failure> {
    let outcomes = reader.outcomes(sweep.sweep)?;
    let results = Results::new(sweep, &outcomes);
    let totals = Totals::new(sweep, &reader.spans(&outcomes)?);
    Ok(match format {
        Format::Table => report::matrix(&results, &totals, look),
        Format::Markdown => report::matrix_markdown(&results, &totals),
        Format::Csv => report::render(&results.table(), format, look),
        Format::Json => serde_json::to_string_pretty(&results).map_err(Failure::internal)? + "\n",
    })
}

/// Prints in the format asked for, or else in the output mode's.
pub(super) fn emit(
    global: &Global,
    asked: Option<Format>,
    text: impl FnOnce(Format) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let format = match (asked, global.output_mode) {
        (Some(format), _) => format,
        (None, OutputMode::Cli) => Format::Table,
        (None, OutputMode::Json) => Format::Json,
        (None, OutputMode::Quiet) => return Ok(()),
    };
    print(&text(format)?)
}

/// How standard output shows things.
pub(super) fn look(global: &Global) -> Look {
    let width = report::screen_width();
    Look { color: global.colored(), width: width.unwrap_or(Look::default().width), folds: width.is_some() }
}
