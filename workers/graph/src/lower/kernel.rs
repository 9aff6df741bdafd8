//! Which nodes the trainer has kernels for. A kernel takes and gives what the composite or the standard operator does, and
//! knows all extents but the batch from its attributes.

use crate::graph::{Attr, COMPOSITE, Fact, Graph, KERNEL, Node, Op};
use crate::tensor::DType;

/// Composites that become a kernel as they are.
const PLAIN: [&str; 14] = [
    "AdamStep",
    "AddReluGrad",
    "BatchNorm",
    "BatchNormAddRelu",
    "BatchNormGrad",
    "BatchNormRelu",
    "BatchNormReluGrad",
    "CrossEntropy",
    "Gelu",
    "GeluGrad",
    "LayerNorm",
    "LayerNormGrad",
    "ReluGrad",
    "SgdStep",
];

/// The operator with which a kernel computes `node` of `graph`, and how many of its inputs that takes.
pub(super) fn kernel(graph: &Graph, node: &Node<Fact>) -> Option<(Op, usize)> {
    let op = node.op().filter(|op| op.domain == COMPOSITE || op.domain.is_empty())?;
    let fact = &node.outputs[0];
    let inputs = node.inputs.iter().flatten().map(|value| &graph.fact(*value).shape);
    if fact.dtype != DType::F32 || inputs.chain([&fact.shape]).any(|shape| shape.contains(&0)) {
        return None;
    }
    let own = Op { domain: KERNEL.to_owned(), ..op.clone() };
    let kernel =
        if op.domain == COMPOSITE { composite(graph, node, own) } else { standard(graph, node, own) };
    // Only a sum knows one of its inputs, the axes, beforehand.
    kernel.map(|kernel| (kernel, if op.kind == "ReduceSum" { 1 } else { node.inputs.len() }))
}

fn composite(graph: &Graph, node: &Node<Fact>, own: Op) -> Option<Op> {
    let shape = |slot: usize| node.input(slot).map_or(&[] as &[usize], |value| graph.shape(value));
    let extents = node.outputs[0].shape.as_slice();
    match own.kind.as_str() {
        // With decoupled decay it takes one input more.
        "AdamStep" if node.inputs.len() > 7 => Some(named(own, "AdamDecayStep")),
        kind if PLAIN.contains(&kind) => Some(own),
        "ConvInputGrad" => conv(own, shape(0), extents, shape(1)),
        "ConvWeightGrad" => conv(own, extents, shape(0), shape(1)),
        "GatherGrad" if extents[0] == 1 => Some(own.ints("extents", extents)),
        "MaxPoolGrad" => Some(own.ints("extents", extents)),
        "SoftmaxGrad" if own.int("axis", -1) + 1 == extents.len() as i64 => Some(own),
        _ => None,
    }
}

fn standard(graph: &Graph, node: &Node<Fact>, own: Op) -> Option<Op> {
    let shape = |slot: usize| node.input(slot).map_or(&[] as &[usize], |value| graph.shape(value));
    let extents = node.outputs[0].shape.as_slice();
    match own.kind.as_str() {
        "Conv" => {
            let kind = if node.inputs.len() > 2 { "ConvBias" } else { "Conv" };
            conv(named(own, kind), shape(1), shape(0), extents)
        }
        "Gelu" if own.text("approximate") != Some("tanh") => Some(own),
        "Softmax" if [-1, extents.len() as i64 - 1].contains(&own.int("axis", -1)) => Some(own),
        "Transpose" if extents.len() <= 8 => Some(own.ints("extents", shape(0))),
        "ReduceSum" => {
            let axes = graph.content(node.input(1)?)?.to_i64()?;
            let first = axes.iter().enumerate().all(|(place, &axis)| axis == place as i64);
            let some = !axes.is_empty() && axes.len() < shape(0).len();
            // Where it is no sum over rows, or one over a few long ones, the runtime's is as good.
            let many = shape(0).iter().take(axes.len()).product::<usize>() >= 16;
            (first && some && many).then(|| named(own, "SumRows").ints("extents", extents))
        }
        _ => None,
    }
}

fn named(op: Op, kind: &str) -> Op {
    Op { kind: kind.to_owned(), ..op }
}

/// A convolution of images `[N, C, H, W]`; others stay what they are.
fn conv(op: Op, weight: &[usize], input: &[usize], output: &[usize]) -> Option<Op> {
    let (&[outer, inner, _, _], &[_, _, height, width], &[_, _, rows, columns]) = (weight, input, output)
    else {
        return None;
    };
    let group = op.int("group", 1).max(1) as usize;
    Some(
        op.with("inner", Attr::Int(inner as i64))
            .with("outer", Attr::Int((outer / group) as i64))
            .ints("input", &[height, width])
            .ints("output", &[rows, columns]),
    )
}
