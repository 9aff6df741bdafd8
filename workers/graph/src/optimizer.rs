//! How a parameter follows its gradient.

use crate::graph::{Graph, Value};
use crate::options::Optimizer;

/// A parameter's new value, and its new buffer where there is one.
pub(crate) struct Update {
    pub(crate) parameter: Value,
    pub(crate) buffer: Option<Value>,
}

impl Optimizer {
    /// Whether every parameter has a buffer.
    pub(crate) fn buffered(&self) -> bool {
        let Optimizer::Sgd { momentum, .. } = *self;
        momentum != 0.0
    }

    /// Adds one update by the formula of [`Optimizer::Sgd`]; `buffer` is there if [`Optimizer::buffered`].
    pub(crate) fn update(
        &self,
        graph: &mut Graph,
        rate: Value,
        parameter: Value,
        gradient: Value,
        buffer: Option<Value>,
    ) -> Update {
        let Optimizer::Sgd { momentum, nesterov, weight_decay } = *self;
        let mut gradient = gradient;
        if weight_decay != 0.0 {
            let decay = graph.scale(parameter, weight_decay);
            gradient = graph.add(gradient, decay);
        }
        let mut direction = gradient;
        let buffer = buffer.map(|buffer| {
            let kept = graph.scale(buffer, momentum);
            let next = graph.add(kept, gradient);
            direction = next;
            if nesterov {
                let ahead = graph.scale(next, momentum);
                direction = graph.add(gradient, ahead);
            }
            next
        });
        let change = graph.mul(direction, rate);
        Update { parameter: graph.sub(parameter, change), buffer }
    }
}
