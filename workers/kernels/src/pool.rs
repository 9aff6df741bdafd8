//! Work in parallel without knowing whose threads do it, and memory that each thread keeps.

use std::{
    cell::RefCell,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Whoever runs tasks: ONNX Runtime's threads, or none.
pub trait Pool {
    /// Calls `task` once with each number below `count`, in any order and on any thread, and waits for all of them.
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync));
}

/// No threads but the caller's.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Pool for Alone {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(task);
    }
}

/// A slice in parts, each for the one task that has its number.
pub(crate) struct Parts<'a>(Vec<Mutex<&'a mut [f32]>>);

impl<'a> Parts<'a> {
    /// Parts of so many elements, the last one of what is left.
    pub(crate) fn new(whole: &'a mut [f32], length: usize) -> Self {
        Self::of(whole.chunks_mut(length.max(1)))
    }

    pub(crate) fn of(parts: impl Iterator<Item = &'a mut [f32]>) -> Self {
        Self(parts.map(Mutex::new).collect())
    }

    /// Part number `index`; nobody else holds it, as each task takes its own.
    pub(crate) fn take(&self, index: usize) -> MutexGuard<'_, &'a mut [f32]> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static SHARED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Gives `work` a list that holds anything, for what all tasks of one call have in common: one for all operators of a
/// session, since they run one after another.
pub(crate) fn with_shared<R>(work: impl FnOnce(&mut Vec<f32>) -> R) -> R {
    SHARED.with_borrow_mut(work)
}

/// Gives `work` two slices of these lengths that hold anything, aligned for vectors of up to 64 bytes.
pub(crate) fn with_scratch<R>(
    first: usize,
    second: usize,
    work: impl FnOnce(&mut [f32], &mut [f32]) -> R,
) -> R {
    const LINE: usize = 16;
    let whole = first.next_multiple_of(LINE);
    SCRATCH.with_borrow_mut(|scratch| {
        let wanted = whole + second + LINE;
        if scratch.len() < wanted {
            scratch.resize(wanted, 0.0);
        }
        let shift = scratch.as_ptr().align_offset(64).min(LINE);
        let (ahead, behind) = scratch[shift..].split_at_mut(whole);
        work(&mut ahead[..first], &mut behind[..second])
    })
}
