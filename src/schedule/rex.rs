//! The reflected exponential schedule (REX), generalised.
//!
//! Source: Chen et al., "REX: Revisiting budgeted training with an improved schedule", MLSys 2022,
//! arXiv 2107.04197.

/// `f = (1 − z) / (1 − (1 − β)z)`, z = t/T, β > 0. The paper's profile is β = ½; β = 1 is linear.
///
/// f(0) = 1, f(1) = 0; a smaller β holds the rate longer.
///
/// ```
/// use sweep::schedule::rex::factor;
/// assert_eq!(factor(0.0, 0.5), 1.0);
/// assert!((factor(0.5, 0.5) - 2.0 / 3.0).abs() < 1e-15);
/// assert_eq!(factor(1.0, 0.5), 0.0);
/// ```
pub fn factor(z: f64, beta: f64) -> f64 {
    // The same denominator, written so that it cannot cancel to 0 at z = 1.
    (1.0 - z) / ((1.0 - z) + beta * z)
}
