//! A machine with scripted workers: they start, train, lie, stall, die and talk nonsense as a seed decides.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sweep::engine::{Action, AttemptEnd, Drain, Event, Policy, Record, State, TrialId, WorkerRef};
use sweep_wire::{FailureKind, FromWorker, PROTOCOL, Point, Progress};

use super::waiting;

/// Faults end here; what is left must then finish.
const CALM_AFTER: i64 = 3_000_000;
const DEADLINE: i64 = 60_000_000;

#[derive(Debug, Clone)]
struct Worker {
    attempt: Option<(u64, TrialId, u64)>,
    /// Checkpoints it may go on from, until it has begun.
    resume: Option<Vec<u64>>,
    step: u64,
    said_hello: bool,
    /// Ends its process at the next turn.
    released: bool,
    silent: bool,
}

pub(super) struct World {
    pub(super) records: Vec<Record>,
    pub(super) trials: usize,
    rng: TestRng,
    /// Chance of each kind of fault per turn, in 1/1000; some are off, some likely.
    weights: [u64; 8],
    workers: BTreeMap<WorkerRef, Worker>,
    /// The checkpoints on disk.
    files: BTreeSet<(TrialId, u64)>,
    steps: BTreeMap<TrialId, u64>,
}

impl World {
    pub(super) fn run(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut pick = |below: u64| rng.next_u64() % below;
        let weights = std::array::from_fn(|_| [0, 0, 5, 30, 150][pick(5) as usize]);
        let (slots, trials) = (1 + pick(4), 1 + pick(12));
        let steps: BTreeMap<_, _> = (0..trials as i64).map(|trial| (trial, 1 + pick(30))).collect();
        let mut world = Self {
            records: vec![],
            trials: trials as usize,
            rng,
            weights,
            workers: BTreeMap::new(),
            files: BTreeSet::new(),
            steps,
        };
        // Start failures must not end the sweep here: an environment that is broken for good has its own test.
        let policy = Policy { max_start_failures: u32::MAX, ..Policy::default() };
        let mut state = State::new(policy, slots as u32, 1);
        let submitted = world.steps.iter().map(|(trial, steps)| waiting(*trial, *steps)).collect();
        let mut now = 0;
        let mut events = vec![Event::Submitted { trials: submitted }];
        loop {
            for event in std::mem::take(&mut events) {
                let actions = state.step(now, event);
                state.check();
                world.apply(actions, &mut events);
            }
            assert_eq!(state.drain, Drain::No);
            if state.is_finished() {
                return world;
            }
            if events.is_empty() {
                now += 100 + world.below(3000) as i64;
                assert!(now < DEADLINE, "seed {seed} does not end: {state:?}");
                events = world.turn(now < CALM_AFTER);
            }
        }
    }

    fn below(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below
    }

    fn strikes(&mut self, fault: usize, faults: bool) -> bool {
        let weight = self.weights[fault];
        self.below(1000) < weight && faults
    }

    fn apply(&mut self, actions: Vec<Action>, events: &mut Vec<Event>) {
        for action in actions {
            match action {
                Action::Persist(record) => self.records.push(record),
                Action::Spawn { worker } => {
                    let fresh = Worker {
                        attempt: None,
                        resume: None,
                        step: 0,
                        said_hello: false,
                        released: false,
                        silent: false,
                    };
                    self.workers.insert(worker, fresh);
                    events.push(Event::Spawned { worker, pid: worker.incarnation as u32 });
                }
                Action::Assign { worker, attempt, trial, resume } => {
                    let steps = self.steps[&trial];
                    for step in &resume {
                        assert!(self.files.contains(&(trial, *step)), "checkpoint {step} is not there");
                    }
                    if let Some(worker) = self.workers.get_mut(&worker) {
                        assert!(worker.attempt.is_none(), "a worker got two trials");
                        (worker.attempt, worker.resume) = (Some((attempt, trial, steps)), Some(resume));
                    }
                }
                Action::Discard { trial, steps } => {
                    for step in steps {
                        self.files.remove(&(trial, step));
                    }
                }
                Action::Release { worker } => {
                    if let Some(worker) = self.workers.get_mut(&worker) {
                        worker.released = true;
                    }
                }
                Action::Kill { worker } => {
                    if self.workers.remove(&worker).is_some() {
                        events.push(Event::Exited { worker, how: "killed by SIGKILL".into() });
                    }
                }
                Action::Stop { .. } | Action::Tell(_) => {}
            }
        }
    }

    /// What all workers do next.
    fn turn(&mut self, faults: bool) -> Vec<Event> {
        let mut events = vec![Event::Tick];
        for reference in self.workers.keys().copied().collect::<Vec<_>>() {
            let Some(mut worker) = self.workers.remove(&reference) else { continue };
            let dies = self.strikes(0, faults) || (worker.released && !worker.silent);
            if dies {
                events.push(Event::Exited { worker: reference, how: "exit code 1".into() });
                continue;
            }
            if self.strikes(1, faults) {
                worker.silent = true;
            }
            if !worker.silent {
                self.talk(reference, &mut worker, faults, &mut events);
            }
            self.workers.insert(reference, worker);
        }
        events
    }

    fn talk(&mut self, reference: WorkerRef, worker: &mut Worker, faults: bool, events: &mut Vec<Event>) {
        let said = |message| Event::Said { worker: reference, message };
        if self.strikes(2, faults) {
            return events.push(Event::Nonsense { worker: reference, problem: "it wrote `?`".into() });
        }
        if !worker.said_hello {
            worker.said_hello = true;
            return events.push(said(FromWorker::Hello {
                protocol: PROTOCOL,
                worker: String::new(),
                pid: 1,
            }));
        }
        let Some((attempt, trial, steps)) = worker.attempt else {
            return events.push(said(FromWorker::Heartbeat));
        };
        if let Some(mut resume) = worker.resume.take() {
            let mut damaged = Vec::new();
            while !resume.is_empty() && self.strikes(7, faults) {
                damaged.extend(resume.pop());
            }
            worker.step = resume.pop().unwrap_or(0);
            let step = worker.step;
            return events.push(said(FromWorker::Started { attempt, step, state_bytes: 1 << 20, damaged }));
        }
        if self.strikes(3, faults) {
            // A late message of another attempt.
            return events.push(said(FromWorker::Done { attempt: attempt - 1, steps, train_seconds: 0.0 }));
        }
        if self.strikes(4, faults) {
            worker.attempt = None;
            let kind = [FailureKind::Transient, FailureKind::Permanent, FailureKind::Stopped]
                [self.below(3) as usize];
            return events.push(said(FromWorker::Failed { attempt, kind, message: "failed".into() }));
        }
        if self.strikes(5, faults) {
            worker.attempt = None;
            return events.push(said(FromWorker::Diverged {
                attempt,
                step: worker.step,
                train_seconds: 0.0,
            }));
        }
        let lies = self.strikes(6, faults);
        if worker.step == steps || lies {
            worker.attempt = None;
            return events.push(said(FromWorker::Done { attempt, steps, train_seconds: 1.0 }));
        }
        let from = worker.step;
        worker.step = (worker.step + 1 + self.below(10)).min(steps);
        let points = (from..worker.step).map(|step| Point { name: "train/loss".into(), step, value: 1.0 });
        let points = points.collect();
        let (step, loss, learning_rate, step_ms) = (worker.step, Some(1.0), Some(0.1), 1.0);
        events.push(said(FromWorker::Progress(Progress {
            attempt,
            step,
            loss,
            learning_rate,
            step_ms,
            points,
        })));
        if worker.step < steps && self.below(3) == 0 {
            self.files.insert((trial, worker.step));
            events.push(said(FromWorker::Checkpoint { attempt, step: worker.step, bytes: 1 }));
        }
    }

    /// Reads the records as a store would: attempts only grow, none is open twice, a trial that ended stays so,
    /// attempts go on from checkpoints that are there, and a finished trial has the points of all its steps.
    pub(super) fn check_records(&self) {
        let mut open: BTreeMap<TrialId, u64> = BTreeMap::new();
        let mut over = BTreeSet::new();
        let mut measured: BTreeMap<TrialId, BTreeSet<u64>> = BTreeMap::new();
        let mut checkpoints: BTreeMap<TrialId, BTreeSet<u64>> = BTreeMap::new();
        let mut newest = 0;
        for record in &self.records {
            match record {
                Record::AttemptStarted { attempt, trial, .. } => {
                    assert!(*attempt > newest && !over.contains(trial), "{record:?}");
                    newest = *attempt;
                    assert!(open.insert(*trial, *attempt).is_none(), "two live attempts: {record:?}");
                }
                Record::AttemptBegan { attempt, trial, step } => {
                    assert_eq!(open.get(trial), Some(attempt));
                    assert!(*step == 0 || checkpoints[trial].contains(step), "{record:?}");
                    let measured = measured.entry(*trial).or_default();
                    measured.retain(|known| known < step);
                    assert_eq!(measured.len() as u64, *step, "nothing before the checkpoint is lost");
                }
                Record::Points { attempt, trial, points } => {
                    assert_eq!(open.get(trial), Some(attempt));
                    let steps = points.iter().map(|point| point.step);
                    measured.entry(*trial).or_default().extend(steps);
                }
                Record::CheckpointSaved { attempt, trial, step, .. } => {
                    assert_eq!(open.get(trial), Some(attempt));
                    let checkpoints = checkpoints.entry(*trial).or_default();
                    assert!(checkpoints.insert(*step) && checkpoints.len() <= 3, "{record:?}");
                }
                Record::CheckpointsDropped { trial, steps } => {
                    let checkpoints = checkpoints.entry(*trial).or_default();
                    assert!(steps.iter().all(|step| checkpoints.remove(step)), "{record:?}");
                }
                Record::WeightsKept { .. } => {}
                Record::AttemptEnded { attempt, trial, end, .. } => {
                    assert_eq!(open.remove(trial), Some(*attempt));
                    if *end == AttemptEnd::Done {
                        let steps = self.steps[trial];
                        assert!(
                            measured[trial].iter().copied().eq(0..steps),
                            "a finished trial has all points"
                        );
                        assert!(checkpoints.get(trial).is_none_or(BTreeSet::is_empty), "nothing is left");
                    }
                }
                Record::TrialQueued { trial, .. } => assert!(!over.contains(trial)),
                Record::TrialEnded { trial, .. } => {
                    assert!(!open.contains_key(trial) && over.insert(*trial), "{record:?}");
                }
            }
        }
        assert!(open.is_empty());
    }
}
