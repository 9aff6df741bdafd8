//! Seeds only where the decision is open: the fixed sequence of [`super::sequence`], tested after each further pair.
//!
//! Pure replay: the same results give the same decision, and results beyond those that a decision took change
//! nothing. Enter at [`Race::new`].

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{
    noninferiority::{Claim, PairedTest, Statistic, paired_test},
    pairs::{Outcomes, difference},
    spending,
};

/// Below this chance that all seeds would show it, a comparison is given up. In simulated races of 3 to 10 seeds that
/// takes 0.01 of the power and half the seeds of what lies at the margin.
pub const FUTILE: f64 = 0.05;

/// How a comparison stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A larger budget is not shown.
    NotReached,
    /// Another seed may decide.
    Open,
    Shown,
    /// Nor would more seeds be likely to: see [`FUTILE`].
    Futile,
    /// Not with all seeds.
    NotShown,
    /// A seed of the candidate diverged or failed.
    Lost,
}

/// One schedule at one budget against the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    pub standing: Standing,
    /// How many that took, or takes so far.
    pub seeds: u64,
    /// The last look, at its nominal level; its bounds hold at all looks together. None before the first look, and
    /// where no error can be estimated.
    pub test: Option<PairedTest>,
}

/// What to run, and what is decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Seeds from 0 that the baseline's cell should have.
    pub baseline: u64,
    /// The same of each candidate's budgets; 0 where they are not reached.
    pub wanted: Vec<Vec<u64>>,
    pub comparisons: Vec<Vec<Comparison>>,
}

impl Decision {
    /// Whether no comparison is open.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.comparisons.iter().flatten().all(|comparison| comparison.standing != Standing::Open)
    }
}

/// What is claimed, and the looks at it.
///
/// Each comparison has its own looks at [`spending::levels`] of [`Claim::level`], and a budget is compared once the
/// larger ones of its schedule are shown. That keeps the probability of any wrong claim below alpha, as without
/// looks: the first true hypothesis of a schedule must be rejected at one of its own looks (Glimm, Maurer & Bretz
/// 2010, Statistics in Medicine 29:219–228). Giving up early or late, for whatever reason, only takes rejections
/// away, so futility binds nobody.
#[derive(Debug, Clone, PartialEq)]
pub struct Race {
    claim: Claim,
    min: u64,
    max: u64,
    levels: Vec<f64>,
}

impl Race {
    /// Looks after each of `min` to `max` pairs.
    ///
    /// # Panics
    /// Unless 2 ≤ min ≤ max.
    #[must_use]
    pub fn new(claim: Claim, min: u64, max: u64) -> Self {
        Self { claim, min, max, levels: spending::levels(min as usize, max as usize, claim.level()) }
    }

    /// The decision from what there is. Each of the claim's candidates holds its budgets from the largest down. Of
    /// every cell the seeds from 0 up to the first absent one count. A seed that the baseline lost makes no pair, but is one of
    /// the `max`; one that a candidate lost takes back what else was wanted of its cell. The baseline's own cell is
    /// none of the budgets.
    #[must_use]
    pub fn decide(&self, baseline: &Outcomes, candidates: &[Vec<&Outcomes>]) -> Decision {
        let mut decision = Decision { baseline: self.min, wanted: Vec::new(), comparisons: Vec::new() };
        for budgets in candidates {
            let mut is_reached = true;
            let compare = |budget: &&Outcomes| {
                let nothing = Comparison { standing: Standing::NotReached, seeds: 0, test: None };
                let comparison = if is_reached { self.compare(baseline, budget) } else { nothing };
                is_reached = comparison.standing == Standing::Shown;
                comparison
            };
            let comparisons: Vec<_> = budgets.iter().map(compare).collect();
            let wanted: Vec<_> = comparisons.iter().map(|comparison| self.wanted(comparison)).collect();
            decision.baseline = wanted.iter().copied().fold(decision.baseline, u64::max);
            decision.wanted.push(wanted);
            decision.comparisons.push(comparisons);
        }
        decision
    }

    fn wanted(&self, comparison: &Comparison) -> u64 {
        match comparison.standing {
            Standing::Open => self.min.max(comparison.seeds + 1),
            _ => comparison.seeds,
        }
    }

    fn compare(&self, baseline: &Outcomes, candidate: &Outcomes) -> Comparison {
        let mut differences = Vec::new();
        let (standing, seeds) = self.replay(baseline, candidate, &mut differences);
        let test = self
            .level(differences.len())
            .and_then(|level| paired_test(&differences, self.claim.margin, level).ok());
        Comparison { standing, seeds, test }
    }

    /// How the comparison stands and after how many seeds; the differences up to there are collected.
    fn replay(
        &self,
        baseline: &Outcomes,
        candidate: &Outcomes,
        differences: &mut Vec<f64>,
    ) -> (Standing, u64) {
        for seed in 0..self.max {
            let Some(value) = candidate.get(&seed) else { return (Standing::Open, seed) };
            let Some(value) = *value else { return (Standing::Lost, seed + 1) };
            let Some(reference) = baseline.get(&seed) else { return (Standing::Open, seed) };
            let Some(reference) = *reference else { continue };
            differences.push(difference(value, reference, self.claim.maximize));
            let Some(level) = self.level(differences.len()) else { continue };
            let Ok(Statistic { p, .. }) = Statistic::new(differences, self.claim.margin) else { continue };
            if p <= level {
                return (Standing::Shown, seed + 1);
            }
            if seed + 1 < self.max && self.predictive_power(p, differences.len()) < FUTILE {
                return (Standing::Futile, seed + 1);
            }
        }
        (Standing::NotShown, self.max)
    }

    /// Of the look at this many pairs; none before the first.
    fn level(&self, pairs: usize) -> Option<f64> {
        self.levels.get(pairs.checked_sub(self.min as usize)?).copied()
    }

    /// How likely the last look rejects, given the present one's p value and no prior opinion of the difference:
    /// Φ((z − z_max·√t) / √(1 − t)) at the share t of the pairs (Spiegelhalter, Freedman & Blackburn 1986; Jennison &
    /// Turnbull 2000, section 10.3). Unlike conditional power it takes the trend of three seeds for as vague as it is.
    pub(super) fn predictive_power(&self, p: f64, pairs: usize) -> f64 {
        let normal = Normal::standard();
        let (z, last) =
            (-normal.inverse_cdf(p), self.levels.last().map_or(0.0, |&level| -normal.inverse_cdf(level)));
        let share = pairs as f64 / self.max as f64;
        normal.cdf((z - last * share.sqrt()) / (1.0 - share).sqrt())
    }
}
