//! The store: one SQLite file, `sweep.db`, in the home folder.
//!
//! Enter at [`Store::open_writer`] (one per home, it holds a lock) or [`open_reader`] (any number, beside a
//! writer too). What is kept, and every documented view, is in `migrations/`. The only room that names
//! rusqlite; computes no statistic.

mod apply;
mod condition;
mod detail;
mod error;
mod garbage;
mod health;
mod history;
mod learning;
mod open;
mod pending;
mod planned;
mod points;
mod price;
mod query;
mod read;
mod schema;
mod submit;
mod table;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use sweep_wire::Attempt;

use crate::{
    engine::{Millis, Record, Terms, TrialId},
    plan::{PlannedTrial, SweepInfo},
};

pub use condition::Condition;
pub use detail::{Appearance, AttemptRow, CheckpointRow, Curve, KeptWeights, LastValue, TrialDetail};
pub use error::StoreError;
pub use garbage::Garbage;
pub use health::{Health, Holder, health, holder, recent_workers};
pub use history::{History, SweepState};
pub use learning::Learning;
pub use open::{is_writer_alive, refuse_network};
pub use pending::{Leftover, OpenSweep};
pub use planned::{KnownTrial, TimedTrial};
pub use points::Run;
pub use query::{QueryLimits, query};
pub use read::{Cell, CellId, Counts, Outcome, Reader, Span, SweepRow, open_reader};
pub use schema::{FILE_NAME, View, views};
pub use submit::{Submission, TrialStatus};
pub use table::{Table, plain};

/// The store, opened for writing. One process at a time has it; dropping it gives the lock back.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// SQLite's write-ahead log.
    log: PathBuf,
    /// When something was last committed before this one opened it.
    written: Millis,
    _lock: File,
}

impl Store {
    /// Opens the store in this home folder, making both where they are missing and migrating an older one.
    /// Attempts that a scheduler left open are ended as cancelled and their trials queued again.
    ///
    /// # Errors
    /// Another scheduler has it; the file is no store, or of a newer `sweep`; the disk.
    pub fn open_writer(home: &Path) -> Result<Self, StoreError> {
        // No file system has the number 0.
        let mut store = Self::open_writer_on(home, |_| Ok(0))?;
        store.recover()?;
        Ok(store)
    }

    /// As [`Store::open_writer`], but refuses a home on a network file system, of which `file_system` tells the
    /// number as `statfs` gives it in `f_type`. It is called after the folder is made. What a scheduler left open stays so
    /// until [`Store::recover`].
    ///
    /// # Errors
    /// As [`Store::open_writer`], and where `file_system` fails.
    pub fn open_writer_on(
        home: &Path,
        file_system: impl FnOnce(&Path) -> io::Result<i64>,
    ) -> Result<Self, StoreError> {
        let (connection, lock, written) = open::writer(home, file_system)?;
        Ok(Self { connection, log: open::log_path(home), written, _lock: lock })
    }

    /// Keeps a sweep and its trials, in one transaction, and says what is known of each trial, in the plan's
    /// order. A sweep of the same name, spec and trials goes on instead of being kept again; trials are found
    /// by key. Trials that failed wait again, and the sweep is open.
    ///
    /// # Errors
    /// The disk, or a number above 2⁶³ − 1.
    pub fn submit(
        &mut self,
        sweep: &SweepInfo,
        trials: &[PlannedTrial],
        terms: &Terms,
        now: Millis,
    ) -> Result<Submission, StoreError> {
        let submission = submit::submit(&mut self.connection, sweep, trials, terms, now)?;
        self.sync()?;
        Ok(submission)
    }

    /// The number after the last attempt's.
    ///
    /// # Errors
    /// The disk.
    pub fn next_attempt(&self) -> Result<Attempt, StoreError> {
        let last: i64 =
            self.connection
                .query_row("SELECT coalesce(max(number), 0) FROM attempt", [], |row| row.get(0))?;
        Ok(last.unsigned_abs() + 1)
    }

    /// The steps of a trial's checkpoints, ascending.
    ///
    /// # Errors
    /// The disk.
    pub fn checkpoints(&self, trial: TrialId) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT step FROM checkpoint WHERE trial = ?1 ORDER BY step";
        let mut statement = self.connection.prepare_cached(sql)?;
        let steps = statement.query_map([trial], |row| read::natural(row, 0))?;
        Ok(steps.collect::<Result<_, _>>()?)
    }

    /// Keeps all records or none, in their order. They may be lost with the machine's power until [`Store::sync`],
    /// though not with this process.
    ///
    /// # Errors
    /// The disk, or a record that cannot follow what is kept, such as a second end of a trial.
    pub fn apply(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let transaction = open::begin(&mut self.connection)?;
        for record in records {
            apply::record(&transaction, record)?;
        }
        Ok(transaction.commit()?)
    }

    /// Returns after the disk has all that was kept. Every commit is in the write-ahead log, which is not synced at each:
    /// hundreds of trials a second would wait for the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn sync(&self) -> Result<(), StoreError> {
        match File::open(&self.log) {
            Ok(log) => log.sync_data().map_err(|error| StoreError::Io { path: self.log.clone(), error }),
            // Nothing was written since it was opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::Io { path: self.log.clone(), error }),
        }
    }

    /// Ends what a scheduler that went away has left open, and queues its trials again.
    ///
    /// # Errors
    /// The disk.
    pub fn recover(&mut self) -> Result<(), StoreError> {
        let transaction = open::begin(&mut self.connection)?;
        apply::recover(&transaction, self.written)?;
        transaction.commit()?;
        self.sync()
    }
}
