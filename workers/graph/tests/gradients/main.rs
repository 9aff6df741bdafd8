//! Gradient rules against central differences, whole steps against their formulas, and models that must be refused.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as a test does")]

mod attention;
mod check;
mod convolution;
mod einsum;
mod elementwise;
mod functions;
mod indices;
mod kernels;
mod models;
mod norms;
mod odd;
mod onnx;
mod products;
mod recurrent;
mod reductions;
mod resize;
mod runtime;
mod shapes;
mod steps;
mod transposed;
mod weights;
