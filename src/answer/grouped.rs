//! Results by anything: schedules over all budgets, a swept parameter, seeds.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Cells, Group, Summary};
use crate::{
    cost,
    store::{Outcome, SweepRow, Table},
};

/// What results can be grouped by beside the swept parameters.
const COLUMNS: [&str; 3] = ["schedule", "budget", "seed"];

/// A sweep's results in other groups than schedule and budget, as JSON has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grouped {
    /// Of this object's shape.
    pub version: u32,
    pub sweep: i64,
    pub name: String,
    pub metric: String,
    pub maximize: bool,
    pub by: Vec<String>,
    /// See [`Cells::chosen_by`].
    pub chosen_by: Option<String>,
    /// In the order in which the groups first stand in the plan.
    pub rows: Vec<GroupedRow>,
}

/// What pools several cells takes each seed's mean over them first: seeds, not trials, are what an interval is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupedRow {
    /// The value of each of `by`.
    pub group: BTreeMap<String, Value>,
    /// Cells that were pooled: schedules × budgets × settings.
    pub cells: usize,
    /// Seeds that are done in every one of them.
    pub seeds: usize,
    pub mean: Option<f64>,
    /// Student's 95 % interval of the mean; none below three seeds.
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub median: Option<f64>,
    pub best: Option<f64>,
}

impl Grouped {
    /// # Errors
    /// One of `by` is nothing that results can be grouped by; the message lists what is.
    pub fn new(sweep: &SweepRow, outcomes: &[Outcome], by: &[String]) -> Result<Self, String> {
        let known =
            outcomes.first().map_or(Vec::new(), |outcome| outcome.cell.settings.keys().cloned().collect());
        let is_setting = |name: &String| known.contains(name);
        if let Some(wrong) = by.iter().find(|name| !COLUMNS.contains(&name.as_str()) && !is_setting(name)) {
            let all = COLUMNS.iter().map(|name| (*name).to_owned()).chain(known);
            let all: Vec<String> = all.map(|name| format!("`{name}`")).collect();
            return Err(format!("results cannot be grouped by `{wrong}`; there are {}", all.join(", ")));
        }
        // Who groups by a parameter wants to see all of its values.
        let cells =
            if by.iter().any(is_setting) { Cells::apart(outcomes) } else { Cells::new(sweep, outcomes) };
        let mut rows: Vec<(BTreeMap<String, Value>, Pool)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for group in &cells.groups {
            for (seed, value) in seeds(group) {
                let key = key(group, seed, by);
                let place = *places.entry(json!(key).to_string()).or_insert_with(|| {
                    rows.push((key, Pool::default()));
                    rows.len() - 1
                });
                rows[place].1.add(group.cell.id, seed, value);
            }
        }
        let rows = rows.into_iter().map(|(group, pool)| pool.row(group, sweep.maximize)).collect();
        Ok(Self {
            version: 1,
            sweep: sweep.sweep,
            name: sweep.name.clone(),
            metric: sweep.metric.clone(),
            maximize: sweep.maximize,
            by: by.to_vec(),
            chosen_by: cells.chosen_by,
            rows,
        })
    }

    /// A column for each of `by`, then the numbers.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut columns: Vec<&str> = self.by.iter().map(String::as_str).collect();
        columns.extend(["cells", "seeds", "mean", "low", "high", "median", "best"]);
        let mut table = Table::new(&columns);
        for row in &self.rows {
            let mut line: Vec<Value> = self.by.iter().map(|name| row.group[name].clone()).collect();
            line.extend([
                json!(row.cells),
                json!(row.seeds),
                json!(row.mean),
                json!(row.low),
                json!(row.high),
            ]);
            line.extend([json!(row.median), json!(row.best)]);
            table.rows.push(line);
        }
        table
    }
}

fn seeds<'a>(group: &'a Group<'_>) -> impl Iterator<Item = (u64, Option<f64>)> + 'a {
    group.outcomes.iter().map(|outcome| (outcome.seed, outcome.value.filter(|_| outcome.is_done())))
}

fn key(group: &Group<'_>, seed: u64, by: &[String]) -> BTreeMap<String, Value> {
    let value = |name: &String| match name.as_str() {
        "schedule" => json!(group.cell.schedule),
        "budget" => json!(group.cell.budget),
        "seed" => json!(seed),
        _ => json!(group.cell.settings.get(name)),
    };
    by.iter().map(|name| (name.clone(), value(name))).collect()
}

/// The values of several cells by seed.
#[derive(Default)]
struct Pool {
    cells: HashSet<i64>,
    seeds: BTreeMap<u64, Vec<f64>>,
}

impl Pool {
    fn add(&mut self, cell: i64, seed: u64, value: Option<f64>) {
        self.cells.insert(cell);
        self.seeds.entry(seed).or_default().extend(value);
    }

    fn row(self, group: BTreeMap<String, Value>, maximize: bool) -> GroupedRow {
        // A seed that lacks a cell would compare others than the rest.
        let whole = self.seeds.into_values().filter(|values| values.len() == self.cells.len());
        let values: Vec<f64> = whole.filter_map(|values| cost::mean(&values)).collect();
        let Summary { mean, low, high, median, best } = Summary::new(&values, maximize);
        GroupedRow { group, cells: self.cells.len(), seeds: values.len(), mean, low, high, median, best }
    }
}
