//! Linear decay to zero (D2Z): to exactly zero, whatever floor other schedules keep.
//!
//! Source: Bergsma et al., "Straight to zero: Why linearly decaying the learning rate to zero works best for LLMs",
//! arXiv 2502.15938.

/// `rate = η_max · (1 − z)`, η_max the peak, z = t/T. At z = 0 it is the peak, at z = 1 it is 0.
///
/// ```
/// use sweep::schedule::d2z::rate;
/// assert_eq!(rate(0.0, 0.4), 0.4);
/// assert_eq!(rate(0.75, 0.4), 0.1);
/// assert_eq!(rate(1.0, 0.4), 0.0);
/// ```
pub fn rate(z: f64, peak: f64) -> f64 {
    peak * (1.0 - z)
}
