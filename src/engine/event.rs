//! What the engine is told and what it asks for.

use sweep_wire::{Attempt, FromWorker};

use super::{Before, GpuSeen, Lease, Need, Over, Record, SweepId, Terms, TrialId};

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

/// How a worker's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exit {
    pub how: String,
    /// Whether it ended because memory ran out, the machine's or a device's.
    pub out_of_memory: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// These trials of a sweep are to be trained, in this order. One that is not over has new terms and goes on.
    Submitted { sweep: SweepId, terms: Box<Terms>, before: Before, trials: Vec<Submitted> },
    /// The answer to [`Action::Grow`]: further trials, or none if it has all.
    Grown { sweep: SweepId, trials: Vec<Submitted> },
    /// What runs of the sweep is stopped, and nothing of it is started.
    Cancel { sweep: SweepId, by: String },
    /// Nothing of the sweep is started; with `stop` what runs is stopped.
    Pause { sweep: SweepId, by: String, stop: bool },
    /// The sweep goes on.
    Resume { sweep: SweepId, by: String },
    /// A process was started for the worker; `process` tells it from a later one of the same number.
    Spawned { worker: WorkerRef, pid: u32, process: String },
    /// No process could be started.
    SpawnFailed { worker: WorkerRef, message: String },
    /// A worker said something.
    Said { worker: WorkerRef, message: FromWorker },
    /// A worker said something that is not a message.
    Nonsense { worker: WorkerRef, problem: String },
    /// The process is gone, and all it had said was delivered.
    Exited { worker: WorkerRef, exit: Exit },
    /// The GPUs, all of them, as they are now.
    Gpus(Vec<GpuSeen>),
    /// Time has passed.
    Tick,
    /// Start no more trials; the second time, stop those that run; the third time, kill them.
    Interrupted,
    /// Stop what runs; the second time, kill it.
    Terminated,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// To be committed before any other action of the same step.
    Persist(Record),
    Spawn {
        worker: WorkerRef,
        need: Need,
        lease: Lease,
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
    /// A line for people who follow these sweeps, or any where there are none, about something out of the ordinary.
    Tell {
        sweeps: Vec<SweepId>,
        text: String,
    },
    /// All trials of the sweep are over; which others does it need?
    Grow {
        sweep: SweepId,
    },
    /// The sweep has come to its end.
    Over {
        sweep: SweepId,
        over: Over,
    },
}
