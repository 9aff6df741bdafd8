//! `torch.optim.SGD`: `g += weight_decay·p; b = momentum·b + (1 − dampening)·g; p −= rate·(nesterov ? g + momentum·b : b)`.
//! In the first step `b = g`, whatever the dampening. Without momentum there is no buffer and `p −= rate·g`.

use super::{Buffer, Clock, Rule, at_first, decayed, double, single};
use crate::graph::{Graph, Value};

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
        let g = decayed(graph, p, g, self.options.weight_decay, decays);
        let mut direction = g;
        let mut next = vec![];
        if let [buffer] = buffers {
            let kept = graph.mul(*buffer, self.momentum);
            let fresh = self.fresh.map_or(g, |factor| graph.mul(g, factor));
            let buffer = graph.add(kept, fresh);
            direction = buffer;
            if self.options.nesterov {
                let ahead = graph.mul(buffer, self.momentum);
                direction = graph.add(g, ahead);
            }
            next.push(buffer);
        }
        let change = graph.mul(direction, self.rate);
        (graph.sub(p, change), next)
    }
}
