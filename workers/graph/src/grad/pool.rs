//! Pooling: ONNX MaxPool-12, AveragePool-11 to -22 and their global forms.

use super::conv::input_grad;
use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op};
use crate::tensor::{DType, Tensor};
use crate::window::Window;

/// Each output's gradient goes to the element it came from, which MaxPool's second output names.
pub(crate) fn max(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.x(0)).to_vec();
    let op = Op::composite("MaxPoolGrad");
    Ok(vec![Some(graph.op(op, &[site.dy()?, site.y(1)], &shape))])
}

/// The gradient over the number of elements averaged, spread over each window: a convolution's input gradient with a
/// weight of ones, every channel an image of its own.
pub(crate) fn average(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, shape) = (site.dy()?, graph.shape(site.x(0)).to_vec());
    let window = Window::written(site.op(), shape.len() - 2);
    let output = graph.shape(dy)[2..].to_vec();
    let include_pad = site.op().int("count_include_pad", 0) != 0;
    let counts = window.counts(&shape[2..], &output, include_pad);
    let inverse = counts.iter().map(|count| 1.0 / count).collect();
    let inverse = graph.constant(Tensor::f32(&output, inverse));
    let scaled = graph.mul(dy, inverse);
    let single = |spatial: &[usize]| [&[shape[0] * shape[1], 1], spatial].concat();
    let scaled = graph.reshape(scaled, &single(&output));
    let taps = window.kernel.iter().product();
    let ones = graph.constant(Tensor::f32(&[&[1, 1], window.kernel.as_slice()].concat(), vec![1.0; taps]));
    let dx = input_grad(graph, &window, 1, ones, scaled, &single(&shape[2..]));
    Ok(vec![Some(graph.reshape(dx, &shape))])
}

/// Every element gets an equal share.
pub(crate) fn global_average(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.x(0)).to_vec();
    let count: usize = shape[2..].iter().product();
    let scaled = graph.scale(site.dy()?, 1.0 / count as f64);
    Ok(vec![Some(graph.expand(scaled, &shape))])
}

/// The first largest element of each channel gets all.
pub(crate) fn global_max(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.x(0)).to_vec();
    let (lead, count) = ([shape[0], shape[1]], shape[2..].iter().product::<usize>());
    let flat = [shape[0], shape[1], count];
    let x = graph.reshape(site.x(0), &flat);
    let op = Op::new("ArgMax").with("axis", Attr::Int(2)).with("keepdims", Attr::Int(0));
    let index = graph.typed(op, &[x], DType::I64, &lead);
    let depth = graph.constant(Tensor::i64s(vec![count as i64]));
    let values = graph.constant(Tensor::f32(&[2], vec![0.0, 1.0]));
    let hot = graph.typed(
        Op::new("OneHot").with("axis", Attr::Int(-1)),
        &[index, depth, values],
        DType::F32,
        &flat,
    );
    let dy = graph.reshape(site.dy()?, &[shape[0], shape[1], 1]);
    let dx = graph.mul(hot, dy);
    Ok(vec![Some(graph.reshape(dx, &shape))])
}
