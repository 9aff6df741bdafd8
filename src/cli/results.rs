//! `sweep results [SWEEP]`: the schedule × budget table, or its rows for a machine.

use std::process::ExitCode;

use super::{Failure, Global, failure::print, output::Output, question};
use crate::{
    answer::Grouped,
    cost::is_share,
    engine::SweepId,
    report::{self, Format, Look, Results, Statistic, Totals},
    spec::Metric,
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
    /// Whether more of that metric is better, where its name does not say: `maximize` or `minimize`
    #[arg(long, value_name = "GOAL", requires = "metric", value_parser = goal)]
    goal: Option<bool>,
    /// What stands for a cell's seeds: `mean`, `median` or `best`
    #[arg(long, value_name = "NAME", default_value = "mean")]
    statistic: Statistic,
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
    let mut sweep = reader.find(&args.sweep)?;
    let mut outcomes = reader.outcomes(sweep.sweep)?;
    if let Some(metric) = &args.metric {
        judge_by(&reader, &mut sweep, &mut outcomes, (metric, args.goal))?;
    }
    if !args.by.is_empty() {
        let grouped = Grouped::new(&sweep, &outcomes, &args.by).map_err(Failure::usage)?;
        let people = |format, look| report::render(&report::rounded(&grouped.table()), format, look);
        args.output.document(global, &grouped, people, || grouped.table())?;
        return Ok(ExitCode::SUCCESS);
    }
    let results = Results { statistic: args.statistic, ..Results::new(&sweep, &outcomes) };
    let totals = Totals::new(&sweep, &reader.spans(&outcomes)?);
    let people = |format, look| people(&results, &totals, format, look);
    args.output.document(global, &results, people, || results.table())?;
    Ok(ExitCode::SUCCESS)
}

/// Puts another metric in the place of the one that the sweep is judged by; settings stay as they were chosen.
pub(super) fn judge_by(
    reader: &Reader,
    sweep: &mut SweepRow,
    outcomes: &mut [Outcome],
    (metric, goal): (&str, Option<bool>),
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
    sweep.maximize = goal.or_else(|| direction(metric, sweep)).ok_or_else(|| {
        let failure = Failure::usage(format!("whether more of `{metric}` is better is not known"));
        failure.hint("`--goal maximize` or `--goal minimize` says it")
    })?;
    metric.clone_into(&mut sweep.metric);
    Ok(())
}

fn goal(text: &str) -> Result<bool, String> {
    match text {
        "maximize" => Ok(true),
        "minimize" => Ok(false),
        _ => Err("there are `maximize` and `minimize`".to_owned()),
    }
}

/// Whether more of a metric is better: the same on another set goes the same way, and some are known by name.
fn direction(metric: &str, sweep: &SweepRow) -> Option<bool> {
    let name = |metric: &str| metric.rsplit('/').next().map(str::to_owned);
    if name(metric) == name(&sweep.metric) {
        return Some(sweep.maximize);
    }
    let known = Metric::ALL.iter().find(|known| Some(known.name()) == name(metric).as_deref());
    known.map(|known| known.maximize()).or_else(|| is_share(metric).then_some(true))
}

/// Prints a sweep's results as the output mode asks; gives back how many of its trials failed.
pub(super) fn print_sweep(global: &Global, sweep: SweepId) -> Result<u64, Failure> {
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&sweep.to_string())?;
    let outcomes = reader.outcomes(sweep.sweep)?;
    let results = Results::new(&sweep, &outcomes);
    let totals = Totals::new(&sweep, &reader.spans(&outcomes)?);
    let people = |format, look| people(&results, &totals, format, look);
    Output::default().document(global, &results, people, || results.table())?;
    Ok(sweep.counts.failed)
}

fn people(results: &Results, totals: &Totals, format: Format, look: Look) -> String {
    match format {
        Format::Markdown => report::matrix_markdown(results, totals),
        _ => report::matrix(results, totals, look),
    }
}

/// How standard output shows things.
pub(super) fn look(global: &Global) -> Look {
    let width = report::screen_width();
    Look { color: global.colored(), width: width.unwrap_or(Look::default().width), folds: width.is_some() }
}
