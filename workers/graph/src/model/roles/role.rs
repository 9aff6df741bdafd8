//! What one constant is to one of its readers.

use super::Site;
use super::values::{computed, counted, made_up};
use crate::graph::{Kind, Node, Value};
use crate::state::{Fresh, StateKind};
use crate::tensor::Tensor;
use std::collections::HashMap;

/// What a constant is where it changes in training.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) kind: StateKind,
    pub(super) fresh: Fresh,
    pub(super) why: &'static str,
}

/// That, or why it stays as it is.
pub(super) type Role = Result<Known, &'static str>;

/// Operators that pass a tensor on with its elements unchanged.
const PASSING: [&str; 6] = ["Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"];
/// Operators that take numbers which say what to do.
const STEERED: [&str; 8] = ["CastLike", "Clip", "Dropout", "OneHot", "Pad", "Range", "Resize", "Upsample"];
/// How many passing operators between a weight and its use are looked through.
const DEPTH: usize = 8;

/// What is needed to say what one constant is to its readers.
pub(super) struct Scope<'a> {
    pub(super) nodes: &'a [Node<String>],
    pub(super) readers: &'a HashMap<usize, Vec<Site>>,
    pub(super) name: &'a str,
    /// The spec says that it trains.
    pub(super) forced: bool,
}

fn parameter(fresh: Fresh, why: &'static str) -> Role {
    Ok(Known { kind: StateKind::Parameter, fresh, why })
}

fn statistic(fresh: Fresh) -> Role {
    Ok(Known {
        kind: StateKind::RunningStatistic,
        fresh,
        why: "a running statistic of a batch normalisation",
    })
}

impl Scope<'_> {
    /// What `tensor`, which has become `shape` on its way, is to input `slot` of `node`.
    pub(super) fn role(&self, (node, slot): Site, tensor: &Tensor, shape: &[usize], depth: usize) -> Role {
        let reader = &self.nodes[node];
        if reader.standard() == "BatchNormalization" && slot > 2 {
            return statistic(if slot == 3 { Fresh::Zeros } else { Fresh::Ones });
        }
        if self.forced {
            return parameter(
                slotted(reader, slot, shape).map_or(Fresh::AsExported, |(fresh, _)| fresh),
                "named by `trainable`",
            );
        }
        if let Some(why) = computed(self.name, tensor) {
            return Err(why);
        }
        if let Some((fresh, why)) = slotted(reader, slot, shape) {
            if self.neutral(fresh, tensor) {
                return Err(
                    "is all ones or zeros with a name that an exporter made up: a normalisation without scale and bias",
                );
            }
            return parameter(self.with_fan(fresh, node), why);
        }
        match reader.standard() {
            "Add" if !shape.is_empty() => {
                if let Some(fan_in) = self.beside_weight(node, 1 - slot.min(1), 0) {
                    return parameter(Fresh::Bias { fan_in }, "is added to the product of a weight");
                }
            }
            passing if slot == 0 && PASSING.contains(&passing) && depth < DEPTH => {
                let sites = self.readers.get(&node).map_or(&[][..], Vec::as_slice);
                let moved = moved(reader, shape).ok_or("is rearranged in a way that is not understood")?;
                let roles = sites.iter().map(|&site| self.role(site, tensor, &moved, depth + 1));
                let roles: Vec<Role> = roles.collect();
                let known = roles.iter().find(|role| role.is_ok()).or(roles.first());
                return known.copied().unwrap_or(Err("nothing reads it"));
            }
            // PyTorch's older exporter cuts recurrent weights up and joins them in another order.
            "Slice" | "Concat" if depth < DEPTH => {
                let sites = self.readers.get(&node).map_or(&[][..], Vec::as_slice);
                let roles = sites.iter().map(|&site| self.role(site, tensor, shape, depth + 1));
                let recurrent = |known: &Known| {
                    matches!(known.fresh, Fresh::Recurrent { .. } | Fresh::RecurrentBias { .. })
                };
                if let Some(known) = roles.filter_map(Result::ok).find(recurrent) {
                    return Ok(known);
                }
            }
            _ => {}
        }
        self.by_name(reader, tensor)
    }

    /// Whether a scale or bias of a normalisation changes nothing and comes from no module.
    fn neutral(&self, fresh: Fresh, tensor: &Tensor) -> bool {
        let all = |value: f32| tensor.as_f32().is_some_and(|data| data.iter().all(|v| *v == value));
        let unchanged = match fresh {
            Fresh::Ones => all(1.0),
            Fresh::Zeros => all(0.0),
            _ => false,
        };
        unchanged && made_up(self.name)
    }

    /// What the name alone says, and for a learnt scale the product that it is in.
    fn by_name(&self, reader: &Node<String>, tensor: &Tensor) -> Role {
        // A single number may be added, but what it scales is no layer of its own.
        let vector = tensor.len() > 1 || (reader.standard() == "Add" && !tensor.shape.is_empty());
        if let Some(why) = counted(tensor) {
            return Err(why);
        }
        match (vector, made_up(self.name)) {
            _ if STEERED.contains(&reader.standard()) => Err("steers an operator"),
            (false, _) => Err("is a single number"),
            (true, false) => parameter(Fresh::AsExported, "carries the name of a parameter"),
            (true, true) if reader.standard() == "Mul" && self.name.starts_with("onnx::") => {
                parameter(Fresh::AsExported, "scales what it is multiplied with")
            }
            (true, true) => Err("is in no place of a weight, and its name was made up by an exporter"),
        }
    }

    /// The bias of a convolution or Gemm, with the inputs of the weight beside it.
    fn with_fan(&self, fresh: Fresh, node: usize) -> Fresh {
        match fresh {
            Fresh::Bias { .. } => Fresh::Bias { fan_in: self.fan_in(node).unwrap_or(1) },
            other => other,
        }
    }

    /// Inputs that each output of a convolution or product sums over, if one of its operands is a constant.
    fn fan_in(&self, node: usize) -> Option<usize> {
        let reader = &self.nodes[node];
        (0..2).find_map(|slot| {
            let shape = self.constant_shape(reader.input(slot)?, 0)?;
            match slotted(reader, slot, &shape)? {
                (Fresh::Weight { fan_in, .. }, _) => Some(fan_in),
                _ => None,
            }
        })
    }

    /// The extents of a value that is a constant, perhaps rearranged.
    fn constant_shape(&self, value: Value, depth: usize) -> Option<Vec<usize>> {
        let node = &self.nodes[value.node];
        match &node.kind {
            Kind::Constant(tensor) => Some(tensor.shape.clone()),
            Kind::Op(op) if depth < DEPTH && ["Identity", "Transpose"].contains(&op.kind.as_str()) => {
                moved(node, &self.constant_shape(node.input(0)?, depth + 1)?)
            }
            _ => None,
        }
    }

    /// The inputs of the weight whose product is at input `slot` of `node`, perhaps in another form.
    fn beside_weight(&self, node: usize, slot: usize, depth: usize) -> Option<usize> {
        let value = self.nodes[node].input(slot)?;
        match self.nodes[value.node].standard() {
            "MatMul" | "Gemm" | "Conv" | "ConvTranspose" => self.fan_in(value.node),
            passing if PASSING.contains(&passing) && depth < DEPTH => {
                self.beside_weight(value.node, 0, depth + 1)
            }
            _ => None,
        }
    }
}

/// What input `slot` of an operator is by its place; fans as `torch.nn.init` counts them.
fn slotted(reader: &Node<String>, slot: usize, shape: &[usize]) -> Option<(Fresh, &'static str)> {
    let at = |axis: usize| shape.get(axis).copied().unwrap_or(1);
    let field: usize = shape.iter().skip(2).product();
    let hidden = || reader.op().map_or(1, |op| usize::try_from(op.int("hidden_size", 1)).unwrap_or(1));
    Some(match (reader.standard(), slot) {
        // Of [outputs, inputs / group, …] and [inputs, outputs / group, …] PyTorch takes axis 1 for the inputs alike.
        ("Conv" | "ConvTranspose", 1) => {
            (Fresh::Weight { fan_in: at(1) * field, fan_out: at(0) * field }, "the weight of a convolution")
        }
        ("Gemm", 0 | 1) if shape.len() == 2 => {
            let name = if slot == 0 { "transA" } else { "transB" };
            let turned = reader.op().is_some_and(|op| op.int(name, 0) != 0);
            let last = (slot == 0) != turned;
            let (fan_in, fan_out) = if last { (at(1), at(0)) } else { (at(0), at(1)) };
            (Fresh::Weight { fan_in, fan_out }, "the weight of a matrix product")
        }
        ("MatMul", 0 | 1) if shape.len() >= 2 => {
            let (rows, columns) = (shape[shape.len() - 2], shape[shape.len() - 1]);
            let (fan_in, fan_out) = if slot == 0 { (columns, rows) } else { (rows, columns) };
            (Fresh::Weight { fan_in, fan_out }, "the weight of a matrix product")
        }
        ("Conv" | "ConvTranspose" | "Gemm", 2) => (Fresh::Bias { fan_in: 1 }, "the bias of a weight"),
        (norm, 1) if norm.ends_with("Normalization") => (Fresh::Ones, "the scale of a normalisation"),
        (norm, 2) if norm.ends_with("Normalization") => (Fresh::Zeros, "the bias of a normalisation"),
        ("Gather" | "GatherND", 0) if shape.len() > 1 => (Fresh::Embedding, "a table that is looked up"),
        ("PRelu", 1) => (Fresh::AsExported, "the slope of a PRelu"),
        ("LSTM" | "GRU" | "RNN", 1 | 2) => (
            Fresh::Recurrent { fan_in: shape.last().copied().unwrap_or(1), hidden: hidden() },
            "the weight of a recurrent operator",
        ),
        ("LSTM" | "GRU" | "RNN", 3) => {
            (Fresh::RecurrentBias { hidden: hidden() }, "the bias of a recurrent operator")
        }
        _ => return None,
    })
}

/// What a passing operator makes of `shape`, as far as fans depend on it.
fn moved(reader: &Node<String>, shape: &[usize]) -> Option<Vec<usize>> {
    match (reader.standard(), reader.op().and_then(|op| op.list("perm"))) {
        ("Transpose", None) => Some(shape.iter().rev().copied().collect()),
        ("Transpose", Some(order)) => {
            order.iter().map(|&axis| shape.get(usize::try_from(axis).ok()?).copied()).collect()
        }
        _ => Some(shape.to_vec()),
    }
}
