//! Reductions and softmax: what works along axes.

use super::super::{Importer, Site};
use super::{absolute, axis, error, known, required};
use crate::GraphError;
use crate::graph::{Attr, Op, Value};

/// Reductions: axes as an input of non-negative numbers (attribute before opset 18, 13 for ReduceSum).
pub(super) fn reduce(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let rank = importer.graph.shape(x).len();
    let given = match site.input(1) {
        Some(_) => match known(importer, site, 1) {
            Some(axes) => Some(axes),
            None => return Err(error(importer, site, "its axes are not constant")),
        },
        None => site.op.list("axes").map(<[i64]>::to_vec),
    };
    let given = given.filter(|axes| !axes.is_empty());
    let axes: Vec<usize> = match given {
        Some(axes) => {
            let axes: Option<_> = axes.iter().map(|&axis| absolute(axis, rank)).collect();
            axes.ok_or_else(|| error(importer, site, "its axes are out of range"))?
        }
        None if site.op.int("noop_with_empty_axes", 0) == 1 => return Ok(vec![x]),
        None => (0..rank).collect(),
    };
    if rank == 0 {
        let x = importer.graph.reshape(x, &[1]);
        return Ok(vec![importer.graph.reduce(&site.op.kind, x, &[0], false)]);
    }
    let keep = site.op.int("keepdims", 1) == 1;
    Ok(vec![importer.graph.reduce(&site.op.kind, x, &axes, keep)])
}

/// Softmax-13 works along one axis; before, it worked on everything from `axis` (default 1) on.
pub(super) fn softmax(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let old = importer.model.opset < 13;
    let axis = axis(importer, site, if old { 1 } else { -1 }, shape.len())?;
    let op = |axis: usize| Op::new(&site.op.kind).with("axis", Attr::Int(axis as i64));
    if !old || axis + 1 == shape.len() {
        return Ok(vec![importer.graph.op(op(axis), &[x], &shape)]);
    }
    let flat = [shape[..axis].iter().product(), shape[axis..].iter().product()];
    let rows = importer.graph.reshape(x, &flat);
    let y = importer.graph.op(op(1), &[rows], &flat);
    Ok(vec![importer.graph.reshape(y, &shape)])
}
