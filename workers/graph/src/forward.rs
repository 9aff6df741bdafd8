//! Brings a decoded model into a graph: probed constants become constants, parameters and running statistics become
//! inputs, and every operator takes the one form (see `canonical`) that the gradient rules know.

mod canonical;

use crate::GraphError;
use crate::graph::{Fact, Graph, Kind, Op, Value};
use crate::model::Model;
use crate::state::{Feed, Fresh, Mask, StateKind};
use crate::tensor::{DType, Probe, Tensor};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The oldest opset a graph is written in; what older models say differently is rewritten.
pub(crate) const OLDEST: i64 = 18;

/// What the forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Batch statistics and dropout masks.
    Training,
    /// Running statistics, no dropout.
    Inference,
}

/// A parameter or running statistic in a graph.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) kind: StateKind,
    pub(crate) exported: Arc<Tensor>,
    pub(crate) fresh: Fresh,
    /// For a running statistic in training mode: its value after the step.
    pub(crate) next: Option<Value>,
}

/// The forward pass in a graph.
pub(crate) struct Forward {
    pub(crate) graph: Graph,
    pub(crate) inputs: Vec<Feed>,
    pub(crate) output: Value,
    /// Parameters, then running statistics, each in the model's order.
    pub(crate) held: Vec<Held>,
    pub(crate) masks: Vec<Mask>,
    /// Where the model's values went.
    pub(crate) values: HashMap<Value, Value>,
    /// Names of inputs and of what else the host sees.
    pub(crate) taken: HashSet<String>,
    /// The opset to write.
    pub(crate) opset: i64,
}

/// Builds the forward pass of what `model`'s output needs.
pub(crate) fn forward(model: &Model, probe: &Probe, mode: Mode) -> Result<Forward, GraphError> {
    let mut importer = Importer::new(model, probe, mode)?;
    for index in needed(model) {
        importer.node(index)?;
    }
    let Importer { mut graph, values, held, masks, taken, inputs, .. } = importer;
    graph.origin.clear();
    let output = *values.get(&model.sink).ok_or_else(|| GraphError::Unprobed(model.output().name.clone()))?;
    if graph.fact(output).dtype != DType::F32 {
        let name = &model.output().name;
        return Err(GraphError::Interface(format!("output `{name}` is not a float32 tensor")));
    }
    let mut held: Vec<Held> = held.into_values().collect();
    held.sort_by_key(|held| (held.kind == StateKind::RunningStatistic, held.value));
    Ok(Forward { graph, inputs, output, held, masks, values, taken, opset: model.opset.max(OLDEST) })
}

/// The operator nodes the output needs, not looking behind constants.
fn needed(model: &Model) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut queue = vec![model.sink];
    while let Some(value) = queue.pop() {
        let node = &model.nodes[value.node];
        if node.op().is_some() && !model.is_constant(value) && seen.insert(value.node) {
            queue.extend(node.inputs.iter().flatten());
        }
    }
    let mut nodes: Vec<usize> = seen.into_iter().collect();
    nodes.sort_unstable();
    nodes
}

/// A node of the model with its inputs in the graph.
struct Site<'a> {
    index: usize,
    op: &'a Op,
    inputs: Vec<Option<Value>>,
    /// Facts of the outputs that have a name.
    facts: Vec<Fact>,
}

impl Site<'_> {
    fn input(&self, slot: usize) -> Option<Value> {
        self.inputs.get(slot).copied().flatten()
    }
}

struct Importer<'a> {
    model: &'a Model,
    probe: &'a Probe,
    mode: Mode,
    graph: Graph,
    inputs: Vec<Feed>,
    values: HashMap<Value, Value>,
    /// What the model's sequences hold.
    sequences: HashMap<Value, Vec<Value>>,
    /// By index among the model's parameters.
    held: HashMap<usize, Held>,
    masks: Vec<Mask>,
    /// Of the model's parameters, made unique: the same in every graph of the model.
    names: Vec<String>,
    taken: HashSet<String>,
}

impl<'a> Importer<'a> {
    fn new(model: &'a Model, probe: &'a Probe, mode: Mode) -> Result<Importer<'a>, GraphError> {
        let mut graph = Graph::default();
        let mut taken: HashSet<String> = model.inputs().iter().map(|port| port.name.clone()).collect();
        let (mut inputs, mut values) = (Vec::new(), HashMap::new());
        for (port, &source) in model.inputs().iter().zip(&model.sources) {
            let probed = probe.get(&port.name).ok_or_else(|| GraphError::Unprobed(port.name.clone()))?;
            let shape = probed.shape.clone();
            values.insert(source, graph.input(&port.name, port.dtype, &shape));
            inputs.push(Feed { name: port.name.clone(), dtype: port.dtype, shape });
        }
        let names = model.held_names();
        taken.extend(names.iter().cloned());
        Ok(Importer {
            model,
            probe,
            mode,
            graph,
            inputs,
            values,
            sequences: HashMap::new(),
            held: HashMap::new(),
            masks: Vec::new(),
            names,
            taken,
        })
    }

    fn node(&mut self, index: usize) -> Result<(), GraphError> {
        let node = &self.model.nodes[index];
        let Kind::Op(op) = &node.kind else { return Ok(()) };
        self.graph.origin.clone_from(&node.name);
        let list = node.input(0).and_then(|value| self.sequences.get(&value)).cloned();
        let mut inputs = Vec::new();
        for (slot, value) in node.inputs.iter().enumerate() {
            inputs.push(match value {
                Some(_) if slot == 0 && list.is_some() => None,
                Some(value) => Some(self.read(index, slot, *value)?),
                None => None,
            });
        }
        if op.domain.is_empty() && op.kind.contains("Sequence") {
            return self.sequence(Site { index, op, inputs, facts: vec![] }, list);
        }
        // A dropout's mask and a training-mode norm's statistics are no values of the inference graph.
        let single = op.domain.is_empty() && ["Dropout", "BatchNormalization"].contains(&op.kind.as_str());
        let slots = if single { 1 } else { node.outputs.len() };
        let facts: Vec<Fact> = (0..slots)
            .map(|slot| match node.outputs[slot].as_str() {
                "" => Ok(Fact { dtype: DType::F32, shape: vec![] }),
                name => self.fact(name),
            })
            .collect::<Result<_, _>>()?;
        let site = Site { index, op, inputs, facts };
        let outputs = canonical::build(self, &site)?;
        for (slot, value) in outputs.into_iter().enumerate().take(node.outputs.len()) {
            self.values.insert(Value { node: index, slot }, value);
        }
        Ok(())
    }

    fn sequence(&mut self, site: Site, list: Option<Vec<Value>>) -> Result<(), GraphError> {
        let value = Value { node: site.index, slot: 0 };
        match canonical::sequence(self, &site, list)? {
            canonical::Outcome::Tensor(tensor) => _ = self.values.insert(value, tensor),
            canonical::Outcome::Sequence(list) => _ = self.sequences.insert(value, list),
        }
        Ok(())
    }

    fn fact(&self, name: &str) -> Result<Fact, GraphError> {
        let probed = self.probe.get(name).ok_or_else(|| GraphError::Unprobed(name.to_owned()))?;
        Ok(Fact { dtype: probed.dtype, shape: probed.shape.clone() })
    }

    /// The graph's value for what input `slot` of node `index` reads.
    fn read(&mut self, index: usize, slot: usize, value: Value) -> Result<Value, GraphError> {
        if let Some(used) = self.model.roles.uses.get(&(index, slot)).copied() {
            let held = self.hold(used.parameter);
            return Ok(if used.transposed { self.graph.swap_last(held) } else { held });
        }
        if let Some(&known) = self.values.get(&value) {
            return Ok(known);
        }
        let node = &self.model.nodes[value.node];
        let content = match &node.kind {
            Kind::Constant(tensor) => Some(tensor.clone()),
            _ if self.model.is_constant(value) => {
                let name = self.model.name(value);
                self.probe.get(name).and_then(|probed| probed.content.clone()).map(Arc::new)
            }
            _ => None,
        };
        let missing = || GraphError::Unprobed(self.model.name(value).to_owned());
        let constant = self.graph.constant(content.ok_or_else(missing)?);
        self.values.insert(value, constant);
        Ok(constant)
    }

    /// The input that feeds a parameter or running statistic.
    fn hold(&mut self, parameter: usize) -> Value {
        if let Some(held) = self.held.get(&parameter) {
            return held.value;
        }
        let known = &self.model.roles.parameters[parameter];
        let Kind::Constant(exported) = &self.model.nodes[known.source.node].kind else {
            unreachable!("a parameter's source is a constant")
        };
        let name = self.names[parameter].clone();
        let value = self.graph.input(&name, DType::F32, &exported.shape);
        let (kind, fresh) = (known.kind, known.fresh);
        let held = Held { name, value, kind, exported: exported.clone(), fresh, next: None };
        self.held.insert(parameter, held);
        value
    }
}
