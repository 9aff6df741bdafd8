//! Expansions that are a handful of operators: matrix products and the gradient of MaxPool.

use crate::graph::{Attr, Fact, Graph, MICROSOFT, Node, Op, Value};
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
    if lowering == Lowering::Cpu && (trans_a || trans_b) {
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
