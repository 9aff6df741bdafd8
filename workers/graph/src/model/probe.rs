//! Writes the probe graph: the forward model in inference mode, every live intermediate value an output.

use super::Model;
use crate::codec::{tensor_proto, value_info};
use crate::graph::{Kind, Op, node_proto};
use crate::onnx::{GraphProto, ModelProto, OperatorSetId, ValueInfo};
use prost::Message;

/// The forward model with its intermediate values as outputs, to be run once at the real batch size.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeGraph {
    /// The encoded ONNX model; its inputs are the model's.
    pub bytes: Vec<u8>,
    /// Its outputs, in order.
    pub outputs: Vec<ProbeOutput>,
}

/// One output of a [`ProbeGraph`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeOutput {
    /// The value's name.
    pub name: String,
    /// Depends on neither the input's elements nor a parameter: its content is wanted, not only its type and extents.
    pub constant: bool,
}

pub(super) fn probe(model: &Model) -> ProbeGraph {
    let mut proto = GraphProto { name: Some("probe".to_owned()), ..GraphProto::default() };
    let mut outputs = Vec::new();
    proto.input = model.inputs.iter().map(|port| value_info(&port.name, port.dtype, &port.dims)).collect();
    for index in model.live() {
        let node = &model.nodes[index];
        match &node.kind {
            Kind::Input(_) => {}
            Kind::Constant(tensor) => proto.initializer.push(tensor_proto(tensor, &node.outputs[0])),
            Kind::Op(op) => {
                let (op, inputs, slots) = inference(op, node.inputs.len(), node.outputs.len());
                let input =
                    |slot: usize| node.input(slot).map_or(String::new(), |v| model.name(v).to_owned());
                let names = node.outputs[..slots].to_vec();
                let constant = !model.varying.contains(&index);
                // A sequence has neither type nor extents of its own.
                if !op.kind.contains("Sequence") || op.kind == "SequenceAt" {
                    let named = names.iter().filter(|name| !name.is_empty());
                    outputs.extend(named.map(|name| ProbeOutput { name: name.clone(), constant }));
                }
                proto.node.push(node_proto(&op, (0..inputs).map(input).collect(), names));
            }
        }
    }
    // Left without a type: the runtime infers it.
    proto.output = outputs.iter().map(|out| ValueInfo { name: Some(out.name.clone()), kind: None }).collect();
    let set =
        |domain: &str, version| OperatorSetId { domain: Some(domain.to_owned()), version: Some(version) };
    let mut sets = vec![set("", model.opset)];
    sets.extend(model.imports.iter().map(|(domain, version)| set(domain, *version)));
    let bytes =
        ModelProto { ir_version: Some(10), producer_name: None, graph: Some(proto), opset_import: sets };
    ProbeGraph { bytes: bytes.encode_to_vec(), outputs }
}

/// The operator in inference form, with how many inputs and outputs it keeps.
fn inference(op: &Op, inputs: usize, outputs: usize) -> (Op, usize, usize) {
    match op.kind.as_str() {
        "Dropout" if op.domain.is_empty() => (Op::new("Identity"), 1, 1),
        "BatchNormalization" if op.domain.is_empty() => {
            let mut op = op.clone();
            op.attrs.remove("training_mode");
            (op, inputs, 1)
        }
        _ => (op.clone(), inputs, outputs),
    }
}
