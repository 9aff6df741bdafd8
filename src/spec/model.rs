//! `model:`.

use std::path::Path;

use sweep_wire::{BceWithLogits, CrossEntropy, Init, Loss, Model};

use super::{
    cursor::{Cursor, Map},
    error::Fault,
    keys::{ABOVE_0, FROM_0, FROM_0_TO_1, Keys, Kind::*, Name, bare, key, with},
    patterns::{PATTERNS, patterns},
    scalar,
};

pub(super) static MODEL: Keys = Keys::of(&[
    key("onnx", Text, "The model as an ONNX file; paths are relative to the spec")
        .needed("models/resnet8.onnx"),
    key("loss", Named(&LOSSES, &[]), "What training makes small").needed("cross_entropy"),
    key("init", Named(&INITS, &[]), "Weights at the start, fresh for each seed, or those of the file")
        .or("kaiming_normal"),
    key("output", Text, "The output that the loss is of, where the model has several"),
    key("trainable", PATTERNS, "Patterns of tensors that train whatever they look like").or("[]"),
    key("frozen", PATTERNS, "Patterns of tensors that keep the file's values").or("[]"),
]);
static CROSS_ENTROPY: Keys = Keys::of(&[
    key("label_smoothing", FROM_0_TO_1, "The share of each target that goes to all classes alike").or("0"),
    key(
        "ignore_index",
        Whole(i32::MIN as i64, i32::MAX as u64),
        "The label that counts nothing; −100 unless told",
    ),
    key("class_weights", List(1, MAX_CLASSES, &FROM_0), "A weight for each class"),
]);
static BCE_WITH_LOGITS: Keys = Keys::of(&[key(
    "pos_weight",
    List(1, MAX_CLASSES, &FROM_0),
    "A weight of the positive targets of each output",
)]);
static HUBER: Keys = Keys::of(&[key("delta", ABOVE_0, "Where squares turn into straight lines").or("1")]);
static TRUNCATED_NORMAL: Keys = Keys::of(&[key("std", ABOVE_0, "Standard deviation").or("0.02")]);

static LOSSES: [Name; 6] = [
    with("cross_entropy", "Of class scores and a label per sample or pixel", &CROSS_ENTROPY),
    with("token_cross_entropy", "Of class scores and a label per token", &CROSS_ENTROPY),
    bare("mse", "Mean squared error"),
    bare("l1", "Mean absolute error"),
    with("huber", "Squared error where it is small, absolute where it is large", &HUBER),
    with("bce_with_logits", "Binary cross-entropy of each output", &BCE_WITH_LOGITS),
];
static INITS: [Name; 7] = [
    bare("kaiming_normal", "He et al. 2015, from a normal distribution"),
    bare("kaiming_uniform", "He et al. 2015, from a uniform distribution"),
    bare("xavier_normal", "Glorot and Bengio 2010, from a normal distribution"),
    bare("xavier_uniform", "Glorot and Bengio 2010, from a uniform distribution"),
    with("truncated_normal", "From a normal distribution cut off at two deviations", &TRUNCATED_NORMAL),
    bare("pytorch", "As PyTorch initialises layers by default"),
    bare("exported", "The weights in the file, the same for each seed"),
];

/// Classes that a spec may give weights to.
pub(super) const MAX_CLASSES: usize = 100_000;

/// The losses that there are, as specs spell them.
pub fn losses() -> impl Iterator<Item = &'static str> {
    LOSSES.iter().map(|loss| loss.name)
}

/// `folder` is where relative paths start.
pub(super) fn model(at: &Cursor<'_>, folder: &Path) -> Result<Model, Fault> {
    let map = at.map(&MODEL)?;
    Ok(Model {
        onnx: scalar::path(&map.required("onnx")?, folder)?,
        output: map.or("output", None, |at| Ok(Some(at.text()?.to_owned())))?,
        loss: loss(&map.required("loss")?)?,
        init: map.or("init", Init::KaimingNormal, init)?,
        trainable: map.or("trainable", Vec::new(), patterns)?,
        frozen: map.or("frozen", Vec::new(), patterns)?,
    })
}

fn loss(at: &Cursor<'_>) -> Result<Loss, Fault> {
    let (name, map) = at.options(&LOSSES, &[])?;
    Ok(match name {
        "cross_entropy" => Loss::CrossEntropy(cross_entropy(&map)?),
        "token_cross_entropy" => Loss::TokenCrossEntropy(cross_entropy(&map)?),
        "mse" => Loss::Mse,
        "l1" => Loss::L1,
        "huber" => Loss::Huber {
            delta: map.or("delta", 1.0, |at| scalar::number(at, scalar::POSITIVE, scalar::is_positive))?,
        },
        _ => Loss::BceWithLogits(BceWithLogits {
            pos_weight: map.or("pos_weight", Vec::new(), class_weights)?,
        }),
    })
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
    let (name, map) = at.options(&INITS, &[])?;
    Ok(match name {
        "truncated_normal" => Init::TruncatedNormal {
            std: map.or("std", 0.02, |at| scalar::number(at, scalar::POSITIVE, scalar::is_positive))?,
        },
        "kaiming_normal" => Init::KaimingNormal,
        "kaiming_uniform" => Init::KaimingUniform,
        "xavier_normal" => Init::XavierNormal,
        "xavier_uniform" => Init::XavierUniform,
        "pytorch" => Init::Pytorch,
        _ => Init::Exported,
    })
}
