//! Operators that move or repeat whole axes. Flatten, Squeeze and Unsqueeze arrive here as Reshape.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::Graph;

/// Reshape-14.
pub(crate) fn reshape(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.x(0)).to_vec();
    Ok(vec![Some(graph.reshape(site.dy()?, &shape))])
}

/// Transpose-13: the inverse permutation.
pub(crate) fn transpose(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let order = site.op().list("perm").unwrap_or_default();
    let mut inverse = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        inverse[from as usize] = to;
    }
    Ok(vec![Some(graph.transpose(site.dy()?, &inverse))])
}

/// Expand-13: the sum over what was repeated.
pub(crate) fn expand(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let dy = site.dy()?;
    Ok(vec![site.summed(graph, 0, |_| dy)])
}

/// Tile-13: every axis as (repeats, extent), summed over the repeats.
pub(crate) fn tile(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, shape) = (site.dy()?, graph.shape(site.x(0)).to_vec());
    let pairs = graph.shape(dy).iter().zip(&shape);
    let pairs: Vec<usize> = pairs.flat_map(|(&whole, &extent)| [whole / extent.max(1), extent]).collect();
    let repeats: Vec<usize> =
        (0..shape.len()).map(|axis| 2 * axis).filter(|&axis| pairs[axis] != 1).collect();
    let split = graph.reshape(dy, &pairs);
    let summed = graph.sum(split, &repeats);
    Ok(vec![Some(graph.reshape(summed, &shape))])
}

/// Concat-13: each input's part.
pub(crate) fn concat(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, axis) = (site.dy()?, site.op().int("axis", 0) as usize);
    let mut start = 0;
    let mut grads = Vec::new();
    for slot in 0..site.node.inputs.len() {
        let count = graph.shape(site.x(slot))[axis];
        grads.push(site.wants(slot).then(|| graph.slice(dy, &[axis], &[start], &[1], &[count])));
        start += count as i64;
    }
    Ok(grads)
}

/// Split-13: the parts together, zeros for those that nothing depends on.
pub(crate) fn split(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let mut parts = Vec::new();
    for (slot, dy) in site.dys.iter().enumerate() {
        parts.push(dy.unwrap_or_else(|| graph.zeros(&site.node.outputs[slot].shape)));
    }
    Ok(vec![Some(graph.concat(&parts, site.op().int("axis", 0) as usize))])
}
