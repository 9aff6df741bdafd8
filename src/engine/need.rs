//! What a worker takes of the machine, and what the machine has.

use serde::{Deserialize, Serialize};

use super::{Millis, WorkerRef};

/// A whole core or device, in the unit that shares are counted in.
pub const WHOLE: u32 = 1000;
/// How long a GPU's memory may take to come back after a worker ended.
const RECLAIM_MS: Millis = 10_000;
/// Memory of a GPU that nobody owns and that still counts as free, in bytes: contexts of the driver.
const SLACK: u64 = 256 << 20;

/// Which program a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Trains models.
    Trainer,
    /// Runs programs of the user's own.
    Program,
}

/// What a worker has to be and to have; workers of equal needs take each other's trials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub kind: Kind,
    /// Thousandths of a core.
    pub cpu: u32,
    /// Whether it stays on cores of its own; only whole cores can be.
    pub pin: bool,
    pub gpu: Option<GpuNeed>,
    /// The most address space it may have, in bytes.
    pub memory: Option<u64>,
    pub nice: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuNeed {
    /// Thousandths of a GPU, 1 to 1000.
    pub share: u32,
    /// Whether a GPU that other people's processes use will do.
    pub foreign: bool,
}

/// What a worker holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lease {
    /// Thousandths of a core.
    pub cpu: u32,
    /// The cores it is pinned to; none where it may run anywhere.
    pub cores: Vec<u32>,
    pub gpu: Option<GpuLease>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuLease {
    pub uuid: String,
    pub share: u32,
}

/// What there is to lease.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// Thousandths of cores, of all and of those that are free.
    pub cpu: u32,
    pub cpu_free: u32,
    /// Cores that nobody is pinned to, ascending, of so many in all.
    pub cores: Vec<u32>,
    pub pinnable: usize,
    pub gpus: Vec<Gpu>,
}

/// A GPU, with who uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    pub uuid: String,
    pub index: u32,
    pub name: String,
    pub memory: u64,
    pub used: u64,
    /// Energy since the driver was loaded, in thousandths of a joule.
    pub millijoules: Option<u64>,
    /// Thousandths that are free.
    pub free: u32,
    pub processes: Vec<GpuProcess>,
    /// Since when memory of a worker that ended is waited for.
    pub reclaiming: Option<Millis>,
    /// Why nothing is started on it.
    pub quarantine: Option<String>,
    /// Whether the last reading did not have it.
    pub gone: bool,
    /// What was used of it when no worker was on it, in bytes: the driver's own.
    pub idle_used: u64,
}

/// A GPU as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuSeen {
    pub uuid: String,
    pub index: u32,
    pub name: String,
    pub memory: u64,
    pub used: u64,
    /// Energy since the driver was loaded, in thousandths of a joule; none where it does not tell.
    pub millijoules: Option<u64>,
    pub processes: Vec<GpuProcess>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuProcess {
    pub pid: u32,
    pub name: String,
    /// Where the driver tells it.
    pub bytes: Option<u64>,
    pub owner: Owner,
}

/// Whose process it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Worker(WorkerRef),
    /// Started by a worker that has ended.
    Stray,
    Other,
}

impl Pool {
    /// A pool of so many cores, of which those in `pinnable` may be pinned to.
    #[must_use]
    pub fn new(cores: u32, mut pinnable: Vec<u32>) -> Self {
        let cpu = cores.saturating_mul(WHOLE);
        pinnable.sort_unstable();
        Self { cpu, cpu_free: cpu, pinnable: pinnable.len(), cores: pinnable, gpus: Vec::new() }
    }

    /// Why a worker of this need would not fit now; `memory` is what it is known to take of a GPU.
    pub(super) fn lacks(&self, need: &Need, memory: Option<u64>) -> Option<Lack> {
        if need.cpu > self.cpu_free {
            return Some(Lack::Cpu { wanted: need.cpu, free: self.cpu_free });
        }
        let gpu = need.gpu?;
        if self.gpus.iter().any(|device| device.refuses(gpu, memory).is_none()) {
            return None;
        }
        let reason = |device: &Gpu| {
            format!("GPU {} {}", device.index, device.refuses(gpu, memory).unwrap_or_default())
        };
        Some(match self.gpus.is_empty() {
            true => Lack::Gpu("there is none".to_owned()),
            false => Lack::Gpu(self.gpus.iter().map(reason).collect::<Vec<_>>().join("; ")),
        })
    }

    /// Whether a worker of this need could be had if all others ended.
    pub(super) fn could_fit(&self, need: &Need) -> bool {
        let usable = |device: &Gpu| device.unusable(need.gpu.is_some_and(|gpu| gpu.foreign)).is_none();
        need.cpu <= self.cpu && (need.gpu.is_none() || self.gpus.iter().any(usable))
    }

    /// Takes what a worker needs; it fits.
    pub(super) fn take(&mut self, need: &Need, memory: Option<u64>) -> Lease {
        self.cpu_free -= need.cpu;
        let whole = (need.cpu / WHOLE) as usize;
        let pins = need.pin && need.cpu.is_multiple_of(WHOLE) && whole <= self.cores.len();
        let cores = if pins { self.cores.drain(..whole).collect() } else { Vec::new() };
        let gpu = need.gpu.and_then(|gpu| {
            // The fullest that has room, so that a whole one stays free for who needs it.
            let fitting = self.gpus.iter_mut().filter(|device| device.refuses(gpu, memory).is_none());
            let device = fitting.min_by_key(|device| (device.free, device.index))?;
            device.free -= gpu.share;
            Some(GpuLease { uuid: device.uuid.clone(), share: gpu.share })
        });
        Lease { cpu: need.cpu, cores, gpu }
    }

    /// Gives a lease back; a GPU's memory has to come back before it is used again.
    pub(super) fn give_back(&mut self, now: Millis, lease: Lease) {
        self.cpu_free += lease.cpu;
        self.cores.extend(lease.cores);
        self.cores.sort_unstable();
        if let Some(GpuLease { uuid, share }) = lease.gpu
            && let Some(device) = self.gpus.iter_mut().find(|device| device.uuid == uuid)
        {
            device.free += share;
            device.reclaiming = Some(now);
        }
    }

    /// Which share of the machine a lease is, from 0 to 1: of its GPUs where it holds one, else of its cores.
    #[must_use]
    pub fn share(&self, need: &Need) -> f64 {
        match need.gpu {
            Some(gpu) => f64::from(gpu.share) / f64::from(WHOLE) / self.gpus.len().max(1) as f64,
            None => f64::from(need.cpu) / f64::from(self.cpu.max(1)),
        }
    }

    /// What the GPU of a lease has taken since the driver was loaded, in thousandths of a joule.
    pub(super) fn millijoules(&self, lease: &Lease) -> Option<u64> {
        let lease = lease.gpu.as_ref()?;
        self.gpus.iter().find(|gpu| gpu.uuid == lease.uuid)?.millijoules
    }

    /// Takes in a reading and says what people should know.
    pub(super) fn seen(&mut self, now: Millis, seen: Vec<GpuSeen>) -> Vec<String> {
        let mut told = Vec::new();
        for device in &mut self.gpus {
            let here = seen.iter().any(|reading| reading.uuid == device.uuid);
            if !here && !std::mem::replace(&mut device.gone, true) {
                told.push(format!("GPU {} ({}) has vanished", device.index, device.name));
            }
        }
        for GpuSeen { uuid, index, name, memory, used, millijoules, processes } in seen {
            let at = self.gpus.iter().position(|device| device.uuid == uuid).unwrap_or_else(|| {
                self.gpus.push(Gpu {
                    uuid,
                    index,
                    name,
                    memory,
                    used,
                    millijoules,
                    free: WHOLE,
                    processes: Vec::new(),
                    reclaiming: None,
                    quarantine: None,
                    gone: false,
                    idle_used: used,
                });
                self.gpus.len() - 1
            });
            let device = &mut self.gpus[at];
            (device.used, device.processes, device.gone) = (used, processes, false);
            device.millijoules = millijoules;
            told.extend(device.settle(now));
        }
        told
    }
}

impl Gpu {
    /// Whether memory of ended workers has come back; what is new about it is told.
    fn settle(&mut self, now: Millis) -> Option<String> {
        let stray = self.processes.iter().find(|process| process.owner == Owner::Stray);
        let owned: u64 = self.processes.iter().filter_map(|process| process.bytes).sum();
        let unowned = self.used.saturating_sub(owned);
        let leased = self.free < WHOLE;
        if stray.is_none() && self.reclaiming.is_none() && self.quarantine.is_none() {
            if !leased {
                self.idle_used = unowned;
            }
            return None;
        }
        let holder = match stray {
            Some(process) => {
                format!("process {} (`{}`) of a worker that has ended", process.pid, process.name)
            }
            // With workers on it, what they use need not be told apart in a container.
            None if !leased && unowned > self.idle_used + SLACK => "no process that can be seen".to_owned(),
            None => {
                self.reclaiming = None;
                let index = self.index;
                let back = |_| format!("GPU {index} is used again: its memory has come back");
                return self.quarantine.take().map(back);
            }
        };
        let since = *self.reclaiming.get_or_insert(now);
        if now - since < RECLAIM_MS || self.quarantine.is_some() {
            return None;
        }
        let bytes =
            stray.map_or(unowned.saturating_sub(self.idle_used), |process| process.bytes.unwrap_or(0));
        let mib = bytes >> 20;
        let reason = format!("{mib} MiB of its memory did not come back: {holder} holds it");
        self.quarantine = Some(reason.clone());
        Some(format!("GPU {} is left alone: {reason}", self.index))
    }

    /// Why nothing can be started on it whoever else is.
    fn unusable(&self, foreign: bool) -> Option<String> {
        if self.gone {
            return Some("has vanished".to_owned());
        }
        if let Some(reason) = &self.quarantine {
            return Some(format!("is left alone: {reason}"));
        }
        let other =
            self.processes.iter().find(|process| process.owner == Owner::Other).filter(|_| !foreign)?;
        Some(format!("is used by process {} (`{}`)", other.pid, other.name))
    }

    /// Why a worker cannot be started on it now.
    fn refuses(&self, need: GpuNeed, memory: Option<u64>) -> Option<String> {
        if let Some(reason) = self.unusable(need.foreign) {
            return Some(reason);
        }
        if self.reclaiming.is_some() {
            return Some("waits for memory of a worker that has ended".to_owned());
        }
        if self.free < need.share {
            return Some("is taken".to_owned());
        }
        let free = self.memory.saturating_sub(self.used);
        match memory {
            Some(wanted) if wanted > free => {
                Some(format!("has {} MiB free where {} MiB are needed", free >> 20, wanted >> 20))
            }
            _ => None,
        }
    }
}

/// What there is not enough of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    Cpu {
        wanted: u32,
        free: u32,
    },
    /// The state of each GPU, in words.
    Gpu(String),
}
