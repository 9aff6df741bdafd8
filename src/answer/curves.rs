//! How a metric goes during training, over the seeds of each cell.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Group, Summary};
use crate::{engine::TrialId, store::Learning};

/// Seeds that a band is of; more change a picture no longer, and a store may have thousands.
const MAX_SEEDS: usize = 20;

/// A cell's learning curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Band {
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    pub settings: BTreeMap<String, f64>,
    /// By step, ascending.
    pub points: Vec<BandPoint>,
}

impl Band {
    /// The schedule with its settings.
    #[must_use]
    pub fn label(&self) -> String {
        let settings = self.settings.iter().map(|(name, value)| format!(" {name}={value}"));
        self.schedule.clone() + &settings.collect::<String>()
    }
}

/// Over the seeds that have a value there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BandPoint {
    pub step: u64,
    pub seeds: usize,
    pub mean: f64,
    /// Student's 95 % interval of the mean; none below three seeds.
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// The trials whose curves a cell's band is made of, with their steps.
#[must_use]
pub fn of_band(group: &Group<'_>) -> Vec<(TrialId, u64)> {
    group.done().take(MAX_SEEDS).map(|outcome| (outcome.trial, group.cell.steps)).collect()
}

/// The band of a cell from the curves of its trials.
#[must_use]
pub fn band(group: &Group<'_>, curves: &[Learning]) -> Band {
    let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (step, value) in curves.iter().flatten() {
        steps.entry(*step).or_default().push(*value);
    }
    let point = |(step, values): (u64, Vec<f64>)| {
        let Summary { mean, low, high, .. } = Summary::new(&values, true);
        Some(BandPoint { step, seeds: values.len(), mean: mean?, low, high })
    };
    Band {
        schedule: group.cell.schedule.clone(),
        budget: group.cell.budget.clone(),
        steps: group.cell.steps,
        settings: group.cell.settings.clone(),
        points: steps.into_iter().filter_map(point).collect(),
    }
}
