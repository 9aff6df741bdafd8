//! `torch.optim.SGD`: `g += weight_decay·p; b = momentum·b + (1 − dampening)·g; p −= rate·(nesterov ? g + momentum·b : b)`.
//! In the first step `b = g`, whatever the dampening. Without momentum there is no buffer and `p −= rate·g`.

use super::{Buffer, Clock, Rule, at_first, decayed, double, single};
use crate::graph::{Attr, Graph, Op, Value};

pub(super) struct Sgd {
    options: sweep_wire::Sgd,
    rate: Value,
    momentum: Value,
    /// `1 − dampening`; nothing without dampening.
    fresh: Option<Value>,
}

impl Sgd {
    pub(super) fn new(graph: &mut Graph, options: sweep_wire::Sgd, clock: Clock) -> Sgd {
        let fresh = (options.dampening != 0.0).then(|| {
            let (first, later) = (double(graph, 1.0), double(graph, 1.0 - options.dampening));
            let fresh = at_first(graph, clock, first, later);
            single(graph, fresh)
        });
        Sgd { options, rate: single(graph, clock.rate), momentum: single(graph, clock.momentum), fresh }
    }
}

impl Rule for Sgd {
    fn buffers(&self) -> Vec<Buffer> {
        if self.options.momentum == 0.0 { vec![] } else { vec![Buffer::zeros("momentum")] }
    }

    fn update(
        &self,
        graph: &mut Graph,
        p: Value,
        g: Value,
        buffers: &[Value],
        decays: bool,
    ) -> (Value, Vec<Value>) {
        let decay = if decays { self.options.weight_decay } else { 0.0 };
        if let ([buffer], None) = (buffers, self.fresh) {
            let op = Op::composite("SgdStep")
                .with("weight_decay", Attr::Float(decay as f32))
                .with("nesterov", Attr::Int(i64::from(self.options.nesterov)));
            let shape = graph.shape(p).to_vec();
            let out = graph.multi(op, &[p, g, *buffer, self.rate, self.momentum], &[&shape, &shape]);
            return (out[0], vec![out[1]]);
        }
        let g = decayed(graph, p, g, decay);
        let mut direction = g;
        let mut next = vec![];
        if let [buffer] = buffers {
            let fresh = self.fresh.map_or(g, |factor| graph.mul(g, factor));
            let (ahead, buffer) = along(graph, (g, fresh), *buffer, self.momentum, self.options.nesterov);
            direction = ahead;
            next.push(buffer);
        }
        let change = graph.mul(direction, self.rate);
        (graph.sub(p, change), next)
    }
}

/// The direction of a step and the new buffer, from the gradient and what of it is added to the buffer.
fn along(
    graph: &mut Graph,
    (g, fresh): (Value, Value),
    buffer: Value,
    momentum: Value,
    nesterov: bool,
) -> (Value, Value) {
    let kept = graph.mul(buffer, momentum);
    let buffer = graph.add(kept, fresh);
    if !nesterov {
        return (buffer, buffer);
    }
    let ahead = graph.mul(buffer, momentum);
    (graph.add(g, ahead), buffer)
}

/// What the composite `SgdStep(p, g, buffer, rate, momentum)` → p, buffer stands for.
pub(crate) fn step(graph: &mut Graph, op: &Op, inputs: &[Value]) -> Vec<Value> {
    let &[p, g, buffer, rate, momentum] = inputs else { unreachable!("it takes five inputs") };
    let g = decayed(graph, p, g, f64::from(op.float("weight_decay", 0.0)));
    let (direction, buffer) = along(graph, (g, g), buffer, momentum, op.int("nesterov", 0) != 0);
    let change = graph.mul(direction, rate);
    vec![graph.sub(p, change), buffer]
}
