//! Long short-term memory, ONNX LSTM-7 to -22 in canonical form: default activations, no clipping, no peepholes.

use super::recurrent::{Lane, Walked, bell, gradient, hump, split};
use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// The gates i, o, f (sigmoids) and g (hyperbolic tangent) of `x·wᵀ + h·rᵀ + biases` give
/// `c_t = f∘c_{t−1} + i∘g` and `h_t = o∘tanh(c_t)`.
pub(crate) fn lstm(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    gradient(graph, site, walk)
}

/// With `dc += dh∘o∘(1 − tanh²c)` the pre-activations get `(dc∘g, dh∘tanh c, dc∘c_{t−1}, dc∘i)` times their gates' slopes,
/// the step before `dc∘f` and, through r, its dh.
fn walk(graph: &mut Graph, site: &Site, lane: &Lane) -> Walked {
    let (from_input, from_hidden) = (lane.project_input(graph), lane.project_hidden(graph));
    let sums = graph.add(from_input, from_hidden);
    let sums = split(graph, sums, 1, 4);
    let [i, o, f] = [0, 1, 2].map(|gate| graph.unary("Sigmoid", sums[gate]));
    let g = graph.unary("Tanh", sums[3]);
    let (cell, cell_before) = cells(graph, site, lane, f, i, g);
    let squashed = graph.unary("Tanh", cell);

    let slope = hump(graph, squashed);
    let into_cell = graph.mul(o, slope);
    let slopes = [bell(graph, i), bell(graph, o), bell(graph, f), hump(graph, g)];
    let factors = [g, squashed, cell_before, i];
    let products: Vec<Value> = (0..4).map(|gate| graph.mul(factors[gate], slopes[gate])).collect();
    let products = graph.concat(&products, 1);
    let [into_cell, products, keeps] = [into_cell, products, f].map(|value| lane.by_step(graph, value));

    let mut later = lane.dlast;
    let mut dc = lane.state(graph, site.dys.get(2).copied().flatten());
    let mut das = vec![later; lane.steps];
    for step in lane.order().into_iter().rev() {
        let dh = lane.arriving(graph, step, later);
        let from_output = graph.mul(dh, into_cell[step]);
        dc = graph.add(dc, from_output);
        let all = graph.concat(&[dc, dh, dc, dc], 1);
        das[step] = graph.mul(all, products[step]);
        dc = graph.mul(dc, keeps[step]);
        later = graph.matmul(das[step], lane.r, false, false);
    }
    let input = graph.concat(&das, 0);
    let dr = graph.matmul(input, lane.before, true, false);
    let dbias = graph.sum(input, &[0]);
    Walked { input, dr, dbias, first: later, first_cell: Some(dc) }
}

/// The cell states after and before each step, `[T·N, H]`: the operator itself returns only the last one.
fn cells(graph: &mut Graph, site: &Site, lane: &Lane, f: Value, i: Value, g: Value) -> (Value, Value) {
    let new = graph.mul(i, g);
    let [keeps, news] = [f, new].map(|value| lane.by_step(graph, value));
    let first = lane.state(graph, site.node.input(6));
    let mut cell = first;
    let mut cells = vec![cell; lane.steps];
    for step in lane.order() {
        let kept = graph.mul(keeps[step], cell);
        cell = graph.add(kept, news[step]);
        cells[step] = cell;
    }
    let after = graph.concat(&cells, 0);
    (after, lane.delayed(graph, after, first))
}
