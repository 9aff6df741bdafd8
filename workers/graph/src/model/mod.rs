//! The decoded forward model: `decode` reads it, `roles` says what trains, `probe` writes the graph that tells the
//! extents of its values, `weights` writes the file with others. Nothing here knows of gradients.

mod decode;
mod probe;
mod roles;
mod weights;

pub use probe::{ProbeGraph, ProbeOutput};
use roles::Roles;
pub(crate) use roles::Use;

use crate::GraphError;
use crate::graph::{Kind, Node, Value};
use crate::state::StateKind;
use crate::tensor::DType;
use std::collections::{HashMap, HashSet};

/// An exported forward model.
#[derive(Debug, Clone)]
pub struct Model {
    /// The inputs that the output depends on, in the file's order.
    inputs: Vec<Port>,
    output: Port,
    /// Inputs and constants first, then operators in topological order; outputs are names, empty where unused.
    pub(crate) nodes: Vec<Node<String>>,
    /// Of each input.
    pub(crate) sources: Vec<Value>,
    pub(crate) sink: Value,
    /// Version of the standard operators.
    pub(crate) opset: i64,
    /// Versions of other domains.
    pub(crate) imports: Vec<(String, i64)>,
    pub(crate) roles: Roles,
    /// Operator nodes whose outputs change with the input's elements or a parameter.
    varying: HashSet<usize>,
}

/// What of a file is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The output that the loss is of; needed where there are several.
    pub output: Option<String>,
    /// Patterns of initialisers that train whatever they look like.
    pub trainable: Vec<String>,
    /// Patterns of initialisers that stay as they are; stronger than `trainable`.
    pub frozen: Vec<String>,
}

/// A tensor of the model that training changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// What it is called; made up where the file gives one name to several.
    pub name: String,
    /// The name in the file.
    pub source: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// What it is.
    pub kind: StateKind,
    /// Why it is taken for that.
    pub why: &'static str,
}

/// A float32 tensor of the model that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The name in the file.
    pub name: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// Why it does not train.
    pub why: &'static str,
}

/// An input or the output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extents, `None` where they are dynamic.
    pub dims: Vec<Option<usize>>,
}

impl Model {
    /// Reads an ONNX model of opset 11 to 23 with its weights inside. Whatever the bytes are, this ends in a model or
    /// an error.
    pub fn decode(bytes: &[u8], selection: &Selection) -> Result<Model, GraphError> {
        decode::decode(bytes, selection)
    }

    /// The inputs that the output depends on.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The output that the loss is of.
    pub fn output(&self) -> &Port {
        &self.output
    }

    /// What training changes: parameters and running statistics, in the file's order.
    pub fn learnt(&self) -> Vec<Learnt> {
        let learnt = |parameter: &roles::Parameter| {
            let source = self.name(parameter.source).to_owned();
            let shape = match &self.nodes[parameter.source.node].kind {
                Kind::Constant(tensor) => tensor.shape.clone(),
                _ => vec![],
            };
            Learnt { name: parameter.name.clone(), source, shape, kind: parameter.kind, why: parameter.why }
        };
        self.roles.parameters.iter().map(learnt).collect()
    }

    /// The float32 tensors that somebody reads and that stay as they are.
    pub fn kept(&self) -> Vec<Kept> {
        let kept = |kept: &roles::Kept| {
            let shape = match &self.nodes[kept.source.node].kind {
                Kind::Constant(tensor) => tensor.shape.clone(),
                _ => vec![],
            };
            Kept { name: self.name(kept.source).to_owned(), shape, why: kept.why }
        };
        self.roles.kept.iter().map(kept).collect()
    }

    /// Version of the standard operators.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Whether the output is computed by this operator.
    pub fn ends_in(&self, operator: &str) -> bool {
        self.nodes[self.sink.node].standard() == operator
    }

    /// Whether a node's outputs change with the input's elements or a parameter.
    pub(crate) fn varies(&self, node: usize) -> bool {
        self.varying.contains(&node)
    }

    /// The forward model in inference mode with every intermediate value as an output, to be run once at the real
    /// batch size.
    pub fn probe(&self) -> ProbeGraph {
        probe::probe(self)
    }

    /// The name of a value.
    pub(crate) fn name(&self, value: Value) -> &str {
        &self.nodes[value.node].outputs[value.slot]
    }

    /// Whether a value is the same whatever the input's elements and the parameters are.
    pub(crate) fn is_constant(&self, value: Value) -> bool {
        !self.varying.contains(&value.node)
    }

    /// The nodes the output depends on, in topological order.
    pub(crate) fn live(&self) -> Vec<usize> {
        reached(&self.nodes, self.sink.node)
    }

    /// What looks wrong though it can be trained.
    pub(crate) fn warnings(&self) -> Vec<String> {
        roles::warnings(self)
    }
}

/// The nodes that `sink` depends on, itself included, in topological order.
fn reached(nodes: &[Node<String>], sink: usize) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut queue = vec![sink];
    while let Some(node) = queue.pop() {
        if seen.insert(node) {
            queue.extend(nodes[node].inputs.iter().flatten().map(|value| value.node));
        }
    }
    let mut nodes: Vec<usize> = seen.into_iter().collect();
    nodes.sort_unstable();
    nodes
}

/// Finds the nodes that vary: those that read the input or a parameter, directly or not. Extents are no content.
fn varying(nodes: &[Node<String>], uses: &HashMap<(usize, usize), Use>) -> HashSet<usize> {
    let mut varying = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let varies = match &node.kind {
            Kind::Input(_) => true,
            Kind::Constant(_) => false,
            Kind::Op(op) => {
                let reads = |(slot, input): (usize, &Option<Value>)| {
                    uses.contains_key(&(index, slot))
                        || input.is_some_and(|value| varying.contains(&value.node))
                };
                let random =
                    op.kind.starts_with("Random") || op.kind == "Bernoulli" || op.kind == "Multinomial";
                let content = match op.kind.as_str() {
                    "Shape" | "Size" => 0,
                    // Of its second input only the type matters.
                    "CastLike" => 1,
                    _ => node.inputs.len(),
                };
                random || node.inputs.iter().enumerate().take(content).any(reads)
            }
        };
        if varies {
            varying.insert(index);
        }
    }
    varying
}
