//! Inverse square root decay: no end is known beforehand.
//!
//! Source: Vaswani et al., "Attention is all you need", arXiv 1706.03762.

/// `f = √(W / max(t, W))`, W ≥ 1 the time scale in steps, t counted from the start of the trial, warm-up included.
///
/// f = 1 up to step W, ½ at 4W. With W the steps of the warm-up this is the paper's schedule.
///
/// ```
/// use sweep::schedule::inverse_sqrt::factor;
/// assert_eq!(factor(0, 100), 1.0);
/// assert_eq!(factor(100, 100), 1.0);
/// assert_eq!(factor(400, 100), 0.5);
/// ```
pub fn factor(step: u64, scale: u64) -> f64 {
    (scale as f64 / step.max(scale) as f64).sqrt()
}
