//! What is minimised and what evaluation counts. `classes`: cross-entropies; `regression`: the rest.

mod classes;
mod regression;

pub(crate) use classes::cross_entropy;

use crate::GraphError;
use crate::graph::{Graph, Value};
use crate::state::Feed;
use crate::tensor::DType;
use sweep_wire::{CrossEntropy, Loss};

/// A loss before it is averaged; each entry has a term per sample, pixel, token or output.
pub(crate) struct Terms {
    /// What each entry adds to the loss, `[batch, …]`, weighted.
    pub(crate) losses: Value,
    /// What each entry weighs, of the extents of `losses`; 1 each if absent.
    pub(crate) weights: Option<Value>,
    /// The gradient of Σ losses with respect to the output.
    pub(crate) slope: Value,
    /// Sums that evaluation reports.
    pub(crate) counts: Vec<Count>,
}

/// Something that is averaged over entries.
pub(crate) struct Count {
    pub(crate) metric: &'static str,
    /// Each entry's value, `[batch, …]`; 0 where it does not count.
    pub(crate) values: Value,
    /// 1 where an entry counts, else 0; all count if absent.
    pub(crate) counted: Option<Value>,
}

/// The target that `loss` compares an output of these extents with.
pub(crate) fn target(loss: &Loss, shape: &[usize], name: &str, batch: usize) -> Result<Feed, GraphError> {
    let wrong = |wanted: &str| Err(GraphError::Loss(format!("{wanted}, but `{name}` is {shape:?}")));
    let (dtype, shape) = match loss {
        _ if shape.first() != Some(&batch) || shape.contains(&0) => {
            return wrong(&format!("the loss needs an output with the batch of {batch} as first extent"));
        }
        Loss::CrossEntropy(_) if shape.len() < 2 => {
            return wrong(&format!("cross-entropy needs one score per class, `[{batch}, classes, …]`"));
        }
        Loss::TokenCrossEntropy(_) if shape.len() != 3 => {
            return wrong(&format!(
                "token cross-entropy needs one score per token, `[{batch}, time, vocabulary]`"
            ));
        }
        Loss::CrossEntropy(_) => (DType::I64, [&shape[..1], &shape[2..]].concat()),
        Loss::TokenCrossEntropy(_) => (DType::I64, shape[..2].to_vec()),
        Loss::Mse | Loss::L1 | Loss::Huber { .. } | Loss::BceWithLogits(_) => (DType::F32, shape.to_vec()),
    };
    Ok(Feed { name: "labels".to_owned(), dtype, shape })
}

/// The target of `loss` where it is a share of each class. Other losses have numbers for targets, which can be blended
/// as they are.
pub(crate) fn soft_target(loss: &Loss, shape: &[usize], hard: Feed) -> Result<Feed, GraphError> {
    match loss {
        Loss::CrossEntropy(options)
            if shape.len() == 2 && options.class_weights.is_empty() && options.ignore_index.is_none() =>
        {
            Ok(Feed { dtype: DType::F32, shape: shape.to_vec(), ..hard })
        }
        Loss::CrossEntropy(_) | Loss::TokenCrossEntropy(_) => Err(GraphError::Loss(
            "blended targets need one label per sample, without class weights or ignored labels".to_owned(),
        )),
        _ => Ok(hard),
    }
}

/// As [`terms`], for a [`soft_target`] of a cross-entropy.
pub(crate) fn soft_terms(graph: &mut Graph, options: &CrossEntropy, output: Value, target: Value) -> Terms {
    classes::soft(graph, options, output, target)
}

/// The number of classes that targets choose from, where they do.
pub(crate) fn classes(loss: &Loss, shape: &[usize]) -> Option<usize> {
    match loss {
        Loss::CrossEntropy(_) => Some(shape[1]),
        Loss::TokenCrossEntropy(_) => Some(shape[2]),
        _ => None,
    }
}

/// The terms of `loss` for an `output` and a `target` as [`target`] describes it.
pub(crate) fn terms(
    graph: &mut Graph,
    loss: &Loss,
    output: Value,
    target: Value,
) -> Result<Terms, GraphError> {
    match loss {
        Loss::CrossEntropy(options) => classes::terms(graph, options, output, target, 1, false),
        Loss::TokenCrossEntropy(options) => classes::terms(graph, options, output, target, 2, true),
        Loss::Mse => Ok(regression::mse(graph, output, target)),
        Loss::L1 => Ok(regression::l1(graph, output, target)),
        Loss::Huber { delta } => Ok(regression::huber(graph, output, target, *delta)),
        Loss::BceWithLogits(options) => regression::bce(graph, options, output, target),
    }
}

/// The mean of the terms over what they weigh, and its gradient with respect to the output.
pub(crate) fn mean(graph: &mut Graph, terms: &Terms) -> (Value, Value) {
    let shape = graph.shape(terms.losses).to_vec();
    let axes: Vec<usize> = (0..shape.len()).collect();
    let total = graph.sum(terms.losses, &axes);
    match terms.weights {
        None => {
            let share = 1.0 / shape.iter().product::<usize>() as f64;
            (graph.scale(total, share), graph.scale(terms.slope, share))
        }
        Some(weights) => {
            let weight = graph.sum(weights, &axes);
            (graph.div(total, weight), graph.div(terms.slope, weight))
        }
    }
}
