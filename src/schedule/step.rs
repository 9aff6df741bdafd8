//! Step decay, also called multi-step.
//!
//! Source: common practice; PyTorch's `MultiStepLR` with milestones as shares of the budget.

/// `f = γ^k`, k the number of milestones m with t ≥ max(1, round(m · T)), γ the drop at each (0 < γ < 1).
///
/// Milestones are shares of the budget (0 < m < 1), rounded to the nearest step, so that a share written
/// in decimals falls on the step it names. f at step 0 is 1; f(T) = γ^(all milestones).
///
/// ```
/// use sweep::schedule::step::factor;
/// let milestones = [0.5, 0.75];
/// assert_eq!(factor(49, 100, &milestones, 0.5), 1.0);
/// assert_eq!(factor(50, 100, &milestones, 0.5), 0.5);
/// assert_eq!(factor(99, 100, &milestones, 0.5), 0.25);
/// ```
pub fn factor(step: u64, total: u64, milestones: &[f64], gamma: f64) -> f64 {
    let passed = milestones.iter().filter(|share| step >= (**share * total as f64).round().max(1.0) as u64);
    gamma.powi(passed.count() as i32)
}
