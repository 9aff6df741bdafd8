//! `sweep curves [SWEEP]`: how a metric goes during training, over the seeds of each schedule and budget.

use std::{collections::BTreeSet, process::ExitCode};

use serde_json::json;

use super::{Failure, Global, failure::print, output::Output, question, results::look};
use crate::{
    answer::{self, Band, Cells},
    report::{self, Chart, Kind, Series},
    store::{self, Cell, Reader, Table},
};

/// Of a chart on the terminal, in lines.
const HEIGHT: usize = 18;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    /// What is drawn, such as `validation/accuracy`
    #[arg(long, value_name = "METRIC", default_value = "train/loss")]
    metric: String,
    /// Only this budget, such as `50%`; a chart shows the largest unless told
    #[arg(long, value_name = "BUDGET")]
    budget: Option<String>,
    /// Only this schedule, such as `cosine` or `uba(phi=1)`
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,
    /// How many points each curve is averaged down to
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    points: u64,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&args.sweep)?;
    let outcomes = reader.outcomes(sweep.sweep)?;
    let mut cells = Cells::new(&sweep, &outcomes);
    let is_chart = args.output.is_for_people(global);
    keep(&mut cells, args, is_chart)?;
    let bands = bands(&reader, &cells, &args.metric, args.points)?;
    if bands.iter().all(|band| band.points.is_empty()) {
        return Err(question::no_metric(&reader, &sweep, &args.metric)?);
    }
    if is_chart {
        print(&chart(&args.metric, &bands).terminal(look(global), HEIGHT))?;
    } else {
        let json = json!({"version": 1, "sweep": sweep.sweep, "metric": args.metric, "curves": bands});
        let people = |format, look| report::render(&report::rounded(&table(&bands)), format, look);
        args.output.document(global, &json, people, || table(&bands))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The curves of all cells, read in one go.
pub(super) fn bands(
    reader: &Reader,
    cells: &Cells<'_>,
    metric: &str,
    points: u64,
) -> Result<Vec<Band>, Failure> {
    let trials: Vec<_> = cells.groups.iter().map(answer::of_band).collect();
    let all: Vec<_> = trials.iter().flatten().copied().collect();
    let mut curves = reader.learning(&all, metric, points)?.into_iter();
    let bands = cells.groups.iter().zip(&trials).map(|(group, trials)| {
        let its: Vec<_> = curves.by_ref().take(trials.len()).collect();
        answer::band(group, &its)
    });
    Ok(bands.collect())
}

/// Leaves the cells that are asked for.
fn keep(cells: &mut Cells<'_>, args: &Args, is_chart: bool) -> Result<(), Failure> {
    let names = |name: fn(&Cell) -> &String| -> Vec<String> {
        let names = cells.groups.iter().map(|group| name(group.cell));
        names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    };
    let schedule = args.schedule.as_deref();
    let schedule = schedule.map(|asked| question::named("schedule", asked, &names(|cell| &cell.schedule)));
    let budget = args.budget.as_deref();
    let budget = budget.map(|asked| question::named("budget", asked, &names(|cell| &cell.budget)));
    let (schedule, budget) = (schedule.transpose()?, budget.transpose()?);
    let largest = cells.groups.iter().map(|group| group.cell.steps).max();
    cells.groups.retain(|group| {
        let is_asked = schedule.as_ref().is_none_or(|asked| *asked == group.cell.schedule);
        is_asked
            && match &budget {
                Some(asked) => *asked == group.cell.budget,
                None => !is_chart || Some(group.cell.steps) == largest,
            }
    });
    Ok(())
}

fn chart(metric: &str, bands: &[Band]) -> Chart {
    let are_apart =
        bands.windows(2).any(|pair| (&pair[0].schedule, pair[0].steps) == (&pair[1].schedule, pair[1].steps));
    let series = bands.iter().map(|band| {
        let schedule = if are_apart { band.label() } else { band.schedule.clone() };
        let points = band.points.iter().map(|point| (point.step as f64, point.mean)).collect();
        let ranges =
            band.points.iter().map(|point| (point.low.unwrap_or(f64::NAN), point.high.unwrap_or(f64::NAN)));
        Series { name: format!("{schedule} {}", band.budget), points, kind: Kind::Band(ranges.collect()) }
    });
    Chart {
        title: format!("{metric}, mean over seeds"),
        x_label: "step".to_owned(),
        y_label: metric.to_owned(),
        series: series.collect(),
        ..Chart::default()
    }
}

fn table(bands: &[Band]) -> Table {
    let settings: Vec<&String> = bands.first().map_or(Vec::new(), |band| band.settings.keys().collect());
    let mut columns = vec!["schedule", "budget"];
    columns.extend(settings.iter().map(|name| name.as_str()));
    columns.extend(["step", "seeds", "mean", "low", "high"]);
    let mut table = Table::new(&columns);
    for band in bands {
        for point in &band.points {
            let mut row = vec![json!(band.schedule), json!(band.budget)];
            row.extend(settings.iter().map(|name| json!(band.settings.get(*name))));
            row.extend([json!(point.step), json!(point.seeds), json!(point.mean)]);
            row.extend([json!(point.low), json!(point.high)]);
            table.rows.push(row);
        }
    }
    table
}
