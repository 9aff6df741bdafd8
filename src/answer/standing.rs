//! Where each schedule and budget stands among the others: the best of its budget, and worth its cost.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Cells, Times, compared::by_seed};
use crate::{
    cost::{
        best::{Rival, rivals},
        front::{Place, Point, front},
        pairs::Outcomes,
    },
    store::SweepRow,
};

/// What drawing the front's uncertainty may take, in comparisons of two points.
const MAX_COMPARISONS: usize = 20_000_000;
/// Draws behind each share: its standard error is below 1.6 %.
const DRAWS: usize = 1000;
/// With fewer a share says little.
const MIN_DRAWS: usize = 100;
/// Two reports of the same results are the same.
const RANDOM_SEED: u64 = 0;

/// A cell among the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standing {
    /// Among the schedules of its budget; none where a seed was lost, or none is done.
    pub rival: Option<Rival>,
    /// Among all, by device time and metric.
    pub place: Option<Place>,
    /// Device seconds of one training: see [`Times`].
    pub seconds: Option<f64>,
}

/// One for each group of `cells`. A cell that no other beats
/// significantly is told at this level, for each budget.
#[must_use]
pub fn standings(sweep: &SweepRow, cells: &Cells<'_>, times: &Times, alpha: f64) -> Vec<Standing> {
    let outcomes: Vec<Outcomes> = cells.groups.iter().map(by_seed).collect();
    let mut standings = cells
        .groups
        .iter()
        .map(|group| Standing { rival: None, place: None, seconds: times.of(group.cell) })
        .collect::<Vec<_>>();
    let mut budgets: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, group) in cells.groups.iter().enumerate() {
        budgets.entry(group.cell.steps).or_default().push(index);
    }
    for places in budgets.values() {
        let its: Vec<&Outcomes> = places.iter().map(|index| &outcomes[*index]).collect();
        for (index, rival) in places.iter().zip(rivals(&its, sweep.maximize, alpha)) {
            standings[*index].rival = rival;
        }
    }
    let cost = |index: usize| Some((index, times.of(cells.groups[index].cell)?));
    let (costed, points): (Vec<usize>, Vec<Point<'_>>) = (0..outcomes.len())
        .filter_map(cost)
        .map(|(index, cost)| (index, Point { cost, outcomes: &outcomes[index] }))
        .unzip();
    let draws = DRAWS.min(MAX_COMPARISONS / (points.len() * points.len()).max(1));
    let places = front(&points, sweep.maximize, draws as u32, RANDOM_SEED);
    for (index, mut place) in costed.into_iter().zip(places) {
        if draws < MIN_DRAWS {
            place = place.map(|place| Place { share: None, ..place });
        }
        standings[index].place = place;
    }
    standings
}
