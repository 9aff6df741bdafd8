//! How attempts end, and what becomes of their trials.

use sweep_wire::{Attempt, FailureKind};

use super::{
    Action, AttemptEnd, Kind, Millis, Phase, Place, Record, Running, Stage, State, SweepId, TrialEnd,
    TrialId, WorkerRef,
};

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
        // A program reports what it likes; that it reported what it is judged by is seen to where it runs.
        let whole = match self.workers[&worker].need.kind {
            Kind::Trainer => last_logged == wanted.checked_sub(1),
            Kind::Program => true,
        };
        if steps != wanted || !whole {
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
        let Some(running) = self.take_running(now, worker) else { return };
        let (attempt, trial) = (running.attempt, running.trial);
        self.drop_checkpoints(trial, |_| true, actions);
        self.forget_trial(trial, &trial_end);
        let device_seconds = seconds(now - running.since);
        let end = attempt_end;
        let joules = running.joules;
        let ended =
            Record::AttemptEnded { attempt, trial, end, device_seconds, train_seconds, joules, at: now };
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
        let Some(running) = self.take_running(now, worker) else { return };
        if kind == FailureKind::Stopped
            && let Some((_, reason)) = &running.stopping
        {
            let message = format!("{message}: {reason}");
            return self.requeue(now, &running, AttemptEnd::Cancelled { message }, actions);
        }
        if kind == FailureKind::Job {
            let sweeps = self.wanted_by(running.trial);
            self.requeue(now, &running, AttemptEnd::Cancelled { message: message.clone() }, actions);
            self.break_sweeps(now, &sweeps, &message, actions);
            return;
        }
        if kind == FailureKind::Permanent
            && let Some(trial) = self.trials.get_mut(&running.trial)
        {
            trial.failures = u32::MAX - 1; // another try would end the same way
        }
        let message = match kind {
            FailureKind::OutOfMemory => format!("out of memory: {message}"),
            _ => message,
        };
        self.fail_attempt(now, &running, (message, kind == FailureKind::OutOfMemory), actions);
        // What made the attempt fail may sit in the process; a program's is gone.
        let known = self.workers.get(&worker);
        if known.is_some_and(|known| known.need.kind == Kind::Trainer) {
            actions.push(Action::Release { worker });
            self.end_worker(now, worker, false);
        }
    }

    /// An attempt ended without a result: its trial waits for another, or has failed for good.
    pub(super) fn fail_attempt(
        &mut self,
        now: Millis,
        running: &Running,
        (message, out_of_memory): (String, bool),
        actions: &mut Vec<Action>,
    ) {
        let id = running.trial;
        let Some(trial) = self.trials.get_mut(&id) else { return };
        trial.failures += 1;
        trial.alone |= out_of_memory;
        trial.last_failure = Some(message.clone().into());
        let (sweeps, failures) = (trial.sweeps.clone(), trial.failures);
        let most = sweeps.iter().filter_map(|sweep| Some(self.sweeps.get(sweep)?.terms.max_retries)).max();
        if failures <= most.unwrap_or(0) {
            self.requeue(now, running, AttemptEnd::Failed { message: message.clone() }, actions);
        } else {
            let end = TrialEnd::Failed { message: message.clone() };
            self.forget_trial(id, &end);
            actions.push(ended(now, running, AttemptEnd::Failed { message: message.clone() }));
            let text = format!("trial {id} failed: {message}");
            actions.push(Action::Tell { sweeps: sweeps.clone(), text });
            actions.push(Action::Persist(Record::TrialEnded { trial: id, end, at: now }));
        }
        // Last: it may be the end of a sweep.
        self.count_fruitless(now, running, &sweeps, &message, actions);
    }

    /// The trial waits for another attempt, unless those who wanted it no longer do.
    pub(super) fn requeue(
        &mut self,
        now: Millis,
        running: &Running,
        end: AttemptEnd,
        actions: &mut Vec<Action>,
    ) {
        let id = running.trial;
        let failed = matches!(end, AttemptEnd::Failed { .. });
        if let AttemptEnd::Failed { message } = &end {
            let text = format!("trial {id} will be tried again: {message}");
            actions.push(Action::Tell { sweeps: self.wanted_by(id), text });
        }
        actions.push(ended(now, running, end));
        actions.push(Action::Persist(Record::TrialQueued { trial: id, at: now }));
        self.wait_again(now, id, failed);
    }

    fn wait_again(&mut self, now: Millis, id: TrialId, failed: bool) {
        let sweeps = self.wanted_by(id);
        for sweep in sweeps {
            if self.sweeps.get(&sweep).is_some_and(|sweep| matches!(sweep.stage, Stage::Stopping(_))) {
                self.detach(sweep, id);
            }
        }
        let Some(trial) = self.trials.get_mut(&id) else { return };
        let wait = |sweep: &SweepId| self.sweeps.get(sweep).map(|sweep| sweep.backoff(trial.failures));
        let pause = if failed { trial.sweeps.iter().filter_map(wait).max().unwrap_or(0) } else { 0 };
        if pause == 0 {
            return self.enqueue(id);
        }
        let until = now + pause;
        trial.place = Place::Delayed { until };
        self.delayed.insert((until, id));
    }

    /// Takes a trial that is over from all sweeps that wanted it.
    fn forget_trial(&mut self, id: TrialId, end: &TrialEnd) {
        let Some(trial) = self.trials.remove(&id) else { return };
        for sweep in &trial.sweeps {
            let Some(sweep) = self.sweeps.get_mut(sweep) else { continue };
            sweep.left -= 1;
            sweep.counts.steps += trial.steps;
            match end {
                TrialEnd::Done => sweep.counts.done += 1,
                TrialEnd::Diverged { .. } => sweep.counts.diverged += 1,
                TrialEnd::Failed { .. } => sweep.counts.failed += 1,
            }
            if !matches!(end, TrialEnd::Failed { .. }) {
                sweep.got_going();
            }
        }
    }

    /// Counts attempts in a row that ended before their first step. One trial alone that does so is at fault itself.
    fn count_fruitless(
        &mut self,
        now: Millis,
        running: &Running,
        sweeps: &[SweepId],
        message: &str,
        actions: &mut Vec<Action>,
    ) {
        let fruitless = running.step <= running.first_step;
        for sweep in sweeps.iter().filter(|_| fruitless) {
            let Some(known) = self.sweeps.get_mut(sweep) else { continue };
            if known.last_start_failure.replace(running.trial) != Some(running.trial) {
                self.count_start_failure(now, *sweep, message, actions);
            }
        }
    }

    /// A worker of the sweep did not start, or an attempt made no step.
    pub(super) fn count_start_failure(
        &mut self,
        now: Millis,
        sweep: SweepId,
        how: &str,
        actions: &mut Vec<Action>,
    ) {
        /// The longest pause before another worker is started.
        const MAX_PAUSE_MS: Millis = 10_000;
        let Some(known) = self.sweeps.get_mut(&sweep) else { return };
        known.start_failures += 1;
        let count = known.start_failures;
        known.spawn_after = now + (250 << count.min(6)).min(MAX_PAUSE_MS);
        if count >= self.policy.max_start_failures {
            let reason = format!("{count} attempts in a row ended before their first step; the last: {how}");
            self.break_sweeps(now, &[sweep], &reason, actions);
        }
    }

    /// What an attempt's share of the GPU took; nothing where the meter went back, with a driver that was loaded again.
    fn joules(&self, worker: WorkerRef, running: &Running) -> Option<f64> {
        let lease = &self.workers.get(&worker)?.lease;
        let taken = self.pool.millijoules(lease)?.checked_sub(running.millijoules?)?;
        let share = f64::from(lease.gpu.as_ref()?.share) / f64::from(super::WHOLE);
        Some(taken as f64 / 1000.0 * share)
    }

    /// Takes the attempt from a worker, which is idle afterwards.
    pub(super) fn take_running(&mut self, now: Millis, worker: WorkerRef) -> Option<Running> {
        let mut running = self.workers.get(&worker)?.running()?.clone();
        running.joules = self.joules(worker, &running);
        let known = self.workers.get_mut(&worker)?;
        known.phase = Phase::Idle { since: now };
        let (elapsed, share) = (seconds(now - running.since), known.share);
        let trial = self.trials.get_mut(&running.trial)?;
        trial.place = Place::Between;
        for sweep in &trial.sweeps {
            if let Some(sweep) = self.sweeps.get_mut(sweep) {
                sweep.running -= 1;
                sweep.spent += elapsed * share;
                sweep.pace.0 += elapsed;
                sweep.pace.1 += running.step.saturating_sub(running.first_step);
            }
        }
        Some(running)
    }
}

fn ended(now: Millis, running: &Running, end: AttemptEnd) -> Action {
    Action::Persist(Record::AttemptEnded {
        attempt: running.attempt,
        trial: running.trial,
        end,
        device_seconds: seconds(now - running.since),
        train_seconds: running.trained,
        joules: running.joules,
        at: now,
    })
}

fn seconds(millis: Millis) -> f64 {
    millis as f64 / 1000.0
}
