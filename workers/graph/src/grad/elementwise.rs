//! Elementwise operators of several inputs, which broadcast (ONNX Add-14, Sub-14, Mul-14, Div-14, Mod-13, Max-13, Min-13,
//! Where-16): each gradient is summed back to its input's extents.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// The gradients of the first two inputs.
fn both(
    graph: &mut Graph,
    site: &Site,
    left: impl FnOnce(&mut Graph) -> Value,
    right: impl FnOnce(&mut Graph) -> Value,
) -> Grads {
    vec![site.summed(graph, 0, left), site.summed(graph, 1, right)]
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

/// `y = a − q·b` with a whole q, which is constant between its jumps: `da = dy`, `db = −q·dy = dy·(y − a)/b`.
pub(crate) fn modulo(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, a, b, y) = (site.dy()?, site.x(0), site.x(1), site.y(0));
    let right = |graph: &mut Graph| {
        let multiple = graph.sub(y, a);
        let quotient = graph.div(multiple, b);
        graph.mul(dy, quotient)
    };
    Ok(both(graph, site, |_| dy, right))
}

/// Max of two: the larger one gets the gradient, equal ones half each, as in PyTorch.
pub(crate) fn max(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    extreme(graph, site, ["Greater", "GreaterOrEqual"])
}

/// Min of two, as [`max`].
pub(crate) fn min(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    extreme(graph, site, ["Less", "LessOrEqual"])
}

fn extreme(graph: &mut Graph, site: &Site, comparisons: [&str; 2]) -> Result<Grads, GraphError> {
    let dy = site.dy()?;
    let [strictly, weakly] = comparisons.map(|kind| graph.indicator(kind, site.x(0), site.x(1)));
    let twice = graph.add(strictly, weakly);
    let share = graph.scale(twice, 0.5);
    let left = graph.mul(dy, share);
    Ok(both(graph, site, |_| left, |graph| graph.sub(dy, left)))
}

/// Each branch gets the gradient where it was taken. Not a product with a mask: 0 times an infinite gradient is no zero.
pub(crate) fn select(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, condition, shape) = (site.dy()?, site.x(0), graph.shape(site.y(0)).to_vec());
    let zero = graph.scalar(0.0);
    let first = site.summed(graph, 1, |graph| graph.select(condition, dy, zero, &shape));
    let second = site.summed(graph, 2, |graph| graph.select(condition, zero, dy, &shape));
    Ok(vec![None, first, second])
}
