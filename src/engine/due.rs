//! What is due: deadlines that have passed.

use super::{Action, GpuSeen, Millis, Owner, Phase, State, WorkerRef};

/// Ticks further apart than this mean that the scheduler itself was away.
const AWAY_MS: Millis = 5_000;

impl State {
    /// Looks at the deadlines. Where the scheduler itself was away (suspended, or its machine asleep), what workers
    /// said meanwhile is still unread, so the gap counts for nobody; nor does a clock that was set back.
    pub(super) fn on_tick(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let gap = now - self.last_tick.unwrap_or(now);
        self.last_tick = Some(now);
        if !(0..=AWAY_MS).contains(&gap) {
            self.workers.values_mut().for_each(|worker| worker.postpone(gap));
            // Trials that wait for a time have waited long enough if the clock ran ahead; never longer than they were to.
            let delayed = std::mem::take(&mut self.delayed);
            for (until, trial) in delayed {
                let until = if gap < 0 { until + gap } else { until };
                self.delayed.insert((until, trial));
                if let Some(trial) = self.trials.get_mut(&trial) {
                    trial.place = super::Place::Delayed { until };
                }
            }
            if gap < 0 {
                self.sweeps.values_mut().for_each(|sweep| sweep.spawn_after += gap);
            }
        }
        self.watch(now, actions);
    }

    /// Deadlines: silence, stalls, and workers that do not end when asked.
    fn watch(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let policy = self.policy;
        for worker in self.workers.keys().copied().collect::<Vec<_>>() {
            let Some(known) = self.workers.get_mut(&worker) else { continue };
            let silent = now - known.heard;
            let problem = match &mut known.phase {
                Phase::Busy(running)
                    if let Some((at, _)) = &running.stopping
                        && now - at > policy.grace_ms + running.saving_ms =>
                {
                    self.cancel(now, worker, "it did not stop when asked", actions);
                    continue;
                }
                Phase::Ending { since, killed } => {
                    if !*killed && now - *since > policy.grace_ms {
                        *killed = true;
                        actions.push(Action::Kill { worker });
                    }
                    continue;
                }
                _ if silent > policy.silence_ms => format!("it said nothing for {} s", silent / 1000),
                Phase::Busy(running) => {
                    let idle = now - running.progressed;
                    match self.stall(worker) {
                        Some(limit) if idle > limit => {
                            format!("its trial made no step for {} s", idle / 1000)
                        }
                        _ => continue,
                    }
                }
                Phase::Starting { .. } | Phase::Idle { .. } => continue,
            };
            self.on_nonsense(now, worker, &problem, actions);
        }
    }

    /// How long an attempt may make no step: the longest that any of its sweeps allows.
    fn stall(&self, worker: WorkerRef) -> Option<Millis> {
        let running = self.workers.get(&worker)?.running()?;
        let sweeps = self.trials.get(&running.trial)?.sweeps.iter();
        sweeps
            .filter_map(|sweep| self.sweeps.get(sweep))
            .map(|sweep| sweep.terms.stall_ms)
            .max_by_key(|limit| limit.unwrap_or(Millis::MAX))?
    }

    /// Takes in what the GPUs are doing. Workers on one that has vanished are ended, and no trial is blamed.
    pub(super) fn on_gpus(&mut self, now: Millis, seen: Vec<GpuSeen>, actions: &mut Vec<Action>) {
        for process in seen.iter().flat_map(|gpu| &gpu.processes) {
            let (Owner::Worker(worker), Some(bytes)) = (process.owner, process.bytes) else { continue };
            let Some(known) = self.workers.get_mut(&worker) else { continue };
            known.gpu_memory = known.gpu_memory.max(Some(bytes));
            let stepped = known.running().filter(|running| running.step > running.first_step);
            let Some(trial) = stepped.map(|running| running.trial) else { continue };
            for sweep in self.wanted_by(trial) {
                if let Some(sweep) = self.sweeps.get_mut(&sweep) {
                    sweep.gpu_memory = sweep.gpu_memory.max(Some(bytes));
                }
            }
        }
        for text in self.pool.seen(now, seen) {
            actions.push(Action::Tell { sweeps: vec![], text });
        }
        let gone = |uuid: &str| self.pool.gpus.iter().any(|gpu| gpu.uuid == uuid && gpu.gone);
        let lost = self.workers.iter().filter(|(_, known)| {
            let ending = matches!(known.phase, Phase::Ending { .. });
            !ending && known.lease.gpu.as_ref().is_some_and(|lease| gone(&lease.uuid))
        });
        for worker in lost.map(|(worker, _)| *worker).collect::<Vec<_>>() {
            self.cancel(now, worker, "its GPU vanished", actions);
        }
    }
}
