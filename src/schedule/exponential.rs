//! Exponential decay, by its end or by its step.
//!
//! Source: common practice; PyTorch's `ExponentialLR` is [`per_step`].

/// What an exponential decay is given by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// The factor reached at the end of the budget, 0 < r < 1; scales with the budget.
    EndRatio(f64),
    /// The factor from each step to the next, 0 < γ < 1; the same whatever the budget.
    PerStep(f64),
}

/// `f = r^z`, z = t/T. f(0) = 1, f(1) = r.
///
/// ```
/// use sweep::schedule::exponential::to_ratio;
/// assert_eq!(to_ratio(0.0, 0.01), 1.0);
/// assert!((to_ratio(0.5, 0.01) - 0.1).abs() < 1e-15);
/// assert_eq!(to_ratio(1.0, 0.01), 0.01);
/// ```
pub fn to_ratio(z: f64, ratio: f64) -> f64 {
    ratio.powf(z)
}

/// `f = γ^t`, t counted in steps. f at step 0 is 1.
///
/// ```
/// use sweep::schedule::exponential::per_step;
/// assert_eq!(per_step(0, 0.5), 1.0);
/// assert_eq!(per_step(3, 0.5), 0.125);
/// ```
pub fn per_step(step: u64, gamma: f64) -> f64 {
    gamma.powf(step as f64)
}
