//! A graph under construction: nodes in topological order, values as (node, slot) pairs with known type and extents.
//! `build` adds operators, `emit` writes the ONNX bytes. Nodes are only ever appended.

mod build;
mod emit;

pub(crate) use build::broadcast;
pub(crate) use emit::{emit, node_proto, unique};

use crate::GraphError;
use crate::tensor::{DType, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The domain of the composite operators that [`crate::lower`] expands.
pub(crate) const COMPOSITE: &str = "sweep";
/// The domain of the operators that the trainer has kernels for.
pub(crate) const KERNEL: &str = "sweep.kernel";
/// The domain of ONNX Runtime's own operators.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// One output of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Value {
    pub(crate) node: usize,
    pub(crate) slot: usize,
}

/// An attribute of an operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attr {
    Int(i64),
    Float(f32),
    Text(String),
    Tensor(Tensor),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<String>),
}

/// An operator with its attributes; the standard domain is the empty one.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Op {
    pub(crate) domain: String,
    pub(crate) kind: String,
    pub(crate) attrs: BTreeMap<String, Attr>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Fed by the host under this name.
    Input(String),
    /// Known content.
    Constant(Arc<Tensor>),
    /// Computed.
    Op(Op),
}

/// A node; `T` is what is known of each output: its name in a decoded model, a [`Fact`] in a graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<T> {
    /// For error messages: the name in the model that the node stems from.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) inputs: Vec<Option<Value>>,
    pub(crate) outputs: Vec<T>,
}

/// Element type and extents of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
}

/// A graph under construction.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node<Fact>>,
    /// The model node that is being worked on; new nodes stem from it.
    pub(crate) origin: String,
}

impl Graph {
    pub(crate) fn nodes(&self) -> &[Node<Fact>] {
        &self.nodes
    }

    pub(crate) fn node(&self, index: usize) -> &Node<Fact> {
        &self.nodes[index]
    }

    pub(crate) fn fact(&self, value: Value) -> &Fact {
        &self.nodes[value.node].outputs[value.slot]
    }

    pub(crate) fn shape(&self, value: Value) -> &[usize] {
        &self.fact(value).shape
    }

    /// The content of a constant.
    pub(crate) fn content(&self, value: Value) -> Option<&Tensor> {
        match &self.nodes[value.node].kind {
            Kind::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// Appends a node and returns its index.
    pub(crate) fn push(&mut self, kind: Kind, inputs: Vec<Option<Value>>, outputs: Vec<Fact>) -> usize {
        self.nodes.push(Node { name: self.origin.clone(), kind, inputs, outputs });
        self.nodes.len() - 1
    }
}

impl<T> Node<T> {
    /// The operator, unless the node is an input or a constant.
    pub(crate) fn op(&self) -> Option<&Op> {
        match &self.kind {
            Kind::Op(op) => Some(op),
            _ => None,
        }
    }

    /// The standard operator's name, or an empty string for anything else.
    pub(crate) fn standard(&self) -> &str {
        self.op().filter(|op| op.domain.is_empty()).map_or("", |op| op.kind.as_str())
    }

    /// The value at input `slot`, if there is one.
    pub(crate) fn input(&self, slot: usize) -> Option<Value> {
        self.inputs.get(slot).copied().flatten()
    }

    /// An error about this node.
    pub(crate) fn error(&self, reason: impl Into<String>) -> GraphError {
        let operator = self.op().map(Op::title).unwrap_or_default();
        GraphError::Node { node: self.name.clone(), operator, reason: reason.into() }
    }
}

impl Op {
    /// A standard operator without attributes.
    pub(crate) fn new(kind: &str) -> Op {
        Op { kind: kind.to_owned(), ..Op::default() }
    }

    /// A composite operator without attributes.
    pub(crate) fn composite(kind: &str) -> Op {
        Op { domain: COMPOSITE.to_owned(), ..Op::new(kind) }
    }

    /// Adds an attribute.
    pub(crate) fn with(mut self, name: &str, attr: Attr) -> Op {
        self.attrs.insert(name.to_owned(), attr);
        self
    }

    /// Adds a list of integers.
    pub(crate) fn ints<T: Copy + TryInto<i64>>(self, name: &str, values: &[T]) -> Op {
        let values = values.iter().map(|&v| v.try_into().unwrap_or(i64::MAX)).collect();
        self.with(name, Attr::Ints(values))
    }

    /// The operator's name with its domain, as users know it.
    pub(crate) fn title(&self) -> String {
        if self.domain.is_empty() { self.kind.clone() } else { format!("{}.{}", self.domain, self.kind) }
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        match self.attrs.get(name) {
            Some(Attr::Int(v)) => *v,
            _ => default,
        }
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        match self.attrs.get(name) {
            Some(Attr::Float(v)) => *v,
            _ => default,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.attrs.get(name) {
            Some(Attr::Text(v)) => Some(v),
            _ => None,
        }
    }

    pub(crate) fn list(&self, name: &str) -> Option<&[i64]> {
        match self.attrs.get(name) {
            Some(Attr::Ints(v)) => Some(v),
            _ => None,
        }
    }
}
