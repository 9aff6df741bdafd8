//! The one loop: waits for something to happen, steps the engine with it, commits, applies the rest.
//! Enter at [`Scheduler::run`]. Decides nothing itself.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sweep_wire::Contents;
use tokio::{sync::mpsc, time};

use crate::{
    engine::{Action, Event, Millis, Policy, Record, State, Submitted, TrialId},
    executor::Local,
    plan::PlannedTrial,
    store::{Store, StoreError},
};

/// How often the engine looks at its deadlines, and an observer at the state.
const TICK: Duration = Duration::from_millis(100);
/// The most events that one commit takes in.
const MAX_BATCH: usize = 1000;

/// Why the loop ended early. Nothing that was acknowledged is lost.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write to the home folder: {0}")]
    Home(#[from] io::Error),
}

/// A scheduler with its store, its workers and its trials.
pub struct Scheduler {
    state: State,
    store: Store,
    executor: Local,
    trials: HashMap<TrialId, PlannedTrial>,
    events: mpsc::Receiver<Event>,
}

impl Scheduler {
    /// A scheduler of `slots` workers, each started with `command`; `contents` is what model and data were when the
    /// trials were planned.
    ///
    /// # Errors
    /// The home folder cannot be written, or the store not be read.
    pub fn new(
        store: Store,
        home: &Path,
        command: Vec<OsString>,
        policy: Policy,
        slots: u32,
        contents: Contents,
    ) -> Result<Self, SchedulerError> {
        // Bounded: a worker that floods is held up by its own pipe.
        let (sender, events) = mpsc::channel(256);
        let executor = Local::new(command, home, contents, sender)?;
        let state = State::new(policy, slots, store.next_attempt()?);
        Ok(Self { state, store, executor, trials: HashMap::new(), events })
    }

    /// Trains these trials. `interrupts` yields once per request to stop; `observe` sees the state after each
    /// turn of the loop, with what there is to tell people. Returns the state at the end and the store.
    ///
    /// # Errors
    /// A commit failed; the workers are ended and everything committed before stays.
    pub async fn run(
        mut self,
        trials: Vec<(TrialId, PlannedTrial)>,
        mut interrupts: mpsc::Receiver<()>,
        observe: &mut dyn FnMut(&State, &[String]),
    ) -> Result<(State, Store), SchedulerError> {
        let mut submitted = Vec::with_capacity(trials.len());
        for (id, PlannedTrial { steps, .. }) in &trials {
            let checkpoints = self.store.checkpoints(*id)?;
            submitted.push(Submitted { trial: *id, steps: *steps, checkpoints });
        }
        self.trials = trials.into_iter().collect();
        let mut batch = vec![Event::Submitted { trials: submitted }];
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            let told = self.turn(batch)?;
            observe(&self.state, &told);
            if self.state.is_finished() {
                return Ok((self.state, self.store));
            }
            batch = vec![tokio::select! {
                Some(event) = self.events.recv() => event,
                Some(()) = interrupts.recv() => Event::Interrupted,
                _ = ticks.tick() => Event::Tick,
            }];
            while batch.len() < MAX_BATCH
                && let Ok(event) = self.events.try_recv()
            {
                batch.push(event);
            }
        }
    }

    /// One turn: all events that are there are one transaction; then what is left to do is done, and what
    /// comes of it is taken in, until nothing more does.
    fn turn(&mut self, mut events: Vec<Event>) -> Result<Vec<String>, SchedulerError> {
        let mut told = Vec::new();
        while !events.is_empty() {
            let mut actions = Vec::new();
            for event in events {
                if let Event::Exited { worker, .. } = event {
                    self.executor.forget(worker);
                }
                actions.extend(self.state.step(now(), event));
            }
            let records: Vec<Record> = actions
                .iter()
                .filter_map(|action| match action {
                    Action::Persist(record) => Some(record.clone()),
                    _ => None,
                })
                .collect();
            if !records.is_empty() {
                self.store.apply(&records)?;
            }
            events = Vec::new();
            for action in actions {
                events.extend(self.apply(action, &mut told)?);
            }
        }
        Ok(told)
    }

    fn apply(&mut self, action: Action, told: &mut Vec<String>) -> Result<Option<Event>, SchedulerError> {
        match action {
            Action::Persist(_) => {}
            Action::Spawn { worker } => return Ok(Some(self.executor.spawn(worker))),
            Action::Assign { worker, attempt, trial: id, resume } => {
                if let Some(trial) = self.trials.get(&id) {
                    self.executor.assign(worker, attempt, (id, trial), resume)?;
                }
            }
            Action::Discard { trial, steps } => self.executor.discard(trial, &steps),
            Action::Stop { worker, attempt } => self.executor.stop(worker, attempt),
            Action::Release { worker } => self.executor.release(worker),
            Action::Kill { worker } => self.executor.kill(worker),
            Action::Tell(text) => told.push(text),
        }
        Ok(None)
    }
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
