//! What is to be trained. A [`Job`] is what a warm worker keeps between trials (model, data, graph);
//! a [`Run`] is what differs from trial to trial.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Data, TablePath};

/// A model, its data and how a step is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub model: Model,
    pub data: Data,
    /// Samples per pass through the model, and per evaluation batch.
    pub batch_size: u64,
    /// Passes whose mean gradient makes one step, at least 1.
    pub accumulate: u32,
    pub optimizer: Optimizer,
    /// Patterns of parameters that weight decay leaves alone; `*` stands for any characters, `?` for one.
    pub no_decay: Vec<String>,
    /// The gradient is scaled down where its norm over all parameters is larger, as `torch.nn.utils.clip_grad_norm_` does.
    pub clip_norm: Option<f64>,
    /// Evaluations see an exponential moving average of the parameters with this decay.
    pub ema: Option<f64>,
    /// Threads ONNX Runtime may use inside one operator.
    pub threads: u32,
    /// What trains.
    #[serde(default, skip_serializing_if = "Device::is_cpu")]
    pub device: Device,
    #[serde(default, skip_serializing_if = "Kernels::is_own")]
    pub kernels: Kernels,
}

/// What trains, and how precisely its products and convolutions multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    #[default]
    Cpu,
    /// The first GPU that CUDA shows.
    Cuda(Precision),
}

impl Device {
    #[must_use]
    pub fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }
}

/// How products and convolutions of float32 tensors multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// As numbers of 32 bits, 23 of them mantissa.
    #[default]
    Float32,
    /// With factors rounded to TensorFloat-32, 10 bits of mantissa; sums stay float32.
    Tf32,
}

/// What a training step on a processor is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernels {
    /// This project's own kernels where there are any.
    #[default]
    Own,
    /// ONNX Runtime's operators alone.
    Standard,
}

impl Kernels {
    #[must_use]
    pub fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// One trial of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Decides initial weights, data order, augmentation and dropout, and nothing else does.
    pub seed: u64,
    pub steps: u64,
    /// Learning rates, one per step, and momenta where the schedule moves them.
    pub table: TablePath,
    /// Every how many steps the training loss is kept; the first and the last step always are.
    pub log_every: u64,
    /// After how many updates to evaluate, ascending, the last one being `steps`.
    pub evaluate: Vec<u64>,
    /// What is kept on disk; nothing if absent.
    pub keep: Option<Keep>,
}

/// What a trial keeps on disk, all of it in one folder: `STEP.safetensors` goes on from there; the trained weights are
/// `last.safetensors` and `best.safetensors`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The trial's own folder, made when the first file is.
    pub folder: PathBuf,
    /// The trial's key: a checkpoint of another is refused.
    pub key: String,
    pub every: Every,
    /// Steps of the checkpoints to go on from: the last undamaged one is taken, else training begins anew.
    pub resume: Vec<u64>,
    /// Whether a finished trial leaves its weights.
    pub weights: bool,
    /// Which evaluation's weights are the best; only the last ones are kept without.
    pub best: Option<Best>,
}

/// When checkpoints are written, beside the one that is written when a trial is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// After each multiple of so many steps, at least 1.
    Steps(u64),
    /// After the first step that ends so long after the last checkpoint.
    Seconds(f64),
}

/// A metric, such as `validation/accuracy`, and whether more of it is better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    pub metric: String,
    pub maximize: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub onnx: PathBuf,
    /// The output that the loss is of; the model's only one unless named.
    pub output: Option<String>,
    pub loss: Loss,
    pub init: Init,
    /// Patterns of initialisers that train whatever they look like.
    pub trainable: Vec<String>,
    /// Patterns of initialisers that keep the file's values; stronger than `trainable`.
    pub frozen: Vec<String>,
}

/// What is minimised; always the mean over the batch, as in PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax cross-entropy of logits N×C(×…) against class indices N(×…): one label per sample, or per pixel.
    CrossEntropy(CrossEntropy),
    /// Softmax cross-entropy of logits N×T×V against token indices N×T.
    TokenCrossEntropy(CrossEntropy),
    /// Mean squared error.
    Mse,
    /// Mean absolute error.
    L1,
    /// Squared up to `delta`, absolute beyond, as `torch.nn.HuberLoss`.
    Huber { delta: f64 },
    /// Binary cross-entropy of logits against targets in 0…1, each output on its own.
    BceWithLogits(BceWithLogits),
}

/// As in `torch.nn.BCEWithLogitsLoss`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BceWithLogits {
    /// What a positive target weighs, one number for each element of the output's last axis; empty for 1.
    pub pos_weight: Vec<f32>,
}

/// As in `torch.nn.CrossEntropyLoss`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossEntropy {
    /// Share of each target that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// Targets with this index count nothing; −100 if absent.
    pub ignore_index: Option<i64>,
    /// One weight per class; empty for equal weights.
    pub class_weights: Vec<f32>,
}

/// Where a trial's first weights come from. Weights are those of `Conv`, `ConvTranspose`, `Gemm`, `MatMul`, `LSTM`, `GRU`
/// and `RNN`; with all but `Exported`, biases start at 0, normalisation scales at 1 and embeddings from N(0, 1), and other
/// parameters keep the file's values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// N(0, 2 / fan_in).
    KaimingNormal,
    /// Uniform within ±√(6 / fan_in).
    KaimingUniform,
    /// N(0, 2 / (fan_in + fan_out)).
    XavierNormal,
    /// Uniform within ±√(6 / (fan_in + fan_out)).
    XavierUniform,
    /// N(0, std²) cut off at two deviations, embeddings too.
    TruncatedNormal { std: f64 },
    /// What PyTorch's modules do by themselves: weights and biases uniform within ±1/√fan_in, of recurrent ones within
    /// ±1/√hidden.
    Pytorch,
    /// The weights in the file, the same for every seed.
    Exported,
}

/// How parameters follow the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// `torch.optim.SGD`.
    Sgd(Sgd),
    /// `torch.optim.Adam`: weight decay is added to the gradient.
    Adam(Adam),
    /// `torch.optim.AdamW`: weight decay shrinks the parameter.
    #[serde(rename = "adamw")]
    AdamW(Adam),
    /// `torch.optim.RMSprop`.
    #[serde(rename = "rmsprop")]
    RmsProp(RmsProp),
    /// Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms").
    Lion(Lion),
    /// Schedule-Free SGD (Defazio et al. 2024, "The Road Less Scheduled").
    ScheduleFreeSgd(ScheduleFreeSgd),
    /// Schedule-Free AdamW.
    #[serde(rename = "schedule_free_adamw")]
    ScheduleFreeAdamW(Adam),
}

/// `g += weight_decay·p; b = momentum·b + (1 − dampening)·g` (the first time `b = g`)`; p -= rate·(nesterov ? g + momentum·b : b)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    pub momentum: f64,
    #[serde(default)]
    pub dampening: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
}

/// Decay rates of the first and second moment, the term that keeps the division finite, and weight decay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmsProp {
    /// Decay rate of the mean square.
    pub alpha: f64,
    pub epsilon: f64,
    pub momentum: f64,
    /// Whether the mean gradient is subtracted.
    pub centered: bool,
    pub weight_decay: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lion {
    pub beta1: f64,
    pub beta2: f64,
    pub weight_decay: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleFreeSgd {
    /// Where between the fast sequence (0) and the average (1) gradients are taken.
    pub momentum: f64,
    pub weight_decay: f64,
}
