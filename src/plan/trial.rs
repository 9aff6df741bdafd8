//! What a plan is made of.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};
use sweep_wire::{Best, Contents, Every, Facts, Job, Program};

use super::Rates;
use crate::cost::Offer;

/// One training run, with everything that decides its result. Beside its key and its seed it is its recipe: a plan may
/// have a hundred thousand.
#[derive(Debug, Clone)]
pub struct PlannedTrial {
    /// Hash of everything that decides the result, in hexadecimal; equal keys are the same trial.
    pub key: String,
    pub seed: u64,
    /// Whether results decide if this seed is trained.
    pub held: bool,
    pub recipe: Arc<Recipe>,
}

/// One schedule at one budget with one setting: what its seeds share.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// As printed, such as `uba(phi=1)`.
    pub schedule: String,
    /// As printed, such as `50%`, `500 steps` or `2 epochs`.
    pub budget: String,
    pub steps: u64,
    /// How what the spec leaves open was settled, in sentences: φ, the steps of an hour or of a dollar.
    pub settled: Vec<String>,
    /// The schedule that is followed, where the spec leaves it open.
    pub followed: Option<String>,
    /// The other swept parameters, such as `learning_rate`.
    pub settings: BTreeMap<String, f64>,
    pub task: Arc<Task>,
    /// The learning rate of each step, and the momentum where it moves.
    pub table: Rates,
    pub log_every: u64,
    /// After how many updates to evaluate, ascending, ending with `steps`.
    pub evaluate: Vec<u64>,
    /// What it leaves on disk, which decides nothing about the result.
    pub keep: Keeping,
}

impl Deref for PlannedTrial {
    type Target = Recipe;

    fn deref(&self) -> &Recipe {
        &self.recipe
    }
}

/// What a worker does for a trial. As JSON it is the job itself, or `{"program": …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "it is kept behind an `Arc`, once for many trials")]
pub enum Task {
    Train(Job),
    Program(#[serde(with = "named")] Program),
}

/// A program under its name, which tells it from a job.
mod named {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use sweep_wire::Program;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named<T> {
        program: T,
    }

    pub(super) fn serialize<S: Serializer>(program: &Program, serializer: S) -> Result<S::Ok, S::Error> {
        Named { program }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Program, D::Error> {
        Ok(Named::deserialize(deserializer)?.program)
    }
}

impl Recipe {
    /// When it measures and what it leaves.
    #[must_use]
    pub fn course(&self) -> Course {
        Course { log_every: self.log_every, evaluate: self.evaluate.clone(), keep: self.keep.clone() }
    }

    /// What names that table: BLAKE3 of its bytes, in hexadecimal.
    #[must_use]
    pub fn table_name(&self) -> &str {
        self.table.name()
    }
}

/// Everything that a trial is started from.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    pub key: String,
    pub steps: u64,
    pub seed: u64,
    /// As printed in one of the sweeps it stands in, with the swept parameters.
    pub schedule: String,
    pub budget: String,
    pub settings: BTreeMap<String, f64>,
    /// Names the file of its rate table.
    pub rates: String,
    pub task: Task,
    /// What model and data were when it was planned.
    pub expected: Contents,
    pub course: Course,
}

/// When a trial measures and what it leaves: all that a worker must be told beside its task, its seed and its rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    pub log_every: u64,
    pub evaluate: Vec<u64>,
    pub keep: Keeping,
}

/// What a trial leaves on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keeping {
    /// When checkpoints are written.
    pub every: Every,
    /// Whether a finished trial leaves its weights.
    pub weights: bool,
    /// What the best weights are judged by, where there is a validation set.
    pub best: Option<Best>,
}

/// What a sweep is beside its trials.
#[derive(Debug, Clone)]
pub struct SweepInfo {
    pub name: String,
    pub description: Option<String>,
    /// The spec file's text, kept as evidence.
    pub spec: String,
    /// The metric that results are judged by, such as `test/accuracy`.
    pub metric: String,
    /// The metric that settings are chosen by where there is a validation set, such as `validation/accuracy`.
    pub selection_metric: Option<String>,
    /// Whether more of the metric is better.
    pub maximize: bool,
    /// What was found out about model and data.
    pub facts: Option<Facts>,
    /// What the machine costs.
    pub price: Option<Offer>,
}
