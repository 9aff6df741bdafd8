//! A program of the user's own that trains one trial.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::Attempt;

/// What is run, and how it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The program and its arguments; never empty. A name without a slash is looked up in `PATH`.
    pub command: Vec<String>,
    /// The absolute folder it runs in.
    pub folder: PathBuf,
    /// Variables beside those that the worker has.
    pub environment: BTreeMap<String, String>,
    /// The metric that it must report before it ends, such as `test/accuracy`.
    pub metric: String,
}

/// What a program is told of its trial: the content of the JSON file that `SWEEP_TRIAL` names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialFile {
    /// Of this format: 1.
    pub version: u32,
    pub trial: i64,
    pub attempt: Attempt,
    /// As printed, such as `uba(phi=1)`.
    pub schedule: String,
    /// As printed, such as `50%`.
    pub budget: String,
    /// Steps to train; the rate table has a row for each.
    pub steps: u64,
    pub seed: u64,
    /// The swept parameters, such as `learning_rate`.
    pub parameters: BTreeMap<String, f64>,
}
