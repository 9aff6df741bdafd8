//! How attempts end, and what becomes of their trials.

use sweep_wire::{Attempt, FailureKind};

use super::{Action, AttemptEnd, Millis, Record, Running, State, TrialEnd, WorkerRef};

impl State {
    pub(super) fn on_done(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        attempt: Attempt,
        steps: u64,
        train_seconds: f64,
        actions: &mut Vec<Action>,
    ) {
        let Some(running) = self.running_mut(worker, attempt) else { return };
        let (trial, last_logged) = (running.trial, running.last_logged);
        let wanted = self.trials[&trial].steps;
        if steps != wanted || last_logged != wanted.checked_sub(1) {
            let problem = format!("it reported trial {trial} done without all of its {wanted} steps");
            return self.on_nonsense(now, worker, &problem, actions);
        }
        self.end_trial(now, worker, AttemptEnd::Done, TrialEnd::Done, train_seconds, actions);
    }

    pub(super) fn on_diverged(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        attempt: Attempt,
        step: u64,
        train_seconds: f64,
        actions: &mut Vec<Action>,
    ) {
        let Some(running) = self.running_mut(worker, attempt) else { return };
        let trial = running.trial;
        if step > self.trials[&trial].steps {
            return self.on_nonsense(
                now,
                worker,
                &format!("it reported that trial {trial} diverged after its end"),
                actions,
            );
        }
        let (attempt_end, trial_end) = (AttemptEnd::Diverged { step }, TrialEnd::Diverged { step });
        self.end_trial(now, worker, attempt_end, trial_end, train_seconds, actions);
    }

    /// The attempt of a worker ended with a result; the worker stays warm.
    fn end_trial(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        attempt_end: AttemptEnd,
        trial_end: TrialEnd,
        train_seconds: f64,
        actions: &mut Vec<Action>,
    ) {
        let Some(running) = self.take_running(worker) else { return };
        let (attempt, trial) = (running.attempt, running.trial);
        self.drop_checkpoints(trial, |_| true, actions);
        let ended = self.trials.remove(&trial);
        match trial_end {
            TrialEnd::Diverged { .. } => self.counts.diverged += 1,
            _ => self.counts.done += 1,
        }
        self.counts.steps += ended.map_or(0, |trial| trial.steps);
        self.start_failures = 0;
        let device_seconds = seconds(now - running.since);
        let end = attempt_end;
        let ended = Record::AttemptEnded { attempt, trial, end, device_seconds, train_seconds, at: now };
        actions.push(Action::Persist(ended));
        actions.push(Action::Persist(Record::TrialEnded { trial, end: trial_end, at: now }));
    }

    pub(super) fn on_failed(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        attempt: Attempt,
        kind: FailureKind,
        message: String,
        actions: &mut Vec<Action>,
    ) {
        if self.running_mut(worker, attempt).is_none() {
            return;
        }
        let Some(running) = self.take_running(worker) else { return };
        if kind == FailureKind::Stopped && running.stopping.is_some() {
            return self.requeue(now, &running, AttemptEnd::Cancelled { message }, actions);
        }
        if kind == FailureKind::Job {
            self.requeue(now, &running, AttemptEnd::Cancelled { message: message.clone() }, actions);
            self.stop_for(message, actions);
            return;
        }
        if kind == FailureKind::Permanent
            && let Some(trial) = self.trials.get_mut(&running.trial)
        {
            trial.failures = self.policy.max_retries; // another try would end the same way
        }
        self.fail_attempt(now, &running, message, actions);
        // What made the attempt fail may sit in the process.
        actions.push(Action::Release { worker });
        self.end_worker(now, worker, false);
    }

    /// An attempt ended without a result: its trial waits for another, or has failed for good.
    pub(super) fn fail_attempt(
        &mut self,
        now: Millis,
        running: &Running,
        message: String,
        actions: &mut Vec<Action>,
    ) {
        let id = running.trial;
        let Some(trial) = self.trials.get_mut(&id) else { return };
        trial.failures += 1;
        if trial.failures <= self.policy.max_retries {
            return self.requeue(now, running, AttemptEnd::Failed { message }, actions);
        }
        let steps = trial.steps;
        self.trials.remove(&id);
        self.counts.failed += 1;
        self.counts.steps += steps;
        actions.push(ended(now, running, AttemptEnd::Failed { message: message.clone() }));
        actions.push(Action::Tell(format!("trial {id} failed: {message}")));
        actions.push(Action::Persist(Record::TrialEnded {
            trial: id,
            end: TrialEnd::Failed { message },
            at: now,
        }));
    }

    pub(super) fn requeue(
        &mut self,
        now: Millis,
        running: &Running,
        end: AttemptEnd,
        actions: &mut Vec<Action>,
    ) {
        if let AttemptEnd::Failed { message } = &end {
            actions.push(Action::Tell(format!("trial {} will be tried again: {message}", running.trial)));
        }
        actions.push(ended(now, running, end));
        actions.push(Action::Persist(Record::TrialQueued { trial: running.trial, at: now }));
        self.queue.push_back(running.trial);
    }
}

fn ended(now: Millis, running: &Running, end: AttemptEnd) -> Action {
    Action::Persist(Record::AttemptEnded {
        attempt: running.attempt,
        trial: running.trial,
        end,
        device_seconds: seconds(now - running.since),
        train_seconds: running.trained,
        at: now,
    })
}

fn seconds(millis: Millis) -> f64 {
    millis as f64 / 1000.0
}
