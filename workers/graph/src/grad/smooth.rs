//! Smooth elementwise activations: gradients from the output where that is enough.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Op, Value};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// The cubic term of Gelu's approximation by tanh.
const CUBIC: f64 = 0.044715;

/// Sigmoid-13: `dx = dy · y · (1 − y)`
pub(crate) fn sigmoid(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let y = site.y(0);
    let square = graph.mul(y, y);
    let slope = graph.sub(y, square);
    site.times(graph, slope)
}

/// Tanh-13: `dx = dy · (1 − y²)`
pub(crate) fn tanh(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let slope = one_less_square(graph, site.y(0));
    site.times(graph, slope)
}

fn one_less_square(graph: &mut Graph, x: Value) -> Value {
    let square = graph.mul(x, x);
    let one = graph.scalar(1.0);
    graph.sub(one, square)
}

/// Softplus-1, `ln(1 + eˣ)`: `dx = dy · sigmoid(x)`
pub(crate) fn softplus(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let slope = graph.unary("Sigmoid", site.x(0));
    site.times(graph, slope)
}

/// Softsign-1, `x / (1 + |x|)`: `dx = dy / (1 + |x|)²`
pub(crate) fn softsign(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let size = graph.unary("Abs", site.x(0));
    let one = graph.scalar(1.0);
    let below = graph.add(size, one);
    let square = graph.mul(below, below);
    Ok(vec![Some(graph.div(site.dy()?, square))])
}

/// Mish-18, `x · t` with `t = tanh(softplus(x))`: slope `t + x · sigmoid(x) · (1 − t²)`.
pub(crate) fn mish(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let x = site.x(0);
    let softplus = graph.unary("Softplus", x);
    let gate = graph.unary("Tanh", softplus);
    let sigmoid = graph.unary("Sigmoid", x);
    let rise = one_less_square(graph, gate);
    let rise = graph.mul(rise, sigmoid);
    let rise = graph.mul(rise, x);
    let slope = graph.add(gate, rise);
    site.times(graph, slope)
}

/// Gelu-20: `Φ(x) + x·φ(x)` for the exact form, the same of its approximation by tanh for `approximate = "tanh"`.
pub(crate) fn gelu(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, x) = (site.dy()?, site.x(0));
    if site.op().text("approximate") != Some("tanh") {
        let shape = graph.shape(x).to_vec();
        return Ok(vec![Some(graph.op(Op::composite("GeluGrad"), &[dy, x], &shape))]);
    }
    let (gate, density) = gelu_tanh(graph, x);
    let one = graph.scalar(1.0);
    let gate = graph.add(gate, one);
    let gate = graph.scale(gate, 0.5);
    let rise = graph.mul(x, density);
    let slope = graph.add(gate, rise);
    site.times(graph, slope)
}

/// `t = tanh(u)` with `u = √(2/π)·(x + c·x³)`, and half its slope, `(1 − t²)/2 · √(2/π)·(1 + 3c·x²)`.
fn gelu_tanh(graph: &mut Graph, x: Value) -> (Value, Value) {
    let root = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
    let square = graph.mul(x, x);
    let mut polynomial = |cubic: f64, plain: f64| {
        let plain = graph.scalar(plain);
        let term = graph.scale(square, cubic);
        graph.add(term, plain)
    };
    let (inner, slope) = (polynomial(root * CUBIC, root), polynomial(1.5 * root * CUBIC, 0.5 * root));
    let inner = graph.mul(inner, x);
    let tanh = graph.unary("Tanh", inner);
    let rise = one_less_square(graph, tanh);
    (tanh, graph.mul(rise, slope))
}
