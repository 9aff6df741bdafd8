//! Losses of each output on its own, as PyTorch's modules of the same names define them: x is the output, y the target.

use super::{Count, Terms};
use crate::GraphError;
use crate::graph::{Graph, Op, Value};
use crate::tensor::{DType, Tensor};
use sweep_wire::BceWithLogits;

/// `(x − y)²`.
pub(super) fn mse(graph: &mut Graph, output: Value, target: Value) -> Terms {
    let error = graph.sub(output, target);
    let losses = graph.mul(error, error);
    let slope = graph.scale(error, 2.0);
    Terms { losses, weights: None, slope, counts: absolute(graph, error) }
}

/// `|x − y|`.
pub(super) fn l1(graph: &mut Graph, output: Value, target: Value) -> Terms {
    let error = graph.sub(output, target);
    let losses = graph.unary("Abs", error);
    let slope = graph.unary("Sign", error);
    Terms { losses, weights: None, slope, counts: absolute(graph, error) }
}

/// `½(x − y)²` up to a difference of δ, `δ(|x − y| − ½δ)` beyond. With c the difference clipped to ±δ both are
/// `c·(x − y − ½c)`.
pub(super) fn huber(graph: &mut Graph, output: Value, target: Value, delta: f64) -> Terms {
    let error = graph.sub(output, target);
    let shape = graph.shape(error).to_vec();
    let (low, high) = (graph.scalar(-delta), graph.scalar(delta));
    let slope = graph.op(Op::new("Clip"), &[error, low, high], &shape);
    let half = graph.scale(slope, 0.5);
    let rest = graph.sub(error, half);
    let losses = graph.mul(slope, rest);
    Terms { losses, weights: None, slope, counts: absolute(graph, error) }
}

/// `(1 − y)·x + w·log(1 + exp(−x))` with `w = 1 + (pos_weight − 1)·y`, through Softplus, which does not overflow; an
/// output counts as right where it is on its target's side of one half.
pub(super) fn bce(
    graph: &mut Graph,
    options: &BceWithLogits,
    output: Value,
    target: Value,
) -> Result<Terms, GraphError> {
    let negative = graph.unary("Neg", output);
    let mut missed = graph.unary("Softplus", negative);
    // The slope of Softplus(−x), and the probability of a negative.
    let mut share = graph.unary("Sigmoid", negative);
    if !options.pos_weight.is_empty() {
        let (last, given) = (graph.shape(output).last().copied().unwrap_or(1), options.pos_weight.len());
        if given != last {
            let message =
                format!("there are {given} values of `pos_weight`, but the output has {last} columns");
            return Err(GraphError::Loss(message));
        }
        let more = options.pos_weight.iter().map(|weight| weight - 1.0).collect();
        let more = graph.constant(Tensor::f32(&[given], more));
        let (one, more) = (graph.scalar(1.0), graph.mul(target, more));
        let weight = graph.add(more, one);
        (missed, share) = (graph.mul(missed, weight), graph.mul(share, weight));
    }
    let one = graph.scalar(1.0);
    let rest = graph.sub(one, target);
    let product = graph.mul(rest, output);
    let losses = graph.add(product, missed);
    let slope = graph.sub(rest, share);
    let (zero, half) = (graph.scalar(0.0), graph.scalar(0.5));
    let guess = graph.compare("Greater", output, zero);
    let truth = graph.compare("Greater", target, half);
    let equal = graph.compare("Equal", guess, truth);
    let values = graph.cast(equal, DType::F32);
    let counts = vec![Count { metric: "accuracy", values, counted: None }];
    Ok(Terms { losses, weights: None, slope, counts })
}

fn absolute(graph: &mut Graph, error: Value) -> Vec<Count> {
    vec![Count { metric: "mae", values: graph.unary("Abs", error), counted: None }]
}
