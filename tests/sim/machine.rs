//! A machine with scripted workers: they start, train, lie, stall, die and talk nonsense as a seed decides.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sweep::engine::{Action, Event, Exit, GpuProcess, GpuSeen, Lease, Owner, TrialId, WorkerRef};
use sweep_wire::{FailureKind, FromWorker, PROTOCOL, Point, Progress};

use super::exited;

/// What can go wrong, each with a chance of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Exit,
    Silence,
    Torn,
    Late,
    Failure,
    Divergence,
    Lie,
    DamagedCheckpoint,
    Duplicate,
    /// The process cannot be started.
    NoSpawn,
    OutOfMemory,
    DiskFull,
    /// The scheduler dies after a commit, before some of what hangs on it.
    Crash,
    GpuVanishes,
    ForeignUse,
    ClockJump,
    /// Somebody cancels, pauses, goes on with or submits a sweep again.
    Person,
}

const FAULTS: usize = 17;

#[derive(Debug, Clone)]
struct Worker {
    lease: Lease,
    attempt: Option<(u64, TrialId, u64)>,
    /// Checkpoints it may go on from, until it has begun.
    resume: Option<Vec<u64>>,
    step: u64,
    said_hello: bool,
    /// Ends its process at the next turn.
    released: bool,
    /// Gives up its attempt at the next turn.
    stopping: bool,
    silent: bool,
}

pub(crate) struct Machine {
    rng: TestRng,
    /// Chance of each fault per turn, in 1/1000; some are off, some likely.
    weights: [u64; FAULTS],
    workers: BTreeMap<WorkerRef, Worker>,
    /// The checkpoints on disk.
    files: BTreeSet<(TrialId, u64)>,
    pub(crate) gpus: u32,
    /// Leases of shares and cores that the workers hold.
    pub(crate) faults: bool,
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let weights = std::array::from_fn(|_| [0, 0, 3, 20, 100][(rng.next_u64() % 5) as usize]);
        let gpus = (rng.next_u64() % 3) as u32;
        let (workers, files) = (BTreeMap::new(), BTreeSet::new());
        Self { rng, weights, workers, files, gpus, faults: true }
    }

    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below
    }

    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let weight = self.weights[fault as usize];
        self.below(1000) < weight && self.faults
    }

    /// The scheduler has died, and its workers with it.
    pub(crate) fn scheduler_died(&mut self) {
        self.workers.clear();
    }

    /// Does what the engine decided; what comes of it at once is added to the events.
    pub(crate) fn apply(&mut self, action: Action, steps: &BTreeMap<TrialId, u64>, events: &mut Vec<Event>) {
        match action {
            Action::Spawn { worker, .. } if self.strikes(Fault::NoSpawn) => {
                events.push(Event::SpawnFailed { worker, message: "too many processes".into() });
            }
            Action::Spawn { worker, lease, .. } => {
                let cores = self.workers.values().flat_map(|known| &known.lease.cores);
                assert!(!cores.into_iter().any(|core| lease.cores.contains(core)), "a core is leased twice");
                let (attempt, resume, step) = (None, None, 0);
                let (said_hello, released, stopping, silent) = (false, false, false, false);
                let fresh = Worker { lease, attempt, resume, step, said_hello, released, stopping, silent };
                self.workers.insert(worker, fresh);
                let (pid, process) = (worker.incarnation as u32, "boot:1".into());
                events.push(Event::Spawned { worker, pid, process });
            }
            Action::Assign { worker, attempt, trial, resume } => {
                for step in &resume {
                    assert!(self.files.contains(&(trial, *step)), "checkpoint {step} is not there");
                }
                let elsewhere = self.workers.values().filter_map(|known| known.attempt);
                let twice = elsewhere.into_iter().any(|(_, running, _)| running == trial);
                if let Some(worker) = self.workers.get_mut(&worker) {
                    assert!(worker.attempt.is_none(), "a worker got two trials");
                    assert!(!twice, "a trial runs twice");
                    let attempt = Some((attempt, trial, steps[&trial]));
                    (worker.attempt, worker.resume) = (attempt, Some(resume));
                }
            }
            Action::Discard { trial, steps } => {
                steps.iter().for_each(|step| _ = self.files.remove(&(trial, *step)));
            }
            Action::Release { worker } => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.released = true;
                }
            }
            Action::Stop { worker, .. } => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.stopping = true;
                }
            }
            Action::Kill { worker } => {
                if self.workers.remove(&worker).is_some() {
                    events.push(exited(worker, "killed by SIGKILL"));
                }
            }
            Action::Persist(_) | Action::Tell { .. } | Action::Over { .. } | Action::Grow { .. } => {}
        }
    }

    /// What all workers do next, and what the GPUs show.
    pub(crate) fn turn(&mut self) -> Vec<Event> {
        let mut events = vec![Event::Tick];
        for reference in self.workers.keys().copied().collect::<Vec<_>>() {
            let Some(mut worker) = self.workers.remove(&reference) else { continue };
            if self.strikes(Fault::Exit) || (worker.released && !worker.silent) {
                events.push(exited(reference, "exit code 1"));
                continue;
            }
            if self.strikes(Fault::OutOfMemory) {
                let exit = Exit { how: "killed by SIGKILL".into(), out_of_memory: true };
                events.push(Event::Exited { worker: reference, exit });
                continue;
            }
            worker.silent |= self.strikes(Fault::Silence);
            if !worker.silent {
                let before = events.len();
                self.talk(reference, &mut worker, &mut events);
                if self.strikes(Fault::Duplicate) && events.len() > before {
                    let again = events[before].clone();
                    events.push(again);
                }
            }
            self.workers.insert(reference, worker);
        }
        if self.gpus > 0 && self.below(3) == 0 {
            events.push(Event::Gpus(self.read_gpus()));
        }
        events
    }

    pub(crate) fn read_gpus(&mut self) -> Vec<GpuSeen> {
        let mut seen = Vec::new();
        for index in 0..self.gpus {
            if self.strikes(Fault::GpuVanishes) {
                continue;
            }
            let uuid = format!("GPU-{index}");
            let on_it = self
                .workers
                .iter()
                .filter(|(_, worker)| worker.lease.gpu.as_ref().is_some_and(|lease| lease.uuid == uuid));
            let process = |owner, pid| GpuProcess { pid, name: "python".into(), bytes: Some(1 << 30), owner };
            let mut processes: Vec<_> =
                on_it.map(|(worker, _)| process(Owner::Worker(*worker), worker.incarnation as u32)).collect();
            if self.strikes(Fault::ForeignUse) {
                processes.push(process(Owner::Other, 1));
            }
            if self.strikes(Fault::ForeignUse) {
                processes.push(process(Owner::Stray, 2));
            }
            let used = (processes.len() as u64) << 30;
            seen.push(GpuSeen {
                uuid,
                index,
                name: "G".into(),
                memory: 80 << 30,
                used,
                millijoules: None,
                processes,
            });
        }
        seen
    }

    fn talk(&mut self, reference: WorkerRef, worker: &mut Worker, events: &mut Vec<Event>) {
        let said = |message| Event::Said { worker: reference, message };
        if self.strikes(Fault::Torn) {
            return events.push(Event::Nonsense { worker: reference, problem: "it wrote `?`".into() });
        }
        if !worker.said_hello {
            worker.said_hello = true;
            let worker = String::new();
            return events.push(said(FromWorker::Hello { protocol: PROTOCOL, worker, pid: 1 }));
        }
        let Some((attempt, trial, steps)) = worker.attempt else {
            return events.push(said(FromWorker::Heartbeat));
        };
        if worker.stopping {
            (worker.stopping, worker.attempt) = (false, None);
            let (kind, message) = (FailureKind::Stopped, "stopped on request".into());
            return events.push(said(FromWorker::Failed { attempt, kind, message }));
        }
        if let Some(mut resume) = worker.resume.take() {
            let mut damaged = Vec::new();
            while !resume.is_empty() && self.strikes(Fault::DamagedCheckpoint) {
                damaged.extend(resume.pop());
            }
            worker.step = resume.pop().unwrap_or(0);
            let step = worker.step;
            return events.push(said(FromWorker::Started { attempt, step, state_bytes: 1 << 20, damaged }));
        }
        if self.strikes(Fault::Late) {
            return events.push(said(FromWorker::Done { attempt: attempt - 1, steps, train_seconds: 0.0 }));
        }
        if self.strikes(Fault::Failure) {
            worker.attempt = None;
            let kinds = [
                FailureKind::Transient,
                FailureKind::Permanent,
                FailureKind::Stopped,
                FailureKind::OutOfMemory,
            ];
            let kind = kinds[self.below(4) as usize];
            return events.push(said(FromWorker::Failed { attempt, kind, message: "failed".into() }));
        }
        if self.strikes(Fault::Divergence) {
            worker.attempt = None;
            let step = worker.step;
            return events.push(said(FromWorker::Diverged { attempt, step, train_seconds: 0.0 }));
        }
        if worker.step == steps || self.strikes(Fault::Lie) {
            worker.attempt = None;
            return events.push(said(FromWorker::Done { attempt, steps, train_seconds: 1.0 }));
        }
        self.train(reference, worker, (attempt, trial, steps), events);
    }

    fn train(
        &mut self,
        reference: WorkerRef,
        worker: &mut Worker,
        (attempt, trial, steps): (u64, TrialId, u64),
        events: &mut Vec<Event>,
    ) {
        let said = |message| Event::Said { worker: reference, message };
        let from = worker.step;
        worker.step = (worker.step + 1 + self.below(10)).min(steps);
        let points = (from..worker.step).map(|step| Point { name: "train/loss".into(), step, value: 1.0 });
        let (points, step, step_ms) = (points.collect(), worker.step, 1.0);
        let (loss, learning_rate) = (Some(1.0), Some(0.1));
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
}
