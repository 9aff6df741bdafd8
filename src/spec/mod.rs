//! From YAML text to a [`Spec`]: what a sweep trains, under which schedules and budgets, how often.
//!
//! Enter at [`parse`]. Every error names the file, line and column of the value at fault and, where it
//! can, what to write instead; [`locate`] finds the place of a key for errors that turn up later. Text
//! in, values out: no file is opened here, and whether a path exists is for others to find out.

mod budgets;
mod checkpoint;
mod cursor;
mod data;
mod error;
mod form;
mod keys;
mod machine;
mod metric;
mod model;
mod optimizer;
mod parameters;
mod patterns;
mod place;
mod program;
mod savings;
mod scalar;
mod schedules;
mod schema;
mod sweep;
#[cfg(test)]
mod tests;
mod training;
mod types;
mod units;
mod yaml;

pub use error::{Place, SpecError};
pub use machine::{Device, GpuShare, Limits, Resources, Retry};
pub use model::losses;
pub use optimizer::optimizers;
pub use place::locate;
pub use savings::{Pricing, Question, Seeds, named_among};
pub use schedules::{Listed, Misread, typed};
pub use schema::schema;
pub use types::{
    Budget, Checkpoint, Checkpoints, Interval, Length, Metric, ModelWork, Parameters, ProgramWork, Spec,
    Training, Updates, Word, Work,
};

use std::path::Path;

/// The longest spec that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The most trials (budgets × schedules × parameters × seeds) that one spec may ask for.
pub const MAX_TRIALS: u64 = 100_000;

/// The most seeds that one spec may ask for.
pub const MAX_SEEDS: u64 = 10_000;

/// The longest budget in steps that a spec may name; a learning-rate table has a row for each.
pub const MAX_STEPS: u64 = 100_000_000;

/// Reads the spec in `text`, which was found in `file`.
///
/// Paths in the result are joined to the folder of `file`; a missing `name` is the file's stem. The
/// first error found is returned, with its place.
pub fn parse(text: &str, file: &Path) -> Result<Spec, SpecError> {
    let root = yaml::read(text).map_err(|flaw| flaw.into_error(file))?;
    sweep::read(&root, file).map_err(|fault| fault.into_error(file, text))
}
