//! A program of the user's own that trains one trial.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use crate::Attempt;

/// In a trial's folder: what its program keeps, and what the program is told. Both are the worker's to make and the
/// scheduler's to delete, once the trial has a result that cannot be lost.
pub const PROGRAM_FOLDER: &str = "program";
pub const TRIAL_FILE: &str = "trial.json";

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
    /// The swept parameters, such as `learning_rate`; 64 is written as such, not as 64.0.
    #[serde(serialize_with = "written")]
    pub parameters: BTreeMap<String, f64>,
    /// The steps of its checkpoints that the sweep has taken note of, ascending: all that was reported before them is
    /// kept.
    pub checkpoints: Vec<u64>,
}

/// A number as people write it: without a fraction where it has none, since 64 and 64.0 are two things for programs that
/// count with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    Whole(i64),
    Real(f64),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        match value {
            // Negative zero has a sign that a whole number has not; larger ones are not exact.
            _ if value == 0.0 && value.is_sign_negative() => Self::Real(value),
            _ if value.fract() == 0.0 && value.abs() < 2f64.powi(53) => Self::Whole(value as i64),
            _ => Self::Real(value),
        }
    }
}

fn written<S: Serializer>(parameters: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(parameters.iter().map(|(name, value)| (name, Number::from(*value))))
}
