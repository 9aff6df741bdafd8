//! The unified budget-aware schedule (UBA).
//!
//! Source: Tang et al., "Stepsize anything: A unified learning rate schedule for budgeted-iteration
//! training", arXiv 2505.24452.

use std::f64::consts::FRAC_PI_2;

/// With θ = πz, z = t/T the share of the budget that is gone and φ > 0 the shape:
///
/// `f = 2(1 + cos θ) / (2φ + (2 − φ)(1 + cos θ)) = 1 / (1 + (φ/2) · tan²(πz/2))`
///
/// f(0) = 1, f(1) = 0 up to rounding, strictly decreasing between them. φ = 2 is cosine annealing; a
/// larger φ decays earlier. Mean 1/(1 + √(φ/2)); f = ½ at z = (2/π)·atan √(2/φ).
///
/// ```
/// use sweep::schedule::uba::factor;
/// assert_eq!(factor(0.0, 5.0), 1.0);
/// assert!((factor(0.5, 1.0) - 2.0 / 3.0).abs() < 1e-15);
/// assert!(factor(1.0, 1.0) < 1e-30);
/// ```
pub fn factor(z: f64, phi: f64) -> f64 {
    // In squares of the half angle no term cancels, and the end z = 1 needs no tangent.
    let (sin, cos) = (FRAC_PI_2 * z).sin_cos();
    2.0 * cos * cos / (phi * sin * sin + 2.0 * cos * cos)
}
