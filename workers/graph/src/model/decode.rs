//! Reads the bytes of a model. They are hostile: every count is checked before it is trusted.

use super::{Model, Port, roles, varying};
use crate::GraphError;
use crate::codec;
use crate::graph::{Attr, Kind, Node, Op, Value};
use crate::onnx::{GraphProto, ModelProto, NodeProto, ValueInfo};
use crate::tensor::{Tensor, TensorData};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;

/// Protocol buffers end at 2 GiB.
const MAX_BYTES: usize = 1 << 31;

pub(crate) fn decode(bytes: &[u8]) -> Result<Model, GraphError> {
    if bytes.len() > MAX_BYTES {
        return Err(GraphError::Decode("larger than 2 GiB".to_owned()));
    }
    let proto = ModelProto::decode(bytes).map_err(|error| GraphError::Decode(error.to_string()))?;
    let mut opset = None;
    let mut imports = Vec::new();
    for set in &proto.opset_import {
        let version = set.version.unwrap_or(0);
        match set.domain.as_deref().unwrap_or("") {
            "" | "ai.onnx" => opset = Some(version),
            domain => imports.push((domain.to_owned(), version)),
        }
    }
    let opset = opset.ok_or_else(|| GraphError::Decode("it names no operator set".to_owned()))?;
    if !(11..=23).contains(&opset) {
        return Err(GraphError::Opset(opset));
    }
    let graph = proto.graph.ok_or_else(|| GraphError::Decode("it has no graph".to_owned()))?;
    let mut reader = Reader::default();
    let input = reader.edge(&graph)?;
    for node in &graph.node {
        reader.node(node)?;
    }
    let output = only(graph.output.iter().collect(), "output")?;
    let Reader { nodes, values } = reader;
    let sink = *values.get(&output.name).ok_or_else(|| GraphError::UnknownValue(output.name.clone()))?;
    let source = values[&input.name];
    if nodes[sink.node].op().is_none() {
        return Err(GraphError::Interface(format!(
            "output `{}` is not computed from the input",
            output.name
        )));
    }
    let (parameters, uses) = roles::assign(&nodes);
    let varying = varying(&nodes, &uses);
    Ok(Model { input, output, nodes, source, sink, opset, imports, parameters, uses, varying })
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    nodes: Vec<Node<String>>,
    values: HashMap<String, Value>,
}

impl Reader {
    /// Reads initialisers and the one input that has none.
    fn edge(&mut self, graph: &GraphProto) -> Result<Port, GraphError> {
        for proto in &graph.initializer {
            let name = proto.name.clone().unwrap_or_default();
            let tensor = codec::tensor(proto, &name)?;
            self.push(&name, Kind::Constant(Arc::new(tensor)), vec![], vec![name.clone()])?;
        }
        let unset = |info: &&ValueInfo| !self.values.contains_key(info.name.as_deref().unwrap_or(""));
        let port = only(graph.input.iter().filter(unset).collect(), "input")?;
        self.push(&port.name, Kind::Input(port.name.clone()), vec![], vec![port.name.clone()])?;
        Ok(port)
    }

    fn node(&mut self, proto: &NodeProto) -> Result<(), GraphError> {
        let kind = proto.op_type.clone().unwrap_or_default();
        let first = proto.output.first().cloned().unwrap_or_default();
        let name = proto.name.clone().filter(|name| !name.is_empty()).unwrap_or(first);
        let domain = proto.domain.clone().filter(|domain| domain != "ai.onnx").unwrap_or_default();
        let mut op = Op { domain, kind, ..Op::default() };
        let mut partial: Node<String> =
            Node { name: name.clone(), kind: Kind::Op(op.clone()), inputs: vec![], outputs: vec![] };
        if op.kind.is_empty() {
            return Err(GraphError::Decode(format!("node `{name}` names no operator")));
        }
        for attribute in &proto.attribute {
            let key = attribute.name.clone().unwrap_or_default();
            match codec::attr(attribute, &name)? {
                Some(attr) => _ = op.attrs.insert(key, attr),
                None => return Err(partial.error(format!("attribute `{key}` is of an unsupported kind"))),
            }
        }
        for input in &proto.input {
            let missing = || partial.error(format!("input `{input}` is not defined before it is used"));
            let value =
                if input.is_empty() { None } else { Some(*self.values.get(input).ok_or_else(missing)?) };
            partial.inputs.push(value);
        }
        let kind = match constant(&op) {
            Some(tensor) => Kind::Constant(Arc::new(tensor)),
            None if op.kind == "Constant" && op.domain.is_empty() => {
                return Err(partial.error("its value is of an unsupported kind"));
            }
            None => Kind::Op(op),
        };
        self.push(&name, kind, partial.inputs, proto.output.clone())
    }

    fn push(
        &mut self,
        name: &str,
        kind: Kind,
        inputs: Vec<Option<Value>>,
        outputs: Vec<String>,
    ) -> Result<(), GraphError> {
        if outputs.iter().all(String::is_empty) {
            return Err(GraphError::Decode(format!("`{name}` defines no value")));
        }
        for (slot, output) in outputs.iter().enumerate().filter(|(_, output)| !output.is_empty()) {
            let value = Value { node: self.nodes.len(), slot };
            if self.values.insert(output.clone(), value).is_some() {
                return Err(GraphError::Decode(format!("value `{output}` is defined twice")));
            }
        }
        self.nodes.push(Node { name: name.to_owned(), kind, inputs, outputs });
        Ok(())
    }
}

/// The content of a `Constant` node.
fn constant(op: &Op) -> Option<Tensor> {
    if op.kind != "Constant" || !op.domain.is_empty() {
        return None;
    }
    let (key, attr) = op.attrs.iter().next()?;
    Some(match (key.as_str(), attr) {
        ("value", Attr::Tensor(tensor)) => tensor.clone(),
        ("value_float", Attr::Float(v)) => Tensor::f32(&[], vec![*v]),
        ("value_floats", Attr::Floats(v)) => Tensor::f32(&[v.len()], v.clone()),
        ("value_int", Attr::Int(v)) => Tensor { shape: vec![], data: TensorData::I64(vec![*v]) },
        ("value_ints", Attr::Ints(v)) => Tensor::i64s(v.clone()),
        _ => return None,
    })
}

/// The only float32 tensor among the model's inputs or outputs.
fn only(infos: Vec<&ValueInfo>, what: &str) -> Result<Port, GraphError> {
    let name = |info: &ValueInfo| info.name.clone().unwrap_or_default();
    let [info] = infos.as_slice() else {
        let names: Vec<String> = infos.iter().map(|info| format!("`{}`", name(info))).collect();
        let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        let count = infos.len();
        return Err(GraphError::Interface(format!(
            "the model has {count} {what}s{names}, training needs exactly one"
        )));
    };
    let tensor = info.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
    let code = tensor.and_then(|tensor| tensor.elem_type).unwrap_or(0);
    if code != 1 && !(code == 0 && what == "output") {
        return Err(GraphError::Interface(format!("{what} `{}` is not a float32 tensor", name(info))));
    }
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let dims = shape.map_or(vec![], |shape| {
        shape.dim.iter().map(|dim| dim.value.and_then(|v| usize::try_from(v).ok())).collect()
    });
    Ok(Port { name: name(info), dims })
}
