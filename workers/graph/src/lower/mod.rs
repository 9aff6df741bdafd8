//! Expands composite operators into what a provider has. A composite for which the provider has a kernel of its own
//! would simply be left alone.

mod conv;
mod conv_weight;
mod elementwise;
mod norm;
mod normalize;

use crate::graph::{COMPOSITE, Fact, Graph, Node, Value};
use crate::options::Lowering;
use std::collections::HashMap;

/// Expands one composite: its node, its inputs in the new graph, and the choice of operators; returns its outputs.
type Expansion = fn(&mut Graph, &Node<Fact>, &[Value], Lowering) -> Vec<Value>;

/// Every composite and its expansion.
const COMPOSITES: [(&str, Expansion); 8] = [
    ("BatchNorm", norm::batch_norm),
    ("BatchNormGrad", norm::batch_norm_grad),
    ("ConvInputGrad", conv::input_grad),
    ("ConvWeightGrad", conv_weight::weight_grad),
    ("MatMul", elementwise::matmul),
    ("MaxPoolGrad", elementwise::max_pool_grad),
    ("Normalize", normalize::normalize),
    ("NormalizeGrad", normalize::normalize_grad),
];

/// A copy of `graph` without composites, and where `wanted` went.
pub(crate) fn lower(graph: &Graph, wanted: &[Value], lowering: Lowering) -> (Graph, Vec<Value>) {
    let mut current = copy(graph, wanted, lowering);
    // An expansion may itself use a composite, such as a matrix product.
    while current.0.nodes().iter().any(|node| composite(node).is_some()) {
        current = copy(&current.0, &current.1, lowering);
    }
    current
}

fn composite(node: &Node<Fact>) -> Option<Expansion> {
    let op = node.op().filter(|op| op.domain == COMPOSITE)?;
    let found = COMPOSITES.iter().find(|(kind, _)| *kind == op.kind);
    Some(found.unwrap_or_else(|| unreachable!("composite `{}` has no expansion", op.kind)).1)
}

fn copy(graph: &Graph, wanted: &[Value], lowering: Lowering) -> (Graph, Vec<Value>) {
    let mut new = Graph::default();
    let mut moved: HashMap<Value, Value> = HashMap::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        new.origin.clone_from(&node.name);
        let inputs: Vec<Option<Value>> = node.inputs.iter().map(|input| input.map(|v| moved[&v])).collect();
        let outputs = match composite(node) {
            Some(expand) => {
                let inputs: Vec<Value> = inputs.into_iter().flatten().collect();
                expand(&mut new, node, &inputs, lowering)
            }
            None => {
                let node = new.push(node.kind.clone(), inputs, node.outputs.clone());
                (0..graph.node(index).outputs.len()).map(|slot| Value { node, slot }).collect()
            }
        };
        moved.extend(outputs.into_iter().enumerate().map(|(slot, v)| (Value { node: index, slot }, v)));
    }
    (new, wanted.iter().map(|value| moved[value]).collect())
}
