//! What looks as if an exporter had folded or dropped parameters.

use super::super::Model;
use super::values::made_up;
use crate::graph::{Node, Value};

/// What looks as if an exporter had folded or dropped parameters.
pub(in crate::model) fn warnings(model: &Model) -> Vec<String> {
    let live: Vec<&Node<String>> = model.live().into_iter().map(|index| &model.nodes[index]).collect();
    let mut warnings = Vec::new();
    let convs: Vec<_> = live.iter().filter(|node| node.standard() == "Conv").collect();
    let normalised = live.iter().any(|node| node.standard().ends_with("Normalization"));
    // Folding replaces the module's tensors by new ones, with names such as `onnx::Conv_25`, or leaves a convolution
    // that had no bias, since normalisation has one, and whose folded bias was all zeros.
    let made_up = |value: Option<Value>| value.is_none_or(|value| made_up(model.name(value)));
    let folded = convs.iter().filter(|node| made_up(node.input(1)) || made_up(node.input(2))).count();
    if folded > 0 && !normalised {
        warnings.push(format!(
            "{folded} of {} convolutions have no bias or carry names that an exporter made up, and nothing is normalised: \
             batch normalisation has probably been folded away, and is not trained (export with \
             `dynamo=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False`)",
            convs.len()
        ));
    }
    for node in live.iter().filter(|node| node.standard() == "Gemm" && node.input(2).is_none()) {
        if let Some(weight) = node.input(1).map(|value| model.name(value)) {
            warnings.push(format!(
                "weight `{weight}` has no bias: the exporter may have dropped one that was all zeros"
            ));
        }
    }
    warnings
}
