//! Normalisations.

use super::super::{Importer, Mode, Site};
use super::{error, required};
use crate::GraphError;
use crate::graph::{Attr, Op, Value};
use crate::state::StateKind;

/// BatchNormalization-9 to -15. In training mode a composite of batch statistics whatever the exporter left, and the
/// running statistics move by PyTorch's rule: towards the batch's mean and its variance with divisor n − 1.
pub(super) fn batch_norm(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let mut inputs = [required(importer, site, 0)?; 5];
    for (slot, input) in inputs.iter_mut().enumerate() {
        *input = required(importer, site, slot)?;
    }
    let [x, scale, bias, mean, var] = inputs;
    let epsilon = Attr::Float(site.op.float("epsilon", 1e-5));
    let shape = importer.graph.shape(x).to_vec();
    if importer.mode == Mode::Inference {
        let op = Op::new("BatchNormalization").with("epsilon", epsilon);
        return Ok(vec![importer.graph.op(op, &inputs, &shape)]);
    }
    let &[_, channels, ..] = shape.as_slice() else {
        return Err(error(importer, site, "its input has no channel axis"));
    };
    let channels = [channels];
    let count = shape.iter().product::<usize>() / channels[0].max(1);
    if count < 2 {
        return Err(error(importer, site, "batch statistics need more than one value per channel"));
    }
    let op = Op::composite("BatchNorm").with("epsilon", epsilon);
    let shapes: [&[usize]; 3] = [&shape, &channels, &channels];
    let outputs = importer.graph.multi(op, &[x, scale, bias], &shapes);
    let keep = f64::from(site.op.float("momentum", 0.9));
    let unbiased = count as f64 / (count - 1) as f64;
    for (slot, running, batch, factor) in [(3, mean, outputs[1], 1.0), (4, var, outputs[2], unbiased)] {
        let parameter = importer.model.roles.uses.get(&(site.index, slot)).map(|used| used.parameter);
        let Some(parameter) =
            parameter.filter(|&p| importer.model.roles.parameters[p].kind == StateKind::RunningStatistic)
        else {
            return Err(error(importer, site, "its running statistics are not stored in the model"));
        };
        let old = importer.graph.scale(running, keep);
        let new = importer.graph.scale(batch, (1.0 - keep) * factor);
        let next = importer.graph.add(old, new);
        if let Some(held) = importer.held.get_mut(&parameter) {
            held.next = Some(next);
        }
    }
    Ok(vec![outputs[0]])
}
