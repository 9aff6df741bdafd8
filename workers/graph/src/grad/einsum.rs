//! Einstein sums (ONNX Einsum-12 in canonical form): the gradient of an operand is an Einstein sum of all the others.

use super::{Grads, Site};
use crate::GraphError;
use crate::einsum::{contract, read};
use crate::graph::{Graph, Value};

/// `dA` has A's labels and sums the product of dy and the other operands over all others; along labels that A alone
/// has, and that were summed, it is the same.
pub(crate) fn einsum(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let values: Vec<Value> = site.node.inputs.iter().flatten().copied().collect();
    let shapes: Vec<Vec<usize>> = values.iter().map(|&value| graph.shape(value).to_vec()).collect();
    let ranks: Vec<usize> = shapes.iter().map(Vec::len).collect();
    let equation = read(site.op().text("equation").unwrap_or_default(), &ranks);
    let equation = equation.map_err(|reason| site.node.error(reason))?;
    let extents = |label: char| {
        let axes = equation.operands.iter().zip(&shapes).flat_map(|(labels, shape)| labels.iter().zip(shape));
        axes.into_iter().find(|(known, _)| **known == label).map_or(1, |(_, &extent)| extent)
    };
    let dy = site.dy()?;
    let mut grads = Vec::new();
    for slot in 0..values.len() {
        grads.push(site.wants(slot).then(|| {
            let mut terms = vec![(dy, equation.result.as_slice())];
            let others = (0..values.len()).filter(|&other| other != slot);
            terms.extend(others.map(|other| (values[other], equation.operands[other].as_slice())));
            contract(graph, &terms, &equation.operands[slot], extents)
        }));
    }
    Ok(grads)
}
