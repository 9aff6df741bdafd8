//! What the host keeps between steps and gives to them.

/// A tensor that one step hands to the next: input `name`, output `next`, both float32.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Input: the value before the step.
    pub name: String,
    /// Output: the value after it.
    pub next: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// What it is.
    pub kind: StateKind,
    /// The value in the file; zeros for optimiser buffers.
    pub exported: Vec<f32>,
    /// How a fresh start fills it.
    pub fresh: Fresh,
}

/// What a [`State`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    /// Follows the gradient.
    Parameter,
    /// Mean or variance of a batch normalisation.
    RunningStatistic,
    /// Momentum of a parameter.
    OptimizerBuffer,
}

/// How a fresh start fills a [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// Normal with mean 0 and standard deviation `sqrt(2 / fan_in)`.
    Normal {
        /// Inputs that each output sums over.
        fan_in: usize,
    },
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// The value in the file.
    AsExported,
}

/// The mask of one dropout node: a float32 input that holds 0 with probability `ratio`, else `1 / (1 - ratio)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// The input's name.
    pub name: String,
    /// Extents, batch included.
    pub shape: Vec<usize>,
    /// Probability of a zero.
    pub ratio: f32,
}
