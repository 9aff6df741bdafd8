//! What the engine is told and what it asks for.

use sweep_wire::{Attempt, FromWorker};

use super::{Record, TrialId};

/// One worker process: the slot it sits in and a number that only grows, so that what an earlier process in
/// the same slot still has to say is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerRef {
    pub slot: u32,
    pub incarnation: u64,
}

/// A trial that is to be trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    pub trial: TrialId,
    pub steps: u64,
    /// Steps of its checkpoints, ascending.
    pub checkpoints: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// These trials are to be trained, in this order.
    Submitted { trials: Vec<Submitted> },
    /// A process was started for the worker.
    Spawned { worker: WorkerRef, pid: u32 },
    /// No process could be started.
    SpawnFailed { worker: WorkerRef, message: String },
    /// A worker said something.
    Said { worker: WorkerRef, message: FromWorker },
    /// A worker said something that is not a message.
    Nonsense { worker: WorkerRef, problem: String },
    /// The process is gone, and all it had said was delivered.
    Exited { worker: WorkerRef, how: String },
    /// Time has passed.
    Tick,
    /// Start no more trials; the second time, stop those that run.
    Interrupted,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// To be committed before any other action of the same step.
    Persist(Record),
    Spawn {
        worker: WorkerRef,
    },
    Assign {
        worker: WorkerRef,
        attempt: Attempt,
        trial: TrialId,
        /// Steps of the checkpoints that it may go on from.
        resume: Vec<u64>,
    },
    /// Delete the files of these checkpoints.
    Discard {
        trial: TrialId,
        steps: Vec<u64>,
    },
    /// Ask the worker to give up its attempt.
    Stop {
        worker: WorkerRef,
        attempt: Attempt,
    },
    /// No more work: close the worker's input, so that it exits.
    Release {
        worker: WorkerRef,
    },
    /// KILL to the worker's process group.
    Kill {
        worker: WorkerRef,
    },
    /// A line for people, about something out of the ordinary.
    Tell(String),
}
