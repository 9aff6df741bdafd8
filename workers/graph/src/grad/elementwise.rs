//! Elementwise operators of two inputs, which broadcast (ONNX Add-14, Sub-14, Mul-14, Div-14): each gradient is summed
//! back to its input's extents.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// The gradients of both inputs, made only where wanted, summed to the inputs' extents.
fn both(
    graph: &mut Graph,
    site: &Site,
    left: impl Fn(&mut Graph) -> Value,
    right: impl Fn(&mut Graph) -> Value,
) -> Grads {
    let parts: [&dyn Fn(&mut Graph) -> Value; 2] = [&left, &right];
    let mut grads = Vec::new();
    for (slot, part) in parts.into_iter().enumerate() {
        grads.push(site.wants(slot).then(|| {
            let full = part(graph);
            let shape = graph.shape(site.x(slot)).to_vec();
            graph.sum_to(full, &shape)
        }));
    }
    grads
}

pub(crate) fn add(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let dy = site.dy()?;
    Ok(both(graph, site, |_| dy, |_| dy))
}

pub(crate) fn sub(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let dy = site.dy()?;
    Ok(both(graph, site, |_| dy, |graph| graph.unary("Neg", dy)))
}

pub(crate) fn mul(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, a, b) = (site.dy()?, site.x(0), site.x(1));
    Ok(both(graph, site, |graph| graph.mul(dy, b), |graph| graph.mul(dy, a)))
}

/// `d(a/b) = da/b − (a/b)·db/b`
pub(crate) fn div(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, y, b) = (site.dy()?, site.y(0), site.x(1));
    let right = |graph: &mut Graph| {
        let product = graph.mul(dy, y);
        let ratio = graph.div(product, b);
        graph.unary("Neg", ratio)
    };
    Ok(both(graph, site, |graph| graph.div(dy, b), right))
}
