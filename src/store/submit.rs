//! Keeping a sweep and its trials.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    fmt,
    str::FromStr,
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use sweep_wire::{Facts, Number};

use super::{StoreError, open, price};
use crate::{
    engine::{Millis, SweepId, Terms, TrialId},
    plan::{PlannedTrial, Recipe, SweepInfo, Task},
};

/// Where a trial is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialStatus {
    Queued,
    Running,
    Done,
    Diverged,
    Failed,
    /// Without a result in a sweep that has ended.
    Cancelled,
}

impl TrialStatus {
    const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Done, Self::Diverged, Self::Failed, Self::Cancelled];

    /// As the store and the screen spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
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

/// How a cell was settled, JSON, and the schedule that is followed in it.
type Settled = (Option<String>, Option<String>);

/// What a sweep's places refer to, and the places in the plan's order: trial, index of the cell, whether it is held, seed.
#[derive(Default)]
struct Places {
    /// With how each was settled, which does not tell them apart.
    cells: HashMap<CellRow, (usize, Settled)>,
    trials: Vec<(TrialId, usize, bool, u64)>,
}

/// Schedule, budget, steps, settings.
type CellRow = (String, String, i64, String);

/// What trials of the same recipe share.
#[derive(Clone, Copy)]
struct Shared {
    cell: usize,
    task: i64,
    fact: Option<i64>,
}

pub(super) fn submit(
    connection: &mut Connection,
    sweep: &SweepInfo,
    planned: &[PlannedTrial],
    terms: &Terms,
    now: Millis,
) -> Result<Submission, StoreError> {
    let transaction = open::begin(connection)?;
    let facts = sweep.facts.as_ref().map(facts).transpose()?;
    let fact = facts.map(|text| shared(&transaction, "facts", &text)).transpose()?;
    let mut tasks: HashMap<*const Task, i64> = HashMap::new();
    let mut recipes: HashMap<*const Recipe, (Shared, String)> = HashMap::new();
    let mut trials = Vec::with_capacity(planned.len());
    let mut places = Places::default();
    for trial in planned {
        let (shared, course) = match recipes.entry(Arc::as_ptr(&trial.recipe)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let task = match tasks.entry(Arc::as_ptr(&trial.task)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        *new.insert(shared(&transaction, "task", &serde_json::to_string(&*trial.task)?)?)
                    }
                };
                let cell = places.cell(&trial.recipe)?;
                new.insert((Shared { cell, task, fact }, serde_json::to_string(&trial.course())?))
            }
        };
        let (id, status) = find_or_insert(&transaction, trial, *shared, course)?;
        trials.push((id, status));
        places.trials.push((id, shared.cell, trial.held, trial.seed));
    }
    let known = known(&transaction, sweep, &places)?;
    let id = match known {
        Some(id) => id,
        None => insert(&transaction, sweep, &places, now)?,
    };
    transaction.execute(
        "UPDATE sweep SET submitted_at = ?2, state = 'open', state_reason = NULL, priority = ?3, terms = ?4
         WHERE id = ?1",
        params![id, now, terms.priority, serde_json::to_string(terms)?],
    )?;
    if let Some(offer) = &sweep.price {
        let price = price::insert(&transaction, offer)?;
        transaction.execute("UPDATE sweep SET price = ?2 WHERE id = ?1", params![id, price])?;
    }
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

/// The row of a text that many trials share.
fn shared(transaction: &Transaction<'_>, table: &str, text: &str) -> Result<i64, StoreError> {
    transaction
        .prepare_cached(&format!("INSERT OR IGNORE INTO {table} (text) VALUES (?1)"))?
        .execute([text])?;
    let find = format!("SELECT id FROM {table} WHERE text = ?1");
    Ok(transaction.prepare_cached(&find)?.query_row([text], |row| row.get(0))?)
}

impl Places {
    /// The cell of a recipe; recipes that read the same have one.
    fn cell(&mut self, recipe: &Recipe) -> Result<usize, StoreError> {
        let (schedule, budget) = (recipe.schedule.clone(), recipe.budget.clone());
        let row = (schedule, budget, integer(recipe.steps)?, settings(&recipe.settings)?);
        let next = self.cells.len();
        let settled = match recipe.settled.is_empty() {
            true => None,
            false => Some(serde_json::to_string(&recipe.settled)?),
        };
        let followed = recipe.followed.clone();
        Ok(self.cells.entry(row).or_insert((next, (settled, followed))).0)
    }

    /// The cells by their index.
    fn cells(&self) -> Vec<(&CellRow, &Settled)> {
        let mut cells: Vec<_> = self.cells.iter().collect();
        cells.sort_unstable_by_key(|(_, (index, _))| *index);
        cells.into_iter().map(|(row, (_, settled))| (row, settled)).collect()
    }
}

/// The trial of this key. One that failed is queued again, and what is told of one without a result is as it is now:
/// files may lie elsewhere.
fn find_or_insert(
    transaction: &Transaction<'_>,
    trial: &PlannedTrial,
    Shared { task, fact, .. }: Shared,
    course: &str,
) -> Result<(TrialId, TrialStatus), StoreError> {
    let found: Option<(TrialId, String)> = transaction
        .prepare_cached("SELECT id, status FROM trial WHERE key = ?1")?
        .query_row([&trial.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, status)) = found {
        let status: TrialStatus = status.parse()?;
        // Whether one that is held is tried again is for results to decide.
        if matches!(status, TrialStatus::Done | TrialStatus::Diverged) || trial.held {
            return Ok((id, status));
        }
        let renew =
            "UPDATE trial SET task = ?2, fact = ?3, run = ?4, rates = ?5, reason = NULL, ended_at = NULL,
                         status = iif(status = 'failed', 'queued', status)
                     WHERE id = ?1";
        transaction.prepare_cached(renew)?.execute(params![id, task, fact, course, trial.table_name()])?;
        return Ok((id, if status == TrialStatus::Failed { TrialStatus::Queued } else { status }));
    }
    let insert = "INSERT INTO trial (key, steps, seed, task, fact, run, rates, status)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued')";
    let (steps, seed) = (integer(trial.steps)?, integer(trial.seed)?);
    let values = params![trial.key, steps, seed, task, fact, course, trial.table_name()];
    transaction.prepare_cached(insert)?.execute(values)?;
    Ok((transaction.last_insert_rowid(), TrialStatus::Queued))
}

/// The newest sweep that is this one.
fn known(
    transaction: &Transaction<'_>,
    sweep: &SweepInfo,
    places: &Places,
) -> Result<Option<SweepId>, StoreError> {
    let mut same =
        transaction.prepare("SELECT id FROM sweep WHERE name = ?1 AND spec = ?2 ORDER BY id DESC")?;
    let candidates = same.query_map([&sweep.name, &sweep.spec], |row| row.get(0))?;
    let mut cells =
        transaction.prepare("SELECT id, schedule, budget, steps, settings FROM cell WHERE sweep = ?1")?;
    let mut listed =
        transaction.prepare("SELECT trial, cell FROM sweep_trial WHERE sweep = ?1 ORDER BY ordinal")?;
    let wanted = places.cells();
    for candidate in candidates {
        let candidate: SweepId = candidate?;
        let its = cells.query_map([candidate], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        })?;
        let its: HashMap<i64, CellRow> = its.collect::<Result<_, _>>()?;
        let mut places = places.trials.iter().map(|(trial, cell, ..)| (*trial, Some(wanted[*cell].0)));
        let mut rows = listed.query([candidate])?;
        let mut is_same = true;
        while let Some(row) = rows.next()?.filter(|_| is_same) {
            is_same = places.next() == Some((row.get(0)?, its.get(&row.get(1)?)));
        }
        if is_same && places.next().is_none() {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn insert(
    transaction: &Transaction<'_>,
    sweep: &SweepInfo,
    places: &Places,
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
    let mut cells = Vec::with_capacity(places.cells.len());
    let mut cell = transaction.prepare(
        "INSERT INTO cell (sweep, schedule, budget, steps, settings, settled, followed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for ((schedule, budget, steps, settings), (settled, followed)) in places.cells() {
        cells.push(cell.insert(params![id, schedule, budget, steps, settings, settled, followed])?);
    }
    let mut place = transaction.prepare(
        "INSERT INTO sweep_trial (sweep, ordinal, trial, cell, held, seed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (ordinal, (trial, cell, held, seed)) in (0_i64..).zip(&places.trials) {
        place.execute(params![id, ordinal, trial, cells[*cell], held, integer(*seed)?])?;
    }
    Ok(id)
}

/// SQLite's integers have a sign.
pub(super) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::TooLarge(number))
}

/// Swept parameters as JSON.
fn settings(settings: &BTreeMap<String, f64>) -> Result<String, StoreError> {
    let written: BTreeMap<_, _> = settings.iter().map(|(name, value)| (name, Number::from(*value))).collect();
    Ok(serde_json::to_string(&written)?)
}
