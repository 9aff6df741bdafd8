//! No schedule: the baseline that every other one has to beat.

/// `f = 1` at every step.
///
/// ```
/// assert_eq!(sweep::schedule::constant::factor(), 1.0);
/// ```
pub fn factor() -> f64 {
    1.0
}
