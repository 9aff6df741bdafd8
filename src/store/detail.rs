//! Everything about one trial.

use rusqlite::OptionalExtension;
use serde::Serialize;
use serde_json::Value;

use super::{Reader, StoreError, read::natural};
use crate::engine::{Millis, SweepId, TrialId};

/// How many points a trial's loss curve is averaged down to.
const CURVE_POINTS: u64 = 60;

/// The status of trial `?1`: as kept, but for one without a result that no open sweep wants. It is held where results have
/// not called for it, and otherwise of sweeps that have all ended.
pub(super) const STATUS: &str = "iif(status = 'queued' AND NOT EXISTS (
    SELECT 1 FROM sweep_trial JOIN sweep ON sweep.id = sweep
    WHERE trial = ?1 AND held = 0 AND state IN ('open', 'paused')
), iif(EXISTS (SELECT 1 FROM sweep_trial WHERE trial = ?1 AND held = 1), 'held', 'cancelled'), status)";

/// One trial with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialDetail {
    /// Of this object's shape.
    pub version: u32,
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
    /// What was known of model and data, and the versions of all that decides numbers.
    pub facts: Option<Value>,
    /// What names the file of its learning rates.
    pub rates: Option<String>,
    /// How what its specs left open was settled, in sentences.
    pub settled: Vec<String>,
    /// Where it stands in sweeps, newest last.
    pub appearances: Vec<Appearance>,
    /// The last value of each metric, by name.
    pub metrics: Vec<LastValue>,
    /// Mean training losses of stretches of equal length, in order.
    pub losses: Vec<f64>,
    /// The other metrics, by name.
    pub curves: Vec<Curve>,
    pub attempts: Vec<AttemptRow>,
    /// What there is to go on from, by step.
    pub checkpoints: Vec<CheckpointRow>,
    /// The trained weights that were kept.
    pub weights: Vec<KeptWeights>,
}

/// A metric over a trial's evaluations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    pub name: String,
    /// Updates done, and the value; none where it was not a number.
    pub points: Vec<(u64, Option<f64>)>,
}

/// A checkpoint on disk, `checkpoints/TRIAL/STEP.safetensors` in the home folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckpointRow {
    pub step: u64,
    pub attempt: u64,
    pub bytes: u64,
}

/// Weights on disk, `checkpoints/TRIAL/WHICH.safetensors` in the home folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeptWeights {
    /// `last` or `best`.
    pub which: String,
    pub step: u64,
    pub bytes: u64,
}

/// A trial's place in a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Appearance {
    pub sweep: SweepId,
    pub name: String,
    pub schedule: String,
    pub budget: String,
    pub settings: Value,
    /// What the sweep is judged by, its last value, and how much better it is on training samples.
    pub metric: String,
    pub value: Option<f64>,
    pub gap: Option<f64>,
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
    /// 0, or the step of the checkpoint it went on from.
    pub first_step: Option<u64>,
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
        let sql = format!(
            "SELECT key, steps, seed, {STATUS}, reason, ended_at, task.text, facts.text, rates
             FROM trial LEFT JOIN task ON task.id = task LEFT JOIN facts ON facts.id = fact WHERE trial.id = ?1"
        );
        let found = self.connection.query_row(&sql, [trial], |row| {
            let detail = TrialDetail {
                version: 1,
                trial,
                key: row.get(0)?,
                steps: natural(row, 1)?,
                seed: natural(row, 2)?,
                status: row.get(3)?,
                reason: row.get(4)?,
                ended_at: row.get(5)?,
                job: Value::Null,
                facts: None,
                rates: row.get(8)?,
                settled: Vec::new(),
                appearances: Vec::new(),
                metrics: Vec::new(),
                losses: Vec::new(),
                curves: Vec::new(),
                attempts: Vec::new(),
                checkpoints: Vec::new(),
                weights: Vec::new(),
            };
            Ok((detail, row.get::<_, String>(6)?, row.get::<_, Option<String>>(7)?))
        });
        let (detail, job, facts) = found.optional()?.ok_or(StoreError::NoTrial(trial))?;
        Ok(TrialDetail {
            job: serde_json::from_str(&job)?,
            facts: facts.map(|facts| serde_json::from_str(&facts)).transpose()?,
            settled: self.settled(trial)?,
            appearances: self.appearances(trial)?,
            metrics: self.metrics(trial)?,
            losses: self.losses(trial, detail.steps)?,
            curves: self.curves(trial)?,
            attempts: self.attempts(trial)?,
            checkpoints: self.checkpoints(trial)?,
            weights: self.weights(trial)?,
            ..detail
        })
    }

    fn appearances(&self, trial: TrialId) -> Result<Vec<Appearance>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT sweep, name, schedule, budget, settings, metric, value, gap
             FROM trials WHERE trial = ?1 ORDER BY sweep, ordinal",
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
                metric: row.get(5)?,
                value: row.get(6)?,
                gap: row.get(7)?,
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

    fn curves(&self, trial: TrialId) -> Result<Vec<Curve>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT name, step, value FROM metric WHERE trial = ?1 AND name <> 'train/loss' ORDER BY name, step",
        )?;
        let mut curves: Vec<Curve> = Vec::new();
        let mut rows = statement.query([trial])?;
        while let Some(row) = rows.next()? {
            let (name, point) = (row.get::<_, String>(0)?, (natural(row, 1)?, row.get(2)?));
            match curves.last_mut().filter(|curve| curve.name == name) {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve { name, points: vec![point] }),
            }
        }
        Ok(curves)
    }

    fn checkpoints(&self, trial: TrialId) -> Result<Vec<CheckpointRow>, StoreError> {
        let sql = "SELECT step, attempt, bytes FROM checkpoint WHERE trial = ?1 ORDER BY step";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([trial], |row| {
            Ok(CheckpointRow { step: natural(row, 0)?, attempt: natural(row, 1)?, bytes: natural(row, 2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn weights(&self, trial: TrialId) -> Result<Vec<KeptWeights>, StoreError> {
        let sql = "SELECT which, step, bytes FROM weights WHERE trial = ?1 ORDER BY which";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([trial], |row| {
            Ok(KeptWeights { which: row.get(0)?, step: natural(row, 1)?, bytes: natural(row, 2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn attempts(&self, trial: TrialId) -> Result<Vec<AttemptRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT number, slot, pid, started_at,
                 strftime('%Y-%m-%d %H:%M:%S', started_at / 1000, 'unixepoch', 'localtime'),
                 end, message, device_seconds, train_seconds, first_step
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
                first_step: row.get::<_, Option<i64>>(9)?.map(i64::unsigned_abs),
            })
        })?;
        Ok(attempts.collect::<Result<_, _>>()?)
    }
}
