//! Schedule-Free SGD and AdamW (Defazio et al. 2024, "The Road Less Scheduled"). Gradients are taken at the parameter y;
//! a fast sequence z follows them, the average x of z is what evaluations see:
//! `z −= rate·d; x += c·(z − x); y = z + β·(x − z)`, where `d = g + weight_decay·y`, or for AdamW
//! `g / (√(v / (1 − β2^t)) + ε) + weight_decay·y`. The weight of a step is the square of the largest rate so far, and c its
//! share of all weights so far.

use super::adam::Second;
use super::{Buffer, Clock, Rule, choose, decayed, double, lerp, single};
use crate::graph::{Graph, Value};
use crate::tensor::DType;
use sweep_wire::{Adam, ScheduleFreeSgd};

/// The largest rate so far, and the sum of the weights.
pub(super) const GLOBALS: [&str; 2] = ["largest_rate", "weight_sum"];

const Z: Buffer = Buffer { name: "z", copies: true };
pub(super) const X: Buffer = Buffer { name: "x", copies: true };

/// What both have in common.
struct Sequences {
    rate: Value,
    /// The share c.
    share: Value,
    beta: Value,
    weight_decay: f64,
}

impl Sequences {
    fn new(
        graph: &mut Graph,
        beta: f64,
        weight_decay: f64,
        clock: Clock,
        globals: &[Value],
    ) -> (Self, Vec<Value>) {
        let (largest, sum) = (graph.cast(globals[0], DType::F64), graph.cast(globals[1], DType::F64));
        let largest = graph.binary("Max", largest, clock.rate);
        let weight = graph.mul(largest, largest);
        let sum = graph.add(sum, weight);
        // Nothing has moved as long as all rates were 0.
        let zero = double(graph, 0.0);
        let any = graph.compare("Greater", sum, zero);
        let share = graph.div(weight, sum);
        let share = choose(graph, any, share, zero);
        let (beta, rate, share) = (graph.scalar(beta), single(graph, clock.rate), single(graph, share));
        let next = vec![single(graph, largest), single(graph, sum)];
        (Sequences { rate, share, beta, weight_decay }, next)
    }

    /// The new y, z and x.
    fn follow(&self, graph: &mut Graph, y: Value, d: Value, [z, x]: [Value; 2], decays: bool) -> [Value; 3] {
        let d = decayed(graph, y, d, if decays { self.weight_decay } else { 0.0 });
        let change = graph.mul(d, self.rate);
        let z = graph.sub(z, change);
        let x = lerp(graph, x, z, self.share);
        [lerp(graph, z, x, self.beta), z, x]
    }
}

pub(super) struct Sgd(Sequences);

impl Sgd {
    pub(super) fn new(
        graph: &mut Graph,
        options: ScheduleFreeSgd,
        clock: Clock,
        globals: &[Value],
    ) -> (Sgd, Vec<Value>) {
        let (common, next) = Sequences::new(graph, options.momentum, options.weight_decay, clock, globals);
        (Sgd(common), next)
    }
}

impl Rule for Sgd {
    fn buffers(&self) -> Vec<Buffer> {
        vec![Z, X]
    }

    fn update(
        &self,
        graph: &mut Graph,
        p: Value,
        g: Value,
        buffers: &[Value],
        decays: bool,
    ) -> (Value, Vec<Value>) {
        let [y, z, x] = self.0.follow(graph, p, g, [buffers[0], buffers[1]], decays);
        (y, vec![z, x])
    }
}

pub(super) struct AdamW {
    common: Sequences,
    second: Second,
}

impl AdamW {
    pub(super) fn new(
        graph: &mut Graph,
        options: Adam,
        clock: Clock,
        globals: &[Value],
    ) -> (AdamW, Vec<Value>) {
        let (common, next) = Sequences::new(graph, options.beta1, options.weight_decay, clock, globals);
        (AdamW { common, second: Second::new(graph, options, clock) }, next)
    }
}

impl Rule for AdamW {
    fn buffers(&self) -> Vec<Buffer> {
        vec![Z, X, Buffer::zeros("exp_avg_sq")]
    }

    fn update(
        &self,
        graph: &mut Graph,
        p: Value,
        g: Value,
        buffers: &[Value],
        decays: bool,
    ) -> (Value, Vec<Value>) {
        let (second, divisor) = self.second.update(graph, buffers[2], g);
        let direction = graph.div(g, divisor);
        let [y, z, x] = self.common.follow(graph, p, direction, [buffers[0], buffers[1]], decays);
        (y, vec![z, x, second])
    }
}
