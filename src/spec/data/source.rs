//! Where samples are: one of several kinds of files, told apart by their key.

use std::path::{Path, PathBuf};

use sweep_wire::{
    Arrays, Cifar10, Cifar100, Cifar100Labels, Columns, Csv, Folder, Images, Inputs, Names, Npz, Parquet,
    Source, Text, TokenType, Tokens,
};

use crate::spec::{
    cursor::{Cursor, Keys, Map},
    error::Fault,
    scalar,
    yaml::Node,
};

const SOURCE: Keys = Keys {
    known: &[
        "images", "inputs", "labels", "npz", "csv", "cifar10", "cifar100", "folder", "text", "tokens",
        "parquet", "header", "resize", "channels", "length", "dtype",
    ],
    later: &[],
};

/// The keys of each kind but plain arrays, its own one first.
const KINDS: [&[&str]; 9] = [
    &["images", "labels"],
    &["npz", "inputs", "labels"],
    &["csv", "labels", "inputs", "header"],
    &["cifar10"],
    &["cifar100", "labels"],
    &["folder", "resize", "channels"],
    &["text", "length"],
    &["tokens", "length", "dtype"],
    &["parquet", "inputs", "labels"],
];
const ARRAYS: &[&str] = &["inputs", "labels"];

/// Inputs of one model.
const MAX_INPUTS: usize = 100;
/// Columns of one input.
const MAX_COLUMNS: usize = 100_000;
/// Tokens of one sample.
const MAX_LENGTH: u64 = 1 << 20;
/// Pixels of one side of an image.
const MAX_SIDE: u64 = 16_384;
/// Files of one set.
const MAX_FILES: usize = 1000;

/// `folder` is where relative paths start.
pub(super) fn source(at: &Cursor<'_>, folder: &Path) -> Result<Source, Fault> {
    const KEYS: &str = "it needs one of `images`, `inputs`, `npz`, `csv`, `cifar10`, `cifar100`, `folder`, `text`, \
                        `tokens`, `parquet`";
    if !matches!(at.node(), Node::Map(_)) {
        return Err(at.expected("a mapping").hint(KEYS));
    }
    let map = at.map(&SOURCE)?;
    let mut kinds = KINDS.iter().filter(|keys| map.get(keys[0]).is_some());
    let Some(keys) = kinds.next() else {
        return match map.get("inputs") {
            Some(_) => arrays(&at.map(&Keys { known: ARRAYS, later: &[] })?, folder),
            None => Err(at.fault(format!("{} names no data", at.label())).hint(KEYS)),
        };
    };
    let both = kinds.next().map(|keys| keys[0]).or((keys[0] == "images").then_some("inputs"));
    if let Some((other, at)) = both.and_then(|other| Some((other, map.get(other)?))) {
        let message = format!("`{}` and `{other}` exclude each other", keys[0]);
        return Err(at.fault(message).at_key().hint("each names another kind of files"));
    }
    let map = at.map(&Keys { known: keys, later: &[] })?;
    let path = |example: &str| scalar::path(&map.required(keys[0], example)?, folder);
    Ok(match keys[0] {
        "images" => Source::Images(Images {
            images: path("train-images-idx3-ubyte.gz")?,
            labels: scalar::path(&map.required("labels", "data/train-labels-idx1-ubyte.gz")?, folder)?,
        }),
        "npz" => Source::Npz(Npz {
            npz: path("train.npz")?,
            inputs: names(&map.required("inputs", "x")?)?,
            labels: word(&map.required("labels", "y")?)?,
        }),
        "csv" => Source::Csv(Csv {
            csv: path("train.csv")?,
            labels: word(&map.required("labels", "class")?)?,
            inputs: map.or("inputs", None, |at| words(at).map(Some))?,
            header: map.or("header", None, |at| at.boolean().map(Some))?,
        }),
        "cifar10" => Source::Cifar10(Cifar10 { cifar10: files(&map, "cifar10", folder)? }),
        "cifar100" => Source::Cifar100(Cifar100 {
            cifar100: files(&map, "cifar100", folder)?,
            labels: map.or("labels", Cifar100Labels::Fine, |at| {
                at.choice(&[("fine", Cifar100Labels::Fine), ("coarse", Cifar100Labels::Coarse)], &[])
            })?,
        }),
        "folder" => Source::Folder(Folder {
            folder: path("train")?,
            resize: map.or("resize", None, |at| resize(at).map(Some))?,
            channels: map.or("channels", 3, channels)?,
        }),
        "text" => Source::Text(Text { text: path("train.txt")?, length: length(&map)? }),
        "tokens" => {
            Source::Tokens(Tokens { tokens: path("train.npy")?, dtype: dtype(&map)?, length: length(&map)? })
        }
        _ => Source::Parquet(Parquet {
            parquet: path("train.parquet")?,
            inputs: columns(&map.required("inputs", "[a, b]")?)?,
            labels: word(&map.required("labels", "class")?)?,
        }),
    })
}

fn arrays(map: &Map<'_>, folder: &Path) -> Result<Source, Fault> {
    let inputs = inputs(&map.required("inputs", "train-x.npy")?, folder)?;
    let labels = scalar::path(&map.required("labels", "train-y.npy")?, folder)?;
    Ok(Source::Arrays(Arrays { inputs, labels }))
}

/// A path, or a path for each of the model's inputs by its name.
fn inputs(at: &Cursor<'_>, folder: &Path) -> Result<Inputs, Fault> {
    match at.node() {
        Node::Text(_) => scalar::path(at, folder).map(Inputs::One),
        Node::Map(_) => {
            let paths = named(at)?.into_iter();
            let paths = paths.map(|(name, at)| Ok((name.to_owned(), scalar::path(&at, folder)?)));
            paths.collect::<Result<_, _>>().map(Inputs::Named)
        }
        _ => Err(at
            .expected("a path, or a path for each of the model's inputs")
            .hint("such as `x.npy` or `{input_ids: ids.npy, attention_mask: mask.npy}`")),
    }
}

fn named<'a>(at: &Cursor<'a>) -> Result<Vec<(&'a str, Cursor<'a>)>, Fault> {
    let entries = at.entries()?;
    match entries.len() {
        1..=MAX_INPUTS => Ok(entries),
        _ => Err(at.fault(format!("{} should name 1 to {MAX_INPUTS} of the model's inputs", at.label()))),
    }
}

/// The name of an array, or one for each of the model's inputs.
fn names(at: &Cursor<'_>) -> Result<Names, Fault> {
    match at.node() {
        Node::Map(_) => {
            let names = named(at)?.into_iter().map(|(name, at)| Ok((name.to_owned(), word(&at)?)));
            names.collect::<Result<_, _>>().map(Names::Named)
        }
        _ => word(at).map(Names::One),
    }
}

/// Columns side by side, or a column for each of the model's inputs.
fn columns(at: &Cursor<'_>) -> Result<Columns, Fault> {
    match at.node() {
        Node::Map(_) => {
            let names = named(at)?.into_iter().map(|(name, at)| Ok((name.to_owned(), word(&at)?)));
            names.collect::<Result<_, _>>().map(Columns::Named)
        }
        _ => words(at).map(Columns::One),
    }
}

fn words(at: &Cursor<'_>) -> Result<Vec<String>, Fault> {
    let items = at.items()?;
    if items.len() > MAX_COLUMNS {
        return Err(at.fault(format!("{} names more than {MAX_COLUMNS} columns", at.label())));
    }
    items.iter().map(word).collect()
}

/// A name; columns without one are numbered.
fn word(at: &Cursor<'_>) -> Result<String, Fault> {
    match at.node() {
        Node::Whole(number) => Ok(number.to_string()),
        _ => at.text().map(str::to_owned),
    }
}

fn files(map: &Map<'_>, key: &str, folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let at = map.required(key, "data_batch_1.bin")?;
    let items = at.items()?;
    if items.len() > MAX_FILES {
        return Err(at.fault(format!("{} names more than {MAX_FILES} files", at.label())));
    }
    items.iter().map(|item| scalar::path(item, folder)).collect()
}

fn length(map: &Map<'_>) -> Result<u32, Fault> {
    Ok(scalar::whole(&map.required("length", "128")?, 1..=MAX_LENGTH)? as u32)
}

/// What raw tokens are; `.npy` files say it themselves.
fn dtype(map: &Map<'_>) -> Result<Option<TokenType>, Fault> {
    let types = [
        ("uint8", TokenType::Uint8),
        ("uint16", TokenType::Uint16),
        ("uint32", TokenType::Uint32),
        ("int32", TokenType::Int32),
        ("int64", TokenType::Int64),
    ];
    let found = map.or("dtype", None, |at| at.choice(&types, &[]).map(Some))?;
    let at = map.required("tokens", "train.npy")?;
    let npy = at.text()?.ends_with(".npy");
    match (npy, found) {
        (true, Some(_)) => {
            Err(map.required("dtype", "uint16")?.fault("a `.npy` file says its type itself").at_key())
        }
        (false, None) => Err(at
            .fault(format!("the type of the tokens in {} is not known", at.label()))
            .hint("write `dtype: uint16` beside it, or name a `.npy` file")),
        _ => Ok(found),
    }
}

/// One side for squares, or height and width.
fn resize(at: &Cursor<'_>) -> Result<[u32; 2], Fault> {
    let side = |at: &Cursor<'_>| Ok::<_, Fault>(scalar::whole(at, 1..=MAX_SIDE)? as u32);
    match &at.items()?[..] {
        [square] => side(square).map(|side| [side, side]),
        [height, width] => Ok([side(height)?, side(width)?]),
        _ => Err(at.expected("a number of pixels, or `[height, width]`")),
    }
}

fn channels(at: &Cursor<'_>) -> Result<u32, Fault> {
    match scalar::whole(at, 1..=4) {
        Ok(channels @ (1 | 3)) => Ok(channels as u32),
        _ => Err(at.expected("1 (grey) or 3 (red, green, blue)")),
    }
}
