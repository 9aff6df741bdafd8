//! Prices, what training costs, and the statistics behind every number that is reported. Pure.
//!
//! One budget against the baseline: [`noninferiority`]; all budgets of a schedule: [`sequence`]; where a schedule equals
//! the baseline: [`equal`]; how many seeds to run: [`racing`], with the levels of [`spending`]; what is worth its cost:
//! [`front`]; what nothing at the same budget beats: [`best`]. All compare by seed. The bootstrap is absent: percentile
//! intervals of three seeds hold the truth three times in four where 95 % is claimed. Offers are in [`prices`], what they
//! come to in [`bill`] and [`payback`].

pub mod best;
pub mod bill;
mod date;
pub mod equal;
mod find;
pub mod front;
mod limits;
mod margin;
pub mod money;
pub mod noninferiority;
mod offer;
pub mod pairs;
pub mod payback;
pub mod prices;
mod quote;
pub mod racing;
mod rate;
pub mod sequence;
pub mod spending;
mod student;
#[cfg(test)]
mod tests;
mod warnings;

pub use date::Date;
pub use find::find;
pub use margin::{Margin, confidence, is_share};
pub use offer::{Offer, Provisioning};
pub use prices::PriceError;
pub use warnings::warnings;

use serde::Serialize;

pub use limits::{AskedLimits, LimitCheck, Verdict};
pub use quote::{
    BudgetLine, Conditions, Demand, Line, Part, Quote, QuotedBudget, QuotedTrial, Rates, Stage, dollars,
};
pub use rate::{Estimate, Rate};

/// A mean and the interval that holds the true one with the confidence asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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

/// Mean and standard deviation, its variance with n − 1 in the denominator; none below two values.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (values.len() - 1) as f64).sqrt()))
}

/// The standard error of an accuracy p, a share between 0 and 1, that comes from the choice of n test samples:
/// `√(p(1 − p) / n)`. About 0.008 at 85 % of 2,000. It says nothing of metrics that are no share of samples. Pairs share
/// their test samples, so their differences err by less.
#[must_use]
pub fn test_error(accuracy: f64, samples: u64) -> f64 {
    (accuracy * (1.0 - accuracy) / samples as f64).sqrt()
}

/// Student's two-sided interval at 95 %: `mean ± t(0.975, n − 1) · s / √n`, where s² is the variance with n − 1 in
/// its denominator. None below two values.
#[must_use]
pub fn t_interval(values: &[f64]) -> Option<Interval> {
    let (mean, deviation) = moments(values)?;
    let n = values.len() as f64;
    let half = student::critical(0.025, n - 1.0) * deviation / n.sqrt();
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
