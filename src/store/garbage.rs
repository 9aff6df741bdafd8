//! What of the files in the home folder is still of use.

use std::collections::BTreeSet;

use rusqlite::params;

use super::{Store, StoreError, read::natural, submit::integer};
use crate::engine::TrialId;

/// Rows that can go, and what files the others name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Garbage {
    /// Checkpoints of trials that are over.
    pub checkpoints: BTreeSet<(TrialId, u64)>,
    /// Weights that are not among the best of any sweep, `last` or `best`.
    pub weights: BTreeSet<(TrialId, String)>,
    /// Names of the files in `checkpoints/` that stay, by trial.
    pub needed: BTreeSet<(TrialId, String)>,
    /// Trials that are not over: what their programs keep stays.
    pub waiting: BTreeSet<TrialId>,
    /// Names of the rate tables that stay.
    pub tables: BTreeSet<String>,
}

/// Finished trials by rank in each of their sweeps.
const RANKED: &str = "
    SELECT trial, row_number() OVER (
        PARTITION BY sweep.id
        ORDER BY coalesce(selection, value) IS NULL, iif(maximize, -1, 1) * coalesce(selection, value), trial
    ) AS rank
    FROM (SELECT DISTINCT sweep, trial, selection, value FROM trials WHERE status = 'done') AS done
    JOIN sweep ON sweep.id = done.sweep";

impl Store {
    /// Finds what can go; with `keep_best` the weights of all but so many trials of each sweep, the best by the metric
    /// that settings are chosen by, or by its own.
    ///
    /// # Errors
    /// The disk.
    pub fn garbage(&self, keep_best: Option<u64>) -> Result<Garbage, StoreError> {
        let mut garbage = Garbage::default();
        let sql = "SELECT trial, step, status IN ('queued', 'running') FROM checkpoint JOIN trial ON trial.id = trial";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (trial, step) = (row.get(0)?, natural(row, 1)?);
            match row.get(2)? {
                true => _ = garbage.needed.insert((trial, format!("{step}.safetensors"))),
                false => _ = garbage.checkpoints.insert((trial, step)),
            }
        }
        let sql = format!(
            "SELECT w.trial, w.which, ?1 IS NULL OR w.trial IN (SELECT trial FROM ({RANKED}) WHERE rank <= ?1)
             FROM weights AS w"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([keep_best.map(integer).transpose()?])?;
        while let Some(row) = rows.next()? {
            let (trial, which) = (row.get(0)?, row.get::<_, String>(1)?);
            match row.get(2)? {
                true => _ = garbage.needed.insert((trial, format!("{which}.safetensors"))),
                false => _ = garbage.weights.insert((trial, which)),
            }
        }
        let mut statement =
            self.connection.prepare("SELECT id FROM trial WHERE status IN ('queued', 'running')")?;
        garbage.waiting = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut statement =
            self.connection.prepare("SELECT DISTINCT rates FROM trial WHERE rates IS NOT NULL")?;
        garbage.tables = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(garbage)
    }

    /// Forgets the rows, durably; their files may be deleted afterwards.
    ///
    /// # Errors
    /// The disk.
    pub fn forget(&mut self, garbage: &Garbage) -> Result<(), StoreError> {
        let transaction = super::open::begin(&mut self.connection)?;
        for (trial, step) in &garbage.checkpoints {
            let sql = "DELETE FROM checkpoint WHERE trial = ?1 AND step = ?2";
            transaction.prepare_cached(sql)?.execute(params![trial, integer(*step)?])?;
        }
        for (trial, which) in &garbage.weights {
            let sql = "DELETE FROM weights WHERE trial = ?1 AND which = ?2";
            transaction.prepare_cached(sql)?.execute(params![trial, which])?;
        }
        transaction.commit()?;
        self.sync()
    }
}
