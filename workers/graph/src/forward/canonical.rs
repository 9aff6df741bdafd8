//! The one form of each operator: what exporters and opsets say in several ways is said in one here, so that a gradient
//! rule never looks at attributes that have defaults or at inputs that may be missing.

use super::{Importer, Mode, Site, Window};
use crate::GraphError;
use crate::graph::{Attr, Fact, Kind, Op, Value};
use crate::state::{Mask, StateKind};
use crate::tensor::{DType, Tensor, TensorData};

/// Adds the node that `site` describes and returns its outputs.
pub(super) fn build(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    if !site.op.domain.is_empty() {
        return Ok(plain(importer, site, site.op.clone()));
    }
    match site.op.kind.as_str() {
        "Identity" => Ok(vec![required(importer, site, 0)?]),
        "Dropout" => dropout(importer, site),
        "BatchNormalization" => batch_norm(importer, site),
        "Conv" => conv(importer, site),
        "MaxPool" | "AveragePool" => pool(importer, site),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            let x = required(importer, site, 0)?;
            Ok(vec![importer.graph.reshape(x, &site.facts[0].shape)])
        }
        kind if kind.starts_with("Reduce") => reduce(importer, site),
        "Softmax" | "LogSoftmax" => softmax(importer, site),
        "Transpose" if site.op.list("perm").is_none() => {
            let x = required(importer, site, 0)?;
            let order: Vec<usize> = (0..importer.graph.shape(x).len()).rev().collect();
            Ok(vec![importer.graph.transpose(x, &order)])
        }
        _ => Ok(plain(importer, site, site.op.clone())),
    }
}

/// The operator as it is.
fn plain(importer: &mut Importer, site: &Site, op: Op) -> Vec<Value> {
    let node = importer.graph.push(Kind::Op(op), site.inputs.clone(), site.facts.clone());
    (0..site.facts.len()).map(|slot| Value { node, slot }).collect()
}

fn error(importer: &Importer, site: &Site, reason: impl Into<String>) -> GraphError {
    importer.model.nodes[site.index].error(reason)
}

fn required(importer: &Importer, site: &Site, slot: usize) -> Result<Value, GraphError> {
    site.input(slot).ok_or_else(|| error(importer, site, format!("input {slot} is missing")))
}

/// Dropout-7 to -22: the ratio is an attribute before opset 12, an input after.
fn dropout(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let ratio = match site.input(1) {
        None => site.op.float("ratio", 0.5),
        Some(ratio) => match importer.graph.content(ratio).map(|tensor| &tensor.data) {
            Some(TensorData::F32(v)) if v.len() == 1 => v[0],
            Some(TensorData::F64(v)) if v.len() == 1 => v[0] as f32,
            _ => return Err(error(importer, site, "its ratio is not a constant number")),
        },
    };
    if !(0.0..1.0).contains(&ratio) {
        return Err(error(importer, site, format!("its ratio {ratio} is not in [0, 1)")));
    }
    if importer.mode == Mode::Inference || ratio == 0.0 {
        return Ok(vec![x]);
    }
    let shape = importer.graph.shape(x).to_vec();
    let name = crate::graph::unique(&mut importer.taken, &format!("mask:{}", importer.graph.origin));
    let mask = importer.graph.input(&name, DType::F32, &shape);
    importer.masks.push(Mask { name, shape, ratio });
    Ok(vec![importer.graph.mul(x, mask)])
}

/// BatchNormalization-9 to -15. In training mode a composite of batch statistics whatever the exporter left, and the
/// running statistics move by PyTorch's rule: towards the batch's mean and its variance with divisor n − 1.
fn batch_norm(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let mut inputs = [required(importer, site, 0)?; 5];
    for (slot, input) in inputs.iter_mut().enumerate() {
        *input = required(importer, site, slot)?;
    }
    let [x, scale, bias, mean, var] = inputs;
    let epsilon = Attr::Float(site.op.float("epsilon", 1e-5));
    let shape = importer.graph.shape(x).to_vec();
    if importer.mode == Mode::Inference {
        let op = Op::new("BatchNormalization").with("epsilon", epsilon);
        return Ok(vec![importer.graph.op(op, &inputs, &shape)]);
    }
    let &[_, channels, ..] = shape.as_slice() else {
        return Err(error(importer, site, "its input has no channel axis"));
    };
    let channels = [channels];
    let count = shape.iter().product::<usize>() / channels[0].max(1);
    if count < 2 {
        return Err(error(importer, site, "batch statistics need more than one value per channel"));
    }
    let op = Op::composite("BatchNorm").with("epsilon", epsilon);
    let shapes: [&[usize]; 3] = [&shape, &channels, &channels];
    let outputs = importer.graph.multi(op, &[x, scale, bias], &shapes);
    let keep = f64::from(site.op.float("momentum", 0.9));
    let unbiased = count as f64 / (count - 1) as f64;
    for (slot, running, batch, factor) in [(3, mean, outputs[1], 1.0), (4, var, outputs[2], unbiased)] {
        let parameter = importer.model.uses.get(&(site.index, slot)).map(|used| used.parameter);
        let Some(parameter) =
            parameter.filter(|&p| importer.model.parameters[p].kind == StateKind::RunningStatistic)
        else {
            return Err(error(importer, site, "its running statistics are not stored in the model"));
        };
        let old = importer.graph.scale(running, keep);
        let new = importer.graph.scale(batch, (1.0 - keep) * factor);
        let next = importer.graph.add(old, new);
        if let Some(held) = importer.held.get_mut(&parameter) {
            held.next = Some(next);
        }
    }
    Ok(vec![outputs[0]])
}

/// Conv-11: explicit padding, no bias of zeros.
fn conv(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let (x, w) = (required(importer, site, 0)?, required(importer, site, 1)?);
    let (input, weight) = (importer.graph.shape(x).to_vec(), importer.graph.shape(w).to_vec());
    let window = if input.len() > 2 && weight.len() == input.len() {
        Window::read(site.op, Some(&weight[2..]), &input[2..])
    } else {
        None
    };
    let window = window.ok_or_else(|| error(importer, site, "its attributes do not fit its input"))?;
    let group = Attr::Int(site.op.int("group", 1).max(1));
    let op = window.write(Op::new("Conv")).with("group", group);
    let zero = |bias: Value| {
        importer.graph.content(bias).and_then(|t| t.as_f32()).is_some_and(|v| v.iter().all(|&v| v == 0.0))
    };
    let bias = site.input(2).filter(|&bias| !zero(bias));
    let inputs: Vec<Value> = [Some(x), Some(w), bias].into_iter().flatten().collect();
    Ok(vec![importer.graph.op(op, &inputs, &site.facts[0].shape)])
}

/// MaxPool-12 and AveragePool-11 to -22: explicit padding, also for what ceiling mode reaches beyond it, because shape
/// inference and kernels disagree there; MaxPool always with Indices, which its gradient needs.
fn pool(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let input = importer.graph.shape(x).to_vec();
    let fact = site.facts[0].clone();
    let given = (input.len() > 2).then(|| Window::read(site.op, None, &input[2..])).flatten();
    let given = given.filter(|_| fact.shape.len() == input.len());
    let given = given.ok_or_else(|| error(importer, site, "its attributes do not fit its input"))?;
    let output = &fact.shape[2..];
    let mut window = given.clone();
    if site.op.int("ceil_mode", 0) != 0 {
        for (axis, reach) in window.reach(output).into_iter().enumerate() {
            window.after[axis] = reach.saturating_sub(window.before[axis] + input[2 + axis]);
        }
    }
    let mut op = window.write(Op::new(&site.op.kind));
    if op.kind == "MaxPool" {
        let indices = Fact { dtype: DType::I64, ..fact.clone() };
        let node = importer.graph.push(Kind::Op(op), vec![Some(x)], vec![fact, indices]);
        return Ok(vec![Value { node, slot: 0 }, Value { node, slot: 1 }]);
    }
    let include = site.op.int("count_include_pad", 0) != 0;
    op = op.with("count_include_pad", Attr::Int(i64::from(include)));
    // AveragePool has no dilations before opset 19.
    if window.dilation.iter().all(|&d| d == 1) {
        op.attrs.remove("dilations");
    }
    let y = importer.graph.op(op, &[x], &fact.shape);
    // What ceiling mode adds to the padding must not be counted.
    let [wanted, counted] = [&given, &window].map(|window| window.counts(&input[2..], output, include));
    if wanted == counted {
        return Ok(vec![y]);
    }
    let ratio = wanted.iter().zip(&counted).map(|(wanted, counted)| counted / wanted).collect();
    let ratio = importer.graph.constant(Tensor::f32(output, ratio));
    Ok(vec![importer.graph.mul(y, ratio)])
}

/// Reductions: axes as an input of non-negative numbers (attribute before opset 18, 13 for ReduceSum).
fn reduce(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let rank = importer.graph.shape(x).len();
    let given = match site.input(1) {
        Some(axes) => match importer.graph.content(axes).and_then(|tensor| tensor.to_i64()) {
            Some(axes) => Some(axes),
            None => return Err(error(importer, site, "its axes are not constant")),
        },
        None => site.op.list("axes").map(<[i64]>::to_vec),
    };
    let given = given.filter(|axes| !axes.is_empty());
    let axes: Vec<usize> = match given {
        Some(axes) => axes.iter().filter_map(|&axis| absolute(axis, rank)).collect(),
        None if site.op.int("noop_with_empty_axes", 0) != 0 => return Ok(vec![x]),
        None => (0..rank).collect(),
    };
    let keep = site.op.int("keepdims", 1) != 0;
    Ok(vec![importer.graph.reduce(&site.op.kind, x, &axes, keep)])
}

/// Softmax-13 works along one axis; before, it worked on everything from `axis` (default 1) on.
fn softmax(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let old = importer.model.opset < 13;
    let axis = absolute(site.op.int("axis", if old { 1 } else { -1 }), shape.len());
    let axis = axis.ok_or_else(|| error(importer, site, "its axis is out of range"))?;
    let op = |axis: usize| Op::new(&site.op.kind).with("axis", Attr::Int(axis as i64));
    if !old || axis + 1 == shape.len() {
        return Ok(vec![importer.graph.op(op(axis), &[x], &shape)]);
    }
    let flat = [shape[..axis].iter().product(), shape[axis..].iter().product()];
    let rows = importer.graph.reshape(x, &flat);
    let y = importer.graph.op(op(1), &[rows], &flat);
    Ok(vec![importer.graph.reshape(y, &shape)])
}

/// An axis counted from the end where it is negative.
fn absolute(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}
