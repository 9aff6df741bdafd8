//! Student's t as the tests need it: upper tails, and the power that the noncentral one gives.

use statrs::distribution::{ChiSquared, Continuous, ContinuousCDF, Normal, StudentsT};

/// How likely Student's t with this many degrees of freedom exceeds `t`.
pub(super) fn upper_tail(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.sf(t))
}

/// What Student's t with this many degrees of freedom exceeds with probability `level`.
pub(super) fn critical(level: f64, freedom: f64) -> f64 {
    // The upper tail is the lower one mirrored, which loses no digits of a small level.
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| -student.inverse_cdf(level))
}

/// How likely the one-sample t test of `pairs` normal values at a one-sided `level` rejects, where the true mean lies
/// `effect` standard deviations above the hypothesis: P(T > t(1 − level, n − 1)) with T noncentral, ncp = effect·√n.
///
/// With Z normal and U = √(χ²/ν), T > t is U < (Z + ncp)/t, so it is ∫ φ(z) F_χ²(ν((z + ncp)/t)²) dz over z > −ncp,
/// summed by the trapezoidal rule. Needs level < ½ and effect ≥ 0.
pub(super) fn power(level: f64, pairs: u64, effect: f64) -> f64 {
    let freedom = (pairs - 1) as f64;
    let critical = critical(level, freedom);
    let shift = effect * (pairs as f64).sqrt();
    let normal = Normal::standard();
    let Ok(chi) = ChiSquared::new(freedom) else { return f64::NAN };
    // Beyond ±6 lies nothing that counts. F rises like a normal one with a standard deviation of t/√(2ν), and one of
    // those is a fine enough step.
    let low = (-6.0_f64).max(-shift);
    let steps = ((6.0 - low) / (critical / (2.0 * freedom).sqrt()).min(0.1)).ceil();
    let step = (6.0 - low) / steps;
    let at = |k: u64| {
        let z = low + k as f64 * step;
        normal.pdf(z) * chi.cdf(freedom * ((z + shift) / critical).powi(2))
    };
    (0..=steps as u64).map(at).sum::<f64>() * step
}
