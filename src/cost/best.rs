//! Which schedules nothing beats at the same budget.

use serde::Serialize;

use super::{
    mean,
    noninferiority::Statistic,
    pairs::{Outcomes, difference, differences, lost},
};

/// A schedule among those of its budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rival {
    /// Over its own seeds.
    pub mean: f64,
    pub is_best: bool,
    /// Of the two-sided paired t test against the best, after Holm's correction; none for the best itself and where no
    /// error can be estimated.
    pub p: Option<f64>,
    /// Whether the best is not significantly better. No proof of equality: with few seeds it holds of much that is
    /// worse.
    pub is_unbeaten: bool,
}

/// Compares the schedules of one budget with the one of the best mean, the first of several; none for those that lost a
/// seed or have none.
///
/// Holm (1979): wrong about any with probability at most alpha, apart from that the best was chosen by its mean, which
/// makes it look better than it is. p values that no error can be estimated for are not counted.
#[must_use]
pub fn rivals(cells: &[&Outcomes], maximize: bool, alpha: f64) -> Vec<Option<Rival>> {
    let mean_of = |cell: &&Outcomes| {
        let values: Vec<f64> = cell.values().copied().flatten().collect();
        mean(&values).filter(|_| lost(cell) == 0)
    };
    let means: Vec<Option<f64>> = cells.iter().map(mean_of).collect();
    let mut best: Option<(usize, f64)> = None;
    for (place, mean) in means.iter().enumerate() {
        let Some(mean) = *mean else { continue };
        if best.is_none_or(|(_, best)| difference(mean, best, maximize) > 0.0) {
            best = Some((place, mean));
        }
    }
    let Some((best, _)) = best else { return vec![None; cells.len()] };
    let p_of = |place: usize| {
        means[place].filter(|_| place != best)?;
        let differences = differences(cells[best], cells[place], maximize);
        let one_sided = Statistic::new(&differences, 0.0).ok()?.p;
        Some(2.0 * one_sided.min(1.0 - one_sided))
    };
    let p = holm(&(0..cells.len()).map(p_of).collect::<Vec<_>>());
    let rival = |(place, mean): (usize, &Option<f64>)| {
        let p = p[place];
        Some(Rival { mean: (*mean)?, is_best: place == best, p, is_unbeaten: p.is_none_or(|p| p > alpha) })
    };
    means.iter().enumerate().map(rival).collect()
}

/// Adjusted p values: of the k smallest of m the largest of (m − j + 1)·p_j over j ≤ k, at most 1.
pub(super) fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(f64, usize)> =
        p.iter().enumerate().filter_map(|(place, p)| Some(((*p)?, place))).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut adjusted = vec![None; p.len()];
    let mut largest = 0.0_f64;
    for (rank, (p, place)) in order.iter().enumerate() {
        largest = largest.max(p * (order.len() - rank) as f64).min(1.0);
        adjusted[*place] = Some(largest);
    }
    adjusted
}
