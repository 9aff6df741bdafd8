//! Operators that pick elements by index, and those that treat elements by their place. What was picked several times
//! sums its gradients by ScatterElements-18, because ScatterND's addition races on ONNX Runtime's CPU provider.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op, Value};
use crate::tensor::DType;

/// Zeros of extents `shape` to which `updates` are added at `index` along `axis`.
fn scatter_add(graph: &mut Graph, shape: &[usize], axis: usize, index: Value, updates: Value) -> Value {
    let zeros = graph.zeros(shape);
    if graph.shape(updates).contains(&0) {
        return zeros;
    }
    let op = Op::new("ScatterElements")
        .with("axis", Attr::Int(axis as i64))
        .with("reduction", Attr::Text("add".to_owned()));
    graph.op(op, &[zeros, index, updates], shape)
}

/// Gather-13: x as (lead, extent, rest), dy as (lead, picked, rest).
pub(crate) fn gather(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (shape, axis) = (graph.shape(site.x(0)).to_vec(), site.op().int("axis", 0) as usize);
    let count: usize = graph.shape(site.x(1)).iter().product();
    let (lead, rest) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
    let updates = graph.reshape(site.dy()?, &[lead, count, rest]);
    let mut index = graph.reshape(site.x(1), &[count]);
    if graph.fact(index).dtype != DType::I64 {
        index = graph.cast(index, DType::I64);
    }
    let dx = graph.op(Op::composite("GatherGrad"), &[updates, index], &[lead, shape[axis], rest]);
    Ok(vec![Some(graph.reshape(dx, &shape))])
}

/// What the composite `GatherGrad(dy [lead, picked, rest], index [picked])` → dx `[lead, extent, rest]` stands for.
pub(crate) fn gathered(graph: &mut Graph, dy: Value, index: Value, shape: &[usize]) -> Value {
    let picked = graph.shape(dy).to_vec();
    let index = graph.reshape(index, &[1, picked[1], 1]);
    let index = graph.expand(index, &picked);
    scatter_add(graph, shape, 1, index, dy)
}

/// GatherElements-13.
pub(crate) fn gather_elements(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (shape, axis) = (graph.shape(site.x(0)).to_vec(), site.op().int("axis", 0));
    let axis = axis.rem_euclid(shape.len() as i64) as usize;
    Ok(vec![Some(scatter_add(graph, &shape, axis, site.x(1), site.dy()?))])
}

/// GatherND-13: the indexed axes as one, with one number for each index tuple.
pub(crate) fn gather_nd(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.x(0)).to_vec();
    let tuples = graph.shape(site.x(1)).to_vec();
    let batch = usize::try_from(site.op().int("batch_dims", 0)).unwrap_or(usize::MAX);
    let fits = |(width, lead): &(&usize, &[usize])| {
        batch.saturating_add(**width) <= shape.len() && batch <= lead.len()
    };
    let Some((&width, lead)) = tuples.split_last().filter(fits) else {
        return Err(site.node.error("its indices do not fit its input"));
    };
    let extents = &shape[batch..batch + width];
    let strides: Vec<usize> = (0..width).map(|axis| extents[axis + 1..].iter().product()).collect();
    let index = graph.cast(site.x(1), DType::I64);
    let [extents, strides] = [extents, strides.as_slice()].map(|values| graph.ints(values));
    // The remainder has the divisor's sign: it counts negative indices from the end.
    let index = graph.binary("Mod", index, extents);
    let index = graph.mul(index, strides);
    let index = graph.sum(index, &[tuples.len() - 1]);
    let groups: usize = shape[..batch].iter().product();
    let (count, inner) = (lead[batch..].iter().product(), shape[batch..batch + width].iter().product());
    let picked = [groups, count, shape[batch + width..].iter().product()];
    let index = graph.reshape(index, &[groups, count, 1]);
    let index = graph.expand(index, &picked);
    let updates = graph.reshape(site.dy()?, &picked);
    let dx = scatter_add(graph, &[groups, inner, picked[2]], 1, index, updates);
    Ok(vec![Some(graph.reshape(dx, &shape))])
}

/// ScatterElements-18 and ScatterND-18 that replace or add: what was replaced has no gradient, the updates pick theirs.
pub(crate) fn scatter(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, index) = (site.dy()?, site.x(1));
    let gather = if site.op().kind == "ScatterND" { "GatherND" } else { "GatherElements" };
    let mut gather = Op::new(gather);
    gather.attrs.extend(site.op().attrs.get("axis").map(|axis| ("axis".to_owned(), axis.clone())));
    let (shape, picked) = (graph.shape(site.x(0)).to_vec(), graph.shape(site.x(2)).to_vec());
    let ddata = match site.op().text("reduction").unwrap_or("none") {
        "add" => dy,
        "none" => {
            let zeros = graph.zeros(&picked);
            graph.op(site.op().clone(), &[dy, index, zeros], &shape)
        }
        _ => return Err(site.node.error("only its forms that replace or add can be trained")),
    };
    Ok(vec![Some(ddata), None, site.wants(2).then(|| graph.op(gather, &[dy, index], &picked))])
}

/// CumSum-14: sums from the other end.
pub(crate) fn cum_sum(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let reverse = i64::from(site.op().int("reverse", 0) == 0);
    let op = site.op().clone().with("reverse", Attr::Int(reverse));
    let dy = site.dy()?;
    let shape = graph.shape(dy).to_vec();
    Ok(vec![Some(graph.op(op, &[dy, site.x(1)], &shape))])
}

/// Trilu-14: the same triangle.
pub(crate) fn trilu(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let dy = site.dy()?;
    let shape = graph.shape(dy).to_vec();
    let inputs: Vec<Value> = [Some(dy), site.node.input(1)].into_iter().flatten().collect();
    Ok(vec![Some(graph.op(site.op().clone(), &inputs, &shape))])
}
