//! Every way the state changes, one function per thing that happened.

use sweep_wire::{Attempt, FromWorker, PROTOCOL, Progress};

use super::{
    Action, AttemptEnd, Drain, Event, Millis, Record, Running, Slot, State, Submitted, Trial, WorkerRef,
};

/// The longest pause before a slot whose worker died is used again.
const MAX_BACKOFF_MS: Millis = 10_000;
/// The longest name of a metric, in bytes.
const MAX_NAME: usize = 100;

impl State {
    /// Takes in what happened and says what is to be done, in order; `Persist` actions come before the others
    /// that hang on them.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Submitted { trials } => self.on_submitted(trials),
            Event::Spawned { worker, pid } => self.on_spawned(worker, pid),
            Event::SpawnFailed { worker, message } => self.on_exited(now, worker, &message, &mut actions),
            Event::Said { worker, message } => self.on_said(now, worker, message, &mut actions),
            Event::Nonsense { worker, problem } => self.on_nonsense(now, worker, &problem, &mut actions),
            Event::Exited { worker, how } => self.on_exited(now, worker, &how, &mut actions),
            Event::Tick => self.on_tick(now, &mut actions),
            Event::Interrupted => self.on_interrupted(now, &mut actions),
        }
        self.schedule(now, &mut actions);
        if cfg!(debug_assertions) {
            self.check();
        }
        actions
    }

    fn on_submitted(&mut self, trials: Vec<Submitted>) {
        for Submitted { trial, steps, mut checkpoints } in trials {
            checkpoints.retain(|step| *step < steps);
            let furthest = checkpoints.last().copied().unwrap_or(0);
            if self.trials.insert(trial, Trial { steps, failures: 0, checkpoints, furthest }).is_none() {
                self.queue.push_back(trial);
            }
        }
    }

    fn on_spawned(&mut self, worker: WorkerRef, process: u32) {
        if self.holds(worker)
            && let Slot::Starting { pid, .. } = &mut self.slots[worker.slot as usize]
        {
            *pid = process;
        }
    }

    fn on_said(&mut self, now: Millis, worker: WorkerRef, message: FromWorker, actions: &mut Vec<Action>) {
        if !self.holds(worker) {
            self.late_messages += 1;
            return;
        }
        let slot = &mut self.slots[worker.slot as usize];
        if let Slot::Starting { heard, .. } | Slot::Idle { heard, .. } | Slot::Busy { heard, .. } = slot {
            *heard = now;
        }
        match message {
            FromWorker::Heartbeat => {}
            FromWorker::Hello { protocol, .. } => match *slot {
                Slot::Starting { incarnation, pid, heard } if protocol == PROTOCOL => {
                    *slot = Slot::Idle { incarnation, pid, heard };
                }
                Slot::Starting { .. } => {
                    let problem = format!("it speaks protocol {protocol}, not {PROTOCOL}");
                    self.on_nonsense(now, worker, &problem, actions);
                }
                _ => self.on_nonsense(now, worker, "it said hello twice", actions),
            },
            FromWorker::Facts(_) | FromWorker::Rejected(_) => {
                self.on_nonsense(now, worker, "it answered a question that was not asked", actions);
            }
            FromWorker::Started { attempt, step, state_bytes, damaged } => {
                self.on_began(now, worker, attempt, (step, state_bytes, &damaged), actions);
            }
            FromWorker::Checkpoint { attempt, step, bytes } => {
                self.on_checkpoint(now, worker, attempt, (step, bytes), actions);
            }
            FromWorker::Weights { attempt, which, step, bytes } => {
                self.on_weights(now, worker, attempt, (which, step, bytes), actions);
            }
            FromWorker::Note { attempt, message } => self.on_note(worker, attempt, &message, actions),
            FromWorker::Progress(progress) => self.on_progress(now, worker, progress, actions),
            FromWorker::Done { attempt, steps, train_seconds } => {
                self.on_done(now, worker, attempt, steps, train_seconds, actions);
            }
            FromWorker::Diverged { attempt, step, train_seconds } => {
                self.on_diverged(now, worker, attempt, step, train_seconds, actions);
            }
            FromWorker::Failed { attempt, kind, message } => {
                self.on_failed(now, worker, attempt, kind, message, actions);
            }
        }
    }

    fn on_progress(&mut self, now: Millis, worker: WorkerRef, progress: Progress, actions: &mut Vec<Action>) {
        let Some(running) = self.running_mut(worker, progress.attempt) else { return };
        let Progress { attempt, step, loss, learning_rate, step_ms, points } = progress;
        let trial = running.trial;
        let steps = self.trials[&trial].steps;
        if step > steps || points.iter().any(|point| point.step > steps || point.name.len() > MAX_NAME) {
            let problem =
                format!("it reported a step or a metric that trial {trial} of {steps} steps cannot have");
            return self.on_nonsense(now, worker, &problem, actions);
        }
        self.begin(worker, 0, actions);
        let Some(running) = self.running_mut(worker, attempt) else { return };
        (running.loss, running.learning_rate) = (loss, learning_rate);
        running.step_ms = Some(step_ms);
        if step > running.step {
            running.trained += step_ms.max(0.0) / 1e3 * (step - running.step) as f64;
            (running.step, running.progressed) = (step, now);
        }
        let logged = points.iter().filter(|point| point.name == "train/loss").map(|point| point.step).max();
        running.last_logged = running.last_logged.max(logged);
        if step > 0 {
            self.start_failures = 0;
        }
        if !points.is_empty() {
            actions.push(Action::Persist(Record::Points { attempt, trial, points }));
        }
    }

    pub(super) fn on_nonsense(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        problem: &str,
        actions: &mut Vec<Action>,
    ) {
        if !self.holds(worker) {
            return;
        }
        let started = !matches!(self.slots[worker.slot as usize], Slot::Starting { .. });
        if let Some(running) = self.take_running(worker) {
            self.fail_attempt(now, &running, format!("the worker was killed: {problem}"), actions);
        } else if !started {
            self.count_start_failure(problem, actions);
        }
        actions.push(Action::Kill { worker });
        self.end_worker(now, worker, true);
    }

    fn on_exited(&mut self, now: Millis, worker: WorkerRef, how: &str, actions: &mut Vec<Action>) {
        if !self.holds(worker) {
            return;
        }
        let slot = &self.slots[worker.slot as usize];
        let expected = matches!(slot, Slot::Ending { .. });
        let fruitless = match slot {
            Slot::Starting { .. } => true,
            Slot::Busy { running, .. } => running.step == 0,
            _ => false,
        };
        if let Some(running) = self.take_running(worker) {
            self.fail_attempt(now, &running, format!("the worker died: {how}"), actions);
        }
        if fruitless {
            self.count_start_failure(how, actions);
        }
        let backoff = (250 << self.start_failures.min(6)).min(MAX_BACKOFF_MS);
        let not_before = if expected { now } else { now + backoff };
        self.slots[worker.slot as usize] = Slot::Empty { not_before };
    }

    fn on_interrupted(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let running = self.running().count();
        self.drain = match self.drain {
            Drain::No if running > 0 => {
                let trials = if running == 1 { "trial" } else { "trials" };
                let text = format!("no new trials; finishing {running} {trials}, Ctrl-C again stops them");
                actions.push(Action::Tell(text));
                Drain::NoNewTrials
            }
            Drain::No | Drain::NoNewTrials => Drain::Stop,
            // Asked a third time: no grace.
            Drain::Stop | Drain::Broken { .. } => {
                for index in 0..self.slots.len() {
                    if let Some(worker) = self.worker_in(index) {
                        self.cancel(now, worker, "killed on request", actions);
                    }
                }
                Drain::Stop
            }
        };
    }

    /// Kills a worker without blaming its trial.
    pub(super) fn cancel(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        message: &str,
        actions: &mut Vec<Action>,
    ) {
        if let Some(running) = self.take_running(worker) {
            self.requeue(now, &running, AttemptEnd::Cancelled { message: message.to_owned() }, actions);
        }
        actions.push(Action::Kill { worker });
        self.end_worker(now, worker, true);
    }

    fn count_start_failure(&mut self, how: &str, actions: &mut Vec<Action>) {
        self.start_failures += 1;
        if self.start_failures >= self.policy.max_start_failures && self.drain == Drain::No {
            let count = self.start_failures;
            let reason = format!("{count} workers in a row died before their first step; the last: {how}");
            self.stop_for(reason, actions);
        }
    }

    /// Nothing of this sweep can be trained: what runs is stopped, and no trial is blamed.
    pub(super) fn stop_for(&mut self, reason: String, actions: &mut Vec<Action>) {
        if !matches!(self.drain, Drain::Broken { .. }) {
            actions.push(Action::Tell(reason.clone()));
            self.drain = Drain::Broken { reason };
        }
    }

    /// The running attempt, if the worker runs this one; else the message was late.
    pub(super) fn running_mut(&mut self, worker: WorkerRef, attempt: Attempt) -> Option<&mut Running> {
        match &mut self.slots[worker.slot as usize] {
            Slot::Busy { running, .. } if running.attempt == attempt => Some(running),
            _ => {
                self.late_messages += 1;
                None
            }
        }
    }

    /// Takes the attempt from a worker, which is idle afterwards.
    pub(super) fn take_running(&mut self, worker: WorkerRef) -> Option<Running> {
        let slot = &mut self.slots[worker.slot as usize];
        let Slot::Busy { incarnation, pid, heard, running } = slot.clone() else { return None };
        *slot = Slot::Idle { incarnation, pid, heard };
        Some(running)
    }

    pub(super) fn end_worker(&mut self, now: Millis, worker: WorkerRef, killed: bool) {
        self.slots[worker.slot as usize] =
            Slot::Ending { incarnation: worker.incarnation, since: now, killed };
    }

    pub(super) fn worker_in(&self, index: usize) -> Option<WorkerRef> {
        let incarnation = match self.slots[index] {
            Slot::Empty { .. } => return None,
            Slot::Starting { incarnation, .. }
            | Slot::Idle { incarnation, .. }
            | Slot::Busy { incarnation, .. }
            | Slot::Ending { incarnation, .. } => incarnation,
        };
        Some(WorkerRef { slot: index as u32, incarnation })
    }
}
