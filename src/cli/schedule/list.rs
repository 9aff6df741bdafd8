//! `sweep schedule list`.

use std::process::ExitCode;

use serde_json::json;

use super::pick::format;
use crate::{
    cli::{Failure, Global, OutputMode, failure::print, results::look},
    report::{self, Format},
    schedule::FAMILIES,
    store::Table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `table`, `csv`, `json` or `md`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let mut table = Table::new(&["schedule", "factor of the peak", "parameters", "source"]);
    for family in FAMILIES {
        table.rows.push(vec![
            json!(family.name),
            json!(family.formula),
            json!(family.parameters),
            json!(family.source),
        ]);
    }
    if global.output_mode != OutputMode::Quiet {
        let format = format(global, args.format);
        print(&report::render(&table, format, look(global)))?;
        if format == Format::Table {
            print(
                "\nz = t/T is the share of the budget that is done; each also takes `warmup`.\n\
                 Parameters without a value here are needed.\n",
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
