//! What the system says of this process, of others and of folders: cores, limits, who is alive, free space.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use nix::{
    errno::Errno,
    sched::{CpuSet, sched_getaffinity},
    sys::{
        resource::{RLIM_INFINITY, Resource, getrlimit},
        signal::kill,
        statvfs::statvfs,
    },
    unistd::{Pid, Uid},
};

/// The most bytes of a process's command line that are read.
const MAX_COMMAND: u64 = 64 << 10;

/// The logical processors this process may run on, ascending; empty if the system does not say.
#[must_use]
pub fn allowed_cores() -> Vec<u32> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    let is_in = |core: &usize| set.is_set(*core).unwrap_or(false);
    (0..CpuSet::count()).filter(is_in).filter_map(|core| u32::try_from(core).ok()).collect()
}

/// The number of the user whose rights this process has.
#[must_use]
pub fn user() -> u32 {
    Uid::effective().as_raw()
}

/// What is left for this user on the file system of a path, in bytes.
///
/// # Errors
/// The path cannot be asked about.
pub fn free_space(path: &Path) -> io::Result<u64> {
    let found = statvfs(path)?;
    Ok(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// What this process may have; `None` is without a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemLimits {
    pub open_files: Option<u64>,
    /// Processes and threads of this user.
    pub processes: Option<u64>,
}

/// The soft limits of this process.
#[must_use]
pub fn system_limits() -> SystemLimits {
    let soft = |resource| match getrlimit(resource) {
        Ok((soft, _)) if soft != RLIM_INFINITY => Some(soft),
        _ => None,
    };
    SystemLimits { open_files: soft(Resource::RLIMIT_NOFILE), processes: soft(Resource::RLIMIT_NPROC) }
}

/// Whether there is a process of this number, whoever's it is.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    match i32::try_from(pid) {
        // 0 would be this process's own group.
        Ok(pid @ 1..) => !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH)),
        _ => false,
    }
}

/// A process as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub parent: u32,
    /// Its program and arguments.
    pub command: Vec<String>,
}

/// The process of this number, unless it has ended.
#[must_use]
pub fn running(pid: u32) -> Option<Running> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // One that has ended stays until its parent asks how.
    if field("State:")?.starts_with('Z') {
        return None;
    }
    let mut command = Vec::new();
    fs::File::open(format!("/proc/{pid}/cmdline")).ok()?.take(MAX_COMMAND).read_to_end(&mut command).ok()?;
    let words = command.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    Some(Running {
        parent: field("PPid:")?.parse().ok()?,
        command: words.map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_with_its_parent() {
        let this = running(std::process::id()).unwrap();
        assert_eq!(this.parent, std::os::unix::process::parent_id());
        assert!(this.command[0].contains("sweep"), "{this:?}");
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(0) && !is_alive(u32::MAX), "numbers that no process has");
        assert_eq!(running(u32::MAX), None);
    }

    #[test]
    fn the_system_answers() {
        // A control group may allow less than all of them at a time.
        assert!(allowed_cores().len() >= std::thread::available_parallelism().unwrap().get());
        assert!(free_space(Path::new("/")).unwrap() > 0);
        assert!(free_space(Path::new("/not/there")).is_err());
    }
}
