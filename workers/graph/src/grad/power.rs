//! Powers: ONNX Pow-13 with the exponent in float32, Sqrt-13, Reciprocal-13.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// `dx = dy / 2y`, infinite at 0 as in PyTorch.
pub(crate) fn sqrt(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let double = graph.scale(site.y(0), 2.0);
    Ok(vec![Some(graph.div(site.dy()?, double))])
}

/// `dx = −dy · y²`
pub(crate) fn reciprocal(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let square = graph.mul(site.y(0), site.y(0));
    let slope = graph.unary("Neg", square);
    site.times(graph, slope)
}

/// `y = xᵖ`: `dx = dy · p · xᵖ⁻¹`, 0 where p = 0; `dp = dy · y · ln x`, 0 where x = 0 and p ≥ 0, as in PyTorch.
pub(crate) fn pow(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, x, p, y) = (site.dy()?, site.x(0), site.x(1), site.y(0));
    let known = match graph.content(p).and_then(|tensor| tensor.as_f32()) {
        Some(&[p]) => Some(f64::from(p)),
        _ => None,
    };
    let dx = site.summed(graph, 0, |graph| match known {
        Some(p) => {
            let slope = fixed_slope(graph, x, y, p);
            graph.mul(dy, slope)
        }
        None => {
            let (zero, one) = (graph.scalar(0.0), graph.scalar(1.0));
            let less = graph.sub(p, one);
            let power = graph.binary("Pow", x, less);
            let slope = graph.mul(power, p);
            let full = graph.mul(dy, slope);
            let flat = graph.compare("Equal", p, zero);
            let shape = graph.shape(y).to_vec();
            graph.select(flat, zero, full, &shape)
        }
    });
    let dp = site.summed(graph, 1, |graph| {
        let (zero, one) = (graph.scalar(0.0), graph.scalar(1.0));
        let nought = graph.compare("Equal", x, zero);
        let rising = graph.compare("GreaterOrEqual", p, zero);
        let flat = graph.compare("And", nought, rising);
        // The logarithm of 1 is the zero that is wanted there.
        let shape = graph.shape(y).to_vec();
        let safe = graph.select(flat, one, x, &shape);
        let log = graph.unary("Log", safe);
        let slope = graph.mul(y, log);
        graph.mul(dy, slope)
    });
    Ok(vec![dx, dp])
}

/// `p · xᵖ⁻¹` for a known exponent, without Pow for the exponents that exporters write.
fn fixed_slope(graph: &mut Graph, x: Value, y: Value, p: f64) -> Value {
    let power = if p == 0.0 || p == 1.0 {
        return graph.scalar(p);
    } else if p == 2.0 {
        x
    } else if p == 3.0 {
        graph.mul(x, x)
    } else if p == 0.5 {
        graph.unary("Reciprocal", y)
    } else if p == -1.0 {
        graph.mul(y, y)
    } else if p == -0.5 {
        let square = graph.mul(y, y);
        graph.mul(square, y)
    } else {
        let less = graph.scalar(p - 1.0);
        graph.binary("Pow", x, less)
    };
    graph.scale(power, p)
}
