//! What the engine asks to be kept. Plain data: the store writes all records of one step in one
//! transaction, before anything else of that step happens.

use sweep_wire::{Attempt, Point, Which};

use super::Over;

/// A trial's row in the store.
pub type TrialId = i64;
/// A sweep's row in the store.
pub type SweepId = i64;
/// Milliseconds since the Unix epoch.
pub type Millis = i64;

#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A worker took the trial. `process` tells its process from a later one of the same number; `share` is what it
    /// takes of the machine, from 0 to 1.
    AttemptStarted {
        attempt: Attempt,
        trial: TrialId,
        slot: u32,
        pid: u32,
        process: String,
        share: f64,
        at: Millis,
    },
    /// The attempt goes on at this step; what earlier attempts measured from step `void` on is void.
    AttemptBegan { attempt: Attempt, trial: TrialId, step: u64, void: u64 },
    /// Values measured by the attempt.
    Points { attempt: Attempt, trial: TrialId, points: Vec<Point> },
    /// The state after `step` updates is on disk.
    CheckpointSaved { attempt: Attempt, trial: TrialId, step: u64, bytes: u64, at: Millis },
    /// These checkpoints are no longer there.
    CheckpointsDropped { trial: TrialId, steps: Vec<u64> },
    /// Trained weights are on disk.
    WeightsKept { trial: TrialId, which: Which, step: u64, bytes: u64 },
    /// The attempt is over. `device_seconds` is how long it held its slot, `train_seconds` how much of
    /// that went into training steps, as far as the worker told.
    AttemptEnded {
        attempt: Attempt,
        trial: TrialId,
        end: AttemptEnd,
        device_seconds: f64,
        train_seconds: f64,
        /// What its share of the GPU took meanwhile, between the readings nearest to both ends.
        joules: Option<f64>,
        at: Millis,
    },
    /// A sweep was paused, goes on or is over.
    SweepChanged { sweep: SweepId, change: Change, at: Millis },
    /// The trial waits for another attempt.
    TrialQueued { trial: TrialId, at: Millis },
    /// The trial is over.
    TrialEnded { trial: TrialId, end: TrialEnd, at: Millis },
}

/// What became of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Paused { by: String },
    Resumed { by: String },
    Over(Over),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    Done,
    Diverged {
        step: u64,
    },
    Failed {
        message: String,
    },
    /// Told to stop, or its scheduler went away.
    Cancelled {
        message: String,
    },
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TrialEnd {
    Done,
    Diverged { step: u64 },
    Failed { message: String },
}
