//! The gradient of a convolution's weight, `dw[o,c,tap] = Σ dy[n,o,p] · x[n,c,p at tap]`, by matrix products of shifted
//! copies. Copies cost as much as the products, so both forms here exist to make few of them.

use super::conv::{group, window};
use crate::graph::{Fact, Graph, Node, Value};
use crate::options::Lowering;
use crate::tensor::Tensor;
use crate::window::Window;

/// `ConvWeightGrad(x, dy)` → dw.
pub(super) fn weight_grad(graph: &mut Graph, node: &Node<Fact>, inputs: &[Value], _: Lowering) -> Vec<Value> {
    let shape = node.outputs[0].shape.clone();
    let (window, group) = (window(node), group(node));
    let [x, dy] = [inputs[0], inputs[1]];
    let sizes = Sizes {
        batch: graph.shape(x)[0],
        group,
        inner: shape[1],
        outer: shape[0] / group,
        input: graph.shape(x)[2..].to_vec(),
        output: graph.shape(dy)[2..].to_vec(),
    };
    let taps: usize = window.kernel.iter().product();
    // Channels copied: by `columns` x once per tap, twice; by `rows` dy per column, x per row.
    let even = window.rank() == 2 && window.stride == [1, 1] && sizes.input[1] == sizes.output[1];
    let few = || 2 * taps * sizes.inner > window.kernel[1] * sizes.outer + window.kernel[0] * sizes.inner;
    let split = if taps > 1 && even && few() {
        rows(graph, &window, &sizes, x, dy)
    } else {
        columns(graph, &window, &sizes, x, dy)
    };
    vec![graph.reshape(split, &shape)]
}

struct Sizes {
    batch: usize,
    group: usize,
    /// Channels per group of x and of dy.
    inner: usize,
    outer: usize,
    input: Vec<usize>,
    output: Vec<usize>,
}

/// Any window: every tap's copy of x side by side, and one batched product.
fn columns(graph: &mut Graph, window: &Window, sizes: &Sizes, x: Value, dy: Value) -> Value {
    let &Sizes { batch, group, inner, outer, .. } = sizes;
    let positions: usize = sizes.output.iter().product();
    let taps: usize = window.kernel.iter().product();
    let padded = window.pad(graph, x, &sizes.output);
    let axes: Vec<usize> = (2..2 + window.rank()).collect();
    let step: Vec<i64> = window.stride.iter().map(|&s| s as i64).collect();
    let mut shifted = Vec::new();
    for tap in 0..taps {
        let part = graph.slice(padded, &axes, &start(window, tap), &step, &sizes.output);
        shifted.push(graph.reshape(part, &[batch, group, inner, positions]));
    }
    let columns = graph.concat(&shifted, 2);
    // The narrow operand is the one to be transposed: it is the one that gets packed.
    let dy = graph.reshape(dy, &[batch, group, outer, positions]);
    let products = graph.matmul(columns, dy, false, true);
    let summed = graph.sum(products, &[0]);
    let split = graph.reshape(summed, &[group, taps, inner, outer]);
    graph.transpose(split, &[0, 3, 2, 1])
}

/// Where tap number `tap` of the kernel, row-major, starts in the padded input.
fn start(window: &Window, tap: usize) -> Vec<i64> {
    let mut rest = tap;
    let mut start = vec![0; window.rank()];
    for axis in (0..window.rank()).rev() {
        start[axis] = (rest % window.kernel[axis] * window.dilation[axis]) as i64;
        rest /= window.kernel[axis];
    }
    start
}

/// Two axes, stride 1, output as wide as the input. With rows laid end to end a tap is then one shift of the whole
/// image, by rows and by columns: x is copied once per kernel row and dy once per kernel column, and each pair is one
/// product. What a column shift would carry over from the row beside is masked out of dy.
fn rows(graph: &mut Graph, window: &Window, sizes: &Sizes, x: Value, dy: Value) -> Value {
    let &Sizes { batch, group, inner, outer, .. } = sizes;
    let (width, span) = (sizes.input[1], (window.kernel[1] - 1) * window.dilation[1]);
    let length = sizes.output[0] * width + span;
    let step = window.dilation[0] * width;

    // Position q of a shifted image is element q − before of x, where the first tap's shift is −before.
    let area = sizes.input[0] * width;
    let before = window.before[1] + window.before[0] * width;
    let reach = (window.kernel[0] - 1) * step + length;
    let flat = graph.reshape(x, &[batch, group, inner, area]);
    let padded = graph.pad(flat, &[0, 0, 0, before], &[0, 0, 0, reach.saturating_sub(before + area)]);
    let mut shifted = Vec::new();
    for column in 0..window.kernel[1] {
        let shift = column * window.dilation[1];
        let inside = |w: usize| (window.before[1]..window.before[1] + width).contains(&(w + shift));
        let mut part = dy;
        if !(0..width).all(inside) {
            let mask = (0..width).map(|w| f32::from(inside(w))).collect();
            let mask = graph.constant(Tensor::f32(&[width], mask));
            part = graph.mul(dy, mask);
        }
        let part = graph.reshape(part, &[batch, group, outer, length - span]);
        shifted.push(graph.pad(part, &[0, 0, 0, shift], &[0, 0, 0, span - shift]));
    }
    let shifted = graph.concat(&shifted, 2);

    let mut products = Vec::new();
    for row in 0..window.kernel[0] {
        let slice = graph.slice(padded, &[3], &[(row * step) as i64], &[1], &[length]);
        let product = graph.matmul(shifted, slice, false, true);
        let summed = graph.sum(product, &[0]);
        products.push(graph.reshape(summed, &[1, group, window.kernel[1], outer, inner]));
    }
    let joined = graph.concat(&products, 0);
    graph.transpose(joined, &[1, 3, 4, 0, 2])
}
