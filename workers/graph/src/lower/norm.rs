//! Batch normalisation over `[N, C, …]` with batch statistics, forward and backward.

use crate::graph::{Attr, Fact, Graph, Node, Op, Value};
use crate::options::Lowering;

fn epsilon(node: &Node<Fact>) -> f32 {
    node.op().map_or(1e-5, |op| op.float("epsilon", 1e-5))
}

/// The axes that statistics are taken over, and a channel vector's extents that broadcast against `x`.
fn layout(shape: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let axes = (0..shape.len()).filter(|&axis| axis != 1).collect();
    let broadcast = shape.iter().enumerate().map(|(axis, &d)| if axis == 1 { d } else { 1 }).collect();
    (axes, broadcast)
}

/// `BatchNorm(x, scale, bias)` → y, batch mean, batch variance (divisor n).
pub(super) fn batch_norm(
    graph: &mut Graph,
    node: &Node<Fact>,
    inputs: &[Value],
    lowering: Lowering,
) -> Vec<Value> {
    let [x, scale, bias] = [inputs[0], inputs[1], inputs[2]];
    let shape = graph.shape(x).to_vec();
    if lowering != Lowering::Portable {
        // With momentum 0 the "running" outputs are the batch's own statistics, so one pass gives all three. The CUDA
        // provider runs the inference path here: there, only the form below is right.
        let channels = graph.shape(scale).to_vec();
        let op = Op::new("BatchNormalization")
            .with("epsilon", Attr::Float(epsilon(node)))
            .with("momentum", Attr::Float(0.0))
            .with("training_mode", Attr::Int(1));
        let (mean, var) = scratch(graph, x, scale, bias);
        return graph.multi(op, &[x, scale, bias, mean, var], &[&shape, &channels, &channels]);
    }
    let (axes, broadcast) = layout(&shape);
    let mean = graph.reduce("ReduceMean", x, &axes, true);
    let centred = graph.sub(x, mean);
    let squared = graph.mul(centred, centred);
    let var = graph.reduce("ReduceMean", squared, &axes, true);
    let deviation = deviation(graph, var, epsilon(node));
    let scale = graph.reshape(scale, &broadcast);
    let bias = graph.reshape(bias, &broadcast);
    let factor = graph.div(scale, deviation);
    let scaled = graph.mul(centred, factor);
    let y = graph.add(scaled, bias);
    let channels = [shape[1]];
    vec![y, graph.reshape(mean, &channels), graph.reshape(var, &channels)]
}

/// Two vectors per channel that nothing else reads: ONNX Runtime writes the new running statistics over the old ones,
/// so the old ones must be neither a parameter nor shared with another node. What they hold is multiplied by 0; that
/// they come from this node's x keeps the runtime from merging them with another node's.
fn scratch(graph: &mut Graph, x: Value, scale: Value, bias: Value) -> (Value, Value) {
    let shape = graph.shape(x).to_vec();
    let axes: Vec<usize> = (0..shape.len()).filter(|&axis| axis != 1).collect();
    let (zeros, ones) = (vec![0; axes.len()], vec![1; axes.len()]);
    let first = graph.slice(x, &axes, &zeros, &ones, &vec![1; axes.len()]);
    let first = graph.reshape(first, &[shape[1]]);
    (graph.add(bias, first), graph.add(scale, first))
}

/// `√(var + ε)`
fn deviation(graph: &mut Graph, var: Value, epsilon: f32) -> Value {
    let epsilon = graph.scalar(f64::from(epsilon));
    let sum = graph.add(var, epsilon);
    graph.unary("Sqrt", sum)
}

/// `BatchNormGrad(dy, x, scale, mean, var)` → dx, dscale, dbias. All that depends on the channel alone is computed on
/// vectors, so that the activations are passed over as seldom as possible: `dx = a·dy + b·x + c`.
pub(super) fn batch_norm_grad(
    graph: &mut Graph,
    node: &Node<Fact>,
    inputs: &[Value],
    _: Lowering,
) -> Vec<Value> {
    let [dy, x, scale, mean, var] = [inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]];
    let shape = graph.shape(x).to_vec();
    let (axes, broadcast) = layout(&shape);
    let count = shape.iter().product::<usize>() / shape[1].max(1);
    let dbias = graph.sum(dy, &axes);
    let product = graph.mul(dy, x);
    let moment = graph.sum(product, &axes);
    let offset = graph.mul(mean, dbias);
    let covariance = graph.sub(moment, offset);
    let deviation = deviation(graph, var, epsilon(node));
    let dscale = graph.div(covariance, deviation);
    let a = graph.div(scale, deviation);
    // b = −a·dscale / (m·√(var + ε)), c = −a·dbias/m − b·mean
    let per_value = graph.scale(a, -1.0 / count as f64);
    let slope = graph.mul(per_value, dscale);
    let b = graph.div(slope, deviation);
    let level = graph.mul(per_value, dbias);
    let shift = graph.mul(b, mean);
    let c = graph.sub(level, shift);
    let [a, b, c] = [a, b, c].map(|vector| graph.reshape(vector, &broadcast));
    let (from_dy, from_x) = (graph.mul(dy, a), graph.mul(x, b));
    let sum = graph.add(from_dy, from_x);
    vec![graph.add(sum, c), dscale, dbias]
}
