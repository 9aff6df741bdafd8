//! Why a trial does not run: the predicate that the scheduler itself goes by, in words.

use std::fmt;

use super::{Drain, Lack, Millis, Place, Stage, State, Sweep, SweepId, TrialId, WHOLE, Worker};

/// Why nothing of a sweep can be started now.
#[derive(Debug, Clone, PartialEq)]
pub enum Blocker {
    /// The scheduler starts nothing more.
    Draining,
    Paused,
    Stopping(String),
    /// It runs as many as it may.
    MaxWorkers(u32),
    Limit(String),
    /// Workers for all that waits are on their way.
    Starting,
    /// Workers died as they started.
    SpawnPause {
        until: Millis,
        failures: u32,
    },
    Lack(Lack),
    /// This sweep goes first and waits for what there is too little of.
    After(SweepId),
}

/// Where a trial is, and what it waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    Running {
        slot: u32,
        attempt: u64,
        step: u64,
        steps: u64,
        since: Millis,
        stopping: Option<String>,
    },
    Delayed {
        until: Millis,
        failures: u32,
        last: String,
    },
    /// With the number of trials before it in each sweep, and what keeps that sweep from starting one.
    Waiting {
        sweeps: Vec<(SweepId, usize, Option<String>)>,
        last: Option<String>,
    },
}

impl State {
    /// What keeps a sweep from starting the first of its waiting trials now; nothing else does.
    pub(super) fn blocker(&self, id: SweepId, now: Millis) -> Option<Blocker> {
        let sweep = self.sweeps.get(&id)?;
        if self.drain != Drain::No {
            return Some(Blocker::Draining);
        }
        match &sweep.stage {
            Stage::Open => {}
            Stage::Paused => return Some(Blocker::Paused),
            Stage::Stopping(over) => return Some(Blocker::Stopping(over.to_string())),
        }
        let (_, trial) = sweep.queue.first()?;
        let need = self.need(sweep, *trial);
        if let Some(limit) = self.limit(id, now) {
            return Some(Blocker::Limit(limit));
        }
        if sweep.running >= sweep.terms.max_workers {
            return Some(Blocker::MaxWorkers(sweep.terms.max_workers));
        }
        if self.idle(&need).is_some() {
            return None;
        }
        if sweep.starting as usize >= sweep.queue.len()
            || sweep.running + sweep.starting >= sweep.terms.max_workers
        {
            return Some(Blocker::Starting);
        }
        if now < sweep.spawn_after {
            return Some(Blocker::SpawnPause { until: sweep.spawn_after, failures: sweep.start_failures });
        }
        self.pool.lacks(&need, sweep.gpu_memory).map(Blocker::Lack)
    }

    /// The limit of a sweep that keeps its next trial from being started.
    pub(super) fn limit(&self, id: SweepId, now: Millis) -> Option<String> {
        let sweep = self.sweeps.get(&id)?;
        let steps = sweep.queue.first().map_or(0, |(_, trial)| self.trials[trial].steps);
        let committed = match sweep.terms.limits.usd {
            None => 0.0,
            Some(_) => self.committed(id, sweep, now),
        };
        sweep.limit(now, committed, self.pool.share(&sweep.terms.need), steps)
    }

    /// Machine seconds that the running attempts of a sweep have taken and will take.
    fn committed(&self, id: SweepId, sweep: &Sweep, now: Millis) -> f64 {
        let busy = |worker: &'_ Worker| -> Option<f64> {
            let running = worker.running()?;
            let trial = self.trials.get(&running.trial).filter(|trial| trial.sweeps.contains(&id))?;
            Some(running.seconds(now, trial.steps, sweep.seconds_per_step()) * worker.share)
        };
        self.workers.values().filter_map(busy).sum()
    }

    /// Why nothing of a sweep can be started now, in words, with who has what it lacks.
    #[must_use]
    pub fn waits(&self, now: Millis, id: SweepId) -> Option<String> {
        let blocker = self.blocker(id, now).or_else(|| self.held_by(id, now).map(Blocker::After))?;
        let others = self.sweeps.iter().filter(|(other, sweep)| **other != id && sweep.running > 0);
        let others = others.map(|(other, sweep)| match (sweep.terms.priority, sweep.running) {
            (0, workers) => format!("sweep {other} has {workers}"),
            (priority, workers) => format!("sweep {other}, of priority {priority}, has {workers}"),
        });
        let others: Vec<_> = others.collect();
        Some(match (&blocker, others.is_empty()) {
            (Blocker::Lack(_), false) => format!("{blocker}; of the workers {}", others.join(", ")),
            _ => blocker.to_string(),
        })
    }

    /// Where a trial is; none where the engine does not know it.
    #[must_use]
    pub fn why(&self, now: Millis, id: TrialId) -> Option<Why> {
        let trial = self.trials.get(&id)?;
        let last = trial.last_failure.as_deref().map(str::to_owned);
        Some(match trial.place {
            Place::Running(worker) => {
                let running = self.workers.get(&worker)?.running()?;
                Why::Running {
                    slot: worker.slot,
                    attempt: running.attempt,
                    step: running.step,
                    steps: trial.steps,
                    since: running.since,
                    stopping: running.stopping.as_ref().map(|(_, why)| why.clone()),
                }
            }
            Place::Between => return None,
            Place::Delayed { until } => {
                Why::Delayed { until, failures: trial.failures, last: last.unwrap_or_default() }
            }
            Place::Waiting { order } => {
                let sweeps = trial.sweeps.iter().filter_map(|sweep| {
                    let ahead = self.sweeps.get(sweep)?.queue.range(..(order, id)).count();
                    Some((*sweep, ahead, self.waits(now, *sweep)))
                });
                Why::Waiting { sweeps: sweeps.collect(), last }
            }
        })
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = |cpu: &u32| f64::from(*cpu) / f64::from(WHOLE);
        match self {
            Self::Draining => f.write_str("the scheduler is ending and starts nothing more"),
            Self::Paused => f.write_str("the sweep is paused; `sweep resume` lets it go on"),
            Self::Stopping(why) => write!(f, "the sweep is ending: {why}"),
            Self::MaxWorkers(1) => f.write_str("the sweep may have one worker at a time, which is busy"),
            Self::MaxWorkers(most) => {
                write!(f, "the sweep may have {most} workers at a time, and all are busy")
            }
            Self::Limit(limit) => write!(f, "{limit}"),
            Self::Starting => f.write_str("a worker for it is starting"),
            Self::SpawnPause { failures, .. } => {
                write!(
                    f,
                    "{failures} attempts in a row ended before their first step; the next worker waits a moment"
                )
            }
            Self::Lack(Lack::Cpu { wanted, free }) => {
                let plural = if *wanted == WHOLE { "" } else { "s" };
                write!(f, "a worker takes {} core{plural}, and {} are free", cores(wanted), cores(free))
            }
            Self::Lack(Lack::Gpu(states)) => write!(f, "no GPU can be had: {states}"),
            Self::After(sweep) => write!(f, "sweep {sweep} goes first, and waits for a worker to end"),
        }
    }
}
