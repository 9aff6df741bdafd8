//! Reads the bytes of a model. They are hostile: every count is checked before it is trusted.

use super::{Model, Port, Selection, reached, roles, varying};
use crate::GraphError;
use crate::codec;
use crate::graph::{Attr, Kind, Node, Op, Value};
use crate::onnx::{GraphProto, ModelProto, NodeProto, ValueInfo};
use crate::tensor::{DType, Tensor, TensorData};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;

/// Protocol buffers end at 2 GiB.
const MAX_BYTES: usize = 1 << 31;

pub(crate) fn decode(bytes: &[u8], selection: &Selection) -> Result<Model, GraphError> {
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
    // PyTorch's newer exporter writes a linear layer without bias as MatMul, so a Gemm had one.
    let noted = |node: &NodeProto| scope(node).is_some();
    let drops_biases = proto.producer_name.as_deref() == Some("pytorch") && graph.node.iter().any(noted);
    let mut reader = Reader { drops_biases, ..Reader::default() };
    let inputs = reader.edge(&graph)?;
    for node in &graph.node {
        reader.node(node)?;
    }
    let Reader { nodes, values, scopes, .. } = reader;
    let output = chosen(&graph.output, selection, &values)?;
    let sink = *values.get(&output.name).ok_or_else(|| GraphError::UnknownValue(output.name.clone()))?;
    let live = reached(&nodes, sink.node);
    let needed = |port: &Port| live.binary_search(&values[&port.name].node).is_ok();
    let inputs: Vec<Port> = inputs.into_iter().filter(needed).collect();
    if nodes[sink.node].op().is_none() || inputs.is_empty() {
        let name = &output.name;
        return Err(GraphError::Interface(format!("output `{name}` is not computed from an input")));
    }
    let sources = inputs.iter().map(|port| values[&port.name]).collect();
    let roles = roles::assign(&nodes, &scopes, selection)?;
    let varying = varying(&nodes, &roles.uses);
    Ok(Model { inputs, output, nodes, sources, sink, opset, imports, roles, varying })
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    nodes: Vec<Node<String>>,
    values: HashMap<String, Value>,
    /// The module that a node was exported from, by node.
    scopes: HashMap<usize, String>,
    /// Whether the exporter is one that drops a Gemm's bias where it is all zeros, as in a fresh model.
    drops_biases: bool,
}

impl Reader {
    /// Reads initialisers and the inputs that have none.
    fn edge(&mut self, graph: &GraphProto) -> Result<Vec<Port>, GraphError> {
        for proto in &graph.initializer {
            let name = proto.name.clone().unwrap_or_default();
            let tensor = codec::tensor(proto, &name)?;
            self.push(&name, Kind::Constant(Arc::new(tensor)), vec![], vec![name.clone()])?;
        }
        let mut ports = Vec::new();
        for info in &graph.input {
            let port = port(info, "input")?;
            if !self.values.contains_key(&port.name) {
                self.push(&port.name, Kind::Input(port.name.clone()), vec![], vec![port.name.clone()])?;
                ports.push(port);
            }
        }
        Ok(ports)
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
                None if ["If", "Loop", "Scan", "SequenceMap"].contains(&op.kind.as_str()) => {
                    return Err(partial.error("control flow with a graph of its own cannot be trained"));
                }
                None => return Err(partial.error(format!("attribute `{key}` is of an unsupported kind"))),
            }
        }
        for input in &proto.input {
            let missing = || partial.error(format!("input `{input}` is not defined before it is used"));
            let value =
                if input.is_empty() { None } else { Some(*self.values.get(input).ok_or_else(missing)?) };
            partial.inputs.push(value);
        }
        let biasless = op.kind == "Gemm" && op.domain.is_empty() && partial.input(2).is_none();
        if self.drops_biases
            && biasless
            && let Some(bias) = self.dropped_bias(&partial)
        {
            partial.inputs.resize(2, None);
            partial.inputs.push(Some(bias));
        }
        if let Some(scope) = scope(proto) {
            self.scopes.insert(self.nodes.len(), scope);
        }
        let kind = match constant(&op) {
            Some(tensor) => Kind::Constant(Arc::new(tensor)),
            None if op.kind == "Constant" && op.domain.is_empty() => {
                return Err(partial.error("its value is of an unsupported kind"));
            }
            None => match self.copied(&op, &partial) {
                // PyTorch's older exporter merges equal tensors and keeps the others' names as copies.
                Some(tensor) => Kind::Constant(tensor),
                None => Kind::Op(op),
            },
        };
        let inputs = if matches!(kind, Kind::Constant(_)) { vec![] } else { partial.inputs };
        self.push(&name, kind, inputs, proto.output.clone())
    }

    /// The constant that an Identity copies.
    fn copied(&self, op: &Op, node: &Node<String>) -> Option<Arc<Tensor>> {
        let copies = op.kind == "Identity" && op.domain.is_empty();
        match &self.nodes[node.input(0).filter(|_| copies)?.node].kind {
            Kind::Constant(tensor) => Some(tensor.clone()),
            _ => None,
        }
    }

    /// A bias of zeros for a Gemm without one, if its weight tells how long it is.
    fn dropped_bias(&mut self, gemm: &Node<String>) -> Option<Value> {
        let weight = &self.nodes[gemm.input(1)?.node];
        let Kind::Constant(tensor) = &weight.kind else { return None };
        let turned = gemm.op()?.int("transB", 0) != 0;
        let &[rows, columns] = tensor.shape.as_slice() else { return None };
        let count = if turned { rows } else { columns };
        let beside = weight.outputs[0].strip_suffix(".weight").map(|module| format!("{module}.bias"));
        let name = beside.filter(|name| !self.values.contains_key(name));
        let name = name.unwrap_or_else(|| format!("{}.bias", gemm.name));
        let zeros = Arc::new(Tensor::f32(&[count], vec![0.0; count]));
        self.push(&name, Kind::Constant(zeros), vec![], vec![name.clone()]).ok()?;
        self.values.get(&name).copied()
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

/// The path of the module that a node was exported from, as PyTorch's exporter notes it: a list in Python's notation of
/// the paths down to the module, then the operation.
fn scope(proto: &NodeProto) -> Option<String> {
    let noted = proto.metadata_props.iter().find(|entry| entry.key() == "pkg.torch.onnx.name_scopes")?;
    let list = noted.value().trim().strip_prefix('[')?.strip_suffix(']')?;
    let paths: Vec<&str> = list.split(", ").map(|path| path.trim_matches('\'')).collect();
    Some((*paths.get(paths.len().checked_sub(2)?)?).to_owned())
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

/// The output that the selection names, or the only one. An inner value may be named too, such as the logits of a model
/// that ends in probabilities.
fn chosen(
    outputs: &[ValueInfo],
    selection: &Selection,
    values: &HashMap<String, Value>,
) -> Result<Port, GraphError> {
    let name = |info: &ValueInfo| info.name.clone().unwrap_or_default();
    let names: Vec<String> = outputs.iter().map(|info| format!("`{}`", name(info))).collect();
    let (names, count) = (names.join(", "), names.len());
    match (&selection.output, outputs) {
        (None, [only]) => port(only, "output"),
        (None, []) => Err(GraphError::Interface("the model has no output".to_owned())),
        (None, _) => {
            Err(GraphError::Output(format!("the model has {count} outputs, {names}, and the loss is of one")))
        }
        (Some(wanted), _) => match outputs.iter().find(|info| name(info) == *wanted) {
            Some(info) => port(info, "output"),
            None if values.contains_key(wanted) => {
                Ok(Port { name: wanted.clone(), dtype: DType::F32, dims: vec![] })
            }
            None => Err(GraphError::Output(format!(
                "the model has no output or inner value `{wanted}`; its outputs are {names}"
            ))),
        },
    }
}

/// An input or output of a type that can be fed or trained on.
fn port(info: &ValueInfo, what: &str) -> Result<Port, GraphError> {
    let name = info.name.clone().unwrap_or_default();
    let tensor = info.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
    // An output may be left without a type, but not be a sequence or a map.
    let untyped = info.kind.is_none() || tensor.is_some();
    let dtype = match tensor.and_then(|tensor| tensor.elem_type).unwrap_or(0) {
        1 => DType::F32,
        0 if what == "output" && untyped => DType::F32,
        6 if what == "input" => DType::I32,
        7 if what == "input" => DType::I64,
        9 if what == "input" => DType::Bool,
        _ => {
            let types = if what == "input" { "float32, int32, int64 or boolean" } else { "float32" };
            return Err(GraphError::Interface(format!("{what} `{name}` is not a {types} tensor")));
        }
    };
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let dims = shape.map_or(vec![], |shape| {
        shape.dim.iter().map(|dim| dim.value.and_then(|v| usize::try_from(v).ok())).collect()
    });
    Ok(Port { name, dtype, dims })
}
