//! `sweep schedule plot NAME…` and `sweep schedule compare NAME…`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::pick::{Around, Curve, HEIGHT, chart, curves, digits, format};
use crate::{
    cli::{
        Failure, Global, OutputMode,
        failure::{print, say},
        results::look,
    },
    report::{self, Format, Part},
    schedule::Properties,
    store::{Table, plain},
};

#[derive(Debug, clap::Args)]
pub(super) struct PlotArgs {
    /// Such as `"uba(phi=1)" cosine "wsd(decay=20%)"`
    #[arg(value_name = "SCHEDULE", required = true)]
    schedules: Vec<String>,
    #[command(flatten)]
    around: Around,
    /// Write a picture instead, over a file that is there: `.svg`, or `.html` for a page
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Rows of the drawing in the terminal
    #[arg(long, default_value_t = HEIGHT as u16, value_name = "ROWS", value_parser = clap::value_parser!(u16).range(4..=200))]
    height: u16,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    plot: PlotArgs,
    /// `table`, `csv`, `json` or `md`: the properties alone but for `table`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

pub(super) fn plot(global: &Global, args: &PlotArgs) -> Result<ExitCode, Failure> {
    let curves = curves(&args.schedules, &args.around)?;
    let chart = chart(&curves, &args.around);
    match &args.output {
        Some(path) => write(path, || chart.svg(), || page(&curves, &args.around))?,
        None if global.output_mode == OutputMode::Quiet => {}
        None if global.output_mode == OutputMode::Json => {
            print(&report::render(&properties(&curves), Format::Json, look(global)))?;
        }
        None => print(&chart.terminal(look(global), usize::from(args.height)))?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let curves = curves(&args.plot.schedules, &args.plot.around)?;
    let chart = chart(&curves, &args.plot.around);
    if let Some(path) = &args.plot.output {
        write(path, || chart.svg(), || page(&curves, &args.plot.around))?;
        return Ok(ExitCode::SUCCESS);
    }
    let table = properties(&curves);
    match (global.output_mode, format(global, args.format)) {
        (OutputMode::Quiet, _) => {}
        (_, Format::Table) => {
            print(&chart.terminal(look(global), usize::from(args.plot.height)))?;
            print(&format!("\n{}\n{EXPLAINED}\n", report::render(&table, Format::Table, look(global))))?;
        }
        (_, format) => print(&report::render(&table, format, look(global)))?,
    }
    Ok(ExitCode::SUCCESS)
}

const EXPLAINED: &str = "\
mean: of the largest rate. half_life: share of the budget until the rate is half
of that. bound: on the loss after the last step of convex training, each at its
best peak, relative to linear (arXiv 2501.18965); smaller is better.";

/// What can be said of each; numbers that are not known are null.
fn properties(curves: &[Curve]) -> Table {
    let mut table =
        Table::new(&["schedule", "mean", "half_life", "first", "largest", "last", "area", "bound"]);
    for curve in curves {
        let found = Properties::of(&curve.table.rates);
        table.rows.push(vec![
            json!(curve.name),
            digits(found.mean),
            found.half_life.map_or(Value::Null, digits),
            digits(found.first),
            digits(found.largest),
            digits(found.last),
            digits(found.area),
            found.bound.map_or(Value::Null, digits),
        ]);
    }
    table
}

fn page(curves: &[Curve], around: &Around) -> String {
    let table = properties(curves);
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let chart = chart(curves, around);
    let words = around.words();
    report::html(
        "Learning-rate schedules",
        &[
            Part::Paragraph(&words),
            Part::Chart(&chart),
            Part::Table { caption: "Their properties", header: &table.columns, rows: &rows },
            Part::Paragraph(&EXPLAINED.replace('\n', " ")),
        ],
    )
}

/// Writes the picture or the page, as the file's name says.
fn write(path: &Path, svg: impl FnOnce() -> String, page: impl FnOnce() -> String) -> Result<(), Failure> {
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => svg(),
        Some("html" | "htm") => page(),
        _ => {
            return Err(Failure::usage(format!("what kind of picture is `{}`?", path.display()))
                .hint("end its name with `.svg` or `.html`"));
        }
    };
    fs::write(path, text)
        .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}
