//! Is a candidate not worse than the baseline by more than a margin? The paired t test, seed by seed.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{Interval, moments, student};

/// How likely [`PairedTest::seeds_needed`] show what is there.
pub const POWER: f64 = 0.8;

/// The most that are proposed.
pub const MAX_SEEDS: u64 = 10_000;

/// Differences that agree this well, relative to the largest or to the margin, count as equal: no training repeats so
/// closely, but a metric of few distinct values does, and its single-precision rounding is no spread.
const RESOLUTION: f64 = 1e-4;

/// What is claimed of every candidate schedule, and how often the claim may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Claim {
    pub maximize: bool,
    /// At least 0, in the metric's unit.
    pub margin: f64,
    /// Over all candidates together, below ½.
    pub alpha: f64,
    /// Schedules of which it may be made.
    pub candidates: usize,
}

impl Claim {
    /// Bonferroni's share of one candidate schedule.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.alpha / self.candidates.max(1) as f64
    }
}

/// What a test says of the true mean difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not worse by more than the margin: the lower bound lies above its negative.
    Shown,
    /// Worse by more than the margin: the upper bound lies below its negative. At the level of this one test.
    Worse,
    /// Neither: see [`PairedTest::seeds_needed`].
    NotShown,
}

/// Why there is no test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecidable {
    /// Two pairs are the least.
    TooFewPairs,
    /// All differences are equal, which leaves nothing to estimate an error from; it is no proof.
    NoVariance,
    /// Differences so large that their squares are no numbers.
    Overflow,
}

/// The test of H0: mean ≤ −margin against mean > −margin at a one-sided level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedTest {
    pub pairs: usize,
    pub mean: f64,
    /// Of the differences.
    pub standard_deviation: f64,
    pub margin: f64,
    pub level: f64,
    /// One-sided bounds of the true mean, each wrong with probability `level`.
    pub lower: f64,
    pub upper: f64,
    /// Two-sided, wrong with probability `level`.
    pub interval: Interval,
    pub p: f64,
    pub verdict: Verdict,
}

impl PairedTest {
    /// The fewest pairs with which one test at this level would show it with probability [`POWER`], were the true
    /// mean and standard deviation those observed. None where the mean is not above −margin, so that no number would
    /// do, or where [`MAX_SEEDS`] would not.
    #[must_use]
    pub fn seeds_needed(&self) -> Option<u64> {
        let effect = (self.mean + self.margin) / self.standard_deviation;
        if effect <= 0.0 {
            return None;
        }
        let normal = Normal::standard();
        // With a known variance these would do; without, a few more.
        let least = ((normal.inverse_cdf(POWER) - normal.inverse_cdf(self.level)) / effect).powi(2);
        (least.max(2.0) as u64..=MAX_SEEDS).find(|&pairs| student::power(self.level, pairs, effect) >= POWER)
    }
}

/// Tests paired differences, candidate − baseline so that positive is better: t = (mean + margin)/(s/√n) with n − 1
/// degrees of freedom. Exact for normal differences. `level` is below ½.
///
/// # Errors
/// Where no error can be estimated.
pub fn paired_test(differences: &[f64], margin: f64, level: f64) -> Result<PairedTest, Undecidable> {
    let Statistic { mean, deviation, p } = Statistic::new(differences, margin)?;
    let pairs = differences.len();
    let (error, freedom) = (deviation / (pairs as f64).sqrt(), (pairs - 1) as f64);
    let (one, two) =
        (error * student::critical(level, freedom), error * student::critical(level / 2.0, freedom));
    let verdict = if p <= level {
        Verdict::Shown
    } else if mean + one < -margin {
        Verdict::Worse
    } else {
        Verdict::NotShown
    };
    Ok(PairedTest {
        pairs,
        mean,
        standard_deviation: deviation,
        margin,
        level,
        lower: mean - one,
        upper: mean + one,
        interval: Interval { mean, low: mean - two, high: mean + two },
        p,
        verdict,
    })
}

/// The part of the test that depends on no level.
pub(super) struct Statistic {
    mean: f64,
    deviation: f64,
    pub(super) p: f64,
}

impl Statistic {
    pub(super) fn new(differences: &[f64], margin: f64) -> Result<Self, Undecidable> {
        let (mean, deviation) = moments(differences).ok_or(Undecidable::TooFewPairs)?;
        if !deviation.is_finite() {
            return Err(Undecidable::Overflow);
        }
        let scale = differences.iter().fold(margin, |scale, difference| scale.max(difference.abs()));
        if deviation <= RESOLUTION * scale {
            return Err(Undecidable::NoVariance);
        }
        let pairs = differences.len() as f64;
        let p = student::upper_tail((mean + margin) / deviation * pairs.sqrt(), pairs - 1.0);
        Ok(Self { mean, deviation, p })
    }

    /// Of the hypothesis of no difference.
    pub(super) fn t(&self, pairs: usize) -> f64 {
        self.mean / self.deviation * (pairs as f64).sqrt()
    }
}
