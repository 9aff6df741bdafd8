//! `model:`.

use std::path::Path;

use sweep_wire::{BceWithLogits, CrossEntropy, Init, Loss, Model};

use super::{
    cursor::{Cursor, Keys, Map},
    error::Fault,
    patterns::patterns,
    scalar,
};

const MODEL: Keys = Keys { known: &["onnx", "loss", "init", "output", "trainable", "frozen"], later: &[] };
const CROSS_ENTROPY: Keys = Keys { known: &["label_smoothing", "ignore_index", "class_weights"], later: &[] };
const BCE_WITH_LOGITS: Keys = Keys { known: &["pos_weight"], later: &[] };
const HUBER: Keys = Keys { known: &["delta"], later: &[] };
const TRUNCATED_NORMAL: Keys = Keys { known: &["std"], later: &[] };

const LOSSES: [&str; 6] = ["cross_entropy", "token_cross_entropy", "mse", "l1", "huber", "bce_with_logits"];
const INITS: [&str; 7] = [
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
    "truncated_normal",
    "pytorch",
    "exported",
];

/// Classes that a spec may give weights to.
pub(super) const MAX_CLASSES: usize = 100_000;

/// `folder` is where relative paths start.
pub(super) fn model(at: &Cursor<'_>, folder: &Path) -> Result<Model, Fault> {
    let map = at.map(&MODEL)?;
    Ok(Model {
        onnx: scalar::path(&map.required("onnx", "models/resnet8.onnx")?, folder)?,
        output: map.or("output", None, |at| Ok(Some(at.text()?.to_owned())))?,
        loss: loss(&map.required("loss", "cross_entropy")?)?,
        init: map.or("init", Init::KaimingNormal, init)?,
        trainable: map.or("trainable", Vec::new(), patterns)?,
        frozen: map.or("frozen", Vec::new(), patterns)?,
    })
}

fn loss(at: &Cursor<'_>) -> Result<Loss, Fault> {
    let (name, under) = at.named(&LOSSES, &[])?;
    match name {
        "cross_entropy" => Ok(Loss::CrossEntropy(cross_entropy(&at.options(under, &CROSS_ENTROPY)?)?)),
        "token_cross_entropy" => {
            Ok(Loss::TokenCrossEntropy(cross_entropy(&at.options(under, &CROSS_ENTROPY)?)?))
        }
        "huber" => {
            let map = at.options(under, &HUBER)?;
            let delta =
                map.or("delta", 1.0, |at| scalar::number(at, scalar::POSITIVE, scalar::is_positive))?;
            Ok(Loss::Huber { delta })
        }
        "mse" => Cursor::bare(name, under, Loss::Mse),
        "l1" => Cursor::bare(name, under, Loss::L1),
        _ => {
            let map = at.options(under, &BCE_WITH_LOGITS)?;
            let pos_weight = map.or("pos_weight", Vec::new(), class_weights)?;
            Ok(Loss::BceWithLogits(BceWithLogits { pos_weight }))
        }
    }
}

fn cross_entropy(map: &Map<'_>) -> Result<CrossEntropy, Fault> {
    let is_share = |value: f64| (0.0..=1.0).contains(&value);
    Ok(CrossEntropy {
        label_smoothing: map
            .or("label_smoothing", 0.0, |at| scalar::number(at, "a number from 0 to 1", is_share))?,
        ignore_index: map.or("ignore_index", None, |at| scalar::index(at).map(Some))?,
        class_weights: map.or("class_weights", Vec::new(), class_weights)?,
    })
}

fn class_weights(at: &Cursor<'_>) -> Result<Vec<f32>, Fault> {
    let items = at.list()?;
    if items.len() > MAX_CLASSES {
        return Err(at.fault(format!("{} has more than {MAX_CLASSES} values", at.label())));
    }
    let is_weight = |value: f64| value >= 0.0 && (value as f32).is_finite();
    let weight = |at| scalar::number(at, "a number from 0", is_weight).map(|weight| weight as f32);
    let weights: Vec<f32> = items.iter().map(weight).collect::<Result<_, _>>()?;
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(at.fault(format!("{} leaves no class any weight", at.label())));
    }
    Ok(weights)
}

fn init(at: &Cursor<'_>) -> Result<Init, Fault> {
    let (name, under) = at.named(&INITS, &[])?;
    let init = match name {
        "truncated_normal" => {
            let map = at.options(under, &TRUNCATED_NORMAL)?;
            let std = map.or("std", 0.02, |at| scalar::number(at, scalar::POSITIVE, scalar::is_positive))?;
            return Ok(Init::TruncatedNormal { std });
        }
        "kaiming_normal" => Init::KaimingNormal,
        "kaiming_uniform" => Init::KaimingUniform,
        "xavier_normal" => Init::XavierNormal,
        "xavier_uniform" => Init::XavierUniform,
        "pytorch" => Init::Pytorch,
        _ => Init::Exported,
    };
    Cursor::bare(name, under, init)
}
