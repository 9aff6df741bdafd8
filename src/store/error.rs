//! What can go wrong with the store.

use std::{io, path::PathBuf};

use rusqlite::ErrorCode;

use crate::engine::TrialId;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("nothing here yet: `{}` holds no store", .0.display())]
    NothingHere(PathBuf),
    #[error("`{}` is in use by another sweep{}", home.display(), process(*pid))]
    Locked { home: PathBuf, pid: Option<u32> },
    #[error("`{}` is on a network file system ({kind}), on which SQLite loses data", home.display())]
    NetworkHome { home: PathBuf, kind: &'static str },
    #[error("`{}` is not an SQLite file", .0.display())]
    NotSqlite(PathBuf),
    #[error("`{}` is an SQLite file of another program", .0.display())]
    Foreign(PathBuf),
    #[error("`{}` cannot be used in a folder that this user cannot write", .0.display())]
    NotWritable(PathBuf),
    #[error("`{}` was written by a newer sweep (schema {found}, this one knows {known})", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("`{}` was written by an older sweep (schema {found}, this one reads {known})", path.display())]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error("no sweep `{}`", visible(.0))]
    NoSweep(String),
    #[error("no trial `{0}`")]
    NoTrial(TrialId),
    #[error("no column `{}`", visible(column))]
    NoColumn { column: String, columns: String },
    /// The engine and the store disagree: a bug, and nothing of the batch was kept.
    #[error("a record contradicts the store: {0}")]
    Contradiction(String),
    #[error("the number {0} is too large to be stored")]
    TooLarge(u64),
    #[error("in the query: {}", visible(.0))]
    Query(String),
    #[error("the query does more than read")]
    NotReading,
    #[error("the query took longer than {0} s")]
    QueryTimeout(f64),
    #[error("the query's result is larger than {} MiB", .0 >> 20)]
    QuerySize(usize),
    #[error("`{}`: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("cannot be kept as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the store failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the store cannot be migrated: {0}")]
    Migration(#[from] rusqlite_migration::Error),
}

impl StoreError {
    /// What could be done about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NothingHere(_) => "`sweep run SPEC` makes it; `--home DIR` looks elsewhere",
            Self::Locked { .. } => {
                "wait for it to end, or use another `--home`; a daemon (`sweep daemon start`) takes many sweeps"
            }
            Self::NetworkHome { .. } => "choose a local folder with `--home`",
            Self::NotSqlite(_) | Self::Foreign(_) => "move it away, or use another `--home`",
            Self::NotWritable(_) => "copy the folder, and name the copy with `--home`",
            Self::Newer { .. } => "update this sweep",
            Self::Older { .. } => "`sweep run` with any spec brings it up to date",
            Self::NoSweep(_) => "`sweep list` shows them; `last` is the newest",
            Self::NoTrial(_) => "`sweep trials` shows them",
            Self::NoColumn { columns, .. } => return Some(format!("there are {columns}")),
            Self::Query(_) => "`sweep sql --help` lists the views and their columns",
            Self::NotReading => "only one `SELECT` is allowed",
            Self::QueryTimeout(_) => "raise `--timeout`, or ask for less",
            Self::QuerySize(_) => "add `LIMIT`",
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => {
                    "make room and start again: nothing that was acknowledged is lost"
                }
                Some(ErrorCode::DatabaseCorrupt) => {
                    "`sweep.db` in the home folder is damaged: put back a copy of it, or use another `--home`"
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The exit code that goes with it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NothingHere(_) | Self::NoSweep(_) | Self::NoTrial(_) => 102,
            Self::QueryTimeout(_) | Self::QuerySize(_) => 104,
            Self::Query(_) | Self::NotReading | Self::NoColumn { .. } | Self::NetworkHome { .. } => 2,
            _ => 1,
        }
    }
}

/// The text with its control characters spelled out: it was typed, or comes from a file.
fn visible(text: &str) -> String {
    let spell = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(spell).collect()
}

fn process(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (process {pid})"))
}
