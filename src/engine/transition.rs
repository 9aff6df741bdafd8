//! Every way the state changes, one function per thing that happened.

use sweep_wire::{Attempt, FromWorker, PROTOCOL, Progress};

use super::{Action, AttemptEnd, Event, Exit, Millis, Phase, Record, Running, State, Worker, WorkerRef};

/// The longest name of a metric, in bytes.
const MAX_NAME: usize = 100;

impl State {
    /// Takes in what happened and says what is to be done, in order; `Persist` actions come before the others
    /// that hang on them.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Submitted { sweep, terms, before, trials } => {
                self.on_submitted((sweep, *terms, before), trials);
            }
            Event::Grown { sweep, trials } => self.on_grown(sweep, trials),
            Event::Cancel { sweep, by } => self.on_cancel(now, sweep, by, &mut actions),
            Event::Pause { sweep, by, stop } => self.on_pause(now, sweep, by, stop, &mut actions),
            Event::Resume { sweep, by } => self.on_resume(now, sweep, by, &mut actions),
            Event::Spawned { worker, pid, process } => self.on_spawned(worker, pid, process),
            Event::SpawnFailed { worker, message } => {
                self.on_exited(now, worker, Exit { how: message, out_of_memory: false }, &mut actions);
            }
            Event::Said { worker, message } => self.on_said(now, worker, message, &mut actions),
            Event::Nonsense { worker, problem } => self.on_nonsense(now, worker, &problem, &mut actions),
            Event::Exited { worker, exit } => self.on_exited(now, worker, exit, &mut actions),
            Event::Gpus(seen) => self.on_gpus(now, seen, &mut actions),
            Event::Tick => self.on_tick(now, &mut actions),
            Event::Interrupted => self.on_interrupted(now, &mut actions),
            Event::Terminated => self.on_terminated(now, &mut actions),
        }
        self.schedule(now, &mut actions);
        // Of many trials it would take most of the time; the simulation checks at every size that it tries.
        if cfg!(debug_assertions) && self.trials.len() <= 1000 {
            self.check();
        }
        actions
    }

    fn on_spawned(&mut self, worker: WorkerRef, pid: u32, process: String) {
        if let Some(known) = self.workers.get_mut(&worker) {
            (known.pid, known.process) = (pid, process);
        }
    }

    fn on_said(&mut self, now: Millis, worker: WorkerRef, message: FromWorker, actions: &mut Vec<Action>) {
        let Some(known) = self.workers.get_mut(&worker) else {
            self.late_messages += 1;
            return;
        };
        known.heard = now;
        match message {
            FromWorker::Heartbeat => {}
            FromWorker::Hello { protocol, .. } => match known.phase {
                Phase::Starting { sweep } if protocol == PROTOCOL => {
                    known.phase = Phase::Idle { since: now };
                    self.started(sweep);
                    self.first_work(now, worker, actions);
                }
                Phase::Starting { .. } => {
                    let problem = format!("it speaks protocol {protocol}, not {PROTOCOL}");
                    self.on_nonsense(now, worker, &problem, actions);
                }
                Phase::Ending { .. } => {}
                _ => self.on_nonsense(now, worker, "it said hello twice", actions),
            },
            FromWorker::Facts(_)
            | FromWorker::Rejected(_)
            | FromWorker::Measuring { .. }
            | FromWorker::Curvature(_)
            | FromWorker::Pace { .. } => {
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
        if step > running.first_step {
            for sweep in &self.trials[&trial].sweeps {
                if let Some(sweep) = self.sweeps.get_mut(sweep) {
                    sweep.got_going();
                }
            }
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
        let starting = match self.workers.get(&worker).map(|known| &known.phase) {
            None | Some(Phase::Ending { .. }) => return,
            Some(Phase::Starting { sweep }) => Some(*sweep),
            Some(Phase::Idle { .. } | Phase::Busy(_)) => None,
        };
        if let Some(running) = self.take_running(now, worker) {
            let message = format!("the worker was killed: {problem}");
            self.fail_attempt(now, &running, (message, false), actions);
        }
        actions.push(Action::Kill { worker });
        self.end_worker(now, worker, true);
        if let Some(sweep) = starting {
            self.count_start_failure(now, sweep, problem, actions);
        }
    }

    fn on_exited(&mut self, now: Millis, worker: WorkerRef, exit: Exit, actions: &mut Vec<Action>) {
        let Some(known) = self.workers.get(&worker) else { return };
        let Exit { how, out_of_memory } = exit;
        let starting = match known.phase {
            Phase::Starting { sweep } => Some(sweep),
            _ => None,
        };
        if let Some(running) = self.take_running(now, worker) {
            let message = match out_of_memory {
                true => format!("out of memory: the worker died: {how}"),
                false => format!("the worker died: {how}"),
            };
            match &running.stopping {
                // It was told to end, and did.
                Some((_, reason)) => {
                    let message = format!("{reason}; {message}");
                    self.requeue(now, &running, AttemptEnd::Cancelled { message }, actions);
                }
                None => self.fail_attempt(now, &running, (message, out_of_memory), actions),
            }
        }
        if let Some(sweep) = starting {
            self.started(sweep);
        }
        if let Some(known) = self.workers.remove(&worker) {
            self.pool.give_back(now, known.lease);
        }
        if let Some(sweep) = starting {
            self.count_start_failure(now, sweep, &how, actions);
        }
    }

    /// A worker that was started on behalf of the sweep is there, or will not be.
    fn started(&mut self, sweep: super::SweepId) {
        if let Some(sweep) = self.sweeps.get_mut(&sweep) {
            sweep.starting = sweep.starting.saturating_sub(1);
        }
    }

    /// The running attempt, if the worker runs this one; else the message was late.
    pub(super) fn running_mut(&mut self, worker: WorkerRef, attempt: Attempt) -> Option<&mut Running> {
        match self.workers.get_mut(&worker) {
            Some(Worker { phase: Phase::Busy(running), .. }) if running.attempt == attempt => Some(running),
            _ => {
                self.late_messages += 1;
                None
            }
        }
    }

    pub(super) fn end_worker(&mut self, now: Millis, worker: WorkerRef, killed: bool) {
        let Some(known) = self.workers.get_mut(&worker) else { return };
        let phase = std::mem::replace(&mut known.phase, Phase::Ending { since: now, killed });
        if let Phase::Starting { sweep } = phase {
            self.started(sweep);
        }
    }
}
