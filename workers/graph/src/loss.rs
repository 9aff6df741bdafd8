//! Losses and what evaluation counts.

use crate::GraphError;
use crate::graph::{Attr, Graph, Op, Value};
use crate::tensor::{DType, Tensor};

/// The parts of a cross-entropy.
pub(crate) struct CrossEntropy {
    /// Loss of each sample, `[N]`.
    pub(crate) samples: Value,
    /// `log softmax`, `[N, C]`.
    log: Value,
    /// 1 at each sample's label, `[N, C]`.
    hot: Value,
}

/// Softmax cross-entropy of `logits` against int64 `labels` `[N]`, through LogSoftmax, which subtracts the maximum.
pub(crate) fn cross_entropy(graph: &mut Graph, logits: Value, labels: Value) -> CrossEntropy {
    let shape = graph.shape(logits).to_vec();
    let log = graph.op(Op::new("LogSoftmax").with("axis", Attr::Int(-1)), &[logits], &shape);
    let depth = graph.constant(Tensor::i64s(vec![shape[1] as i64]));
    let values = graph.constant(Tensor::f32(&[2], vec![0.0, 1.0]));
    let hot = Op::new("OneHot").with("axis", Attr::Int(-1));
    let hot = graph.typed(hot, &[labels, depth, values], DType::F32, &shape);
    let picked = graph.mul(log, hot);
    let likelihood = graph.sum(picked, &[1]);
    CrossEntropy { samples: graph.unary("Neg", likelihood), log, hot }
}

/// The gradient of the mean cross-entropy with respect to the logits: `(softmax − onehot) / N`.
pub(crate) fn cross_entropy_grad(graph: &mut Graph, parts: &CrossEntropy) -> Value {
    let samples = graph.shape(parts.hot)[0];
    let probability = graph.unary("Exp", parts.log);
    let error = graph.sub(probability, parts.hot);
    graph.scale(error, 1.0 / samples as f64)
}

/// The number of classes of an output that fits the loss: `[batch, C]`.
pub(crate) fn classes(shape: &[usize], name: &str, batch: usize) -> Result<usize, GraphError> {
    match shape {
        [rows, classes] if *rows == batch && *classes > 0 => Ok(*classes),
        _ => Err(GraphError::Loss(format!(
            "cross-entropy needs an output of one score per class, `[{batch}, classes]`, but `{name}` is {shape:?}"
        ))),
    }
}
