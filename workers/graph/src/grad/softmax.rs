//! Softmax and its logarithm along one axis (ONNX Softmax-13, LogSoftmax-13).

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op};

fn axis(graph: &Graph, site: &Site) -> [usize; 1] {
    let rank = graph.shape(site.y(0)).len() as i64;
    [site.op().int("axis", -1).rem_euclid(rank) as usize]
}

/// `dx = y · (dy − Σ dy·y)`
pub(crate) fn softmax(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, y, [axis]) = (site.dy()?, site.y(0), axis(graph, site));
    let shape = graph.shape(y).to_vec();
    let op = Op::composite("SoftmaxGrad").with("axis", Attr::Int(axis as i64));
    Ok(vec![Some(graph.op(op, &[dy, y], &shape))])
}

/// `dx = dy − exp(y) · Σ dy`
pub(crate) fn log_softmax(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, axis) = (site.dy()?, axis(graph, site));
    let total = graph.reduce("ReduceSum", dy, &axis, true);
    let probability = graph.unary("Exp", site.y(0));
    let share = graph.mul(probability, total);
    Ok(vec![Some(graph.sub(dy, share))])
}
