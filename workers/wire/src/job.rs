//! What is to be trained. A [`Job`] is what a warm worker keeps between trials (model, data, graph);
//! a [`Run`] is what differs from trial to trial.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::TablePath;

/// A model, its data and how a step is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub model: Model,
    pub data: Data,
    /// Samples per step, and per evaluation batch.
    pub batch_size: u64,
    pub optimizer: Optimizer,
    /// Threads ONNX Runtime may use inside one operator.
    pub threads: u32,
}

/// One trial of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Decides initial weights, data order, augmentation and dropout, and nothing else does.
    pub seed: u64,
    pub steps: u64,
    pub table: TablePath,
    /// Every how many steps the training loss is kept; the first and the last step always are.
    pub log_every: u64,
    /// After how many updates to evaluate, ascending, the last one being `steps`.
    pub evaluate: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub onnx: PathBuf,
    pub loss: Loss,
    pub init: Init,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax cross-entropy of logits N×C against class indices N, mean over the batch.
    CrossEntropy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Weights of `Conv`, `Gemm` and `MatMul` from N(0, 2 / fan_in); biases 0; normalisation scales 1.
    KaimingNormal,
    /// The weights in the file, the same for every seed.
    Exported,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    Sgd(Sgd),
}

/// Stochastic gradient descent as in `torch.optim.SGD`: `g += weight_decay·p; b = momentum·b + g;
/// p -= rate·(nesterov ? g + momentum·b : b)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub train: Images,
    pub validation: Option<Validation>,
    pub test: Option<Images>,
    /// Applied after 8-bit values were divided by 255.
    pub normalize: Option<Normalize>,
    pub augment: Vec<Augment>,
    /// Whether each epoch has an order of its own.
    pub shuffle: bool,
    /// Decides which training samples become the validation set, for all trials alike.
    pub split_seed: u64,
}

/// Images and their class indices, as IDX files, gzipped or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    pub images: PathBuf,
    pub labels: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// This share of the training samples, rounded to the nearest sample.
    Share(f64),
    Images(Images),
}

/// Per channel: `(x − mean) / std`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augment {
    /// Zero-pad (before normalisation: black) by this many pixels on each side, then crop back at a random place.
    RandomCrop { padding: u32 },
    /// Mirror left and right, with probability one half.
    HorizontalFlip,
}
