//! `sweep gc`: deletes what nothing needs any longer.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use serde_json::json;
use sweep_wire::PROGRAM_FOLDER;

use super::{Failure, Global, OutputMode, failure::print};
use crate::{
    daemon::open_store,
    executor::{CHECKPOINTS, TABLES},
    report::bytes,
    store::Garbage,
};

/// How long logs stay.
const LOGS: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete trained weights too, but for the N best trials of each sweep
    #[arg(long, value_name = "N")]
    keep_best: Option<u64>,
}

/// Files of one kind that go.
struct Kind {
    name: &'static str,
    files: Vec<(PathBuf, u64)>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    // A home without a store has nothing to collect; a scheduler at work has the store's lock.
    crate::store::open_reader(&global.home)?;
    let mut store = open_store(&global.home)?;
    let garbage = store.garbage(args.keep_best)?;
    let kinds = [
        Kind { name: "checkpoints and weights", files: unneeded(&global.home, &garbage) },
        Kind { name: "rate tables", files: tables(&global.home, &garbage) },
        Kind { name: "logs older than 30 days", files: logs(&global.home) },
    ];
    if !args.dry_run {
        // The rows first: a file without a row is found again, a row without a file would mislead.
        store.forget(&garbage)?;
        for (path, _) in kinds.iter().flat_map(|kind| &kind.files) {
            fs::remove_file(path).map_err(|error| {
                Failure::internal(format!("`{}` cannot be deleted: {error}", path.display()))
            })?;
        }
        entries(&global.home.join(CHECKPOINTS)).iter().for_each(|folder| remove_empty(folder));
    }
    match global.output_mode {
        OutputMode::Quiet => {}
        OutputMode::Json => print(&format!("{:#}\n", as_json(args, &kinds)))?,
        OutputMode::Cli => print(&as_text(args, &kinds))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(args: &Args, kinds: &[Kind]) -> String {
    let verb = if args.dry_run { "would delete" } else { "deleted" };
    let lines = kinds.iter().map(|kind| {
        let size = kind.files.iter().map(|(_, size)| size).sum();
        format!("{verb} {} {}, {}\n", kind.files.len(), kind.name, bytes(size))
    });
    lines.collect()
}

fn as_json(args: &Args, kinds: &[Kind]) -> serde_json::Value {
    let kind = |kind: &Kind| {
        let size: u64 = kind.files.iter().map(|(_, size)| size).sum();
        json!({"kind": kind.name, "files": kind.files.len(), "bytes": size})
    };
    json!({"version": 1, "dry_run": args.dry_run, "deleted": kinds.iter().map(kind).collect::<Vec<_>>()})
}

/// Files in the trials' folders, and beside them, that no row names.
fn unneeded(home: &Path, garbage: &Garbage) -> Vec<(PathBuf, u64)> {
    let folders = entries(&home.join(CHECKPOINTS));
    let mut files = folders.clone();
    for folder in folders {
        let trial = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let needed = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            trial.zip(name).is_some_and(|file| garbage.needed.contains(&file))
        };
        files.extend(entries(&folder).into_iter().filter(|path| !needed(path)));
        if trial.is_none_or(|trial| !garbage.waiting.contains(&trial)) {
            files.extend(inside(&folder.join(PROGRAM_FOLDER)));
        }
    }
    sized(files)
}

/// Everything in a folder and its folders, what is deepest first.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let entries = entries(folder).into_iter();
    entries.flat_map(|path| if is_folder(&path) { inside(&path) } else { vec![path] }).collect()
}

/// Removes a folder with all that is only folders.
fn remove_empty(folder: &Path) {
    entries(folder).iter().for_each(|path| remove_empty(path));
    let _ = fs::remove_dir(folder); // only if it is an empty folder
}

/// Rate tables of no trial.
fn tables(home: &Path, garbage: &Garbage) -> Vec<(PathBuf, u64)> {
    let needed = |path: &PathBuf| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        path.extension().is_some_and(|extension| extension == "f32") && garbage.tables.contains(stem)
    };
    sized(entries(&home.join(TABLES)).into_iter().filter(|path| !needed(path)).collect())
}

fn logs(home: &Path) -> Vec<(PathBuf, u64)> {
    let old = |path: &PathBuf| {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified());
        written.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > LOGS))
    };
    sized(entries(&home.join("logs")).into_iter().filter(old).collect())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The files among these, with their sizes; what is linked to is left alone.
fn sized(paths: Vec<PathBuf>) -> Vec<(PathBuf, u64)> {
    let size =
        |path: &PathBuf| fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|m| m.len());
    paths.into_iter().filter_map(|path| size(&path).map(|size| (path, size))).collect()
}
