//! Elementwise operators: one type conversion, two inputs where ONNX allows any number.

use super::super::{Importer, Site};
use super::{error, plain, required};
use crate::GraphError;
use crate::graph::Value;
use crate::tensor::DType;

/// Cast-9 to -23 and CastLike-15 to -23 as Cast without `saturate`, which only 8-bit floats know; nothing where the type
/// stays.
pub(super) fn cast(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let (x, dtype) = (required(importer, site, 0)?, site.facts[0].dtype);
    if importer.graph.fact(x).dtype == dtype {
        return Ok(vec![x]);
    }
    Ok(vec![importer.graph.cast(x, dtype)])
}

/// Max, Min, Sum and Mean of any number of inputs, pair by pair; the gradient's rule for ties is that of pairs.
pub(super) fn fold(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let mut all = required(importer, site, 0)?;
    let kind = site.op.kind.as_str();
    if kind == "Mean" && importer.graph.fact(all).dtype != DType::F32 {
        return Ok(plain(importer, site, site.op.clone()));
    }
    for slot in 1..site.inputs.len() {
        let next = required(importer, site, slot)?;
        all = importer.graph.binary(if ["Sum", "Mean"].contains(&kind) { "Add" } else { kind }, all, next);
    }
    if kind == "Mean" {
        all = importer.graph.scale(all, 1.0 / site.inputs.len() as f64);
    }
    Ok(vec![all])
}

/// Pow-7 to -15: the exponent in the type of the base.
pub(super) fn pow(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let (x, exponent) = (required(importer, site, 0)?, required(importer, site, 1)?);
    let (base, dtype) = (importer.graph.fact(x).dtype, importer.graph.fact(exponent).dtype);
    if base != DType::F32 || dtype == DType::F32 {
        return Ok(plain(importer, site, site.op.clone()));
    }
    let content = importer.graph.content(exponent).map(|tensor| (tensor.shape.clone(), tensor.to_f32()));
    let exponent = match content {
        Some((shape, Some(values))) => importer.graph.constant(crate::Tensor::f32(&shape, values)),
        Some((_, None)) => return Err(error(importer, site, "its exponent is of an unsupported type")),
        None => importer.graph.cast(exponent, DType::F32),
    };
    Ok(vec![importer.graph.binary("Pow", x, exponent)])
}
