//! Operators that move elements without changing them. Flatten, Squeeze and Unsqueeze arrive here as Reshape.

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
