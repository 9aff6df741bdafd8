//! What a first spec says where nobody has said anything: common practice, by what the model is made of and how much data
//! there is.

use std::collections::BTreeSet;

use sweep_trainer::{ArrayInspection, Inspection};

use super::{
    Failure,
    data::{Found, extents},
};

/// Steps that the full budget should have.
const STEPS: u64 = 500;
/// Steps that an epoch should have at least.
const STEPS_PER_EPOCH: u64 = 20;
/// Parameters beyond which a model wants smaller rates of Adam.
const LARGE: usize = 10_000_000;

/// The words of the spec that were chosen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Proposal {
    pub(super) loss: &'static str,
    /// What the loss compares, for the comment beside it.
    pub(super) compares: String,
    pub(super) init: &'static str,
    pub(super) optimizer: String,
    pub(super) rates: [f64; 3],
    pub(super) clip: bool,
    pub(super) batch: u64,
    /// Steps of an epoch.
    pub(super) per_epoch: u64,
    pub(super) epochs: u64,
    pub(super) normalize: Normalize,
}

/// Whether and how inputs are normalised.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Normalize {
    /// Per channel.
    By { mean: Vec<f64>, std: Vec<f64> },
    /// They are numbers of tokens.
    Tokens,
    /// Said why.
    Not(&'static str),
}

impl Proposal {
    /// # Errors
    /// No loss compares the model's output with the labels; exit code 2.
    pub(super) fn of(model: &Inspection, found: &Found) -> Result<Self, Failure> {
        let operators: BTreeSet<&str> =
            model.operators.iter().map(|operator| operator.name.as_str()).collect();
        let has = |names: &[&str]| names.iter().any(|name| operators.contains(name));
        let is_recurrent = has(&["LSTM", "GRU", "RNN"]);
        let is_transformer = has(&["LayerNormalization", "RMSNormalization", "Attention"]);
        let (loss, compares) = loss(model, found)?;
        let is_adam = is_recurrent || is_transformer || !loss.ends_with("cross_entropy");
        let init = match (is_transformer, is_recurrent) {
            (true, _) => "{truncated_normal: {std: 0.02}}",
            (_, true) => "pytorch",
            _ => "kaiming_normal",
        };
        let rates = match (is_adam, has(&["BatchNormalization"])) {
            (true, _) if parameters(model) > LARGE => [1e-4, 3e-4, 1e-3],
            (true, _) => [1e-3, 3e-3, 1e-2],
            (false, true) => [0.05, 0.1, 0.2],
            (false, false) => [0.01, 0.03, 0.1],
        };
        let samples = found.train().samples as u64;
        let batch = match model.batch {
            Some(fixed) => fixed as u64,
            None => batch(samples, if found.is_text() { 32 } else { 128 }),
        };
        let per_epoch = (samples / batch).max(1);
        Ok(Self {
            loss,
            compares,
            init,
            optimizer: if is_adam { adamw(model) } else { sgd() },
            rates,
            clip: is_transformer || is_recurrent,
            batch,
            per_epoch,
            epochs: STEPS.div_ceil(per_epoch).clamp(4, 100),
            normalize: normalize(model, found),
        })
    }

    /// What was not found, or was taken for something without being sure.
    pub(super) fn notes(&self, found: &Found) -> Vec<String> {
        let mut notes = found.recognised.guesses.clone();
        if found.set("test").is_none() {
            notes.push("no test set was found: trials are judged on the validation set".to_owned());
        }
        if let Normalize::Not(why) = self.normalize {
            notes.push(format!("nothing is normalised: {why}"));
        }
        notes
    }
}

/// Elements that train.
pub(super) fn parameters(model: &Inspection) -> usize {
    let tensors = model.tensors.iter().filter(|tensor| tensor.role == "parameter");
    tensors.map(|tensor| tensor.shape.iter().product::<usize>()).sum()
}

/// The loss that goes with the output and the labels, and what it compares.
fn loss(model: &Inspection, found: &Found) -> Result<(&'static str, String), Failure> {
    let output = model.output.shape.get(1..).unwrap_or_default();
    let labels = &found.train().labels;
    let squeezed = |shape: &[usize]| shape.iter().copied().filter(|extent| *extent != 1).collect::<Vec<_>>();
    let is_whole = labels.dtype.contains("int") || labels.dtype == "bool";
    // Of numbers from 0 to 1 only 0 and 1 are their own squares.
    let are_squares = labels.mean.iter().zip(&labels.std).all(|(m, s)| (m * m + s * s - m).abs() < 1e-6);
    let is_binary = labels.smallest >= 0.0 && labels.largest <= 1.0 && are_squares;
    let shape = squeezed(&labels.shape);
    // Beside the scores of the classes.
    let same = |rest: &[usize]| !rest.is_empty() && squeezed(rest) == shape;
    Ok(match output {
        [.., scores] if found.is_text() => {
            ("token_cross_entropy", format!("{scores} scores at each place with the next token"))
        }
        [scores] if *scores > 1 && shape.is_empty() && is_whole => {
            ("cross_entropy", format!("{scores} scores with one class per sample"))
        }
        [scores, pixels @ ..] if *scores > 1 && same(pixels) && is_whole => {
            ("cross_entropy", format!("{scores} scores with the class of each pixel"))
        }
        [tokens @ .., scores] if *scores > 1 && same(tokens) && is_whole => {
            ("token_cross_entropy", format!("{scores} scores with the class of each token"))
        }
        _ if squeezed(output) == shape && is_binary => {
            ("bce_with_logits", "each output with 0 or 1".to_owned())
        }
        _ if squeezed(output) == shape => ("mse", "each output with a number".to_owned()),
        _ => {
            let (output, labels) = (extents(output), extents(&labels.shape));
            let message = format!("no loss compares outputs of {output} with labels of {labels}");
            return Err(
                Failure::usage(message).hint("`--model-output NAME` takes another output of the model")
            );
        }
    })
}

/// The largest power of two that leaves an epoch enough steps.
fn batch(samples: u64, most: u64) -> u64 {
    let mut batch = most;
    while batch > 1 && samples / batch < STEPS_PER_EPOCH {
        batch /= 2;
    }
    batch
}

fn sgd() -> String {
    "{sgd: {momentum: 0.9, nesterov: true, weight_decay: 5e-4}}".to_owned()
}

/// Weight decay is for what multiplies; patterns that match nothing are refused.
fn adamw(model: &Inspection) -> String {
    let names: Vec<&str> = (model.tensors.iter())
        .filter(|tensor| tensor.role == "parameter")
        .map(|tensor| tensor.name.as_str())
        .collect();
    let mut patterns = Vec::new();
    if names.iter().any(|name| name.ends_with(".bias")) {
        patterns.push("\"*.bias\"");
    }
    if names.iter().any(|name| name.contains("norm")) {
        patterns.push("\"*norm*\"");
    }
    match patterns.is_empty() {
        true => "{adamw: {weight_decay: 0.05}}".to_owned(),
        false => format!("{{adamw: {{weight_decay: 0.05, no_decay: [{}]}}}}", patterns.join(", ")),
    }
}

fn normalize(model: &Inspection, found: &Found) -> Normalize {
    if model.inputs.iter().all(|input| input.dtype != "float32") {
        return Normalize::Tokens;
    }
    let [ArrayInspection { mean, std, .. }] = &found.train().inputs[..] else {
        return Normalize::Not("the inputs have statistics of their own");
    };
    if std.iter().any(|std| *std < 1e-6) {
        return Normalize::Not("a channel is the same everywhere");
    }
    Normalize::By { mean: mean.clone(), std: std.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_leave_an_epoch_enough_steps() {
        for (samples, most, wanted) in [
            (1_293, 128, 64),
            (7_200, 128, 128),
            (2_560, 128, 128),
            (2_559, 128, 64),
            (4_000, 32, 32),
            (50, 128, 2),
            (3, 128, 1),
        ] {
            assert_eq!(batch(samples, most), wanted, "{samples}");
        }
    }
}
