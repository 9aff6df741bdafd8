//! Spec and facts → trials: budgets × schedules × parameters × seeds, each with its compiled learning-rate
//! table and its key. Enter at [`plan`]. Pure: same spec, facts and threads, same plan.

mod key;
#[cfg(test)]
mod tests;
mod trial;

use std::{collections::BTreeMap, sync::Arc};

use sweep_wire::{Best, Every, Facts, Job, Loss, Optimizer};

use crate::{
    schedule::Shape,
    spec::{Checkpoints, Interval, MAX_STEPS, Metric, Spec},
};

pub use key::key;
pub use trial::{Keeping, PlannedTrial, SweepInfo};

/// The most bytes of weights that a sweep keeps unless it is told to.
pub const MAX_WEIGHTS: u64 = 4 << 30;

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

/// The job that every trial of a spec shares, before swept parameters change it.
#[must_use]
pub fn base_job(spec: &Spec, threads: u32) -> Job {
    Job {
        model: spec.model.clone(),
        data: spec.data.clone(),
        batch_size: spec.training.batch_size,
        accumulate: spec.training.accumulate,
        optimizer: spec.training.optimizer,
        no_decay: spec.training.no_decay.clone(),
        clip_norm: spec.training.clip_norm,
        ema: spec.training.ema,
        threads,
    }
}

/// Makes the plan. One seed of every cell comes before the next seed, so that a first answer is there early;
/// within a seed long trials come first, so that workers end together.
///
/// # Errors
/// See [`PlanError`].
pub fn plan(spec: &Spec, text: &str, facts: &Facts, threads: u32) -> Result<Plan, PlanError> {
    let training = &spec.training;
    let metric = metric(spec, facts)?;
    let needed = training.samples_per_step();
    let per_epoch = facts.train_samples / needed;
    if per_epoch == 0 {
        return Err(PlanError::TooFewSamples { needed, samples: facts.train_samples });
    }
    let mut budgets = Vec::new();
    for budget in &spec.budgets {
        let steps = budget.steps(training.full_budget, per_epoch);
        if steps > MAX_STEPS {
            return Err(PlanError::TooManySteps { budget: budget.to_string(), steps });
        }
        budgets.push((budget.to_string(), steps));
    }
    budgets.sort_by_key(|(_, steps)| std::cmp::Reverse(*steps));
    let settings = settings(spec);
    let jobs: Vec<_> = settings.iter().map(|settings| Arc::new(job(spec, settings, threads))).collect();
    let info = info(spec, text, facts, metric);
    let count = settings.len() * spec.schedules.len() * budgets.len() * spec.seeds as usize;
    let weights = spec.checkpoint.weights.unwrap_or_else(|| weights_bytes(facts, count) <= MAX_WEIGHTS);
    let best = info.selection_metric.clone().map(|metric| Best { metric, maximize: info.maximize });
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
                        keep: Keeping {
                            every: every(spec.checkpoint.every, *steps, per_epoch),
                            weights,
                            best: best.clone(),
                        },
                    };
                    trial.key = key(&trial, facts);
                    trials.push(trial);
                }
            }
        }
    }
    Ok(Plan { info, trials })
}

fn every(checkpoints: Checkpoints, steps: u64, per_epoch: u64) -> Every {
    match checkpoints {
        Checkpoints::Every(interval) => Every::Steps(interval.steps(steps, per_epoch)),
        Checkpoints::Seconds(seconds) => Every::Seconds(seconds),
    }
}

/// What the weights of so many trials take, in bytes: the last ones, and the best ones where they are chosen.
#[must_use]
pub fn weights_bytes(facts: &Facts, trials: usize) -> u64 {
    let sets = if facts.validation_samples > 0 { 2 } else { 1 };
    facts.parameters.saturating_mul(4 * sets).saturating_mul(trials as u64)
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
    let (weight_decay, momentum) = match &mut job.optimizer {
        Optimizer::Sgd(sgd) => (&mut sgd.weight_decay, Some(&mut sgd.momentum)),
        Optimizer::RmsProp(rmsprop) => (&mut rmsprop.weight_decay, Some(&mut rmsprop.momentum)),
        Optimizer::ScheduleFreeSgd(sgd) => (&mut sgd.weight_decay, Some(&mut sgd.momentum)),
        Optimizer::Lion(lion) => (&mut lion.weight_decay, None),
        Optimizer::Adam(adam) | Optimizer::AdamW(adam) | Optimizer::ScheduleFreeAdamW(adam) => {
            (&mut adam.weight_decay, None)
        }
    };
    if let Some(swept) = settings.get("weight_decay") {
        *weight_decay = *swept;
    }
    // A spec that sweeps the momentum of an optimiser without one is refused when it is read.
    if let (Some(momentum), Some(swept)) = (momentum, settings.get("momentum")) {
        *momentum = *swept;
    }
    job
}

/// The metric that the spec names, or the one that goes with the loss and with what the model puts out: a kind
/// of accuracy for classes, the loss for the rest.
fn metric(spec: &Spec, facts: &Facts) -> Result<Metric, PlanError> {
    let measured = |metric: &Metric| facts.metrics.iter().any(|name| name == metric.name());
    if let Some(metric) = spec.metric {
        let error = || PlanError::NoSuchMetric { metric, measured: facts.metrics.clone() };
        return measured(&metric).then_some(metric).ok_or_else(error);
    }
    Ok(match spec.model.loss {
        Loss::CrossEntropy(_) | Loss::BceWithLogits(_) => {
            [Metric::Accuracy, Metric::PixelAccuracy].into_iter().find(measured).unwrap_or(Metric::Loss)
        }
        _ => Metric::Loss,
    })
}

/// Results are judged on the test set, settings chosen on the validation set; what is missing falls back on
/// the other, and on the training loss without either.
fn info(spec: &Spec, text: &str, facts: &Facts, metric: Metric) -> SweepInfo {
    let (validation, test) = (facts.validation_samples > 0, facts.test_samples > 0);
    let judged = match (test, validation) {
        (true, _) => format!("test/{metric}"),
        (false, true) => format!("validation/{metric}"),
        (false, false) => "train/loss".to_owned(),
    };
    SweepInfo {
        name: spec.name.clone(),
        description: spec.description.clone(),
        spec: text.to_owned(),
        metric: judged,
        selection_metric: validation.then(|| format!("validation/{metric}")),
        maximize: metric.maximize() && (test || validation),
        facts: Some(facts.clone()),
    }
}
