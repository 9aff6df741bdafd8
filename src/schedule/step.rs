//! Step decay: the rate drops by a factor at milestones, or again and again after the same number of steps.
//!
//! Source: common practice; PyTorch's `MultiStepLR` and `StepLR`, which count in steps, here also in shares of the budget.

use super::Span;

/// When the rate drops.
#[derive(Debug, Clone, PartialEq)]
pub enum Drops {
    /// At each of these, in ascending order.
    At(Vec<Span>),
    /// Every so often.
    Every(Span),
}

impl Drops {
    /// How many there were up to step t of T.
    ///
    /// Milestones are rounded to the nearest step, at least 1, so that a share written in decimals falls on the step it
    /// names.
    fn passed(&self, step: u64, total: u64) -> u64 {
        match self {
            Self::At(milestones) => milestones.iter().filter(|at| step >= at.steps(total)).count() as u64,
            Self::Every(every) => step / every.steps(total),
        }
    }
}

/// `f = γ^k`, k the number of drops up to step t, γ the factor of each (0 < γ < 1).
///
/// f at step 0 is 1; at the end it is γ^(all drops before it). Where it is too small for a number it is 0.
///
/// ```
/// use sweep::schedule::{Span, step::{Drops, factor}};
/// let milestones = Drops::At(vec![Span::Share(0.5), Span::Share(0.75)]);
/// assert_eq!(factor(49, 100, &milestones, 0.5), 1.0);
/// assert_eq!(factor(50, 100, &milestones, 0.5), 0.5);
/// assert_eq!(factor(99, 100, &milestones, 0.5), 0.25);
/// let every = Drops::Every(Span::Steps(30));
/// assert_eq!(factor(29, 100, &every, 0.5), 1.0);
/// assert_eq!(factor(90, 100, &every, 0.5), 0.125);
/// ```
pub fn factor(step: u64, total: u64, drops: &Drops, gamma: f64) -> f64 {
    gamma.powi(drops.passed(step, total).min(i32::MAX as u64) as i32)
}
