//! What attempts leave on disk, and from where they go on.

use sweep_wire::{Attempt, Which};

use super::{Action, Kind, Millis, Record, State, TrialId, WorkerRef};

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
        let is_known = step == 0 || self.trials[&trial].checkpoints.contains(&step);
        // A program's checkpoints are its own, and it may have been killed before it could tell of one.
        let is_its_own = self.is_program(worker) && step <= self.trials[&trial].steps;
        if began || !is_known && !is_its_own {
            let problem = format!("it began trial {trial} at step {step}, where there is no checkpoint");
            return self.on_nonsense(now, worker, &problem, actions);
        }
        if !is_known {
            let text = format!(
                "trial {trial} goes on from step {step}, which nobody was told of: what it reported shortly before may \
                 be missing"
            );
            let sweeps = self.wanted_by(trial);
            actions.push(Action::Tell { sweeps, text });
        }
        if !damaged.is_empty() {
            let from = if step > 0 { format!("step {step}") } else { "its beginning".to_owned() };
            let text = format!("trial {trial} goes on from {from}: a newer checkpoint was damaged");
            let sweeps = self.wanted_by(trial);
            actions.push(Action::Tell { sweeps, text });
        }
        self.begin(worker, step, actions);
        if let Some(running) = self.running_mut(worker, attempt) {
            let saving = Millis::try_from(state_bytes / SLOWEST_DISK).unwrap_or(MAX_SAVING_MS);
            (running.step, running.first_step, running.progressed) = (step, step, now);
            running.saving_ms = saving.min(MAX_SAVING_MS);
        }
    }

    /// The worker's attempt goes on at this step, unless it has begun already.
    pub(super) fn begin(&mut self, worker: WorkerRef, step: u64, actions: &mut Vec<Action>) {
        let is_program = self.is_program(worker);
        let Some(known) = self.workers.get_mut(&worker) else { return };
        let super::Phase::Busy(running) = &mut known.phase else { return };
        if std::mem::replace(&mut running.began, true) {
            return;
        }
        let (attempt, trial) = (running.attempt, running.trial);
        // A trainer measures step t before that update, and a program after so many steps, as it says: before it tells
        // of its checkpoint.
        let void = if is_program && step > 0 { step + 1 } else { step };
        actions.push(Action::Persist(Record::AttemptBegan { attempt, trial, step, void }));
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
        let Some(running) = self.running_mut(worker, attempt) else { return };
        let (id, began) = (running.trial, running.began);
        running.progressed = now;
        let is_program = self.is_program(worker);
        let Some(trial) = self.trials.get_mut(&id) else { return };
        let newest = trial.checkpoints.last().copied().unwrap_or(0);
        if is_program && began && step == newest {
            return; // it was asked to stop right after it had kept its state
        }
        let is_after_the_last = if is_program { step > trial.steps } else { step >= trial.steps };
        if !began || step <= newest || is_after_the_last {
            let problem = format!("it wrote a checkpoint at step {step} that trial {id} cannot have");
            return self.on_nonsense(now, worker, &problem, actions);
        }
        let terms = trial.sweeps.iter().filter_map(|sweep| Some(&self.sweeps.get(sweep)?.terms));
        let keep = terms.map(|terms| terms.max_checkpoints).max().unwrap_or(1).max(1);
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
            let (trial, text) = (running.trial, format!("trial {}: {message}", running.trial));
            let sweeps = self.wanted_by(trial);
            actions.push(Action::Tell { sweeps, text });
        }
    }

    fn is_program(&self, worker: WorkerRef) -> bool {
        self.workers.get(&worker).is_some_and(|known| known.need.kind == Kind::Program)
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
