//! Elementwise activations: gradients from the output where that is enough, so that the input need not be kept.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};
use crate::tensor::DType;

/// Relu-14: `dx = dy · [y > 0]`
pub(crate) fn relu(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let zero = graph.scalar(0.0);
    let positive = indicator(graph, "Greater", site.y(0), zero);
    Ok(vec![Some(graph.mul(site.dy()?, positive))])
}

/// 1 where the comparison holds, else 0. A product with it is many times as fast as Where on ONNX Runtime's CPU
/// provider.
fn indicator(graph: &mut Graph, comparison: &str, a: Value, b: Value) -> Value {
    let holds = graph.compare(comparison, a, b);
    graph.cast(holds, DType::F32)
}

/// LeakyRelu-16: slope `alpha` (default 0.01) where x < 0, else 1.
pub(crate) fn leaky_relu(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let alpha = f64::from(site.op().float("alpha", 0.01));
    let zero = graph.scalar(0.0);
    let negative = indicator(graph, "Less", site.x(0), zero);
    let excess = graph.scale(negative, alpha - 1.0);
    let one = graph.scalar(1.0);
    let slope = graph.add(excess, one);
    Ok(vec![Some(graph.mul(site.dy()?, slope))])
}

/// Sigmoid-13: `dx = dy · y · (1 − y)`
pub(crate) fn sigmoid(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, y) = (site.dy()?, site.y(0));
    let slope = minus(graph, y, |graph| graph.mul(y, y));
    Ok(vec![Some(graph.mul(dy, slope))])
}

/// Tanh-13: `dx = dy · (1 − y²)`
pub(crate) fn tanh(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, y) = (site.dy()?, site.y(0));
    let one = graph.scalar(1.0);
    let slope = minus(graph, one, |graph| graph.mul(y, y));
    Ok(vec![Some(graph.mul(dy, slope))])
}

fn minus(graph: &mut Graph, a: Value, b: impl Fn(&mut Graph) -> Value) -> Value {
    let b = b(graph);
    graph.sub(a, b)
}

/// Clip-13: the gradient passes where `min ≤ x ≤ max`, both inclusive as in PyTorch; the bounds do not train.
pub(crate) fn clip(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let mut dx = site.dy()?;
    for (slot, inside) in [(1, "GreaterOrEqual"), (2, "LessOrEqual")] {
        if let Some(bound) = site.node.input(slot) {
            let passes = indicator(graph, inside, site.x(0), bound);
            dx = graph.mul(dx, passes);
        }
    }
    Ok(vec![Some(dx)])
}
