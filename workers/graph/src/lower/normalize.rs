//! Rows of zero mean and unit variance, forward and backward.

use crate::graph::{Attr, Fact, Graph, Node, Op, Value};
use crate::options::Lowering;
use crate::tensor::{DType, Tensor, TensorData};

fn centred(node: &Node<Fact>) -> bool {
    node.op().is_none_or(|op| op.int("centre", 1) != 0)
}

/// `Normalize(x [R, n])` → `x̂ = (x − mean) / √(var + ε)`, `1 / √(var + ε)` `[R, 1]`, the variance with divisor n; without
/// `centre` the mean is 0. One pass by LayerNormalization-17 where the mean counts.
pub(super) fn normalize(graph: &mut Graph, node: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    let x = inputs[0];
    let shape = graph.shape(x).to_vec();
    let epsilon = node.op().map_or(1e-5, |op| op.float("epsilon", 1e-5));
    if centred(node) {
        let one = Tensor { shape: vec![1], data: TensorData::F32(vec![1.0]) };
        let count = graph.ints(&shape[1..]);
        let op = Op::new("ConstantOfShape").with("value", Attr::Tensor(one));
        let ones = graph.typed(op, &[count], DType::F32, &shape[1..]);
        let op =
            Op::new("LayerNormalization").with("axis", Attr::Int(1)).with("epsilon", Attr::Float(epsilon));
        let column = [shape[0], 1];
        let outputs = graph.multi(op, &[x, ones], &[&shape, &column, &column]);
        return vec![outputs[0], outputs[2]];
    }
    let square = graph.mul(x, x);
    let mean = graph.reduce("ReduceMean", square, &[1], true);
    let epsilon = graph.scalar(f64::from(epsilon));
    let sum = graph.add(mean, epsilon);
    let deviation = graph.unary("Sqrt", sum);
    let inverse = graph.unary("Reciprocal", deviation);
    vec![graph.mul(x, inverse), inverse]
}

/// `NormalizeGrad(dx̂, x̂, inverse)` → `inverse · (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))`, without the first mean where x̂ is not
/// centred.
pub(super) fn normalize_grad(
    graph: &mut Graph,
    node: &Node<Fact>,
    inputs: &[Value],
    _: Lowering,
) -> Vec<Value> {
    let [dy, y, inverse] = [inputs[0], inputs[1], inputs[2]];
    let product = graph.mul(dy, y);
    let slope = graph.reduce("ReduceMean", product, &[1], true);
    let mut removed = graph.mul(y, slope);
    if centred(node) {
        let mean = graph.reduce("ReduceMean", dy, &[1], true);
        removed = graph.add(removed, mean);
    }
    let rest = graph.sub(dy, removed);
    vec![graph.mul(rest, inverse)]
}

/// `LayerNorm(x [R, n], scale [n], bias [n])` → `x̂·scale + bias`, the mean and `1 / √(var + ε)` of each row `[R, 1]`, by
/// LayerNormalization-17.
pub(super) fn layer_norm(graph: &mut Graph, node: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    let epsilon = node.op().map_or(1e-5, |op| op.float("epsilon", 1e-5));
    let op = Op::new("LayerNormalization").with("axis", Attr::Int(1)).with("epsilon", Attr::Float(epsilon));
    let shapes: Vec<&[usize]> = node.outputs.iter().map(|fact| fact.shape.as_slice()).collect();
    graph.multi(op, inputs, &shapes)
}

/// `LayerNormGrad(dy, x, scale, mean, inverse)` → dx, `Σ dy·x̂`, `Σ dy`
pub(super) fn layer_norm_grad(
    graph: &mut Graph,
    node: &Node<Fact>,
    inputs: &[Value],
    _: Lowering,
) -> Vec<Value> {
    let &[dy, x, scale, mean, inverse] = inputs else { unreachable!("it takes five inputs") };
    let centred = graph.sub(x, mean);
    let unit = graph.mul(centred, inverse);
    let product = graph.mul(dy, unit);
    let dscale = graph.sum(product, &[0]);
    let dbias = graph.sum(dy, &[0]);
    let inner = graph.mul(dy, scale);
    let op = Op::composite("NormalizeGrad").with("centre", Attr::Int(1));
    let dx = graph.op(op, &[inner, unit, inverse], &node.outputs[0].shape);
    vec![dx, dscale, dbias]
}
