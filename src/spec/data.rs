//! `model:` and `data:`.

use std::path::{Path, PathBuf};

use sweep_wire::{Augment, Data, Images, Init, Loss, Model, Normalize, Validation};

use super::{
    cursor::{Cursor, Keys, Map},
    error::Fault,
    scalar,
    yaml::Node,
};

const MODEL: Keys = Keys { known: &["onnx", "loss", "init"], later: &[] };
const DATA: Keys = Keys {
    known: &["train", "validation", "test", "normalize", "augment", "shuffle", "split_seed"],
    later: &[],
};
const IMAGES: Keys = Keys { known: &["images", "labels"], later: &[] };
const NORMALIZE: Keys = Keys { known: &["mean", "std"], later: &[] };
const CROP: Keys = Keys { known: &["padding"], later: &[] };

/// Channels of an image that a spec may name values for.
const MAX_CHANNELS: usize = 1024;

/// `folder` is where relative paths start.
pub(super) fn model(at: &Cursor<'_>, folder: &Path) -> Result<Model, Fault> {
    let map = at.map(&MODEL)?;
    let onnx = path(&map, "onnx", "models/resnet8.onnx", folder)?;
    let later = ["mse", "bce_with_logits", "token_cross_entropy"];
    let loss =
        map.required("loss", "cross_entropy")?.choice(&[("cross_entropy", Loss::CrossEntropy)], &later)?;
    let inits = [("kaiming_normal", Init::KaimingNormal), ("exported", Init::Exported)];
    let init = map.or("init", Init::KaimingNormal, |at| at.choice(&inits, &[]))?;
    Ok(Model { onnx, loss, init })
}

/// `folder` is where relative paths start.
pub(super) fn data(at: &Cursor<'_>, folder: &Path) -> Result<Data, Fault> {
    let map = at.map(&DATA)?;
    Ok(Data {
        train: images(&map.required("train", "{images: …, labels: …}")?, folder)?,
        validation: map.or("validation", None, |at| validation(at, folder).map(Some))?,
        test: map.or("test", None, |at| images(at, folder).map(Some))?,
        normalize: map.or("normalize", None, |at| normalize(at).map(Some))?,
        augment: map.or("augment", Vec::new(), |at| at.items()?.iter().map(augment).collect())?,
        shuffle: map.or("shuffle", true, Cursor::boolean)?,
        split_seed: map.or("split_seed", 0, |at| scalar::whole(at, 0..=u64::MAX))?,
    })
}

fn path(map: &Map<'_>, key: &str, example: &str, folder: &Path) -> Result<PathBuf, Fault> {
    Ok(folder.join(map.required(key, example)?.text()?))
}

fn images(at: &Cursor<'_>, folder: &Path) -> Result<Images, Fault> {
    let map = at.map(&IMAGES)?;
    Ok(Images {
        images: path(&map, "images", "data/train-images-idx3-ubyte.gz", folder)?,
        labels: path(&map, "labels", "data/train-labels-idx1-ubyte.gz", folder)?,
    })
}

fn validation(at: &Cursor<'_>, folder: &Path) -> Result<Validation, Fault> {
    if matches!(at.node(), Node::Map(_)) {
        return images(at, folder).map(Validation::Images);
    }
    let what = "a share of the training data between 0% and 100%, or `{images: …, labels: …}`";
    scalar::share(at, what, |share| share > 0.0 && share < 1.0).map(Validation::Share)
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
    match at.named(&["random_crop", "horizontal_flip"], &[])? {
        ("random_crop", Some(under)) => {
            let padding = under.map(&CROP)?.required("padding", "2")?;
            Ok(Augment::RandomCrop { padding: scalar::whole(&padding, 1..=1024)? as u32 })
        }
        ("random_crop", None) => {
            Err(at.fault("`random_crop` needs `padding`").hint("such as `random_crop: {padding: 2}`"))
        }
        (_, Some(under)) => {
            Err(under.fault("`horizontal_flip` takes nothing").hint("write `horizontal_flip`"))
        }
        (_, None) => Ok(Augment::HorizontalFlip),
    }
}
