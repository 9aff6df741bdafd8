//! A curve through points of one's own.
//!
//! Source: common practice; optax's `piecewise_interpolate_schedule`, with linear interpolation `numpy.interp`.

use super::cosine;

/// How the curve gets from one point to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    Linear,
    /// Half a cosine wave.
    Cosine,
    /// It keeps each value until the next point.
    Constant,
}

impl Interpolation {
    pub const ALL: [Self; 3] = [Self::Linear, Self::Cosine, Self::Constant];

    /// Its name in specs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::Constant => "constant",
        }
    }
}

/// The value at z = t/T of the curve through points (z, f), ascending in z, at least one; before the first and after the
/// last it is theirs.
///
/// ```
/// use sweep::schedule::piecewise::{Interpolation, factor};
/// let points = [(0.0, 0.2), (0.5, 1.0), (1.0, 0.0)];
/// assert!((factor(0.25, &points, Interpolation::Linear) - 0.6).abs() < 1e-15);
/// assert_eq!(factor(0.25, &points, Interpolation::Constant), 0.2);
/// assert!((factor(0.75, &points, Interpolation::Cosine) - 0.5).abs() < 1e-15);
/// assert_eq!(factor(1.0, &points, Interpolation::Constant), 0.0);
/// ```
pub fn factor(z: f64, points: &[(f64, f64)], interpolation: Interpolation) -> f64 {
    // A share written in decimals and the step it names differ in their last digits.
    let next = points.partition_point(|(at, _)| *at <= z + 1e-12);
    let (Some((from, first)), Some((to, last))) =
        (next.checked_sub(1).and_then(|before| points.get(before)), points.get(next))
    else {
        return if next == 0 { points[0].1 } else { points[points.len() - 1].1 };
    };
    let x = ((z - from) / (to - from)).max(0.0);
    let gone = match interpolation {
        Interpolation::Linear => x,
        Interpolation::Cosine => 1.0 - cosine::factor(x),
        Interpolation::Constant => 0.0,
    };
    first + (last - first) * gone
}
