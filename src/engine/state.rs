//! What the engine knows. Data sits in the variant it belongs to; there are no flags that must agree.

use std::collections::{BTreeMap, BTreeSet};

use sweep_wire::Attempt;

use super::{Millis, Phase, Pool, Running, Sweep, SweepId, TrialId, Worker, WorkerRef};

/// The engine's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// A worker that says nothing for this long, heartbeats included, is killed.
    pub silence_ms: Millis,
    /// How long a worker has to end after it was asked to, beside the time that writing a checkpoint takes.
    pub grace_ms: Millis,
    /// How long a worker is kept for which there is no work.
    pub idle_ms: Millis,
    /// After this many attempts in a row that ended before their first step the environment is taken to be at fault,
    /// and the sweep ends.
    pub max_start_failures: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { silence_ms: 30_000, grace_ms: 10_000, idle_ms: 0, max_start_failures: 4 }
    }
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
    /// The sweeps that want it; at least one.
    pub sweeps: Vec<SweepId>,
    pub place: Place,
    /// Whether it is to have a GPU for itself: memory ran out there.
    pub alone: bool,
    /// How its last attempt failed.
    pub last_failure: Option<Box<str>>,
}

/// Where a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the queues of its sweeps, at this place.
    Waiting {
        order: u64,
    },
    /// Not before this time.
    Delayed {
        until: Millis,
    },
    Running(WorkerRef),
    /// Its attempt has just ended; where it goes is decided within the step.
    Between,
}

/// Whether new trials are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drain {
    No,
    /// Those that run may end.
    NoNewTrials,
    /// Those that run are stopped.
    Stop,
}

/// The whole state.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub policy: Policy,
    pub pool: Pool,
    pub workers: BTreeMap<WorkerRef, Worker>,
    /// Sweeps that are not over.
    pub sweeps: BTreeMap<SweepId, Sweep>,
    /// Every trial that is not over.
    pub trials: BTreeMap<TrialId, Trial>,
    pub drain: Drain,
    /// Trials that wait for a time.
    pub(super) delayed: BTreeSet<(Millis, TrialId)>,
    pub(super) next_attempt: Attempt,
    pub(super) next_incarnation: u64,
    /// Counts trials that were queued, and sweeps that were served.
    pub(super) clock: u64,
    pub(super) last_tick: Option<Millis>,
    /// Messages of attempts or workers that are over.
    pub late_messages: u64,
}

impl State {
    /// An engine with nothing to do; `next_attempt` is above every attempt ever made.
    #[must_use]
    pub fn new(policy: Policy, pool: Pool, next_attempt: Attempt) -> Self {
        Self {
            policy,
            pool,
            workers: BTreeMap::new(),
            sweeps: BTreeMap::new(),
            trials: BTreeMap::new(),
            drain: Drain::No,
            delayed: BTreeSet::new(),
            next_attempt,
            next_incarnation: 1,
            clock: 0,
            last_tick: None,
            late_messages: 0,
        }
    }

    /// Whether nothing is left to do and no worker is left.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.workers.is_empty() && (self.sweeps.is_empty() || self.drain != Drain::No)
    }

    /// The attempts that run.
    pub fn running(&self) -> impl Iterator<Item = (WorkerRef, &Running)> {
        self.workers.iter().filter_map(|(worker, known)| Some((*worker, known.running()?)))
    }

    /// The sweeps that want a trial; none where it is over.
    pub(super) fn wanted_by(&self, id: TrialId) -> Vec<SweepId> {
        self.trials.get(&id).map_or(Vec::new(), |trial| trial.sweeps.clone())
    }

    /// Puts a trial where it waits, in all its sweeps.
    pub(super) fn enqueue(&mut self, id: TrialId) {
        self.clock += 1;
        let order = self.clock;
        let Some(trial) = self.trials.get_mut(&id) else { return };
        trial.place = Place::Waiting { order };
        for sweep in &trial.sweeps {
            if let Some(sweep) = self.sweeps.get_mut(sweep) {
                sweep.queue.insert((order, id));
            }
        }
    }

    /// Takes a trial from where it waits.
    pub(super) fn dequeue(&mut self, id: TrialId) {
        let Some(trial) = self.trials.get(&id) else { return };
        match trial.place {
            Place::Waiting { order } => {
                for sweep in &trial.sweeps {
                    if let Some(sweep) = self.sweeps.get_mut(sweep) {
                        sweep.queue.remove(&(order, id));
                    }
                }
            }
            Place::Delayed { until } => _ = self.delayed.remove(&(until, id)),
            Place::Running(_) | Place::Between => {}
        }
    }

    /// Re-derives every invariant.
    ///
    /// # Panics
    /// One does not hold: a bug.
    pub fn check(&self) {
        let mut attempts = BTreeSet::new();
        for (worker, running) in self.running() {
            assert!(attempts.insert(running.attempt), "two workers share an attempt");
            assert!(running.attempt < self.next_attempt, "an attempt from the future");
            let place = self.trials.get(&running.trial).map(|trial| trial.place);
            assert_eq!(place, Some(Place::Running(worker)), "trial {} runs elsewhere", running.trial);
        }
        for (id, trial) in &self.trials {
            assert!(!trial.sweeps.is_empty(), "nobody wants trial {id}");
            assert!(trial.sweeps.iter().all(|sweep| self.sweeps.contains_key(sweep)), "{id}: {trial:?}");
            match trial.place {
                Place::Running(worker) => {
                    let running = self.workers.get(&worker).and_then(Worker::running);
                    assert_eq!(running.map(|running| running.trial), Some(*id), "trial {id} does not run");
                }
                Place::Between => panic!("trial {id} is nowhere"),
                Place::Delayed { until } => assert!(self.delayed.contains(&(until, *id))),
                Place::Waiting { order } => {
                    let queued = |sweep: &SweepId| self.sweeps[sweep].queue.contains(&(order, *id));
                    assert!(trial.sweeps.iter().all(queued), "trial {id} is not queued");
                }
            }
            assert!(trial.checkpoints.is_sorted_by(|one, next| one < next), "{:?}", trial.checkpoints);
            let last = trial.checkpoints.last();
            assert!(last.is_none_or(|last| *last <= trial.furthest && *last <= trial.steps));
        }
        self.check_sweeps();
        self.check_pool();
    }

    fn check_sweeps(&self) {
        for (id, sweep) in &self.sweeps {
            let its = || self.trials.values().filter(|trial| trial.sweeps.contains(id));
            assert_eq!(its().count() as u64, sweep.left, "sweep {id} counts its trials");
            let waiting = its().filter(|trial| matches!(trial.place, Place::Waiting { .. })).count();
            assert_eq!(waiting, sweep.queue.len(), "sweep {id} counts its waiting trials");
            let running = its().filter(|trial| matches!(trial.place, Place::Running(_))).count();
            assert_eq!(running as u32, sweep.running, "sweep {id} counts its running trials");
            let starting = self.workers.values();
            let starting = starting.filter(|worker| worker.phase == Phase::Starting { sweep: *id }).count();
            assert_eq!(starting as u32, sweep.starting, "sweep {id} counts its starting workers");
        }
        let delayed = self.trials.values().filter(|trial| matches!(trial.place, Place::Delayed { .. }));
        assert_eq!(delayed.count(), self.delayed.len(), "a trial that is over is delayed");
    }

    fn check_pool(&self) {
        let leased: u32 = self.workers.values().map(|worker| worker.lease.cpu).sum();
        assert_eq!(leased + self.pool.cpu_free, self.pool.cpu, "cores are leased twice or lost");
        let mut cores = BTreeSet::new();
        let pinned = self.workers.values().flat_map(|worker| &worker.lease.cores);
        assert!(pinned.chain(&self.pool.cores).all(|core| cores.insert(core)), "a core is leased twice");
        assert_eq!(cores.len(), self.pool.pinnable, "a core is lost");
        for gpu in &self.pool.gpus {
            let leases = self.workers.values().filter_map(|worker| worker.lease.gpu.as_ref());
            let leased: u32 = leases.filter(|lease| lease.uuid == gpu.uuid).map(|lease| lease.share).sum();
            assert_eq!(leased + gpu.free, super::WHOLE, "GPU {} is leased twice or lost", gpu.index);
        }
    }
}
