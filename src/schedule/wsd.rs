//! Warm-up, stable, decay (WSD): a trapezoid once warm-up stands in front.
//!
//! Source: Hägele et al., "Scaling laws and compute-optimal training beyond fixed training durations",
//! arXiv 2405.18392.

use super::{cosine, exponential};

/// How the rate falls at the end, x running from 0 to 1 over the decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tail {
    /// `1 − x`.
    Linear,
    /// `1 − √x`.
    Sqrt,
    /// `1 − x²`.
    Square,
    /// `cos²(πx/2)`.
    Cosine,
    /// `r^x`, 0 < r < 1 the factor at the end.
    Exponential { end_ratio: f64 },
}

impl Tail {
    /// All tails, as a spec may choose among them, the exponential one to a hundredth.
    pub const ALL: [Self; 5] =
        [Self::Linear, Self::Sqrt, Self::Square, Self::Cosine, Self::Exponential { end_ratio: 0.01 }];

    /// Its name in specs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Sqrt => "sqrt",
            Self::Square => "square",
            Self::Cosine => "cosine",
            Self::Exponential { .. } => "exponential",
        }
    }
}

/// `f = 1` for z ≤ 1 − d, then the tail at x = (z − (1 − d)) / d; z = t/T, 0 < d ≤ 1 the share that decays.
///
/// ```
/// use sweep::schedule::wsd::{Tail, factor};
/// assert_eq!(factor(0.75, 0.25, Tail::Linear), 1.0);
/// assert_eq!(factor(0.875, 0.25, Tail::Linear), 0.5);
/// assert_eq!(factor(1.0, 0.25, Tail::Sqrt), 0.0);
/// assert_eq!(factor(1.0, 0.25, Tail::Exponential { end_ratio: 0.01 }), 0.01);
/// ```
pub fn factor(z: f64, decay: f64, tail: Tail) -> f64 {
    // From the end: 1 − (1 − z)/d cannot leave [0, 1] by rounding once the hold is cut off.
    let x = (1.0 - (1.0 - z) / decay).max(0.0);
    match tail {
        Tail::Linear => 1.0 - x,
        Tail::Sqrt => 1.0 - x.sqrt(),
        Tail::Square => 1.0 - x * x,
        Tail::Cosine => cosine::factor(x),
        Tail::Exponential { end_ratio } => exponential::to_ratio(x, end_ratio),
    }
}
