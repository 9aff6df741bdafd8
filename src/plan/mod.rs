//! Spec and facts → trials: budgets × schedules × parameters × seeds, each with its compiled learning-rate
//! table and its key. Enter at [`plan`]. Pure: same spec, facts and threads, same plan.

mod key;
mod model;
mod program;
mod rates;
#[cfg(test)]
mod tests;
mod trial;

use std::{collections::BTreeMap, sync::Arc};

use sweep_wire::Facts;

use crate::{
    schedule::Shape,
    spec::{MAX_STEPS, Metric, Parameters, Spec, Work},
};
use key::Beside;

pub use model::{MAX_WEIGHTS, base_job, weights_bytes};
pub use program::program_facts;
pub use rates::Rates;
pub use trial::{Assignment, Course, Keeping, PlannedTrial, Recipe, SweepInfo, Task};

/// What a spec asks of this model and this data and cannot have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error("budget {budget} is {steps} steps, more than the {MAX_STEPS} that one trial may have")]
    TooManySteps { budget: String, steps: u64 },
    #[error("one step takes {needed} samples, and only {samples} are trained on")]
    TooFewSamples { needed: u64, samples: u64 },
    #[error("this model is not measured by `{metric}`")]
    NoSuchMetric { metric: Metric, measured: Vec<String> },
}

impl PlanError {
    /// The key of the spec at fault.
    #[must_use]
    pub fn at(&self) -> &'static str {
        match self {
            Self::TooManySteps { .. } => "budgets",
            Self::TooFewSamples { .. } => "training.accumulate",
            Self::NoSuchMetric { .. } => "metric.name",
        }
    }

    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooManySteps { .. } => None,
            Self::TooFewSamples { .. } => Some("a step takes `batch_size` × `accumulate` samples".to_owned()),
            Self::NoSuchMetric { measured, .. } => {
                let names: Vec<_> =
                    measured.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
                Some(format!("it is measured by {}", names.join(", ")))
            }
        }
    }
}

/// All trials of a sweep, in the order in which they are started.
#[derive(Debug, Clone)]
pub struct Plan {
    pub info: SweepInfo,
    pub trials: Vec<PlannedTrial>,
}

impl Plan {
    /// Steps of all trials together.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.trials.iter().map(|trial| trial.steps).sum()
    }
}

/// What is asked of this model and this data: how the sweep is judged, steps per epoch, budgets with their steps.
struct Frame {
    info: SweepInfo,
    per_epoch: u64,
    budgets: Vec<(String, u64)>,
}

fn frame(spec: &Spec, text: &str, facts: &Facts) -> Result<Frame, PlanError> {
    let info = match &spec.work {
        Work::Model(model) => model::info(spec, model, text, facts)?,
        Work::Program(program) => program::info(spec, program, text, facts),
    };
    let per_epoch = match &spec.work {
        Work::Model(model) => model::steps_per_epoch(model, facts)?,
        // Budgets of programs are in steps.
        Work::Program(_) => 1,
    };
    Ok(Frame { info, per_epoch, budgets: budgets(spec, per_epoch)? })
}

/// Whether a plan can be made, without the work of making it.
///
/// # Errors
/// As [`plan`].
pub fn check(spec: &Spec, text: &str, facts: &Facts) -> Result<(), PlanError> {
    frame(spec, text, facts).map(|_| ())
}

/// Makes the plan. One seed of every cell comes before the next seed, so that a first answer is there early;
/// within a seed long trials come first, so that workers end together.
///
/// `nonce` goes, with the spec's name and text, into the keys of a program whose files nobody lists: with another nonce
/// or in another sweep they are other trials, and nothing is reused.
///
/// # Errors
/// See [`PlanError`].
pub fn plan(
    spec: &Spec,
    text: &str,
    facts: &Facts,
    threads: u32,
    nonce: Option<u64>,
) -> Result<Plan, PlanError> {
    let Frame { info, per_epoch, budgets } = frame(spec, text, facts)?;
    let settings = settings(&spec.parameters);
    let tasks: Vec<Arc<Task>> =
        settings.iter().map(|settings| Arc::new(task(spec, settings, threads))).collect();
    let count = settings.len() * spec.schedules.len() * budgets.len() * spec.seeds as usize;
    let weights = model::keeps_weights(spec, facts, count);
    // Another sweep runs its program another time, so it takes no results from this one either.
    let nonce = nonce.map(|nonce| {
        let parts = serde_json::json!([spec.name, text, nonce]).to_string();
        blake3::hash(parts.as_bytes()).to_hex().to_string()
    });
    let beside = Beside { facts, device: spec.resources.device, nonce: nonce.as_deref() };
    let mut recipes: Vec<Arc<Recipe>> = Vec::with_capacity(count / spec.seeds.max(1) as usize);
    for (budget, steps) in &budgets {
        let (log_every, evaluate) = match &spec.work {
            Work::Model(model) => model::looks(model, *steps, per_epoch),
            Work::Program(_) => (1, vec![*steps]),
        };
        for schedule in &spec.schedules {
            let mut tables: BTreeMap<u64, Rates> = BTreeMap::new();
            for (settings, task) in settings.iter().zip(&tasks) {
                let peak = settings["learning_rate"];
                let table = tables.entry(peak.to_bits()).or_insert_with(|| {
                    let shape = Shape {
                        schedule: schedule.clone(),
                        warmup: spec.training.warmup,
                        eta_min: spec.training.eta_min,
                    };
                    shape.table(peak, *steps).into()
                });
                recipes.push(Arc::new(Recipe {
                    schedule: schedule.to_string(),
                    budget: budget.clone(),
                    steps: *steps,
                    settings: settings.clone(),
                    task: Arc::clone(task),
                    table: table.clone(),
                    log_every,
                    evaluate: evaluate.clone(),
                    keep: model::keeping(spec, &info, *steps, per_epoch, weights),
                }));
            }
        }
    }
    let mut trials = Vec::with_capacity(count);
    for seed in 0..spec.seeds {
        for recipe in &recipes {
            let mut trial = PlannedTrial { key: String::new(), seed, recipe: Arc::clone(recipe) };
            trial.key = key::key(&trial, beside);
            trials.push(trial);
        }
    }
    Ok(Plan { info, trials })
}

/// Budgets as printed and in steps, the longest first.
fn budgets(spec: &Spec, per_epoch: u64) -> Result<Vec<(String, u64)>, PlanError> {
    let mut budgets = Vec::new();
    for budget in &spec.budgets {
        let steps = budget.steps(spec.training.full_budget, per_epoch);
        if steps > MAX_STEPS {
            return Err(PlanError::TooManySteps { budget: budget.to_string(), steps });
        }
        budgets.push((budget.to_string(), steps));
    }
    budgets.sort_by_key(|(_, steps)| std::cmp::Reverse(*steps));
    Ok(budgets)
}

/// Every combination of the swept parameters, in the spec's order.
fn settings(parameters: &Parameters) -> Vec<BTreeMap<String, f64>> {
    let rates = std::iter::once(("learning_rate", &parameters.learning_rate));
    let others = parameters.others.iter().map(|(name, values)| (&name[..], values));
    rates.chain(others).fold(vec![BTreeMap::new()], |all, (name, values)| {
        all.iter()
            .flat_map(|settings| {
                values.iter().map(|value| {
                    let mut settings = settings.clone();
                    settings.insert(name.to_owned(), *value);
                    settings
                })
            })
            .collect()
    })
}

fn task(spec: &Spec, settings: &BTreeMap<String, f64>, threads: u32) -> Task {
    match &spec.work {
        Work::Model(model) => Task::Train(model::job(model, settings, threads)),
        Work::Program(program) => Task::Program(program::expand(program, settings)),
    }
}
