//! `sweep list`: the sweeps in the store.

use std::process::ExitCode;

use serde_json::json;

use super::{Failure, Global, output::Output};
use crate::{
    report::{self, Encoding, Format},
    store::{self, Counts, Table},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let sweeps = store::open_reader(&global.home)?.sweeps()?;
    let is_scheduled = store::is_writer_alive(&global.home);
    let columns = ["sweep", "name", "created", "state", "trials", "done", "diverged", "failed", "created_at"];
    let mut table = Table::new(&columns);
    for sweep in sweeps {
        let counts = sweep.counts;
        table.rows.push(vec![
            json!(sweep.sweep),
            json!(sweep.name),
            json!(sweep.created),
            json!(state(&sweep.state, counts, is_scheduled)),
            json!(counts.trials),
            json!(counts.done),
            json!(counts.diverged),
            json!(counts.failed),
            json!(sweep.created_at),
        ]);
    }
    args.output.emit(global, |encoding, look| {
        if matches!(encoding, Encoding::Text(Format::Table | Format::Markdown)) {
            // People have `created`.
            table.columns.pop();
            table.rows.iter_mut().for_each(|row| row.truncate(table.columns.len()));
        }
        Ok(report::encode(&table, encoding, look))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What a sweep is up to. One that is open gets on only while a scheduler is there.
fn state(state: &str, counts: Counts, is_scheduled: bool) -> &str {
    match state {
        "open" if !is_scheduled => "interrupted",
        "open" if counts.running > 0 => "running",
        "open" => "waiting",
        "done" if counts.failed > 0 => "failed",
        state => state,
    }
}
