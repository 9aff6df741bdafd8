//! The power schedule: a rate that no budget and no batch size is part of.
//!
//! Source: Shen et al., "Power scheduler: A batch size and token number agnostic learning rate scheduler",
//! arXiv 2408.13359, counted in steps instead of tokens.

/// `rate = min(η_max, a · n^b)`, η_max the peak, a > 0 a rate, b < 0, n = t + 1 counted from the start of the trial, warm-up
/// included.
///
/// ```
/// use sweep::schedule::power::rate;
/// assert_eq!(rate(0, 0.1, 1.0, -0.5), 0.1);
/// assert_eq!(rate(399, 0.1, 1.0, -0.5), 0.05);
/// ```
pub fn rate(step: u64, peak: f64, a: f64, b: f64) -> f64 {
    (a * ((step + 1) as f64).powf(b)).min(peak)
}
