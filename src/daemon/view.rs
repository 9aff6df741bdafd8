//! What people see of a scheduler: how far a sweep is, and what was told of it.

use tokio::sync::mpsc;

use super::{
    Scheduler,
    protocol::{Attempting, Reply, Snapshot, Status, SweepStatus},
};
use crate::{
    engine::{Drain, Gpu, Over, Stage, SweepId},
    plan::Assignment,
};

/// Somebody who follows a sweep.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) sweep: SweepId,
    pub(super) reply: mpsc::Sender<Reply>,
    /// What it has not been told yet.
    pub(super) told: Vec<String>,
}

/// Lines that a slow watcher is owed at most.
const MAX_OWED: usize = 1000;

impl Scheduler {
    pub(super) fn tell(&mut self, sweeps: &[SweepId], text: String) {
        for watcher in &mut self.watchers {
            let concerned = sweeps.is_empty() || sweeps.contains(&watcher.sweep);
            if concerned && watcher.told.len() < MAX_OWED {
                watcher.told.push(text.clone());
            }
        }
        self.told.push(text);
    }

    /// Sends what is new to those who follow; one who has gone away is forgotten.
    pub(super) fn tell_watchers(&mut self, due: bool) {
        self.told.clear();
        let mut watchers = std::mem::take(&mut self.watchers);
        watchers.retain_mut(|watcher| {
            if !due && watcher.told.is_empty() {
                return !watcher.reply.is_closed();
            }
            let Some(mut snapshot) = self.snapshot(watcher.sweep) else { return true };
            snapshot.told = std::mem::take(&mut watcher.told);
            match watcher.reply.try_send(Reply::Snapshot(Box::new(snapshot))) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                // A slow one gets the next.
                Err(mpsc::error::TrySendError::Full(reply)) => {
                    if let Reply::Snapshot(snapshot) = reply {
                        watcher.told = snapshot.told;
                    }
                    true
                }
            }
        });
        self.watchers = watchers;
    }

    pub(super) fn sweep_over(&mut self, sweep: SweepId, over: Over) {
        if self.setup.daemon {
            self.told.push(format!("sweep {sweep} is over: {over}"));
        }
        self.watchers.retain_mut(|watcher| {
            if watcher.sweep != sweep {
                return true;
            }
            let told = std::mem::take(&mut watcher.told);
            let last = Snapshot { sweep, told, state: "over".to_owned(), ..Snapshot::default() };
            // One that takes no more finds the end in the store.
            let _ = watcher.reply.try_send(Reply::Snapshot(Box::new(last)));
            let _ = watcher.reply.try_send(Reply::Over { over: Some(over.clone()) });
            false
        });
        self.over.insert(sweep, over);
    }

    pub(super) fn end_watchers(&mut self) {
        for watcher in self.watchers.drain(..) {
            let _ = watcher.reply.try_send(Reply::Over { over: None });
        }
    }

    /// How far a sweep is; none where it is over.
    pub(super) fn snapshot(&self, id: SweepId) -> Option<Snapshot> {
        let sweep = self.state.sweeps.get(&id)?;
        let its = self.state.running().filter_map(|(worker, running)| {
            let trial = self.state.trials.get(&running.trial).filter(|trial| trial.sweeps.contains(&id))?;
            Some(Attempting {
                slot: worker.slot,
                trial: running.trial,
                label: self.labels.get(&worker).cloned().unwrap_or_default(),
                step: running.step,
                steps: trial.steps,
                loss: running.loss,
                learning_rate: running.learning_rate,
                step_ms: running.step_ms,
            })
        });
        let running: Vec<_> = its.collect();
        let made: u64 = running.iter().map(|attempt| attempt.step).sum();
        let counts = sweep.counts;
        let state = match &sweep.stage {
            Stage::Open => "open",
            Stage::Paused => "paused",
            Stage::Stopping(_) => "ending",
        };
        Some(Snapshot {
            sweep: id,
            state: state.to_owned(),
            trials: sweep.left + counts.ended(),
            done: counts.done,
            diverged: counts.diverged,
            failed: counts.failed,
            steps: sweep.steps,
            steps_made: counts.steps + made,
            waits: if running.is_empty() { self.state.waits(super::now(), id) } else { None },
            running,
            told: Vec::new(),
        })
    }

    pub(super) fn status(&self) -> Status {
        let state = &self.state;
        let sweep = |(id, sweep): (&SweepId, &crate::engine::Sweep)| SweepStatus {
            sweep: *id,
            state: self.snapshot(*id).map_or_else(String::new, |snapshot| snapshot.state),
            priority: sweep.terms.priority,
            waiting: sweep.left - u64::from(sweep.running),
            running: sweep.running,
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            daemon: self.setup.daemon,
            since: self.since,
            cpu: state.pool.cpu,
            cpu_free: state.pool.cpu_free,
            workers: state.workers.len(),
            late_messages: state.late_messages,
            draining: state.drain != Drain::No,
            sweeps: state.sweeps.iter().map(sweep).collect(),
            gpus: state.pool.gpus.iter().map(gpu).collect(),
        }
    }
}

fn gpu(gpu: &Gpu) -> serde_json::Value {
    serde_json::json!({
        "index": gpu.index, "uuid": gpu.uuid, "name": gpu.name, "memory": gpu.memory, "used": gpu.used,
        "free_share": f64::from(gpu.free) / f64::from(crate::engine::WHOLE), "quarantine": gpu.quarantine,
        "vanished": gpu.gone,
    })
}

/// What a trial is called on the screen.
pub(super) fn label(assignment: &Assignment) -> String {
    format!("{} · {} · seed {}", assignment.schedule, assignment.budget, assignment.seed)
}
