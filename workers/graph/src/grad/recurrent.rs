//! What the gradients of LSTM, GRU and RNN share: one direction of a node, and what its weights get. The forward pass is
//! ONNX Runtime's own operator. All hidden states are its first output, so every gate can be computed again for all
//! steps at once, and only what really depends on the step after is left to a walk back through time.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op, Value};

/// One direction of a recurrent node with `steps` T, `batch` N, `hidden` H and G gates. Rows are steps, then samples.
pub(super) struct Lane {
    pub(super) steps: usize,
    batch: usize,
    pub(super) hidden: usize,
    reverse: bool,
    index: usize,
    /// `[T·N, I]`
    x: Value,
    /// `[G·H, I]`
    pub(super) w: Value,
    /// `[G·H, H]`
    pub(super) r: Value,
    /// Of the input and of the hidden state, each `[G·H]`.
    pub(super) biases: Option<[Value; 2]>,
    /// Hidden state after and before each step, `[T·N, H]`.
    pub(super) y: Value,
    pub(super) before: Value,
    /// The gradient of `y` at each step but for what comes from the step after, `[N, H]`.
    pub(super) dys: Option<Vec<Value>>,
    /// The gradient of the last hidden state, `[N, H]`.
    pub(super) dlast: Value,
}

/// What a lane's walk through time found.
pub(super) struct Walked {
    /// Gradient of the pre-activations on the input's side, `[T·N, G·H]`.
    pub(super) input: Value,
    /// Gradient of `r`.
    pub(super) dr: Value,
    /// Gradient of the hidden state's bias, `[G·H]`.
    pub(super) dbias: Value,
    /// Gradient of the first hidden state and the first cell state, `[N, H]`.
    pub(super) first: Value,
    pub(super) first_cell: Option<Value>,
}

/// The gradients of a recurrent node from the walks of its directions.
pub(super) fn gradient(
    graph: &mut Graph,
    site: &Site,
    walk: impl Fn(&mut Graph, &Site, &Lane) -> Walked,
) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.y(0)).to_vec();
    let mut parts: [Vec<Value>; 5] = Default::default();
    let mut dx: Option<Value> = None;
    for index in 0..shape[1] {
        let lane = lane(graph, site, index);
        let found = walk(graph, site, &lane);
        let dw = graph.matmul(found.input, lane.x, true, false);
        let dbias = graph.sum(found.input, &[0]);
        let dbias = graph.concat(&[dbias, found.dbias], 0);
        let from = graph.matmul(found.input, lane.w, false, false);
        dx = Some(dx.map_or(from, |dx| graph.add(dx, from)));
        let values = [Some(dw), Some(found.dr), Some(dbias), Some(found.first), found.first_cell];
        for (parts, value) in parts.iter_mut().zip(values) {
            parts.extend(value.map(|value| lead(graph, value)));
        }
    }
    let input = graph.shape(site.x(0)).to_vec();
    let dx = dx.map(|dx| graph.reshape(dx, &input));
    let [dw, dr, db, dh, dc] = parts.map(|parts| (!parts.is_empty()).then(|| graph.concat(&parts, 0)));
    Ok(vec![dx, dw, dr, db, None, dh, dc])
}

/// Adds a leading axis of extent 1.
fn lead(graph: &mut Graph, x: Value) -> Value {
    let shape = [&[1], graph.shape(x)].concat();
    graph.reshape(x, &shape)
}

/// Part `index` along `axis` of a value, without that axis.
fn part(graph: &mut Graph, x: Value, axis: usize, index: usize) -> Value {
    let mut shape = graph.shape(x).to_vec();
    let part = graph.slice(x, &[axis], &[index as i64], &[1], &[1]);
    shape.remove(axis);
    graph.reshape(part, &shape)
}

fn lane(graph: &mut Graph, site: &Site, index: usize) -> Lane {
    let shape = graph.shape(site.y(0)).to_vec();
    let [steps, directions, batch, hidden] = [shape[0], shape[1], shape[2], shape[3]];
    let reverse = index == 1 || (directions == 1 && site.op().text("direction") == Some("reverse"));
    let inputs = graph.shape(site.x(0))[2];
    let x = graph.reshape(site.x(0), &[steps * batch, inputs]);
    let [w, r] = [1, 2].map(|slot| part(graph, site.x(slot), 0, index));
    let biases = site.node.input(3).map(|bias| {
        let bias = part(graph, bias, 0, index);
        let half = graph.shape(bias)[0] / 2;
        [0, half].map(|start| graph.slice(bias, &[0], &[start as i64], &[1], &[half]))
    });
    let y = part(graph, site.y(0), 1, index);
    let y = graph.reshape(y, &[steps * batch, hidden]);
    let mut lane =
        Lane { steps, batch, hidden, reverse, index, x, w, r, biases, y, before: y, dys: None, dlast: y };
    let first = lane.state(graph, site.node.input(5));
    lane.before = lane.delayed(graph, y, first);
    lane.dlast = lane.state(graph, site.dys.get(1).copied().flatten());
    lane.dys = site.dys[0].map(|dy| {
        let dy = part(graph, dy, 1, index);
        let dy = graph.reshape(dy, &[steps * batch, hidden]);
        lane.by_step(graph, dy)
    });
    lane
}

impl Lane {
    /// This lane's part `[N, H]` of a state `[D, N, H]`; zeros where there is none.
    pub(super) fn state(&self, graph: &mut Graph, state: Option<Value>) -> Value {
        match state {
            Some(state) => part(graph, state, 0, self.index),
            None => graph.zeros(&[self.batch, self.hidden]),
        }
    }

    /// The steps in the order in which they are computed.
    pub(super) fn order(&self) -> Vec<usize> {
        if self.reverse { (0..self.steps).rev().collect() } else { (0..self.steps).collect() }
    }

    /// What each step finds, where `after` `[T·N, H]` is what it leaves and the first finds `first`.
    pub(super) fn delayed(&self, graph: &mut Graph, after: Value, first: Value) -> Value {
        if self.steps == 1 {
            return first;
        }
        let start = if self.reverse { self.batch as i64 } else { 0 };
        let rest = graph.slice(after, &[0], &[start], &[1], &[(self.steps - 1) * self.batch]);
        if self.reverse { graph.concat(&[rest, first], 0) } else { graph.concat(&[first, rest], 0) }
    }

    /// The rows of each step.
    pub(super) fn by_step(&self, graph: &mut Graph, x: Value) -> Vec<Value> {
        split(graph, x, 0, self.steps)
    }

    /// `x·wᵀ + bias`, `[T·N, G·H]`.
    pub(super) fn project_input(&self, graph: &mut Graph) -> Value {
        let product = graph.matmul(self.x, self.w, false, true);
        self.biases.map_or(product, |[bias, _]| graph.add(product, bias))
    }

    /// `h·rᵀ + bias` of the hidden states before each step, `[T·N, G·H]`.
    pub(super) fn project_hidden(&self, graph: &mut Graph) -> Value {
        let product = graph.matmul(self.before, self.r, false, true);
        self.biases.map_or(product, |[_, bias]| graph.add(product, bias))
    }

    /// The whole gradient of the hidden state after `step`, of which `later` comes from the step after.
    pub(super) fn arriving(&self, graph: &mut Graph, step: usize, later: Value) -> Value {
        self.dys.as_ref().map_or(later, |dys| graph.add(dys[step], later))
    }
}

/// Splits an axis into so many equal parts.
pub(super) fn split(graph: &mut Graph, x: Value, axis: usize, parts: usize) -> Vec<Value> {
    if parts == 1 {
        return vec![x];
    }
    let mut shape = graph.shape(x).to_vec();
    shape[axis] /= parts;
    let extents = graph.ints(&vec![shape[axis]; parts]);
    let op = Op::new("Split").with("axis", Attr::Int(axis as i64));
    graph.multi(op, &[x, extents], &vec![shape.as_slice(); parts])
}

/// `x · (1 − x)`: the slope of a sigmoid at its value x.
pub(super) fn bell(graph: &mut Graph, x: Value) -> Value {
    let square = graph.mul(x, x);
    graph.sub(x, square)
}

/// `1 − x²`: the slope of a hyperbolic tangent at its value x.
pub(super) fn hump(graph: &mut Graph, x: Value) -> Value {
    let square = graph.mul(x, x);
    let one = graph.scalar(1.0);
    graph.sub(one, square)
}

/// RNN-7 to -22: `h_t = f(x_t·wᵀ + h_{t−1}·rᵀ + biases)` with f a hyperbolic tangent or a rectifier.
pub(crate) fn rnn(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    gradient(graph, site, |graph, site, lane| {
        let rectifier = match site.op().attrs.get("activations") {
            Some(Attr::Texts(names)) => {
                names.get(lane.index).is_some_and(|name| name.eq_ignore_ascii_case("relu"))
            }
            _ => false,
        };
        let slope = if rectifier { graph.unary("Sign", lane.y) } else { hump(graph, lane.y) };
        let slopes = lane.by_step(graph, slope);
        let mut later = lane.dlast;
        let mut das = vec![later; lane.steps];
        for step in lane.order().into_iter().rev() {
            let dh = lane.arriving(graph, step, later);
            das[step] = graph.mul(dh, slopes[step]);
            later = graph.matmul(das[step], lane.r, false, false);
        }
        let input = graph.concat(&das, 0);
        let dr = graph.matmul(input, lane.before, true, false);
        let dbias = graph.sum(input, &[0]);
        Walked { input, dr, dbias, first: later, first_cell: None }
    })
}
