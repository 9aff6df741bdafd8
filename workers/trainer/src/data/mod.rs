//! Samples in memory: read, checked, split, hashed; then turned into batches.

mod array;
mod batch;
mod idx;
mod image;
mod labels;
mod npy;
mod set;

#[cfg(test)]
pub(crate) use array::Values;
pub(crate) use array::{Array, Room};
pub(crate) use batch::{Batcher, Order, Source};
pub(crate) use image::{Images, Layout};
pub(crate) use labels::check as check_labels;
#[cfg(test)]
pub(crate) use set::Samples;
pub(crate) use set::{Sets, Subset, load};
