//! What trains: which initialisers are parameters or running statistics, and how a fresh start fills them.
//!
//! Exporters merge equal constants, so a constant-valued initialiser becomes one parameter per use; others that are
//! equal bit for bit, also up to transposition, are one tied parameter.

use super::Model;
use crate::graph::{Kind, Node, Value};
use crate::state::{Fresh, StateKind};
use crate::tensor::Tensor;
use std::collections::HashMap;

/// A tensor of the model that training changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// The constant that holds its exported value.
    pub(crate) source: Value,
    pub(crate) kind: StateKind,
    pub(crate) fresh: Fresh,
}

/// How a node's input reads a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// Index among the model's parameters.
    pub(crate) parameter: usize,
    /// The node wants it transposed: the exporter stored a tied matrix twice.
    pub(crate) transposed: bool,
}

type Uses = HashMap<(usize, usize), Use>;
type Readers = HashMap<usize, Vec<(usize, usize)>>;

/// Finds every parameter and running statistic and who reads it.
pub(super) fn assign(nodes: &[Node<String>]) -> (Vec<Parameter>, Uses) {
    let mut readers = Readers::new();
    for (index, node) in nodes.iter().enumerate() {
        for (slot, value) in node.inputs.iter().enumerate() {
            if let Some(value) = value {
                readers.entry(value.node).or_default().push((index, slot));
            }
        }
    }
    let mut found = Found::default();
    for (index, node) in nodes.iter().enumerate() {
        if let (Kind::Constant(tensor), Some(sites)) = (&node.kind, readers.get(&index)) {
            let Some(data) = tensor.as_f32() else { continue };
            let scope = Scope { nodes, readers: &readers, name: &node.outputs[0] };
            let roles: Vec<Role> = sites.iter().map(|&site| scope.role(site, &tensor.shape, 0)).collect();
            let flat = data.iter().all(|v| v.to_bits() == data[0].to_bits());
            found.constant(index, nodes, tensor, sites, &roles, flat);
        }
    }
    (found.parameters, found.uses)
}

type Role = Option<(StateKind, Fresh)>;

#[derive(Default)]
struct Found {
    parameters: Vec<Parameter>,
    uses: Uses,
    /// Parameters that are not constant-valued, by extents and bits.
    seen: HashMap<(Vec<usize>, Vec<u32>), usize>,
}

impl Found {
    fn constant(
        &mut self,
        index: usize,
        nodes: &[Node<String>],
        tensor: &Tensor,
        sites: &[(usize, usize)],
        roles: &[Role],
        flat: bool,
    ) {
        let Some((kind, fresh)) = roles.iter().flatten().next().copied() else {
            return;
        };
        let source = Value { node: index, slot: 0 };
        let name = nodes[index].outputs[0].clone();
        if flat && sites.len() > 1 {
            for (&site, role) in sites.iter().zip(roles) {
                let Some((kind, fresh)) = *role else { continue };
                let name = format!("{name}@{}", nodes[site.0].name);
                self.add(Parameter { name, source, kind, fresh }, &[site]);
            }
            return;
        }
        let key = |tensor: &Tensor| {
            let bits = tensor.as_f32().unwrap_or_default().iter().map(|v| v.to_bits()).collect();
            (tensor.shape.clone(), bits)
        };
        if flat || kind != StateKind::Parameter {
            self.add(Parameter { name, source, kind, fresh }, sites);
            return;
        }
        let straight = self.seen.get(&key(tensor)).map(|&parameter| Use { parameter, transposed: false });
        let turned = || {
            let parameter = *self.seen.get(&key(&transposed(tensor)?))?;
            Some(Use { parameter, transposed: true })
        };
        match straight.or_else(turned) {
            Some(tied) => self.uses.extend(sites.iter().map(|&site| (site, tied))),
            None => {
                self.seen.insert(key(tensor), self.parameters.len());
                self.add(Parameter { name, source, kind, fresh }, sites);
            }
        }
    }

    fn add(&mut self, parameter: Parameter, sites: &[(usize, usize)]) {
        let tied = Use { parameter: self.parameters.len(), transposed: false };
        self.uses.extend(sites.iter().map(|&site| (site, tied)));
        self.parameters.push(parameter);
    }
}

fn transposed(tensor: &Tensor) -> Option<Tensor> {
    let (data, [rows, columns]) = (tensor.as_f32()?, <[usize; 2]>::try_from(tensor.shape.as_slice()).ok()?);
    let turned = (0..columns).flat_map(|c| (0..rows).map(move |r| data[r * columns + c])).collect();
    Some(Tensor::f32(&[columns, rows], turned))
}

/// Operators that pass a tensor on with its elements unchanged.
const PASSING: [&str; 6] = ["Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"];
/// How many passing operators between a weight and its use are looked through.
const DEPTH: usize = 8;

/// What is needed to say what one constant is to its readers.
struct Scope<'a> {
    nodes: &'a [Node<String>],
    readers: &'a Readers,
    name: &'a str,
}

impl Scope<'_> {
    /// What a tensor of `shape` is to input `slot` of `node`; nothing where it stays as it is.
    fn role(&self, (node, slot): (usize, usize), shape: &[usize], depth: usize) -> Role {
        let parameter = |fresh| Some((StateKind::Parameter, fresh));
        let statistic = |fresh| Some((StateKind::RunningStatistic, fresh));
        let reader = &self.nodes[node];
        let vector = !shape.is_empty() && shape.iter().product::<usize>() > 1;
        match (reader.standard(), slot) {
            ("Conv", 1) => parameter(Fresh::Normal { fan_in: shape.iter().skip(1).product() }),
            ("Conv" | "ConvTranspose" | "Gemm", 2) => parameter(Fresh::Zeros),
            ("ConvTranspose", 1) => parameter(Fresh::Normal { fan_in: shape.first().copied().unwrap_or(1) }),
            ("Gemm", 1) => {
                let turned = reader.op().is_some_and(|op| op.int("transB", 0) != 0);
                parameter(Fresh::Normal { fan_in: shape.get(usize::from(turned)).copied().unwrap_or(1) })
            }
            ("MatMul", 0 | 1) if shape.len() >= 2 => {
                parameter(Fresh::Normal { fan_in: shape[shape.len() - 1 - slot] })
            }
            (
                "BatchNormalization" | "LayerNormalization" | "InstanceNormalization" | "GroupNormalization",
                1,
            ) => parameter(Fresh::Ones),
            (
                "BatchNormalization" | "LayerNormalization" | "InstanceNormalization" | "GroupNormalization",
                2,
            ) => parameter(Fresh::Zeros),
            ("BatchNormalization", 3) => statistic(Fresh::Zeros),
            ("BatchNormalization", 4) => statistic(Fresh::Ones),
            ("Gather", 0) | ("PRelu", 1) | ("LSTM" | "GRU" | "RNN", 1..=3) => parameter(Fresh::AsExported),
            ("Add", _) if !shape.is_empty() && self.beside_weight(node, 1 - slot.min(1), 0) => {
                parameter(Fresh::Zeros)
            }
            ("Add", _) if !shape.is_empty() && self.named() => parameter(Fresh::AsExported),
            ("Mul", _) if vector && self.named() => parameter(Fresh::AsExported),
            (passing, 0) if PASSING.contains(&passing) && depth < DEPTH => {
                let order = reader.op().and_then(|op| op.list("perm"));
                let moved: Option<Vec<usize>> = match (passing, order) {
                    ("Transpose", None) => Some(shape.iter().rev().copied().collect()),
                    ("Transpose", Some(order)) => {
                        order.iter().map(|&axis| shape.get(usize::try_from(axis).ok()?).copied()).collect()
                    }
                    _ => Some(shape.to_vec()),
                };
                let (moved, sites) = (moved?, self.readers.get(&node)?);
                sites.iter().find_map(|&site| self.role(site, &moved, depth + 1))
            }
            _ => None,
        }
    }

    /// Whether input `slot` of `node` is the product of a weight, perhaps in another form.
    fn beside_weight(&self, node: usize, slot: usize, depth: usize) -> bool {
        let Some(value) = self.nodes[node].input(slot) else {
            return false;
        };
        match self.nodes[value.node].standard() {
            "MatMul" | "Gemm" | "Conv" | "ConvTranspose" => true,
            passing => {
                PASSING.contains(&passing) && depth < DEPTH && self.beside_weight(value.node, 0, depth + 1)
            }
        }
    }

    /// Whether the constant carries a name that modules give to parameters, not one that an exporter made up.
    fn named(&self) -> bool {
        is_parameter_name(self.name)
    }
}

fn is_parameter_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = ["weight", "bias", "gamma", "beta", "scale", "kernel", "embed", "token"];
    !name.starts_with("onnx::") && !name.contains("constant") && words.iter().any(|word| name.contains(word))
}

/// What looks as if an exporter had folded or dropped parameters.
pub(super) fn warnings(model: &Model) -> Vec<String> {
    let live: Vec<&Node<String>> = model.live().into_iter().map(|index| &model.nodes[index]).collect();
    let mut warnings = Vec::new();
    let convs: Vec<_> = live.iter().filter(|node| node.standard() == "Conv").collect();
    let normalised = live.iter().any(|node| node.standard().ends_with("Normalization"));
    // Folding replaces the module's tensors by new ones, with names such as `onnx::Conv_25`, or leaves a convolution
    // that had no bias, since normalisation has one, and whose folded bias was all zeros.
    let made_up = |value: Option<Value>| value.is_none_or(|value| !is_parameter_name(model.name(value)));
    let folded = convs.iter().filter(|node| made_up(node.input(1)) || made_up(node.input(2))).count();
    if folded > 0 && !normalised {
        warnings.push(format!(
            "{folded} of {} convolutions have no bias or carry names that an exporter made up, and nothing is normalised: \
             batch normalisation has probably been folded away, and is not trained\n\nhint: export with \
             `dynamo=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False`",
            convs.len()
        ));
    }
    for node in live.iter().filter(|node| node.standard() == "Gemm" && node.input(2).is_none()) {
        if let Some(weight) = node.input(1).map(|value| model.name(value)) {
            warnings.push(format!(
                "weight `{weight}` has no bias: the exporter may have dropped one that was all zeros"
            ));
        }
    }
    warnings
}
