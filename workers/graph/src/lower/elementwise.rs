//! Expansions that are a handful of operators: matrix products, the gradients of Relu, MaxPool and Gather, the steps of
//! optimisers.

use crate::grad::index;
use crate::graph::{Attr, Fact, Graph, MICROSOFT, Node, Op, Value};
use crate::loss;
use crate::optimizer::{adam, sgd};
use crate::options::Lowering;

/// `MatMul(a, b)` with `transA` and `transB`: Gemm-13 for matrices; for batches `com.microsoft.FusedMatMul` or a
/// transposition and MatMul-13.
pub(super) fn matmul(
    graph: &mut Graph,
    node: &Node<Fact>,
    inputs: &[Value],
    lowering: Lowering,
) -> Vec<Value> {
    let flag = |name: &str| node.op().is_some_and(|op| op.int(name, 0) != 0);
    let (trans_a, trans_b) = (flag("transA"), flag("transB"));
    let (mut a, mut b) = (inputs[0], inputs[1]);
    let shape = &node.outputs[0].shape;
    let with_flags = |op: Op| {
        op.with("transA", Attr::Int(i64::from(trans_a))).with("transB", Attr::Int(i64::from(trans_b)))
    };
    if graph.shape(a).len() == 2 && graph.shape(b).len() == 2 {
        return vec![graph.op(with_flags(Op::new("Gemm")), &[a, b], shape)];
    }
    if lowering != Lowering::Portable && (trans_a || trans_b) {
        let op = with_flags(Op { domain: MICROSOFT.to_owned(), ..Op::new("FusedMatMul") });
        return vec![graph.op(op, &[a, b], shape)];
    }
    if trans_a {
        a = graph.swap_last(a);
    }
    if trans_b {
        b = graph.swap_last(b);
    }
    vec![graph.op(Op::new("MatMul"), &[a, b], shape)]
}

/// `ReluGrad(dy, y)` → `dy · [y > 0]`, as a product because Where is many times as slow on ONNX Runtime's CPU provider.
pub(super) fn relu_grad(graph: &mut Graph, _: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    let zero = graph.scalar(0.0);
    let positive = graph.indicator("Greater", inputs[1], zero);
    vec![graph.mul(inputs[0], positive)]
}

/// `MaxPoolGrad(dy, indices)`: adds each dy at its index into the flattened input. ScatterElements-18, because
/// ScatterND's addition races on ONNX Runtime's CPU provider.
pub(super) fn max_pool_grad(
    graph: &mut Graph,
    node: &Node<Fact>,
    inputs: &[Value],
    _: Lowering,
) -> Vec<Value> {
    let shape = &node.outputs[0].shape;
    let total = [shape.iter().product()];
    let count = [graph.shape(inputs[0]).iter().product()];
    let dy = graph.reshape(inputs[0], &count);
    let indices = graph.reshape(inputs[1], &count);
    let zeros = graph.zeros(&total);
    let op =
        Op::new("ScatterElements").with("axis", Attr::Int(0)).with("reduction", Attr::Text("add".to_owned()));
    let flat = graph.op(op, &[zeros, indices, dy], &total);
    vec![graph.reshape(flat, shape)]
}

/// `GatherGrad(dy, index)`: see the rule of Gather.
pub(super) fn gather_grad(graph: &mut Graph, node: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    vec![index::gathered(graph, inputs[0], inputs[1], &node.outputs[0].shape)]
}

/// `SgdStep`: see its optimiser.
pub(super) fn sgd_step(graph: &mut Graph, node: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    node.op().map_or_else(Vec::new, |op| sgd::step(graph, op, inputs))
}

/// `AdamStep`: see its optimiser.
pub(super) fn adam_step(graph: &mut Graph, node: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    node.op().map_or_else(Vec::new, |op| adam::step(graph, op, inputs))
}

/// `CrossEntropy(x, classes)`: see the loss.
pub(super) fn cross_entropy(graph: &mut Graph, _: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    loss::cross_entropy(graph, inputs[0], inputs[1])
}
