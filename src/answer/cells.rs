//! A sweep's trials by schedule, budget and setting, and which setting each schedule takes at each budget.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::better;
use crate::{
    cost,
    store::{Cell, Outcome, SweepRow, TrialStatus},
};

/// A sweep's trials in groups, each a schedule at a budget.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    /// In the spec's order of schedules, then by steps, then in the spec's order of settings.
    pub groups: Vec<Group<'a>>,
    /// The metric by whose mean each schedule and budget took its settings, where several were tried and there is
    /// a validation set; otherwise all settings are listed.
    pub chosen_by: Option<String>,
}

/// Trials that differ in their seed alone, in the plan's order.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    pub cell: &'a Cell,
    pub outcomes: Vec<&'a Outcome>,
}

/// A group's place: schedule and setting each by their order among all that were seen, steps between them.
type Place = (usize, u64, usize);

impl<'a> Cells<'a> {
    /// From a sweep's trials in the plan's order. Where there is a validation set, the setting with the fewest diverged
    /// seeds and then the best validation mean stands for its schedule and budget, judged by the seeds that all settings
    /// have: one that was trained more often has no advantage.
    #[must_use]
    pub fn new(sweep: &SweepRow, outcomes: &'a [Outcome]) -> Self {
        let (groups, settings) = grouped(outcomes);
        let chosen_by = sweep.selection_metric.clone().filter(|_| settings > 1);
        let mut cells: BTreeMap<(usize, u64), Vec<Group<'a>>> = BTreeMap::new();
        for ((schedule, steps, _), group) in groups {
            cells.entry((schedule, steps)).or_default().push(group);
        }
        let choose = |groups: Vec<Group<'a>>| match &chosen_by {
            Some(_) => vec![chosen(groups, sweep.maximize)],
            None => groups,
        };
        Self { groups: cells.into_values().flat_map(choose).collect(), chosen_by }
    }

    /// All settings apart.
    #[must_use]
    pub fn apart(outcomes: &'a [Outcome]) -> Self {
        Self { groups: grouped(outcomes).0.into_values().collect(), chosen_by: None }
    }
}

fn grouped(outcomes: &[Outcome]) -> (BTreeMap<Place, Group<'_>>, usize) {
    let (mut schedules, mut settings) = (Places::default(), Places::default());
    let mut known: HashMap<*const Cell, usize> = HashMap::new();
    let mut groups: Vec<(Place, Group<'_>)> = Vec::new();
    for outcome in outcomes {
        let cell = &outcome.cell;
        let group = *known.entry(Arc::as_ptr(cell)).or_insert_with(|| {
            // Adding nothing makes one of both zeros.
            let setting = cell.settings.iter().map(|(name, value)| (name, (value + 0.0).to_bits()));
            let setting = settings.of(setting.collect::<Vec<_>>());
            let place = (schedules.of(&cell.schedule), cell.steps, setting);
            groups.push((place, Group { cell, outcomes: Vec::new() }));
            groups.len() - 1
        });
        groups[group].1.outcomes.push(outcome);
    }
    let mut merged: BTreeMap<Place, Group<'_>> = BTreeMap::new();
    for (place, group) in groups {
        match merged.get_mut(&place) {
            None => _ = merged.insert(place, group),
            // Budgets of as many steps have the same trials, which are seeds once.
            Some(first) => {
                first.outcomes.extend(group.outcomes);
                let mut seen = HashSet::new();
                first.outcomes.retain(|outcome| seen.insert(outcome.trial));
            }
        }
    }
    (merged, settings.0.len())
}

/// The best of several settings, the first of equals.
fn chosen(groups: Vec<Group<'_>>, maximize: bool) -> Group<'_> {
    // In a sweep that is over all have the same seeds, and a large one is read without a set for each.
    let is_even = |group: &Group<'_>| {
        let pairs = group.outcomes.iter().zip(&groups[0].outcomes);
        group.outcomes.len() == groups[0].outcomes.len()
            && pairs
                .into_iter()
                .all(|(its, first)| its.seed == first.seed && its.end.is_some() && first.end.is_some())
    };
    let are_even = groups.iter().all(is_even);
    let ended = |group: &Group<'_>| -> BTreeSet<u64> {
        let ended = group.outcomes.iter().filter(|outcome| outcome.end.is_some());
        ended.map(|outcome| outcome.seed).collect()
    };
    let common = match are_even {
        true => BTreeSet::new(),
        false => groups.iter().map(ended).reduce(|all, its| &all & &its).unwrap_or_default(),
    };
    let rank = |group: &Group<'_>| {
        let judged =
            group.outcomes.iter().filter(|outcome| common.is_empty() || common.contains(&outcome.seed));
        let judged: Vec<_> = judged.copied().collect();
        let diverged = count(&judged, TrialStatus::Diverged);
        let values: Vec<f64> = done(&judged).filter_map(|outcome| outcome.selection).collect();
        Rank { diverged, mean: cost::mean(&values) }
    };
    let ranked = groups.into_iter().map(|group| (rank(&group), group));
    let best = ranked.reduce(|best, next| if next.0.beats(best.0, maximize) { next } else { best });
    best.expect("a cell has a setting").1
}

impl Group<'_> {
    /// The finished seeds' values, in the plan's order.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        done(&self.outcomes).filter_map(|outcome| outcome.value).collect()
    }

    /// The finished trials.
    pub fn done(&self) -> impl Iterator<Item = &Outcome> {
        done(&self.outcomes)
    }

    #[must_use]
    pub fn count(&self, end: TrialStatus) -> usize {
        count(&self.outcomes, end)
    }

    /// How many have no result yet.
    #[must_use]
    pub fn missing(&self) -> usize {
        let ended = self.count(TrialStatus::Diverged) + self.count(TrialStatus::Failed);
        self.outcomes.len() - self.values().len() - ended
    }

    /// Median device time of a finished trial.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        cost::median(&self.done().filter_map(|outcome| outcome.device_seconds).collect::<Vec<_>>())
    }
}

/// What settings are chosen by: those with fewer diverged seeds first, then those with a better mean.
#[derive(Clone, Copy)]
struct Rank {
    diverged: usize,
    mean: Option<f64>,
}

impl Rank {
    fn beats(self, other: Self, maximize: bool) -> bool {
        match (self.mean, other.mean) {
            (Some(_), None) => true,
            (None, _) => false,
            (Some(mine), Some(theirs)) if self.diverged == other.diverged => better(mine, theirs, maximize),
            _ => self.diverged < other.diverged,
        }
    }
}

fn count(outcomes: &[&Outcome], end: TrialStatus) -> usize {
    outcomes.iter().filter(|outcome| outcome.end == Some(end)).count()
}

fn done<'a>(outcomes: &[&'a Outcome]) -> impl Iterator<Item = &'a Outcome> {
    outcomes.iter().copied().filter(|outcome| outcome.end == Some(TrialStatus::Done))
}

/// Things by the order in which they were first seen.
struct Places<T>(BTreeMap<T, usize>);

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Places<T> {
    fn of(&mut self, item: T) -> usize {
        let next = self.0.len();
        *self.0.entry(item).or_insert(next)
    }
}
