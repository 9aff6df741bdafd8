//! What is due: deadlines that have passed, work for whoever is free.

use super::{Action, Drain, Millis, Record, Running, Slot, State, WorkerRef};

/// Ticks further apart than this mean that the scheduler itself was away.
const AWAY_MS: Millis = 5_000;

impl State {
    /// Looks at the deadlines. Where the scheduler itself was away (suspended, or its machine asleep), what workers
    /// said meanwhile is still unread, so the gap counts for nobody.
    pub(super) fn on_tick(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let gap = now - self.last_tick.unwrap_or(now);
        self.last_tick = Some(now);
        if gap > AWAY_MS {
            for slot in &mut self.slots {
                slot.postpone(gap);
            }
        }
        self.watch(now, actions);
    }

    /// Deadlines: silence, stalls, and workers that do not end when asked.
    fn watch(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let policy = self.policy;
        for index in 0..self.slots.len() {
            let Some(worker) = self.worker_in(index) else { continue };
            let problem = match &mut self.slots[index] {
                Slot::Busy { running, .. }
                    if running.stopping.is_some_and(|at| now - at > policy.grace_ms + running.saving_ms) =>
                {
                    self.cancel(now, worker, "it did not stop when asked", actions);
                    continue;
                }
                Slot::Ending { since, killed, .. } if !*killed && now - *since > policy.grace_ms => {
                    *killed = true;
                    actions.push(Action::Kill { worker });
                    continue;
                }
                Slot::Starting { heard, .. } | Slot::Idle { heard, .. } | Slot::Busy { heard, .. }
                    if now - *heard > policy.silence_ms =>
                {
                    format!("it said nothing for {} s", (now - *heard) / 1000)
                }
                Slot::Busy { running, .. } if now - running.progressed > policy.stall_ms => {
                    format!("its trial made no step for {} s", (now - running.progressed) / 1000)
                }
                _ => continue,
            };
            self.on_nonsense(now, worker, &problem, actions);
        }
    }

    /// Gives work to whoever is free, starts workers for what waits, lets go of those not needed.
    pub(super) fn schedule(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let stop = matches!(self.drain, Drain::Stop | Drain::Broken { .. });
        let starting = self.slots.iter().filter(|slot| matches!(slot, Slot::Starting { .. })).count();
        let mut unclaimed = self.queue.len().saturating_sub(starting);
        for index in 0..self.slots.len() {
            let worker = self.worker_in(index);
            match (&mut self.slots[index], worker) {
                (Slot::Idle { .. }, Some(worker)) => match self.queue.front() {
                    Some(_) if self.drain == Drain::No => {
                        unclaimed = unclaimed.saturating_sub(1);
                        self.assign(now, worker, actions);
                    }
                    _ if self.trials.is_empty() || self.drain != Drain::No => {
                        actions.push(Action::Release { worker });
                        self.end_worker(now, worker, false);
                    }
                    _ => {}
                },
                (Slot::Busy { running, .. }, Some(worker)) if stop && running.stopping.is_none() => {
                    running.stopping = Some(now);
                    actions.push(Action::Stop { worker, attempt: running.attempt });
                }
                (Slot::Starting { .. }, Some(worker)) if self.drain != Drain::No => {
                    actions.push(Action::Kill { worker });
                    self.end_worker(now, worker, true);
                }
                (Slot::Empty { not_before }, None)
                    if self.drain == Drain::No && unclaimed > 0 && *not_before <= now =>
                {
                    unclaimed -= 1;
                    let worker = WorkerRef { slot: index as u32, incarnation: self.next_incarnation };
                    self.next_incarnation += 1;
                    let incarnation = worker.incarnation;
                    self.slots[index] = Slot::Starting { incarnation, pid: 0, heard: now };
                    actions.push(Action::Spawn { worker });
                }
                _ => {}
            }
        }
    }

    fn assign(&mut self, now: Millis, worker: WorkerRef, actions: &mut Vec<Action>) {
        let Slot::Idle { incarnation, pid, heard } = self.slots[worker.slot as usize] else { return };
        let Some(trial) = self.queue.pop_front() else { return };
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        let running = Running {
            attempt,
            trial,
            since: now,
            progressed: now,
            step: 0,
            loss: None,
            learning_rate: None,
            step_ms: None,
            last_logged: None,
            stopping: None,
            began: false,
            saving_ms: 0,
            trained: 0.0,
            notes: 0,
        };
        self.slots[worker.slot as usize] = Slot::Busy { incarnation, pid, heard, running };
        let started = Record::AttemptStarted { attempt, trial, slot: worker.slot, pid, at: now };
        actions.push(Action::Persist(started));
        let resume = self.trials[&trial].checkpoints.clone();
        actions.push(Action::Assign { worker, attempt, trial, resume });
    }
}
