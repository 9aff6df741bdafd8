//! What a worker is held to: told by the scheduler in one variable, put in force by the worker itself, so that
//! nothing is done between `fork` and `exec`.

use std::{ffi::OsString, process};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::Signal,
    },
    unistd::{Pid, getppid},
};
use serde::{Deserialize, Serialize};

/// The variable that holds [`Told`] as JSON.
pub(super) const VARIABLE: &str = "SWEEP_LIMITS";

/// What a worker and all that it starts are held to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The processor cores it may run on; none for all.
    pub cores: Vec<u32>,
    /// Added to the scheduler's own niceness.
    pub nice: i32,
    /// The most address space of one process, in bytes. CUDA reserves far more than it uses, so this is for
    /// workers that use no GPU.
    pub memory: Option<u64>,
}

/// The content of the variable.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    limits: Limits,
    /// The process that the worker ends with.
    parent: u32,
}

impl Limits {
    /// The value of the variable for a child of this process.
    pub(super) fn told(&self) -> serde_json::Result<OsString> {
        let told = Told { limits: self.clone(), parent: process::id() };
        Ok(serde_json::to_string(&told)?.into())
    }
}

/// Puts in force what the scheduler told this process; without a scheduler, nothing. To be called from the main
/// thread, before others are started. From then on the process is killed when the thread that started it ends, or, `gently`,
/// told by SIGTERM: it may have others to end first.
/// The answer is a warning about a limit that could not be set and that no result hangs on.
///
/// # Errors
/// The limits cannot be read or set, or the scheduler has ended meanwhile.
pub fn settle(gently: bool) -> Result<Option<String>, String> {
    let Some(told) = std::env::var_os(VARIABLE) else { return Ok(None) };
    let Told { limits, parent } = serde_json::from_str(&told.to_string_lossy())
        .map_err(|error| format!("`{VARIABLE}` is not what a scheduler writes there: {error}"))?;
    prctl::set_pdeathsig(if gently { Signal::SIGTERM } else { Signal::SIGKILL })
        .map_err(|error| format!("cannot tie this worker to its scheduler: {error}"))?;
    // A parent that ended before the line above sends no signal.
    if getppid().as_raw().cast_unsigned() != parent {
        return Err(format!("the scheduler, process {parent}, has ended"));
    }
    let set = |what: &str, resource, value| {
        setrlimit(resource, value, value)
            .map_err(|error| format!("cannot limit {what} to {value} bytes: {error}"))
    };
    set("core dumps", Resource::RLIMIT_CORE, 0)?;
    if let Some(memory) = limits.memory {
        set("the memory of this worker", Resource::RLIMIT_AS, memory)?;
    }
    if limits.nice != 0 {
        rustix::process::nice(limits.nice)
            .map_err(|error| format!("cannot change the niceness by {}: {error}", limits.nice))?;
    }
    Ok(pin(&limits.cores).err())
}

fn pin(cores: &[u32]) -> Result<(), String> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    cores
        .iter()
        .try_for_each(|core| set.set(*core as usize))
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|error| format!("cannot keep this worker on the cores {cores:?}, it uses any: {error}"))
}
