//! Elementwise functions of one input (ONNX Abs-13, Neg-13, Exp-13, Log-13, Erf-13, Sin-7, Cos-7, Cast-13).

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::Graph;
use std::f64::consts::FRAC_2_SQRT_PI;

/// `dx = dy · sign x`, 0 at 0.
pub(crate) fn abs(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let slope = graph.unary("Sign", site.x(0));
    site.times(graph, slope)
}

pub(crate) fn neg(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    Ok(vec![Some(graph.unary("Neg", site.dy()?))])
}

/// `dx = dy · y`
pub(crate) fn exp(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    site.times(graph, site.y(0))
}

/// `dx = dy / x`
pub(crate) fn log(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    Ok(vec![Some(graph.div(site.dy()?, site.x(0)))])
}

/// `dx = dy · 2/√π · exp(−x²)`
pub(crate) fn erf(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let square = graph.mul(site.x(0), site.x(0));
    let negated = graph.unary("Neg", square);
    let bell = graph.unary("Exp", negated);
    let slope = graph.scale(bell, FRAC_2_SQRT_PI);
    site.times(graph, slope)
}

/// `dx = dy · cos x`
pub(crate) fn sin(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let slope = graph.unary("Cos", site.x(0));
    site.times(graph, slope)
}

/// `dx = −dy · sin x`
pub(crate) fn cos(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let sine = graph.unary("Sin", site.x(0));
    let slope = graph.unary("Neg", sine);
    site.times(graph, slope)
}

/// Between float types the gradient is cast back; whole numbers have none.
pub(crate) fn cast(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let from = graph.fact(site.x(0)).dtype;
    if !from.is_float() {
        return Ok(vec![]);
    }
    Ok(vec![Some(graph.cast(site.dy()?, from))])
}
