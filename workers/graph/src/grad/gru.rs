//! Gated recurrent units, ONNX GRU-7 to -22 in canonical form: default activations, no clipping.

use super::recurrent::{Lane, Walked, bell, gradient, hump};
use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// With the gates z and r (sigmoids), `h_t = (1 − z)∘n + z∘h_{t−1}`, where `n = tanh(x·w_nᵀ + r∘(h·r_nᵀ))` if
/// `linear_before_reset` is set, else `n = tanh(x·w_nᵀ + (r∘h)·r_nᵀ)`, h being the state before; biases beside products.
pub(crate) fn gru(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let linear_first = site.op().int("linear_before_reset", 0) != 0;
    gradient(graph, site, |graph, _, lane| {
        let from_input = lane.project_input(graph);
        let from_hidden = lane.project_hidden(graph);
        let gate = |graph: &mut Graph, sums: Value, index: usize| {
            graph.slice(sums, &[1], &[(index * lane.hidden) as i64], &[1], &[lane.hidden])
        };
        let [z, r] = [0, 1].map(|index| {
            let (input, hidden) = (gate(graph, from_input, index), gate(graph, from_hidden, index));
            let sum = graph.add(input, hidden);
            graph.unary("Sigmoid", sum)
        });
        let gates = Gates { z, r };
        let input = gate(graph, from_input, 2);
        if linear_first {
            let hidden = gate(graph, from_hidden, 2);
            reset_after(graph, lane, &gates, input, hidden)
        } else {
            reset_before(graph, lane, &gates, input)
        }
    })
}

/// The values of the gates at all steps, `[T·N, H]`.
struct Gates {
    z: Value,
    r: Value,
}

impl Gates {
    /// What a step's dh is multiplied with to give the gradients before z's sigmoid and before n's tangent.
    fn factors(&self, graph: &mut Graph, lane: &Lane, n: Value) -> [Value; 2] {
        let difference = graph.sub(lane.before, n);
        let slope = bell(graph, self.z);
        let into_z = graph.mul(difference, slope);
        let one = graph.scalar(1.0);
        let share = graph.sub(one, self.z);
        let slope = hump(graph, n);
        [into_z, graph.mul(share, slope)]
    }
}

/// The reset gate multiplies the product: every gradient is dh times what all steps know at once.
fn reset_after(graph: &mut Graph, lane: &Lane, gates: &Gates, from_input: Value, hidden: Value) -> Walked {
    let reset = graph.mul(gates.r, hidden);
    let sum = graph.add(from_input, reset);
    let n = graph.unary("Tanh", sum);
    let [into_z, into_n] = gates.factors(graph, lane, n);
    let slope = bell(graph, gates.r);
    let into_r = graph.mul(hidden, slope);
    let into_r = graph.mul(into_n, into_r);
    let into_hidden = graph.mul(into_n, gates.r);
    let factors = graph.concat(&[into_z, into_r, into_hidden], 1);
    let [steps, keeps] = [factors, gates.z].map(|value| lane.by_step(graph, value));

    let mut later = lane.dlast;
    let mut dhs = vec![later; lane.steps];
    let mut das = vec![later; lane.steps];
    for step in lane.order().into_iter().rev() {
        let dh = lane.arriving(graph, step, later);
        let all = graph.concat(&[dh, dh, dh], 1);
        das[step] = graph.mul(all, steps[step]);
        dhs[step] = dh;
        let kept = graph.mul(dh, keeps[step]);
        let product = graph.matmul(das[step], lane.r, false, false);
        later = graph.add(kept, product);
    }
    let recurrent = graph.concat(&das, 0);
    let dh = graph.concat(&dhs, 0);
    let dn = graph.mul(dh, into_n);
    let same = graph.slice(recurrent, &[1], &[0], &[1], &[2 * lane.hidden]);
    let input = graph.concat(&[same, dn], 1);
    let dr = graph.matmul(recurrent, lane.before, true, false);
    let dbias = graph.sum(recurrent, &[0]);
    Walked { input, dr, dbias, first: later, first_cell: None }
}

/// The reset gate multiplies the state: its gradient comes back through r_n at each step.
fn reset_before(graph: &mut Graph, lane: &Lane, gates: &Gates, from_input: Value) -> Walked {
    let two = 2 * lane.hidden;
    let outer = graph.slice(lane.r, &[0], &[0], &[1], &[two]);
    let inner = graph.slice(lane.r, &[0], &[two as i64], &[1], &[lane.hidden]);
    let reset = graph.mul(gates.r, lane.before);
    let product = graph.matmul(reset, inner, false, true);
    let mut sum = graph.add(from_input, product);
    if let Some([_, bias]) = lane.biases {
        let bias = graph.slice(bias, &[0], &[two as i64], &[1], &[lane.hidden]);
        sum = graph.add(sum, bias);
    }
    let n = graph.unary("Tanh", sum);
    let [into_z, into_n] = gates.factors(graph, lane, n);
    let slope = bell(graph, gates.r);
    let into_r = graph.mul(lane.before, slope);
    let [into_z, into_n, into_r, z, r] =
        [into_z, into_n, into_r, gates.z, gates.r].map(|value| lane.by_step(graph, value));

    let mut later = lane.dlast;
    let mut das = vec![later; lane.steps];
    for step in lane.order().into_iter().rev() {
        let dh = lane.arriving(graph, step, later);
        let dn = graph.mul(dh, into_n[step]);
        let dreset = graph.matmul(dn, inner, false, false);
        let (dz, dr) = (graph.mul(dh, into_z[step]), graph.mul(dreset, into_r[step]));
        let gates = graph.concat(&[dz, dr], 1);
        das[step] = graph.concat(&[gates, dn], 1);
        let kept = graph.mul(dh, z[step]);
        let through = graph.mul(dreset, r[step]);
        let product = graph.matmul(gates, outer, false, false);
        let direct = graph.add(kept, through);
        later = graph.add(direct, product);
    }
    let input = graph.concat(&das, 0);
    let gates = graph.slice(input, &[1], &[0], &[1], &[two]);
    let dn = graph.slice(input, &[1], &[two as i64], &[1], &[lane.hidden]);
    let dr = [graph.matmul(gates, lane.before, true, false), graph.matmul(dn, reset, true, false)];
    let dr = graph.concat(&dr, 0);
    let dbias = graph.sum(input, &[0]);
    Walked { input, dr, dbias, first: later, first_cell: None }
}
