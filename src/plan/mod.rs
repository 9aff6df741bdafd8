//! Spec and facts → trials: budgets × schedules × parameters × seeds, each with its compiled learning-rate
//! table and its key. Enter at [`plan`]. Pure: same spec, facts and threads, same plan.

mod key;
#[cfg(test)]
mod tests;
mod trial;

use std::{collections::BTreeMap, sync::Arc};

use sweep_wire::{Facts, Job, Optimizer};

use crate::{
    schedule::Shape,
    spec::{Goal, Interval, MAX_STEPS, Spec},
};

pub use key::key;
pub use trial::{PlannedTrial, SweepInfo};

/// A budget that no trial can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("budget {budget} is {steps} steps, more than the {MAX_STEPS} that one trial may have")]
pub struct TooManySteps {
    budget: String,
    steps: u64,
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

/// The job that every trial of a spec shares, before swept parameters change it.
#[must_use]
pub fn base_job(spec: &Spec, threads: u32) -> Job {
    Job {
        model: spec.model.clone(),
        data: spec.data.clone(),
        batch_size: spec.training.batch_size,
        optimizer: spec.training.optimizer,
        threads,
    }
}

/// Makes the plan. One seed of every cell comes before the next seed, so that a first answer is there early;
/// within a seed long trials come first, so that workers end together.
///
/// # Errors
/// A budget in epochs that is more steps than a trial may have.
pub fn plan(spec: &Spec, text: &str, facts: &Facts, threads: u32) -> Result<Plan, TooManySteps> {
    let training = &spec.training;
    let per_epoch = facts.train_samples / training.batch_size;
    let mut budgets = Vec::new();
    for budget in &spec.budgets {
        let steps = budget.steps(training.full_budget, per_epoch);
        if steps > MAX_STEPS {
            return Err(TooManySteps { budget: budget.to_string(), steps });
        }
        budgets.push((budget.to_string(), steps));
    }
    budgets.sort_by_key(|(_, steps)| std::cmp::Reverse(*steps));
    let settings = settings(spec);
    let jobs: Vec<_> = settings.iter().map(|settings| Arc::new(job(spec, settings, threads))).collect();
    let mut trials = Vec::new();
    for seed in 0..spec.seeds {
        for (budget, steps) in &budgets {
            for schedule in &spec.schedules {
                for (settings, job) in settings.iter().zip(&jobs) {
                    let shape = Shape {
                        schedule: schedule.clone(),
                        warmup: training.warmup,
                        eta_min: training.eta_min,
                    };
                    let table: Arc<[f32]> = shape.table(settings["learning_rate"], *steps).into();
                    let mut trial = PlannedTrial {
                        key: String::new(),
                        schedule: schedule.to_string(),
                        budget: budget.clone(),
                        steps: *steps,
                        settings: settings.clone(),
                        seed,
                        job: Arc::clone(job),
                        table,
                        log_every: training.log_every.steps(*steps, per_epoch),
                        evaluate: evaluations(training.evaluate, *steps, per_epoch),
                    };
                    trial.key = key(&trial, facts);
                    trials.push(trial);
                }
            }
        }
    }
    Ok(Plan { info: info(spec, text, facts), trials })
}

/// After how many updates to evaluate: at each multiple of the interval, and always at the end.
fn evaluations(interval: Interval, steps: u64, per_epoch: u64) -> Vec<u64> {
    let every = interval.steps(steps, per_epoch);
    (every..steps).step_by(usize::try_from(every).unwrap_or(usize::MAX)).chain([steps]).collect()
}

/// Every combination of the swept parameters, in the spec's order.
fn settings(spec: &Spec) -> Vec<BTreeMap<String, f64>> {
    let parameters = &spec.parameters;
    let axes = [
        ("learning_rate", Some(&parameters.learning_rate)),
        ("weight_decay", parameters.weight_decay.as_ref()),
        ("momentum", parameters.momentum.as_ref()),
    ];
    axes.into_iter().fold(vec![BTreeMap::new()], |all, (name, values)| match values {
        None => all,
        Some(values) => all
            .iter()
            .flat_map(|settings| {
                values.iter().map(|value| {
                    let mut settings = settings.clone();
                    settings.insert(name.to_owned(), *value);
                    settings
                })
            })
            .collect(),
    })
}

fn job(spec: &Spec, settings: &BTreeMap<String, f64>, threads: u32) -> Job {
    let mut job = base_job(spec, threads);
    let Optimizer::Sgd(sgd) = &mut job.optimizer;
    if let Some(weight_decay) = settings.get("weight_decay") {
        sgd.weight_decay = *weight_decay;
    }
    if let Some(momentum) = settings.get("momentum") {
        sgd.momentum = *momentum;
    }
    job
}

/// Results are judged on the test set, settings chosen on the validation set; what is missing falls back on
/// the other, and on the training loss without either.
fn info(spec: &Spec, text: &str, facts: &Facts) -> SweepInfo {
    let name = spec.metric.name;
    let (validation, test) = (facts.validation_samples > 0, facts.test_samples > 0);
    let metric = match (test, validation) {
        (true, _) => format!("test/{name}"),
        (false, true) => format!("validation/{name}"),
        (false, false) => "train/loss".to_owned(),
    };
    let maximize = spec.metric.goal == Goal::Maximize && metric != "train/loss";
    SweepInfo {
        name: spec.name.clone(),
        description: spec.description.clone(),
        spec: text.to_owned(),
        metric,
        selection_metric: validation.then(|| format!("validation/{name}")),
        maximize,
    }
}
