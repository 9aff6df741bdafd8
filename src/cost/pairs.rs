//! Trials of two cells, paired by seed.

use std::collections::BTreeMap;

/// What the seeds of one schedule at one budget came to: a finite value, or none where the trial diverged or failed.
/// Seeds without a result yet are absent.
pub type Outcomes = BTreeMap<u64, Option<f64>>;

/// By how much a candidate is better than the baseline: positive is better, whichever way the metric goes.
#[must_use]
pub fn difference(candidate: f64, baseline: f64, maximize: bool) -> f64 {
    if maximize { candidate - baseline } else { baseline - candidate }
}

/// [`difference`]s over the seeds for which both have a value, by seed.
///
/// A seed that the baseline lost is left out. That favours the baseline, as the candidate would have won it; it cannot
/// help the candidate's claim, and it asks no value of a run that has none. A seed that the candidate lost would favour
/// the candidate if it were left out: whoever calls must look at [`lost`] first.
#[must_use]
pub fn differences(candidate: &Outcomes, baseline: &Outcomes, maximize: bool) -> Vec<f64> {
    let pair = |(seed, value): (&u64, &Option<f64>)| {
        Some(difference((*value)?, baseline.get(seed).copied().flatten()?, maximize))
    };
    candidate.iter().filter_map(pair).collect()
}

/// How many seeds diverged or failed.
#[must_use]
pub fn lost(outcomes: &Outcomes) -> usize {
    outcomes.values().filter(|value| value.is_none()).count()
}
