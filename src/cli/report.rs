//! `sweep report [SWEEP]`: what a sweep found, on the screen, as a page, as Markdown or as a picture.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Failure, Global, OutputMode, curves,
    failure::{print, say},
    output::write_whole,
    results::look,
    savings::{Ask, Inquiry},
};
use crate::{
    answer::{Account, Band, Cells, Times, standings},
    report::{self, Chart, Document, Findings, Results, Series},
    schedule::Shape,
    spec::{self, Listed},
    store::{self, Outcome, Reader, SweepRow},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    /// Where to: `.html` is a page of one file, `.md` Markdown with an `.svg` beside it, `.svg` the charts alone
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    ask: Ask,
}

/// How a report was asked for: in the report, so that `verify` can make it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Options {
    /// Of this object's shape.
    pub(super) version: u32,
    pub(super) sweep: i64,
    pub(super) name: String,
    /// Milliseconds since 1970: tells the sweep from one of another home with its number and name.
    pub(super) created_at: i64,
    pub(super) inquiry: Inquiry,
}

/// Points of a curve in a report.
const POINTS: u64 = 50;
/// Points of a learning rate's curve.
const RATES: usize = 400;
/// A metric of fewer points is no curve.
const MIN_POINTS: usize = 3;

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let reader = store::open_reader(&global.home)?;
    let sweep = reader.find(&args.sweep)?;
    let options = Options {
        version: 1,
        sweep: sweep.sweep,
        name: sweep.name.clone(),
        created_at: sweep.created_at,
        inquiry: args.ask.inquiry(&reader, &sweep)?,
    };
    let kind = args.output.as_deref().map(kind).transpose()?;
    let (document, json) = document(&reader, &sweep, &options)?;
    let (Some(path), Some(kind)) = (&args.output, kind) else {
        match global.output_mode {
            OutputMode::Cli => print(&document.screen(look(global)))?,
            OutputMode::Json => {
                print(&(serde_json::to_string_pretty(&json).map_err(Failure::internal)? + "\n"))?;
            }
            OutputMode::Quiet => {}
        }
        return Ok(ExitCode::SUCCESS);
    };
    let picture = path.with_extension("svg");
    let name = picture.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    write_whole(path, text(&document, kind, &name).as_bytes())?;
    let mut wrote = format!("wrote {}", path.display());
    if kind == Kind::Markdown {
        write_whole(&picture, document.svg().as_bytes())?;
        wrote += &format!(" and {}", picture.display());
    }
    if global.output_mode == OutputMode::Cli {
        say(&wrote);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Page,
    Markdown,
    Picture,
}

pub(super) fn kind(path: &Path) -> Result<Kind, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Ok(Kind::Page),
        Some("md") => Ok(Kind::Markdown),
        Some("svg") => Ok(Kind::Picture),
        _ => Err(Failure::usage(format!("{}: a report ends in `.html`, `.md` or `.svg`", path.display()))),
    }
}

/// A document as a file; Markdown has its charts in a picture of this name.
pub(super) fn text(document: &Document, kind: Kind, picture: &str) -> String {
    match kind {
        Kind::Page => document.html(),
        Kind::Markdown => document.markdown(picture),
        Kind::Picture => document.svg(),
    }
}

/// The report that was asked for, and all of it for a program.
pub(super) fn document(
    reader: &Reader,
    sweep: &SweepRow,
    options: &Options,
) -> Result<(Document, Value), Failure> {
    let outcomes = reader.outcomes(sweep.sweep)?;
    let cells = Cells::new(sweep, &outcomes);
    let results = Results::new(sweep, &outcomes);
    let inquiry = &options.inquiry;
    let standings = standings(sweep, &cells, &Times::new(&outcomes), 1.0 - inquiry.confidence);
    let account = Account::new(sweep, &outcomes, &reader.spans(&outcomes)?);
    let priced = inquiry.rate.priced(reader, sweep, &account)?;
    let savings = inquiry.answer(reader, sweep, &outcomes, (&account, &priced))?;
    let bands = bands(reader, sweep, cells)?;
    let found = Findings {
        sweep,
        results: &results,
        standings: &standings,
        savings: savings.as_ref().map_err(ToString::to_string),
        bands: &bands,
        rates: rates(reader, sweep, &outcomes)?,
        cost: (report::cost_table_for_people(&priced), report::cost_sentences(&priced)),
    };
    let options = serde_json::to_value(options).map_err(Failure::internal)?;
    let json = report::as_json(&found, &options);
    Ok((Document::new(&found, options), json))
}

/// The training loss and what the sweep is judged and chosen by, at the largest budget, as far as they have a curve.
fn bands(
    reader: &Reader,
    sweep: &SweepRow,
    mut cells: Cells<'_>,
) -> Result<Vec<(String, Vec<Band>)>, Failure> {
    let largest = cells.groups.iter().map(|group| group.cell.steps).max();
    cells.groups.retain(|group| Some(group.cell.steps) == largest);
    let mut names = vec!["train/loss".to_owned(), sweep.metric.clone()];
    names.extend(sweep.selection_metric.clone());
    names.dedup();
    let mut drawn = Vec::new();
    for name in names {
        let bands = curves::bands(reader, &cells, &name, POINTS)?;
        if bands.iter().any(|band| band.points.len() >= MIN_POINTS) {
            drawn.push((name, bands));
        }
    }
    Ok(drawn)
}

/// The rates of each schedule at the largest budget, with the spec's warm-up and floor, as shares of the peak.
fn rates(reader: &Reader, sweep: &SweepRow, outcomes: &[Outcome]) -> Result<Option<Chart>, Failure> {
    let Ok(spec) = spec::parse(&reader.spec(sweep.sweep)?, Path::new("spec.yaml")) else { return Ok(None) };
    let Some(steps) = outcomes.iter().map(|outcome| outcome.cell.steps).max() else { return Ok(None) };
    let mut series: Vec<Series> = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.cell.steps == steps) {
        let cell = &outcome.cell;
        let name = cell.followed.as_ref().unwrap_or(&cell.schedule);
        if series.iter().any(|known| known.name == *name) {
            continue;
        }
        let Ok(listed) = spec::typed(name, &[]) else { continue };
        let Some(Listed::Given(schedule)) = listed.into_iter().next() else { continue };
        let (warmup, eta_min) = (spec.training.warmup, spec.training.eta_min);
        let peak = spec.parameters.learning_rate.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let Ok(table) = (Shape { schedule, warmup, eta_min }).table(peak, steps) else { continue };
        let points =
            table.rates.iter().enumerate().map(|(step, rate)| (step as f64, f64::from(*rate) / peak));
        let stretch = (table.rates.len() / RATES).max(1) as f64;
        series.push(Series::thinned(name.clone(), points, stretch));
    }
    Ok((!series.is_empty()).then(|| Chart {
        title: "Learning rates".to_owned(),
        x_label: "step".to_owned(),
        y_label: "share of the peak rate".to_owned(),
        series,
        note: Some("How each schedule moves the rate over a training of the largest budget.".to_owned()),
        ..Chart::default()
    }))
}
