//! `data:`.

use std::path::Path;

mod source;

use sweep_wire::{Augment, Data, Drift, LabelNoise, Normalize, Validation};

use super::{
    cursor::{Cursor, Keys},
    error::Fault,
    scalar,
    types::Length,
    units,
    yaml::Node,
};
use source::source;

const DATA: Keys = Keys {
    known: &[
        "train",
        "validation",
        "test",
        "normalize",
        "augment",
        "label_noise",
        "drift",
        "shuffle",
        "split_seed",
        "memory",
    ],
    later: &[],
};
const NOISE: Keys = Keys { known: &["share", "seed"], later: &[] };
const DRIFT: Keys = Keys { known: &["strength", "period"], later: &[] };
const CUTOUT: Keys = Keys { known: &["size"], later: &[] };
const MIXUP: Keys = Keys { known: &["alpha"], later: &[] };
const NORMALIZE: Keys = Keys { known: &["mean", "std"], later: &[] };
const CROP: Keys = Keys { known: &["padding"], later: &[] };

/// Channels of an image that a spec may name values for.
const MAX_CHANNELS: usize = 1024;

/// Bytes of samples in memory unless told.
const MEMORY: u64 = 1 << 30;

/// `folder` is where relative paths start.
pub(super) fn data(at: &Cursor<'_>, folder: &Path) -> Result<Data, Fault> {
    let map = at.map(&DATA)?;
    let augment =
        map.or("augment", Vec::new(), |at| at.items()?.iter().map(augment).collect::<Result<Vec<_>, _>>())?;
    let blends = augment.iter().filter(|augment| matches!(augment, Augment::Mixup { .. })).count();
    if blends > 1 {
        return Err(map.required("augment", "[]")?.fault("`mixup` is given twice"));
    }
    let drift = map.or("drift", None, |at| drift(at).map(Some))?;
    let shuffle = map.or("shuffle", true, Cursor::boolean)?;
    if drift.is_some() && !shuffle {
        let at = map.required("drift", "{}")?;
        return Err(at.fault("`drift` draws samples at random, and `shuffle` is off").at_key());
    }
    Ok(Data {
        train: source(&map.required("train", "{images: …, labels: …}")?, folder)?,
        validation: map.or("validation", None, |at| validation(at, folder).map(Some))?,
        test: map.or("test", None, |at| source(at, folder).map(Some))?,
        normalize: map.or("normalize", None, |at| normalize(at).map(Some))?,
        augment,
        label_noise: map.or("label_noise", None, |at| label_noise(at).map(Some))?,
        drift,
        shuffle,
        split_seed: map.or("split_seed", 0, |at| scalar::whole(at, 0..=u64::MAX))?,
        memory: map.or("memory", MEMORY, units::memory)?,
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
        share: share(&map.required("share", "20%")?)?,
        seed: map.or("seed", 0, |at| scalar::whole(at, 0..=u64::MAX))?,
    })
}

fn drift(at: &Cursor<'_>) -> Result<Drift, Fault> {
    let map = at.map(&DRIFT)?;
    let strength = map.required("strength", "0.5")?;
    let period = map.required("period", "4 epochs")?;
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
    let mean_at = map.required("mean", "[0.2860]")?;
    let mean = channels(&mean_at, "a number", |_| true)?;
    let std_at = map.required("std", "[0.3530]")?;
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
    let names = ["random_crop", "horizontal_flip", "vertical_flip", "cutout", "mixup"];
    let needs = |name: &str, what: &str, value: &str| {
        at.fault(format!("`{name}` needs `{what}`")).hint(format!("such as `{name}: {{{what}: {value}}}`"))
    };
    match at.named(&names, &[])? {
        ("random_crop", Some(under)) => {
            let padding = under.map(&CROP)?.required("padding", "2")?;
            Ok(Augment::RandomCrop { padding: scalar::whole(&padding, 1..=1024)? as u32 })
        }
        ("random_crop", None) => Err(needs("random_crop", "padding", "2")),
        ("cutout", Some(under)) => {
            let size = under.map(&CUTOUT)?.required("size", "8")?;
            Ok(Augment::Cutout { size: scalar::whole(&size, 1..=1024)? as u32 })
        }
        ("cutout", None) => Err(needs("cutout", "size", "8")),
        ("mixup", Some(under)) => {
            let alpha = under.map(&MIXUP)?.required("alpha", "0.2")?;
            let ok = |value: f64| (1e-3..=1e3).contains(&value);
            Ok(Augment::Mixup { alpha: scalar::number(&alpha, "a number from 0.001 to 1000", ok)? })
        }
        ("mixup", None) => Err(needs("mixup", "alpha", "0.2")),
        ("vertical_flip", under) => Cursor::bare("vertical_flip", under, Augment::VerticalFlip),
        (name, under) => Cursor::bare(name, under, Augment::HorizontalFlip),
    }
}
