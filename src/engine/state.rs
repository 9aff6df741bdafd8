//! What the engine knows. Data sits in the variant it belongs to; there are no flags that must agree.

use std::collections::{BTreeMap, VecDeque};

use sweep_wire::Attempt;

use super::{Millis, TrialId, WorkerRef};

/// The engine's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// How often a trial is tried again after a failed attempt.
    pub max_retries: u32,
    /// A worker that says nothing for this long, heartbeats included, is killed.
    pub silence_ms: Millis,
    /// A worker whose trial makes no progress for this long is killed.
    pub stall_ms: Millis,
    /// How long a worker has to end after it was asked to, beside the time that writing a checkpoint takes.
    pub grace_ms: Millis,
    /// How many checkpoints of a trial are kept, the newest ones; at least 1.
    pub max_checkpoints: usize,
    /// After this many workers in a row that died before their first training step the environment is taken
    /// to be at fault, and the sweep ends.
    pub max_start_failures: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_retries: 2,
            silence_ms: 30_000,
            stall_ms: 600_000,
            grace_ms: 10_000,
            max_checkpoints: 2,
            max_start_failures: 4,
        }
    }
}

/// A place where one worker can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Slot {
    /// No worker; none is started before `not_before`.
    Empty {
        not_before: Millis,
    },
    /// A worker was asked for and has not said hello.
    Starting {
        incarnation: u64,
        pid: u32,
        heard: Millis,
    },
    Idle {
        incarnation: u64,
        pid: u32,
        heard: Millis,
    },
    Busy {
        incarnation: u64,
        pid: u32,
        heard: Millis,
        running: Running,
    },
    /// The worker is to end; its attempt, if it had one, is over.
    Ending {
        incarnation: u64,
        since: Millis,
        killed: bool,
    },
}

impl Slot {
    /// Moves what deadlines are counted from.
    pub(super) fn postpone(&mut self, by: Millis) {
        match self {
            Self::Empty { .. } => {}
            Self::Starting { heard, .. } | Self::Idle { heard, .. } => *heard += by,
            Self::Busy { heard, running, .. } => {
                *heard += by;
                running.progressed += by;
                running.stopping = running.stopping.map(|since| since + by);
            }
            Self::Ending { since, .. } => *since += by,
        }
    }
}

/// An attempt at work.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub attempt: Attempt,
    pub trial: TrialId,
    pub since: Millis,
    /// When it last made a step.
    pub progressed: Millis,
    pub step: u64,
    pub loss: Option<f64>,
    pub learning_rate: Option<f64>,
    pub step_ms: Option<f64>,
    /// The last step whose training loss has arrived.
    pub last_logged: Option<u64>,
    /// Asked to stop since then.
    pub stopping: Option<Millis>,
    /// Whether it has said from which step it goes on.
    pub began: bool,
    /// How long writing a checkpoint may take.
    pub saving_ms: Millis,
    /// Seconds in training steps, as far as it has told.
    pub trained: f64,
    /// How often it had something to tell people.
    pub notes: u32,
}

/// A trial that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub steps: u64,
    /// Attempts that failed since the trial last came further than ever.
    pub failures: u32,
    /// Steps of its checkpoints, ascending.
    pub checkpoints: Vec<u64>,
    /// The largest of them ever.
    pub furthest: u64,
}

/// Whether new trials are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drain {
    No,
    /// Those that run may end.
    NoNewTrials,
    /// Those that run are stopped.
    Stop,
    /// As `Stop`: workers cannot be had, for this reason.
    Broken {
        reason: String,
    },
}

/// How many trials of this engine are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub done: u64,
    pub diverged: u64,
    pub failed: u64,
    /// Steps of all trials that ended.
    pub steps: u64,
}

/// The whole state.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub policy: Policy,
    pub slots: Vec<Slot>,
    pub queue: VecDeque<TrialId>,
    /// Every trial that is not over, queued or running.
    pub trials: BTreeMap<TrialId, Trial>,
    pub counts: Counts,
    pub drain: Drain,
    pub(super) next_attempt: Attempt,
    pub(super) next_incarnation: u64,
    /// Workers in a row that died before a step was made.
    pub(super) start_failures: u32,
    pub(super) last_tick: Option<Millis>,
    /// Messages of attempts or workers that are over.
    pub late_messages: u64,
}

impl State {
    /// An engine with nothing to do; `next_attempt` is above every attempt ever made.
    #[must_use]
    pub fn new(policy: Policy, slots: u32, next_attempt: Attempt) -> Self {
        Self {
            policy,
            slots: vec![Slot::Empty { not_before: 0 }; slots as usize],
            queue: VecDeque::new(),
            trials: BTreeMap::new(),
            counts: Counts::default(),
            drain: Drain::No,
            next_attempt,
            next_incarnation: 1,
            start_failures: 0,
            last_tick: None,
            late_messages: 0,
        }
    }

    /// Whether nothing is left to do and no worker is left.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let idle = self.slots.iter().all(|slot| matches!(slot, Slot::Empty { .. }));
        idle && (self.trials.is_empty() || self.drain != Drain::No)
    }

    /// The attempts that run.
    pub fn running(&self) -> impl Iterator<Item = (u32, &Running)> {
        self.slots.iter().enumerate().filter_map(|(slot, state)| match state {
            Slot::Busy { running, .. } => Some((slot as u32, running)),
            _ => None,
        })
    }

    /// The worker a slot holds, if it is this one.
    pub(super) fn holds(&self, worker: WorkerRef) -> bool {
        let held = match self.slots.get(worker.slot as usize) {
            None | Some(Slot::Empty { .. }) => return false,
            Some(
                Slot::Starting { incarnation, .. }
                | Slot::Idle { incarnation, .. }
                | Slot::Busy { incarnation, .. }
                | Slot::Ending { incarnation, .. },
            ) => *incarnation,
        };
        held == worker.incarnation
    }

    /// Re-derives every invariant.
    ///
    /// # Panics
    /// One does not hold: a bug.
    pub fn check(&self) {
        let mut seen = std::collections::BTreeSet::new();
        let running = self.running().map(|(_, running)| running.trial);
        for trial in running.chain(self.queue.iter().copied()) {
            assert!(seen.insert(trial), "trial {trial} is at two places");
        }
        assert!(seen.iter().eq(self.trials.keys()), "a trial that is not over is neither queued nor running");
        let mut attempts: Vec<_> = self.running().map(|(_, running)| running.attempt).collect();
        assert!(attempts.iter().all(|attempt| *attempt < self.next_attempt), "an attempt from the future");
        attempts.sort_unstable();
        attempts.dedup();
        assert_eq!(attempts.len(), self.running().count(), "two workers share an attempt");
        for trial in self.trials.values() {
            assert!(trial.checkpoints.is_sorted_by(|one, next| one < next), "{:?}", trial.checkpoints);
            assert!(
                trial.checkpoints.last().is_none_or(|last| *last <= trial.furthest && *last < trial.steps)
            );
        }
    }
}
