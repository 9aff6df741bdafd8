//! The gradient of a convolution's input.

use crate::graph::{Attr, Fact, Graph, Node, Op, Value};
use crate::options::Lowering;
use crate::window::Window;

pub(super) fn group(node: &Node<Fact>) -> usize {
    node.op().map_or(1, |op| op.int("group", 1) as usize)
}

pub(super) fn window(node: &Node<Fact>) -> Window {
    let rank = node.outputs[0].shape.len() - 2;
    node.op().map_or_else(|| unreachable!("a composite is an operator"), |op| Window::written(op, rank))
}

/// `ConvInputGrad(w, dy)` → dx. With stride 1 a convolution of dy with the flipped weight, which is several times as
/// fast as ConvTranspose-11, else the latter.
pub(super) fn input_grad(graph: &mut Graph, node: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    let (w, dy) = (inputs[0], inputs[1]);
    let (window, group, shape) = (window(node), group(node), &node.outputs[0].shape);
    if let Some(pads) = flipped_padding(&window, &shape[2..], &graph.shape(dy)[2..]) {
        let turned = flipped(graph, &window, group, w);
        let ones = vec![1; window.rank()];
        let flat = Window { stride: ones, before: pads.0, after: pads.1, ..window };
        let op = flat.write(Op::new("Conv")).with("group", Attr::Int(group as i64));
        return vec![graph.op(op, &[dy, turned], shape)];
    }
    let reach = window.reach(&graph.shape(dy)[2..]);
    let mut after = Vec::new();
    let mut rest = Vec::new();
    for axis in 0..window.rank() {
        let wanted = window.before[axis] + shape[2 + axis];
        after.push(reach[axis].saturating_sub(wanted));
        rest.push(wanted.saturating_sub(reach[axis]));
    }
    let op = Window { after, ..window }.write(Op::new("ConvTranspose"));
    let op = op.ints("output_padding", &rest).with("group", Attr::Int(group as i64));
    vec![graph.op(op, &[dy, w], shape)]
}

/// The padding of dy with which a convolution with the flipped weight gives dx; nothing where a stride or an unusual
/// padding (wider than the kernel) forbids it.
fn flipped_padding(window: &Window, input: &[usize], output: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let mut pads = (Vec::new(), Vec::new());
    for axis in 0..window.rank() {
        let span = window.dilation[axis] * (window.kernel[axis] - 1);
        let before = span.checked_sub(window.before[axis]).filter(|_| window.stride[axis] == 1)?;
        pads.0.push(before);
        pads.1.push((input[axis] + span).checked_sub(output[axis] + before)?);
    }
    Some(pads)
}

/// The weight `[O, C/g, …]` as `[C, O/g, …]`, mirrored along every spatial axis.
fn flipped(graph: &mut Graph, window: &Window, group: usize, w: Value) -> Value {
    let shape = graph.shape(w).to_vec();
    let (outer, inner) = (shape[0] / group, shape[1]);
    let split = graph.reshape(w, &[&[group, outer, inner], &shape[2..]].concat());
    let mut order: Vec<usize> = (0..shape.len() + 1).collect();
    order.swap(1, 2);
    let swapped = graph.transpose(split, &order);
    let joined = graph.reshape(swapped, &[&[group * inner, outer], &shape[2..]].concat());
    let axes: Vec<usize> = (0..window.rank()).filter(|&axis| window.kernel[axis] > 1).collect();
    let start: Vec<i64> = axes.iter().map(|&axis| window.kernel[axis] as i64 - 1).collect();
    let count: Vec<usize> = axes.iter().map(|&axis| window.kernel[axis]).collect();
    let axes: Vec<usize> = axes.iter().map(|axis| axis + 2).collect();
    if axes.is_empty() { joined } else { graph.slice(joined, &axes, &start, &vec![-1; axes.len()], &count) }
}
