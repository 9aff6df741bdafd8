//! Keeping what the engine says happened. Each record must be able to follow what is kept already.

use rusqlite::{Transaction, params};
use sweep_wire::{Attempt, Point, Which};

use super::{StoreError, submit::integer};
use crate::engine::{AttemptEnd, Change, Millis, Over, Record, SweepId, TrialEnd, TrialId};

pub(super) fn record(transaction: &Transaction<'_>, record: &Record) -> Result<(), StoreError> {
    match record {
        Record::AttemptStarted { .. } => attempt_started(transaction, record),
        Record::SweepChanged { sweep, change, at } => sweep_changed(transaction, *sweep, change, *at),
        Record::AttemptBegan { attempt, trial, step, void } => {
            began(transaction, *attempt, *trial, (*step, *void))
        }
        Record::CheckpointSaved { attempt, trial, step, bytes, at } => {
            checkpoint_saved(transaction, *attempt, *trial, (*step, *bytes), *at)
        }
        Record::CheckpointsDropped { trial, steps } => {
            let mut delete =
                transaction.prepare_cached("DELETE FROM checkpoint WHERE trial = ?1 AND step = ?2")?;
            for step in steps {
                delete.execute(params![trial, integer(*step)?])?;
            }
            Ok(())
        }
        Record::WeightsKept { trial, which, step, bytes } => {
            weights_kept(transaction, *trial, *which, (*step, *bytes))
        }
        Record::Points { attempt, trial, points: values } => points(transaction, *attempt, *trial, values),
        Record::AttemptEnded { attempt, trial, end, device_seconds, train_seconds, joules, at } => {
            let (end, message) = attempt_end(end);
            let changed = transaction
                .prepare_cached(
                    "UPDATE attempt SET ended_at = ?3, end = ?4, message = ?5, device_seconds = ?6, train_seconds = ?7,
                         joules = ?8
                     WHERE number = ?1 AND trial = ?2 AND ended_at IS NULL",
                )?
                .execute(params![
                    integer(*attempt)?,
                    trial,
                    at,
                    end,
                    message,
                    device_seconds,
                    train_seconds,
                    joules
                ])?;
            expect(changed, || format!("attempt {attempt} of trial {trial} is not open and cannot end"))
        }
        Record::TrialQueued { trial, at } => {
            let changed = transaction
                .prepare_cached(
                    "UPDATE trial SET status = 'queued' WHERE id = ?1 AND status IN ('queued', 'running')",
                )?
                .execute([trial])?;
            expect(changed, || format!("trial {trial} is over and cannot wait"))?;
            transaction
                .prepare_cached("INSERT INTO event (at, kind, trial) VALUES (?1, 'queued', ?2)")?
                .execute([at, trial])?;
            Ok(())
        }
        Record::TrialEnded { trial, end, at } => {
            let (status, reason) = trial_end(end);
            let changed = transaction
                .prepare_cached(
                    "UPDATE trial SET status = ?2, reason = ?3, ended_at = ?4
                     WHERE id = ?1 AND status IN ('queued', 'running')",
                )?
                .execute(params![trial, status, reason, at])?;
            expect(changed, || format!("trial {trial} is over and cannot end again"))
        }
    }
}

fn attempt_started(transaction: &Transaction<'_>, record: &Record) -> Result<(), StoreError> {
    let Record::AttemptStarted { attempt, trial, slot, pid, process, share, at } = record else {
        return Ok(());
    };
    let changed = transaction
        .prepare_cached("UPDATE trial SET status = 'running' WHERE id = ?1 AND status = 'queued'")?
        .execute([trial])?;
    expect(changed, || format!("trial {trial} does not wait and cannot start"))?;
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO attempt (number, trial, slot, pid, process, share, started_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?1 > (SELECT coalesce(max(number), 0) FROM attempt)",
        )?
        .execute(params![integer(*attempt)?, trial, slot, pid, process, share, at])?;
    expect(inserted, || format!("attempt {attempt} is not above all earlier ones"))
}

fn sweep_changed(
    transaction: &Transaction<'_>,
    sweep: SweepId,
    change: &Change,
    at: Millis,
) -> Result<(), StoreError> {
    let (state, reason) = match change {
        Change::Paused { by } => ("paused", Some(format!("paused by {by}"))),
        Change::Resumed { .. } => ("open", None),
        Change::Over(Over::Done) => ("done", None),
        Change::Over(over @ Over::Cancelled { .. }) => ("cancelled", Some(over.to_string())),
        Change::Over(over @ Over::Limited { .. }) => ("limited", Some(over.to_string())),
        Change::Over(over @ Over::Broken { .. }) => ("broken", Some(over.to_string())),
    };
    let changed = transaction
        .prepare_cached("UPDATE sweep SET state = ?2, state_reason = ?3 WHERE id = ?1")?
        .execute(params![sweep, state, reason])?;
    expect(changed, || format!("there is no sweep {sweep}"))?;
    let (kind, message) = match change {
        Change::Resumed { by } => ("resumed", Some(format!("resumed by {by}"))),
        _ => (state, reason),
    };
    transaction
        .prepare_cached("INSERT INTO event (at, kind, sweep, message) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![at, kind, sweep, message])?;
    Ok(())
}

/// What was measured from step `void` on is void, and so are weights.
fn began(
    transaction: &Transaction<'_>,
    attempt: Attempt,
    trial: TrialId,
    (step, void): (u64, u64),
) -> Result<(), StoreError> {
    let changed = transaction
        .prepare_cached(
            "UPDATE attempt SET first_step = ?3
             WHERE number = ?1 AND trial = ?2 AND ended_at IS NULL AND first_step IS NULL",
        )?
        .execute(params![integer(attempt)?, trial, integer(step)?])?;
    expect(changed, || format!("attempt {attempt} of trial {trial} is not open or has begun already"))?;
    transaction
        .prepare_cached("DELETE FROM metric WHERE trial = ?1 AND step >= ?2")?
        .execute(params![trial, integer(void)?])?;
    transaction.prepare_cached("DELETE FROM weights WHERE trial = ?1")?.execute([trial])?;
    Ok(())
}

fn checkpoint_saved(
    transaction: &Transaction<'_>,
    attempt: Attempt,
    trial: TrialId,
    (step, bytes): (u64, u64),
    at: Millis,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO checkpoint (trial, step, attempt, bytes, saved_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![trial, integer(step)?, integer(attempt)?, integer(bytes)?, at])?;
    Ok(())
}

fn weights_kept(
    transaction: &Transaction<'_>,
    trial: TrialId,
    which: Which,
    (step, bytes): (u64, u64),
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO weights (trial, which, step, bytes) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![trial, which.name(), integer(step)?, integer(bytes)?])?;
    Ok(())
}

fn points(
    transaction: &Transaction<'_>,
    attempt: Attempt,
    trial: TrialId,
    points: &[Point],
) -> Result<(), StoreError> {
    let is_open = transaction
        .prepare_cached("SELECT 1 FROM attempt WHERE number = ?1 AND trial = ?2 AND ended_at IS NULL")?
        .exists(params![integer(attempt)?, trial])?;
    expect(usize::from(is_open), || {
        format!("attempt {attempt} of trial {trial} is not open and measures nothing")
    })?;
    let mut insert = transaction
        .prepare_cached("INSERT OR REPLACE INTO metric (trial, name, step, value) VALUES (?1, ?2, ?3, ?4)")?;
    for point in points {
        // SQLite turns NaN into NULL.
        insert.execute(params![trial, point.name, integer(point.step)?, point.value])?;
    }
    Ok(())
}

/// Ends what a scheduler that went away has left open; its workers ended with it. It last wrote at `written`, as the
/// file's date has it, so they held their slots until then at least. A copied file has another date: an hour after the
/// last time that the store itself knows is believed, no more.
pub(super) fn recover(transaction: &Transaction<'_>, written: Millis) -> Result<(), StoreError> {
    const BELIEVED_MS: Millis = 3_600_000;
    let known: Millis = transaction.query_row(
        "SELECT max(
             (SELECT coalesce(max(max(started_at, coalesce(ended_at, 0))), 0) FROM attempt),
             (SELECT coalesce(max(saved_at), 0) FROM checkpoint), (SELECT coalesce(max(at), 0) FROM event)
         )",
        [],
        |row| row.get(0),
    )?;
    let written = written.min(known.saturating_add(BELIEVED_MS));
    let lost = transaction.execute(
        "UPDATE attempt SET ended_at = max(started_at, ?1), device_seconds = max(0, ?1 - started_at) / 1000.0,
             end = 'cancelled', message = 'scheduler went away'
         WHERE ended_at IS NULL",
        [written],
    )?;
    transaction.execute("UPDATE trial SET status = 'queued' WHERE status = 'running'", [])?;
    if lost > 0 {
        transaction.execute(
            "INSERT INTO event (at, kind, message)
             VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'recovered', ?1)",
            [format!("{lost} attempts were open")],
        )?;
    }
    Ok(())
}

fn attempt_end(end: &AttemptEnd) -> (&'static str, Option<String>) {
    match end {
        AttemptEnd::Done => ("done", None),
        AttemptEnd::Diverged { step } => ("diverged", Some(diverged(*step))),
        AttemptEnd::Failed { message } => ("failed", Some(message.clone())),
        AttemptEnd::Cancelled { message } => ("cancelled", Some(message.clone())),
    }
}

fn trial_end(end: &TrialEnd) -> (&'static str, Option<String>) {
    match end {
        TrialEnd::Done => ("done", None),
        TrialEnd::Diverged { step } => ("diverged", Some(diverged(*step))),
        TrialEnd::Failed { message } => ("failed", Some(message.clone())),
    }
}

fn diverged(step: u64) -> String {
    format!("the loss of step {step} was not finite")
}

fn expect(changed: usize, otherwise: impl FnOnce() -> String) -> Result<(), StoreError> {
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Contradiction(otherwise())),
    }
}
