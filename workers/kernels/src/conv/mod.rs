//! Two-dimensional convolutions (ONNX Conv-11): forward, and the gradients of input and weight. Results do not depend on
//! the number of threads.

mod forward;
mod geometry;
mod input;
mod lanes;
mod micro;
mod outer;
mod rows;
mod weight;

pub use forward::Forward;
pub use geometry::Conv;
pub use input::InputGrad;
pub use weight::WeightGrad;

/// Elements of planes that one piece of work has, so that they stay in the second-level cache.
const PLANES: usize = 1 << 16;

/// A weight's gradient at work.
struct Work<'a> {
    conv: &'a Conv,
    /// Images, or rows of the output of one image, that are taken together.
    images: usize,
    rows: usize,
    x: &'a [f32],
    dy: &'a [f32],
}

/// How many rows at a time, of `rows`, where each takes so many elements and so many come on top.
fn band(rows: usize, row: usize, extra: usize) -> usize {
    (PLANES / row.max(1)).saturating_sub(extra).clamp(rows.min(4), rows)
}

/// Whether vectors along `channels` do less than vectors along rows of this width: where channels fill them, and rows are
/// short or have gaps.
fn wants_lanes(channels: usize, width: usize, stride: [usize; 2]) -> bool {
    channels >= 16 && (width < 24 || stride != [1, 1])
}
