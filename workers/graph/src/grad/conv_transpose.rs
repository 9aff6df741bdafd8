//! Transposed convolution (ONNX ConvTranspose-11, -22 in canonical form, any number of spatial axes): the gradient of a
//! convolution's input, so its own gradients are a convolution and that convolution's weight gradient.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op};
use crate::window::Window;

/// For w `[C, M/g, …]`: `dx` convolves dy with w, `dw` correlates dy, as the input of that convolution, with x, `db` sums
/// dy over all but the channel axis.
pub(crate) fn conv_transpose(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (x, w, dy) = (site.x(0), site.x(1), site.dy()?);
    let window = Window::written(site.op(), graph.shape(x).len() - 2);
    let group = Attr::Int(site.op().int("group", 1));
    let dx = site.wants(0).then(|| {
        let shape = graph.shape(x).to_vec();
        let op = window.write(Op::new("Conv")).with("group", group.clone());
        graph.op(op, &[dy, w], &shape)
    });
    let dw = site.wants(1).then(|| {
        let shape = graph.shape(w).to_vec();
        let op = window.write(Op::composite("ConvWeightGrad")).with("group", group);
        graph.op(op, &[dy, x], &shape)
    });
    let db = site.wants(2).then(|| {
        let axes: Vec<usize> = (0..graph.shape(dy).len()).filter(|&axis| axis != 1).collect();
        graph.sum(dy, &axes)
    });
    Ok(vec![dx, dw, db])
}
