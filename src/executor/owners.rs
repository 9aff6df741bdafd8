//! Whose processes are on a GPU.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    device::GpuReading,
    engine::{GpuProcess, GpuSeen, Owner, WorkerRef},
    process,
};

/// The workers that live, shared with whoever reads the GPUs.
#[derive(Debug, Clone)]
pub struct Owners {
    home: PathBuf,
    workers: Arc<Mutex<HashMap<u32, WorkerRef>>>,
}

impl Owners {
    pub(super) fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), workers: Arc::default() }
    }

    pub(super) fn add(&self, worker: WorkerRef, pid: u32) {
        self.known().insert(pid, worker);
    }

    pub(super) fn remove(&self, worker: WorkerRef) {
        self.known().retain(|_, known| *known != worker);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u32, WorkerRef>> {
        self.workers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A reading, each process with whose it is.
    #[must_use]
    pub fn seen(&self, readings: Vec<GpuReading>) -> Vec<GpuSeen> {
        let seen = |reading: GpuReading| GpuSeen {
            uuid: reading.uuid,
            index: reading.index,
            name: reading.name,
            memory: reading.memory_total,
            used: reading.memory_used,
            millijoules: reading.millijoules,
            processes: reading
                .processes
                .into_iter()
                .map(|process| GpuProcess {
                    pid: process.pid,
                    name: process.name.unwrap_or_else(|| "unknown".to_owned()),
                    bytes: process.bytes,
                    owner: self.owner(process.pid),
                })
                .collect(),
        };
        readings.into_iter().map(seen).collect()
    }

    fn owner(&self, pid: u32) -> Owner {
        let worker = process::lineage(pid).iter().find_map(|pid| self.known().get(pid).copied());
        match worker {
            Some(worker) => Owner::Worker(worker),
            None if process::is_of(pid, &self.home) => Owner::Stray,
            None => Owner::Other,
        }
    }
}
