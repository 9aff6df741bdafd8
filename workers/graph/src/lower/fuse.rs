//! Neighbours that one kernel computes in one pass over the activations: batch normalisation with the ReLU behind it, also
//! with a sum between them, and their gradients.

use crate::graph::{COMPOSITE, Fact, Graph, Kind, Node, Op, Value};
use crate::tensor::DType;
use std::collections::HashMap;

/// A copy of `graph` with such neighbours as one composite, and where `wanted` went.
pub(super) fn fuse(graph: &Graph, wanted: &[Value]) -> (Graph, Vec<Value>) {
    let uses = Uses::of(graph, wanted);
    let mut new = Graph::default();
    let mut moved: HashMap<Value, Value> = HashMap::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        new.origin.clone_from(&node.name);
        let mut inputs = super::inputs(node, &moved);
        let mut kind = node.kind.clone();
        let behind = uses.relu_behind(graph, index).map(|relu| (relu, None));
        if let Some((relu, shortcut)) = behind.or_else(|| uses.sum_behind(graph, index)) {
            let plain = shortcut.is_none();
            inputs.extend(shortcut.map(|value| Some(moved[&value])));
            kind = Kind::Op(renamed(node, if plain { "BatchNormRelu" } else { "BatchNormAddRelu" }));
            let outputs = new.copied(kind, inputs, node);
            moved.insert(Value { node: relu, slot: 0 }, outputs[0]);
            // What else read the result is the ReLU, or the sum before it, whose copy nobody reads.
            moved.extend(outputs.into_iter().enumerate().map(|(slot, v)| (Value { node: index, slot }, v)));
            continue;
        }
        if moved.contains_key(&Value { node: index, slot: 0 }) {
            continue; // a ReLU that its normalisation brought along
        }
        if let Some((dy, bias)) = uses.gate_before(graph, node) {
            kind = Kind::Op(renamed(node, "BatchNormReluGrad"));
            inputs[0] = Some(moved[&dy]);
            inputs.insert(3, Some(moved[&bias]));
        }
        if let Some([a, b]) = uses.sum_of_gradients(graph, node) {
            kind = Kind::Op(renamed(node, "AddReluGrad"));
            inputs = vec![Some(moved[&a]), Some(moved[&b]), inputs[1]];
        }
        let outputs = new.copied(kind, inputs, node);
        moved.extend(outputs.into_iter().enumerate().map(|(slot, v)| (Value { node: index, slot }, v)));
    }
    (new, wanted.iter().map(|value| moved[value]).collect())
}

fn renamed(node: &Node<Fact>, kind: &str) -> Op {
    let op = node.op().cloned().unwrap_or_default();
    Op { kind: kind.to_owned(), ..op }
}

/// Whether it is such a composite that there is a kernel for.
fn is(node: &Node<Fact>, kind: &str) -> bool {
    let whole = node.outputs[0].dtype == DType::F32 && !node.outputs[0].shape.contains(&0);
    whole && node.op().is_some_and(|op| op.domain == COMPOSITE && op.kind == kind)
}

/// Who reads each value.
struct Uses {
    readers: HashMap<Value, Vec<usize>>,
}

impl Uses {
    fn of(graph: &Graph, wanted: &[Value]) -> Uses {
        let mut readers: HashMap<Value, Vec<usize>> = HashMap::new();
        for (index, node) in graph.nodes().iter().enumerate() {
            for value in node.inputs.iter().flatten() {
                readers.entry(*value).or_default().push(index);
            }
        }
        for value in wanted {
            // Nobody's number: the outside.
            readers.entry(*value).or_default().push(usize::MAX);
        }
        Uses { readers }
    }

    fn only_reader(&self, value: Value) -> Option<usize> {
        match self.readers.get(&value).map(Vec::as_slice) {
            Some(&[reader]) => Some(reader).filter(|reader| *reader != usize::MAX),
            _ => None,
        }
    }

    /// The ReLU that alone reads the result of a batch normalisation.
    fn relu_behind(&self, graph: &Graph, index: usize) -> Option<usize> {
        if !is(graph.node(index), "BatchNorm") {
            return None;
        }
        let reader = self.only_reader(Value { node: index, slot: 0 })?;
        (graph.node(reader).standard() == "Relu").then_some(reader)
    }

    /// For the gradient of a batch normalisation with such a ReLU: the ReLU's gradient and the normalisation's bias.
    fn gate_before(&self, graph: &Graph, node: &Node<Fact>) -> Option<(Value, Value)> {
        if !is(node, "BatchNormGrad") {
            return None;
        }
        let (gate, norm) = (node.input(0)?, node.input(3)?.node);
        let relu = self.relu_behind(graph, norm)?;
        let grad = graph.node(gate.node);
        let own = is(grad, "ReluGrad") && grad.input(1) == Some(Value { node: relu, slot: 0 });
        (own && self.only_reader(gate).is_some()).then_some((grad.input(0)?, graph.node(norm).input(2)?))
    }

    /// For a batch normalisation whose result is alone read by a sum, and that by a ReLU: the ReLU, and the other term, of the
    /// same extents, which must be there before.
    fn sum_behind(&self, graph: &Graph, index: usize) -> Option<(usize, Option<Value>)> {
        let own = Value { node: index, slot: 0 };
        let add = self.only_reader(own).filter(|_| is(graph.node(index), "BatchNorm"))?;
        let relu = self.only_reader(Value { node: add, slot: 0 })?;
        if graph.node(add).standard() != "Add" || graph.node(relu).standard() != "Relu" {
            return None;
        }
        let terms = [graph.node(add).input(0)?, graph.node(add).input(1)?];
        let other = terms.into_iter().find(|term| *term != own)?;
        (other.node < index && graph.shape(own) == graph.shape(other)).then_some((relu, Some(other)))
    }

    /// For the gradient of a ReLU by a sum of two that nobody else reads: both.
    fn sum_of_gradients(&self, graph: &Graph, node: &Node<Fact>) -> Option<[Value; 2]> {
        let sum = node.input(0).filter(|_| is(node, "ReluGrad"))?;
        let add = graph.node(sum.node);
        if add.standard() != "Add" || self.only_reader(sum).is_none() {
            return None;
        }
        let [a, b] = [add.input(0)?, add.input(1)?];
        (graph.shape(a) == graph.shape(b)).then_some([a, b])
    }
}
