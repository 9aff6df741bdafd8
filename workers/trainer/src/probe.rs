//! Runs the forward model once at the real batch size: every value's type and shape, every constant's content.

use std::collections::HashMap;

use sweep_graph::{DType, Feed, Model, Probe, Probed, Tensor, TensorData};

use crate::{engine::Engine, fault::Fault};

/// Probes a model on these inputs, one for each feed.
///
/// # Errors
/// ONNX Runtime cannot run the model.
pub(crate) fn run(engine: &Engine, model: &Model, feeds: &[Feed], inputs: &[Tensor]) -> Result<Probe, Fault> {
    let graph = model.probe();
    let given: Vec<(&str, &Tensor)> =
        feeds.iter().zip(inputs).map(|(feed, input)| (feed.name.as_str(), input)).collect();
    let run = || engine.open(&graph.bytes, false)?.run(&given);
    let outputs = run()
        .map_err(|error| Fault::new("model.onnx", format!("ONNX Runtime cannot run the model: {error}")))?;
    let constants: HashMap<_, _> =
        graph.outputs.iter().map(|output| (output.name.as_str(), output.constant)).collect();
    let mut probe = Probe::new();
    for feed in feeds {
        let given = Probed { dtype: feed.dtype, shape: feed.shape.clone(), content: None };
        probe.insert(feed.name.clone(), given);
    }
    for (name, dtype, tensor) in outputs {
        let shape = tensor.shape.clone();
        let content = constants.get(name.as_str()).is_some_and(|constant| *constant).then_some(tensor);
        probe.insert(name, Probed { dtype, shape, content });
    }
    Ok(probe)
}

/// The most elements that one batch of one input may have.
const MAX_ELEMENTS: usize = 1 << 31;

/// Whether a batch of these extents can be held in memory.
///
/// # Errors
/// Says why not.
pub(crate) fn fits(input: &str, shape: &[usize]) -> Result<(), String> {
    let elements = shape.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent));
    match elements {
        Some(0) => Err(format!("input `{input}` has no elements: {shape:?}")),
        Some(elements) if elements <= MAX_ELEMENTS => Ok(()),
        _ => Err(format!(
            "one batch of input `{input}` is {shape:?}, more than the {MAX_ELEMENTS} elements it may have"
        )),
    }
}

/// An input of zeros.
pub(crate) fn zeros(feed: &Feed) -> Tensor {
    let count = feed.shape.iter().product();
    let data = match feed.dtype {
        DType::I64 => TensorData::I64(vec![0; count]),
        DType::I32 => TensorData::I32(vec![0; count]),
        DType::Bool => TensorData::Bool(vec![false; count]),
        _ => TensorData::F32(vec![0.0; count]),
    };
    Tensor { shape: feed.shape.clone(), data }
}
