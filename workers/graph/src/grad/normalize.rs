//! Normalisation within a sample: rows of zero mean and unit variance (the composite that `forward` makes of layer,
//! instance, group and root-mean-square normalisation), unit length, and local response.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op};
use crate::tensor::Tensor;

/// `Normalize(x [R, n])` → x̂, inverse deviations `[R, 1]`: with means over each row
/// `dx = inverse · (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))`, without the middle term where the mean is not subtracted.
pub(crate) fn normalize(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, centre) = (site.dy()?, site.op().int("centre", 1));
    let shape = graph.shape(dy).to_vec();
    let op = Op::composite("NormalizeGrad").with("centre", Attr::Int(centre));
    Ok(vec![Some(graph.op(op, &[dy, site.y(0), site.y(1)], &shape))])
}

/// `LayerNorm(x [R, n], scale [n], bias [n])` → y, means, inverse deviations: [`normalize`] with a scale and a bias behind it.
pub(crate) fn layer_norm(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, x, scale) = (site.dy()?, site.x(0), site.x(1));
    let (shape, row) = (graph.shape(x).to_vec(), graph.shape(scale).to_vec());
    let inputs = [dy, x, scale, site.y(1), site.y(2)];
    let grads = graph.multi(Op::composite("LayerNormGrad"), &inputs, &[&shape, &row, &row]);
    Ok(grads.into_iter().map(Some).collect())
}

/// LpNormalization-1, -22 with norm n: `dx = (dy − slope·Σ dy·y) / n`, where the norm's slope is y for p = 2, sign(x) for
/// p = 1.
pub(crate) fn unit_length(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, x, y) = (site.dy()?, site.x(0), site.y(0));
    let axis = [site.op().int("axis", 0) as usize];
    let (norm, slope) = match site.op().int("p", 2) {
        1 => ("ReduceL1", graph.unary("Sign", x)),
        _ => ("ReduceL2", y),
    };
    let norm = graph.reduce(norm, x, &axis, true);
    let product = graph.mul(dy, y);
    let along = graph.reduce("ReduceSum", product, &axis, true);
    let removed = graph.mul(slope, along);
    let rest = graph.sub(dy, removed);
    Ok(vec![Some(graph.div(rest, norm))])
}

/// LRN-13: `y = x·s^−β` with `s = bias + α/size · Σ x²` over a window of channels, so
/// `dx = dy·s^−β − 2αβ/size · x · Σ' dy·x·s^(−β−1)`, where Σ' runs over the windows that a channel is in.
pub(crate) fn local_response(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, x, op) = (site.dy()?, site.x(0), site.op().clone());
    let (alpha, beta) = (f64::from(op.float("alpha", 1e-4)), f64::from(op.float("beta", 0.75)));
    let size = op.int("size", 1).max(1);
    let shape = graph.shape(x).to_vec();
    let (channels, before) = (shape[1], (size - 1) / 2);
    let within = |(c, other): (i64, i64)| f32::from((c - before..c - before + size).contains(&other));
    let pairs = (0..channels as i64).flat_map(|c| (0..channels as i64).map(move |other| (c, other)));
    let band = graph.constant(Tensor::f32(&[channels, channels], pairs.map(within).collect()));
    let flat = [shape[0], channels, shape[2..].iter().product()];
    let [x, dy] = [x, dy].map(|value| graph.reshape(value, &flat));
    let square = graph.mul(x, x);
    let sum = graph.matmul(band, square, false, false);
    let scaled = graph.scale(sum, alpha / size as f64);
    let bias = graph.scalar(f64::from(op.float("bias", 1.0)));
    let base = graph.add(scaled, bias);
    let exponent = graph.scalar(-beta);
    let power = graph.binary("Pow", base, exponent);
    let direct = graph.mul(dy, power);
    let product = graph.mul(direct, x);
    let share = graph.div(product, base);
    let gathered = graph.matmul(band, share, true, false);
    let through = graph.mul(gathered, x);
    let through = graph.scale(through, 2.0 * alpha * beta / size as f64);
    let dx = graph.sub(direct, through);
    Ok(vec![Some(graph.reshape(dx, &shape))])
}
