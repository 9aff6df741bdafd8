//! Trials → one row per schedule and budget: the statistics that every format shows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::{
    cost,
    store::{Counts, Outcome, Span, SweepRow, Table, TrialStatus},
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    pub counts: Counts,
    /// Of all attempts, together.
    pub device_seconds: f64,
    /// How long at least one attempt ran.
    pub wall_seconds: f64,
}

impl Totals {
    #[must_use]
    pub fn new(counts: Counts, spans: &[Span]) -> Self {
        let ended = spans.iter().filter_map(|span| Some((span.started_at, span.ended_at?)));
        Self {
            counts,
            device_seconds: spans.iter().filter_map(|span| span.device_seconds).sum(),
            wall_seconds: cost::covered(ended) as f64 / 1000.0,
        }
    }
}

impl Results {
    /// The results of a sweep from its trials in the plan's order.
    #[must_use]
    pub fn new(sweep: &SweepRow, outcomes: &[Outcome]) -> Self {
        let mut schedules: Vec<&str> = Vec::new();
        let mut settings: Vec<&BTreeMap<String, f64>> = Vec::new();
        let mut cells: BTreeMap<(usize, u64, usize), Vec<&Outcome>> = BTreeMap::new();
        for outcome in outcomes {
            let schedule = place(&mut schedules, outcome.schedule.as_str());
            let setting = place(&mut settings, &outcome.settings);
            cells.entry((schedule, outcome.steps, setting)).or_default().push(outcome);
        }
        let chosen_by = sweep.selection_metric.clone().filter(|_| settings.len() > 1);
        let mut rows: Vec<ResultRow> = Vec::new();
        let mut best: Option<Rank> = None;
        for cell in cells.values() {
            let row = ResultRow::new(cell);
            let rank = Rank::new(cell, row.diverged);
            let rival = rows.last().filter(|last| last.schedule == row.schedule && last.steps == row.steps);
            if chosen_by.is_none() || rival.is_none() {
                rows.push(row);
                best = Some(rank);
            } else if best.is_none_or(|best| rank.beats(best, sweep.maximize)) {
                rows.pop();
                rows.push(row);
                best = Some(rank);
            }
        }
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
        let count = |status| cell.iter().filter(|outcome| outcome.status == status).count();
        let values: Vec<f64> = done(cell).filter_map(|outcome| outcome.value).collect();
        let gaps: Vec<f64> = done(cell).filter_map(|outcome| outcome.gap).collect();
        let seconds: Vec<f64> = done(cell).filter_map(|outcome| outcome.device_seconds).collect();
        let interval = cost::t_interval(&values).filter(|_| values.len() >= MIN_SEEDS);
        let (diverged, failed) = (count(TrialStatus::Diverged), count(TrialStatus::Failed));
        Self {
            schedule: cell[0].schedule.clone(),
            budget: cell[0].budget.clone(),
            steps: cell[0].steps,
            seeds: values.len(),
            mean: cost::mean(&values),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            gap: cost::mean(&gaps),
            settings: cell[0].settings.clone(),
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
    fn new(cell: &[&Outcome], diverged: usize) -> Self {
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

fn done<'a>(cell: &'a [&Outcome]) -> impl Iterator<Item = &'a Outcome> {
    cell.iter().copied().filter(|outcome| outcome.status == TrialStatus::Done)
}

fn budgets(outcomes: &[Outcome]) -> Vec<Budget> {
    let mut columns: BTreeMap<u64, (&str, Vec<f64>)> = BTreeMap::new();
    for outcome in outcomes {
        let (_, seconds) = columns.entry(outcome.steps).or_insert((&outcome.budget, Vec::new()));
        seconds.extend(outcome.device_seconds.filter(|_| outcome.status == TrialStatus::Done));
    }
    let budget = |(steps, (name, seconds)): (u64, (&str, Vec<f64>))| Budget {
        name: name.to_owned(),
        steps,
        seconds: cost::median(&seconds),
    };
    columns.into_iter().map(budget).collect()
}

/// Where the item is in the list, at its end if it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}
