//! Spec and facts → trials: budgets × schedules × parameters × seeds, each with its compiled learning-rate
//! table and its key. Enter at [`plan`]. Pure: same spec, facts and threads, same plan.

mod budgets;
mod effort;
mod key;
mod model;
mod program;
mod rates;
mod settle;
#[cfg(test)]
mod tests;
mod trial;
mod warnings;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use sweep_wire::{Device, Facts};

use crate::{
    schedule::{Flaw, Shape},
    spec::{MAX_STEPS, Metric, Parameters, Spec, Work},
};
use budgets::{Budgeted, budgets};
use key::Beside;
use settle::Settled;

pub use effort::{Effort, are_alike, are_same_program, effort};
pub use key::measured_key;
pub use model::{MAX_WEIGHTS, base_job, weights_bytes};
pub use program::program_facts;
pub use rates::Rates;
pub use trial::{Assignment, Course, Keeping, PlannedTrial, Recipe, SweepInfo, Task};
pub use warnings::warnings;

/// What a spec asks of this model and this data and cannot have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error("budget {budget} is {steps} steps, more than the {MAX_STEPS} that one trial may have")]
    TooManySteps { budget: String, steps: u64 },
    #[error("one step takes {needed} samples, and only {samples} are trained on")]
    TooFewSamples { needed: u64, samples: u64 },
    #[error("this model is not measured by `{metric}`")]
    NoSuchMetric { metric: Metric, measured: Vec<String> },
    /// A formula has no rate somewhere.
    #[error("`{schedule}` gives {flaw} of {steps}, budget {budget}")]
    NoRate { schedule: String, budget: String, steps: u64, flaw: Flaw },
    /// What was to be measured on this machine was not.
    #[error("{what} was not measured")]
    NotMeasured { at: &'static str, what: &'static str },
    #[error("budget {budget} is less than one step, which takes {step}")]
    LessThanAStep { budget: String, step: String },
    #[error("budgets {budget} and {other} are the same: {steps} steps")]
    Same { budget: String, other: String, steps: u64 },
}

/// What of this machine a plan depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Threads of each worker.
    pub threads: u32,
    /// What each worker takes of the machine, from 0 to 1.
    pub share: f64,
    /// What the whole of it costs.
    pub usd_per_hour: Option<f64>,
}

impl PlanError {
    /// The key of the spec at fault.
    #[must_use]
    pub fn at(&self) -> &'static str {
        match self {
            Self::TooManySteps { .. } | Self::LessThanAStep { .. } | Self::Same { .. } => "budgets",
            Self::NoRate { .. } => "schedules",
            Self::NotMeasured { at, .. } => at,
            Self::TooFewSamples { .. } => "training.accumulate",
            Self::NoSuchMetric { .. } => "metric.name",
        }
    }

    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooManySteps { .. } | Self::NotMeasured { .. } => None,
            Self::NoRate { .. } => {
                Some("a rate is a number from 0 that 32 bits hold, at every step of every budget".to_owned())
            }
            Self::LessThanAStep { .. } => Some("a larger one trains".to_owned()),
            Self::Same { .. } => Some("leave one of them out".to_owned()),
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
    /// Steps of all trials together that are trained in any case.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.trials.iter().filter(|trial| !trial.held).map(|trial| trial.steps).sum()
    }

    /// The task of each setting; settings that differ in the learning rate alone have equal ones.
    #[must_use]
    pub fn tasks(&self) -> Vec<&Task> {
        let mut seen = HashSet::new();
        let tasks = self.trials.iter().map(|trial| &trial.task);
        tasks.filter(|task| seen.insert(Arc::as_ptr(task))).map(|task| &**task).collect()
    }
}

/// What is asked of this model and this data: how the sweep is judged, steps per epoch, budgets with their steps.
struct Frame {
    info: SweepInfo,
    per_epoch: u64,
    budgets: Vec<Budgeted>,
}

fn frame(spec: &Spec, text: &str, facts: &Facts, machine: Machine) -> Result<Frame, PlanError> {
    let info = match &spec.work {
        Work::Model(model) => model::info(spec, model, text, facts)?,
        Work::Program(program) => program::info(spec, program, text, facts),
    };
    let per_epoch = match &spec.work {
        Work::Model(model) => model::steps_per_epoch(model, facts)?,
        // Budgets of programs are in steps.
        Work::Program(_) => 1,
    };
    Ok(Frame { info, per_epoch, budgets: budgets(spec, per_epoch, facts, machine)? })
}

/// Whether a plan can be made, without the work of making it.
///
/// # Errors
/// As [`plan`].
pub fn check(spec: &Spec, text: &str, facts: &Facts, machine: Machine) -> Result<(), PlanError> {
    frame(spec, text, facts, machine).map(|_| ())
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
    machine: Machine,
    nonce: Option<u64>,
) -> Result<Plan, PlanError> {
    let Frame { info, per_epoch, budgets } = frame(spec, text, facts, machine)?;
    let settings = settings(&spec.parameters);
    let tasks: Vec<Arc<Task>> = settings
        .iter()
        .map(|settings| Arc::new(task(spec, settings, (machine.threads, facts.device))))
        .collect();
    let count = settings.len() * spec.schedules.len() * budgets.len() * spec.seeds.max as usize;
    let weights = model::keeps_weights(spec, facts, count);
    // Another sweep runs its program another time, so it takes no results from this one either.
    let nonce = nonce.map(|nonce| {
        let parts = serde_json::json!([spec.name, text, nonce]).to_string();
        blake3::hash(parts.as_bytes()).to_hex().to_string()
    });
    let beside = Beside { facts, device: spec.resources.device, nonce: nonce.as_deref() };
    let mut recipes: Vec<Arc<Recipe>> = Vec::with_capacity(count / spec.seeds.max as usize);
    for budget in &budgets {
        let steps = budget.steps;
        let (log_every, evaluate) = match &spec.work {
            Work::Model(model) => model::looks(model, steps, per_epoch),
            Work::Program(_) => (1, vec![steps]),
        };
        for listed in &spec.schedules {
            let Settled { shape, followed, sentences } = settle::shape(spec, listed, steps, facts)?;
            let mut tables: BTreeMap<u64, Rates> = BTreeMap::new();
            for (settings, task) in settings.iter().zip(&tasks) {
                let table = compiled(&mut tables, &shape, settings["learning_rate"], budget)?;
                recipes.push(Arc::new(Recipe {
                    schedule: listed.to_string(),
                    budget: budget.name.clone(),
                    steps,
                    settled: budget.settled.iter().chain(&sentences).cloned().collect(),
                    followed: followed.clone(),
                    settings: settings.clone(),
                    task: Arc::clone(task),
                    table,
                    log_every,
                    evaluate: evaluate.clone(),
                    keep: model::keeping(spec, &info, steps, per_epoch, weights),
                }));
            }
        }
    }
    let mut trials = Vec::with_capacity(count);
    for seed in 0..spec.seeds.max {
        for recipe in &recipes {
            let mut trial = PlannedTrial {
                key: String::new(),
                seed,
                held: seed >= spec.seeds.min,
                recipe: Arc::clone(recipe),
            };
            trial.key = key::key(&trial, beside);
            trials.push(trial);
        }
    }
    Ok(Plan { info, trials })
}

/// The table of a schedule at a peak, made once for all settings that share it.
fn compiled(
    tables: &mut BTreeMap<u64, Rates>,
    shape: &Shape,
    peak: f64,
    budget: &Budgeted,
) -> Result<Rates, PlanError> {
    if let Some(known) = tables.get(&peak.to_bits()) {
        return Ok(known.clone());
    }
    let table: Rates =
        shape.table(peak, budget.steps).map(Rates::from).map_err(|flaw| PlanError::NoRate {
            schedule: shape.schedule.to_string(),
            budget: budget.name.clone(),
            steps: budget.steps,
            flaw,
        })?;
    tables.insert(peak.to_bits(), table.clone());
    Ok(table)
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

fn task(spec: &Spec, settings: &BTreeMap<String, f64>, on: (u32, Device)) -> Task {
    match &spec.work {
        Work::Model(model) => Task::Train(model::job(model, settings, on)),
        Work::Program(program) => Task::Program(program::expand(program, settings)),
    }
}
