//! Operators that move or repeat whole axes.

use super::super::{Importer, Site};
use super::{axis, error, known, required};
use crate::GraphError;
use crate::graph::{Attr, Op, Value};

/// Concat-11: the axis counted from the front.
pub(super) fn concat(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let mut parts = Vec::new();
    for slot in 0..site.inputs.len() {
        parts.push(required(importer, site, slot)?);
    }
    let axis = axis(importer, site, 0, site.facts[0].shape.len())?;
    Ok(vec![importer.graph.concat(&parts, axis)])
}

/// Expand-8: to the extents of the result.
pub(super) fn expand(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    Ok(vec![importer.graph.expand(x, &site.facts[0].shape)])
}

/// Tile-6: constant repeats.
pub(super) fn tile(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let (x, shape) = (required(importer, site, 0)?, &site.facts[0].shape);
    let input = importer.graph.shape(x);
    if input.len() != shape.len() {
        return Err(error(importer, site, "its repeats do not fit its input"));
    }
    let repeats: Vec<usize> = shape.iter().zip(input).map(|(whole, &extent)| whole / extent.max(1)).collect();
    let repeats = importer.graph.ints(&repeats);
    Ok(vec![importer.graph.op(Op::new("Tile"), &[x, repeats], shape)])
}

/// Split-2 to -18 with the extents of the parts as a constant input, which all opsets from 13 on know.
pub(super) fn split(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let axis = axis(importer, site, 0, importer.graph.shape(x).len())?;
    let (extent, count) = (importer.graph.shape(x)[axis], site.facts.len());
    let sizes = match (known(importer, site, 1), site.op.list("split")) {
        (Some(sizes), _) => sizes,
        (None, Some(sizes)) => sizes.to_vec(),
        (None, None) if site.input(1).is_none() => even(extent, extent.div_ceil(count), count),
        (None, None) => return Err(error(importer, site, "the extents of its parts are not constant")),
    };
    if sizes.len() != count {
        return Err(error(importer, site, "it has another number of outputs than of parts"));
    }
    parts(importer, x, axis, &sizes)
        .ok_or_else(|| error(importer, site, "its parts do not add up to its input"))
}

/// `count` parts of `size`, the last ones smaller where `extent` does not suffice.
pub(super) fn even(extent: usize, size: usize, count: usize) -> Vec<i64> {
    (0..count).map(|part| extent.saturating_sub(part * size).min(size) as i64).collect()
}

/// Cuts `x` into parts of these extents along `axis`; nothing where they do not add up.
pub(super) fn parts(importer: &mut Importer, x: Value, axis: usize, sizes: &[i64]) -> Option<Vec<Value>> {
    let shape = importer.graph.shape(x).to_vec();
    let mut shapes = Vec::new();
    let mut rest = shape[axis];
    for &size in sizes {
        let size = usize::try_from(size).ok()?;
        rest = rest.checked_sub(size)?;
        let mut part = shape.clone();
        part[axis] = size;
        shapes.push(part);
    }
    if rest != 0 {
        return None;
    }
    let sizes = importer.graph.ints(sizes);
    let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    Some(importer.graph.multi(Op::new("Split").with("axis", Attr::Int(axis as i64)), &[x, sizes], &shapes))
}

/// DepthToSpace-11 and SpaceToDepth-1 as what they are: a transposition between two shapes.
pub(super) fn blocks(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let bad = |importer: &Importer| error(importer, site, "its block size does not fit its input");
    let block = usize::try_from(site.op.int("blocksize", 0)).ok().filter(|&block| block > 0);
    let (Some(block), &[n, c, h, w]) = (block, importer.graph.shape(x)) else {
        return Err(bad(importer));
    };
    let to_depth = site.op.kind == "SpaceToDepth";
    let area = block.checked_mul(block).ok_or_else(|| bad(importer))?;
    let fits = if to_depth { h % block == 0 && w % block == 0 } else { c % area == 0 };
    if !fits {
        return Err(bad(importer));
    }
    let (split, order) = if to_depth {
        ([n, c, h / block, block, w / block, block], [0, 3, 5, 1, 2, 4])
    } else if site.op.text("mode") == Some("CRD") {
        ([n, c / area, block, block, h, w], [0, 1, 4, 2, 5, 3])
    } else {
        ([n, block, block, c / area, h, w], [0, 3, 4, 1, 5, 2])
    };
    let split = importer.graph.reshape(x, &split);
    let moved = importer.graph.transpose(split, &order);
    Ok(vec![importer.graph.reshape(moved, &site.facts[0].shape)])
}
