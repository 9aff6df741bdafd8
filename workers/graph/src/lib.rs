//! From an exported ONNX forward model to a training step and an evaluation pass, both plain ONNX.
//!
//! [`Model::decode`] reads the file; [`Model::probe`] writes a graph that the caller runs once at the real batch size,
//! so that the extents of every value and the content of every constant are known; [`training_step`] and
//! [`evaluation`] then write the two graphs. Everything is a pure function of its arguments: no runtime, no files, no clock.
//!
//! - `onnx`, `codec`: the messages of the file format and their translation. The only rooms that know field numbers.
//! - `model`: the decoded model as (node, slot) values, what trains in it, and the probe graph. Never knows gradients.
//! - `graph`: a graph under construction with a type and extents for every value, and its encoding. Nodes are appended,
//!   never edited.
//! - `forward`: the model into a graph, each operator in its one canonical form. Never emits a gradient.
//! - `grad`: one file of gradient rules per family. Rules speak standard operators and the composites of `lower`; they
//!   never look at provider or opset. `ops`: the index of operators. `backward`: the reverse walk over both.
//! - `window`: the geometry of convolutions and pools, which `forward`, `grad` and `lower` share. `einsum`: the equations of
//!   Einstein sums, which `forward` and `grad` share.
//! - `lower`: composites into the operators that a provider runs best.
//! - `loss`, `optimizer`: the two ends of a step. `names`: patterns over parameters. `state`: what passes from one step to the next. `step`, `evaluation`:
//!   what is put together from all this. `inspect`: what can be said of a model without training it.

mod backward;
mod codec;
mod einsum;
mod error;
mod evaluation;
mod forward;
mod grad;
mod graph;
mod inspect;
mod loss;
mod lower;
mod model;
mod names;
mod onnx;
mod ops;
mod optimizer;
mod options;
mod state;
mod step;
mod tensor;
mod window;

pub use error::GraphError;
pub use evaluation::{EvalGraph, Evaluated, Metric, evaluation, gradients};
pub use inspect::{Gradient, OperatorUse, operators};
pub use model::{Kept, Learnt, Model, Port, ProbeGraph, ProbeOutput, Selection};
pub use optimizer::momentum;
pub use options::{Lowering, StepOptions};
pub use state::{Feed, Fresh, Mask, State, StateKind};
pub use step::{StepGraph, training_step};
pub use tensor::{DType, Probe, Probed, Tensor, TensorData};
