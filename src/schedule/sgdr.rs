//! Stochastic gradient descent with warm restarts (SGDR): cosine annealing, again and again.
//!
//! Source: Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", arXiv 1608.03983; PyTorch's
//! `CosineAnnealingWarmRestarts` for periods in steps.

use super::{Span, cosine};

/// How long the first period is; each further one is `t_mult` times as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Period {
    /// So long.
    First(Span),
    /// So that this many periods, 1 to 1,000, fill the budget.
    Cycles(u64),
}

/// `f = cos²(πx/2)`, x the share of the period that is gone at step t of T; every period starts at 1.
///
/// With T₀ the first period and m = `t_mult` ≥ 1, period k begins at step round(T₀(m^k − 1)/(m − 1)), or round(kT₀) where
/// m = 1. Given n periods, T₀ = T(m − 1)/(m^n − 1), or T/n. From T on the end of the budget is held.
///
/// ```
/// use sweep::schedule::{Span, sgdr::{Period, factor}};
/// let steps = Period::First(Span::Steps(10));
/// assert_eq!(factor(10, 100, steps, 2.0), 1.0);
/// assert!((factor(20, 100, steps, 2.0) - 0.5).abs() < 1e-15);
/// assert_eq!(factor(30, 100, steps, 2.0), 1.0);
/// // 70 steps are 10 + 20 + 40.
/// assert_eq!(factor(30, 70, Period::Cycles(3), 2.0), 1.0);
/// assert!(factor(70, 70, Period::Cycles(3), 2.0) < 1e-30);
/// ```
pub fn factor(step: u64, total: u64, period: Period, t_mult: f64) -> f64 {
    // Warm-up has taken all there was.
    if total == 0 {
        return cosine::factor(1.0);
    }
    let step = step.min(total);
    let first = match period {
        Period::First(span) => span.steps(total) as f64,
        Period::Cycles(cycles) => total as f64 / length(cycles as i32, t_mult),
    };
    let start = |k: i32| (first * length(k, t_mult)).round();
    // The period by the formula, and then exactly: rounding may have moved a restart.
    let t = step as f64;
    let mut k = match t_mult {
        1.0 => (t / first).floor(),
        m => (t / first * (m - 1.0) + 1.0).log(m).floor(),
    } as i32;
    let (mut from, mut to) = (start(k), start(k + 1));
    while k > 0 && from > t {
        (k, from, to) = (k - 1, start(k - 1), from);
    }
    while to <= t {
        (k, from, to) = (k + 1, to, start(k + 2));
    }
    // The budget's end is the end of the last period, not the start of one that nobody trains.
    if step == total && from == t && k > 0 {
        return cosine::factor(1.0);
    }
    cosine::factor((t - from) / (to - from))
}

/// How many first periods k periods last.
fn length(k: i32, t_mult: f64) -> f64 {
    if t_mult == 1.0 { f64::from(k) } else { (t_mult.powi(k) - 1.0) / (t_mult - 1.0) }
}
