//! The statistics behind every number that is reported. Pure.

mod limits;
mod quote;
mod rate;

use statrs::distribution::{ContinuousCDF, StudentsT};

pub use limits::{AskedLimits, LimitCheck, Verdict};
pub use quote::{
    BudgetLine, Conditions, Demand, Line, Part, Quote, QuotedBudget, QuotedTrial, Rates, Stage, dollars,
};
pub use rate::{Estimate, Rate};

/// A mean and the interval that holds the true one with the confidence asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// The arithmetic mean; none of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Student's two-sided interval at 95 %: `mean ± t(0.975, n − 1) · s / √n`, where s² is the variance with n − 1 in
/// its denominator. None below two values.
#[must_use]
pub fn t_interval(values: &[f64]) -> Option<Interval> {
    let mean = mean(values)?;
    let n = values.len() as f64;
    // Fails below one degree of freedom.
    let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(0.975);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let half = t * (squares / (n - 1.0) / n).sqrt();
    Some(Interval { mean, low: mean - half, high: mean + half })
}

/// The middle value, or the mean of the middle two; none of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let is_odd = sorted.len() % 2 == 1;
    Some(if is_odd { upper } else { f64::midpoint(sorted[sorted.len() / 2 - 1], upper) })
}

/// How much time at least one of these (start, end) spans covers, in their unit.
#[must_use]
pub fn covered(spans: impl IntoIterator<Item = (i64, i64)>) -> i64 {
    let mut spans: Vec<_> = spans.into_iter().collect();
    spans.sort_unstable();
    let mut until = i64::MIN;
    let mut total = 0;
    for (start, end) in spans {
        total += (end - start.max(until)).max(0);
        until = until.max(end);
    }
    total
}
