//! The one place that runs a graph: bytes and named tensors in, named tensors out.

use std::collections::HashMap;

use sweep_graph::{Model, Probe, Probed, Tensor};
use sweep_trainer::{Engine, EngineError, Graph, runtime};

/// Runs `bytes` on the CPU.
pub(crate) fn run(bytes: &[u8], inputs: &[(&str, &Tensor)]) -> HashMap<String, Tensor> {
    open(bytes).run(inputs)
}

/// A model that is loaded.
pub(crate) struct Loaded(Graph);

/// Loads a model, with ONNX Runtime fetched where this machine does not have it.
pub(crate) fn open(bytes: &[u8]) -> Loaded {
    try_open(bytes).unwrap()
}

fn try_open(bytes: &[u8]) -> Result<Loaded, EngineError> {
    let library = runtime::ensure(&mut |_| {}).unwrap();
    Engine::load(&library).unwrap().open(bytes, true).map(Loaded)
}

impl Loaded {
    /// Runs the model once.
    pub(crate) fn run(&mut self, inputs: &[(&str, &Tensor)]) -> HashMap<String, Tensor> {
        self.0.run(inputs).unwrap().into_iter().map(|(name, _, tensor)| (name, tensor)).collect()
    }
}

/// Probes a model at this input; with its output.
pub(crate) fn probe(model: &Model, input: &Tensor) -> (Probe, Tensor) {
    try_probe(model, input).unwrap()
}

/// As [`probe`], for a model that the runtime may refuse.
pub(crate) fn try_probe(model: &Model, input: &Tensor) -> Result<(Probe, Tensor), EngineError> {
    let graph = model.probe();
    let results = try_open(&graph.bytes)?.0.run(&[(&model.inputs()[0].name, input)])?;
    let mut values: HashMap<String, Tensor> =
        results.into_iter().map(|(name, _, tensor)| (name, tensor)).collect();
    let probed =
        |tensor: Tensor| Probed { dtype: tensor.dtype(), shape: tensor.shape.clone(), content: Some(tensor) };
    let mut probe =
        Probe::from([(model.inputs()[0].name.clone(), Probed { content: None, ..probed(input.clone()) })]);
    let output = values[&model.output().name].clone();
    for output in graph.outputs {
        let mut found = probed(values.remove(&output.name).unwrap());
        found.content = found.content.filter(|_| output.constant);
        probe.insert(output.name, found);
    }
    Ok((probe, output))
}
