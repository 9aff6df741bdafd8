//! `torch.optim.Adam` and `AdamW`: `m += (1 − β1)·(g − m); v = β2·v + (1 − β2)·g²;
//! p −= rate / (1 − β1^t) · m / (√v / √(1 − β2^t) + ε)`. Adam adds weight_decay·p to g, AdamW shrinks p by
//! rate·weight_decay first.

use super::{Buffer, Clock, Rule, decayed, double, lerp, seen, shrinkage, single};
use crate::graph::{Graph, Value};

pub(super) struct Adam {
    options: sweep_wire::Adam,
    /// AdamW's factor of p.
    kept: Option<Value>,
    /// `1 − β1`.
    fresh: Value,
    second: Second,
    /// `rate / (1 − β1^t)`.
    step: Value,
    /// Whether weight decay goes into the gradient.
    coupled: bool,
}

/// The second moment.
pub(super) struct Second {
    beta2: Value,
    /// `1 − β2`.
    fresh: Value,
    /// `√(1 − β2^t)`.
    seen: Value,
    epsilon: Value,
}

impl Second {
    pub(super) fn new(graph: &mut Graph, options: sweep_wire::Adam, clock: Clock) -> Second {
        let beta2 = double(graph, options.beta2);
        let seen = seen(graph, beta2, clock);
        let seen = graph.unary("Sqrt", seen);
        Second {
            beta2: graph.scalar(options.beta2),
            fresh: graph.scalar(1.0 - options.beta2),
            seen: single(graph, seen),
            epsilon: graph.scalar(options.epsilon),
        }
    }

    /// The new moment and what the direction is divided by.
    pub(super) fn update(&self, graph: &mut Graph, moment: Value, g: Value) -> (Value, Value) {
        let kept = graph.mul(moment, self.beta2);
        let square = graph.mul(g, g);
        let fresh = graph.mul(square, self.fresh);
        let next = graph.add(kept, fresh);
        let root = graph.unary("Sqrt", next);
        let root = graph.div(root, self.seen);
        (next, graph.add(root, self.epsilon))
    }
}

impl Adam {
    pub(super) fn new(graph: &mut Graph, options: sweep_wire::Adam, clock: Clock, decoupled: bool) -> Adam {
        let kept = if decoupled { shrinkage(graph, clock, options.weight_decay) } else { None };
        let one = double(graph, 1.0);
        let fresh = graph.sub(one, clock.momentum);
        let seen = seen(graph, clock.momentum, clock);
        let step = graph.div(clock.rate, seen);
        Adam {
            options,
            kept,
            fresh: single(graph, fresh),
            second: Second::new(graph, options, clock),
            step: single(graph, step),
            coupled: !decoupled,
        }
    }
}

impl Rule for Adam {
    fn buffers(&self) -> Vec<Buffer> {
        vec![Buffer::zeros("exp_avg"), Buffer::zeros("exp_avg_sq")]
    }

    fn update(
        &self,
        graph: &mut Graph,
        p: Value,
        g: Value,
        buffers: &[Value],
        decays: bool,
    ) -> (Value, Vec<Value>) {
        let g = decayed(graph, p, g, self.options.weight_decay, decays && self.coupled);
        let p = self.kept.filter(|_| decays).map_or(p, |kept| graph.mul(p, kept));
        let first = lerp(graph, buffers[0], g, self.fresh);
        let (second, divisor) = self.second.update(graph, buffers[1], g);
        let direction = graph.div(first, divisor);
        let change = graph.mul(direction, self.step);
        (graph.sub(p, change), vec![first, second])
    }
}
