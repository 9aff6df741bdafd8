//! What the kernel tells of processes in `/proc`.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

/// The most that is read of one process's environment, in bytes.
const MAX_ENVIRONMENT: u64 = 4 << 20;

/// A process as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    pub(super) name: String,
    /// It has ended and waits to be reaped.
    pub(super) zombie: bool,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// In clock ticks since the machine started.
    started: u64,
}

impl Stat {
    pub(super) fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Its name is in parentheses and may hold anything, these included.
    fn parse(text: &str) -> Option<Self> {
        let (pid, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

/// All processes that this one can see.
pub(super) fn all() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Stat::of(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Those of `processes` that descend from `ancestor`.
pub(super) fn descendants(processes: &[Stat], ancestor: u32) -> Vec<&Stat> {
    let mut found: Vec<&Stat> = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        let children: Vec<_> = processes.iter().filter(|process| process.parent == parent).collect();
        parents.extend(children.iter().map(|child| child.pid));
        found.extend(children);
    }
    found
}

/// Whether a process was started with a variable of this value; false where it may not be looked at.
fn has_variable(pid: u32, name: &str, value: &Path) -> bool {
    let mut environment = Vec::new();
    let Ok(file) = File::open(format!("/proc/{pid}/environ")) else { return false };
    if file.take(MAX_ENVIRONMENT).read_to_end(&mut environment).is_err() {
        return false;
    }
    let wanted = [name.as_bytes(), b"=", value.as_os_str().as_encoded_bytes()].concat();
    environment.split(|byte| *byte == 0).any(|entry| entry == wanted)
}

/// A process and its ancestors, the nearest first; none where it is gone.
#[must_use]
pub fn lineage(pid: u32) -> Vec<u32> {
    let next = |stat: &Stat| Stat::of(stat.parent);
    std::iter::successors(Stat::of(pid), next).map(|stat| stat.pid).collect()
}

/// Whether a process was started by a worker of this home.
#[must_use]
pub fn is_of(pid: u32, home: &Path) -> bool {
    has_variable(pid, super::WORKER_OF, home)
}

/// When a process was started, so that it can be told from a later one of the same number: the start of the
/// machine's identity and clock ticks since then, such as `1b4e28ba:4711`. None where there is no such process.
#[must_use]
pub fn start_time(pid: u32) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = Stat::of(pid).filter(|stat| !stat.zombie)?;
    Some(format!("{}:{}", boot.get(..8)?, stat.started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "7 (a) S 1 (b) R 5 6 6 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.pid, stat.name.as_str()), (7, "a) S 1 (b"));
        assert_eq!((stat.parent, stat.group, stat.started, stat.zombie), (5, 6, 4711, false));
        assert!(Stat::parse("7 (a) Z").is_none() && Stat::parse("").is_none());
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let process =
            |pid, parent| Stat { pid, name: String::new(), zombie: false, parent, group: pid, started: 0 };
        let processes =
            [process(9, 8), process(1, 0), process(8, 5), process(5, 1), process(6, 5), process(7, 1)];
        let mut found: Vec<_> = descendants(&processes, 5).iter().map(|process| process.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [6, 8, 9]);
    }
}
