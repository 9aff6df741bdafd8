//! What is known of trials that somebody plans: which have results already, and how long such trials took.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use sweep_wire::Facts;

use super::{Reader, StoreError, detail::STATUS, read::natural, submit::integer};
use crate::{
    engine::TrialId,
    plan::{Course, Task},
};

/// The newest trials of a kind that are looked at.
const MAX_TIMED: u64 = 1000;

/// A planned trial that the store has.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTrial {
    /// `queued`, `running`, `done`, `diverged`, `failed`, or `cancelled`: without a result in sweeps that have ended.
    pub status: String,
    /// The step of its last checkpoint; 0 without one.
    pub checkpoint: u64,
    /// Device seconds of its attempts, each weighted with its share of the machine.
    pub machine_seconds: f64,
}

/// A trial that one attempt trained from its first step to its last.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedTrial {
    pub steps: u64,
    pub course: Course,
    pub device_seconds: f64,
    /// Of that, in training steps.
    pub train_seconds: f64,
}

impl Reader {
    /// The trial of this key.
    ///
    /// # Errors
    /// The disk.
    pub fn known(&self, key: &str) -> Result<Option<KnownTrial>, StoreError> {
        let find = "SELECT id FROM trial WHERE key = ?1";
        let id = self.connection.prepare_cached(find)?.query_row([key], |row| row.get(0)).optional()?;
        let Some(id): Option<TrialId> = id else { return Ok(None) };
        let sql = format!(
            "SELECT {STATUS}, coalesce((SELECT max(step) FROM checkpoint WHERE trial = ?1), 0),
                 (SELECT coalesce(sum(device_seconds * coalesce(share, 0.0)), 0.0) FROM attempt WHERE trial = ?1)
             FROM trial WHERE id = ?1"
        );
        let known = self.connection.prepare_cached(&sql)?.query_row([id], |row| {
            Ok(KnownTrial { status: row.get(0)?, checkpoint: natural(row, 1)?, machine_seconds: row.get(2)? })
        })?;
        Ok(Some(known))
    }

    /// How many sweeps of this name and spec have a result for every trial.
    ///
    /// # Errors
    /// The disk.
    pub fn finished(&self, name: &str, spec: &str) -> Result<u64, StoreError> {
        finished(&self.connection, name, spec)
    }

    /// The newest trials of tasks like those that `is_alike` knows, which ran with as large a share of the machine and in
    /// sweeps of as many workers.
    ///
    /// # Errors
    /// The disk.
    pub fn timed(
        &self,
        is_alike: impl Fn(&Task, &Facts) -> bool,
        share: f64,
        workers: u32,
    ) -> Result<Vec<TimedTrial>, StoreError> {
        let sql = "SELECT pair.task, pair.fact, task.text, facts.text
                   FROM (SELECT DISTINCT task, fact FROM trial WHERE status = 'done') AS pair
                   JOIN task ON task.id = pair.task JOIN facts ON facts.id = pair.fact";
        let mut pairs = self.connection.prepare(sql)?;
        let mut pairs = pairs.query([])?;
        // A share is a quotient of whole numbers below 2³².
        let sql = "SELECT number, t.steps, run, device_seconds, train_seconds
                   FROM trial AS t JOIN attempt ON attempt.trial = t.id
                   WHERE task = ?1 AND fact = ?2 AND status = 'done' AND end = 'done' AND coalesce(first_step, 0) = 0
                       AND run IS NOT NULL AND device_seconds IS NOT NULL AND abs(share - ?3) < 1e-10
                       AND EXISTS (SELECT 1 FROM sweep_trial AS st JOIN sweep ON sweep.id = st.sweep
                                   WHERE st.trial = t.id AND terms ->> '$.max_workers' = ?4)
                   ORDER BY number DESC LIMIT ?5";
        let mut trials = self.connection.prepare(sql)?;
        let mut timed: Vec<(u64, TimedTrial)> = Vec::new();
        while let Some(row) = pairs.next()? {
            let texts: (String, String) = (row.get(2)?, row.get(3)?);
            if !read(&texts.0, &texts.1).is_some_and(|(task, facts)| is_alike(&task, &facts)) {
                continue;
            }
            let (task, fact): (i64, i64) = (row.get(0)?, row.get(1)?);
            let mut rows = trials.query(params![task, fact, share, workers, integer(MAX_TIMED)?])?;
            while let Some(row) = rows.next()? {
                let course = serde_json::from_str(&row.get::<_, String>(2)?)?;
                let (device_seconds, train_seconds) = (row.get(3)?, row.get(4)?);
                let trial = TimedTrial { steps: natural(row, 1)?, course, device_seconds, train_seconds };
                timed.push((natural(row, 0)?, trial));
            }
        }
        timed.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        Ok(timed.into_iter().map(|(_, trial)| trial).take(MAX_TIMED as usize).collect())
    }
}

/// A task and its facts; none of a version that wrote them otherwise.
fn read(task: &str, facts: &str) -> Option<(Task, Facts)> {
    let mut facts: Value = serde_json::from_str(facts).ok()?;
    // By which version they were found out.
    facts.as_object_mut()?.remove("sweep");
    Some((serde_json::from_str(task).ok()?, serde_json::from_value(facts).ok()?))
}

pub(super) fn finished(connection: &Connection, name: &str, spec: &str) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM sweep AS s WHERE name = ?1 AND spec = ?2 AND NOT EXISTS (
                   SELECT 1 FROM sweep_trial WHERE sweep = s.id AND held = 0 AND coalesce(end, '') NOT IN ('done', 'diverged'))";
    Ok(connection.prepare_cached(sql)?.query_row([name, spec], |row| natural(row, 0))?)
}
