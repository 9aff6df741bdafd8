//! The store: one SQLite file, `sweep.db`, in the home folder.
//!
//! Enter at [`Store::open_writer`] (one per home, it holds a lock) or [`open_reader`] (any number, beside a
//! writer too). What is kept, and every documented view, is in `migrations/`. The only room that names
//! rusqlite; computes no statistic.

mod apply;
mod detail;
mod error;
mod garbage;
mod health;
mod open;
mod query;
mod read;
mod schema;
mod submit;
mod table;

use std::{fs::File, io, path::Path};

use rusqlite::Connection;
use sweep_wire::Attempt;

use crate::{
    engine::{Millis, Record, TrialId},
    plan::{PlannedTrial, SweepInfo},
};

pub use detail::{Appearance, AttemptRow, CheckpointRow, Curve, KeptWeights, LastValue, TrialDetail};
pub use error::StoreError;
pub use garbage::Garbage;
pub use health::{Health, Holder, health, holder, recent_workers};
pub use open::{is_writer_alive, refuse_network};
pub use query::{QueryLimits, query};
pub use read::{Counts, Outcome, Reader, Span, SweepRow, open_reader};
pub use schema::{FILE_NAME, View, views};
pub use submit::{Submission, TrialStatus};
pub use table::{Table, plain};

/// The store, opened for writing. One process at a time has it; dropping it gives the lock back.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// Whether a commit waits for the disk now.
    durable: bool,
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
        Self::open_writer_on(home, |_| Ok(0))
    }

    /// As [`Store::open_writer`], but refuses a home on a network file system, of which `file_system` tells the
    /// number as `statfs` gives it in `f_type`. It is called after the folder is made.
    ///
    /// # Errors
    /// As [`Store::open_writer`], and where `file_system` fails.
    pub fn open_writer_on(
        home: &Path,
        file_system: impl FnOnce(&Path) -> io::Result<i64>,
    ) -> Result<Self, StoreError> {
        let (connection, lock) = open::writer(home, file_system)?;
        let mut store = Self { connection, durable: true, _lock: lock };
        store.recover()?;
        Ok(store)
    }

    /// Keeps a sweep and its trials, in one transaction, and says what is known of each trial, in the plan's
    /// order. A sweep of the same name, spec and trials goes on instead of being kept again; trials are found
    /// by key. Trials that failed wait again.
    ///
    /// # Errors
    /// The disk, or a number above 2⁶³ − 1.
    pub fn submit(
        &mut self,
        sweep: &SweepInfo,
        trials: &[PlannedTrial],
        now: Millis,
    ) -> Result<Submission, StoreError> {
        self.set_durable(true)?;
        submit::submit(&mut self.connection, sweep, trials, now)
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

    /// Keeps all records or none, in their order. Where one ends a trial, this returns after the disk has it;
    /// other records may be lost with the machine's power, though not with this process.
    ///
    /// # Errors
    /// The disk, or a record that cannot follow what is kept, such as a second end of a trial.
    pub fn apply(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.set_durable(records.iter().any(|record| matches!(record, Record::TrialEnded { .. })))?;
        let transaction = open::begin(&mut self.connection)?;
        for record in records {
            apply::record(&transaction, record)?;
        }
        Ok(transaction.commit()?)
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        let transaction = open::begin(&mut self.connection)?;
        apply::recover(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// Must come before a transaction: SQLite ignores it inside one.
    fn set_durable(&mut self, durable: bool) -> Result<(), StoreError> {
        if self.durable != durable {
            let level = if durable { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.durable = durable;
        }
        Ok(())
    }
}
