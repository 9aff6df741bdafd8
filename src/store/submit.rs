//! Keeping a sweep and its trials.

use std::{fmt, str::FromStr};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use sweep_wire::Facts;

use super::{StoreError, open};
use crate::{
    engine::{Millis, SweepId, TrialId},
    plan::{PlannedTrial, SweepInfo},
};

/// Where a trial is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialStatus {
    Queued,
    Running,
    Done,
    Diverged,
    Failed,
}

impl TrialStatus {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Diverged, Self::Failed];

    /// As the store and the screen spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for TrialStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TrialStatus {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        let unknown = || StoreError::Contradiction(format!("there is no status `{}`", name.escape_debug()));
        Self::ALL.into_iter().find(|status| status.name() == name).ok_or_else(unknown)
    }
}

/// What became of a submitted sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub sweep: SweepId,
    /// Whether the sweep was there already and goes on.
    pub continued: bool,
    /// In the plan's order; a trial that stands twice in the plan stands twice here.
    pub trials: Vec<(TrialId, TrialStatus)>,
}

/// A trial's place in a sweep: trial, schedule, budget, settings.
type Place = (TrialId, String, String, String);

pub(super) fn submit(
    connection: &mut Connection,
    sweep: &SweepInfo,
    planned: &[PlannedTrial],
    now: Millis,
) -> Result<Submission, StoreError> {
    let transaction = open::begin(connection)?;
    let facts = sweep.facts.as_ref().map(facts).transpose()?;
    let mut trials = Vec::with_capacity(planned.len());
    let mut places = Vec::with_capacity(planned.len());
    for trial in planned {
        let (id, status) = find_or_insert(&transaction, trial, facts.as_deref())?;
        trials.push((id, status));
        let settings = serde_json::to_string(&trial.settings)?;
        places.push((id, trial.schedule.clone(), trial.budget.clone(), settings));
    }
    let known = known(&transaction, sweep, &places)?;
    let id = match known {
        Some(id) => {
            transaction.execute("UPDATE sweep SET submitted_at = ?2 WHERE id = ?1", [id, now])?;
            id
        }
        None => insert(&transaction, sweep, &places, now)?,
    };
    let kind = if known.is_some() { "continued" } else { "submitted" };
    transaction.execute("INSERT INTO event (at, kind, sweep) VALUES (?1, ?2, ?3)", params![now, kind, id])?;
    transaction.commit()?;
    Ok(Submission { sweep: id, continued: known.is_some(), trials })
}

/// What was found out, and by which version.
fn facts(facts: &Facts) -> Result<String, StoreError> {
    let mut value = serde_json::to_value(facts)?;
    value["sweep"] = env!("CARGO_PKG_VERSION").into();
    Ok(value.to_string())
}

/// The trial of this key; one that failed is queued again.
fn find_or_insert(
    transaction: &Transaction<'_>,
    trial: &PlannedTrial,
    facts: Option<&str>,
) -> Result<(TrialId, TrialStatus), StoreError> {
    let found: Option<(TrialId, String)> = transaction
        .prepare_cached("SELECT id, status FROM trial WHERE key = ?1")?
        .query_row([&trial.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, status)) = found {
        let status = status.parse()?;
        if status != TrialStatus::Failed {
            return Ok((id, status));
        }
        let requeue = "UPDATE trial SET status = 'queued', reason = NULL, ended_at = NULL WHERE id = ?1";
        transaction.prepare_cached(requeue)?.execute([id])?;
        return Ok((id, TrialStatus::Queued));
    }
    let insert = "INSERT INTO trial (key, steps, seed, job, facts, rates, status)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued')";
    let job = serde_json::to_string(&*trial.task)?;
    transaction.prepare_cached(insert)?.execute(params![
        trial.key,
        integer(trial.steps)?,
        integer(trial.seed)?,
        job,
        facts,
        trial.table_name()
    ])?;
    Ok((transaction.last_insert_rowid(), TrialStatus::Queued))
}

/// The newest sweep that is this one.
fn known(
    transaction: &Transaction<'_>,
    sweep: &SweepInfo,
    places: &[Place],
) -> Result<Option<SweepId>, StoreError> {
    let mut same =
        transaction.prepare("SELECT id FROM sweep WHERE name = ?1 AND spec = ?2 ORDER BY id DESC")?;
    let candidates = same.query_map([&sweep.name, &sweep.spec], |row| row.get(0))?;
    let mut listed = transaction.prepare(
        "SELECT trial, schedule, budget, settings FROM sweep_trial WHERE sweep = ?1 ORDER BY ordinal",
    )?;
    for candidate in candidates {
        let candidate: SweepId = candidate?;
        let its: Vec<Place> = listed
            .query_map([candidate], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect::<Result<_, _>>()?;
        if its == places {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn insert(
    transaction: &Transaction<'_>,
    sweep: &SweepInfo,
    places: &[Place],
    now: Millis,
) -> Result<SweepId, StoreError> {
    transaction.execute(
        "INSERT INTO sweep (name, description, spec, metric, selection_metric, maximize, created_at, submitted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        params![
            sweep.name,
            sweep.description,
            sweep.spec,
            sweep.metric,
            sweep.selection_metric,
            sweep.maximize,
            now
        ],
    )?;
    let id = transaction.last_insert_rowid();
    let mut place = transaction.prepare(
        "INSERT INTO sweep_trial (sweep, ordinal, trial, schedule, budget, settings) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (ordinal, (trial, schedule, budget, settings)) in (0_i64..).zip(places) {
        place.execute(params![id, ordinal, trial, schedule, budget, settings])?;
    }
    Ok(id)
}

/// SQLite's integers have a sign.
pub(super) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::TooLarge(number))
}
