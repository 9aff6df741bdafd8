//! Cosine annealing without restarts.
//!
//! Source: Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", arXiv 1608.03983.

use std::f64::consts::FRAC_PI_2;

/// `f = ½(1 + cos πz) = cos²(πz/2)`, z = t/T. f(0) = 1, f(½) = ½, f(1) = 0 up to rounding.
///
/// ```
/// use sweep::schedule::cosine::factor;
/// assert_eq!(factor(0.0), 1.0);
/// assert!((factor(0.5) - 0.5).abs() < 1e-15);
/// assert!(factor(1.0) < 1e-30);
/// ```
pub fn factor(z: f64) -> f64 {
    // The square keeps its digits near z = 1, where 1 + cos πz would cancel.
    let half = (FRAC_PI_2 * z).cos();
    half * half
}
