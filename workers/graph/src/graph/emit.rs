//! Writes a lowered graph as an ONNX model: only what the outputs need, names made up for inner values.

use super::{COMPOSITE, Fact, Graph, KERNEL, Kind, MICROSOFT, Node, Op, Value};
use crate::codec::{attr_proto, tensor_proto, value_info};
use crate::onnx::{GraphProto, ModelProto, NodeProto, OperatorSetId};
use prost::Message;
use std::collections::{HashMap, HashSet};

/// IR version of ONNX 1.16: old enough for every runtime with the opsets written here.
const IR_VERSION: i64 = 10;

/// `wanted`, with strokes added until it is not in `taken`; it is then.
pub(crate) fn unique(taken: &mut HashSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    while !taken.insert(name.clone()) {
        name.push('\'');
    }
    name
}

/// Encodes `graph`. Inputs keep their names and all stay, needed or not; `outputs` pairs names with values.
pub(crate) fn emit(graph: &Graph, outputs: &[(String, Value)], opset: i64) -> Vec<u8> {
    let live = live(graph, outputs);
    let mut names: HashMap<Value, String> = HashMap::new();
    let mut taken: HashSet<String> = outputs.iter().map(|(name, _)| name.clone()).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        if let Kind::Input(name) = &node.kind {
            taken.insert(name.clone());
            names.insert(Value { node: index, slot: 0 }, name.clone());
        }
    }
    let mut aliases = Vec::new();
    for (name, value) in outputs {
        if matches!(graph.node(value.node).kind, Kind::Op(_)) && !names.contains_key(value) {
            names.insert(*value, name.clone());
        } else {
            aliases.push((name, *value));
        }
    }
    let results: HashSet<&String> = outputs.iter().map(|(name, _)| name).collect();
    let mut proto = GraphProto { name: Some("sweep".to_owned()), ..GraphProto::default() };
    for (index, node) in graph.nodes().iter().enumerate() {
        if matches!(node.kind, Kind::Input(_)) || live.contains(&index) {
            write(&mut proto, node, index, &mut names, &mut taken, &live.slots, &results);
        }
    }
    for (name, value) in aliases {
        let source = names.get(&value).cloned().unwrap_or_default();
        proto.node.push(node_proto(&Op::new("Identity"), vec![source], vec![name.clone()]));
    }
    for (name, value) in outputs {
        proto.output.push(info(name, graph.fact(*value)));
    }
    let set =
        |domain: &str, version| OperatorSetId { domain: Some(domain.to_owned()), version: Some(version) };
    let mut sets = vec![set("", opset), set(MICROSOFT, 1)];
    if graph.nodes().iter().any(|node| node.op().is_some_and(|op| op.domain == KERNEL)) {
        sets.push(set(KERNEL, 1));
    }
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("sweep".to_owned()),
        graph: Some(proto),
        opset_import: sets,
    };
    model.encode_to_vec()
}

/// The nodes and values that the outputs need.
struct Live {
    nodes: HashSet<usize>,
    slots: HashSet<Value>,
}

impl Live {
    fn contains(&self, node: &usize) -> bool {
        self.nodes.contains(node)
    }
}

fn live(graph: &Graph, outputs: &[(String, Value)]) -> Live {
    let mut live = Live { nodes: HashSet::new(), slots: HashSet::new() };
    let mut queue: Vec<Value> = outputs.iter().map(|(_, value)| *value).collect();
    while let Some(value) = queue.pop() {
        live.slots.insert(value);
        if live.nodes.insert(value.node) {
            queue.extend(graph.node(value.node).inputs.iter().flatten());
        }
    }
    live
}

fn write(
    proto: &mut GraphProto,
    node: &Node<Fact>,
    index: usize,
    names: &mut HashMap<Value, String>,
    taken: &mut HashSet<String>,
    used: &HashSet<Value>,
    results: &HashSet<&String>,
) {
    let mut name = |slot: usize| {
        let value = Value { node: index, slot };
        names.entry(value).or_insert_with(|| unique(taken, &format!("t{index}.{slot}"))).clone()
    };
    match &node.kind {
        Kind::Input(name) => proto.input.push(info(name, &node.outputs[0])),
        Kind::Constant(tensor) => {
            let name = name(0);
            proto.initializer.push(tensor_proto(tensor, &name));
        }
        Kind::Op(op) => {
            debug_assert_ne!(op.domain, COMPOSITE, "`{}` was not lowered", op.kind);
            // An output that nobody reads is left out: MaxPool without Indices, for one, has a faster kernel. Split's and
            // those of our kernels are not optional.
            let whole = op.kind == "Split" || op.domain == KERNEL;
            let named = |slot| whole || used.contains(&Value { node: index, slot });
            let mut outputs: Vec<String> = (0..node.outputs.len())
                .map(|slot| if named(slot) { name(slot) } else { String::new() })
                .collect();
            while outputs.last().is_some_and(String::is_empty) {
                outputs.pop();
            }
            if op.domain == KERNEL {
                // The runtime knows no extents of these, and without them plans no memory behind them.
                let described =
                    outputs.iter().zip(&node.outputs).filter(|(name, _)| !results.contains(*name));
                proto.value_info.extend(described.map(|(name, fact)| info(name, fact)));
            }
            let mut inputs: Vec<String> = node
                .inputs
                .iter()
                .map(|input| input.and_then(|value| names.get(&value).cloned()).unwrap_or_default())
                .collect();
            while inputs.last().is_some_and(String::is_empty) {
                inputs.pop();
            }
            proto.node.push(node_proto(op, inputs, outputs));
        }
    }
}

fn info(name: &str, fact: &Fact) -> crate::onnx::ValueInfo {
    let dims: Vec<Option<usize>> = fact.shape.iter().map(|&d| Some(d)).collect();
    value_info(name, fact.dtype, &dims)
}

/// Writes one node.
pub(crate) fn node_proto(op: &Op, input: Vec<String>, output: Vec<String>) -> NodeProto {
    NodeProto {
        name: output.first().cloned(),
        input,
        output,
        op_type: Some(op.kind.clone()),
        domain: Some(op.domain.clone()),
        attribute: op.attrs.iter().map(|(name, attr)| attr_proto(name, attr)).collect(),
        metadata_props: vec![],
    }
}
