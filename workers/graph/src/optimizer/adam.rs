//! `torch.optim.Adam` and `AdamW`: `m += (1 − β1)·(g − m); v = β2·v + (1 − β2)·g²;
//! p −= rate / (1 − β1^t) · m / (√v / √(1 − β2^t) + ε)`. Adam adds weight_decay·p to g, AdamW shrinks p by
//! rate·weight_decay first.

use super::{Buffer, Clock, Rule, decayed, double, lerp, seen, shrinkage, single};
use crate::graph::{Attr, Graph, Op, Value};

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
        let decay = if decays && self.coupled { self.options.weight_decay } else { 0.0 };
        let op = Op::composite("AdamStep")
            .with("weight_decay", Attr::Float(decay as f32))
            .with("beta2", Attr::Float(self.options.beta2 as f32))
            // Of a single-precision β2 it would be off by a hundred thousandth.
            .with("fresh2", Attr::Float((1.0 - self.options.beta2) as f32))
            .with("epsilon", Attr::Float(self.options.epsilon as f32));
        let mut inputs = vec![p, g, buffers[0], buffers[1], self.fresh, self.second.seen, self.step];
        inputs.extend(self.kept.filter(|_| decays));
        let shape = graph.shape(p).to_vec();
        let out = graph.multi(op, &inputs, &[&shape, &shape, &shape]);
        (out[0], vec![out[1], out[2]])
    }
}

/// What the composite `AdamStep(p, g, m, v, fresh, seen, step, kept?)` → p, m, v stands for.
pub(crate) fn step(graph: &mut Graph, op: &Op, inputs: &[Value]) -> Vec<Value> {
    let &[p, g, m, v, fresh, seen, step, ..] = inputs else { unreachable!("it takes seven inputs or eight") };
    let g = decayed(graph, p, g, f64::from(op.float("weight_decay", 0.0)));
    let p = inputs.get(7).map_or(p, |&kept| graph.mul(p, kept));
    let first = lerp(graph, m, g, fresh);
    let mut scalar = |name| graph.scalar(f64::from(op.float(name, 0.0)));
    let second = Second { beta2: scalar("beta2"), fresh: scalar("fresh2"), seen, epsilon: scalar("epsilon") };
    let (second, divisor) = second.update(graph, v, g);
    let direction = graph.div(first, divisor);
    let change = graph.mul(direction, step);
    vec![graph.sub(p, change), first, second]
}
