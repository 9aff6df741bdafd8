//! What is worth its cost: the Pareto front of cost and mean metric, and how sure each point's place on it is.

use std::collections::BTreeSet;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{
    mean,
    pairs::{Outcomes, difference, lost},
};

/// A cell to be placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// Finite.
    pub cost: f64,
    pub outcomes: &'a Outcomes,
}

/// Where a cell lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Place {
    /// Over the seeds that all points have in common.
    pub mean: f64,
    /// Whether no point is better at no more cost, nor as good at less.
    pub is_on_front: bool,
    /// The share of draws in which it is; none below two seeds.
    pub share: Option<f64>,
}

/// Places points in the plane of cost and metric; none for those that lost a seed or have none, which take no part.
///
/// The share is over `draws`, at least 1, of the means from their multivariate t distribution, n − 1 degrees of
/// freedom, with the seeds' own covariances, so that what the seeds share cancels. Of two points the dearer's share is
/// one minus the one-sided p value of the paired t test. The draws follow from `random_seed` alone.
#[must_use]
pub fn front(points: &[Point<'_>], maximize: bool, draws: u32, random_seed: u64) -> Vec<Option<Place>> {
    let takes_part = |point: &Point<'_>| !point.outcomes.is_empty() && lost(point.outcomes) == 0;
    let part: Vec<&Point<'_>> = points.iter().filter(|point| takes_part(point)).collect();
    let costs: Vec<f64> = part.iter().map(|point| point.cost).collect();
    let values = common(&part, maximize);
    let Some(means) = values.iter().map(|values| mean(values)).collect::<Option<Vec<f64>>>() else {
        return vec![None; points.len()];
    };
    let counts = counts(&costs, &values, &means, draws, random_seed);
    let place = |k: usize| Place {
        mean: difference(means[k], 0.0, maximize),
        is_on_front: is_on_front(k, &costs, &means),
        share: counts.as_ref().map(|counts| f64::from(counts[k]) / f64::from(draws)),
    };
    let mut places = (0..part.len()).map(place);
    points.iter().map(|point| takes_part(point).then(|| places.next()).flatten()).collect()
}

/// Each point's values at the seeds that all of them have, more being better.
fn common(part: &[&Point<'_>], maximize: bool) -> Vec<Vec<f64>> {
    let seeds = |point: &&Point<'_>| point.outcomes.keys().copied().collect::<BTreeSet<u64>>();
    let common = part.iter().map(seeds).reduce(|all, its| &all & &its).unwrap_or_default();
    let values = |point: &&Point<'_>| {
        let seeds = point.outcomes.iter().filter(|(seed, _)| common.contains(seed));
        seeds.filter_map(|(_, value)| Some(difference((*value)?, 0.0, maximize))).collect()
    };
    part.iter().map(values).collect()
}

fn is_on_front(k: usize, costs: &[f64], means: &[f64]) -> bool {
    let dominates = |(cost, mean): (&f64, &f64)| {
        *cost <= costs[k] && *mean >= means[k] && (*cost < costs[k] || *mean > means[k])
    };
    !costs.iter().zip(means).any(dominates)
}

/// In how many draws each point is on the front; none below two seeds.
fn counts(
    costs: &[f64],
    values: &[Vec<f64>],
    means: &[f64],
    draws: u32,
    random_seed: u64,
) -> Option<Vec<u32>> {
    let seeds = values.first().map(Vec::len).filter(|&seeds| seeds > 1)?;
    let mut random = SplitMix64(random_seed);
    let mut counts = vec![0; costs.len()];
    for _ in 0..draws {
        // Weights that are normal and independent give the weighted residuals the seeds' own covariances.
        let weights: Vec<f64> = (0..seeds).map(|_| random.normal()).collect();
        let chi_square: f64 = (1..seeds).map(|_| random.normal().powi(2)).sum();
        let scale = 1.0 / (seeds as f64 * chi_square).sqrt();
        let drawn = |(values, mean): (&Vec<f64>, &f64)| {
            let residuals = values.iter().zip(&weights).map(|(value, weight)| (value - mean) * weight);
            mean + scale * residuals.sum::<f64>()
        };
        let drawn: Vec<f64> = values.iter().zip(means).map(drawn).collect();
        for (k, count) in counts.iter_mut().enumerate() {
            *count += u32::from(is_on_front(k, costs, &drawn));
        }
    }
    Some(counts)
}

/// Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA.
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn normal(&mut self) -> f64 {
        // Neither 0 nor 1.
        let uniform = ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
        Normal::standard().inverse_cdf(uniform)
    }
}
