//! Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2): p shrinks by
//! rate·weight_decay; `p −= rate·sign(β1·m + (1 − β1)·g); m = β2·m + (1 − β2)·g`.

use super::{Buffer, Clock, Rule, double, shrinkage, single};
use crate::graph::{Graph, Value};

pub(super) struct Lion {
    kept: Option<Value>,
    rate: Value,
    /// Shares of buffer and gradient, in the direction and in the next buffer.
    direction: [Value; 2],
    buffer: [Value; 2],
}

impl Lion {
    pub(super) fn new(graph: &mut Graph, options: sweep_wire::Lion, clock: Clock) -> Lion {
        let one = double(graph, 1.0);
        let fresh = graph.sub(one, clock.momentum);
        Lion {
            kept: shrinkage(graph, clock, options.weight_decay),
            rate: single(graph, clock.rate),
            direction: [single(graph, clock.momentum), single(graph, fresh)],
            buffer: [graph.scalar(options.beta2), graph.scalar(1.0 - options.beta2)],
        }
    }
}

/// `shares[0]·a + shares[1]·b`.
fn mix(graph: &mut Graph, shares: [Value; 2], a: Value, b: Value) -> Value {
    let (a, b) = (graph.mul(a, shares[0]), graph.mul(b, shares[1]));
    graph.add(a, b)
}

impl Rule for Lion {
    fn buffers(&self) -> Vec<Buffer> {
        vec![Buffer::zeros("exp_avg")]
    }

    fn update(
        &self,
        graph: &mut Graph,
        p: Value,
        g: Value,
        buffers: &[Value],
        decays: bool,
    ) -> (Value, Vec<Value>) {
        let p = self.kept.filter(|_| decays).map_or(p, |kept| graph.mul(p, kept));
        let mixed = mix(graph, self.direction, buffers[0], g);
        let sign = graph.unary("Sign", mixed);
        let change = graph.mul(sign, self.rate);
        (graph.sub(p, change), vec![mix(graph, self.buffer, buffers[0], g)])
    }
}
