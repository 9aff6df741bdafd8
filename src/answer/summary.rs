//! What several seeds come to.

use super::MIN_SEEDS;
use crate::cost;

/// Statistics of some seeds' values; none of nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub mean: Option<f64>,
    /// Student's 95 % interval of the mean; none below three seeds.
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub median: Option<f64>,
    /// The largest where more is better, else the smallest.
    pub best: Option<f64>,
}

impl Summary {
    #[must_use]
    pub fn new(values: &[f64], maximize: bool) -> Self {
        let interval = cost::t_interval(values).filter(|_| values.len() >= MIN_SEEDS);
        Self {
            mean: cost::mean(values),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            median: cost::median(values),
            best: values.iter().copied().reduce(|a, b| if better(b, a, maximize) { b } else { a }),
        }
    }
}

#[must_use]
pub fn better(one: f64, other: f64, maximize: bool) -> bool {
    if maximize { one > other } else { one < other }
}
