//! What a machine has and can be leased: processor cores, GPUs.
//!
//! Enter at [`cpu_slots`] for how cores are divided, [`CoreClaims`] for whose they are, [`Gpus`] for GPUs and
//! [`Machine`] for what there is to say of the rest. Knows nothing of trials.

mod claims;
mod cores;
mod gpu;
mod machine;
mod nvml;

pub use claims::{CoreClaims, claimed_by_others};
pub use cores::allowed_cores;
pub use gpu::{Driver, GpuProcess, GpuReading, Gpus};
pub use machine::{Cgroup, Machine};

/// The workers of this machine and the threads each may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuSlots {
    pub workers: u32,
    pub threads: u32,
}

/// The most workers that are started unless more are asked for: each holds the data in memory.
const MAX_AUTO_WORKERS: u32 = 8;

/// Divides `cores` among workers. Small models train faster as several one-threaded workers than as one with
/// many threads, so `workers` is one per core up to 8 unless given, and `threads` the cores' equal share. The
/// choice depends on nothing else, since the number of threads is part of what a trial's result hangs on.
#[must_use]
pub fn cpu_slots(cores: u32, workers: Option<u32>, threads: Option<u32>) -> CpuSlots {
    let cores = cores.max(1);
    let workers = workers.unwrap_or_else(|| match threads {
        Some(threads) => (cores / threads.max(1)).clamp(1, MAX_AUTO_WORKERS),
        None => cores.min(MAX_AUTO_WORKERS),
    });
    let threads = threads.unwrap_or_else(|| (cores / workers.max(1)).max(1));
    CpuSlots { workers: workers.max(1), threads }
}

impl CpuSlots {
    /// What a worker takes of a machine of so many cores, from 0 to 1; more workers than cores share these.
    #[must_use]
    pub fn share(self, cores: u32) -> f64 {
        let cores = f64::from(cores.max(1));
        f64::from(self.threads).min(cores / f64::from(self.workers)).min(cores) / cores
    }

    /// How many cores of its own a worker of a machine of so many can have; none where it takes parts of cores.
    #[must_use]
    pub fn whole_cores(self, cores: u32) -> Option<u32> {
        let cores = cores.max(1);
        match self.threads.checked_mul(self.workers) {
            Some(all) if all <= cores => Some(self.threads),
            _ => cores.is_multiple_of(self.workers).then(|| cores / self.workers),
        }
    }
}

/// The processor cores this process may use.
#[must_use]
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_divided() {
        let slots = |cores, workers, threads| {
            let slots = cpu_slots(cores, workers, threads);
            (slots.workers, slots.threads)
        };
        assert_eq!(slots(1, None, None), (1, 1));
        assert_eq!(slots(2, None, None), (2, 1));
        assert_eq!(slots(64, None, None), (8, 8));
        assert_eq!(slots(2, Some(1), None), (1, 2));
        assert_eq!(slots(8, None, Some(4)), (2, 4));
        assert_eq!(slots(2, Some(3), None), (3, 1));
        assert_eq!(slots(2, Some(1), Some(1)), (1, 1));
    }

    #[test]
    fn workers_have_cores_of_their_own_where_these_are_whole() {
        let check = |cores, workers, threads, expected| {
            assert_eq!(
                CpuSlots { workers, threads }.whole_cores(cores),
                expected,
                "{workers} of {threads} on {cores}"
            );
        };
        check(8, 8, 1, Some(1));
        check(8, 2, 3, Some(3));
        check(4, 2, 4, Some(2));
        check(4, 3, 2, None);
        check(2, 3, 1, None);
        check(1, 1, 1, Some(1));
    }
}
