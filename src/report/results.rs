//! Trials → one row per schedule and budget: the statistics that every format shows.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde::Serialize;
use serde_json::json;

use crate::{
    cost,
    store::{Cell, Counts, Outcome, Span, SweepRow, Table, TrialStatus},
};

/// Below this many finished seeds an interval says nothing.
pub(super) const MIN_SEEDS: usize = 3;

/// A sweep's results, as `results --format json` prints them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// Of this object's shape.
    pub version: u32,
    pub sweep: i64,
    pub name: String,
    pub metric: String,
    pub maximize: bool,
    /// The metric by whose mean each schedule and budget took its settings, where several were tried and there is
    /// a validation set; otherwise all settings are listed.
    pub chosen_by: Option<String>,
    /// In the spec's order of schedules, then by steps, then in the spec's order of settings.
    pub rows: Vec<ResultRow>,
    /// Ascending.
    #[serde(skip)]
    pub budgets: Vec<Budget>,
}

/// One schedule at one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultRow {
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    /// How many finished.
    pub seeds: usize,
    /// Of the finished seeds' last values.
    pub mean: Option<f64>,
    /// Student's 95 % interval of the mean; none below three finished seeds.
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub values: Vec<f64>,
    /// Mean generalisation gap of the finished seeds: how much better the metric is on training samples.
    pub gap: Option<f64>,
    pub settings: BTreeMap<String, f64>,
    /// The schedule that was followed, where the spec left that open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followed: Option<String>,
    pub diverged: usize,
    pub failed: usize,
    /// Without a result yet.
    pub missing: usize,
    /// Median device time of a finished trial.
    pub seconds: Option<f64>,
}

/// A budget of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    pub name: String,
    pub steps: u64,
    /// Median device time of a finished trial, over all schedules.
    pub seconds: Option<f64>,
}

/// What a sweep took.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    pub counts: Counts,
    /// Why the sweep was paused or ended early.
    pub reason: Option<String>,
    /// Of all attempts, together.
    pub device_seconds: f64,
    /// How long at least one attempt ran.
    pub wall_seconds: f64,
}

impl Totals {
    #[must_use]
    pub fn new(sweep: &SweepRow, spans: &[Span]) -> Self {
        let ended = spans.iter().filter_map(|span| Some((span.started_at, span.ended_at?)));
        Self {
            counts: sweep.counts,
            reason: sweep.state_reason.clone(),
            // The sum of nothing is a negative zero.
            device_seconds: spans.iter().filter_map(|span| span.device_seconds).sum::<f64>() + 0.0,
            wall_seconds: cost::covered(ended) as f64 / 1000.0,
        }
    }
}

/// Trials of the same schedule, steps and setting, each as its place among all that were seen.
type Group<'a> = ((usize, u64, usize), Vec<&'a Outcome>);

impl Results {
    /// The results of a sweep from its trials in the plan's order.
    #[must_use]
    pub fn new(sweep: &SweepRow, outcomes: &[Outcome]) -> Self {
        let (mut schedules, mut settings) = (Places::default(), Places::default());
        let mut known: HashMap<*const Cell, usize> = HashMap::new();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for outcome in outcomes {
            let cell = &outcome.cell;
            let group = *known.entry(Arc::as_ptr(cell)).or_insert_with(|| {
                // Adding nothing makes one of both zeros.
                let setting = cell.settings.iter().map(|(name, value)| (name, (value + 0.0).to_bits()));
                let setting = settings.of(setting.collect::<Vec<_>>());
                groups.push(((schedules.of(&cell.schedule), cell.steps, setting), Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(outcome);
        }
        let mut cells: BTreeMap<(usize, u64, usize), Vec<&Outcome>> = BTreeMap::new();
        for (place, group) in groups {
            let cell = cells.entry(place).or_default();
            // Budgets of as many steps have the same trials, which are seeds once.
            let is_merged = !cell.is_empty();
            cell.extend(group);
            if is_merged {
                let mut seen = HashSet::new();
                cell.retain(|outcome| seen.insert(outcome.trial));
            }
        }
        let chosen_by = sweep.selection_metric.clone().filter(|_| settings.0.len() > 1);
        let mut chosen: Vec<(usize, u64, Rank, &[&Outcome])> = Vec::new();
        for ((schedule, steps, _), cell) in &cells {
            let rank = Rank::new(cell);
            let rival = chosen.last_mut().filter(|last| (last.0, last.1) == (*schedule, *steps));
            match rival {
                Some(rival) if chosen_by.is_some() => {
                    if rank.beats(rival.2, sweep.maximize) {
                        (rival.2, rival.3) = (rank, cell);
                    }
                }
                _ => chosen.push((*schedule, *steps, rank, cell)),
            }
        }
        let rows = chosen.into_iter().map(|(_, _, _, cell)| ResultRow::new(cell)).collect();
        Self {
            version: 1,
            sweep: sweep.sweep,
            name: sweep.name.clone(),
            metric: sweep.metric.clone(),
            maximize: sweep.maximize,
            chosen_by,
            rows,
            budgets: budgets(outcomes),
        }
    }

    /// One line per row, with a column for each setting.
    #[must_use]
    pub fn table(&self) -> Table {
        let settings: Vec<&str> =
            self.rows.first().map_or(Vec::new(), |row| row.settings.keys().map(String::as_str).collect());
        let mut columns = vec!["schedule", "budget", "steps"];
        columns.extend(&settings);
        columns.extend([
            "seeds", "mean", "low", "high", "values", "gap", "diverged", "failed", "missing", "seconds",
        ]);
        let mut table = Table::new(&columns);
        for row in &self.rows {
            let mut line = vec![json!(row.schedule), json!(row.budget), json!(row.steps)];
            line.extend(settings.iter().map(|&name| json!(row.settings.get(name))));
            let values: Vec<_> = row.values.iter().map(f64::to_string).collect();
            line.extend([
                json!(row.seeds),
                json!(row.mean),
                json!(row.low),
                json!(row.high),
                json!(values.join(" ")),
                json!(row.gap),
                json!(row.diverged),
                json!(row.failed),
                json!(row.missing),
                json!(row.seconds),
            ]);
            table.rows.push(line);
        }
        table
    }
}

impl ResultRow {
    fn new(cell: &[&Outcome]) -> Self {
        let values: Vec<f64> = done(cell).filter_map(|outcome| outcome.value).collect();
        let gaps: Vec<f64> = done(cell).filter_map(|outcome| outcome.gap).collect();
        let seconds: Vec<f64> = done(cell).filter_map(|outcome| outcome.device_seconds).collect();
        let interval = cost::t_interval(&values).filter(|_| values.len() >= MIN_SEEDS);
        let (diverged, failed) = (count(cell, TrialStatus::Diverged), count(cell, TrialStatus::Failed));
        let Cell { schedule, budget, steps, settings, followed } = (*cell[0].cell).clone();
        Self {
            schedule,
            budget,
            steps,
            seeds: values.len(),
            mean: cost::mean(&values),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            gap: cost::mean(&gaps),
            settings,
            followed,
            diverged,
            failed,
            missing: cell.len() - values.len() - diverged - failed,
            seconds: cost::median(&seconds),
            values,
        }
    }
}

/// What settings are chosen by: those with fewer diverged seeds first, then those with a better mean.
#[derive(Clone, Copy)]
struct Rank {
    diverged: usize,
    mean: Option<f64>,
}

impl Rank {
    fn new(cell: &[&Outcome]) -> Self {
        let diverged = count(cell, TrialStatus::Diverged);
        let values: Vec<f64> = done(cell).filter_map(|outcome| outcome.selection).collect();
        Self { diverged, mean: cost::mean(&values) }
    }

    fn beats(self, other: Self, maximize: bool) -> bool {
        match (self.mean, other.mean) {
            (Some(_), None) => true,
            (None, _) => false,
            (Some(mine), Some(theirs)) if self.diverged == other.diverged => better(mine, theirs, maximize),
            _ => self.diverged < other.diverged,
        }
    }
}

pub(super) fn better(one: f64, other: f64, maximize: bool) -> bool {
    if maximize { one > other } else { one < other }
}

fn count(cell: &[&Outcome], end: TrialStatus) -> usize {
    cell.iter().filter(|outcome| outcome.end == Some(end)).count()
}

fn done<'a>(cell: &'a [&Outcome]) -> impl Iterator<Item = &'a Outcome> {
    cell.iter().copied().filter(|outcome| outcome.end == Some(TrialStatus::Done))
}

fn budgets(outcomes: &[Outcome]) -> Vec<Budget> {
    let mut columns: BTreeMap<u64, (&str, Vec<f64>)> = BTreeMap::new();
    for outcome in outcomes {
        let (_, seconds) = columns.entry(outcome.cell.steps).or_insert((&outcome.cell.budget, Vec::new()));
        seconds.extend(outcome.device_seconds.filter(|_| outcome.end == Some(TrialStatus::Done)));
    }
    let budget = |(steps, (name, seconds)): (u64, (&str, Vec<f64>))| Budget {
        name: name.to_owned(),
        steps,
        seconds: cost::median(&seconds),
    };
    columns.into_iter().map(budget).collect()
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
