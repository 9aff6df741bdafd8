//! Gelu as exporters write it before opset 20, `x · ½ · (1 + erf(x / √2))` in any order, as one composite.

use super::super::{Importer, Site};
use crate::graph::{Graph, Op, Value};
use std::f64::consts::FRAC_1_SQRT_2;

/// The Gelu that this product is the last step of.
pub(super) fn gelu(importer: &mut Importer, site: &Site) -> Option<Value> {
    let graph = &mut importer.graph;
    let mut factors = Vec::new();
    for slot in 0..2 {
        let factor = site.input(slot)?;
        match inputs(graph, factor, "Mul") {
            Some([a, b]) => factors.extend([a, b]),
            None => factors.push(factor),
        }
    }
    let &[a, b, c] = factors.as_slice() else { return None };
    for (half, gate, x) in [(a, b, c), (a, c, b), (b, a, c), (b, c, a), (c, a, b), (c, b, a)] {
        let whole = graph.shape(x) == site.facts[0].shape;
        if whole && is_number(graph, half, 0.5) && is_gate(graph, gate, x) {
            let shape = graph.shape(x).to_vec();
            return Some(graph.op(Op::composite("Gelu"), &[x], &shape));
        }
    }
    None
}

/// Whether `value` is `1 + erf(x / √2)`.
fn is_gate(graph: &Graph, value: Value, x: Value) -> bool {
    let Some(sum) = inputs(graph, value, "Add") else { return false };
    let [(erf, one), (_, _)] = [(sum[0], sum[1]), (sum[1], sum[0])];
    let (erf, one) = if is_number(graph, one, 1.0) { (erf, one) } else { (one, erf) };
    let node = graph.node(erf.node);
    let Some(scaled) = node.input(0).filter(|_| node.standard() == "Erf") else { return false };
    let divided =
        inputs(graph, scaled, "Div").is_some_and(|[a, b]| a == x && is_number(graph, b, 1.0 / FRAC_1_SQRT_2));
    let product = inputs(graph, scaled, "Mul");
    let multiplied = product.is_some_and(|[a, b]| {
        let root = |value| is_number(graph, value, FRAC_1_SQRT_2);
        (a == x && root(b)) || (b == x && root(a))
    });
    is_number(graph, one, 1.0) && (divided || multiplied)
}

/// The two inputs of a standard operator of this kind.
fn inputs(graph: &Graph, value: Value, kind: &str) -> Option<[Value; 2]> {
    let node = graph.node(value.node);
    (node.standard() == kind).then(|| Some([node.input(0)?, node.input(1)?])).flatten()
}

/// Whether `value` is a constant of this one element; roots are written with few digits.
fn is_number(graph: &Graph, value: Value, wanted: f64) -> bool {
    let content = graph.content(value).and_then(|tensor| tensor.as_f32());
    let whole = (2.0 * wanted).fract() == 0.0;
    let most = if whole { 0.0 } else { 1e-4 };
    matches!(content, Some(&[number]) if (f64::from(number) - wanted).abs() <= most)
}
