//! Cyclical rates: up and down between a base and the peak, straight lines between.
//!
//! Source: Smith, "Cyclical learning rates for training neural networks", arXiv 1506.01186; PyTorch's `CyclicLR`.

use super::Span;

/// What becomes of the height of the cycles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// It stays.
    Triangular,
    /// It is halved from each cycle to the next.
    Triangular2,
    /// At step t it is γ^t, 0 < γ < 1; `exp_range`.
    ExpRange { gamma: f64 },
}

/// The parameters of a cyclical schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cyclical {
    pub mode: Mode,
    /// The lowest factor, 0 ≤ base < 1.
    pub base: f64,
    /// From the base to the top.
    pub up: Span,
    /// From the top to the base.
    pub down: Span,
}

impl Cyclical {
    /// `f = b + (1 − b) · h · s`, b the base, s = p/U at step p of a cycle while p ≤ U and (U + D − p)/D after that,
    /// U and D the steps up and down, and h the height: 1, 2^−(cycles before), or γ^t.
    ///
    /// f(0) = b. A triangle's top is 1.
    ///
    /// ```
    /// use sweep::schedule::{Span, cyclical::{Cyclical, Mode}};
    /// let (up, down) = (Span::Steps(4), Span::Steps(8));
    /// let cyclical = Cyclical { mode: Mode::Triangular2, base: 0.1, up, down };
    /// assert_eq!(cyclical.factor(0, 100), 0.1);
    /// assert_eq!(cyclical.factor(4, 100), 1.0);
    /// assert_eq!(cyclical.factor(12, 100), 0.1);
    /// assert_eq!(cyclical.factor(16, 100), 0.55);
    /// ```
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        let (up, down) = (self.up.steps(total), self.down.steps(total));
        let (cycle, place) = (step / (up + down), step % (up + down));
        let slope =
            if place <= up { place as f64 / up as f64 } else { (up + down - place) as f64 / down as f64 };
        let height = match self.mode {
            Mode::Triangular => 1.0,
            Mode::Triangular2 => 0.5f64.powi(cycle.min(2000) as i32),
            Mode::ExpRange { gamma } => gamma.powf(step as f64),
        };
        self.base + (1.0 - self.base) * height * slope
    }
}
