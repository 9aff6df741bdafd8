//! Where samples are: one of several kinds of files, told apart by their key.

use std::path::{Path, PathBuf};

use sweep_wire::{
    Arrays, Cifar10, Cifar100, Cifar100Labels, Columns, Csv, Folder, Images, Inputs, Names, Npz, Parquet,
    Source, Text, TokenType, Tokens,
};

use crate::spec::{
    cursor::{Cursor, Map},
    error::Fault,
    form::ANY,
    keys::{self, Key, Keys, Kind, Kind::*, key, words},
    scalar,
    yaml::Node,
};

/// Each kind's own key comes first; plain arrays, whose keys others have too, are the last.
static KINDS: [&Keys; 10] =
    [&IMAGES, &NPZ, &CSV, &CIFAR10, &CIFAR100, &FOLDER, &TEXT, &TOKENS, &PARQUET, &ARRAYS];
pub(super) const SOURCE: Kind = Shared("source", &MapOf(&KINDS));

static IMAGES: Keys = Keys::of(&[
    key("images", Text, "An IDX file of images, gzipped or not").needed("train-images-idx3-ubyte.gz"),
    key("labels", Text, "An IDX file of their classes").needed("data/train-labels-idx1-ubyte.gz"),
]);
static NPZ: Keys = Keys::of(&[
    key("npz", Text, "A NumPy archive").needed("train.npz"),
    key("inputs", NAMED, "The array of samples, or one for each of the model's inputs").needed("x"),
    key("labels", Word, "The array of labels").needed("y"),
]);
static CSV: Keys = Keys::of(&[
    key("csv", Text, "A table of comma-separated values, gzipped or not; a row per sample")
        .needed("train.csv"),
    key("labels", Word, "The column of labels; without a header columns are 0, 1, …").needed("class"),
    key("inputs", Each(MAX_COLUMNS, &Word), "The columns of the input; all others unless named"),
    key("header", Boolean, "Whether the first row names the columns; if it is not all numbers unless told"),
]);
static CIFAR10: Keys =
    Keys::of(&[key("cifar10", Each(MAX_FILES, &Text), "Files of CIFAR-10, the binary version")
        .needed("data_batch_1.bin")]);
static CIFAR100: Keys = Keys::of(&[
    key("cifar100", Each(MAX_FILES, &Text), "Files of CIFAR-100, the binary version")
        .needed("data_batch_1.bin"),
    key("labels", Choice(&words(GROUPS)), "100 classes, or 20 groups of them").or("fine"),
]);
static FOLDER: Keys = Keys::of(&[
    key("folder", Text, "A folder with a folder of images for each class").needed("train"),
    key("resize", Each(2, &Whole(1, MAX_SIDE)), "Pixels of a side, or `[height, width]`, of all images"),
    key("channels", Any(&[Whole(1, 1), Whole(3, 3)]), "1 (grey) or 3 (red, green, blue)").or("3"),
]);
static TEXT: Keys =
    Keys::of(&[key("text", Text, "A file whose bytes are tokens").needed("train.txt"), LENGTH]);
static TOKENS: Keys = Keys::of(&[
    key("tokens", Text, "A file of tokens: `.npy`, or raw numbers").needed("train.npy"),
    LENGTH,
    key("dtype", Choice(&words(TYPES)), "What raw numbers are"),
]);
static PARQUET: Keys = Keys::of(&[
    key("parquet", Text, "A Parquet table; a row per sample").needed("train.parquet"),
    key(
        "inputs",
        Any(&[Each(MAX_COLUMNS, &Word), Names(&COLUMNS)]),
        "Columns, or one for each of the model's inputs",
    )
    .needed("[a, b]"),
    key("labels", Word, "The column of labels").needed("class"),
]);
static ARRAYS: Keys = Keys::of(&[
    key(
        "inputs",
        Any(&[Text, Names(&FILES)]),
        "A `.npy` file of samples, or one for each of the model's inputs",
    )
    .needed("train-x.npy"),
    key("labels", Text, "A `.npy` file of labels").needed("train-y.npy"),
]);

const LENGTH: Key = key("length", Whole(1, MAX_LENGTH), "Tokens of one sample").needed("128");
const NAMED: Kind = Any(&[Word, Names(&COLUMNS)]);
static FILES: keys::Names = keys::Names { pattern: ANY, least: 1, most: MAX_INPUTS, known: &[], each: Text };
static COLUMNS: keys::Names =
    keys::Names { pattern: ANY, least: 1, most: MAX_INPUTS, known: &[], each: Word };

const GROUPS: [(&str, Cifar100Labels); 2] =
    [("fine", Cifar100Labels::Fine), ("coarse", Cifar100Labels::Coarse)];
const TYPES: [(&str, TokenType); 5] = [
    ("uint8", TokenType::Uint8),
    ("uint16", TokenType::Uint16),
    ("uint32", TokenType::Uint32),
    ("int32", TokenType::Int32),
    ("int64", TokenType::Int64),
];

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
    let map = at.map_of(&KINDS)?;
    let mut kinds = KINDS.iter().filter(|keys| map.get(keys.known[0].name).is_some());
    let Some(keys) = kinds.next() else {
        return Err(at.fault(format!("{} names no data", at.label())).hint(KEYS));
    };
    let own = keys.known[0].name;
    let other = kinds.map(|keys| keys.known[0].name).find(|other| !keys.has(other));
    if let Some((other, at)) = other.and_then(|other| Some((other, map.get(other)?))) {
        let message = format!("`{own}` and `{other}` exclude each other");
        return Err(at.fault(message).at_key().hint("each names another kind of files"));
    }
    let map = at.map(keys)?;
    let path = || scalar::path(&map.required(own)?, folder);
    Ok(match own {
        "images" => Source::Images(Images {
            images: path()?,
            labels: scalar::path(&map.required("labels")?, folder)?,
        }),
        "npz" => Source::Npz(Npz {
            npz: path()?,
            inputs: names(&map.required("inputs")?)?,
            labels: word(&map.required("labels")?)?,
        }),
        "csv" => Source::Csv(Csv {
            csv: path()?,
            labels: word(&map.required("labels")?)?,
            inputs: map.or("inputs", None, |at| column_names(at).map(Some))?,
            header: map.or("header", None, |at| at.boolean().map(Some))?,
        }),
        "cifar10" => Source::Cifar10(Cifar10 { cifar10: files(&map, "cifar10", folder)? }),
        "cifar100" => Source::Cifar100(Cifar100 {
            cifar100: files(&map, "cifar100", folder)?,
            labels: map.or("labels", Cifar100Labels::Fine, |at| at.choice(&GROUPS, &[]))?,
        }),
        "folder" => Source::Folder(Folder {
            folder: path()?,
            resize: map.or("resize", None, |at| resize(at).map(Some))?,
            channels: map.or("channels", 3, channels)?,
        }),
        "text" => Source::Text(Text { text: path()?, length: length(&map)? }),
        "tokens" => Source::Tokens(Tokens { tokens: path()?, dtype: dtype(&map)?, length: length(&map)? }),
        "parquet" => Source::Parquet(Parquet {
            parquet: path()?,
            inputs: columns(&map.required("inputs")?)?,
            labels: word(&map.required("labels")?)?,
        }),
        _ => Source::Arrays(Arrays {
            inputs: inputs(&map.required("inputs")?, folder)?,
            labels: scalar::path(&map.required("labels")?, folder)?,
        }),
    })
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
        _ => column_names(at).map(Columns::One),
    }
}

fn column_names(at: &Cursor<'_>) -> Result<Vec<String>, Fault> {
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
    let at = map.required(key)?;
    let items = at.items()?;
    if items.len() > MAX_FILES {
        return Err(at.fault(format!("{} names more than {MAX_FILES} files", at.label())));
    }
    items.iter().map(|item| scalar::path(item, folder)).collect()
}

fn length(map: &Map<'_>) -> Result<u32, Fault> {
    Ok(scalar::whole(&map.required("length")?, 1..=MAX_LENGTH)? as u32)
}

/// What raw tokens are; `.npy` files say it themselves.
fn dtype(map: &Map<'_>) -> Result<Option<TokenType>, Fault> {
    let found = map.or("dtype", None, |at| at.choice(&TYPES, &[]).map(Some))?;
    let at = map.required("tokens")?;
    let npy = at.text()?.ends_with(".npy");
    match (npy, found) {
        (true, Some(_)) => Err(map.required("dtype")?.fault("a `.npy` file says its type itself").at_key()),
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
