//! A trial's key: the hash of everything that decides its result, and of nothing else.

use serde_json::{Value, json};
use sweep_wire::{
    Columns, CrossEntropy, Device, Facts, Inputs, Job, Loss, Names, Optimizer, Program, Source, Validation,
};

use super::{PlannedTrial, Task, program::spelled};
use crate::spec;

/// What decides results and is no part of a trial.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) facts: &'a Facts,
    /// Where programs run; of models the job says it.
    pub(super) device: spec::Device,
    /// What stands for files that nobody lists.
    pub(super) nonce: Option<&'a str>,
}

/// BLAKE3, in hexadecimal, over the canonical JSON of what decides the result and over the rate table. Paths
/// of a model and its data are not in it, contents are; nor are names, the spec's text or the order of trials.
pub(super) fn key(trial: &PlannedTrial, beside: Beside<'_>) -> String {
    let decisive = match &*trial.task {
        Task::Train(job) => train(trial, job, beside.facts),
        Task::Program(program) => run(trial, program, beside),
    };
    let mut hasher = blake3::Hasher::new();
    // serde_json's maps are sorted by key, so equal values have equal text.
    let text = decisive.to_string();
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
    trial.table.hash_into(&mut hasher);
    hasher.finalize().to_hex().to_string()
}

/// Of a program: what it is run with and told. What its files hold is known if the spec lists them, and the nonce
/// stands for them otherwise.
fn run(trial: &PlannedTrial, program: &Program, beside: Beside<'_>) -> Value {
    let inputs = &beside.facts.contents.data;
    json!({
        "program": {
            "command": spelled(program),
            "environment": program.environment,
            "metric": program.metric,
        },
        "inputs": if inputs.is_empty() { json!({"nonce": beside.nonce}) } else { json!(inputs) },
        "cuda": beside.device == spec::Device::Cuda,
        "parameters": trial.settings,
        "seed": trial.seed,
        "steps": trial.steps,
    })
}

/// BLAKE3, in hexadecimal, over all that decides what is measured of a job before it is planned: how steep its loss is,
/// and how fast so many workers of it are.
#[must_use]
pub fn measured_key(job: &Job, facts: &Facts, workers: u32) -> String {
    let mut decisive = of_job(job, facts);
    decisive["workers"] = json!(workers);
    blake3::hash(decisive.to_string().as_bytes()).to_hex().to_string()
}

fn train(trial: &PlannedTrial, job: &Job, facts: &Facts) -> Value {
    let mut decisive = of_job(job, facts);
    decisive["seed"] = json!(trial.seed);
    decisive["log_every"] = json!(trial.log_every);
    decisive["evaluate"] = json!(trial.evaluate);
    decisive
}

/// What decides the results of all of a job's trials.
fn of_job(job: &Job, facts: &Facts) -> Value {
    let split = match &job.data.validation {
        None => json!(null),
        Some(Validation::Share(share)) => json!({"share": share, "split_seed": job.data.split_seed}),
        Some(Validation::Files(_)) => json!("files"),
    };
    let mut decisive = json!({
        "numerics": facts.numerics,
        "runtime": facts.runtime,
        "device": device(job, facts),
        "model": {"content": facts.contents.model, "loss": loss(job), "init": job.model.init},
        "data": {
            "content": facts.contents.data,
            "test": job.data.test.is_some(),
            "validation": split,
            "normalize": job.data.normalize,
            "augment": job.data.augment,
            "shuffle": job.data.shuffle,
        },
        "optimizer": optimizer(job),
        "batch_size": job.batch_size,
    });
    decisive.as_object_mut().expect("it was made as an object").extend(options(job));
    decisive
}

fn device(job: &Job, facts: &Facts) -> Value {
    let threads = job.threads;
    match job.device {
        Device::Cpu => {
            json!({"kind": "cpu", "features": facts.cpu, "threads": threads, "precision": "float32"})
        }
        // Some operators run on the processor.
        Device::Cuda(precision) => json!({"kind": "cuda", "threads": threads, "precision": precision}),
    }
}

/// Options that most specs leave alone, each only where it is used: what a spec without it was trained to before
/// there was such an option still holds.
fn options(job: &Job) -> impl Iterator<Item = (String, Value)> {
    let model = &job.model;
    let all = [
        ("output", json!(model.output)),
        ("trainable", patterns(&model.trainable)),
        ("frozen", patterns(&model.frozen)),
        ("no_decay", patterns(&job.no_decay)),
        ("accumulate", json!((job.accumulate > 1).then_some(job.accumulate))),
        ("clip_norm", json!(job.clip_norm)),
        ("ema", json!(job.ema)),
        ("kernels", json!((!job.kernels.is_own()).then_some(job.kernels))),
        ("inputs", inputs(job)),
        ("label_noise", json!(job.data.label_noise)),
        ("drift", json!(job.data.drift)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value))
}

/// Patterns, whose order decides nothing.
fn patterns(patterns: &[String]) -> Value {
    let sorted: std::collections::BTreeSet<_> = patterns.iter().collect();
    if sorted.is_empty() { Value::Null } else { json!(sorted) }
}

fn loss(job: &Job) -> Value {
    match &job.model.loss {
        Loss::CrossEntropy(options) if *options == CrossEntropy::default() => json!("cross_entropy"),
        loss => json!(loss),
    }
}

fn optimizer(job: &Job) -> Value {
    let mut value = json!(job.optimizer);
    if let Optimizer::Sgd(sgd) = job.optimizer
        && sgd.dampening == 0.0
        && let Some(sgd) = value["sgd"].as_object_mut()
    {
        sgd.remove("dampening");
    }
    value
}

/// Which array is which input, in the training, validation and test sets; null where there is one without a name.
fn inputs(job: &Job) -> Value {
    let validation = match &job.data.validation {
        Some(Validation::Files(source)) => Some(source),
        Some(Validation::Share(_)) | None => None,
    };
    let names = |source: Option<&Source>| match source {
        Some(Source::Arrays(arrays)) => match &arrays.inputs {
            Inputs::One(_) => json!([]),
            Inputs::Named(paths) => json!(paths.keys().collect::<Vec<_>>()),
        },
        Some(Source::Npz(npz)) => match &npz.inputs {
            Names::One(_) => json!([]),
            Names::Named(names) => json!(names.keys().collect::<Vec<_>>()),
        },
        Some(Source::Parquet(parquet)) => match &parquet.inputs {
            Columns::One(_) => json!([]),
            Columns::Named(names) => json!(names.keys().collect::<Vec<_>>()),
        },
        _ => Value::Null,
    };
    let sets = [Some(&job.data.train), validation, job.data.test.as_ref()].map(names);
    if sets.iter().all(Value::is_null) { Value::Null } else { json!(sets) }
}
