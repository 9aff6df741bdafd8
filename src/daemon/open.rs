//! Taking over a home: nobody else schedules it, nothing of an earlier scheduler runs, what it left open waits again.

use std::{collections::HashMap, io, path::Path, time::Instant};

use tokio::sync::mpsc;

use super::{Scheduler, SchedulerError, Setup, now, server};
use crate::{
    engine::{Event, Pool, State, SweepId},
    executor::Local,
    process,
    store::{OpenSweep, Store, StoreError},
};

/// Opens the store of a home for writing: ends what an earlier scheduler left running, then queues its trials again.
///
/// # Errors
/// Another scheduler has it; the file is no store; the disk.
pub fn open_store(home: &Path) -> Result<Store, StoreError> {
    let mut store = Store::open_writer_on(home, process::file_system)?;
    for left in store.leftovers()? {
        // Whether it still ran changes nothing.
        let _ = process::end_survivors(left.pid, &left.process);
    }
    let home =
        std::fs::canonicalize(home).map_err(|error| StoreError::Io { path: home.to_owned(), error })?;
    process::end_strays(&home);
    store.recover()?;
    Ok(store)
}

impl Scheduler {
    /// A scheduler for a home, listening on its socket; a daemon goes on with what is open there.
    ///
    /// # Errors
    /// Another scheduler has the home, or it cannot be written.
    pub fn open(setup: Setup) -> Result<Self, SchedulerError> {
        let store = open_store(&setup.home)?;
        // Without it, what escapes a worker is found when the next scheduler starts.
        let _ = process::subreaper();
        // Bounded: a worker that floods is held up by its own pipe.
        let (tell, events) = mpsc::channel(256);
        let executor = Local::new(setup.worker.clone(), &setup.home, tell)?;
        store.just_ended()?.into_iter().for_each(|trial| executor.discard_all(trial));
        let (call, calls) = mpsc::channel(64);
        let connections = server::listen(&setup.home, call).map_err(|error| {
            io::Error::new(error.kind(), format!("the socket `{}`: {error}", super::SOCKET))
        })?;
        let pool = Pool::new(setup.cores, setup.pinnable.clone());
        let state = State::new(setup.policy, pool, store.next_attempt()?);
        let mut scheduler = Self {
            setup,
            state,
            store,
            executor,
            events,
            calls,
            connections,
            watchers: Vec::new(),
            labels: HashMap::new(),
            deferred: Vec::new(),
            unsynced: false,
            ended: Vec::new(),
            owed: Vec::new(),
            synced: Instant::now(),
            since: now(),
            over: HashMap::new(),
            told: Vec::new(),
        };
        // What a worker takes of the cores hangs on how many GPUs there are.
        let seen = scheduler.executor.owners().seen(scheduler.setup.gpus.read());
        scheduler.turn(vec![Event::Gpus(seen)])?;
        if scheduler.setup.daemon {
            scheduler.go_on()?;
        }
        Ok(scheduler)
    }

    fn go_on(&mut self) -> Result<(), SchedulerError> {
        let mut events = Vec::new();
        for sweep in self.store.open_sweeps()? {
            let (id, paused) = (sweep.sweep, sweep.paused.clone());
            self.told.push(format!("goes on with sweep {id}: {} trials are left", sweep.trials.len()));
            events.push(submitted(sweep));
            events.extend(paused.map(|by| {
                let by = by.trim_start_matches("paused by ").to_owned();
                Event::Pause { sweep: id, by, stop: false }
            }));
        }
        self.turn(events)
    }

    /// A sweep's trials that wait, as the store has them now.
    pub(super) fn resumption(&self, sweep: SweepId) -> Result<Event, SchedulerError> {
        Ok(submitted(self.store.open_sweep(sweep)?))
    }
}

fn submitted(sweep: OpenSweep) -> Event {
    let OpenSweep { sweep, terms, before, trials, .. } = sweep;
    Event::Submitted { sweep, terms: Box::new(terms), before, trials }
}
