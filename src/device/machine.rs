//! What there is to say of a machine's processors and memory, and what a control group leaves of them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

use serde::Serialize;

use super::cores::{list, siblings};

/// Processors and memory; what the system does not tell is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub model: Option<String>,
    /// Logical cores that are switched on, whoever may use them.
    pub logical_cores: Option<u32>,
    pub physical_cores: Option<u32>,
    pub sockets: Option<u32>,
    /// In bytes.
    pub memory_total: Option<u64>,
    /// What programs could still take without swapping, in bytes.
    pub memory_available: Option<u64>,
    pub cgroup: Option<Cgroup>,
}

/// What the control groups of this process allow, the tightest limit on the way up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cgroup {
    pub version: u8,
    /// In processors' worth of time; `None` is without a limit.
    pub cpu_quota: Option<f64>,
    /// In bytes; `None` is without a limit.
    pub memory_limit: Option<u64>,
    /// What counts against the group of that limit now, in bytes.
    pub memory_used: Option<u64>,
}

impl Machine {
    /// This machine, as `/proc` and `/sys` show it.
    #[must_use]
    pub fn read() -> Self {
        Self::read_at(Path::new("/"))
    }

    /// How many threads wanted a processor, on average over the last minute; none where the system does not tell.
    #[must_use]
    pub fn load() -> Option<f64> {
        let text = fs::read_to_string("/proc/loadavg").ok()?;
        text.split_whitespace().next()?.parse().ok()
    }

    /// The memory that programs of this control group could still take, in bytes.
    #[must_use]
    pub fn usable_memory(&self) -> Option<u64> {
        let group =
            self.cgroup.and_then(|group| Some(group.memory_limit?.saturating_sub(group.memory_used?)));
        self.memory_available.into_iter().chain(group).min()
    }

    fn read_at(root: &Path) -> Self {
        let proc = |name: &str| fs::read_to_string(root.join("proc").join(name)).unwrap_or_default();
        let (processors, memory) = (proc("cpuinfo"), proc("meminfo"));
        let online = fs::read_to_string(root.join("sys/devices/system/cpu/online")).unwrap_or_default();
        let cores = list(&online);
        let sys = root.join("sys");
        let distinct = |name: &str| {
            let number = |core: &u32| {
                let file = sys.join(format!("devices/system/cpu/cpu{core}/topology/{name}"));
                fs::read_to_string(file).ok()
            };
            cores.iter().filter_map(number).collect::<BTreeSet<_>>().len()
        };
        let groups: BTreeSet<_> = cores.iter().map(|core| siblings(&sys, *core)).collect();
        let physical = groups.iter().filter(|group| !group.is_empty()).count();
        let known = |count: usize| u32::try_from(count).ok().filter(|count| *count > 0);
        let memory_total = kib(&memory, "MemTotal:");
        Self {
            // ARM kernels name no model.
            model: processors.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                (name.trim() == "model name").then(|| value.trim().to_owned())
            }),
            logical_cores: known(cores.len()),
            physical_cores: known(physical),
            sockets: known(distinct("physical_package_id")),
            memory_total,
            memory_available: kib(&memory, "MemAvailable:"),
            cgroup: cgroup(&proc("self/cgroup"), &root.join("sys/fs/cgroup"), memory_total),
        }
    }
}

/// A line of `/proc/meminfo`, in bytes.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A limit of memory and, where it is told, what counts against it, in bytes.
type MemoryLimit = (u64, Option<u64>);

/// The limits of the groups that `/proc/self/cgroup` names, under the folder where groups are mounted. Version 1
/// writes a huge number where there is no limit: what is not below the machine's memory is none.
fn cgroup(text: &str, mount: &Path, memory_total: Option<u64>) -> Option<Cgroup> {
    let lines: Vec<_> = text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    let path = |name: &str| {
        lines.iter().find(|(names, _)| names.split(',').any(|other| other == name)).map(|(_, path)| *path)
    };
    // Where both versions are mounted, memory says which of them has limits.
    let (version, cpu_quota, memory) = match path("memory") {
        Some(memory) => {
            let (cpu_quota, memory) = version_1(mount, path("cpu").unwrap_or("/"), memory);
            (1, cpu_quota, memory)
        }
        None => {
            let (cpu_quota, memory) = version_2(mount, path("")?);
            (2, cpu_quota, memory)
        }
    };
    let memory = memory.filter(|(limit, _)| memory_total.is_none_or(|total| *limit < total));
    Some(Cgroup {
        version,
        cpu_quota,
        memory_limit: memory.map(|(limit, _)| limit),
        memory_used: memory.and_then(|(_, used)| used),
    })
}

fn version_1(mount: &Path, cpu: &str, memory: &str) -> (Option<f64>, Option<MemoryLimit>) {
    let quotas = ["cpu", "cpu,cpuacct"].into_iter().flat_map(|name| upward(&mount.join(name), cpu));
    let quotas = quotas.filter_map(|folder| {
        let positive = |name| number::<f64>(&folder, name).filter(|number| *number > 0.0);
        Some(positive("cpu.cfs_quota_us")? / positive("cpu.cfs_period_us")?)
    });
    let limits = upward(&mount.join("memory"), memory).into_iter().filter_map(|folder| {
        Some((number(&folder, "memory.limit_in_bytes")?, number(&folder, "memory.usage_in_bytes")))
    });
    (quotas.min_by(f64::total_cmp), limits.min())
}

fn version_2(mount: &Path, group: &str) -> (Option<f64>, Option<MemoryLimit>) {
    let folders = upward(mount, group);
    let quotas = folders.iter().filter_map(|folder| {
        let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
        let (quota, period) = text.trim().split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok().filter(|period| *period > 0.0)?)
    });
    let limits = folders
        .iter()
        .filter_map(|folder| Some((number(folder, "memory.max")?, number(folder, "memory.current"))));
    (quotas.min_by(f64::total_cmp), limits.min())
}

/// A file's only number; `max` is none.
fn number<T: FromStr>(folder: &Path, name: &str) -> Option<T> {
    fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
}

/// The folder of a group below `mount` and of all groups around it. In a container the path may be the host's,
/// and only `mount` itself be there.
fn upward(mount: &Path, group: &str) -> Vec<PathBuf> {
    let names = Path::new(group).components().filter(|part| matches!(part, Component::Normal(_)));
    let folder = mount.join(names.collect::<PathBuf>());
    folder.ancestors().take_while(|folder| folder.starts_with(mount)).map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose files have these contents.
    fn machine(files: &[(&str, &str)]) -> Machine {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Machine::read_at(root.path())
    }

    const MEMORY: (&str, &str) =
        ("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n");

    #[test]
    fn a_machine_that_tells_nothing() {
        let nothing = machine(&[]);
        assert_eq!((nothing.model, nothing.logical_cores, nothing.cgroup), (None, None, None));
    }

    #[test]
    fn two_sockets_with_siblings() {
        let topology = |core: u32| {
            let folder = format!("sys/devices/system/cpu/cpu{core}/topology");
            let pair = [(core & !1).to_string(), (core | 1).to_string()].join(",");
            [
                (format!("{folder}/thread_siblings_list"), format!("{pair}\n")),
                (format!("{folder}/physical_package_id"), format!("{}\n", core / 2)),
            ]
        };
        let mut files = vec![
            ("proc/cpuinfo".to_owned(), "processor\t: 0\nmodel name\t: Abacus 9: fast\n".to_owned()),
            ("sys/devices/system/cpu/online".to_owned(), "0-3\n".to_owned()),
        ];
        files.extend((0..4).flat_map(topology));
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let machine = machine(&files);
        assert_eq!(machine.model.as_deref(), Some("Abacus 9: fast"));
        assert_eq!(
            (machine.logical_cores, machine.physical_cores, machine.sockets),
            (Some(4), Some(2), Some(2))
        );
    }

    #[test]
    fn the_tightest_limit_of_version_2() {
        let group = machine(&[
            MEMORY,
            ("proc/self/cgroup", "0::/user/job\n"),
            ("sys/fs/cgroup/user/job/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/user/job/memory.max", "max\n"),
            ("sys/fs/cgroup/user/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/user/memory.max", "4194304\n"),
            ("sys/fs/cgroup/user/memory.current", "1048576\n"),
        ]);
        let expected = Cgroup {
            version: 2,
            cpu_quota: Some(1.5),
            memory_limit: Some(4 << 20),
            memory_used: Some(1 << 20),
        };
        assert_eq!(group.cgroup, Some(expected));
        assert_eq!(group.usable_memory(), Some(3 << 20));
    }

    #[test]
    fn version_1_in_a_container() {
        let group = machine(&[
            MEMORY,
            ("proc/self/cgroup", "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        let expected = Cgroup { version: 1, cpu_quota: Some(0.5), memory_limit: None, memory_used: None };
        assert_eq!(group.cgroup, Some(expected));
        assert_eq!(group.usable_memory(), Some(8 << 20));
    }

    #[test]
    fn groups_outside_of_the_mount_are_not_looked_at() {
        assert_eq!(upward(Path::new("/m"), "/../../etc"), [PathBuf::from("/m/etc"), PathBuf::from("/m")]);
    }
}
