//! The choices that shape a step besides the model itself.

/// How a training step is built.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOptions {
    /// Samples per step; the probe must have run at this size.
    pub batch: usize,
    /// What is minimised.
    pub loss: Loss,
    /// How parameters follow the gradient.
    pub optimizer: Optimizer,
    /// Which operators the graph may end in.
    pub lowering: Lowering,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Softmax cross-entropy of logits `[N, C]` against int64 class labels `[N]`, averaged over the batch.
    CrossEntropy,
}

/// How parameters follow the gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// `torch.optim.SGD`, dampening 0. With gradient g, parameter p, rate r and buffer b (0 at first):
    /// `g += weight_decay·p; b = momentum·b + g; p -= r·(nesterov ? g + momentum·b : b)`.
    /// With momentum 0 there are no buffers and `p -= r·g`.
    Sgd {
        /// Share of the buffer kept per step, 0 for none.
        momentum: f64,
        /// Whether to look ahead along the buffer.
        nesterov: bool,
        /// Share of each trainable parameter added to its gradient.
        weight_decay: f64,
    },
}

/// Which operators a graph may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lowering {
    /// What is fastest on ONNX Runtime's CPU provider, `com.microsoft` operators included.
    Cpu,
    /// Standard operators alone, in forms that every provider computes correctly.
    Portable,
}
