//! What the host keeps between steps and gives to them.

use crate::tensor::DType;

/// An input that the host fills for each pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The input's name.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extents, batch included.
    pub shape: Vec<usize>,
}

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
    /// What the optimiser remembers.
    OptimizerBuffer,
}

/// How a fresh start fills a [`State`]. Fans are counted as `torch.nn.init` counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// A weight of a convolution or a matrix product.
    Weight {
        /// Inputs that each output sums over.
        fan_in: usize,
        /// Outputs that each input goes to.
        fan_out: usize,
    },
    /// What is added to such a product.
    Bias {
        /// Of the weight beside it.
        fan_in: usize,
    },
    /// A weight of a recurrent operator, its last axis the input.
    Recurrent {
        /// Extent of the last axis.
        fan_in: usize,
        /// Hidden units.
        hidden: usize,
    },
    /// A bias of a recurrent operator.
    RecurrentBias {
        /// Hidden units.
        hidden: usize,
    },
    /// A table whose rows are looked up.
    Embedding,
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// The value in the file.
    AsExported,
    /// What the state with this index starts with.
    Same(usize),
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
