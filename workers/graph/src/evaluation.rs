//! The evaluation graph: forward in inference mode, sums of loss and metrics over the valid samples.

use crate::backward::backward;
use crate::forward::{Forward, Held, Mode, forward};
use crate::graph::{Graph, Value, unique};
use crate::loss::{self, Terms};
use crate::state::{Feed, StateKind};
use crate::step::{averaged, write};
use crate::tensor::DType;
use crate::{GraphError, Lowering, Model, Probe, StepOptions, optimizer};
use sweep_wire::Loss;

/// An evaluation pass over one padded batch as an ONNX model.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalGraph {
    /// The encoded ONNX model.
    pub bytes: Vec<u8>,
    /// The model's inputs, as in [`crate::StepGraph`].
    pub inputs: Vec<Feed>,
    /// Input: the targets; anything valid where `valid` is 0.
    pub target: Feed,
    /// Input, float32 `[batch]`: 1 counts, 0 is padding.
    pub valid: String,
    /// The parameters and running statistics it takes as inputs.
    pub state: Vec<Evaluated>,
    /// What it measures, the loss first.
    pub metrics: Vec<Metric>,
    /// Floating-point operations of one pass, as in [`crate::StepGraph`].
    pub work: u64,
}

/// An input of an [`EvalGraph`] and the state of the [`crate::StepGraph`] that it is fed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// The input.
    pub input: String,
    /// The state's name: a parameter's moving average where there is one.
    pub state: String,
}

/// A mean over a set: the quotient of two sums over its batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// `loss`, `perplexity`, `accuracy`, `top5_accuracy`, `pixel_accuracy` or `mae`.
    pub name: &'static str,
    /// Output, float32 scalar: what the batch adds to the numerator.
    pub sum: String,
    /// Output, float32 scalar: what it adds to the denominator.
    pub weight: String,
    /// Whether the metric is the exponential of the quotient.
    pub exponential: bool,
}

/// Builds the evaluation graph of `model`. `probe` must come from [`Model::probe`] run at `options.batch`.
pub fn evaluation(model: &Model, probe: &Probe, options: &StepOptions) -> Result<EvalGraph, GraphError> {
    let Forward { mut graph, inputs, output, held, mut taken, opset, .. } =
        forward(model, probe, Mode::Inference)?;
    let shape = graph.shape(output).to_vec();
    let mut target = loss::target(&options.loss, &shape, &model.output().name, options.batch)?;
    target.name = unique(&mut taken, &target.name);
    let target_in = graph.input(&target.name, target.dtype, &target.shape);
    let valid = unique(&mut taken, "valid");
    let valid_in = graph.input(&valid, DType::F32, &[options.batch]);
    let Terms { losses, weights, counts, .. } = loss::terms(&mut graph, &options.loss, output, target_in)?;

    let mut results = Vec::new();
    let mut metrics = Vec::new();
    let whole = [("loss", losses, weights)];
    let counts = counts.into_iter().map(|count| (count.metric, count.values, count.counted));
    for (name, values, weights) in whole.into_iter().chain(counts) {
        let sum = total(&mut graph, values, valid_in);
        let ones = match weights {
            Some(weights) => weights,
            None => {
                let (one, shape) = (graph.scalar(1.0), graph.shape(values).to_vec());
                graph.expand(one, &shape)
            }
        };
        let weight = total(&mut graph, ones, valid_in);
        let mut add = |name: &'static str, exponential: bool| {
            let [sum_name, weight_name] =
                ["sum", "weight"].map(|what| unique(&mut taken, &format!("{name}_{what}")));
            results.extend([(sum_name.clone(), sum), (weight_name.clone(), weight)]);
            metrics.push(Metric { name, sum: sum_name, weight: weight_name, exponential });
        };
        add(name, false);
        if name == "loss" && matches!(options.loss, Loss::TokenCrossEntropy(_)) {
            add("perplexity", true);
        }
    }
    let (bytes, work) = write(&graph, results, options.lowering, opset);
    let state = evaluated(held, options);
    Ok(EvalGraph { bytes, inputs, target, valid, state, metrics, work })
}

/// Which state stands for each parameter and running statistic.
fn evaluated(held: Vec<Held>, options: &StepOptions) -> Vec<Evaluated> {
    let buffer = optimizer::evaluated(&options.optimizer);
    held.into_iter()
        .map(|held| {
            let state = match (held.kind, buffer) {
                (StateKind::Parameter, Some(buffer)) => format!("{buffer}:{}", held.name),
                (StateKind::Parameter, None) if options.ema.is_some() => averaged(&held.name),
                _ => held.name.clone(),
            };
            Evaluated { input: held.name, state }
        })
        .collect()
}

/// The sum of entries `[batch, …]` of the valid samples.
fn total(graph: &mut Graph, values: Value, valid: Value) -> Value {
    let mut shape = vec![1; graph.shape(values).len()];
    shape[0] = graph.shape(valid)[0];
    let valid = graph.reshape(valid, &shape);
    let counted = graph.mul(values, valid);
    let axes: Vec<usize> = (0..shape.len()).collect();
    graph.sum(counted, &axes)
}

/// Builds a graph with the model's input, an input `weights` shaped like the output, every state and mask, and as
/// outputs `loss`, which is Σ output·weights, and `d:v`, its gradient, for each `v` of `wrt`: names of parameters as in
/// [`crate::StepGraph::state`], or of values of the model. Training mode. Meant for tests against central differences.
pub fn gradients(
    model: &Model,
    probe: &Probe,
    wrt: &[&str],
    lowering: Lowering,
) -> Result<Vec<u8>, GraphError> {
    let Forward { mut graph, output, held, values, opset, .. } = forward(model, probe, Mode::Training)?;
    let shape = graph.shape(output).to_vec();
    let weights = graph.input("weights", DType::F32, &shape);
    let product = graph.mul(output, weights);
    let axes: Vec<usize> = (0..shape.len()).collect();
    let loss = graph.sum(product, &axes);
    let mut wanted = Vec::new();
    for &name in wrt {
        let parameter = held.iter().find(|held| held.name == name).map(|held| held.value);
        let inner = || values.iter().find(|(value, _)| model.name(**value) == name).map(|(_, &value)| value);
        wanted.push(parameter.or_else(inner).ok_or_else(|| GraphError::UnknownValue(name.to_owned()))?);
    }
    let found = backward(&mut graph, &[(output, weights)], &wanted)?;
    let mut results = vec![("loss".to_owned(), loss)];
    for (name, value) in wrt.iter().zip(&wanted) {
        let gradient = match found.get(value) {
            Some(&gradient) => gradient,
            None => {
                let shape = graph.shape(*value).to_vec();
                graph.zeros(&shape)
            }
        };
        results.push((format!("d:{name}"), gradient));
    }
    Ok(write(&graph, results, lowering, opset).0)
}
