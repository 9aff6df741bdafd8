//! A trial's key: the hash of everything that decides its result, and of nothing else.

use serde_json::json;
use sweep_wire::{Facts, Validation};

use super::PlannedTrial;

/// BLAKE3, in hexadecimal, over the canonical JSON of what decides the result and over the rate table. Paths
/// are not in it, contents are; nor are names, the spec's text or the order of trials.
#[must_use]
pub fn key(trial: &PlannedTrial, facts: &Facts) -> String {
    let job = &trial.job;
    let split = match &job.data.validation {
        None => json!(null),
        Some(Validation::Share(share)) => json!({"share": share, "split_seed": job.data.split_seed}),
        Some(Validation::Images(_)) => json!("files"),
    };
    let decisive = json!({
        "numerics": facts.numerics,
        "runtime": facts.runtime,
        "device": {"kind": "cpu", "features": facts.cpu, "threads": job.threads, "precision": "float32"},
        "model": {"content": facts.contents.model, "loss": job.model.loss, "init": job.model.init},
        "data": {
            "content": facts.contents.data,
            "test": job.data.test.is_some(),
            "validation": split,
            "normalize": job.data.normalize,
            "augment": job.data.augment,
            "shuffle": job.data.shuffle,
        },
        "optimizer": job.optimizer,
        "batch_size": job.batch_size,
        "seed": trial.seed,
        "log_every": trial.log_every,
        "evaluate": trial.evaluate,
    });
    let mut hasher = blake3::Hasher::new();
    // serde_json's maps are sorted by key, so equal values have equal text.
    let text = decisive.to_string();
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
    for rate in trial.table.iter() {
        hasher.update(&rate.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
