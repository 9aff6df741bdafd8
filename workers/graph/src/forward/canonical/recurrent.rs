//! LSTM, GRU and RNN. The operator stays as it is, but for outputs that its gradient needs.

use super::super::{Importer, Mode, Site};
use super::{error, plain, required};
use crate::GraphError;
use crate::graph::{Attr, Fact, Kind, Value};
use crate::tensor::DType;

/// The most steps times directions of all recurrent nodes together: the backward pass has some nodes for each.
const CELLS: usize = 4096;

/// LSTM, GRU and RNN of opsets 7 to 22, with whole sequences, default activations (for RNN also Relu), no clipping and
/// no peepholes.
pub(super) fn recurrent(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    if importer.mode == Mode::Inference {
        return Ok(plain(importer, site, site.op.clone()));
    }
    let refuse = |reason: &str| Err(error(importer, site, reason));
    let (gates, states) = match site.op.kind.as_str() {
        "LSTM" => (4, 2),
        "GRU" => (3, 1),
        _ => (1, 1),
    };
    if let Some(reason) = unsupported(site) {
        return refuse(reason);
    }
    let (x, w, r) =
        (required(importer, site, 0)?, required(importer, site, 1)?, required(importer, site, 2)?);
    let (input, weight) = (importer.graph.shape(x), importer.graph.shape(w));
    let (&[steps, batch, width], &[directions, rows, _]) = (input, weight) else {
        return refuse("its input and weight need three axes");
    };
    let hidden = rows / gates;
    let both = site.op.text("direction") == Some("bidirectional");
    let state = vec![directions, batch, hidden];
    let expected: [(usize, Vec<usize>); 5] = [
        (1, vec![1 + usize::from(both), gates * hidden, width]),
        (2, vec![directions, rows, hidden]),
        (3, vec![directions, 2 * rows]),
        (5, state.clone()),
        (6, state.clone()),
    ];
    for (slot, shape) in expected {
        if site.input(slot).is_some_and(|value| importer.graph.shape(value) != shape) {
            return refuse(&format!("input {slot} has not the extents {shape:?}"));
        }
    }
    if [steps, batch, width, hidden].contains(&0) {
        return refuse("an extent is 0");
    }
    if let Some(lengths) = site.input(4) {
        let lengths = importer.graph.content(lengths).and_then(|tensor| tensor.to_i64());
        if lengths.is_none_or(|lengths| lengths.iter().any(|&length| length != steps as i64)) {
            return refuse("sequences of different lengths (`sequence_lens`) are not supported");
        }
    }
    if cells(importer) + steps * directions > CELLS {
        let reason = format!(
            "the model's recurrent layers have more than {CELLS} steps in total: train on shorter sequences"
        );
        return refuse(&reason);
    }
    let mut inputs = vec![Some(x), Some(w), Some(r), site.input(3), None, site.input(5)];
    inputs.extend((states == 2).then(|| site.input(6)));
    let fact = |shape: &[usize]| Fact { dtype: DType::F32, shape: shape.to_vec() };
    let mut facts = vec![fact(&[steps, directions, batch, hidden])];
    facts.extend(vec![fact(&state); states]);
    let slots = facts.len();
    let node = importer.graph.push(Kind::Op(site.op.clone()), inputs, facts);
    Ok((0..slots).map(|slot| Value { node, slot }).collect())
}

/// What the node asks for that gradients are not known for.
fn unsupported(site: &Site) -> Option<&'static str> {
    let op = site.op;
    if op.attrs.contains_key("clip") {
        Some("clipping of its cells is not supported")
    } else if op.int("input_forget", 0) != 0 {
        Some("coupled gates (`input_forget`) are not supported")
    } else if op.int("layout", 0) != 0 {
        Some("the batch as first axis (`layout` 1) is not supported")
    } else if site.input(7).is_some() {
        Some("peepholes (input `P`) are not supported")
    } else if !activations(site) {
        Some("activations other than the default are not supported")
    } else {
        None
    }
}

/// Whether the activations are those that gradients are known for.
fn activations(site: &Site) -> bool {
    let Some(Attr::Texts(names)) = site.op.attrs.get("activations") else {
        return !site.op.attrs.contains_key("activations");
    };
    let known: &[&[&str]] = match site.op.kind.as_str() {
        "LSTM" => &[&["sigmoid"], &["tanh"], &["tanh"]],
        "GRU" => &[&["sigmoid"], &["tanh"]],
        _ => &[&["tanh", "relu"]],
    };
    let fits = |(index, name): (usize, &String)| {
        known[index % known.len()].contains(&name.to_ascii_lowercase().as_str())
    };
    names.iter().enumerate().all(fits)
}

/// Steps times directions of the recurrent nodes so far.
fn cells(importer: &Importer) -> usize {
    let recurrent =
        importer.graph.nodes().iter().filter(|node| ["LSTM", "GRU", "RNN"].contains(&node.standard()));
    recurrent.map(|node| node.outputs[0].shape[..2].iter().product::<usize>()).sum()
}
