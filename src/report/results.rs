//! Trials → one row per schedule and budget: the statistics that every format shows.

use std::{collections::BTreeMap, str::FromStr};

use serde::Serialize;
use serde_json::json;

use crate::{
    answer::{Cells, Group, Summary},
    cost,
    store::{Cell, Counts, Outcome, Span, SweepRow, Table, TrialStatus},
};

/// What stands for a cell's seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    Mean,
    Median,
    Best,
}

impl FromStr for Statistic {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mean" => Ok(Self::Mean),
            "median" => Ok(Self::Median),
            "best" => Ok(Self::Best),
            _ => Err("there are `mean`, `median` and `best`".to_owned()),
        }
    }
}

/// A sweep's results, as `results --format json` prints them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// Of this object's shape.
    pub version: u32,
    pub sweep: i64,
    pub name: String,
    pub metric: String,
    pub maximize: bool,
    /// What tables show of a cell.
    pub statistic: Statistic,
    /// The metric by whose mean each schedule and budget took its settings, where several were tried and there is
    /// a validation set; otherwise all settings are listed.
    pub chosen_by: Option<String>,
    /// In the spec's order of schedules, then by steps, then in the spec's order of settings.
    pub rows: Vec<ResultRow>,
    /// Ascending.
    #[serde(skip)]
    pub budgets: Vec<Budget>,
    /// Whether rows of a schedule and budget differ in their settings.
    #[serde(skip)]
    pub are_apart: bool,
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
    pub median: Option<f64>,
    /// The largest where more is better, else the smallest.
    pub best: Option<f64>,
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

impl Results {
    /// The results of a sweep from its trials in the plan's order.
    #[must_use]
    pub fn new(sweep: &SweepRow, outcomes: &[Outcome]) -> Self {
        let cells = Cells::new(sweep, outcomes);
        Self {
            version: 1,
            sweep: sweep.sweep,
            name: sweep.name.clone(),
            metric: sweep.metric.clone(),
            maximize: sweep.maximize,
            statistic: Statistic::Mean,
            are_apart: cells.chosen_by.is_none()
                && cells.groups.windows(2).any(|pair| pair[0].cell.settings != pair[1].cell.settings),
            rows: cells.groups.iter().map(|group| ResultRow::new(group, sweep.maximize)).collect(),
            chosen_by: cells.chosen_by,
            budgets: budgets(outcomes),
        }
    }

    /// What tells a row from others of its budget: its schedule, and its settings where they are listed apart.
    #[must_use]
    pub fn label(&self, row: &ResultRow) -> String {
        let is_alone =
            self.chosen_by.is_some() || self.rows.iter().all(|other| other.settings == row.settings);
        match is_alone {
            true => row.schedule.clone(),
            false => {
                let settings = row.settings.iter().map(|(name, value)| format!(" {name}={value}"));
                row.schedule.clone() + &settings.collect::<String>()
            }
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
            "seeds", "mean", "low", "high", "median", "best", "values", "gap", "diverged", "failed",
            "missing", "seconds",
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
                json!(row.median),
                json!(row.best),
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
    fn new(group: &Group<'_>, maximize: bool) -> Self {
        let values = group.values();
        let gaps: Vec<f64> = group.done().filter_map(|outcome| outcome.gap).collect();
        let Summary { mean, low, high, median, best } = Summary::new(&values, maximize);
        let Cell { schedule, budget, steps, settings, followed, .. } = group.cell.clone();
        Self {
            schedule,
            budget,
            steps,
            seeds: values.len(),
            mean,
            low,
            high,
            median,
            best,
            gap: cost::mean(&gaps),
            settings,
            followed,
            diverged: group.count(TrialStatus::Diverged),
            failed: group.count(TrialStatus::Failed),
            missing: group.missing(),
            seconds: group.seconds(),
            values,
        }
    }

    /// What stands for its seeds.
    #[must_use]
    pub fn center(&self, statistic: Statistic) -> Option<f64> {
        match statistic {
            Statistic::Mean => self.mean,
            Statistic::Median => self.median,
            Statistic::Best => self.best,
        }
    }
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
