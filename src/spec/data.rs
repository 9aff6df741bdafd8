//! `data:`.

use std::path::Path;

use sweep_wire::{Arrays, Augment, Data, Images, Inputs, Normalize, Source, Validation};

use super::{
    cursor::{Cursor, Keys},
    error::Fault,
    scalar,
    yaml::Node,
};

const DATA: Keys = Keys {
    known: &["train", "validation", "test", "normalize", "augment", "shuffle", "split_seed"],
    later: &[],
};
const SOURCE: Keys = Keys { known: &["images", "inputs", "labels"], later: &[] };
const NORMALIZE: Keys = Keys { known: &["mean", "std"], later: &[] };
const CROP: Keys = Keys { known: &["padding"], later: &[] };

/// Channels of an image that a spec may name values for.
const MAX_CHANNELS: usize = 1024;

/// Inputs of one model.
const MAX_INPUTS: usize = 100;

/// `folder` is where relative paths start.
pub(super) fn data(at: &Cursor<'_>, folder: &Path) -> Result<Data, Fault> {
    let map = at.map(&DATA)?;
    Ok(Data {
        train: source(&map.required("train", "{images: …, labels: …}")?, folder)?,
        validation: map.or("validation", None, |at| validation(at, folder).map(Some))?,
        test: map.or("test", None, |at| source(at, folder).map(Some))?,
        normalize: map.or("normalize", None, |at| normalize(at).map(Some))?,
        augment: map.or("augment", Vec::new(), |at| at.items()?.iter().map(augment).collect())?,
        shuffle: map.or("shuffle", true, Cursor::boolean)?,
        split_seed: map.or("split_seed", 0, |at| scalar::whole(at, 0..=u64::MAX))?,
    })
}

/// IDX files under `images`, or NumPy arrays under `inputs`.
fn source(at: &Cursor<'_>, folder: &Path) -> Result<Source, Fault> {
    let map = at.map(&SOURCE)?;
    let path = |key: &str, example: &str| scalar::path(&map.required(key, example)?, folder);
    match (map.get("images"), map.get("inputs")) {
        (Some(_), Some(inputs)) => Err(inputs
            .fault("`images` and `inputs` exclude each other")
            .at_key()
            .hint("`images` are IDX files, `inputs` NumPy arrays (`.npy`)")),
        (None, Some(at)) => Ok(Source::Arrays(Arrays {
            inputs: inputs(&at, folder)?,
            labels: path("labels", "train-y.npy")?,
        })),
        (Some(at), None) => Ok(Source::Images(Images {
            images: scalar::path(&at, folder)?,
            labels: path("labels", "data/train-labels-idx1-ubyte.gz")?,
        })),
        (None, None) => {
            let fault = at.fault(format!("missing key `images` or `inputs` in {}", at.label()));
            Err(fault.hint("such as `images: train-images-idx3-ubyte.gz` or `inputs: train-x.npy`"))
        }
    }
}

/// A path, or a path for each of the model's inputs by its name.
fn inputs(at: &Cursor<'_>, folder: &Path) -> Result<Inputs, Fault> {
    match at.node() {
        Node::Text(_) => scalar::path(at, folder).map(Inputs::One),
        Node::Map(entries) if (1..=MAX_INPUTS).contains(&entries.len()) => {
            let entries = at.entries()?.into_iter();
            let paths = entries.map(|(name, at)| Ok((name.to_owned(), scalar::path(&at, folder)?)));
            paths.collect::<Result<_, _>>().map(Inputs::Named)
        }
        Node::Map(_) => {
            Err(at.fault(format!("{} should name 1 to {MAX_INPUTS} of the model's inputs", at.label())))
        }
        _ => Err(at
            .expected("a path, or a path for each of the model's inputs")
            .hint("such as `x.npy` or `{input_ids: ids.npy, attention_mask: mask.npy}`")),
    }
}

fn validation(at: &Cursor<'_>, folder: &Path) -> Result<Validation, Fault> {
    if matches!(at.node(), Node::Map(_)) {
        return source(at, folder).map(Validation::Files);
    }
    let what = "a share of the training data between 0% and 100%, or files such as `{images: …, labels: …}`";
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
        (name, under) => Cursor::bare(name, under, Augment::HorizontalFlip),
    }
}
