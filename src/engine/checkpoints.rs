//! What attempts leave on disk, and from where they go on.

use sweep_wire::{Attempt, Which};

use super::{Action, Millis, Record, State, TrialId, WorkerRef};

/// The slowest disk that a checkpoint is written to in time, in bytes per millisecond.
const SLOWEST_DISK: u64 = 20_000;
/// The most time that writing a checkpoint is given.
const MAX_SAVING_MS: Millis = 3_600_000;
/// How often an attempt may tell people something.
const MAX_NOTES: u32 = 10;

impl State {
    /// The attempt has loaded what it needs and says from which step it goes on.
    pub(super) fn on_began(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        attempt: Attempt,
        (step, state_bytes, damaged): (u64, u64, &[u64]),
        actions: &mut Vec<Action>,
    ) {
        let Some(running) = self.running_mut(worker, attempt) else { return };
        let (trial, began) = (running.trial, running.began);
        if began || (step > 0 && !self.trials[&trial].checkpoints.contains(&step)) {
            let problem = format!("it began trial {trial} at step {step}, where there is no checkpoint");
            return self.on_nonsense(now, worker, &problem, actions);
        }
        if !damaged.is_empty() {
            let from = if step > 0 { format!("step {step}") } else { "its beginning".to_owned() };
            let text = format!("trial {trial} goes on from {from}: a newer checkpoint was damaged");
            actions.push(Action::Tell(text));
        }
        self.begin(worker, step, actions);
        if let Some(running) = self.running_mut(worker, attempt) {
            let saving = Millis::try_from(state_bytes / SLOWEST_DISK).unwrap_or(MAX_SAVING_MS);
            (running.step, running.progressed) = (step, now);
            running.saving_ms = saving.min(MAX_SAVING_MS);
        }
    }

    /// The worker's attempt goes on at this step, unless it has begun already.
    pub(super) fn begin(&mut self, worker: WorkerRef, step: u64, actions: &mut Vec<Action>) {
        let super::Slot::Busy { running, .. } = &mut self.slots[worker.slot as usize] else { return };
        if std::mem::replace(&mut running.began, true) {
            return;
        }
        let (attempt, trial) = (running.attempt, running.trial);
        actions.push(Action::Persist(Record::AttemptBegan { attempt, trial, step }));
        // What comes after the step it goes on from could not be used.
        self.drop_checkpoints(trial, |known| known > step, actions);
    }

    pub(super) fn on_checkpoint(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        attempt: Attempt,
        (step, bytes): (u64, u64),
        actions: &mut Vec<Action>,
    ) {
        let keep = self.policy.max_checkpoints.max(1);
        let Some(running) = self.running_mut(worker, attempt) else { return };
        let (id, began) = (running.trial, running.began);
        running.progressed = now;
        let Some(trial) = self.trials.get_mut(&id) else { return };
        let newest = trial.checkpoints.last().copied().unwrap_or(0);
        if !began || step <= newest || step >= trial.steps {
            let problem = format!("it wrote a checkpoint at step {step} that trial {id} cannot have");
            return self.on_nonsense(now, worker, &problem, actions);
        }
        if step > trial.furthest {
            (trial.furthest, trial.failures) = (step, 0);
        }
        trial.checkpoints.push(step);
        let oldest = trial.checkpoints[trial.checkpoints.len().saturating_sub(keep)];
        let saved = Record::CheckpointSaved { attempt, trial: id, step, bytes, at: now };
        actions.push(Action::Persist(saved));
        self.drop_checkpoints(id, |known| known < oldest, actions);
    }

    pub(super) fn on_weights(
        &mut self,
        now: Millis,
        worker: WorkerRef,
        attempt: Attempt,
        (which, step, bytes): (Which, u64, u64),
        actions: &mut Vec<Action>,
    ) {
        let Some(running) = self.running_mut(worker, attempt) else { return };
        let trial = running.trial;
        if step > self.trials[&trial].steps {
            let problem = format!("it kept weights of a step that trial {trial} has not");
            return self.on_nonsense(now, worker, &problem, actions);
        }
        actions.push(Action::Persist(Record::WeightsKept { trial, which, step, bytes }));
    }

    pub(super) fn on_note(
        &mut self,
        worker: WorkerRef,
        attempt: Attempt,
        message: &str,
        actions: &mut Vec<Action>,
    ) {
        let Some(running) = self.running_mut(worker, attempt) else { return };
        running.notes += 1;
        if running.notes <= MAX_NOTES {
            actions.push(Action::Tell(format!("trial {}: {message}", running.trial)));
        }
    }

    /// Forgets checkpoints of a trial and has their files deleted, once it is written down.
    pub(super) fn drop_checkpoints(
        &mut self,
        id: TrialId,
        which: impl Fn(u64) -> bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(trial) = self.trials.get_mut(&id) else { return };
        let steps: Vec<u64> = trial.checkpoints.extract_if(.., |step| which(*step)).collect();
        if !steps.is_empty() {
            actions.push(Action::Persist(Record::CheckpointsDropped { trial: id, steps: steps.clone() }));
            actions.push(Action::Discard { trial: id, steps });
        }
    }
}
