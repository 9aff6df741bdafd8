//! The evaluation graph: forward in inference mode, summed loss and hits over the valid samples.

use crate::backward::backward;
use crate::forward::{Forward, Mode, forward};
use crate::graph::{Attr, Op, unique};
use crate::loss::{classes, cross_entropy};
use crate::step::write;
use crate::tensor::DType;
use crate::{GraphError, Loss, Lowering, Model, Probe, StepOptions};

/// An evaluation pass over one padded batch as an ONNX model.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalGraph {
    /// The encoded ONNX model.
    pub bytes: Vec<u8>,
    /// Input, float32 `[batch, …]` as in the model.
    pub input: String,
    /// Input, int64 `[batch]`: the class of each sample; any valid class where `valid` is 0.
    pub labels: String,
    /// Input, float32 `[batch]`: 1 counts, 0 is padding.
    pub valid: String,
    /// The parameters and running statistics it takes as inputs, named as in [`crate::StepGraph`].
    pub state: Vec<String>,
    /// Output, float32 scalar: summed loss of the valid samples.
    pub loss_sum: String,
    /// Output, float32 scalar: how many valid samples have their label as the first largest output.
    pub correct: String,
}

/// Builds the evaluation graph of `model`. `probe` must come from [`Model::probe`] run at `options.batch`.
pub fn evaluation(model: &Model, probe: &Probe, options: &StepOptions) -> Result<EvalGraph, GraphError> {
    let Forward { mut graph, input, output, held, mut taken, opset, .. } =
        forward(model, probe, Mode::Inference)?;
    classes(graph.shape(output), &model.output().name, options.batch)?;
    let batch = [options.batch];
    let Loss::CrossEntropy = options.loss;
    let labels = unique(&mut taken, "labels");
    let labels_in = graph.input(&labels, DType::I64, &batch);
    let valid = unique(&mut taken, "valid");
    let valid_in = graph.input(&valid, DType::F32, &batch);

    let losses = cross_entropy(&mut graph, output, labels_in).samples;
    let counted = graph.mul(losses, valid_in);
    let total = graph.sum(counted, &[0]);
    let argmax = Op::new("ArgMax").with("axis", Attr::Int(1)).with("keepdims", Attr::Int(0));
    let guess = graph.typed(argmax, &[output], DType::I64, &batch);
    let equal = graph.compare("Equal", guess, labels_in);
    let hit = graph.cast(equal, DType::F32);
    let hit = graph.mul(hit, valid_in);
    let hits = graph.sum(hit, &[0]);

    let loss_sum = unique(&mut taken, "loss_sum");
    let correct = unique(&mut taken, "correct");
    let results = vec![(loss_sum.clone(), total), (correct.clone(), hits)];
    let bytes = write(&graph, results, options.lowering, opset);
    let state = held.into_iter().map(|held| held.name).collect();
    Ok(EvalGraph { bytes, input, labels, valid, state, loss_sum, correct })
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
    Ok(write(&graph, results, lowering, opset))
}
