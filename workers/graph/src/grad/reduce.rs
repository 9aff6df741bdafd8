//! Reductions in canonical form: axes as a constant input (ONNX ReduceMean-18, ReduceSum-13).

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// Spreads the gradient over the reduced axes, times a factor of how many elements each output came from.
fn spread(graph: &mut Graph, site: &Site, factor: impl Fn(f64) -> f64) -> Result<Value, GraphError> {
    let input = graph.shape(site.x(0)).to_vec();
    let axes = graph.content(site.x(1)).and_then(|axes| axes.to_i64()).unwrap_or_default();
    let reduced = |i: usize| axes.contains(&(i as i64));
    let kept: Vec<usize> = input.iter().enumerate().map(|(i, &d)| if reduced(i) { 1 } else { d }).collect();
    let count: usize = input.iter().enumerate().filter(|(i, _)| reduced(*i)).map(|(_, &d)| d).product();
    let dy = graph.reshape(site.dy()?, &kept);
    let scaled = graph.scale(dy, factor(count as f64));
    Ok(graph.expand(scaled, &input))
}

pub(crate) fn sum(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    Ok(vec![Some(spread(graph, site, |_| 1.0)?)])
}

pub(crate) fn mean(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    Ok(vec![Some(spread(graph, site, |count| 1.0 / count)?)])
}
