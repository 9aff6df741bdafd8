//! Warm-up: how the rate climbs to the schedule's first one, which is the peak for nearly all.
//!
//! Source: Goyal et al., "Accurate, large minibatch SGD", arXiv 1706.02677, for the linear one; PyTorch's `LinearLR` and
//! optax's `warmup_exponential_decay_schedule` have their like.

use std::f64::consts::FRAC_PI_2;

/// How long the rate climbs, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmup {
    /// Share of the steps that warm-up and schedule have together, 0 ≤ share < 1, rounded to the nearest step.
    pub share: f64,
    pub ramp: Ramp,
}

/// The curve of a warm-up of W steps, u = (t + 1)/W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ramp {
    /// `u`.
    Linear,
    /// `½(1 − cos πu)`.
    Cosine,
    /// `s^(1 − u)`, 0 < s < 1 the factor it starts from.
    Exponential { start: f64 },
}

impl Warmup {
    /// None at all.
    pub const NONE: Self = Self::linear(0.0);

    /// The usual one.
    #[must_use]
    pub const fn linear(share: f64) -> Self {
        Self { share, ramp: Ramp::Linear }
    }

    /// Its steps, of `total` that it has together with what follows.
    #[must_use]
    pub fn steps(&self, total: u64) -> u64 {
        (self.share * total as f64).round() as u64
    }

    /// The factor of the schedule's first rate at step t < W. At the last one, t = W − 1, it is 1.
    ///
    /// ```
    /// use sweep::schedule::{Ramp, Warmup};
    /// assert_eq!(Warmup::linear(0.1).factor(0, 4), 0.25);
    /// assert_eq!(Warmup::linear(0.1).factor(3, 4), 1.0);
    /// let cosine = Warmup { share: 0.1, ramp: Ramp::Cosine };
    /// assert!((cosine.factor(1, 4) - 0.5).abs() < 1e-15);
    /// let exponential = Warmup { share: 0.1, ramp: Ramp::Exponential { start: 0.01 } };
    /// assert!((exponential.factor(1, 4) - 0.1).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn factor(&self, step: u64, steps: u64) -> f64 {
        let u = (step + 1) as f64 / steps as f64;
        match self.ramp {
            Ramp::Linear => u,
            Ramp::Cosine => (FRAC_PI_2 * u).sin().powi(2),
            Ramp::Exponential { start } => start.powf(1.0 - u),
        }
    }
}
