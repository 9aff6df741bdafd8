//! Expands composite operators into what a provider has. Where the trainer has a kernel of its own it is left to that.

mod conv;
mod conv_weight;
mod elementwise;
mod fuse;
mod kernel;
mod norm;
mod normalize;
mod smooth;

use crate::graph::{COMPOSITE, Fact, Graph, Kind, Node, Value};
use crate::options::Lowering;
use std::collections::HashMap;

/// Expands one composite: its node, its inputs in the new graph, and the choice of operators; returns its outputs.
type Expansion = fn(&mut Graph, &Node<Fact>, &[Value], Lowering) -> Vec<Value>;

/// Every composite and its expansion.
const COMPOSITES: [(&str, Expansion); 18] = [
    ("AdamStep", elementwise::adam_step),
    ("BatchNorm", norm::batch_norm),
    ("BatchNormGrad", norm::batch_norm_grad),
    ("ConvInputGrad", conv::input_grad),
    ("ConvWeightGrad", conv_weight::weight_grad),
    ("CrossEntropy", elementwise::cross_entropy),
    ("GatherGrad", elementwise::gather_grad),
    ("Gelu", smooth::gelu),
    ("GeluGrad", smooth::gelu_grad),
    ("LayerNorm", normalize::layer_norm),
    ("LayerNormGrad", normalize::layer_norm_grad),
    ("MatMul", elementwise::matmul),
    ("MaxPoolGrad", elementwise::max_pool_grad),
    ("Normalize", normalize::normalize),
    ("NormalizeGrad", normalize::normalize_grad),
    ("ReluGrad", elementwise::relu_grad),
    ("SgdStep", elementwise::sgd_step),
    ("SoftmaxGrad", smooth::softmax_grad),
];

/// A copy of `graph` without composites, and where `wanted` went.
pub(crate) fn lower(graph: &Graph, wanted: &[Value], lowering: Lowering) -> (Graph, Vec<Value>) {
    let mut current = match lowering {
        Lowering::Kernels => {
            let (fused, wanted) = fuse::fuse(graph, wanted);
            copy(&fused, &wanted, lowering)
        }
        _ => copy(graph, wanted, lowering),
    };
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

/// The inputs of a node moved to where `moved` has them.
fn inputs(node: &Node<Fact>, moved: &HashMap<Value, Value>) -> Vec<Option<Value>> {
    node.inputs.iter().map(|input| input.map(|value| moved[&value])).collect()
}

impl Graph {
    /// Adds a node with the outputs of `node`.
    fn copied(&mut self, kind: Kind, inputs: Vec<Option<Value>>, node: &Node<Fact>) -> Vec<Value> {
        let index = self.push(kind, inputs, node.outputs.clone());
        (0..node.outputs.len()).map(|slot| Value { node: index, slot }).collect()
    }
}

fn copy(graph: &Graph, wanted: &[Value], lowering: Lowering) -> (Graph, Vec<Value>) {
    let mut new = Graph::default();
    let mut moved: HashMap<Value, Value> = HashMap::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        new.origin.clone_from(&node.name);
        let inputs = inputs(node, &moved);
        let own = if lowering == Lowering::Kernels { kernel::kernel(graph, node) } else { None };
        let outputs = if let Some((op, count)) = own {
            new.copied(Kind::Op(op), inputs[..count].to_vec(), node)
        } else if let Some(expand) = composite(node) {
            let inputs: Vec<Value> = inputs.into_iter().flatten().collect();
            expand(&mut new, node, &inputs, lowering)
        } else {
            new.copied(node.kind.clone(), inputs, node)
        };
        moved.extend(outputs.into_iter().enumerate().map(|(slot, v)| (Value { node: index, slot }, v)));
    }
    (new, wanted.iter().map(|value| moved[value]).collect())
}
