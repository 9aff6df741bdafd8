//! Typed reads of sweeps and their trials.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};
use serde::Serialize;
use serde_json::Value;

use super::{StoreError, Table, TrialStatus, open};
use crate::engine::{Millis, SweepId, TrialId};

/// A cell's row in the store.
pub type CellId = i64;

/// The store as it was at the first read, whatever a writer does meanwhile.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

/// Opens the store of this home for reading.
///
/// # Errors
/// There is none yet, or this version cannot read it.
pub fn open_reader(home: &Path) -> Result<Reader, StoreError> {
    let connection = open::reader(home)?;
    // One snapshot for all reads, or a sweep's counts and its trials may disagree.
    connection.execute_batch("BEGIN")?;
    Ok(Reader { connection })
}

/// A sweep, with how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepRow {
    pub sweep: SweepId,
    pub name: String,
    pub description: Option<String>,
    /// What results are judged by.
    pub metric: String,
    /// What settings are chosen by, where there is a validation set.
    pub selection_metric: Option<String>,
    pub maximize: bool,
    pub created_at: Millis,
    /// The same in local time, to the minute.
    pub created: String,
    /// `open`, `paused`, `done`, `cancelled`, `limited` or `broken`.
    pub state: String,
    /// Who paused or cancelled it, which limit was reached, what was broken.
    pub state_reason: Option<String>,
    #[serde(flatten)]
    pub counts: Counts,
}

/// Trials of a plan by status; one that stands twice in it counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub trials: u64,
    pub queued: u64,
    pub running: u64,
    pub done: u64,
    pub diverged: u64,
    pub failed: u64,
    /// Without a result in a sweep that has ended.
    pub cancelled: u64,
}

/// One schedule at one budget with one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its row.
    pub id: CellId,
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    pub settings: BTreeMap<String, f64>,
    /// The schedule that was followed, such as `uba(phi=0.5)`, where the spec left that open.
    pub followed: Option<String>,
}

/// One trial in one place of a sweep, with what came of it so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub trial: TrialId,
    /// Equal ones are paired across cells.
    pub seed: u64,
    /// Shared by its seeds.
    pub cell: Arc<Cell>,
    /// Done, diverged or failed; none where it is not over, and then nothing of what follows is there either.
    pub end: Option<TrialStatus>,
    /// Last value of the sweep's metric, if there is one and it is finite.
    pub value: Option<f64>,
    /// Last value of the metric that settings are chosen by.
    pub selection: Option<f64>,
    /// How much better the metric is on training samples.
    pub gap: Option<f64>,
    /// Of all its attempts.
    pub device_seconds: Option<f64>,
}

impl Outcome {
    /// Whether it has a result.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.end == Some(TrialStatus::Done)
    }
}

/// What an attempt at a sweep's trial took.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub trial: TrialId,
    pub started_at: Millis,
    /// None while it runs.
    pub ended_at: Option<Millis>,
    /// The step that it went on from; none before it began.
    pub first_step: Option<u64>,
    pub device_seconds: Option<f64>,
    pub train_seconds: Option<f64>,
    /// What its worker took of the machine, from 0 to 1; unknown in old stores.
    pub share: Option<f64>,
    /// Energy of its share of the GPUs.
    pub joules: Option<f64>,
}

/// Those that are done are the rest, and in a large sweep most: they need not be counted.
const SWEEPS: &str = "
    SELECT s.id, s.name, s.description, s.metric, s.selection_metric, s.maximize, s.created_at,
        strftime('%Y-%m-%d %H:%M', s.created_at / 1000, 'unixepoch', 'localtime'),
        (SELECT coalesce(max(ordinal), -1) + 1 FROM sweep_trial WHERE sweep = s.id) - held,
        (SELECT count(*) FROM sweep_trial WHERE sweep = s.id AND end IS NULL) - held,
        (SELECT count(*) FROM trial JOIN sweep_trial ON trial = trial.id
         WHERE status = 'running' AND sweep = s.id AND sweep_trial.held = 0),
        (SELECT count(*) FROM sweep_trial WHERE sweep = s.id AND end = 'diverged'),
        (SELECT count(*) FROM sweep_trial WHERE sweep = s.id AND end = 'failed'),
        s.state, s.state_reason
    FROM (SELECT *, (SELECT count(*) FROM sweep_trial WHERE sweep = sweep.id AND sweep_trial.held = 1) AS held FROM sweep) AS s";

impl Reader {
    /// All sweeps, oldest first.
    ///
    /// # Errors
    /// The disk.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        let mut statement = self.connection.prepare(&format!("{SWEEPS} ORDER BY s.id"))?;
        Ok(statement.query_map([], sweep_row)?.collect::<Result<_, _>>()?)
    }

    /// The sweep that `last`, a number or a name means. `last` is the one submitted last, and so is a name's.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, selector: &str) -> Result<SweepRow, StoreError> {
        let id: Option<SweepId> = match selector.parse::<SweepId>() {
            Ok(number) => self.id("WHERE id = ?1", number)?,
            Err(_) => None,
        };
        let id = match (id, selector) {
            (Some(id), _) => Some(id),
            (None, "last") => self.id("WHERE ?1 ORDER BY submitted_at DESC, id DESC LIMIT 1", 1)?,
            (None, name) => self.id("WHERE name = ?1 ORDER BY submitted_at DESC, id DESC LIMIT 1", name)?,
        };
        let id = id.ok_or_else(|| StoreError::NoSweep(selector.to_owned()))?;
        Ok(self.connection.query_row(&format!("{SWEEPS} WHERE s.id = ?1"), [id], sweep_row)?)
    }

    fn id(&self, condition: &str, value: impl rusqlite::ToSql) -> Result<Option<SweepId>, StoreError> {
        let sql = format!("SELECT id FROM sweep {condition}");
        Ok(self.connection.query_row(&sql, [value], |row| row.get(0)).optional()?)
    }

    /// The text of the spec that a sweep was made from.
    ///
    /// # Errors
    /// The disk.
    pub fn spec(&self, sweep: SweepId) -> Result<String, StoreError> {
        Ok(self.connection.query_row("SELECT spec FROM sweep WHERE id = ?1", [sweep], |row| row.get(0))?)
    }

    /// How many samples the set has that a sweep is judged on, where it is a test or validation set that `sweep` knows.
    ///
    /// # Errors
    /// The disk.
    pub fn samples(&self, sweep: &SweepRow) -> Result<Option<u64>, StoreError> {
        let path = match sweep.metric.split('/').next() {
            Some("test") => "test_samples",
            Some("validation") => "validation_samples",
            _ => return Ok(None),
        };
        let sql = "SELECT facts.text ->> ?2 FROM facts WHERE id = (
                       SELECT fact FROM trial WHERE fact IS NOT NULL AND id IN (
                           SELECT trial FROM sweep_trial WHERE sweep = ?1 ORDER BY ordinal LIMIT 1))";
        let found = self
            .connection
            .query_row(sql, rusqlite::params![sweep.sweep, path], |row| row.get::<_, Option<i64>>(0));
        Ok(found.optional()?.flatten().map(i64::unsigned_abs).filter(|samples| *samples > 0))
    }

    /// A sweep's trials in the plan's order, without those that are held.
    ///
    /// # Errors
    /// The disk.
    pub fn outcomes(&self, sweep: SweepId) -> Result<Vec<Outcome>, StoreError> {
        let cells = self.cells(sweep)?;
        let mut statement = self.connection.prepare(
            "SELECT trial, cell, end, value, selection, gap, device_seconds, seed
             FROM sweep_trial WHERE sweep = ?1 AND held = 0 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([sweep])?;
        let mut outcomes = Vec::new();
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        while let Some(row) = rows.next()? {
            let cell: i64 = row.get(1)?;
            let cell = cells
                .get(&cell)
                .ok_or_else(|| StoreError::Contradiction(format!("sweep {sweep} has no cell {cell}")))?;
            outcomes.push(Outcome {
                trial: row.get(0)?,
                seed: natural(row, 7)?,
                cell: Arc::clone(cell),
                end: row.get_ref(2)?.as_str_or_null().ok().flatten().map(str::parse).transpose()?,
                value: finite(row.get(3)?),
                selection: finite(row.get(4)?),
                gap: finite(row.get(5)?),
                device_seconds: row.get(6)?,
            });
        }
        Ok(outcomes)
    }

    fn cells(&self, sweep: SweepId) -> Result<HashMap<i64, Arc<Cell>>, StoreError> {
        let sql = "SELECT id, schedule, budget, steps, settings, followed FROM cell WHERE sweep = ?1";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([sweep])?;
        let mut cells = HashMap::new();
        while let Some(row) = rows.next()? {
            let settings = serde_json::from_str(&row.get::<_, String>(4)?)?;
            let (schedule, budget, steps) = (row.get(1)?, row.get(2)?, natural(row, 3)?);
            let (id, followed) = (row.get(0)?, row.get(5)?);
            cells.insert(id, Arc::new(Cell { id, schedule, budget, steps, settings, followed }));
        }
        Ok(cells)
    }

    /// What the attempts at a sweep's trials took, by trial and in the order in which they were made.
    ///
    /// # Errors
    /// The disk.
    pub fn spans(&self, outcomes: &[Outcome]) -> Result<Vec<Span>, StoreError> {
        let mut trials: Vec<TrialId> = outcomes.iter().map(|outcome| outcome.trial).collect();
        trials.sort_unstable();
        trials.dedup();
        let columns =
            "SELECT trial, started_at, ended_at, first_step, device_seconds, train_seconds, share, joules
                       FROM attempt";
        let attempts: i64 =
            self.connection
                .query_row("SELECT coalesce(max(number), 0) FROM attempt", [], |row| row.get(0))?;
        let mut spans = Vec::new();
        // Reading all attempts in a row costs less than finding a fourth of them one by one.
        if trials.len() * 4 >= usize::try_from(attempts).unwrap_or(usize::MAX) {
            let mut statement = self.connection.prepare(columns)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if trials.binary_search(&row.get(0)?).is_ok() {
                    spans.push(span(row)?);
                }
            }
            // A trial's attempts stay in their order.
            spans.sort_by_key(|span: &Span| span.trial);
            return Ok(spans);
        }
        let mut statement = self.connection.prepare(&format!("{columns} WHERE trial = ?1"))?;
        for trial in trials {
            for found in statement.query_map([trial], span)? {
                spans.push(found?);
            }
        }
        Ok(spans)
    }

    /// A sweep's trials as a table, in the plan's order; the first ones, where there is a limit.
    ///
    /// # Errors
    /// The disk.
    pub fn trials(&self, sweep: SweepId, limit: Option<usize>) -> Result<Table, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT trial, schedule, budget, steps, settings, seed, status, value, gap, device_seconds, attempts,
                 reason
             FROM trials WHERE sweep = ?1 ORDER BY ordinal LIMIT ?2",
        )?;
        // SQLite takes a negative one for none.
        let limit = limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
        let columns = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut table = Table { columns, rows: Vec::new() };
        let mut rows = statement.query([sweep, limit])?;
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(table.columns.len());
            for (index, column) in table.columns.iter().enumerate() {
                values.push(match (column.as_str(), value(row.get_ref(index)?)) {
                    ("settings", Value::String(text)) => serde_json::from_str(&text)?,
                    (_, value) => value,
                });
            }
            table.rows.push(values);
        }
        Ok(table)
    }
}

fn span(row: &Row<'_>) -> rusqlite::Result<Span> {
    Ok(Span {
        trial: row.get(0)?,
        started_at: row.get(1)?,
        ended_at: row.get(2)?,
        first_step: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
        device_seconds: row.get(4)?,
        train_seconds: row.get(5)?,
        share: row.get(6)?,
        joules: row.get(7)?,
    })
}

fn sweep_row(row: &Row<'_>) -> rusqlite::Result<SweepRow> {
    let [trials, left, running, diverged, failed] = [8, 9, 10, 11, 12].map(|index| natural(row, index));
    let (trials, left, running, diverged, failed) = (trials?, left?, running?, diverged?, failed?);
    let (waiting, done) = (left - running, trials - left - diverged - failed);
    let state: String = row.get(13)?;
    // A trial that is not over waits unless it runs, or nobody wants it any longer.
    let is_open = matches!(state.as_str(), "open" | "paused");
    let (queued, cancelled) = if is_open { (waiting, 0) } else { (0, waiting) };
    Ok(SweepRow {
        sweep: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        metric: row.get(3)?,
        selection_metric: row.get(4)?,
        maximize: row.get(5)?,
        created_at: row.get(6)?,
        created: row.get(7)?,
        counts: Counts { trials, queued, running, done, diverged, failed, cancelled },
        state,
        state_reason: row.get(14)?,
    })
}

/// A number that was natural when it was stored.
pub(super) fn natural(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(i64::unsigned_abs)
}

/// A value as JSON has it: blobs as hexadecimal text, infinities as null, text that is no UTF-8 with marks for it.
pub(super) fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}
