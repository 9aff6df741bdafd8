//! Reductions in canonical form: axes as a constant input of non-negative numbers (ONNX Reduce…-18, ReduceSum-13).

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// A reduction with its output and gradient brought to the input's rank.
struct Reduced {
    axes: Vec<usize>,
    x: Value,
    y: Value,
    dy: Value,
}

impl Reduced {
    fn new(graph: &mut Graph, site: &Site) -> Result<Reduced, GraphError> {
        let x = site.x(0);
        let axes = graph.content(site.x(1)).and_then(|axes| axes.to_i64()).unwrap_or_default();
        let axes: Vec<usize> = axes.into_iter().filter_map(|axis| usize::try_from(axis).ok()).collect();
        let extents = graph.shape(x).iter().enumerate();
        let kept: Vec<usize> = extents.map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect();
        let (y, dy) = (graph.reshape(site.y(0), &kept), graph.reshape(site.dy()?, &kept));
        Ok(Reduced { axes, x, y, dy })
    }

    /// `value` spread over the reduced axes.
    fn spread(&self, graph: &mut Graph, value: Value) -> Result<Grads, GraphError> {
        let shape = graph.shape(self.x).to_vec();
        Ok(vec![Some(graph.expand(value, &shape))])
    }
}

pub(crate) fn sum(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let reduced = Reduced::new(graph, site)?;
    reduced.spread(graph, reduced.dy)
}

pub(crate) fn mean(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let reduced = Reduced::new(graph, site)?;
    let shape = graph.shape(reduced.x);
    let count: usize = reduced.axes.iter().map(|&axis| shape[axis]).product();
    let share = graph.scale(reduced.dy, 1.0 / count as f64);
    reduced.spread(graph, share)
}

/// ReduceMax and ReduceMin: the elements that are equal to the result share its gradient, as in PyTorch.
pub(crate) fn extreme(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let Reduced { axes, x, y, dy } = Reduced::new(graph, site)?;
    let hit = graph.indicator("Equal", x, y);
    let count = graph.reduce("ReduceSum", hit, &axes, true);
    let share = graph.div(dy, count);
    Ok(vec![Some(graph.mul(hit, share))])
}

/// `dx = dy · sign x`
pub(crate) fn l1(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let Reduced { x, dy, .. } = Reduced::new(graph, site)?;
    let sign = graph.unary("Sign", x);
    Ok(vec![Some(graph.mul(sign, dy))])
}

/// `dx = dy · x / y`, 0 where all elements are 0.
pub(crate) fn l2(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let Reduced { x, y, dy, .. } = Reduced::new(graph, site)?;
    let below = nonzero(graph, y);
    let ratio = graph.div(dy, below);
    Ok(vec![Some(graph.mul(x, ratio))])
}

/// `value` with 1 in place of 0.
fn nonzero(graph: &mut Graph, value: Value) -> Value {
    let zero = graph.scalar(0.0);
    let nought = graph.indicator("Equal", value, zero);
    graph.add(value, nought)
}

/// `dx = 2 · dy · x`
pub(crate) fn sum_square(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let Reduced { x, dy, .. } = Reduced::new(graph, site)?;
    let double = graph.scale(dy, 2.0);
    Ok(vec![Some(graph.mul(x, double))])
}

/// `y = ln Σ x`: `dx = dy / Σ x`
pub(crate) fn log_sum(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let reduced = Reduced::new(graph, site)?;
    let total = graph.unary("Exp", reduced.y);
    let ratio = graph.div(reduced.dy, total);
    reduced.spread(graph, ratio)
}

/// `dx = dy · exp(x − y)`
pub(crate) fn log_sum_exp(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let Reduced { x, y, dy, .. } = Reduced::new(graph, site)?;
    let excess = graph.sub(x, y);
    let share = graph.unary("Exp", excess);
    Ok(vec![Some(graph.mul(share, dy))])
}

/// The product of the others: with P the product of all that are not 0, `P/x` where none is 0, P at a lone 0, else 0.
pub(crate) fn prod(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let Reduced { axes, x, dy, .. } = Reduced::new(graph, site)?;
    let (zero, one) = (graph.scalar(0.0), graph.scalar(1.0));
    let nought = graph.indicator("Equal", x, zero);
    let safe = graph.add(x, nought);
    let count = graph.reduce("ReduceSum", nought, &axes, true);
    let product = graph.reduce("ReduceProd", safe, &axes, true);
    let product = graph.mul(dy, product);
    let [none, single] = [zero, one].map(|number| {
        let fits = graph.indicator("Equal", count, number);
        graph.mul(product, fits)
    });
    let ordinary = graph.div(none, safe);
    let alone = graph.mul(single, nought);
    Ok(vec![Some(graph.add(ordinary, alone))])
}
