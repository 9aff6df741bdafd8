//! The one form of each operator: what exporters and opsets say in several ways is said in one here, so that a gradient
//! rule never looks at attributes that have defaults or at inputs that may be missing.

mod attention;
mod conv_transpose;
mod einsum;
mod elementwise;
mod gelu;
mod norm;
mod normalize;
mod recurrent;
mod reduce;
mod resize;
mod sequence;
mod shape;
mod slice;
mod sliding;

pub(super) use sequence::{Outcome, sequence};

use super::{Importer, Mode, Site};
use crate::GraphError;
use crate::graph::{Kind, Op, Value};
use crate::state::Mask;
use crate::tensor::{DType, TensorData};

/// Adds the node that `site` describes and returns its outputs.
pub(super) fn build(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    if !site.op.domain.is_empty() {
        return Ok(plain(importer, site, site.op.clone()));
    }
    match site.op.kind.as_str() {
        "Identity" => Ok(vec![required(importer, site, 0)?]),
        "Dropout" => dropout(importer, site),
        "BatchNormalization" => norm::batch_norm(importer, site),
        "Conv" => sliding::conv(importer, site),
        "MaxPool" | "AveragePool" => sliding::pool(importer, site),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            let x = required(importer, site, 0)?;
            Ok(vec![importer.graph.reshape(x, &site.facts[0].shape)])
        }
        "Cast" | "CastLike" => elementwise::cast(importer, site),
        "Mul" => Ok(match gelu::gelu(importer, site) {
            Some(gelu) => vec![gelu],
            None => plain(importer, site, site.op.clone()),
        }),
        "Max" | "Min" | "Sum" | "Mean" => elementwise::fold(importer, site),
        "Pow" => elementwise::pow(importer, site),
        "Concat" => shape::concat(importer, site),
        "DepthToSpace" | "SpaceToDepth" => shape::blocks(importer, site),
        "Expand" => shape::expand(importer, site),
        "Split" => shape::split(importer, site),
        "Tile" => shape::tile(importer, site),
        "Gather" => slice::gather(importer, site),
        "Pad" => slice::pad(importer, site),
        "Slice" => slice::slice(importer, site),
        "LSTM" | "GRU" | "RNN" => recurrent::recurrent(importer, site),
        "LayerNormalization" => normalize::layer(importer, site, true),
        "RMSNormalization" => normalize::layer(importer, site, false),
        "InstanceNormalization" | "GroupNormalization" => normalize::group(importer, site),
        "MeanVarianceNormalization" => normalize::mean_variance(importer, site),
        "LpNormalization" => normalize::unit_length(importer, site),
        "LRN" => normalize::local_response(importer, site),
        "ConvTranspose" => conv_transpose::conv_transpose(importer, site),
        "Resize" => resize::resize(importer, site),
        "Einsum" => einsum::einsum(importer, site),
        "Attention" => attention::attention(importer, site),
        kind if kind.starts_with("Reduce") => reduce::reduce(importer, site),
        "Softmax" | "LogSoftmax" | "Hardmax" => reduce::softmax(importer, site),
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

/// The whole numbers at input `slot` if they are known, which extents and bounds should be.
fn known(importer: &Importer, site: &Site, slot: usize) -> Option<Vec<i64>> {
    importer.graph.content(site.input(slot)?).and_then(|tensor| tensor.to_i64())
}

/// Attribute `axis` counted from the front, of an input of `rank` axes.
fn axis(importer: &Importer, site: &Site, default: i64, rank: usize) -> Result<usize, GraphError> {
    let axis = absolute(site.op.int("axis", default), rank);
    axis.ok_or_else(|| error(importer, site, "its axis is out of range"))
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

/// An axis counted from the end where it is negative.
fn absolute(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}
