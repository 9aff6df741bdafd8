//! Float32 kernels for the steps of training that ONNX Runtime's processor provider lacks or does slowly: plain functions
//! over slices, in the layout of ONNX (batch, channels, height, width). Whoever calls them brings the threads ([`Pool`]).
//! Every result is the same for any number of threads. Nothing here knows ONNX Runtime, graphs or files.

#![expect(
    clippy::needless_range_loop,
    clippy::manual_map,
    reason = "what closures and iterators do not inline is compiled for any processor, not for the one at hand"
)]

mod batch_norm;
mod conv;
mod elementwise;
mod layer_norm;
mod math;
mod pool;
mod shape;
mod softmax;
mod update;

/// Whether this processor has vectors that these kernels are written for: on x86 from AVX2 on. Without them they are slow, and
/// some lose a NaN.
#[must_use]
pub fn are_supported() -> bool {
    !matches!(pulp::Arch::new(), pulp::Arch::Scalar)
}

pub use batch_norm::{Layout, Options, batch_norm, batch_norm_grad};
pub use conv::{Conv, Forward, InputGrad, WeightGrad};
pub use elementwise::{add_relu_grad, gelu, gelu_grad, max_pool_grad, relu_grad};
pub use layer_norm::{layer_norm, layer_norm_grad, sum_rows};
pub use pool::{Alone, Pool};
pub use shape::{Transpose, gather_grad};
pub use softmax::{cross_entropy, softmax, softmax_grad};
pub use update::{Adam, Sgd};
