//! `sweep results [SWEEP]`: the schedule × budget table, or its rows for a machine.

use std::process::ExitCode;

use super::{Failure, Global, OutputMode, failure::print, question};
use crate::{
    answer::Grouped,
    cost::is_share,
    engine::SweepId,
    report::{self, Format, Look, Results, Statistic, Totals},
    store::{self, Outcome, Reader, SweepRow},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    /// Groups, of `schedule`, `budget`, `seed` and swept parameters, instead of a table of schedules and budgets
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    by: Vec<String>,
    /// Another metric than the sweep's, such as `validation/loss`
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,
    /// What stands for a cell's seeds: `mean`, `median` or `best`
    #[arg(long, value_name = "NAME", default_value = "mean")]
    statistic: Statistic,
    /// `table`, `csv`, `json` or `md`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let reader = store::open_reader(&global.home)?;
    let mut sweep = reader.find(&args.sweep)?;
    let mut outcomes = reader.outcomes(sweep.sweep)?;
    if let Some(metric) = &args.metric {
        judge_by(&reader, &mut sweep, &mut outcomes, metric)?;
    }
    if args.by.is_empty() {
        emit(global, args.format, |format| {
            render(global, &reader, &sweep, &outcomes, args.statistic, format)
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let grouped = Grouped::new(&sweep, &outcomes, &args.by).map_err(Failure::usage)?;
    emit(global, args.format, |format| match format {
        Format::Json => Ok(serde_json::to_string_pretty(&grouped).map_err(Failure::internal)? + "\n"),
        _ => Ok(report::render(&grouped.table(), format, look(global))),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Puts another metric in the place of the one that the sweep is judged by; settings stay as they were chosen.
pub(super) fn judge_by(
    reader: &Reader,
    sweep: &mut SweepRow,
    outcomes: &mut [Outcome],
    metric: &str,
) -> Result<(), Failure> {
    if metric == sweep.metric {
        return Ok(());
    }
    let values = reader.last_values(outcomes.iter().map(|outcome| outcome.trial), metric)?;
    if values.iter().all(Option::is_none) {
        return Err(question::no_metric(reader, sweep, metric)?);
    }
    for (outcome, value) in outcomes.iter_mut().zip(values) {
        (outcome.value, outcome.gap) = (value, None);
    }
    // The same on another set goes the same way; otherwise losses and errors are what is measured beside shares.
    let name = |metric: &str| metric.rsplit('/').next().map(str::to_owned);
    if name(metric) != name(&sweep.metric) {
        sweep.maximize = is_share(metric);
    }
    metric.clone_into(&mut sweep.metric);
    Ok(())
}

/// Prints a sweep's results as the output mode asks; gives back how many of its trials failed.
pub(super) fn print_sweep(global: &Global, sweep: SweepId) -> Result<u64, Failure> {
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&sweep.to_string())?;
    let outcomes = reader.outcomes(sweep.sweep)?;
    emit(global, None, |format| render(global, &reader, &sweep, &outcomes, Statistic::Mean, format))?;
    Ok(sweep.counts.failed)
}

fn render(
    global: &Global,
    reader: &Reader,
    sweep: &SweepRow,
    outcomes: &[Outcome],
    statistic: Statistic,
    format: Format,
) -> Result<String, Failure> {
    let results = Results { statistic, ..Results::new(sweep, outcomes) };
    let totals = Totals::new(sweep, &reader.spans(outcomes)?);
    Ok(match format {
        Format::Table => report::matrix(&results, &totals, look(global)),
        Format::Markdown => report::matrix_markdown(&results, &totals),
        Format::Csv => report::render(&results.table(), format, look(global)),
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
