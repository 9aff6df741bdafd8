//! `torch.optim.RMSprop`: `g += weight_decay·p; s = α·s + (1 − α)·g²; d = g / (√s + ε)`, when centred with `s − a²` in
//! place of s, where `a += (1 − α)·(g − a)`; with momentum `b = momentum·b + d; p −= rate·b`, else `p −= rate·d`.

use super::{Buffer, Clock, Rule, decayed, lerp, single};
use crate::graph::{Graph, Value};

pub(super) struct RmsProp {
    options: sweep_wire::RmsProp,
    rate: Value,
    momentum: Value,
    alpha: Value,
    fresh: Value,
    epsilon: Value,
}

impl RmsProp {
    pub(super) fn new(graph: &mut Graph, options: sweep_wire::RmsProp, clock: Clock) -> RmsProp {
        RmsProp {
            options,
            rate: single(graph, clock.rate),
            momentum: single(graph, clock.momentum),
            alpha: graph.scalar(options.alpha),
            fresh: graph.scalar(1.0 - options.alpha),
            epsilon: graph.scalar(options.epsilon),
        }
    }
}

impl Rule for RmsProp {
    fn buffers(&self) -> Vec<Buffer> {
        let mut buffers = vec![Buffer::zeros("square_avg")];
        if self.options.centered {
            buffers.push(Buffer::zeros("grad_avg"));
        }
        if self.options.momentum != 0.0 {
            buffers.push(Buffer::zeros("momentum"));
        }
        buffers
    }

    fn update(
        &self,
        graph: &mut Graph,
        p: Value,
        g: Value,
        buffers: &[Value],
        decays: bool,
    ) -> (Value, Vec<Value>) {
        let g = decayed(graph, p, g, if decays { self.options.weight_decay } else { 0.0 });
        let kept = graph.mul(buffers[0], self.alpha);
        let square = graph.mul(g, g);
        let fresh = graph.mul(square, self.fresh);
        let square = graph.add(kept, fresh);
        let mut next = vec![square];
        let mut spread = square;
        if self.options.centered {
            let average = lerp(graph, buffers[1], g, self.fresh);
            let squared = graph.mul(average, average);
            spread = graph.sub(square, squared);
            next.push(average);
        }
        let root = graph.unary("Sqrt", spread);
        let divisor = graph.add(root, self.epsilon);
        let mut direction = graph.div(g, divisor);
        if self.options.momentum != 0.0 {
            let kept = graph.mul(buffers[next.len()], self.momentum);
            direction = graph.add(kept, direction);
            next.push(direction);
        }
        let change = graph.mul(direction, self.rate);
        (graph.sub(p, change), next)
    }
}
