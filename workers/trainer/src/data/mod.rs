//! Samples in memory: read, checked, split, hashed; then turned into batches.

mod batch;
mod idx;
mod set;

pub(crate) use batch::{Batcher, Layout, Order};
#[cfg(test)]
pub(crate) use set::Samples;
pub(crate) use set::{Sets, Subset, load};
