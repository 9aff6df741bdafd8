//! Processes that outlived the one that answered for them: found, killed, reaped.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        prctl,
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use rustix::process::{WaitOptions, waitpid};

use super::{
    kill_group,
    proc::{self, Stat, is_of, start_time},
};

/// The variable that every worker is to be started with, and so all that it starts have: the absolute path of the
/// scheduler's home.
pub const WORKER_OF: &str = "SWEEP_WORKER_OF";

/// How long killed processes may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The children of this process that something waits for.
static AWAITED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A process that was ended because nobody answered for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    pub pid: u32,
    pub name: String,
}

impl From<&Stat> for Stray {
    fn from(stat: &Stat) -> Self {
        Self { pid: stat.pid, name: stat.name.clone() }
    }
}

/// The set of awaited children, locked: whoever starts one holds it until the new one is in.
pub(super) fn awaited() -> MutexGuard<'static, BTreeSet<u32>> {
    AWAITED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Makes this process the parent of all that its descendants leave behind.
///
/// # Errors
/// The system refuses.
pub fn subreaper() -> std::io::Result<()> {
    Ok(prctl::set_child_subreaper(true)?)
}

/// Kills and reaps what ended workers of this home left behind and this process, a [`subreaper`], inherited; with
/// its group where it leads one. Cheap enough for each end of a worker: it reads `/proc` once.
pub fn orphans(home: &Path) -> Vec<Stray> {
    let this = std::process::id();
    let awaited = awaited();
    let own_group = Stat::of(this).map(|stat| stat.group);
    let mut strays = Vec::new();
    for child in proc::all() {
        if child.parent != this || awaited.contains(&child.pid) || Some(child.group) == own_group {
            continue;
        }
        if child.zombie {
            reap(child.pid);
        } else if is_of(child.pid, home) {
            end(&child);
            strays.push(Stray::from(&child));
        }
    }
    drop(awaited);
    let deadline = Instant::now() + GONE_WITHIN;
    for stray in &strays {
        while !reap(stray.pid) && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
    }
    strays
}

/// Kills the process group that `pid` leads if it still is the process that had this [`start_time`]; says whether
/// it was. For a worker of a scheduler that is gone; a group without its leader is for [`end_strays`].
#[must_use]
pub fn end_survivors(pid: u32, started: &str) -> bool {
    let survives = start_time(pid).as_deref() == Some(started);
    if survives {
        kill_group(pid);
    }
    survives
}

/// Kills every process that a scheduler of this home started, whatever group or session it made for itself, unless
/// it descends from this process or the other way round; waits, for seconds at most, until they are gone.
pub fn end_strays(home: &Path) -> Vec<Stray> {
    let this = std::process::id();
    let deadline = Instant::now() + GONE_WITHIN;
    let mut ended: Vec<Stray> = Vec::new();
    loop {
        let processes = proc::all();
        let mut ours: BTreeSet<u32> =
            proc::descendants(&processes, this).iter().map(|stat| stat.pid).collect();
        let mut ancestor = Some(this);
        while let Some(pid) = ancestor.filter(|pid| ours.insert(*pid)) {
            ancestor = processes.iter().find(|stat| stat.pid == pid).map(|stat| stat.parent);
        }
        let strays = processes
            .iter()
            .filter(|stat| !stat.zombie && !ours.contains(&stat.pid) && is_of(stat.pid, home));
        let strays: Vec<&Stat> = strays.collect();
        if strays.is_empty() || Instant::now() > deadline {
            return ended;
        }
        for stray in strays {
            // ESRCH is the aim. The group may be that of a shell that is no stray, so each one by itself.
            let _ = kill(Pid::from_raw(stray.pid.cast_signed()), Signal::SIGKILL);
            if ended.iter().all(|known| known.pid != stray.pid) {
                ended.push(Stray::from(stray));
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// KILL to a process, and to its group where it leads one.
pub(super) fn end(process: &Stat) {
    if process.group == process.pid {
        kill_group(process.pid);
    }
    let _ = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL);
}

/// Whether a child is gone.
fn reap(pid: u32) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed()) else { return true };
    !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
}
