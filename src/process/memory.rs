//! Whether memory ran out: what the kernel counted, and what a process said before it ended.

use std::fs;

/// Whose memory ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oom {
    /// The machine's, or what it grants this process.
    Host,
    /// A GPU's.
    Device,
}

impl Oom {
    /// As a message says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "out of memory",
            Self::Device => "out of device memory",
        }
    }
}

/// How CUDA, PyTorch, cuBLAS and ONNX Runtime say that a GPU's memory ran out.
const DEVICE: [&str; 5] = [
    "CUDA out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "Failed to allocate memory for requested buffer",
];

/// How Python, Rust, C++, the C library and Java say that the machine's did.
const HOST: [&str; 5] =
    ["MemoryError", "memory allocation of", "std::bad_alloc", "Cannot allocate memory", "Out of memory"];

/// What the last words of a process say about memory.
///
/// ```
/// use sweep::process::{Oom, oom_in};
/// assert_eq!(oom_in("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to …"), Some(Oom::Device));
/// assert_eq!(oom_in("numpy.core._exceptions._ArrayMemoryError: Unable to …"), Some(Oom::Host));
/// assert_eq!(oom_in("KeyError: 'memory'"), None);
/// ```
#[must_use]
pub fn oom_in(text: &str) -> Option<Oom> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&DEVICE) {
        Some(Oom::Device)
    } else if says(&HOST) {
        Some(Oom::Host)
    } else {
        None
    }
}

/// How many processes the kernel has killed for want of memory: in this process's memory cgroup where there is
/// one, else on the whole machine. None where the kernel does not say.
pub(super) fn kills() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let counters = groups.lines().flat_map(counters);
    let read = |path: String| counted(&fs::read_to_string(path).ok()?);
    counters.chain(["/proc/vmstat".to_owned()]).find_map(read)
}

/// Where the group of a line of `/proc/self/cgroup` may keep its counter. In a container the path may be that of
/// the machine outside, and the group the root of what is mounted.
fn counters(line: &str) -> Vec<String> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (mount, file) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.events")
    } else if controllers.split(',').any(|name| name == "memory") {
        ("/sys/fs/cgroup/memory", "memory.oom_control")
    } else {
        return Vec::new();
    };
    vec![format!("{mount}{}/{file}", path.trim_end_matches('/')), format!("{mount}/{file}")]
}

/// The value of the line `oom_kill N`.
fn counted(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_tell_whose_memory_ran_out() {
        for (text, expected) in [
            ("", None),
            ("Killed", None),
            ("ran out of patience", None),
            ("MemoryError", Some(Oom::Host)),
            ("memory allocation of 4096 bytes failed", Some(Oom::Host)),
            ("terminate called after throwing an instance of 'std::bad_alloc'", Some(Oom::Host)),
            ("OSError: [Errno 12] Cannot allocate memory", Some(Oom::Host)),
            ("Out of memory: Killed process 7", Some(Oom::Host)),
            ("RuntimeError: CUDA out of memory. MemoryError", Some(Oom::Device)),
            ("CUDA_ERROR_OUT_OF_MEMORY: out of memory", Some(Oom::Device)),
            ("CUDA failure 2: out of memory; cudaErrorMemoryAllocation", Some(Oom::Device)),
            ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", Some(Oom::Device)),
            ("BFCArena: Failed to allocate memory for requested buffer of size 1", Some(Oom::Device)),
        ] {
            assert_eq!(oom_in(text), expected, "{text}");
        }
    }

    #[test]
    fn the_counter_is_that_of_the_memory_group() {
        assert_eq!(
            counters("0::/user.slice/a:b"),
            ["/sys/fs/cgroup/user.slice/a:b/memory.events", "/sys/fs/cgroup/memory.events"]
        );
        assert_eq!(
            counters("4:memory:/"),
            ["/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory/memory.oom_control"]
        );
        assert!(counters("8:pids:/").is_empty() && counters("").is_empty());
        assert_eq!(counted("low 0\noom 3\noom_kill 2\n"), Some(2));
        assert_eq!(counted("oom_kill_disable 0\nunder_oom 0\n"), None);
    }
}
