//! How parameters follow their gradients: one file per family, each with its formula as PyTorch computes it.
//!
//! Coefficients that change from step to step are computed in double precision from three scalar inputs, as PyTorch
//! computes them in Python; tensors are float32.

pub(crate) mod adam;
mod lion;
mod rmsprop;
mod schedule_free;
pub(crate) mod sgd;

use crate::graph::{Attr, Graph, Op, Value};
use crate::state::Fresh;
use crate::tensor::{DType, Tensor, TensorData};
use sweep_wire::Optimizer;

/// The scalar inputs of a step, all float64.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    /// The learning rate.
    pub(crate) rate: Value,
    /// SGD's and RMSprop's momentum, β1 of Adam, AdamW and Lion; what others have does not move.
    pub(crate) momentum: Value,
    /// The step's number, from 1.
    pub(crate) count: Value,
}

/// A tensor that a rule keeps for each parameter, or once for all.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    pub(crate) name: &'static str,
    /// Whether it starts as a copy of the parameter, else with zeros.
    pub(crate) copies: bool,
}

impl Buffer {
    const fn zeros(name: &'static str) -> Buffer {
        Buffer { name, copies: false }
    }

    pub(crate) fn fresh(self, parameter: usize) -> Fresh {
        if self.copies { Fresh::Same(parameter) } else { Fresh::Zeros }
    }
}

/// One optimiser in one graph, its coefficients computed.
pub(crate) trait Rule {
    /// What it keeps for each parameter.
    fn buffers(&self) -> Vec<Buffer>;
    /// The new parameter and the new buffers; without `decays` there is no weight decay.
    fn update(
        &self,
        graph: &mut Graph,
        p: Value,
        g: Value,
        buffers: &[Value],
        decays: bool,
    ) -> (Value, Vec<Value>);
}

/// What an optimiser keeps once for all parameters: float32 scalars that start at 0.
pub(crate) fn globals(optimizer: &Optimizer) -> &'static [&'static str] {
    match optimizer {
        Optimizer::ScheduleFreeSgd(_) | Optimizer::ScheduleFreeAdamW(_) => &schedule_free::GLOBALS,
        _ => &[],
    }
}

/// The buffer that evaluations see in place of the parameter.
pub(crate) fn evaluated(optimizer: &Optimizer) -> Option<&'static str> {
    match optimizer {
        Optimizer::ScheduleFreeSgd(_) | Optimizer::ScheduleFreeAdamW(_) => Some(schedule_free::X.name),
        _ => None,
    }
}

/// The rule of an optimiser, and its globals after the step.
pub(crate) fn rule(
    graph: &mut Graph,
    optimizer: &Optimizer,
    clock: Clock,
    globals: &[Value],
) -> (Box<dyn Rule>, Vec<Value>) {
    match optimizer {
        Optimizer::Sgd(options) => (Box::new(sgd::Sgd::new(graph, *options, clock)), vec![]),
        Optimizer::Adam(options) => (Box::new(adam::Adam::new(graph, *options, clock, false)), vec![]),
        Optimizer::AdamW(options) => (Box::new(adam::Adam::new(graph, *options, clock, true)), vec![]),
        Optimizer::RmsProp(options) => (Box::new(rmsprop::RmsProp::new(graph, *options, clock)), vec![]),
        Optimizer::Lion(options) => (Box::new(lion::Lion::new(graph, *options, clock)), vec![]),
        Optimizer::ScheduleFreeSgd(options) => {
            let (rule, next) = schedule_free::Sgd::new(graph, *options, clock, globals);
            (Box::new(rule), next)
        }
        Optimizer::ScheduleFreeAdamW(options) => {
            let (rule, next) = schedule_free::AdamW::new(graph, *options, clock, globals);
            (Box::new(rule), next)
        }
    }
}

/// What [`crate::StepGraph::momentum`] is fed: the momentum of the spec, for schedules that do not move it; 0 where there is none to move.
pub fn momentum(optimizer: &Optimizer) -> f64 {
    match optimizer {
        Optimizer::Sgd(options) => options.momentum,
        Optimizer::RmsProp(options) => options.momentum,
        Optimizer::Adam(options) | Optimizer::AdamW(options) => options.beta1,
        Optimizer::Lion(options) => options.beta1,
        Optimizer::ScheduleFreeSgd(_) | Optimizer::ScheduleFreeAdamW(_) => 0.0,
    }
}

/// `a + weight·(b − a)`, as `torch.lerp`.
pub(crate) fn lerp(graph: &mut Graph, a: Value, b: Value, weight: Value) -> Value {
    let apart = graph.sub(b, a);
    let change = graph.mul(apart, weight);
    graph.add(a, change)
}

/// A float64 scalar.
pub(crate) fn double(graph: &mut Graph, value: f64) -> Value {
    graph.constant(Tensor { shape: vec![], data: TensorData::F64(vec![value]) })
}

/// A float64 scalar as a coefficient of tensors.
pub(crate) fn single(graph: &mut Graph, value: Value) -> Value {
    graph.cast(value, DType::F32)
}

/// `1 − base^count`: what a moving average from 0 with this decay has seen.
fn seen(graph: &mut Graph, base: Value, clock: Clock) -> Value {
    let (one, power) = (double(graph, 1.0), graph.binary("Pow", base, clock.count));
    graph.sub(one, power)
}

/// `first` in the first step, else `later`; scalars of one type.
pub(crate) fn at_first(graph: &mut Graph, clock: Clock, first: Value, later: Value) -> Value {
    let one = double(graph, 1.0);
    let is = graph.compare("Equal", clock.count, one);
    let dtype = graph.fact(first).dtype;
    graph.typed(Op::new("Where"), &[is, first, later], dtype, &[])
}

/// `g + weight_decay·p`.
fn decayed(graph: &mut Graph, p: Value, g: Value, weight_decay: f64) -> Value {
    if weight_decay == 0.0 {
        return g;
    }
    let decay = graph.scale(p, weight_decay);
    graph.add(g, decay)
}

/// `p·(1 − rate·weight_decay)`, the coefficient in double precision; nothing without decay.
fn shrinkage(graph: &mut Graph, clock: Clock, weight_decay: f64) -> Option<Value> {
    if weight_decay == 0.0 {
        return None;
    }
    let (one, decay) = (double(graph, 1.0), double(graph, weight_decay));
    let lost = graph.mul(clock.rate, decay);
    let kept = graph.sub(one, lost);
    Some(single(graph, kept))
}

/// The weight of the newest parameters in their moving average: all of it in the first step, as
/// `torch.optim.swa_utils.AveragedModel` has it, later `1 − decay`.
pub(crate) fn ema_weight(graph: &mut Graph, clock: Clock, decay: f64) -> Value {
    let (first, later) = (double(graph, 1.0), double(graph, 1.0 - decay));
    let weight = at_first(graph, clock, first, later);
    single(graph, weight)
}

/// A float64 scalar that the host feeds.
pub(crate) fn scalar_input(graph: &mut Graph, name: &str) -> Value {
    graph.input(name, DType::F64, &[])
}

/// Where `apply` (a boolean scalar) holds `new`, else `old`.
pub(crate) fn choose(graph: &mut Graph, apply: Value, new: Value, old: Value) -> Value {
    let fact = graph.fact(old).clone();
    graph.typed(Op::new("Where"), &[apply, new, old], fact.dtype, &fact.shape)
}

/// Scales gradients down so that their norm over all parameters is at most `most`, as
/// `torch.nn.utils.clip_grad_norm_`: by `min(1, most / (norm + 1e-6))`.
pub(crate) fn clip(graph: &mut Graph, gradients: &mut [Value], most: f64) {
    let mut norms = Vec::new();
    for &gradient in gradients.iter() {
        let flat = graph.reshape(gradient, &[graph.shape(gradient).iter().product()]);
        let op = Op::new("ReduceSumSquare").with("keepdims", Attr::Int(1));
        let axes = graph.ints(&[0]);
        norms.push(graph.op(op, &[flat, axes], &[1]));
    }
    let squares = graph.concat(&norms, 0);
    let total = graph.sum(squares, &[0]);
    let norm = graph.unary("Sqrt", total);
    let (margin, most, one) = (graph.scalar(1e-6), graph.scalar(most), graph.scalar(1.0));
    let norm = graph.add(norm, margin);
    let ratio = graph.div(most, norm);
    let factor = graph.binary("Min", ratio, one);
    for gradient in gradients {
        *gradient = graph.mul(*gradient, factor);
    }
}
