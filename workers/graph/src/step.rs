//! The training step: forward, loss, backward and optimiser update in one graph.

use crate::backward::backward;
use crate::forward::{Forward, Held, Mode, forward};
use crate::graph::{Graph, Value, emit, unique};
use crate::inspect::work;
use crate::loss;
use crate::lower::lower;
use crate::names::Patterns;
use crate::optimizer::{self, Clock};
use crate::state::{Feed, Fresh, Mask, State, StateKind};
use crate::tensor::DType;
use crate::{GraphError, Lowering, Model, Probe, StepOptions};
use std::collections::{HashMap, HashSet};
use sweep_wire::Loss;

/// A training step as an ONNX model. With accumulation it is one pass of several that make a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepGraph {
    /// The encoded ONNX model.
    pub bytes: Vec<u8>,
    /// The model's inputs.
    pub inputs: Vec<Feed>,
    /// Input: what the output is compared with.
    pub target: Feed,
    /// Input, float64 scalar: the learning rate of this step.
    pub rate: String,
    /// Input, float64 scalar: the momentum of this step; see [`crate::momentum`].
    pub momentum: String,
    /// Input, float64 scalar: the number of this step, from 1.
    pub count: String,
    /// Input, boolean scalar: whether this pass is the last of its step. Only with accumulation.
    pub apply: Option<String>,
    /// Output, float32 scalar: mean loss of the batch before the update.
    pub loss: String,
    /// Parameters, then running statistics, then what optimiser, accumulation and averaging keep.
    pub state: Vec<State>,
    /// Dropout masks the host fills for each pass.
    pub masks: Vec<Mask>,
    /// Number of classes, where the target holds class indices.
    pub classes: Option<usize>,
    /// Parameters that stay as they are because no gradient reaches them: a head that the output does not depend on, or
    /// weights behind an operator whose gradient is zero.
    pub unreached: Vec<String>,
    /// What looks wrong with the model though it can be trained.
    pub warnings: Vec<String>,
    /// Floating-point operations of one pass in convolutions and products, a multiply-add counted as two.
    pub work: u64,
    /// Bytes of what the forward pass leaves for the backward pass; an estimate of the memory that a pass needs besides
    /// its state, which does not know what the runtime reuses.
    pub activations: u64,
}

/// Builds the training step of `model`. `probe` must come from [`Model::probe`] run at `options.batch`.
pub fn training_step(model: &Model, probe: &Probe, options: &StepOptions) -> Result<StepGraph, GraphError> {
    let Forward { mut graph, inputs, output, held, masks, mut taken, opset, .. } =
        forward(model, probe, Mode::Training)?;
    let shape = graph.shape(output).to_vec();
    let mut target = loss::target(&options.loss, &shape, &model.output().name, options.batch)?;
    if options.soft_targets {
        target = loss::soft_target(&options.loss, &shape, target)?;
    }
    target.name = unique(&mut taken, &target.name);
    let classes = loss::classes(&options.loss, &shape);
    let target_in = graph.input(&target.name, target.dtype, &target.shape);
    let [rate, momentum, count] = ["rate", "momentum", "count"].map(|name| unique(&mut taken, name));
    let clock = Clock {
        rate: optimizer::scalar_input(&mut graph, &rate),
        momentum: optimizer::scalar_input(&mut graph, &momentum),
        count: optimizer::scalar_input(&mut graph, &count),
    };
    let terms = match &options.loss {
        Loss::CrossEntropy(loss) if options.soft_targets => {
            loss::soft_terms(&mut graph, loss, output, target_in)
        }
        loss => loss::terms(&mut graph, loss, output, target_in)?,
    };
    let (mean, seed) = loss::mean(&mut graph, &terms);
    let trained = |held: &&Held| held.kind == StateKind::Parameter;
    let parameters: Vec<Value> = held.iter().filter(trained).map(|held| held.value).collect();
    let before = graph.nodes().len();
    let gradients = backward(&mut graph, &[(output, seed)], &parameters)?;
    if gradients.is_empty() {
        return Err(GraphError::NothingTrains);
    }
    let activations = kept_bytes(&graph, before);
    let reached: HashSet<&str> = held
        .iter()
        .filter(|held| gradients.contains_key(&held.value))
        .map(|held| held.name.as_str())
        .collect();
    let unreached: Vec<String> =
        model.parameter_names().filter(|name| !reached.contains(name.as_str())).collect();

    let loss = unique(&mut taken, "loss");
    let apply = (options.accumulate > 1).then(|| unique(&mut taken, "apply"));
    let apply_in = apply.as_ref().map(|name| graph.input(name, DType::Bool, &[]));
    let mut keeper = Keeper { graph: &mut graph, taken, results: vec![(loss.clone(), mean)], state: vec![] };
    keeper.start(&held);
    keeper.update(&held, &gradients, options, clock, apply_in)?;
    let Keeper { results, state, .. } = keeper;
    let (bytes, work) = write(&graph, results, options.lowering, opset);
    let mut warnings = model.warnings();
    if !unreached.is_empty() {
        warnings.push(no_gradient(&unreached));
    }
    Ok(StepGraph {
        bytes,
        inputs,
        target,
        rate,
        momentum,
        count,
        apply,
        loss,
        state,
        masks,
        classes,
        unreached,
        warnings,
        work,
        activations,
    })
}

fn no_gradient(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > shown.len() {
        format!(" and {} more", names.len() - shown.len())
    } else {
        String::new()
    };
    format!("no gradient reaches {}{more}: they stay as they are", shown.join(", "))
}

/// Collects what one step hands to the next.
struct Keeper<'a> {
    graph: &'a mut Graph,
    taken: HashSet<String>,
    results: Vec<(String, Value)>,
    state: Vec<State>,
}

impl Keeper<'_> {
    /// Adds parameters and running statistics; the latter move, the former don't yet.
    fn start(&mut self, held: &[Held]) {
        for held in held {
            let next = unique(&mut self.taken, &format!("next:{}", held.name));
            self.results.push((next.clone(), held.next.unwrap_or(held.value)));
            self.state.push(State {
                name: held.name.clone(),
                next,
                shape: held.exported.shape.clone(),
                kind: held.kind,
                exported: held.exported.as_f32().unwrap_or_default().to_vec(),
                fresh: held.fresh,
            });
        }
    }

    /// Adds a buffer and returns its input and where it stands among the results.
    fn buffer(&mut self, name: &str, shape: &[usize], fresh: Fresh) -> (Value, usize) {
        let name = unique(&mut self.taken, name);
        let next = unique(&mut self.taken, &format!("next:{name}"));
        let exported = match fresh {
            Fresh::Same(index) => self.state[index].exported.clone(),
            _ => vec![0.0; shape.iter().product()],
        };
        let value = self.graph.input(&name, DType::F32, shape);
        self.results.push((next.clone(), value));
        let kind = StateKind::OptimizerBuffer;
        self.state.push(State { name, next, shape: shape.to_vec(), kind, exported, fresh });
        (value, self.results.len() - 1)
    }

    /// What the state at `place` is after the step: `new`, or what it was where this pass does not end its step.
    fn set(&mut self, place: usize, new: Value, apply: Option<Value>) {
        let old = self.results[place].1;
        let new = apply.map_or(new, |apply| optimizer::choose(self.graph, apply, new, old));
        self.results[place].1 = new;
    }

    fn update(
        &mut self,
        held: &[Held],
        gradients: &HashMap<Value, Value>,
        options: &StepOptions,
        clock: Clock,
        apply: Option<Value>,
    ) -> Result<(), GraphError> {
        // Results start with the loss, states with the parameters.
        let moving: Vec<(usize, &Held)> =
            held.iter().enumerate().filter(|(_, held)| gradients.contains_key(&held.value)).collect();
        let names: Vec<&str> = moving.iter().map(|(_, held)| held.name.as_str()).collect();
        let spared = Patterns::new("no_decay", &options.no_decay).matches(&names)?;
        let mut slopes: Vec<Value> = moving.iter().map(|(_, held)| gradients[&held.value]).collect();
        if let Some(apply) = apply {
            for (slope, (_, held)) in slopes.iter_mut().zip(&moving) {
                *slope = self.accumulate(*slope, held, options.accumulate, apply);
            }
        }
        if let Some(most) = options.clip_norm {
            optimizer::clip(self.graph, &mut slopes, most);
        }
        let globals: Vec<(Value, usize)> = optimizer::globals(&options.optimizer)
            .iter()
            .map(|name| self.buffer(name, &[], Fresh::Zeros))
            .collect();
        let values: Vec<Value> = globals.iter().map(|(value, _)| *value).collect();
        let (rule, next) = optimizer::rule(self.graph, &options.optimizer, clock, &values);
        for ((_, place), next) in globals.into_iter().zip(next) {
            self.set(place, next, apply);
        }
        let average = options.ema.map(|decay| optimizer::ema_weight(self.graph, clock, decay));
        for (((index, held), slope), spared) in moving.into_iter().zip(slopes).zip(spared) {
            let shape = &held.exported.shape;
            let mut kept = Vec::new();
            for buffer in rule.buffers() {
                let name = format!("{}:{}", buffer.name, held.name);
                kept.push(self.buffer(&name, shape, buffer.fresh(index)));
            }
            let values: Vec<Value> = kept.iter().map(|(value, _)| *value).collect();
            let (parameter, next) = rule.update(self.graph, held.value, slope, &values, !spared);
            for ((_, place), next) in kept.into_iter().zip(next) {
                self.set(place, next, apply);
            }
            if let Some(weight) = average {
                let (old, place) = self.buffer(&averaged(&held.name), shape, Fresh::Same(index));
                let new = optimizer::lerp(self.graph, old, parameter, weight);
                self.set(place, new, apply);
            }
            self.set(index + 1, parameter, apply);
        }
        Ok(())
    }

    /// Adds this pass's share of the gradient to what came before in the step.
    fn accumulate(&mut self, slope: Value, held: &Held, passes: u32, apply: Value) -> Value {
        let shape = &held.exported.shape;
        let (sum, place) = self.buffer(&format!("gradient:{}", held.name), shape, Fresh::Zeros);
        let share = self.graph.scale(slope, 1.0 / f64::from(passes));
        let total = self.graph.add(sum, share);
        let zero = self.graph.zeros(shape);
        self.results[place].1 = optimizer::choose(self.graph, apply, zero, total);
        total
    }
}

/// The name of the state that holds a parameter's moving average.
pub(crate) fn averaged(parameter: &str) -> String {
    format!("average:{parameter}")
}

/// Bytes of the values computed by nodes below `before` that later nodes read.
fn kept_bytes(graph: &Graph, before: usize) -> u64 {
    let later = graph.nodes()[before..].iter().flat_map(|node| node.inputs.iter().flatten());
    let read: HashSet<Value> =
        later.copied().filter(|v| v.node < before && graph.node(v.node).op().is_some()).collect();
    // Values are of four bytes but for a few masks and indices.
    read.into_iter().map(|value| 4 * graph.shape(value).iter().product::<usize>() as u64).sum()
}

/// Lowers and encodes a graph with these outputs; with its floating-point work.
pub(crate) fn write(
    graph: &Graph,
    outputs: Vec<(String, Value)>,
    lowering: Lowering,
    opset: i64,
) -> (Vec<u8>, u64) {
    let (names, values): (Vec<String>, Vec<Value>) = outputs.into_iter().unzip();
    let (graph, values) = lower(graph, &values, lowering);
    let outputs: Vec<(String, Value)> = names.into_iter().zip(values).collect();
    (emit(&graph, &outputs, opset), work(&graph))
}
