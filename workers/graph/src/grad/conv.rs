//! Convolution (ONNX Conv-11, any number of spatial axes, groups, strides, dilations, uneven padding). Both products
//! are composites: how they are best computed depends on the provider.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op, Value};
use crate::window::Window;

/// `dx` correlates dy with the flipped weight, `dw` correlates x with dy, `db` sums dy over all but the channel axis.
pub(crate) fn conv(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (x, w, dy) = (site.x(0), site.x(1), site.dy()?);
    let window = Window::written(site.op(), graph.shape(x).len() - 2);
    let group = site.op().int("group", 1);
    let dx = site.wants(0).then(|| {
        let shape = graph.shape(x).to_vec();
        input_grad(graph, &window, group, w, dy, &shape)
    });
    let dw = site.wants(1).then(|| {
        let shape = graph.shape(w).to_vec();
        let op = window.write(Op::composite("ConvWeightGrad")).with("group", Attr::Int(group));
        graph.op(op, &[x, dy], &shape)
    });
    let db = site.wants(2).then(|| {
        let axes: Vec<usize> = (0..graph.shape(dy).len()).filter(|&axis| axis != 1).collect();
        graph.sum(dy, &axes)
    });
    Ok(vec![dx, dw, db])
}

/// The gradient of a convolution's input of extents `shape`, from its weight `w` and its output's gradient `dy`.
pub(super) fn input_grad(
    graph: &mut Graph,
    window: &Window,
    group: i64,
    w: Value,
    dy: Value,
    shape: &[usize],
) -> Value {
    let op = window.write(Op::composite("ConvInputGrad")).with("group", Attr::Int(group));
    graph.op(op, &[w, dy], shape)
}
