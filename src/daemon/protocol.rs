//! What commands and a scheduler say to each other: one JSON object per line over the home's socket. A command sends
//! one request and reads replies until the end.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sweep_wire::Facts;

use crate::cost::Offer;
use crate::engine::{Millis, Over, SweepId, TrialId};

/// Raised when a line changes its meaning; both sides are of one executable, except while it is being replaced.
pub const VERSION: u32 = 2;

/// The longest request, in bytes: a spec with its facts.
pub(super) const MAX_REQUEST: u64 = 16 << 20;

/// The first and only line of a command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub version: u32,
    pub request: Request,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Answered by `status`.
    Status,
    /// Answered by `submitted`. `file` is the spec's absolute path, `facts` what was found out about model and data.
    Submit {
        file: String,
        text: String,
        facts: Box<Facts>,
        /// What the machine costs.
        price: Option<Offer>,
    },
    /// Answered by `done`, as are the next four.
    Cancel {
        sweep: SweepId,
    },
    Pause {
        sweep: SweepId,
        stop: bool,
    },
    Resume {
        sweep: SweepId,
    },
    /// Failed trials of the sweep, or those of it that are named.
    Retry {
        sweep: SweepId,
        trials: Option<Vec<TrialId>>,
    },
    /// End the scheduler: stop what runs, or with `now` kill it.
    Stop {
        now: bool,
    },
    /// Answered by `snapshot` a few times a second and by `over` at the end.
    Watch {
        sweep: SweepId,
    },
    /// Answered by `why`.
    Why {
        trial: TrialId,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// It was not done.
    Error {
        message: String,
        hint: Option<String>,
        code: u8,
    },
    Done {
        message: String,
    },
    Submitted(Accepted),
    Status(Box<Status>),
    Snapshot(Box<Snapshot>),
    /// The sweep is over; `None` where the scheduler ended before it.
    Over {
        over: Option<Over>,
    },
    /// Lines for people; none where the scheduler does not have the trial.
    Why {
        lines: Vec<String>,
    },
}

/// A sweep that was taken in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accepted {
    pub sweep: SweepId,
    pub name: String,
    /// Of the plan.
    pub trials: usize,
    /// How the plan comes about, such as `2 schedules × 3 budgets × 5 seeds`.
    pub factors: String,
    /// Those without a result, and their steps together.
    pub left: usize,
    pub steps: u64,
    pub workers: u32,
    pub threads: u32,
}

/// How a scheduler is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    /// Whether it stays when there is nothing to do.
    pub daemon: bool,
    pub since: Millis,
    /// Thousandths of cores.
    pub cpu: u32,
    pub cpu_free: u32,
    pub workers: usize,
    pub late_messages: u64,
    pub draining: bool,
    pub sweeps: Vec<SweepStatus>,
    /// As JSON objects for people who look closely.
    pub gpus: Vec<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SweepStatus {
    pub sweep: SweepId,
    pub state: String,
    pub priority: i32,
    pub waiting: u64,
    pub running: u32,
}

/// How far a sweep is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub sweep: SweepId,
    /// `open`, `paused` or `ending`.
    pub state: String,
    /// Trials that were to be trained, and how many of them ended.
    pub trials: u64,
    pub done: u64,
    pub diverged: u64,
    pub failed: u64,
    /// Steps of all of them, and those that are made.
    pub steps: u64,
    pub steps_made: u64,
    pub running: Vec<Attempting>,
    /// Why nothing of it runs, where nothing does.
    pub waits: Option<String>,
    /// What people should know since the last one.
    pub told: Vec<String>,
}

/// An attempt that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempting {
    pub slot: u32,
    pub trial: TrialId,
    /// Such as `cosine · 50% · seed 1`.
    pub label: String,
    pub step: u64,
    pub steps: u64,
    pub loss: Option<f64>,
    pub learning_rate: Option<f64>,
    pub step_ms: Option<f64>,
}

impl Snapshot {
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.done + self.diverged + self.failed
    }
}
