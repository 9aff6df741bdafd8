//! What became of a trial, for people who ask why.

use rusqlite::OptionalExtension;
use serde::Serialize;
use sweep_wire::{Division, Measured};

use super::{AttemptRow, Reader, StoreError, detail::STATUS};
use crate::engine::{SweepId, TrialId};

/// A trial's life.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    pub status: String,
    /// Why it diverged or failed.
    pub reason: Option<String>,
    pub sweeps: Vec<SweepState>,
    /// How what its specs left open was settled, in sentences: φ, the steps of an hour.
    pub settled: Vec<String>,
    pub attempts: Vec<AttemptRow>,
    /// What was done to its sweeps, in words, oldest first.
    pub events: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepState {
    pub sweep: SweepId,
    pub state: String,
    pub reason: Option<String>,
}

/// Events that are shown of a sweep's life, the newest ones.
const MAX_EVENTS: u64 = 20;

impl Reader {
    /// # Errors
    /// There is no such trial.
    pub fn history(&self, trial: TrialId) -> Result<History, StoreError> {
        let sql = format!("SELECT {STATUS}, reason FROM trial WHERE id = ?1");
        let found = self.connection.query_row(&sql, [trial], |row| Ok((row.get(0)?, row.get(1)?)));
        let (status, reason) = match found {
            Err(rusqlite::Error::QueryReturnedNoRows) => return Err(StoreError::NoTrial(trial)),
            found => found?,
        };
        let mut statement = self.connection.prepare(
            "SELECT id, state, state_reason FROM sweep
             WHERE id IN (SELECT sweep FROM sweep_trial WHERE trial = ?1) ORDER BY id",
        )?;
        let sweeps = statement.query_map([trial], |row| {
            Ok(SweepState { sweep: row.get(0)?, state: row.get(1)?, reason: row.get(2)? })
        })?;
        let sweeps = sweeps.collect::<Result<_, _>>()?;
        let mut statement = self.connection.prepare(
            "SELECT strftime('%Y-%m-%d %H:%M:%S', at / 1000, 'unixepoch', 'localtime') || ' sweep ' || sweep || ' '
                 || coalesce(message, kind)
             FROM event
             WHERE sweep IN (SELECT sweep FROM sweep_trial WHERE trial = ?1)
             ORDER BY id DESC LIMIT ?2",
        )?;
        let events = statement.query_map(rusqlite::params![trial, MAX_EVENTS as i64], |row| row.get(0))?;
        let mut events: Vec<String> = events.collect::<Result<_, _>>()?;
        events.reverse();
        let settled = self.settled(trial)?;
        let attempts = self.attempts(trial)?;
        Ok(History { status, reason, sweeps, settled, attempts, events })
    }
    pub(super) fn settled(&self, trial: TrialId) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT DISTINCT said.value FROM cell, json_each(cell.settled) AS said
             WHERE cell.id IN (SELECT cell FROM sweep_trial WHERE trial = ?1) ORDER BY cell.id, said.key",
        )?;
        let lines = statement.query_map([trial], |row| row.get(0))?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// What was measured before plans were made, under this key, put together.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn measured(&self, key: &str) -> Result<Option<Measured>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT text ->> 'measured' FROM facts WHERE text ->> '$.measured.key' = ?1 ORDER BY id DESC",
        )?;
        let mut found: Option<Measured> = None;
        let mut rows = statement.query([key])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            let next: Measured = serde_json::from_str(&text)?;
            // The newest counts, as long as nobody asks for another.
            let known = found.get_or_insert_with(|| next.clone());
            known.curvature = known.curvature.or(next.curvature);
            known.step_seconds = known.step_seconds.or(next.step_seconds);
        }
        Ok(found)
    }

    /// How the machine was divided for the newest sweep whose job was measured under this key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn division(&self, key: &str) -> Result<Option<Division>, StoreError> {
        let text: Option<String> = self
            .connection
            .query_row(
                "SELECT text ->> 'division' FROM facts WHERE text ->> '$.division.key' = ?1
                 ORDER BY id DESC LIMIT 1",
                [key],
                |row| row.get(0),
            )
            .optional()?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }
}
