//! `resources:`, `retry:`, `limits:` and `priority:`: what a sweep may use and spend. None of it decides
//! a result.

use super::{
    MAX_TRIALS,
    cursor::{Cursor, Map},
    error::Fault,
    form::{MEMORY, TIME, TIME_FROM_0},
    keys::{ABOVE_0_TO_1, Bound::*, Keys, Kind, Kind::*, key, words},
    scalar, units,
    yaml::Node,
};

const DEVICES: [(&str, Device); 3] = [("auto", Device::Auto), ("cpu", Device::Cpu), ("cuda", Device::Cuda)];
const AUTO: Kind = Any(&[Choice(&["auto"]), Whole(1, MAX_COUNT)]);

pub(super) static RESOURCES: Keys = Keys::of(&[
    key(
        "device",
        Choice(&words(DEVICES)),
        "What trains; `auto` is CUDA for models where there are a GPU and the CUDA build, else processors",
    )
    .or("auto"),
    key("workers", AUTO, "Trials at one time; one per core, at most 8, unless told").or("auto"),
    key("threads", AUTO, "Threads of each worker").or("auto"),
    key("gpu_fraction", ABOVE_0_TO_1, "How much of a GPU a worker takes"),
    key("workers_per_gpu", Whole(1, MAX_PER_GPU as u64), "How many workers share a GPU; one unless told"),
    key("share_gpus", Boolean, "Whether GPUs are used that others use too").or("false"),
    key("memory", Form(&MEMORY), "The most address space of each worker"),
    key("nice", Whole(0, 19), "How much workers yield to other processes").or("0"),
    key("pin", Boolean, "Whether each worker keeps to processor cores of its own").or("true"),
])
.at_most_one(&["gpu_fraction", "workers_per_gpu"]);
pub(super) static RETRY: Keys = Keys::of(&[
    key("max", Whole(0, 100), "Tries after a failure that may pass").or("2"),
    key("backoff", Form(&TIME_FROM_0), "The pause before the first; each further one is twice as long")
        .or("1 s"),
]);
pub(super) static LIMITS: Keys = Keys::of(&[
    key("trials", TRIALS, "Trials that are started"),
    key("wall_clock", Form(&TIME), "Time since the sweep was started"),
    key("failures", TRIALS, "Trials that failed for good"),
    key("cost_usd", USD, "Dollars that it costs; needs `pricing`"),
    key("stall", Form(&TIME), "How long an attempt may be without progress"),
]);
pub(super) const TRIALS: Kind = Whole(1, MAX_TRIALS);
pub(super) const USD: Kind = Number(Beyond(0.0), At(MAX_USD));

/// Workers and threads that a spec may ask for.
const MAX_COUNT: u64 = 1024;
/// Dollars that a spec may name.
const MAX_USD: f64 = 1e9;
/// Workers that one GPU may have.
const MAX_PER_GPU: u32 = 64;
/// The least memory of a worker that can be meant, in bytes.
const MIN_MEMORY: u64 = 1 << 20;
/// The longest pause before a retry, in seconds.
const MAX_BACKOFF: f64 = 300.0;

/// What a sweep may use; `None` is for the scheduler to choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resources {
    pub device: Device,
    /// Trials at one time.
    pub workers: Option<u32>,
    /// Threads of each worker.
    pub threads: Option<u32>,
    /// How workers share a GPU; `None` is one worker each, and without [`Device::Cuda`].
    pub gpu_share: Option<GpuShare>,
    /// Whether GPUs are used that others use too.
    pub share_gpus: bool,
    /// The most address space of each worker, in bytes.
    pub memory: Option<u64>,
    /// How much workers yield to other processes, 0 to 19.
    pub nice: u8,
    /// Whether each worker keeps to processor cores of its own, where there are some that no other scheduler has.
    pub pin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// For models [`Device::Cuda`] where it can be, for programs and elsewhere [`Device::Cpu`].
    #[default]
    Auto,
    Cpu,
    Cuda,
}

/// How much of a GPU a worker gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GpuShare {
    /// Above 0 and at most 1.
    Fraction(f64),
    /// One part of so many equal ones, 1 to 64.
    Workers(u32),
}

/// How often a trial is tried again after a failure that may pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    pub max: u32,
    /// The pause before the first retry, 0 to 300; each further one is twice as long, up to 300.
    pub backoff_s: f64,
}

/// When a sweep ends before all of its trials have; `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Trials that are started, at least 1.
    pub trials: Option<u64>,
    /// Time since the sweep was started, above 0.
    pub wall_clock_s: Option<f64>,
    /// Trials that failed for good, at least 1.
    pub failures: Option<u64>,
    /// What it has cost, above 0; only with a [`super::Pricing`].
    pub cost_usd: Option<f64>,
    /// How long an attempt may be without progress, above 0.
    pub stall_s: Option<f64>,
}

impl Resources {
    /// How many workers share a GPU, 1 to 64: as many as its shares fit in it.
    #[must_use]
    pub fn workers_per_gpu(&self) -> u32 {
        match self.gpu_share {
            None => 1,
            Some(GpuShare::Workers(workers)) => workers,
            // The reciprocal of 0.05 and its like is not always as whole as it is meant.
            Some(GpuShare::Fraction(share)) => {
                (1.0 / share + 1e-9).floor().min(f64::from(MAX_PER_GPU)) as u32
            }
        }
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            device: Device::Auto,
            workers: None,
            threads: None,
            gpu_share: None,
            share_gpus: false,
            memory: None,
            nice: 0,
            pin: true,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { max: 2, backoff_s: 1.0 }
    }
}

pub(super) fn resources(at: &Cursor<'_>) -> Result<Resources, Fault> {
    let map = at.map(&RESOURCES)?;
    let chosen = |at: &Cursor<'_>| match at.node() {
        Node::Text(text) if text == "gpu" => {
            at.choice(&DEVICES, &[]).map_err(|fault| fault.hint("did you mean `cuda`?"))
        }
        _ => at.choice(&DEVICES, &[]),
    };
    let device = map.or("device", Device::Auto, chosen)?;
    for key in ["gpu_fraction", "workers_per_gpu", "share_gpus"] {
        if let Some(at) = map.get(key).filter(|_| device != Device::Cuda) {
            let fault = at.fault(format!("`{key}` is about GPUs, and this sweep does not ask for one"));
            return Err(fault.at_key().hint("write `device: cuda` beside it"));
        }
    }
    let count = |at: &Cursor<'_>| match at.node() {
        Node::Text(text) if text == "auto" => Ok(None),
        Node::Text(_) => Err(at.expected("`auto` or a whole number")),
        _ => scalar::whole(at, 1..=MAX_COUNT).map(|count| Some(count as u32)),
    };
    Ok(Resources {
        device,
        workers: map.or("workers", None, count)?,
        threads: map.or("threads", None, count)?,
        gpu_share: gpu_share(&map)?,
        share_gpus: map.or("share_gpus", false, Cursor::boolean)?,
        memory: map.or("memory", None, memory)?,
        nice: map.or("nice", 0, |at| Ok(scalar::whole(at, 0..=19)? as u8))?,
        pin: map.or("pin", true, Cursor::boolean)?,
    })
}

fn gpu_share(map: &Map<'_>) -> Result<Option<GpuShare>, Fault> {
    match (map.get("gpu_fraction"), map.get("workers_per_gpu")) {
        (Some(_), Some(workers)) => Err(workers
            .fault("`gpu_fraction` and `workers_per_gpu` exclude each other")
            .at_key()
            .hint("half a GPU each is two workers per GPU: keep one of them")),
        (Some(at), None) => {
            let is_share = |share: f64| share > 0.0 && share <= 1.0;
            let share = scalar::number(&at, "a number above 0 and at most 1", is_share)?;
            Ok(Some(GpuShare::Fraction(share)))
        }
        (None, Some(at)) => {
            let workers = scalar::whole(&at, 1..=u64::from(MAX_PER_GPU))?;
            Ok(Some(GpuShare::Workers(workers as u32)))
        }
        (None, None) => Ok(None),
    }
}

fn memory(at: &Cursor<'_>) -> Result<Option<u64>, Fault> {
    match units::memory(at)? {
        bytes if bytes >= MIN_MEMORY => Ok(Some(bytes)),
        _ => Err(at.expected("at least 1 MiB of memory").hint("such as `2 GiB`")),
    }
}

pub(super) fn retry(at: &Cursor<'_>) -> Result<Retry, Fault> {
    let map = at.map(&RETRY)?;
    let default = Retry::default();
    let is_pause = |seconds: f64| (0.0..=MAX_BACKOFF).contains(&seconds);
    Ok(Retry {
        max: map.or("max", default.max, |at| Ok(scalar::whole(at, 0..=100)? as u32))?,
        backoff_s: map.or("backoff", default.backoff_s, |at| {
            units::seconds(at, "a time from 0 s to 5 min", is_pause)
        })?,
    })
}

/// `limits:` and W&B's `run_cap:`, of the whole spec.
pub(super) fn limits(top: &Map<'_>) -> Result<Limits, Fault> {
    let trials = |at: &Cursor<'_>| scalar::whole(at, 1..=MAX_TRIALS).map(Some);
    let cap = top.or("run_cap", None, trials)?;
    let Some(map) = top.get("limits").map(|at| at.map(&LIMITS)).transpose()? else {
        return Ok(Limits { trials: cap, ..Limits::default() });
    };
    if let (Some(_), Some(at)) = (cap, map.get("trials")) {
        let fault = at.fault("`run_cap` and `limits.trials` exclude each other");
        return Err(fault.at_key().hint("they mean the same: keep one of them"));
    }
    if let (Some(at), None) = (map.get("cost_usd"), top.get("pricing")) {
        let fault = at.fault("`limits.cost_usd` needs `pricing`").at_key();
        return Err(fault.hint("such as `pricing: {usd_per_hour: 0.80}`"));
    }
    let time = |at: &Cursor<'_>| units::time(at).map(Some);
    let dollars = |at: &Cursor<'_>| usd(at).map(Some);
    Ok(Limits {
        trials: map.or("trials", cap, trials)?,
        wall_clock_s: map.or("wall_clock", None, time)?,
        failures: map.or("failures", None, trials)?,
        cost_usd: map.or("cost_usd", None, dollars)?,
        stall_s: map.or("stall", None, time)?,
    })
}

pub(super) fn usd(at: &Cursor<'_>) -> Result<f64, Fault> {
    scalar::number(at, "a number of dollars above 0, at most 1e9", |usd| usd > 0.0 && usd <= MAX_USD)
}

pub(super) fn priority(at: &Cursor<'_>) -> Result<i32, Fault> {
    scalar::integer(at, -100..=100)
}
