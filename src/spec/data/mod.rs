//! `data:`.

use std::path::Path;

mod source;

use sweep_wire::{Augment, Data, Drift, LabelNoise, Normalize, Validation};

use super::{
    cursor::Cursor,
    error::Fault,
    form::{EPOCHS, MEMORY, SHARE},
    keys::{ABOVE_0, ABOVE_0_TO_1, ANY_NUMBER, Bound::*, Keys, Kind, Kind::*, Name, bare, key, with},
    scalar,
    types::Length,
    units,
    yaml::Node,
};
use source::{SOURCE, source};

pub(super) static DATA: Keys = Keys::of(&[
    key("train", SOURCE, "The samples to train on").needed("{images: …, labels: …}"),
    key(
        "validation",
        Any(&[Form(&SHARE), SOURCE]),
        "What peak rates are chosen on: a share of `train`, or files",
    ),
    key("test", SOURCE, "What trials are judged on"),
    key("normalize", Map(&NORMALIZE), "(x − mean) / std per channel, after 8-bit values were divided by 255"),
    key(
        "augment",
        Each(usize::MAX, &Named(&AUGMENT, &[])),
        "What is done to training samples, in this order",
    ),
    key("label_noise", Any(&[Form(&SHARE), Map(&NOISE)]), "The share of training samples with another class"),
    key("drift", Map(&DRIFT), "Class proportions that move from epoch to epoch"),
    key("shuffle", Boolean, "Whether each epoch has an order of its own").or("true"),
    key("split_seed", SEED, "Decides which training samples become the validation set").or("0"),
    key("memory", Form(&MEMORY), "What a worker holds of the samples; the rest stays on disk").or("1 GiB"),
]);
static NOISE: Keys = Keys::of(&[
    key("share", Form(&SHARE), "Of the training samples").needed("20%"),
    key("seed", SEED, "Decides which samples, and which classes they get").or("0"),
]);
static DRIFT: Keys = Keys::of(&[
    key("strength", ABOVE_0_TO_1, "How far weights move from 1").needed("0.5"),
    key("period", Form(&EPOCHS), "How long until proportions are the same again").needed("4 epochs"),
]);
static NORMALIZE: Keys = Keys::of(&[
    key("mean", Each(MAX_CHANNELS, &ANY_NUMBER), "One value per channel").needed("[0.2860]"),
    key("std", Each(MAX_CHANNELS, &ABOVE_0), "One value per channel").needed("[0.3530]"),
]);
static CROP: Keys = Keys::of(&[key("padding", PIXELS, "Zeros on each side, in pixels").needed("2")]);
static CUTOUT: Keys = Keys::of(&[key("size", PIXELS, "The side of the square, in pixels").needed("8")]);
static MIXUP: Keys =
    Keys::of(&[key("alpha", Number(At(1e-3), At(1e3)), "Shares are drawn from Beta(α, α)").needed("0.2")]);

static AUGMENT: [Name; 5] = [
    with("random_crop", "Pad with zeros, and crop back at a random place", &CROP),
    bare("horizontal_flip", "Mirror left and right, half of the time"),
    bare("vertical_flip", "Mirror up and down, half of the time"),
    with("cutout", "Set a square at a random place to 0", &CUTOUT),
    with("mixup", "Blend each sample and its target with another one's", &MIXUP),
];
const SEED: Kind = Whole(0, u64::MAX);
const PIXELS: Kind = Whole(1, 1024);

/// Channels of an image that a spec may name values for.
const MAX_CHANNELS: usize = 1024;

/// Bytes of samples in memory unless told.
const MEMORY_BYTES: u64 = 1 << 30;

/// `folder` is where relative paths start.
pub(super) fn data(at: &Cursor<'_>, folder: &Path) -> Result<Data, Fault> {
    let map = at.map(&DATA)?;
    let augment =
        map.or("augment", Vec::new(), |at| at.items()?.iter().map(augment).collect::<Result<Vec<_>, _>>())?;
    let blends = augment.iter().filter(|augment| matches!(augment, Augment::Mixup { .. })).count();
    if blends > 1 {
        return Err(map.required("augment")?.fault("`mixup` is given twice"));
    }
    let drift = map.or("drift", None, |at| drift(at).map(Some))?;
    let shuffle = map.or("shuffle", true, Cursor::boolean)?;
    if drift.is_some() && !shuffle {
        let at = map.required("drift")?;
        return Err(at.fault("`drift` draws samples at random, and `shuffle` is off").at_key());
    }
    Ok(Data {
        train: source(&map.required("train")?, folder)?,
        validation: map.or("validation", None, |at| validation(at, folder).map(Some))?,
        test: map.or("test", None, |at| source(at, folder).map(Some))?,
        normalize: map.or("normalize", None, |at| normalize(at).map(Some))?,
        augment,
        label_noise: map.or("label_noise", None, |at| label_noise(at).map(Some))?,
        drift,
        shuffle,
        split_seed: map.or("split_seed", 0, |at| scalar::whole(at, 0..=u64::MAX))?,
        memory: map.or("memory", MEMORY_BYTES, units::memory)?,
    })
}

fn validation(at: &Cursor<'_>, folder: &Path) -> Result<Validation, Fault> {
    if matches!(at.node(), Node::Map(_)) {
        return source(at, folder).map(Validation::Files);
    }
    let what = "a share of the training data between 0% and 100%, or files such as `{images: …, labels: …}`";
    scalar::share(at, what, |share| share > 0.0 && share < 1.0).map(Validation::Share)
}

/// A share of the labels, or that and a seed.
fn label_noise(at: &Cursor<'_>) -> Result<LabelNoise, Fault> {
    let share = |at: &Cursor<'_>| {
        scalar::share(at, "a share of the labels above 0% and at most 100%", |share| {
            share > 0.0 && share <= 1.0
        })
    };
    if !matches!(at.node(), Node::Map(_)) {
        return Ok(LabelNoise { share: share(at)?, seed: 0 });
    }
    let map = at.map(&NOISE)?;
    Ok(LabelNoise {
        share: share(&map.required("share")?)?,
        seed: map.or("seed", 0, |at| scalar::whole(at, 0..=u64::MAX))?,
    })
}

fn drift(at: &Cursor<'_>) -> Result<Drift, Fault> {
    let map = at.map(&DRIFT)?;
    let strength = map.required("strength")?;
    let period = map.required("period")?;
    Ok(Drift {
        strength: scalar::number(&strength, "a number above 0 and at most 1", |value| {
            value > 0.0 && value <= 1.0
        })?,
        period: match scalar::length(&period)? {
            Length::Epochs(epochs) => epochs,
            Length::Steps(_) => {
                return Err(period
                    .expected("a number of epochs")
                    .hint("proportions move from epoch to epoch"));
            }
        },
    })
}

fn normalize(at: &Cursor<'_>) -> Result<Normalize, Fault> {
    let map = at.map(&NORMALIZE)?;
    let mean_at = map.required("mean")?;
    let mean = channels(&mean_at, "a number", |_| true)?;
    let std_at = map.required("std")?;
    let std = channels(&std_at, "a number above 0", |value| value > 0.0)?;
    if mean.len() != std.len() {
        let message = format!(
            "{} has {} and {} has {}",
            std_at.label(),
            values(std.len()),
            mean_at.label(),
            values(mean.len())
        );
        return Err(std_at.fault(message).hint("each has one value per channel"));
    }
    Ok(Normalize { mean, std })
}

fn values(count: usize) -> String {
    if count == 1 { "1 value".to_owned() } else { format!("{count} values") }
}

fn channels(at: &Cursor<'_>, what: &str, ok: impl Fn(f32) -> bool) -> Result<Vec<f32>, Fault> {
    let items = at.items()?;
    if items.len() > MAX_CHANNELS {
        return Err(at.fault(format!("{} has more than {MAX_CHANNELS} values", at.label())));
    }
    let ok = |value: f64| (value as f32).is_finite() && ok(value as f32);
    items.iter().map(|item| scalar::number(item, what, ok).map(|value| value as f32)).collect()
}

fn augment(at: &Cursor<'_>) -> Result<Augment, Fault> {
    let (name, map) = at.options(&AUGMENT, &[])?;
    let pixels = |key: &str| Ok::<_, Fault>(scalar::whole(&map.required(key)?, 1..=1024)? as u32);
    Ok(match name {
        "random_crop" => Augment::RandomCrop { padding: pixels("padding")? },
        "cutout" => Augment::Cutout { size: pixels("size")? },
        "mixup" => {
            let ok = |value: f64| (1e-3..=1e3).contains(&value);
            let alpha = scalar::number(&map.required("alpha")?, "a number from 0.001 to 1000", ok)?;
            Augment::Mixup { alpha }
        }
        "vertical_flip" => Augment::VerticalFlip,
        _ => Augment::HorizontalFlip,
    })
}
