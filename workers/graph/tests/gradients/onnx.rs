//! Writes small ONNX models byte by byte, so that the tests do not lean on the crate's own encoder.

use sweep_graph::{Tensor, TensorData};

/// An attribute of a node.
pub(crate) enum Attr<'a> {
    Int(i64),
    Float(f32),
    Text(&'a str),
    Ints(&'a [i64]),
    Floats(&'a [f32]),
    Texts(&'a [&'a str]),
}

/// A model in the making: float32 input `x`.
pub(crate) struct Builder {
    opset: i64,
    input: Vec<u8>,
    nodes: Vec<u8>,
    tensors: Vec<u8>,
    count: usize,
}

impl Builder {
    pub(crate) fn new(opset: i64, input: &[usize]) -> Builder {
        let input = value_info("x", input);
        Builder { opset, input, nodes: vec![], tensors: vec![], count: 0 }
    }

    /// Adds an initialiser.
    pub(crate) fn tensor(mut self, name: &str, tensor: &Tensor) -> Builder {
        let mut proto = Vec::new();
        for &extent in &tensor.shape {
            number(&mut proto, 1, extent as u64);
        }
        let (code, raw): (u64, Vec<u8>) = match &tensor.data {
            TensorData::F32(v) => (1, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            TensorData::I32(v) => (6, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            TensorData::I64(v) => (7, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            TensorData::Bool(v) => (9, v.iter().map(|&v| u8::from(v)).collect()),
            _ => panic!("no test needs this type"),
        };
        number(&mut proto, 2, code);
        bytes(&mut proto, 8, name.as_bytes());
        bytes(&mut proto, 9, &raw);
        bytes(&mut self.tensors, 5, &proto);
        self
    }

    /// Adds an initialiser `name.weight` that trains, and the value `name`, which equals it.
    pub(crate) fn learnt(self, name: &str, tensor: &Tensor) -> Builder {
        let (weight, zero) = (format!("{name}.weight"), format!("{name}.zero"));
        let builder = self.tensor(&weight, tensor).tensor(&zero, &Tensor::f32(&[], vec![0.0]));
        builder.node("Add", &[&weight, &zero], &[name], &[])
    }

    /// Adds a node named after its operator and number; an empty input is one left out.
    pub(crate) fn node(
        mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attrs: &[(&str, Attr)],
    ) -> Builder {
        let mut proto = Vec::new();
        inputs.iter().for_each(|name| bytes(&mut proto, 1, name.as_bytes()));
        outputs.iter().for_each(|name| bytes(&mut proto, 2, name.as_bytes()));
        bytes(&mut proto, 3, format!("{op}_{}", self.count).as_bytes());
        let (domain, op) = op.split_once('.').unwrap_or(("", op));
        bytes(&mut proto, 4, op.as_bytes());
        bytes(&mut proto, 7, domain.as_bytes());
        for (name, attr) in attrs {
            let mut inner = Vec::new();
            bytes(&mut inner, 1, name.as_bytes());
            let kind = match attr {
                Attr::Float(v) => {
                    tag(&mut inner, 2, 5);
                    inner.extend(v.to_le_bytes());
                    1
                }
                Attr::Int(v) => {
                    number(&mut inner, 3, *v as u64);
                    2
                }
                Attr::Text(v) => {
                    bytes(&mut inner, 4, v.as_bytes());
                    3
                }
                Attr::Ints(v) => {
                    v.iter().for_each(|&v| number(&mut inner, 8, v as u64));
                    7
                }
                Attr::Floats(v) => {
                    v.iter().for_each(|v| {
                        tag(&mut inner, 7, 5);
                        inner.extend(v.to_le_bytes());
                    });
                    6
                }
                Attr::Texts(v) => {
                    v.iter().for_each(|v| bytes(&mut inner, 9, v.as_bytes()));
                    8
                }
            };
            number(&mut inner, 20, kind);
            bytes(&mut proto, 5, &inner);
        }
        bytes(&mut self.nodes, 1, &proto);
        self.count += 1;
        self
    }

    /// The model, with value `output` of so many axes as its output.
    pub(crate) fn build(self, output: &str) -> Vec<u8> {
        self.build_all(&[output])
    }

    /// As [`build`](Self::build), with several outputs.
    pub(crate) fn build_all(self, outputs: &[&str]) -> Vec<u8> {
        let mut graph = self.nodes;
        bytes(&mut graph, 2, b"test");
        graph.extend(self.tensors);
        bytes(&mut graph, 11, &self.input);
        for output in outputs {
            let mut info = Vec::new();
            bytes(&mut info, 1, output.as_bytes());
            bytes(&mut graph, 12, &info);
        }
        let mut model = Vec::new();
        number(&mut model, 1, 8);
        bytes(&mut model, 7, &graph);
        let mut set = Vec::new();
        number(&mut set, 2, self.opset as u64);
        bytes(&mut model, 8, &set);
        model
    }
}

fn value_info(name: &str, shape: &[usize]) -> Vec<u8> {
    let (mut dims, mut tensor, mut kind, mut info) = (vec![], vec![], vec![], vec![]);
    for &extent in shape {
        let mut dim = Vec::new();
        number(&mut dim, 1, extent as u64);
        bytes(&mut dims, 1, &dim);
    }
    number(&mut tensor, 1, 1);
    bytes(&mut tensor, 2, &dims);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut info, 1, name.as_bytes());
    bytes(&mut info, 2, &kind);
    info
}

fn tag(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    tag(out, field, 0);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    tag(out, field, 2);
    varint(out, value.len() as u64);
    out.extend(value);
}
