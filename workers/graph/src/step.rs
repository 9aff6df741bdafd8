//! The training step: forward, loss, backward and optimiser update in one graph.

use crate::backward::backward;
use crate::forward::{Forward, Held, Mode, forward};
use crate::graph::{Graph, Value, emit, unique};
use crate::loss::{classes, cross_entropy, cross_entropy_grad};
use crate::lower::lower;
use crate::state::{Fresh, Mask, State, StateKind};
use crate::tensor::DType;
use crate::{GraphError, Loss, Lowering, Model, Probe, StepOptions};

/// A training step as an ONNX model.
#[derive(Debug, Clone, PartialEq)]
pub struct StepGraph {
    /// The encoded ONNX model.
    pub bytes: Vec<u8>,
    /// Input, float32 `[batch, …]` as in the model.
    pub input: String,
    /// Input, int64 `[batch]`: the class of each sample.
    pub labels: String,
    /// Input, float32 scalar: the learning rate of this step.
    pub rate: String,
    /// Output, float32 scalar: mean loss of the batch before the update.
    pub loss: String,
    /// Parameters, then running statistics, then optimiser buffers.
    pub state: Vec<State>,
    /// Dropout masks the host fills each step.
    pub masks: Vec<Mask>,
    /// Number of classes: the last extent of the model's output.
    pub outputs: usize,
    /// What looks wrong with the model though it can be trained.
    pub warnings: Vec<String>,
}

/// Builds the training step of `model`. `probe` must come from [`Model::probe`] run at `options.batch`.
pub fn training_step(model: &Model, probe: &Probe, options: &StepOptions) -> Result<StepGraph, GraphError> {
    let Forward { mut graph, input, output, held, masks, mut taken, opset, .. } =
        forward(model, probe, Mode::Training)?;
    let outputs = classes(graph.shape(output), &model.output().name, options.batch)?;
    let Loss::CrossEntropy = options.loss;
    let labels = unique(&mut taken, "labels");
    let labels_in = graph.input(&labels, DType::I64, &[options.batch]);
    let rate = unique(&mut taken, "rate");
    let rate_in = graph.input(&rate, DType::F32, &[]);
    let parts = cross_entropy(&mut graph, output, labels_in);
    let mean = graph.reduce("ReduceMean", parts.samples, &[0], false);
    let seed = cross_entropy_grad(&mut graph, &parts);
    let trained = |held: &&Held| held.kind == StateKind::Parameter;
    let parameters: Vec<Value> = held.iter().filter(trained).map(|held| held.value).collect();
    let gradients = backward(&mut graph, &[(output, seed)], &parameters)?;
    if gradients.is_empty() {
        return Err(GraphError::NothingTrains);
    }

    let loss = unique(&mut taken, "loss");
    let mut results = vec![(loss.clone(), mean)];
    let mut state = Vec::new();
    let mut buffers = Vec::new();
    for held in held {
        let shape = held.exported.shape.clone();
        let next = unique(&mut taken, &format!("next:{}", held.name));
        let mut after = held.next.unwrap_or(held.value);
        if let Some(&gradient) = gradients.get(&held.value) {
            let buffer = options.optimizer.buffered().then(|| {
                let name = unique(&mut taken, &format!("momentum:{}", held.name));
                (graph.input(&name, DType::F32, &shape), name)
            });
            let value = buffer.as_ref().map(|(value, _)| *value);
            let update = options.optimizer.update(&mut graph, rate_in, held.value, gradient, value);
            after = update.parameter;
            if let (Some((_, name)), Some(value)) = (buffer, update.buffer) {
                let next = unique(&mut taken, &format!("next:{name}"));
                let exported = vec![0.0; shape.iter().product()];
                let kind = StateKind::OptimizerBuffer;
                let shape = shape.clone();
                buffers.push((State { name, next, shape, kind, exported, fresh: Fresh::Zeros }, value));
            }
        }
        results.push((next.clone(), after));
        let exported = held.exported.as_f32().unwrap_or_default().to_vec();
        state.push(State { name: held.name, next, shape, kind: held.kind, exported, fresh: held.fresh });
    }
    for (buffer, value) in buffers {
        results.push((buffer.next.clone(), value));
        state.push(buffer);
    }
    let bytes = write(&graph, results, options.lowering, opset);
    let warnings = model.warnings();
    Ok(StepGraph { bytes, input, labels, rate, loss, state, masks, outputs, warnings })
}

/// Lowers and encodes a graph with these outputs.
pub(crate) fn write(graph: &Graph, outputs: Vec<(String, Value)>, lowering: Lowering, opset: i64) -> Vec<u8> {
    let (names, values): (Vec<String>, Vec<Value>) = outputs.into_iter().unzip();
    let (graph, values) = lower(graph, &values, lowering);
    let outputs: Vec<(String, Value)> = names.into_iter().zip(values).collect();
    emit(&graph, &outputs, opset)
}
