//! Softmax cross-entropy (`torch.nn.CrossEntropyLoss`), through LogSoftmax, which subtracts the maximum.
//!
//! With smoothing ε, class weights w and C classes, an entry of class y adds `−Σ_c q_c·log softmax_c`, where
//! `q_c = w_c·((1 − ε)·[c = y] + ε / C)`, and weighs w_y; an entry to be ignored adds and weighs nothing.

use super::{Count, Terms};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op, Value};
use crate::tensor::{DType, Tensor};
use sweep_wire::CrossEntropy;

/// A metric of the five best guesses needs more classes than that.
const TOP: usize = 5;

/// The terms for logits with their classes along `axis` against int64 class indices without that axis.
pub(super) fn terms(
    graph: &mut Graph,
    options: &CrossEntropy,
    logits: Value,
    labels: Value,
    axis: usize,
    tokens: bool,
) -> Result<Terms, GraphError> {
    let shape = graph.shape(logits).to_vec();
    let classes = shape[axis];
    let (labels, counted) = counted(graph, options, labels);
    let hot = hot(graph, labels, axis, &shape);
    if options.label_smoothing == 0.0 && options.class_weights.is_empty() && axis + 1 == shape.len() {
        return Ok(plain(graph, (logits, labels, hot, counted), &shape, tokens));
    }
    let log = graph.op(Op::new("LogSoftmax").with("axis", Attr::Int(axis as i64)), &[logits], &shape);
    let mut spread = hot;
    if options.label_smoothing != 0.0 {
        let kept = graph.scale(hot, 1.0 - options.label_smoothing);
        let share = graph.scalar(options.label_smoothing / classes as f64);
        spread = graph.add(kept, share);
    }
    let mut weights = counted;
    if !options.class_weights.is_empty() {
        if options.class_weights.len() != classes {
            return Err(GraphError::Loss(format!(
                "there are {} class weights, but the model has {classes} classes",
                options.class_weights.len()
            )));
        }
        let mut along = vec![1; shape.len()];
        along[axis] = classes;
        let weight = graph.constant(Tensor::f32(&along, options.class_weights.clone()));
        let chosen = graph.mul(hot, weight);
        let chosen = graph.sum(chosen, &[axis]);
        weights = Some(counted.map_or(chosen, |counted| graph.mul(chosen, counted)));
        spread = graph.mul(spread, weight);
    }
    let keep = [&shape[..axis], &[1], &shape[axis + 1..]].concat();
    if let Some(counted) = counted {
        let counted = graph.reshape(counted, &keep);
        spread = graph.mul(spread, counted);
    }
    let picked = graph.mul(log, spread);
    let likelihood = graph.sum(picked, &[axis]);
    let losses = graph.unary("Neg", likelihood);
    let mut probability = graph.unary("Exp", log);
    if weights.is_some() || options.label_smoothing != 0.0 {
        let mass = graph.reduce("ReduceSum", spread, &[axis], true);
        probability = graph.mul(probability, mass);
    }
    let slope = graph.sub(probability, spread);

    let counts = counts(graph, (logits, labels, hot, counted), axis, tokens);
    Ok(Terms { losses, weights, slope, counts })
}

/// The terms of classes along the last axis, all alike: one composite.
fn plain(
    graph: &mut Graph,
    (logits, labels, hot, counted): (Value, Value, Value, Option<Value>),
    shape: &[usize],
    tokens: bool,
) -> Terms {
    let axis = shape.len() - 1;
    let counts = counts(graph, (logits, labels, hot, counted), axis, tokens);
    let rows: usize = shape[..axis].iter().product();
    let flat = [rows, shape[axis]];
    let (x, index) = (graph.reshape(logits, &flat), graph.reshape(labels, &[rows]));
    let both = graph.multi(Op::composite("CrossEntropy"), &[x, index], &[&[rows], &flat]);
    let (mut losses, mut slope) = (graph.reshape(both[0], &shape[..axis]), graph.reshape(both[1], shape));
    if let Some(counted) = counted {
        let column = graph.reshape(counted, &[&shape[..axis], &[1]].concat());
        (losses, slope) = (graph.mul(losses, counted), graph.mul(slope, column));
    }
    Terms { losses, weights: counted, slope, counts }
}

/// What the composite `CrossEntropy(x [R, C], classes [R])` → losses `[R]`, slope `[R, C]` stands for.
pub(crate) fn cross_entropy(graph: &mut Graph, x: Value, classes: Value) -> Vec<Value> {
    let shape = graph.shape(x).to_vec();
    let log = graph.op(Op::new("LogSoftmax").with("axis", Attr::Int(1)), &[x], &shape);
    let hot = hot(graph, classes, 1, &shape);
    // Picked, since a product with 0 makes NaN of a class that is hidden by −∞.
    let index = graph.reshape(classes, &[shape[0], 1]);
    let picked = Op::new("GatherElements").with("axis", Attr::Int(1));
    let picked = graph.op(picked, &[log, index], &[shape[0], 1]);
    let likelihood = graph.reshape(picked, &shape[..1]);
    let probability = graph.unary("Exp", log);
    vec![graph.unary("Neg", likelihood), graph.sub(probability, hot)]
}

/// The metrics of classes.
fn counts(
    graph: &mut Graph,
    (logits, labels, hot, counted): (Value, Value, Value, Option<Value>),
    axis: usize,
    tokens: bool,
) -> Vec<Count> {
    let (rank, classes) = (graph.shape(logits).len(), graph.shape(logits)[axis]);
    let ranked = ranked(graph, logits, labels, hot, axis);
    let first = if !tokens && rank > 2 { "pixel_accuracy" } else { "accuracy" };
    let names = [(first, ranked.first), ("top5_accuracy", ranked.five)];
    let counts = names.into_iter().take(if classes > TOP { 2 } else { 1 });
    counts
        .map(|(metric, hits)| {
            let values = counted.map_or(hits, |counted| graph.mul(hits, counted));
            Count { metric, values, counted }
        })
        .collect()
}

/// The terms for logits `[batch, classes]` against a share of each class, as `torch.nn.CrossEntropyLoss` has them for
/// probabilities: shares are smoothed like single classes.
pub(super) fn soft(graph: &mut Graph, options: &CrossEntropy, logits: Value, shares: Value) -> Terms {
    let shape = graph.shape(logits).to_vec();
    let log = graph.op(Op::new("LogSoftmax").with("axis", Attr::Int(1)), &[logits], &shape);
    let mut spread = shares;
    if options.label_smoothing != 0.0 {
        let kept = graph.scale(shares, 1.0 - options.label_smoothing);
        let share = graph.scalar(options.label_smoothing / shape[1] as f64);
        spread = graph.add(kept, share);
    }
    let picked = graph.mul(log, spread);
    let likelihood = graph.sum(picked, &[1]);
    let losses = graph.unary("Neg", likelihood);
    let probability = graph.unary("Exp", log);
    let mass = graph.reduce("ReduceSum", spread, &[1], true);
    let probability = graph.mul(probability, mass);
    let slope = graph.sub(probability, spread);
    Terms { losses, weights: None, slope, counts: vec![] }
}

/// Labels with a valid class in place of what is ignored, and 1 where a label counts; nothing if all do.
fn counted(graph: &mut Graph, options: &CrossEntropy, labels: Value) -> (Value, Option<Value>) {
    let Some(ignored) = options.ignore_index else { return (labels, None) };
    let ignored = graph.constant(Tensor { shape: vec![], ..Tensor::i64s(vec![ignored]) });
    let equal = graph.compare("Equal", labels, ignored);
    let counts = graph.unary("Not", equal);
    let whole = graph.cast(counts, DType::I64);
    (graph.mul(labels, whole), Some(graph.cast(counts, DType::F32)))
}

/// 1 at each label's place along `axis`, else 0.
fn hot(graph: &mut Graph, labels: Value, axis: usize, shape: &[usize]) -> Value {
    let depth = graph.constant(Tensor::i64s(vec![shape[axis] as i64]));
    let values = graph.constant(Tensor::f32(&[2], vec![0.0, 1.0]));
    let op = Op::new("OneHot").with("axis", Attr::Int(axis as i64));
    graph.typed(op, &[labels, depth, values], DType::F32, shape)
}

/// Whether each label is the first largest score, and whether fewer than five are larger; 1 or 0.
struct Ranked {
    first: Value,
    five: Value,
}

fn ranked(graph: &mut Graph, logits: Value, labels: Value, hot: Value, axis: usize) -> Ranked {
    let shape = graph.shape(labels).to_vec();
    let argmax = Op::new("ArgMax").with("axis", Attr::Int(axis as i64)).with("keepdims", Attr::Int(0));
    let guess = graph.typed(argmax, &[logits], DType::I64, &shape);
    let equal = graph.compare("Equal", guess, labels);
    let first = graph.cast(equal, DType::F32);
    let own = graph.mul(logits, hot);
    let own = graph.reduce("ReduceSum", own, &[axis], true);
    let larger = graph.compare("Greater", logits, own);
    let larger = graph.cast(larger, DType::F32);
    let larger = graph.sum(larger, &[axis]);
    let five = graph.scalar(TOP as f64);
    let few = graph.compare("Less", larger, five);
    Ranked { first, five: graph.cast(few, DType::F32) }
}
