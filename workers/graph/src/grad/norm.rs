//! Batch normalisation with batch statistics, as the composite that `forward` makes of ONNX BatchNormalization.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op};

/// With x̂ = (x − mean) / √(var + ε) over m values per channel:
/// `dbias = Σ dy`, `dscale = Σ dy·x̂`, `dx = scale / √(var + ε) · (dy − dbias/m − x̂·dscale/m)`.
pub(crate) fn batch_norm(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, x, scale) = (site.dy()?, site.x(0), site.x(1));
    let (shape, channels) = (graph.shape(x).to_vec(), graph.shape(scale).to_vec());
    let op = Op::composite("BatchNormGrad").with("epsilon", Attr::Float(site.op().float("epsilon", 1e-5)));
    let inputs = [dy, x, scale, site.y(1), site.y(2)];
    let grads = graph.multi(op, &inputs, &[&shape, &channels, &channels]);
    Ok(grads.into_iter().map(Some).collect())
}
