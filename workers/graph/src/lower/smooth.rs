//! Gelu and Softmax: the form of the first that all opsets have, and the gradients of both.

use crate::graph::{Fact, Graph, Node, Value};
use crate::options::Lowering;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// `Gelu(x)` → `x/2 · (1 + erf(x/√2))`
pub(super) fn gelu(graph: &mut Graph, _: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    let x = inputs[0];
    let scaled = graph.scale(x, FRAC_1_SQRT_2);
    let gate = gate(graph, scaled);
    vec![graph.mul(x, gate)]
}

/// `(1 + erf(scaled)) / 2`
fn gate(graph: &mut Graph, scaled: Value) -> Value {
    let (erf, one) = (graph.unary("Erf", scaled), graph.scalar(1.0));
    let gate = graph.add(erf, one);
    graph.scale(gate, 0.5)
}

/// `GeluGrad(dy, x)` → `dy · (Φ(x) + x·φ(x))` with `φ(x) = exp(−x²/2)/√2π`
pub(super) fn gelu_grad(graph: &mut Graph, _: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    let (dy, x) = (inputs[0], inputs[1]);
    let scaled = graph.scale(x, FRAC_1_SQRT_2);
    let gate = gate(graph, scaled);
    let square = graph.mul(scaled, scaled);
    let negated = graph.unary("Neg", square);
    let bell = graph.unary("Exp", negated);
    let density = graph.scale(bell, 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
    let rise = graph.mul(x, density);
    let slope = graph.add(gate, rise);
    vec![graph.mul(dy, slope)]
}

/// `SoftmaxGrad(dy, y)` → `y · (dy − Σ dy·y)` along `axis`
pub(super) fn softmax_grad(
    graph: &mut Graph,
    node: &Node<Fact>,
    inputs: &[Value],
    _: Lowering,
) -> Vec<Value> {
    let (dy, y) = (inputs[0], inputs[1]);
    let axis = node.op().map_or(0, |op| op.int("axis", 0) as usize);
    let product = graph.mul(dy, y);
    let total = graph.reduce("ReduceSum", product, &[axis], true);
    let centred = graph.sub(dy, total);
    vec![graph.mul(y, centred)]
}
