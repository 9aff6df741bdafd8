//! `sweep trials [SWEEP]`: one row per trial.

use std::process::ExitCode;

use super::{Failure, Global, failure::print, output::Output};
use crate::{
    report::{self, Encoding, Format},
    store::{self, Condition, Table},
};

/// The column of a trial's settings, an object where a format has such, elsewhere a column for each.
const SETTINGS: &str = "settings";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    /// Sort by a column, `-COLUMN` for the largest first
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Only so many rows, from the top
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only these columns, in this order
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// Only rows like this: `COLUMN=VALUE`, or with `!=`, `<`, `<=`, `>`, `>=`, in quotes, such as `'value>=0.9'` or
    /// `'settings.learning_rate<0.1'`; more than one must all hold
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<Condition>,
    #[command(flatten)]
    output: Output,
    /// Print the JSON Schema of what `--format json` prints
    #[arg(long)]
    json_schema: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    if args.json_schema {
        return print(report::schemas::TRIALS).map(|()| ExitCode::SUCCESS);
    }
    let reader = store::open_reader(&global.home)?;
    let is_start = args.conditions.is_empty() && args.sort.is_none();
    let mut table = reader.trials(reader.find(&args.sweep)?.sweep, args.limit.filter(|_| is_start))?;
    let whole = table.columns.clone();
    table.spread(SETTINGS)?;
    let flat: Vec<String> = table.columns.iter().filter(|column| *column != SETTINGS).cloned().collect();
    for condition in &args.conditions {
        table.keep(condition)?;
    }
    if let Some(column) = &args.sort {
        table.sort(column)?;
    }
    table.rows.truncate(args.limit.unwrap_or(usize::MAX));
    if !args.columns.is_empty() {
        table.select(&args.columns)?;
    }
    args.output.emit(global, |encoding, look| {
        if args.columns.is_empty() {
            match encoding {
                Encoding::Text(Format::Table | Format::Markdown) => {
                    table.select(&whole)?;
                    for_people(&mut table);
                }
                Encoding::Text(Format::Json) => table.select(&whole)?,
                Encoding::Text(Format::Csv) | Encoding::Parquet => table.select(&flat)?,
            }
        }
        Ok(report::encode(&table, encoding, look))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Leaves out what is the same in all rows or empty, and digits that nobody reads.
fn for_people(table: &mut Table) {
    let is_dull = |index: usize, column: &str| match column {
        "steps" => true,
        "reason" | "gap" => table.rows.iter().all(|row| row[index].is_null()),
        "attempts" => table.rows.iter().all(|row| row[index].as_i64().is_some_and(|count| count < 2)),
        _ => false,
    };
    let dull: Vec<bool> =
        table.columns.iter().enumerate().map(|(index, column)| is_dull(index, column)).collect();
    let keep = |index: &usize| !dull[*index];
    let kept: Vec<usize> = (0..table.columns.len()).filter(keep).collect();
    for row in &mut table.rows {
        *row = kept.iter().map(|&index| row[index].clone()).collect();
    }
    table.columns = kept.iter().map(|&index| table.columns[index].clone()).collect();
    *table = report::rounded(table);
}
