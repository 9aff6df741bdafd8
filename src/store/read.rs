//! Typed reads of sweeps and their trials.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};
use serde::Serialize;
use serde_json::Value;

use super::{StoreError, Table, TrialStatus, open};
use crate::engine::{Millis, SweepId, TrialId};

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
}

/// One trial in one place of a sweep, with what came of it so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub trial: TrialId,
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    pub settings: BTreeMap<String, f64>,
    pub seed: u64,
    pub status: TrialStatus,
    /// Last value of the sweep's metric, if there is one and it is finite.
    pub value: Option<f64>,
    /// Last value of the metric that settings are chosen by.
    pub selection: Option<f64>,
    /// How much better the metric is on training samples.
    pub gap: Option<f64>,
    /// Of all its attempts.
    pub device_seconds: Option<f64>,
}

/// When an attempt of a sweep's trial was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub started_at: Millis,
    /// None while it runs.
    pub ended_at: Option<Millis>,
    pub device_seconds: Option<f64>,
}

const SWEEPS: &str = "
    SELECT s.id, s.name, s.description, s.metric, s.selection_metric, s.maximize, s.created_at,
        strftime('%Y-%m-%d %H:%M', s.created_at / 1000, 'unixepoch', 'localtime'),
        count(t.id), sum(t.status = 'queued'), sum(t.status = 'running'), sum(t.status = 'done'),
        sum(t.status = 'diverged'), sum(t.status = 'failed')
    FROM sweep AS s
    LEFT JOIN sweep_trial AS st ON st.sweep = s.id
    LEFT JOIN trial AS t ON t.id = st.trial";

impl Reader {
    /// All sweeps, oldest first.
    ///
    /// # Errors
    /// The disk.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        let mut statement = self.connection.prepare(&format!("{SWEEPS} GROUP BY s.id ORDER BY s.id"))?;
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
        Ok(self.connection.query_row(&format!("{SWEEPS} WHERE s.id = ?1 GROUP BY s.id"), [id], sweep_row)?)
    }

    fn id(&self, condition: &str, value: impl rusqlite::ToSql) -> Result<Option<SweepId>, StoreError> {
        let sql = format!("SELECT id FROM sweep {condition}");
        Ok(self.connection.query_row(&sql, [value], |row| row.get(0)).optional()?)
    }

    /// A sweep's trials in the plan's order.
    ///
    /// # Errors
    /// The disk.
    pub fn outcomes(&self, sweep: SweepId) -> Result<Vec<Outcome>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT trial, schedule, budget, steps, settings, seed, status, value, selection, device_seconds, gap
             FROM trials WHERE sweep = ?1 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([sweep])?;
        let mut outcomes = Vec::new();
        while let Some(row) = rows.next()? {
            outcomes.push(Outcome {
                trial: row.get(0)?,
                schedule: row.get(1)?,
                budget: row.get(2)?,
                steps: natural(row, 3)?,
                settings: serde_json::from_str(row.get_ref(4)?.as_str().unwrap_or_default())?,
                seed: natural(row, 5)?,
                status: row.get_ref(6)?.as_str().unwrap_or_default().parse()?,
                value: row.get::<_, Option<f64>>(7)?.filter(|value| value.is_finite()),
                selection: row.get::<_, Option<f64>>(8)?.filter(|value| value.is_finite()),
                device_seconds: row.get(9)?,
                gap: row.get::<_, Option<f64>>(10)?.filter(|gap| gap.is_finite()),
            });
        }
        Ok(outcomes)
    }

    /// When the attempts at a sweep's trials were made.
    ///
    /// # Errors
    /// The disk.
    pub fn spans(&self, sweep: SweepId) -> Result<Vec<Span>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT started_at, ended_at, device_seconds FROM attempt
             WHERE trial IN (SELECT trial FROM sweep_trial WHERE sweep = ?1) ORDER BY started_at",
        )?;
        let spans = statement.query_map([sweep], |row| {
            Ok(Span { started_at: row.get(0)?, ended_at: row.get(1)?, device_seconds: row.get(2)? })
        })?;
        Ok(spans.collect::<Result<_, _>>()?)
    }

    /// A sweep's trials as a table, in the plan's order.
    ///
    /// # Errors
    /// The disk.
    pub fn trials(&self, sweep: SweepId) -> Result<Table, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT trial, schedule, budget, steps, settings, seed, status, value, gap, device_seconds, attempts,
                 reason
             FROM trials WHERE sweep = ?1 ORDER BY ordinal",
        )?;
        let columns = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut table = Table { columns, rows: Vec::new() };
        let mut rows = statement.query([sweep])?;
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

fn sweep_row(row: &Row<'_>) -> rusqlite::Result<SweepRow> {
    let count = |index| row.get::<_, Option<i64>>(index).map(|count| count.unwrap_or(0).unsigned_abs());
    Ok(SweepRow {
        sweep: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        metric: row.get(3)?,
        selection_metric: row.get(4)?,
        maximize: row.get(5)?,
        created_at: row.get(6)?,
        created: row.get(7)?,
        counts: Counts {
            trials: count(8)?,
            queued: count(9)?,
            running: count(10)?,
            done: count(11)?,
            diverged: count(12)?,
            failed: count(13)?,
        },
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
