//! Attention, taken apart into products, a softmax and what lies between, which ordinary rules differentiate.

use super::super::{Importer, Mode, Site};
use super::{error, plain, required};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op, Value};
use crate::tensor::{DType, Tensor, TensorData};

/// The extents of one attention: batch, heads of the queries, queries sharing a key's head, queries, keys.
struct Extents {
    batch: usize,
    heads: usize,
    shared: usize,
    queries: usize,
    keys: usize,
}

/// Attention-23: `softmax(cap(scale·Q·Kᵀ) + mask)·V` for `[batch, heads, length, size]`, or `[batch, length, heads·size]`
/// with the numbers of heads as attributes. As ONNX Runtime has it, `cap(s) = softcap·tanh(s / softcap)` comes before the
/// mask, and a query that a boolean mask bars from every key gets zeros.
pub(super) fn attention(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    if importer.mode == Mode::Inference {
        return Ok(plain(importer, site, site.op.clone()));
    }
    let refuse = |importer: &Importer, reason: &str| Err(error(importer, site, reason));
    if site.input(4).is_some() || site.input(5).is_some() {
        return refuse(importer, "a cache of past keys and values is not supported");
    }
    let later = |value: &Value| value.node == site.index && value.slot > 0;
    if importer.model.nodes.iter().any(|node| node.inputs.iter().flatten().any(later)) {
        return refuse(importer, "only its first output can be used");
    }
    let flat = importer.graph.shape(required(importer, site, 0)?).len() == 3;
    let mut parts = [required(importer, site, 0)?; 3];
    for (slot, name) in [(0, "q_num_heads"), (1, "kv_num_heads"), (2, "kv_num_heads")] {
        let x = required(importer, site, slot)?;
        let heads = usize::try_from(site.op.int(name, 0)).ok();
        let part = split(&mut importer.graph, x, flat, heads);
        parts[slot] =
            part.ok_or_else(|| error(importer, site, format!("input {slot} does not fit `{name}`")))?;
    }
    let [q, k, v] = parts.map(|part| importer.graph.shape(part).to_vec());
    let fits = q[0] == k[0] && k[..3] == v[..3] && q[3] == k[3] && k[1] > 0 && q[1].is_multiple_of(k[1]);
    if !fits {
        return refuse(importer, "its queries, keys and values do not fit each other");
    }
    let extents = Extents { batch: q[0], heads: q[1], shared: q[1] / k[1], queries: q[2], keys: k[2] };
    let scale = f64::from(site.op.float("scale", 1.0 / (q[3] as f32).sqrt()));
    let scores = scores(&mut importer.graph, &extents, parts[0], parts[1], scale);
    let probabilities = softmax(importer, site, &extents, scores)?;
    let graph = &mut importer.graph;
    let rows = extents.shared * extents.queries;
    let grouped = graph.reshape(probabilities, &[q[0], k[1], rows, extents.keys]);
    let y = graph.op(Op::new("MatMul"), &[grouped, parts[2]], &[q[0], k[1], rows, v[3]]);
    let y = graph.reshape(y, &[q[0], q[1], q[2], v[3]]);
    if !flat {
        return Ok(vec![y]);
    }
    let y = graph.transpose(y, &[0, 2, 1, 3]);
    Ok(vec![graph.reshape(y, &[q[0], q[2], q[1] * v[3]])])
}

/// `[batch, heads, length, size]` of an input in either form.
fn split(graph: &mut Graph, x: Value, flat: bool, heads: Option<usize>) -> Option<Value> {
    let shape = graph.shape(x).to_vec();
    if !flat {
        return (shape.len() == 4).then_some(x);
    }
    let &[batch, length, width] = shape.as_slice() else { return None };
    let heads = heads.filter(|&heads| heads > 0 && width.is_multiple_of(heads))?;
    let apart = graph.reshape(x, &[batch, length, heads, width / heads]);
    Some(graph.transpose(apart, &[0, 2, 1, 3]))
}

/// `scale·Q·Kᵀ` `[batch, heads, queries, keys]`; the queries that share a key's head are rows of one product.
fn scores(graph: &mut Graph, extents: &Extents, q: Value, k: Value, scale: f64) -> Value {
    let &Extents { batch, heads, shared, queries, keys } = extents;
    let size = graph.shape(q)[3];
    let scaled = graph.scale(q, scale);
    let rows = graph.reshape(scaled, &[batch, heads / shared, shared * queries, size]);
    let turned = graph.swap_last(k);
    let scores =
        graph.op(Op::new("MatMul"), &[rows, turned], &[batch, heads / shared, shared * queries, keys]);
    graph.reshape(scores, &[batch, heads, queries, keys])
}

/// The weight of each key for each query.
fn softmax(
    importer: &mut Importer,
    site: &Site,
    extents: &Extents,
    mut scores: Value,
) -> Result<Value, GraphError> {
    let shape = [extents.batch, extents.heads, extents.queries, extents.keys];
    let mask = site.input(3);
    if let Some(mask) = mask {
        let given = importer.graph.fact(mask);
        let fits = |(own, whole): (&usize, &usize)| own == whole || *own == 1;
        if given.shape.len() > 4 || !given.shape.iter().rev().zip(shape.iter().rev()).all(fits) {
            return Err(error(importer, site, "its mask does not fit its queries and keys"));
        }
        if ![DType::Bool, DType::F32].contains(&given.dtype) {
            return Err(error(importer, site, "its mask is neither boolean nor float32"));
        }
    }
    let graph = &mut importer.graph;
    let cap = f64::from(site.op.float("softcap", 0.0));
    if cap > 0.0 {
        let inner = graph.scale(scores, 1.0 / cap);
        let bounded = graph.unary("Tanh", inner);
        scores = graph.scale(bounded, cap);
    }
    let allowed = mask.filter(|&mask| graph.fact(mask).dtype == DType::Bool);
    if let Some(allowed) = allowed {
        let (zero, lowest) = (graph.scalar(0.0), graph.scalar(f64::from(f32::MIN)));
        let shape = graph.shape(allowed).to_vec();
        let bias = graph.typed(Op::new("Where"), &[allowed, zero, lowest], DType::F32, &shape);
        scores = graph.add(scores, bias);
    } else if let Some(bias) = mask {
        scores = graph.add(scores, bias);
    }
    if site.op.int("is_causal", 0) != 0 {
        let bias = causal(graph, extents);
        scores = graph.add(scores, bias);
    }
    let mut weights = graph.op(Op::new("Softmax").with("axis", Attr::Int(3)), &[scores], &shape);
    if let Some(allowed) = allowed {
        let allowed = graph.cast(allowed, DType::F32);
        weights = graph.mul(weights, allowed);
    }
    Ok(weights)
}

/// The lowest number where a key comes after the query, else 0; it takes no room in the file.
fn causal(graph: &mut Graph, extents: &Extents) -> Value {
    let shape = [extents.queries, extents.keys];
    let lowest = Tensor { shape: vec![1], data: TensorData::F32(vec![f32::MIN]) };
    let target = graph.ints(&shape);
    let op = Op::new("ConstantOfShape").with("value", Attr::Tensor(lowest));
    let full = graph.typed(op, &[target], DType::F32, &shape);
    let above = graph.constant(Tensor { shape: vec![], data: TensorData::I64(vec![1]) });
    graph.op(Op::new("Trilu").with("upper", Attr::Int(1)), &[full, above], &shape)
}
