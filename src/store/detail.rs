//! Everything about one trial.

use rusqlite::OptionalExtension;
use serde::Serialize;
use serde_json::Value;

use super::{Reader, StoreError, read::natural};
use crate::engine::{Millis, SweepId, TrialId};

/// How many points a trial's loss curve is averaged down to.
const CURVE_POINTS: u64 = 60;

/// One trial with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialDetail {
    pub trial: TrialId,
    /// Hash of everything that decides the result.
    pub key: String,
    pub steps: u64,
    pub seed: u64,
    pub status: String,
    /// Why it diverged or failed.
    pub reason: Option<String>,
    pub ended_at: Option<Millis>,
    /// What was trained: model, data, optimiser.
    pub job: Value,
    /// Where it stands in sweeps, newest last.
    pub appearances: Vec<Appearance>,
    /// The last value of each metric, by name.
    pub metrics: Vec<LastValue>,
    /// Mean training losses of stretches of equal length, in order.
    pub losses: Vec<f64>,
    pub attempts: Vec<AttemptRow>,
}

/// A trial's place in a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Appearance {
    pub sweep: SweepId,
    pub name: String,
    pub schedule: String,
    pub budget: String,
    pub settings: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastValue {
    pub name: String,
    pub step: u64,
    /// None where it was not a number.
    pub value: Option<f64>,
}

/// One attempt at a trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRow {
    pub attempt: u64,
    pub slot: i64,
    pub pid: i64,
    pub started_at: Millis,
    /// The same in local time.
    pub started: String,
    pub end: Option<String>,
    pub message: Option<String>,
    pub device_seconds: Option<f64>,
    pub train_seconds: Option<f64>,
}

impl Reader {
    /// Everything about one trial.
    ///
    /// # Errors
    /// There is no such trial.
    pub fn trial(&self, trial: TrialId) -> Result<TrialDetail, StoreError> {
        let sql = "SELECT key, steps, seed, status, reason, ended_at, job FROM trial WHERE id = ?1";
        let found = self.connection.query_row(sql, [trial], |row| {
            let detail = TrialDetail {
                trial,
                key: row.get(0)?,
                steps: natural(row, 1)?,
                seed: natural(row, 2)?,
                status: row.get(3)?,
                reason: row.get(4)?,
                ended_at: row.get(5)?,
                job: Value::Null,
                appearances: Vec::new(),
                metrics: Vec::new(),
                losses: Vec::new(),
                attempts: Vec::new(),
            };
            Ok((detail, row.get::<_, String>(6)?))
        });
        let (detail, job) = found.optional()?.ok_or(StoreError::NoTrial(trial))?;
        Ok(TrialDetail {
            job: serde_json::from_str(&job)?,
            appearances: self.appearances(trial)?,
            metrics: self.metrics(trial)?,
            losses: self.losses(trial, detail.steps)?,
            attempts: self.attempts(trial)?,
            ..detail
        })
    }

    fn appearances(&self, trial: TrialId) -> Result<Vec<Appearance>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT sweep, name, schedule, budget, settings FROM trials WHERE trial = ?1 ORDER BY sweep, ordinal",
        )?;
        let mut rows = statement.query([trial])?;
        let mut appearances = Vec::new();
        while let Some(row) = rows.next()? {
            appearances.push(Appearance {
                sweep: row.get(0)?,
                name: row.get(1)?,
                schedule: row.get(2)?,
                budget: row.get(3)?,
                settings: serde_json::from_str(&row.get::<_, String>(4)?)?,
            });
        }
        Ok(appearances)
    }

    fn metrics(&self, trial: TrialId) -> Result<Vec<LastValue>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT name, max(step), value FROM metric WHERE trial = ?1 GROUP BY name ORDER BY name",
        )?;
        let values = statement.query_map([trial], |row| {
            Ok(LastValue { name: row.get(0)?, step: natural(row, 1)?, value: row.get(2)? })
        })?;
        Ok(values.collect::<Result<_, _>>()?)
    }

    fn losses(&self, trial: TrialId, steps: u64) -> Result<Vec<f64>, StoreError> {
        let stretch = i64::try_from(steps.div_ceil(CURVE_POINTS).max(1)).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare(
            "SELECT avg(value) FROM metric WHERE trial = ?1 AND name = 'train/loss' AND value IS NOT NULL
             GROUP BY step / ?2 ORDER BY step / ?2",
        )?;
        let losses = statement.query_map([trial, stretch], |row| row.get(0))?;
        Ok(losses.collect::<Result<_, _>>()?)
    }

    fn attempts(&self, trial: TrialId) -> Result<Vec<AttemptRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT number, slot, pid, started_at,
                 strftime('%Y-%m-%d %H:%M:%S', started_at / 1000, 'unixepoch', 'localtime'),
                 end, message, device_seconds, train_seconds
             FROM attempt WHERE trial = ?1 ORDER BY number",
        )?;
        let attempts = statement.query_map([trial], |row| {
            Ok(AttemptRow {
                attempt: natural(row, 0)?,
                slot: row.get(1)?,
                pid: row.get(2)?,
                started_at: row.get(3)?,
                started: row.get(4)?,
                end: row.get(5)?,
                message: row.get(6)?,
                device_seconds: row.get(7)?,
                train_seconds: row.get(8)?,
            })
        })?;
        Ok(attempts.collect::<Result<_, _>>()?)
    }
}
