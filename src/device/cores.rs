//! Which cores this process may use, in the order in which to use them.

use std::{collections::BTreeSet, fs, path::Path};

use crate::process;

/// The logical processors this process may run on: first one of each physical core, then their hyper-thread
/// siblings, since two busy threads on one core slow each other down. Where the system does not tell siblings,
/// ascending.
#[must_use]
pub fn allowed_cores() -> Vec<u32> {
    siblings_last(&process::allowed_cores(), |core| siblings(Path::new("/sys"), core))
}

/// The logical processors that share a physical core with this one.
pub(super) fn siblings(sys: &Path, core: u32) -> Vec<u32> {
    let path = sys.join(format!("devices/system/cpu/cpu{core}/topology/thread_siblings_list"));
    fs::read_to_string(path).map(|text| list(&text)).unwrap_or_default()
}

/// The cores in rounds: each round takes one of every physical core that has one left.
fn siblings_last(cores: &[u32], siblings: impl Fn(u32) -> Vec<u32>) -> Vec<u32> {
    let allowed: BTreeSet<u32> = cores.iter().copied().collect();
    let rank =
        |core: u32| siblings(core).iter().filter(|other| **other < core && allowed.contains(other)).count();
    let mut ranked: Vec<_> = allowed.iter().map(|core| (rank(*core), *core)).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, core)| core).collect()
}

/// The numbers of a list as the kernel writes it, such as `0-3,8`; what is no list is empty.
pub(super) fn list(text: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        // No machine has more; a list from a broken file is not worth the memory.
        (last < 1 << 16).then_some(first..=last)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_come_last() {
        // As Intel numbers four cores of two threads, and as most AMD and cloud machines do.
        assert_eq!(
            siblings_last(&[0, 1, 2, 3, 4, 5, 6, 7], |core| vec![core % 4, core % 4 + 4]),
            [0, 1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(siblings_last(&[0, 1, 2, 3], |core| vec![core & !1, core | 1]), [0, 2, 1, 3]);
        assert_eq!(
            siblings_last(&[1, 2, 3], |core| vec![core & !1, core | 1]),
            [1, 2, 3],
            "0 is not allowed"
        );
        assert_eq!(siblings_last(&[5, 3, 1], |_| Vec::new()), [1, 3, 5], "nobody tells");
    }

    #[test]
    fn lists_of_the_kernel() {
        assert_eq!(list("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(list("7"), [7]);
        assert_eq!(list(""), [0_u32; 0]);
        assert_eq!(list("0-4294967295,x,3-1"), [0_u32; 0]);
    }

    #[test]
    fn this_process_may_use_a_core() {
        let mut cores = allowed_cores();
        assert!(!cores.is_empty());
        cores.sort_unstable();
        assert_eq!(cores, process::allowed_cores());
    }
}
