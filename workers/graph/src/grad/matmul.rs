//! Matrix products: ONNX Gemm-13 and MatMul-13.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// `Y = alpha·A'·B' + beta·C`, where a quote means transposed if its flag is set; C broadcasts to Y.
pub(crate) fn gemm(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (dy, a, b, op) = (site.dy()?, site.x(0), site.x(1), site.op());
    let (alpha, beta) = (f64::from(op.float("alpha", 1.0)), f64::from(op.float("beta", 1.0)));
    let (trans_a, trans_b) = (op.int("transA", 0) != 0, op.int("transB", 0) != 0);
    let scaled = if site.wants(0) || site.wants(1) { graph.scale(dy, alpha) } else { dy };
    let da = site.wants(0).then(|| match trans_a {
        false => graph.matmul(scaled, b, false, !trans_b),
        true => graph.matmul(b, scaled, trans_b, true),
    });
    let db = site.wants(1).then(|| match trans_b {
        false => graph.matmul(a, scaled, !trans_a, false),
        true => graph.matmul(scaled, a, true, trans_a),
    });
    let dc = site.wants(2).then(|| {
        let shape = graph.shape(site.x(2)).to_vec();
        let summed = graph.sum_to(dy, &shape);
        graph.scale(summed, beta)
    });
    Ok(vec![da, db, dc])
}

/// `Y = A·B` over the last two axes, the others broadcast; a vector is a row on the left, a column on the right.
pub(crate) fn matmul(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let (left, right) = (graph.shape(site.x(0)).to_vec(), graph.shape(site.x(1)).to_vec());
    let row = if left.len() == 1 { [&[1], left.as_slice()].concat() } else { left.clone() };
    let column = if right.len() == 1 { [right.as_slice(), &[1]].concat() } else { right.clone() };
    let a = graph.reshape(site.x(0), &row);
    let b = graph.reshape(site.x(1), &column);
    let mut full = crate::graph::broadcast(&row[..row.len() - 2], &column[..column.len() - 2]);
    full.extend([row[row.len() - 2], column[column.len() - 1]]);
    let dy = graph.reshape(site.dy()?, &full);
    let da = site.wants(0).then(|| {
        let whole = graph.matmul(dy, b, false, true);
        let da = graph.sum_to(whole, &row);
        graph.reshape(da, &left)
    });
    let db = site.wants(1).then(|| {
        // A plain matrix on the right sums over every row of the left: one product of matrices.
        let whole = if column.len() == 2 {
            let (a, dy) = (rows(graph, a), rows(graph, dy));
            graph.matmul(a, dy, true, false)
        } else {
            graph.matmul(a, dy, true, false)
        };
        let db = graph.sum_to(whole, &column);
        graph.reshape(db, &right)
    });
    Ok(vec![da, db])
}

/// All axes but the last as one.
fn rows(graph: &mut Graph, x: Value) -> Value {
    let shape = graph.shape(x);
    let (last, lead) = shape.split_last().map_or((1, 1), |(last, lead)| (*last, lead.iter().product()));
    graph.reshape(x, &[lead, last])
}
