//! A sweep in the engine: what it may use, what waits in it, what it has used.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Millis, Need, TrialId};

/// What a sweep asks for and may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Larger ones go first.
    pub priority: i32,
    pub need: Need,
    /// The most workers at one time.
    pub max_workers: u32,
    pub limits: Limits,
    /// What the whole machine costs, in dollars per hour.
    pub usd_per_hour: Option<f64>,
    /// How often a trial is tried again after a failed attempt.
    pub max_retries: u32,
    /// The pause before the first retry, doubled before each further one.
    pub backoff_ms: Millis,
    /// How many checkpoints of a trial are kept, the newest ones; at least 1.
    pub max_checkpoints: usize,
    /// An attempt that makes no step for this long is ended.
    pub stall_ms: Option<Millis>,
    /// Whether there may be more trials once those that it has are over: then it is asked for.
    #[serde(default)]
    pub grows: bool,
}

/// At which no new trial is started.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Trials of the sweep that are over or run.
    pub trials: Option<u64>,
    /// Since it was submitted.
    pub wall_clock_ms: Option<Millis>,
    /// Trials that failed.
    pub failures: Option<u64>,
    /// Spent and still to be spent by what runs, in dollars.
    pub usd: Option<f64>,
}

/// What a sweep has behind it when it is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Before {
    /// When it was submitted.
    pub submitted_at: Millis,
    /// Its trials that are over, and those of them that failed.
    pub ended: u64,
    pub failed: u64,
    /// Device seconds of all attempts at its trials, each weighted with its share of the machine.
    pub machine_seconds: f64,
}

/// Whether trials of a sweep are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    Open,
    /// None is started; those that run may end, or were told to stop.
    Paused,
    /// All that run are told to stop; then it is over.
    Stopping(Over),
}

/// Why a sweep is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Every trial has ended.
    Done,
    Cancelled {
        by: String,
    },
    /// A limit was reached.
    Limited {
        reason: String,
    },
    /// Workers cannot be had or find model and data changed.
    Broken {
        reason: String,
    },
}

/// How many of a sweep's trials ended in this engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub done: u64,
    pub diverged: u64,
    pub failed: u64,
    /// Steps of all trials that ended.
    pub steps: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    pub terms: Terms,
    pub stage: Stage,
    pub before: Before,
    pub counts: Counts,
    /// Waiting trials by the order in which they are started.
    pub(super) queue: BTreeSet<(u64, TrialId)>,
    /// Steps of all trials that were brought.
    pub steps: u64,
    /// Its trials that are not over.
    pub left: u64,
    /// Attempts that run.
    pub running: u32,
    /// Workers that were asked for on its behalf and have not said hello.
    pub(super) starting: u32,
    /// When it was last given a worker, in the engine's own count.
    pub(super) served: u64,
    /// Attempts in a row that ended before their first step, and workers that did not start.
    pub(super) start_failures: u32,
    /// The trial whose attempt was the last of those.
    pub(super) last_start_failure: Option<TrialId>,
    /// No worker is started for it before.
    pub(super) spawn_after: Millis,
    /// Machine seconds of attempts that ended.
    pub(super) spent: f64,
    /// Seconds and steps of attempts that ended.
    pub(super) pace: (f64, u64),
    /// The most a worker of it took of a GPU, in bytes, once one has made a step.
    pub gpu_memory: Option<u64>,
    /// Whether it was asked for more trials, and no answer came.
    pub(super) asked: bool,
}

impl Counts {
    #[must_use]
    pub fn ended(self) -> u64 {
        self.done + self.diverged + self.failed
    }
}

impl Sweep {
    pub(super) fn new(terms: Terms, before: Before) -> Self {
        Self {
            terms,
            stage: Stage::Open,
            before,
            counts: Counts::default(),
            queue: BTreeSet::new(),
            steps: 0,
            left: 0,
            running: 0,
            starting: 0,
            served: 0,
            start_failures: 0,
            last_start_failure: None,
            spawn_after: 0,
            spent: 0.0,
            pace: (0.0, 0),
            gpu_memory: None,
            asked: false,
        }
    }

    /// A trial of it made a step, or came to its result: the environment is sound.
    pub(super) fn got_going(&mut self) {
        (self.start_failures, self.last_start_failure) = (0, None);
    }

    /// Trials that wait and could start.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The limit that forbids to start one more trial; `committed` are the machine seconds that running attempts
    /// have taken and will take, `share` is what a worker takes of the machine, `steps` are the next trial's.
    pub(super) fn limit(&self, now: Millis, committed: f64, share: f64, steps: u64) -> Option<String> {
        let Limits { trials, wall_clock_ms, failures, usd } = self.terms.limits;
        let taken = self.before.ended + self.counts.ended() + u64::from(self.running);
        if let Some(limit) = trials.filter(|limit| taken >= *limit) {
            return Some(format!("the limit of {limit} trial{}", plural(limit)));
        }
        let elapsed = now - self.before.submitted_at;
        if let Some(limit) = wall_clock_ms.filter(|limit| elapsed >= *limit) {
            return Some(format!("the limit of {} s of wall clock", limit as f64 / 1000.0));
        }
        let failed = self.before.failed + self.counts.failed;
        if let Some(limit) = failures.filter(|limit| failed >= *limit) {
            return Some(format!("the limit of {limit} failed trial{}", plural(limit)));
        }
        let (limit, price) = (usd?, self.terms.usd_per_hour?);
        let dollars = |machine_seconds: f64| machine_seconds / 3600.0 * price;
        let spent = dollars(self.before.machine_seconds + self.spent + committed);
        let next = dollars(self.seconds_per_step() * steps as f64 * share);
        if spent >= limit || spent + next > limit {
            return Some(format!(
                "the limit of ${limit}: ${spent:.4} are spent or committed, and the next trial takes about ${next:.4}"
            ));
        }
        None
    }

    /// How long a step takes with evaluations and all, as far as attempts have shown.
    pub(super) fn seconds_per_step(&self) -> f64 {
        if self.pace.1 == 0 { 0.0 } else { self.pace.0 / self.pace.1 as f64 }
    }

    /// The pause before a trial that has failed so often is tried again.
    pub(super) fn backoff(&self, failures: u32) -> Millis {
        const MAX_MS: Millis = 300_000;
        let doubled = self.terms.backoff_ms.saturating_mul(1 << failures.saturating_sub(1).min(30));
        doubled.min(MAX_MS.max(self.terms.backoff_ms))
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
