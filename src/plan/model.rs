//! Trials that train a model.

use std::collections::BTreeMap;

use sweep_wire::{Best, Device, Every, Facts, Job, Loss, Optimizer};

use super::{Keeping, PlanError, SweepInfo};
use crate::spec::{Checkpoints, Interval, Metric, ModelWork, Spec};

/// The most bytes of weights that a sweep keeps unless it is told to.
pub const MAX_WEIGHTS: u64 = 4 << 30;

/// The job that every trial of a model shares, before swept parameters change it.
#[must_use]
pub fn base_job(work: &ModelWork, threads: u32, device: Device) -> Job {
    Job {
        model: work.model.clone(),
        data: work.data.clone(),
        batch_size: work.updates.batch_size,
        accumulate: work.updates.accumulate,
        optimizer: work.updates.optimizer,
        no_decay: work.updates.no_decay.clone(),
        clip_norm: work.updates.clip_norm,
        ema: work.updates.ema,
        threads,
        kernels: work.updates.kernels,
        device,
    }
}

pub(super) fn job(
    work: &ModelWork,
    settings: &BTreeMap<String, f64>,
    (threads, device): (u32, Device),
) -> Job {
    let mut job = base_job(work, threads, device);
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

pub(super) fn steps_per_epoch(work: &ModelWork, facts: &Facts) -> Result<u64, PlanError> {
    let needed = work.updates.samples_per_step();
    match facts.train_samples / needed {
        0 => Err(PlanError::TooFewSamples { needed, samples: facts.train_samples }),
        steps => Ok(steps),
    }
}

/// Every how many of a trial's steps the loss is kept, and after which of them is evaluated.
pub(super) fn looks(work: &ModelWork, steps: u64, per_epoch: u64) -> (u64, Vec<u64>) {
    let updates = &work.updates;
    (updates.log_every.steps(steps, per_epoch), evaluations(updates.evaluate, steps, per_epoch))
}

/// After how many updates to evaluate: at each multiple of the interval, and always at the end.
fn evaluations(interval: Interval, steps: u64, per_epoch: u64) -> Vec<u64> {
    let every = interval.steps(steps, per_epoch);
    (every..steps).step_by(usize::try_from(every).unwrap_or(usize::MAX)).chain([steps]).collect()
}

/// Whether the weights of this many trials are kept.
pub(super) fn keeps_weights(spec: &Spec, facts: &Facts, trials: usize) -> bool {
    let few = || weights_bytes(facts, trials) <= MAX_WEIGHTS;
    spec.program().is_none() && spec.checkpoint.weights.unwrap_or_else(few)
}

/// What a trial of so many steps leaves on disk.
pub(super) fn keeping(spec: &Spec, info: &SweepInfo, steps: u64, per_epoch: u64, weights: bool) -> Keeping {
    let best = info.selection_metric.clone().map(|metric| Best { metric, maximize: info.maximize });
    Keeping { every: every(spec.checkpoint.every, steps, per_epoch), weights, best }
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

/// The metric that the spec names, or the one that goes with the loss and with what the model puts out: a kind
/// of accuracy for classes, the loss for the rest.
fn metric(work: &ModelWork, facts: &Facts) -> Result<Metric, PlanError> {
    let measured = |metric: &Metric| facts.metrics.iter().any(|name| name == metric.name());
    if let Some(metric) = work.metric {
        let error = || PlanError::NoSuchMetric { metric, measured: facts.metrics.clone() };
        return measured(&metric).then_some(metric).ok_or_else(error);
    }
    Ok(match work.model.loss {
        Loss::CrossEntropy(_) | Loss::BceWithLogits(_) => {
            [Metric::Accuracy, Metric::PixelAccuracy].into_iter().find(measured).unwrap_or(Metric::Loss)
        }
        _ => Metric::Loss,
    })
}

/// Results are judged on the test set, settings chosen on the validation set; what is missing falls back on
/// the other, and on the training loss without either.
pub(super) fn info(spec: &Spec, work: &ModelWork, text: &str, facts: &Facts) -> Result<SweepInfo, PlanError> {
    let metric = metric(work, facts)?;
    let (validation, test) = (facts.validation_samples > 0, facts.test_samples > 0);
    let judged = match (test, validation) {
        (true, _) => format!("test/{metric}"),
        (false, true) => format!("validation/{metric}"),
        (false, false) => "train/loss".to_owned(),
    };
    Ok(SweepInfo {
        name: spec.name.clone(),
        description: spec.description.clone(),
        spec: text.to_owned(),
        metric: judged,
        selection_metric: validation.then(|| format!("validation/{metric}")),
        maximize: metric.maximize() && (test || validation),
        facts: Some(facts.clone()),
        price: None,
    })
}
