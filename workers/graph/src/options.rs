//! The choices that shape a step besides the model itself.

use sweep_wire::{Loss, Optimizer};

/// How a training step is built.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOptions {
    /// Samples per pass; the probe must have run at this size.
    pub batch: usize,
    /// What is minimised.
    pub loss: Loss,
    /// How parameters follow the gradient.
    pub optimizer: Optimizer,
    /// Patterns of parameters without weight decay.
    pub no_decay: Vec<String>,
    /// The largest norm of the gradient over all parameters.
    pub clip_norm: Option<f64>,
    /// Passes whose mean gradient makes one step, at least 1.
    pub accumulate: u32,
    /// Decay of the moving average of the parameters that evaluations see.
    pub ema: Option<f64>,
    /// Targets of the training step are a share of each class, `[batch, classes]`, instead of a class.
    pub soft_targets: bool,
    /// Which operators the graph may end in.
    pub lowering: Lowering,
}

impl StepOptions {
    /// A plain step: no clipping, no accumulation, no average.
    pub fn new(batch: usize, loss: Loss, optimizer: Optimizer) -> StepOptions {
        StepOptions {
            batch,
            loss,
            optimizer,
            no_decay: vec![],
            clip_norm: None,
            accumulate: 1,
            ema: None,
            soft_targets: false,
            lowering: Lowering::Cpu,
        }
    }
}

/// Which operators a graph may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lowering {
    /// The trainer's own kernels where it has them, else as [`Lowering::Cpu`].
    Kernels,
    /// What is fastest on ONNX Runtime's CPU provider, `com.microsoft` operators included.
    Cpu,
    /// Standard operators alone, in forms that every provider computes correctly.
    Portable,
}
