//! A worker as the engine knows it.

use sweep_wire::Attempt;

use super::{Lease, Millis, Need, SweepId, TrialId};

#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    pub pid: u32,
    /// What tells its process from a later one of the same number.
    pub process: String,
    pub need: Need,
    pub lease: Lease,
    /// Its share of the machine.
    pub share: f64,
    /// When it last said something.
    pub heard: Millis,
    /// The most it was seen to take of a GPU, in bytes.
    pub gpu_memory: Option<u64>,
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// It was asked for on behalf of this sweep and has not said hello.
    Starting {
        sweep: SweepId,
    },
    Idle {
        since: Millis,
    },
    Busy(Running),
    /// It is to end; its attempt, if it had one, is over.
    Ending {
        since: Millis,
        killed: bool,
    },
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
    /// The step it went on from.
    pub first_step: u64,
    pub loss: Option<f64>,
    pub learning_rate: Option<f64>,
    pub step_ms: Option<f64>,
    /// The last step whose training loss has arrived.
    pub last_logged: Option<u64>,
    /// Asked to stop since then, and by whom or why.
    pub stopping: Option<(Millis, String)>,
    /// Whether it has said from which step it goes on.
    pub began: bool,
    /// How long writing a checkpoint may take.
    pub saving_ms: Millis,
    /// Seconds in training steps, as far as it has told.
    pub trained: f64,
    /// What its GPU had taken when it began, in thousandths of a joule; once it is over, what its share of it took.
    pub millijoules: Option<u64>,
    pub joules: Option<f64>,
    /// How often it had something to tell people.
    pub notes: u32,
}

impl Running {
    pub(super) fn new(attempt: Attempt, trial: TrialId, now: Millis, millijoules: Option<u64>) -> Self {
        Self {
            attempt,
            trial,
            since: now,
            progressed: now,
            step: 0,
            first_step: 0,
            loss: None,
            learning_rate: None,
            step_ms: None,
            last_logged: None,
            stopping: None,
            began: false,
            saving_ms: 0,
            trained: 0.0,
            millijoules,
            joules: None,
            notes: 0,
        }
    }

    /// How long it has run, and how long it will as far as it has shown; `otherwise` is a pace in seconds per step for
    /// one that has made no step.
    pub(super) fn seconds(&self, now: Millis, steps: u64, otherwise: f64) -> f64 {
        let elapsed = (now - self.since).max(0) as f64 / 1000.0;
        let made = self.step.saturating_sub(self.first_step);
        let pace = if made == 0 { otherwise } else { elapsed / made as f64 };
        elapsed + pace * steps.saturating_sub(self.step.max(self.first_step)) as f64
    }
}

impl Worker {
    /// Moves what deadlines are counted from.
    pub(super) fn postpone(&mut self, by: Millis) {
        self.heard += by;
        match &mut self.phase {
            Phase::Starting { .. } => {}
            Phase::Idle { since } | Phase::Ending { since, .. } => *since += by,
            Phase::Busy(running) => {
                running.progressed += by;
                if let Some((since, _)) = &mut running.stopping {
                    *since += by;
                }
            }
        }
    }

    #[must_use]
    pub fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Busy(running) => Some(running),
            _ => None,
        }
    }
}
