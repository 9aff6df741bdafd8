//! `sweep list`: the sweeps in the store.

use std::process::ExitCode;

use serde_json::json;

use super::{
    Failure, Global,
    results::{emit, look},
};
use crate::{
    report::{self, Format},
    store::{self, Counts, Table},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `table`, `csv`, `json` or `md`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
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
            json!(state(counts, is_scheduled)),
            json!(counts.trials),
            json!(counts.done),
            json!(counts.diverged),
            json!(counts.failed),
            json!(sweep.created_at),
        ]);
    }
    emit(global, args.format, |format| {
        if matches!(format, Format::Table | Format::Markdown) {
            // People have `created`.
            table.columns.pop();
            table.rows.iter_mut().for_each(|row| row.truncate(table.columns.len()));
        }
        Ok(report::render(&table, format, look(global)))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What a sweep is up to. Trials that run or wait do so only while a scheduler is there.
fn state(counts: Counts, is_scheduled: bool) -> &'static str {
    match (counts.queued + counts.running, is_scheduled) {
        (0, _) if counts.failed > 0 => "failed",
        (0, _) => "done",
        (_, false) => "interrupted",
        (_, true) if counts.running > 0 => "running",
        (_, true) => "waiting",
    }
}
