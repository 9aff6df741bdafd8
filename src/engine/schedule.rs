//! Who starts next: larger priority, then fewer workers, then who has waited longer.

use std::cmp::Reverse;

use super::{
    Action, Blocker, Drain, GpuNeed, Lack, Millis, Need, Over, Phase, Place, Record, Running, Stage, State,
    Sweep, SweepId, TrialId, WHOLE, Worker, WorkerRef,
};

/// What a sweep waits for that only an end of others can give.
#[derive(Clone, Copy)]
enum Short {
    Cpu,
    Gpu,
}

impl State {
    /// Gives work to whoever is free, starts workers for what waits, lets go of those not needed.
    pub(super) fn schedule(&mut self, now: Millis, actions: &mut Vec<Action>) {
        while let Some((until, trial)) = self.delayed.first().copied().filter(|(until, _)| *until <= now) {
            self.delayed.remove(&(until, trial));
            self.enqueue(trial);
        }
        match self.drain {
            Drain::No => self.start_what_can(now, actions),
            Drain::NoNewTrials => {}
            Drain::Stop => self.stop_running(now, &[], "the scheduler ends", actions),
        }
        self.release_unneeded(now, actions);
        self.reach_limits(now, actions);
        self.settle_sweeps(now, actions);
    }

    fn start_what_can(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let idle = |state: &Self| {
            state.pool.cpu_free > 0
                || state.workers.values().any(|worker| matches!(worker.phase, Phase::Idle { .. }))
        };
        while idle(self) && self.start_one(now, actions) {}
    }

    /// Starts something for the first sweep that can; whether it did.
    fn start_one(&mut self, now: Millis, actions: &mut Vec<Action>) -> bool {
        let mut held = None;
        for id in self.in_turn() {
            let Some((_, trial)) = self.sweeps[&id].queue.first().copied() else { continue };
            match self.blocker(id, now) {
                None if held.is_some_and(|short| self.overtakes(id, short)) => {}
                None => {
                    self.start(now, id, trial, actions);
                    return true;
                }
                Some(blocker) if held.is_none() => {
                    held = self.holds(id, &blocker);
                    if held.is_some() {
                        self.make_room(now, actions);
                    }
                }
                Some(_) => {}
            }
        }
        false
    }

    /// What a sweep waits for that only an end of others can give. Nobody overtakes it to take that, or a large need would
    /// wait for ever.
    fn holds(&self, id: SweepId, blocker: &Blocker) -> Option<Short> {
        let Blocker::Lack(lack) = blocker else { return None };
        let (_, trial) = self.sweeps[&id].queue.first()?;
        let short = if matches!(lack, Lack::Cpu { .. }) { Short::Cpu } else { Short::Gpu };
        self.pool.could_fit(&self.need(&self.sweeps[&id], *trial)).then_some(short)
    }

    /// Whether a sweep takes of what an earlier one waits for.
    fn overtakes(&self, id: SweepId, short: Short) -> bool {
        match short {
            Short::Cpu => true,
            Short::Gpu => self.sweeps[&id].terms.need.gpu.is_some(),
        }
    }

    /// Sweeps in which something waits, who goes first first.
    fn in_turn(&self) -> Vec<SweepId> {
        let waiting = self.sweeps.iter().filter(|(_, sweep)| !sweep.queue.is_empty());
        let mut turn: Vec<_> = waiting.map(|(id, _)| (self.rank(*id), *id)).collect();
        turn.sort_unstable();
        turn.into_iter().map(|(_, id)| id).collect()
    }

    fn rank(&self, id: SweepId) -> (Reverse<i32>, u32, u64, SweepId) {
        let sweep = &self.sweeps[&id];
        (Reverse(sweep.terms.priority), sweep.running + sweep.starting, sweep.served, id)
    }

    /// The sweep that goes before this one and waits for what this one would take.
    pub(super) fn held_by(&self, id: SweepId, now: Millis) -> Option<SweepId> {
        let before = self.in_turn().into_iter().take_while(|other| *other != id);
        let mut held =
            before.filter_map(|other| Some((other, self.holds(other, &self.blocker(other, now)?)?)));
        held.next().filter(|(_, short)| self.overtakes(id, *short)).map(|(other, _)| other)
    }

    /// What a worker for this trial needs.
    pub(super) fn need(&self, sweep: &Sweep, trial: TrialId) -> Need {
        let mut need = sweep.terms.need.clone();
        if self.trials.get(&trial).is_some_and(|trial| trial.alone) {
            need.gpu = need.gpu.map(|gpu| GpuNeed { share: WHOLE, ..gpu });
        }
        need
    }

    /// A worker that is free and is what is needed.
    pub(super) fn idle(&self, need: &Need) -> Option<WorkerRef> {
        let free = |worker: &Worker| matches!(worker.phase, Phase::Idle { .. }) && worker.need == *need;
        self.workers.iter().find(|(_, worker)| free(worker)).map(|(worker, _)| *worker)
    }

    fn start(&mut self, now: Millis, id: SweepId, trial: TrialId, actions: &mut Vec<Action>) {
        self.serve(id);
        let need = self.need(&self.sweeps[&id], trial);
        let memory = self.sweeps[&id].gpu_memory;
        let idle = self.idle(&need);
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        if let Some(worker) = idle {
            return self.assign(now, worker, trial, actions);
        }
        sweep.starting += 1;
        let slot = (0..).find(|slot| self.workers.keys().all(|worker| worker.slot != *slot)).unwrap_or(0);
        let worker = WorkerRef { slot, incarnation: self.next_incarnation };
        self.next_incarnation += 1;
        let share = self.pool.share(&need);
        let lease = self.pool.take(&need, memory);
        actions.push(Action::Spawn { worker, need: need.clone(), lease: lease.clone() });
        let phase = Phase::Starting { sweep: id };
        let (pid, process) = (0, String::new());
        let known = Worker { pid, process, need, lease, share, heard: now, gpu_memory: None, phase };
        self.workers.insert(worker, known);
    }

    fn assign(&mut self, now: Millis, worker: WorkerRef, id: TrialId, actions: &mut Vec<Action>) {
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        self.dequeue(id);
        let (Some(known), Some(trial)) = (self.workers.get_mut(&worker), self.trials.get_mut(&id)) else {
            return;
        };
        trial.place = Place::Running(worker);
        for sweep in &trial.sweeps {
            if let Some(sweep) = self.sweeps.get_mut(sweep) {
                sweep.running += 1;
            }
        }
        let millijoules = self.pool.millijoules(&known.lease);
        known.phase = Phase::Busy(Running::new(attempt, id, now, millijoules));
        let (pid, process, share) = (known.pid, known.process.clone(), known.share);
        let (slot, at) = (worker.slot, now);
        let started = Record::AttemptStarted { attempt, trial: id, slot, pid, process, share, at };
        actions.push(Action::Persist(started));
        let resume = trial.checkpoints.clone();
        actions.push(Action::Assign { worker, attempt, trial: id, resume });
    }

    /// A worker that has just started takes a trial before it can be let go: sweeps of different needs would otherwise
    /// start workers in turn and train nothing.
    pub(super) fn first_work(&mut self, now: Millis, worker: WorkerRef, actions: &mut Vec<Action>) {
        let Some(known) = self.workers.get(&worker) else { return };
        for id in self.in_turn() {
            let Some((_, trial)) = self.sweeps[&id].queue.first().copied() else { continue };
            if self.need(&self.sweeps[&id], trial) == known.need && self.blocker(id, now).is_none() {
                self.serve(id);
                return self.assign(now, worker, trial, actions);
            }
        }
    }

    /// Notes that it was this sweep's turn.
    fn serve(&mut self, id: SweepId) {
        self.clock += 1;
        let clock = self.clock;
        if let Some(sweep) = self.sweeps.get_mut(&id) {
            sweep.served = clock;
        }
    }

    /// Lets the worker go that has been idle longest, unless one is on its way out already.
    fn make_room(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.workers.values().any(|worker| matches!(worker.phase, Phase::Ending { .. })) {
            return;
        }
        let idle = self.workers.iter().filter_map(|(worker, known)| match known.phase {
            Phase::Idle { since } => Some((since, *worker)),
            _ => None,
        });
        if let Some((_, worker)) = idle.min() {
            actions.push(Action::Release { worker });
            self.end_worker(now, worker, false);
        }
    }

    /// Workers for which there is no work, and with the scheduler at its end all that train nothing.
    fn release_unneeded(&mut self, now: Millis, actions: &mut Vec<Action>) {
        for worker in self.workers.keys().copied().collect::<Vec<_>>() {
            let known = &self.workers[&worker];
            let draining = self.drain != Drain::No;
            match known.phase {
                Phase::Idle { since } => {
                    // One that is asked whether it grows answers before a new worker could be started.
                    let wants = |sweep: &Sweep| {
                        let has_work = sweep.left > 0 || sweep.terms.grows;
                        sweep.stage == Stage::Open && has_work && sweep.terms.need == known.need
                    };
                    let kept = !draining && self.sweeps.values().any(wants);
                    if draining || !kept && now - since >= self.policy.idle_ms {
                        actions.push(Action::Release { worker });
                        self.end_worker(now, worker, false);
                    }
                }
                Phase::Starting { .. } if draining => {
                    actions.push(Action::Kill { worker });
                    self.end_worker(now, worker, true);
                }
                _ => {}
            }
        }
    }

    /// A sweep that runs nothing and may start nothing more is over.
    fn reach_limits(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let still = self.sweeps.iter().filter(|(_, sweep)| {
            sweep.running == 0 && !sweep.queue.is_empty() && !matches!(sweep.stage, Stage::Stopping(_))
        });
        let reached = still.filter_map(|(id, _)| Some((*id, self.limit(*id, now)?)));
        for (id, reason) in reached.collect::<Vec<_>>() {
            self.stop_sweep(now, id, Over::Limited { reason }, actions);
        }
    }
}
