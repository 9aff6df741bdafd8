//! At which budget a schedule is as good as the baseline, and how well that is known.

use serde::Serialize;

use super::{
    noninferiority::{Statistic, Undecidable},
    pairs::{Outcomes, difference, lost},
    student,
};

/// A number of steps, as far as the measured budgets tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Steps {
    /// The smallest budget that was compared, or less.
    AtMost(f64),
    At(f64),
    /// Beyond the largest budget.
    MoreThan(f64),
}

/// The smallest budget from which, up to the largest measured one, a schedule's mean is nowhere below the baseline's.
///
/// From at most the smallest to more than the largest says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EqualBudget {
    /// Those for which the baseline and every budget have a value.
    pub seeds: usize,
    /// Of the observed means. Where they change sides several times, it is the last crossing upwards.
    pub estimate: Steps,
    pub low: Steps,
    pub high: Steps,
}

/// Where the curve of a schedule over its budgets, (steps, outcomes) in ascending order, comes to equal the baseline.
///
/// Each seed's values are joined by straight lines over log(steps); that nothing was measured in between, no interval
/// tells. `low` to `high` is the hull of what the paired t test at a two-sided `level` does not reject, so it holds
/// the truth with probability 1 − level: a budget b if |t(b)| ≤ t(1 − level/2, n − 1), less than the smallest unless
/// that is significantly worse, more than the largest unless that is significantly better. Between two budgets, where
/// the differences are a + λd with means A and D, b solves (A + λD)² ≤ t²/n · (s_aa + 2λ·s_ad + λ²·s_dd): Fieller's
/// (1954) set for the ratio −A/D.
///
/// Budgets up to the largest one that lost a seed are left out.
///
/// # Errors
/// Where no error can be estimated, be it at one of the budgets: the baseline's own cell differs from itself by
/// nothing.
pub fn equal_budget(
    baseline: &Outcomes,
    curve: &[(u64, &Outcomes)],
    maximize: bool,
    level: f64,
) -> Result<EqualBudget, Undecidable> {
    let start = curve.iter().rposition(|(_, outcomes)| lost(outcomes) > 0).map_or(0, |place| place + 1);
    let curve = &curve[start..];
    let seed = |(seed, reference): (&u64, &Option<f64>)| -> Option<Vec<f64>> {
        let value = |(_, outcomes): &(u64, &Outcomes)| {
            Some(difference(outcomes.get(seed).copied().flatten()?, (*reference)?, maximize))
        };
        curve.iter().map(value).collect()
    };
    let seeds: Vec<Vec<f64>> = baseline.iter().filter_map(seed).collect();
    let measured = |(place, (steps, _)): (usize, &(u64, &Outcomes))| {
        let differences: Vec<f64> = seeds.iter().map(|seed| seed[place]).collect();
        let statistic = Statistic::new(&differences, 0.0)?;
        Ok(Measured { steps: *steps as f64, t: statistic.t(seeds.len()), differences })
    };
    let budgets = curve.iter().enumerate().map(measured).collect::<Result<Vec<_>, _>>()?;
    let (Some(smallest), Some(largest)) = (budgets.first(), budgets.last()) else {
        return Err(Undecidable::TooFewPairs);
    };
    let critical = student::critical(level / 2.0, (seeds.len() - 1) as f64);
    let estimate = match budgets.iter().rposition(|budget| budget.t < 0.0) {
        None => Steps::AtMost(smallest.steps),
        Some(last) if last + 1 == budgets.len() => Steps::MoreThan(largest.steps),
        Some(last) => Steps::At(Segment(&budgets[last], &budgets[last + 1]).zero()),
    };
    let edges = || budgets.windows(2).flat_map(|pair| Segment(&pair[0], &pair[1]).edges(critical));
    Ok(EqualBudget {
        seeds: seeds.len(),
        estimate,
        low: if smallest.t >= -critical {
            Steps::AtMost(smallest.steps)
        } else {
            edges().reduce(f64::min).map_or(Steps::MoreThan(largest.steps), Steps::At)
        },
        high: if largest.t <= critical {
            Steps::MoreThan(largest.steps)
        } else {
            edges().reduce(f64::max).map_or(Steps::AtMost(smallest.steps), Steps::At)
        },
    })
}

struct Measured {
    steps: f64,
    t: f64,
    differences: Vec<f64>,
}

/// From one budget to the next.
#[derive(Clone, Copy)]
struct Segment<'a>(&'a Measured, &'a Measured);

impl<'a> Segment<'a> {
    fn steps(self, share: f64) -> f64 {
        self.0.steps * (self.1.steps / self.0.steps).powf(share)
    }

    /// Where the mean is 0.
    fn zero(self) -> f64 {
        let sum = |budget: &Measured| budget.differences.iter().sum::<f64>();
        self.steps(sum(self.0) / (sum(self.0) - sum(self.1)))
    }

    /// Where |t| is the critical value.
    fn edges(self, critical: f64) -> impl Iterator<Item = f64> + use<'a> {
        let (a, b) = (&self.0.differences, &self.1.differences);
        let n = a.len() as f64;
        let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
        let mean_d = mean_b - mean_a;
        let (mut s_aa, mut s_ad, mut s_dd) = (0.0, 0.0, 0.0);
        for (a, b) in a.iter().zip(b) {
            let (a, d) = (a - mean_a, b - a - mean_d);
            s_aa += a * a;
            s_ad += a * d;
            s_dd += d * d;
        }
        let k = critical * critical / n / (n - 1.0);
        let square = mean_d * mean_d - k * s_dd;
        let half = mean_a * mean_d - k * s_ad;
        let constant = mean_a * mean_a - k * s_aa;
        // Of two forms of a root this takes for each the one in which nothing cancels.
        let q = -(half + (half * half - square * constant).sqrt().copysign(half));
        [q / square, constant / q]
            .into_iter()
            .filter(|share| (0.0..=1.0).contains(share))
            .map(move |share| self.steps(share))
    }
}
