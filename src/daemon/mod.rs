//! The scheduler as a process: one loop that waits for something to happen, steps the engine with it, commits, applies
//! the rest. Enter at [`Scheduler::open`] and [`Scheduler::run`]; commands reach it through [`Client`]. Decides nothing
//! itself.

mod answer;
mod client;
mod grow;
mod open;
pub mod protocol;
mod server;
mod submit;
mod view;

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::mpsc, time};

use crate::{
    device::Gpus,
    engine::{
        Action, Change, Drain, Event, Millis, Over, Policy, Record, Stage, State, SweepId, TrialEnd, TrialId,
        WorkerRef,
    },
    executor::Local,
    spec::SpecError,
    store::{Store, StoreError},
};
use protocol::{Reply, Snapshot};
use server::{Call, Connections};
use view::Watcher;

pub use client::{Client, Replies};
pub use open::open_store;
pub use submit::{Order, divide, factors, no_gpu, terms};

/// The socket's name in the home folder.
pub const SOCKET: &str = "scheduler.sock";
/// How often the engine looks at its deadlines.
const TICK: Duration = Duration::from_millis(100);
/// How often those who follow a sweep are told how far it is.
const SHOW: Duration = Duration::from_millis(200);
/// How long a result may wait for the disk unless somebody waits for it.
const SYNC: Duration = Duration::from_millis(100);
/// The most events that one commit takes in.
const MAX_BATCH: usize = 1000;
/// How often the GPUs are read.
const GPU_EVERY: Duration = Duration::from_secs(1);

/// Why the loop ended early, or a request was refused. Nothing that was acknowledged is lost.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write to the home folder: {0}")]
    Home(#[from] io::Error),
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Another process has it, which schedules one sweep and takes no other.
    #[error("`sweep run` schedules this home, and takes no other sweep")]
    Busy,
}

/// What a scheduler is started with.
#[derive(Debug)]
pub struct Setup {
    pub home: PathBuf,
    /// The program that speaks the worker protocol, with its arguments.
    pub worker: Vec<OsString>,
    pub policy: Policy,
    /// Logical cores to divide among workers, and those of them that workers may be pinned to.
    pub cores: u32,
    pub pinnable: Vec<u32>,
    pub gpus: Gpus,
    /// Whether it stays when there is nothing to do, and goes on with what the store has open.
    pub daemon: bool,
}

/// A request from outside to come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C: finish what runs; again: stop it; again: kill it.
    Interrupt,
    /// Stop what runs; again: kill it.
    Terminate,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// What became of the sweeps.
    pub over: HashMap<SweepId, Over>,
    /// Whether it was asked to end.
    pub drained: bool,
}

/// What there is to see after a turn.
#[derive(Debug)]
pub struct View<'a> {
    pub state: &'a State,
    /// The sweep that is followed, a few times a second.
    pub snapshot: Option<Snapshot>,
    pub told: &'a [String],
}

/// A scheduler with its store and its workers.
pub struct Scheduler {
    setup: Setup,
    state: State,
    store: Store,
    executor: Local,
    events: mpsc::Receiver<Event>,
    calls: mpsc::Receiver<Call>,
    connections: Connections,
    watchers: Vec<Watcher>,
    /// What each worker runs, for people.
    labels: HashMap<WorkerRef, String>,
    /// What may be done only when the disk has what was committed.
    deferred: Vec<Action>,
    unsynced: bool,
    /// Trials with a result, which need nothing to go on from once the disk has it.
    ended: Vec<TrialId>,
    /// Answers that wait until what they tell of is on the disk.
    owed: Vec<(mpsc::Sender<Reply>, Reply)>,
    synced: Instant,
    since: Millis,
    over: HashMap<SweepId, Over>,
    told: Vec<String>,
}

impl Scheduler {
    /// Runs until there is nothing to do, or, as a daemon, until it is asked to end. `first` is what happened before, such
    /// as submissions; `signals` yields once per request to end; `observe` sees the state after each turn of the loop, and
    /// how far `followed` is.
    ///
    /// # Errors
    /// A commit failed; the workers are ended and everything committed before stays.
    pub async fn run(
        mut self,
        first: Vec<Event>,
        mut signals: mpsc::Receiver<Signal>,
        followed: Option<SweepId>,
        observe: &mut dyn FnMut(View<'_>),
    ) -> Result<Ended, SchedulerError> {
        let mut batch = first;
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut readings = self.read_gpus();
        let mut shown = None;
        loop {
            self.turn(std::mem::take(&mut batch))?;
            let due = shown.is_none_or(|shown: Instant| shown.elapsed() >= SHOW);
            let finished = self.is_finished();
            let snapshot = followed.filter(|_| due || finished).and_then(|sweep| self.snapshot(sweep));
            observe(View { state: &self.state, snapshot, told: &self.told });
            self.tell_watchers(due);
            if due {
                shown = Some(Instant::now());
            }
            if finished {
                return self.end().await;
            }
            batch = tokio::select! {
                Some(event) = self.events.recv() => vec![event],
                Some(signal) = signals.recv() => vec![match signal {
                    Signal::Interrupt => Event::Interrupted,
                    Signal::Terminate => Event::Terminated,
                }],
                Some(call) = self.calls.recv() => self.answer(call),
                Some(event) = readings.recv() => vec![event],
                _ = ticks.tick() => vec![Event::Tick],
            };
            while batch.len() < MAX_BATCH
                && let Ok(event) = self.events.try_recv()
            {
                batch.push(event);
            }
        }
    }

    fn is_finished(&self) -> bool {
        match self.setup.daemon {
            true => self.state.drain != Drain::No && self.state.workers.is_empty(),
            false => self.state.is_finished(),
        }
    }

    /// One turn: all events that are there are one transaction; then what is left to do is done, and what
    /// comes of it is taken in, until nothing more does.
    fn turn(&mut self, mut events: Vec<Event>) -> Result<(), SchedulerError> {
        while !events.is_empty() {
            let (mut records, mut effects) = (Vec::new(), Vec::new());
            for action in events.into_iter().flat_map(|event| self.step(event)) {
                match action {
                    Action::Persist(record) => records.push(record),
                    effect => effects.push(effect),
                }
            }
            if !records.is_empty() {
                self.store.apply(&records)?;
            }
            self.unsynced |= records.iter().any(is_result);
            self.ended.extend(records.iter().filter_map(result_of));
            events = Vec::new();
            for effect in effects {
                events.extend(self.apply(effect));
            }
        }
        let over = self.deferred.iter().any(|action| matches!(action, Action::Over { .. }));
        let awaited = over || self.unsynced && !self.owed.is_empty();
        let is_due = self.unsynced || !self.deferred.is_empty();
        if awaited || is_due && self.synced.elapsed() >= SYNC {
            self.sync()?;
        }
        for (command, answer) in self.owed.drain(..) {
            // A command that has gone away wants no answer.
            let _ = command.try_send(answer);
        }
        Ok(())
    }

    fn step(&mut self, event: Event) -> Vec<Action> {
        let event = match event {
            Event::Exited { worker, .. } => {
                self.labels.remove(&worker);
                for text in self.executor.forget(worker) {
                    self.tell(&[], text);
                }
                event
            }
            Event::Said { worker, message } => {
                Event::Said { worker, message: self.executor.explained(worker, message) }
            }
            event => event,
        };
        self.state.step(now(), event)
    }

    /// Waits for the disk, and does what had to wait for it too.
    fn sync(&mut self) -> Result<(), SchedulerError> {
        self.store.sync()?;
        (self.unsynced, self.synced) = (false, Instant::now());
        for action in std::mem::take(&mut self.deferred) {
            match action {
                Action::Discard { trial, steps } => self.executor.discard(trial, &steps),
                Action::Over { sweep, over } => self.sweep_over(sweep, over),
                _ => {}
            }
        }
        self.ended.drain(..).for_each(|trial| self.executor.discard_all(trial));
        Ok(())
    }

    fn apply(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Persist(_) => {}
            Action::Spawn { worker, need, lease } => return Some(self.executor.spawn(worker, &need, &lease)),
            Action::Assign { worker, attempt, trial, resume } => {
                let assignment = match self.store.assignment(trial) {
                    Ok(assignment) => assignment,
                    Err(error) => return Some(unassignable(worker, attempt, &error.to_string())),
                };
                self.labels.insert(worker, view::label(&assignment));
                let handed = self.executor.assign(worker, attempt, trial, assignment, resume);
                return handed.err().map(|error| unassignable(worker, attempt, &error.to_string()));
            }
            Action::Grow { sweep } => return Some(self.grow(sweep)),
            // A result that the disk may still lose needs its checkpoints, and is nobody's news.
            Action::Discard { .. } | Action::Over { .. } => self.deferred.push(action),
            Action::Stop { worker, attempt } => self.executor.stop(worker, attempt),
            Action::Release { worker } => self.executor.release(worker),
            Action::Kill { worker } => self.executor.kill(worker),
            Action::Tell { sweeps, text } => self.tell(&sweeps, text),
        }
        None
    }

    /// The last words: everything is on the disk, and who follows a sweep that is not over is told so. Sweeps that a
    /// scheduler without a tomorrow leaves behind are nobody's until they are run again.
    async fn end(mut self) -> Result<Ended, SchedulerError> {
        let drained = self.state.drain != Drain::No;
        if !self.setup.daemon {
            let is_left = |(id, sweep): (&SweepId, &crate::engine::Sweep)| match sweep.stage {
                Stage::Open | Stage::Paused => Some(*id),
                Stage::Stopping(_) => None,
            };
            let left: Vec<_> = self.state.sweeps.iter().filter_map(is_left).collect();
            let change = || Change::Over(Over::Cancelled { by: "an interrupt".to_owned() });
            let record = |sweep| Record::SweepChanged { sweep, change: change(), at: now() };
            let records: Vec<_> = left.into_iter().map(record).collect();
            self.store.apply(&records)?;
        }
        self.sync()?;
        self.end_watchers();
        // Nobody is misled by one that stays.
        let _ = std::fs::remove_file(self.setup.home.join(SOCKET));
        // Who asks now is not answered.
        drop(self.calls);
        self.connections.end().await;
        Ok(Ended { over: self.over, drained })
    }

    /// Readings of the GPUs, from a thread of their own: a driver may take its time.
    fn read_gpus(&mut self) -> mpsc::Receiver<Event> {
        let (tell, readings) = mpsc::channel(1);
        let none = Gpus::None { why: self.setup.gpus.why_none() };
        let gpus = std::mem::replace(&mut self.setup.gpus, none);
        if matches!(gpus, Gpus::None { .. }) {
            return readings;
        }
        let owners = self.executor.owners();
        tokio::task::spawn_blocking(move || {
            while tell.blocking_send(Event::Gpus(owners.seen(gpus.read()))).is_ok() {
                std::thread::sleep(GPU_EVERY);
            }
        });
        readings
    }
}

/// The socket of a home, by a path that holds as long as the folder is open: a socket's path may have 107 bytes, a
/// home's more.
fn socket(home: &Path) -> io::Result<(File, PathBuf)> {
    let folder = File::open(home)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
    Ok((folder, path.into()))
}

/// Whether people may be told of it, so that the disk should have it soon.
fn is_result(record: &Record) -> bool {
    matches!(record, Record::TrialEnded { .. } | Record::SweepChanged { .. })
}

fn result_of(record: &Record) -> Option<TrialId> {
    match record {
        Record::TrialEnded { end: TrialEnd::Failed { .. }, .. } => None,
        Record::TrialEnded { trial, .. } => Some(*trial),
        _ => None,
    }
}

/// An attempt that could not even be handed to its worker: no trial is at fault.
fn unassignable(worker: WorkerRef, attempt: u64, problem: &str) -> Event {
    let message = sweep_wire::FromWorker::Failed {
        attempt,
        kind: sweep_wire::FailureKind::Job,
        message: problem.to_owned(),
    };
    Event::Said { worker, message }
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
