//! What is left to do, and what a worker must be told to do it.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, de::DeserializeOwned};
use sweep_wire::Contents;

use super::{CellId, Store, StoreError, open, planned, read::natural, submit::integer};
use crate::{
    engine::{Before, Millis, Submitted, SweepId, Terms, TrialId},
    plan::Assignment,
};

/// A sweep that a scheduler goes on with.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSweep {
    pub sweep: SweepId,
    pub terms: Terms,
    /// Who paused it.
    pub paused: Option<String>,
    pub before: Before,
    /// What has no result, in the plan's order.
    pub trials: Vec<Submitted>,
}

/// The process of an attempt that a scheduler left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub pid: u32,
    /// Tells it from a later process of the same number.
    pub process: String,
}

impl Store {
    /// The sweeps that are open or paused, oldest submission first.
    ///
    /// # Errors
    /// The disk, or a sweep kept by a version whose terms this one cannot read.
    pub fn open_sweeps(&self) -> Result<Vec<OpenSweep>, StoreError> {
        let sql = "SELECT id FROM sweep WHERE state IN ('open', 'paused') AND terms IS NOT NULL
                   ORDER BY submitted_at, id";
        let mut statement = self.connection.prepare(sql)?;
        let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<SweepId>, _>>()?;
        ids.into_iter().map(|id| self.open_sweep(id)).collect()
    }

    /// One of them, whatever its state.
    ///
    /// # Errors
    /// As [`Store::open_sweeps`], and where there is no such sweep.
    pub fn open_sweep(&self, sweep: SweepId) -> Result<OpenSweep, StoreError> {
        let sql = "SELECT terms, iif(state = 'paused', coalesce(state_reason, ''), NULL), submitted_at
                   FROM sweep WHERE id = ?1 AND terms IS NOT NULL";
        let found = self
            .connection
            .prepare_cached(sql)?
            .query_row([sweep], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, Millis>(2)?)));
        let (terms, paused, submitted_at) =
            found.optional()?.ok_or_else(|| StoreError::NoSweep(sweep.to_string()))?;
        let sql = "SELECT count(DISTINCT trial), count(DISTINCT iif(end = 'failed', trial, NULL))
                   FROM sweep_trial WHERE sweep = ?1 AND end IS NOT NULL";
        let (ended, failed) = self
            .connection
            .prepare_cached(sql)?
            .query_row([sweep], |row| Ok((natural(row, 0)?, natural(row, 1)?)))?;
        let sql = "SELECT coalesce(sum(device_seconds * coalesce(share, 0.0)), 0.0) FROM attempt
                   WHERE trial IN (SELECT trial FROM sweep_trial WHERE sweep = ?1 AND held = 0)";
        let machine_seconds = self.connection.prepare_cached(sql)?.query_row([sweep], |row| row.get(0))?;
        Ok(OpenSweep {
            sweep,
            terms: serde_json::from_str(&terms)?,
            paused,
            before: Before { submitted_at, ended, failed, machine_seconds },
            trials: self.waiting(sweep)?,
        })
    }

    fn waiting(&self, sweep: SweepId) -> Result<Vec<Submitted>, StoreError> {
        let sql = "SELECT t.id, t.steps, (SELECT group_concat(step) FROM checkpoint WHERE trial = t.id)
                   FROM sweep_trial AS st JOIN trial AS t ON t.id = st.trial
                   WHERE st.sweep = ?1 AND st.end IS NULL AND st.held = 0 AND t.run IS NOT NULL ORDER BY st.ordinal";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([sweep])?;
        let mut trials = Vec::new();
        while let Some(row) = rows.next()? {
            let steps: Option<String> = row.get(2)?;
            let steps = steps.as_deref().unwrap_or_default().split(',');
            let mut checkpoints: Vec<u64> = steps.filter_map(|step| step.parse().ok()).collect();
            checkpoints.sort_unstable();
            trials.push(Submitted { trial: row.get(0)?, steps: natural(row, 1)?, checkpoints });
        }
        Ok(trials)
    }

    /// What a worker must be told to train this trial.
    ///
    /// # Errors
    /// The disk, or a trial kept by a version whose task this one cannot read.
    pub fn assignment(&self, trial: TrialId) -> Result<Assignment, StoreError> {
        let sql = "SELECT key, trial.steps, trial.seed, coalesce(rates, ''), task.text, facts.text, run,
                       schedule, budget, settings
                   FROM trial LEFT JOIN task ON task.id = task LEFT JOIN facts ON facts.id = fact
                   JOIN sweep_trial ON sweep_trial.trial = trial.id JOIN cell ON cell.id = cell
                   WHERE trial.id = ?1 LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([trial])?;
        let row = rows.next()?.ok_or(StoreError::NoTrial(trial))?;
        let facts: Option<Known> = row.get::<_, Option<String>>(5)?.map(|text| parse(&text)).transpose()?;
        let nothing = || Contents { model: String::new(), data: String::new() };
        Ok(Assignment {
            key: row.get(0)?,
            steps: natural(row, 1)?,
            seed: natural(row, 2)?,
            schedule: row.get(7)?,
            budget: row.get(8)?,
            settings: parse(&row.get::<_, String>(9)?)?,
            rates: row.get(3)?,
            task: parse(&row.get::<_, String>(4)?)?,
            expected: facts.map_or_else(nothing, |facts| facts.contents),
            course: parse(&row.get::<_, String>(6)?)?,
        })
    }

    /// How many sweeps of this name and spec have a result for every trial.
    ///
    /// # Errors
    /// The disk.
    pub fn finished(&self, name: &str, spec: &str) -> Result<u64, StoreError> {
        planned::finished(&self.connection, name, spec)
    }

    /// How many places of a sweep's plan are not held.
    ///
    /// # Errors
    /// The disk.
    pub fn wanted(&self, sweep: SweepId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM sweep_trial WHERE sweep = ?1 AND held = 0";
        Ok(self.connection.query_row(sql, [sweep], |row| natural(row, 0))?)
    }

    /// Takes back that seeds below a number are held in these cells of a sweep, and says how many trials that are and
    /// what of the sweep waits now.
    ///
    /// # Errors
    /// The disk.
    pub fn release(
        &mut self,
        sweep: SweepId,
        wanted: &[(CellId, u64)],
        now: Millis,
    ) -> Result<(usize, Vec<Submitted>), StoreError> {
        let transaction = open::begin(&mut self.connection)?;
        let mut released = 0;
        for (cell, seeds) in wanted {
            let sql = "UPDATE sweep_trial SET held = 0
                       WHERE sweep = ?1 AND cell = ?2 AND held = 1
                           AND seed < ?3";
            released += transaction.prepare_cached(sql)?.execute(params![sweep, cell, integer(*seeds)?])?;
        }
        if released > 0 {
            let event = "INSERT INTO event (at, kind, sweep, message) VALUES (?1, 'grown', ?2, ?3)";
            let message = format!("further seeds are needed, in {} cells: {released} trials", wanted.len());
            transaction.execute(event, params![now, sweep, message])?;
        }
        transaction.commit()?;
        Ok((released, self.waiting(sweep)?))
    }

    /// Queues failed trials of a sweep again, or those of the sweep among `trials`, and opens the sweep; how many.
    ///
    /// # Errors
    /// The disk.
    pub fn retry(
        &mut self,
        sweep: SweepId,
        trials: Option<&[TrialId]>,
        now: Millis,
    ) -> Result<u64, StoreError> {
        let transaction = open::begin(&mut self.connection)?;
        let mut retried = 0;
        {
            let mut requeue = transaction.prepare(
                "UPDATE trial SET status = 'queued', reason = NULL, ended_at = NULL
                 WHERE status = 'failed' AND id IN (SELECT trial FROM sweep_trial WHERE sweep = ?1 AND held = 0)
                     AND (?2 IS NULL OR id = ?2)",
            )?;
            match trials {
                None => retried += requeue.execute(params![sweep, None::<TrialId>])?,
                Some(trials) => {
                    for trial in trials {
                        retried += requeue.execute(params![sweep, trial])?;
                    }
                }
            }
        }
        if retried > 0 {
            let open =
                "UPDATE sweep SET state = 'open', state_reason = NULL WHERE id = ?1 AND state <> 'paused'";
            transaction.execute(open, [sweep])?;
            let event = "INSERT INTO event (at, kind, sweep, message) VALUES (?1, 'retried', ?2, ?3)";
            transaction
                .execute(event, params![now, sweep, format!("failed trials were queued again: {retried}")])?;
        }
        transaction.commit()?;
        self.sync()?;
        Ok(retried as u64)
    }

    /// Trials that ended in the last minute before the store was last written: a scheduler that was killed may not have
    /// got round to deleting their checkpoints.
    ///
    /// # Errors
    /// The disk.
    pub fn just_ended(&self) -> Result<Vec<TrialId>, StoreError> {
        let sql = "SELECT trial FROM attempt WHERE end IN ('done', 'diverged') AND number > (
                       SELECT coalesce(max(number), 0) - 100000 FROM attempt
                   ) AND ended_at >= (SELECT max(ended_at) FROM attempt) - 60000";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The processes of attempts that a scheduler left open, before [`Store::recover`].
    ///
    /// # Errors
    /// The disk.
    pub fn leftovers(&self) -> Result<Vec<Leftover>, StoreError> {
        let sql = "SELECT DISTINCT pid, process FROM attempt WHERE ended_at IS NULL AND process IS NOT NULL";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok(Leftover { pid: row.get(0)?, process: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Of all that was known, what a worker is to find again.
#[derive(Deserialize)]
struct Known {
    contents: Contents,
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    Ok(serde_json::from_str(text)?)
}
