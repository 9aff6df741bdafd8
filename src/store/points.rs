//! The points of learning curves, one after another: a store may hold millions.

use std::collections::{BTreeMap, HashSet};

use super::{Reader, StoreError, read::natural};
use crate::engine::{Millis, SweepId, TrialId};

/// A trial, as it stands in a sweep, to which points belong.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub trial: TrialId,
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    pub settings: BTreeMap<String, f64>,
    pub seed: u64,
    /// As the view `trials` has it.
    pub status: String,
    /// Of its first attempt; none where there was none yet.
    pub started_at: Option<Millis>,
    /// None while it is not over.
    pub ended_at: Option<Millis>,
}

impl Reader {
    /// A sweep's trials in the plan's order. One that stands in several places of the plan has the first.
    ///
    /// # Errors
    /// The disk.
    pub fn runs(&self, sweep: SweepId) -> Result<Vec<Run>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT trial, schedule, budget, steps, settings, seed, status, ended_at,
                 (SELECT min(started_at) FROM attempt WHERE attempt.trial = trials.trial)
             FROM trials WHERE sweep = ?1 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([sweep])?;
        let (mut runs, mut seen) = (Vec::new(), HashSet::new());
        while let Some(row) = rows.next()? {
            let run = Run {
                trial: row.get(0)?,
                schedule: row.get(1)?,
                budget: row.get(2)?,
                steps: natural(row, 3)?,
                settings: serde_json::from_str(&row.get::<_, String>(4)?)?,
                seed: natural(row, 5)?,
                status: row.get(6)?,
                ended_at: row.get(7)?,
                started_at: row.get(8)?,
            };
            if seen.insert(run.trial) {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// Calls `each` with name, step and value of all points of a trial, by name, then by step. The step is t for training
    /// losses and the updates done for evaluations; there is no value where it was not a number.
    ///
    /// # Errors
    /// The disk, and what `each` gives back, which ends the reading.
    pub fn each_point<E: From<StoreError>>(
        &self,
        trial: TrialId,
        mut each: impl FnMut(&str, u64, Option<f64>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = "SELECT name, step, value FROM metric WHERE trial = ?1 ORDER BY name, step";
        let mut statement = self.connection.prepare_cached(sql).map_err(StoreError::from)?;
        let mut rows = statement.query([trial]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let name = row.get_ref(0).map_err(StoreError::from)?;
            let name = name.as_str().map_err(|error| StoreError::from(rusqlite::Error::from(error)))?;
            let step = natural(row, 1).map_err(StoreError::from)?;
            each(name, step, row.get(2).map_err(StoreError::from)?)?;
        }
        Ok(())
    }
}
