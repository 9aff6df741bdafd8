//! Samples: read, checked, split, hashed; then turned into batches ahead of training.
//!
//! `source` reads what a spec names, each kind of files in a module of its own; `spool` keeps it in memory or, beyond a
//! limit, on disk; `set` makes sets of it; `order` and `batch` make batches, `image` augments, `ahead` fills them on a
//! thread of their own.

mod ahead;
mod array;
mod batch;
mod cifar;
mod csv;
mod folder;
mod idx;
mod image;
mod inspect;
mod labels;
mod npy;
mod order;
mod parquet;
mod recognise;
mod set;
mod source;
mod spool;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use ahead::{Ahead, Batch, ahead};
pub(crate) use array::{Array, Kind, Room, Sample};
pub(crate) use batch::{Batcher, Mixup, Source};
pub(crate) use image::{Images, Layout};
pub use inspect::{ArrayInspection, DataInspection, SetInspection, fits_input, inspect_data};
pub(crate) use labels::check as check_labels;
pub(crate) use order::{Drifting, Order};
pub use recognise::{Recognised, recognise};
#[cfg(test)]
pub(crate) use set::Samples;
pub(crate) use set::{Sets, Subset, load};
