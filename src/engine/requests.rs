//! What people ask for: sweeps that come, go, wait and go on; a scheduler that ends.

use std::collections::BTreeSet;

use super::{
    Action, AttemptEnd, Before, Change, Drain, Millis, Over, Phase, Place, Record, Stage, State, Submitted,
    Sweep, SweepId, Terms, Trial, TrialId,
};

impl State {
    pub(super) fn on_submitted(
        &mut self,
        (id, terms, before): (SweepId, Terms, Before),
        trials: Vec<Submitted>,
    ) {
        let sweep = self.sweeps.entry(id).or_insert_with(|| Sweep::new(terms.clone(), before));
        (sweep.terms, sweep.stage, sweep.start_failures, sweep.asked) = (terms, Stage::Open, 0, false);
        let mut fresh: Vec<(TrialId, Trial)> = Vec::with_capacity(trials.len());
        let mut brought = BTreeSet::new();
        let mut queue: Vec<(u64, TrialId)> = Vec::with_capacity(trials.len());
        for Submitted { trial, steps, mut checkpoints } in trials {
            checkpoints.retain(|step| *step <= steps);
            let furthest = checkpoints.last().copied().unwrap_or(0);
            let known = self.trials.get_mut(&trial);
            if !brought.insert(trial) || known.as_ref().is_some_and(|known| known.sweeps.contains(&id)) {
                continue;
            }
            if let Some(sweep) = self.sweeps.get_mut(&id) {
                sweep.left += 1;
                sweep.steps += steps;
            }
            match known {
                Some(known) => {
                    known.sweeps.push(id);
                    self.join_queue(id, trial);
                }
                None => {
                    self.clock += 1;
                    queue.push((self.clock, trial));
                    let waiting = Trial {
                        steps,
                        failures: 0,
                        checkpoints,
                        furthest,
                        sweeps: vec![id],
                        place: Place::Waiting { order: self.clock },
                        alone: false,
                        last_failure: None,
                    };
                    fresh.push((trial, waiting));
                }
            }
        }
        // Trees built in one go have full nodes, others half-empty ones: a sweep may have a hundred thousand trials.
        if let Some(sweep) = self.sweeps.get_mut(&id) {
            sweep.queue.append(&mut queue.into_iter().collect());
        }
        match fresh.len() * 8 > self.trials.len() {
            true => self.trials.append(&mut fresh.into_iter().collect()),
            false => self.trials.extend(fresh),
        }
    }

    /// A sweep wants a trial that another one brought.
    fn join_queue(&mut self, id: SweepId, trial: TrialId) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        match self.trials[&trial].place {
            Place::Waiting { order } => _ = sweep.queue.insert((order, trial)),
            Place::Running(_) => sweep.running += 1,
            Place::Delayed { .. } | Place::Between => {}
        }
    }

    /// A sweep was given more trials, or has them all; it stays paused if it is.
    pub(super) fn on_grown(&mut self, id: SweepId, trials: Vec<Submitted>) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        if trials.is_empty() {
            (sweep.terms.grows, sweep.asked) = (false, false);
            return;
        }
        let (terms, stage, before) = (sweep.terms.clone(), sweep.stage.clone(), sweep.before);
        self.on_submitted((id, terms, before), trials);
        if let Some(sweep) = self.sweeps.get_mut(&id) {
            sweep.stage = stage;
        }
    }

    pub(super) fn on_cancel(&mut self, now: Millis, id: SweepId, by: String, actions: &mut Vec<Action>) {
        self.stop_sweep(now, id, Over::Cancelled { by }, actions);
    }

    pub(super) fn on_pause(
        &mut self,
        now: Millis,
        id: SweepId,
        by: String,
        stop: bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        if matches!(sweep.stage, Stage::Stopping(_)) {
            return;
        }
        if stop {
            self.stop_running(now, &[id], &format!("paused by {by}"), actions);
        }
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        if sweep.stage == Stage::Open {
            sweep.stage = Stage::Paused;
            let change = Change::Paused { by };
            actions.push(Action::Persist(Record::SweepChanged { sweep: id, change, at: now }));
        }
    }

    pub(super) fn on_resume(&mut self, now: Millis, id: SweepId, by: String, actions: &mut Vec<Action>) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        if sweep.stage == Stage::Paused {
            sweep.stage = Stage::Open;
            let change = Change::Resumed { by };
            actions.push(Action::Persist(Record::SweepChanged { sweep: id, change, at: now }));
        }
    }

    /// Nothing more of the sweep: what others want too stays theirs, what runs for it alone is stopped.
    pub(super) fn stop_sweep(&mut self, now: Millis, id: SweepId, over: Over, actions: &mut Vec<Action>) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        if matches!(sweep.stage, Stage::Stopping(_)) {
            return;
        }
        let reason = over.to_string();
        // At once: a scheduler that dies while things stop must not go on with it later.
        let change = Change::Over(over.clone());
        actions.push(Action::Persist(Record::SweepChanged { sweep: id, change, at: now }));
        sweep.stage = Stage::Stopping(over);
        let its: Vec<TrialId> =
            self.trials.iter().filter(|(_, trial)| trial.sweeps.contains(&id)).map(|(id, _)| *id).collect();
        for trial in its {
            let known = &self.trials[&trial];
            if !matches!(known.place, Place::Running(_)) || known.sweeps.len() > 1 {
                self.detach(id, trial);
            }
        }
        self.stop_running(now, &[id], &reason, actions);
    }

    /// A sweep wants a trial no longer.
    pub(super) fn detach(&mut self, id: SweepId, trial: TrialId) {
        let Some(known) = self.trials.get_mut(&trial) else { return };
        if !known.sweeps.contains(&id) {
            return;
        }
        let (place, steps, last) = (known.place, known.steps, known.sweeps.len() == 1);
        if last {
            self.dequeue(trial);
            self.trials.remove(&trial);
        } else {
            known.sweeps.retain(|sweep| *sweep != id);
        }
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        sweep.left -= 1;
        sweep.steps -= steps;
        match place {
            Place::Waiting { order } => _ = sweep.queue.remove(&(order, trial)),
            Place::Running(_) => sweep.running -= 1,
            Place::Delayed { .. } | Place::Between => {}
        }
    }

    /// Asks what runs for none but these sweeps to stop; for all, where none is named.
    pub(super) fn stop_running(
        &mut self,
        now: Millis,
        sweeps: &[SweepId],
        reason: &str,
        actions: &mut Vec<Action>,
    ) {
        for (worker, known) in &mut self.workers {
            let Phase::Busy(running) = &mut known.phase else { continue };
            let wanted = self.trials.get(&running.trial).map_or(&[][..], |trial| &trial.sweeps);
            let theirs = sweeps.is_empty() || wanted.iter().all(|sweep| sweeps.contains(sweep));
            if theirs && running.stopping.is_none() {
                running.stopping = Some((now, reason.to_owned()));
                actions.push(Action::Stop { worker: *worker, attempt: running.attempt });
            }
        }
    }

    pub(super) fn on_interrupted(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let running = self.running().count();
        if self.drain == Drain::No && running > 0 {
            let trials = if running == 1 { "trial" } else { "trials" };
            let text = format!("no new trials; finishing {running} {trials}, Ctrl-C again stops them");
            actions.push(Action::Tell { sweeps: vec![], text });
            self.drain = Drain::NoNewTrials;
        } else {
            self.on_terminated(now, actions);
        }
    }

    pub(super) fn on_terminated(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.drain != Drain::Stop {
            self.drain = Drain::Stop;
            return;
        }
        // Asked again: no grace.
        for worker in self.workers.keys().copied().collect::<Vec<_>>() {
            self.cancel(now, worker, "killed on request", actions);
        }
    }

    /// Kills a worker without blaming its trial.
    pub(super) fn cancel(
        &mut self,
        now: Millis,
        worker: super::WorkerRef,
        message: &str,
        actions: &mut Vec<Action>,
    ) {
        if let Some(running) = self.take_running(now, worker) {
            self.requeue(now, &running, AttemptEnd::Cancelled { message: message.to_owned() }, actions);
        }
        actions.push(Action::Kill { worker });
        self.end_worker(now, worker, true);
    }

    /// Nothing of these sweeps can be trained: what runs is stopped, and no trial is blamed.
    pub(super) fn break_sweeps(
        &mut self,
        now: Millis,
        sweeps: &[SweepId],
        reason: &str,
        actions: &mut Vec<Action>,
    ) {
        for id in sweeps {
            let Some(sweep) = self.sweeps.get(id) else { continue };
            if !matches!(sweep.stage, Stage::Stopping(_)) {
                self.stop_sweep(now, *id, Over::Broken { reason: reason.to_owned() }, actions);
            }
        }
    }

    /// Sweeps of which nothing is left, or nothing more may start, come to their end.
    pub(super) fn settle_sweeps(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let mut over = Vec::new();
        for (id, sweep) in &mut self.sweeps {
            match &sweep.stage {
                Stage::Stopping(how) if sweep.left == 0 => over.push((*id, how.clone())),
                Stage::Open | Stage::Paused if sweep.left == 0 && !sweep.terms.grows => {
                    over.push((*id, Over::Done));
                }
                Stage::Open | Stage::Paused if sweep.left == 0 && !sweep.asked => {
                    sweep.asked = true;
                    actions.push(Action::Grow { sweep: *id });
                }
                _ => {}
            }
        }
        for (id, over) in over {
            self.sweeps.remove(&id);
            if over == Over::Done {
                let change = Change::Over(Over::Done);
                actions.push(Action::Persist(Record::SweepChanged { sweep: id, change, at: now }));
            }
            actions.push(Action::Over { sweep: id, over });
        }
    }
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("every trial has ended"),
            Self::Cancelled { by } => write!(f, "cancelled by {by}"),
            Self::Limited { reason } => write!(f, "reached {reason}"),
            Self::Broken { reason } => f.write_str(reason),
        }
    }
}
