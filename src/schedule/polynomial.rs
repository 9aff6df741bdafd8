//! Polynomial decay; with power 1 the linear schedule of budgeted training.
//!
//! Source: Li et al., "Budgeted training: Rethinking deep neural network training under resource
//! constraints", ICLR 2020, arXiv 1905.04753.

/// `f = (1 − z)^p`, z = t/T, p > 0. f(0) = 1, f(1) = 0.
///
/// ```
/// use sweep::schedule::polynomial::factor;
/// assert_eq!(factor(0.0, 1.0), 1.0);
/// assert_eq!(factor(0.25, 1.0), 0.75);
/// assert_eq!(factor(0.5, 2.0), 0.25);
/// assert_eq!(factor(1.0, 0.5), 0.0);
/// ```
pub fn factor(z: f64, power: f64) -> f64 {
    (1.0 - z).powf(power)
}
