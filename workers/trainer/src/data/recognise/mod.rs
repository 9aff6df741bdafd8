//! What data a folder holds, by the names and the beginnings of its files. Enter at [`recognise`]; nothing here reads a
//! set, and whether one fits the model is for others to find out.

mod arrays;
mod pictures;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sweep_wire::Source;

use crate::{fault::Fault, inspect::Inspection};

/// Data that a folder holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// What it is, for people, such as `IDX files`.
    pub kind: &'static str,
    pub train: Source,
    pub validation: Option<Source>,
    pub test: Option<Source>,
    /// What was taken for what although nothing says so.
    pub guesses: Vec<String>,
}

/// Files and folders that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// Which samples a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Train,
    Validation,
    Test,
}

const SETS: [(Set, &[&str]); 3] = [
    (Set::Train, &["train", "training", "tr"]),
    (Set::Validation, &["val", "valid", "validation", "dev"]),
    (Set::Test, &["test", "testing", "t10k", "te"]),
];
const LABELS: [&str; 8] = ["labels", "label", "y", "target", "targets", "class", "classes", "species"];

/// A file or folder, and what its name says.
#[derive(Debug, Clone)]
struct Entry {
    path: PathBuf,
    name: Name,
    is_folder: bool,
}

/// What a name says: `X_train.npy` is of the training set, and called `x`.
#[derive(Debug, Clone, PartialEq)]
struct Name {
    set: Option<Set>,
    /// The words that name no set, joined by `_`.
    rest: String,
    is_labels: bool,
    extension: String,
}

/// What `folder` holds that could be fed to this model, the likeliest first.
///
/// # Errors
/// The folder cannot be read, or holds nothing of any kind that is known.
pub fn recognise(folder: &Path, model: &Inspection) -> Result<Vec<Recognised>, Fault> {
    let entries = entries(folder)?;
    let inputs: Vec<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    let found = [
        tokens::text(&entries, model),
        tokens::tokens(&entries, model),
        arrays::idx(&entries),
        arrays::npy(&entries, &inputs),
        arrays::npz(&entries, &inputs),
        pictures::cifar(&entries),
        pictures::folders(folder, &entries, model),
        tables::csv(&entries),
        tables::parquet(&entries, &inputs),
    ];
    let found: Vec<Recognised> = found.into_iter().flatten().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let problem = if entries.is_empty() { "is empty" } else { "holds no data that is recognised" };
    let message = format!("`{}` {problem}", folder.display());
    Err(Fault::new("data", message).hint(
        "what is: IDX files, `.npy` and `.npz` with labels beside the samples, CIFAR's binary files, a folder of images for each \
         class, `.csv`, `.parquet`, and for models of tokens `.txt`; `train`, `val` and `test` in names tell sets apart",
    ))
}

/// What is in a folder and in the folders of its sets, in the order of names, without hidden files.
fn entries(folder: &Path) -> Result<Vec<Entry>, Fault> {
    let failed = |path: &Path, error: &io::Error| {
        Fault::new("data", format!("`{}` cannot be read: {error}", path.display()))
    };
    if !folder.is_dir() {
        let problem = if folder.exists() { "is not a folder" } else { "does not exist" };
        return Err(Fault::new("data", format!("`{}` {problem}", folder.display())));
    }
    let mut all = listed(folder).map_err(|error| failed(folder, &error))?;
    let of_sets: Vec<Entry> =
        all.iter().filter(|entry| entry.is_folder && entry.name.set.is_some()).cloned().collect();
    for of_set in of_sets {
        let inside = listed(&of_set.path).map_err(|error| failed(&of_set.path, &error))?;
        let files = inside.into_iter().filter(|entry| !entry.is_folder);
        all.extend(files.map(|mut file| {
            file.name.set = of_set.name.set;
            file
        }));
    }
    if all.len() > MAX_ENTRIES {
        // More than that are single images.
        all.truncate(MAX_ENTRIES);
    }
    Ok(all)
}

fn listed(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.is_empty() && !name.starts_with('.') {
            found.push(Entry { name: Name::of(name), is_folder: path.is_dir(), path });
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}

impl Name {
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let words = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let set_of = |word: &str| SETS.iter().find(|(_, words)| words.contains(&word)).map(|(set, _)| *set);
        let (mut set, mut rest) = (None, Vec::new());
        for word in words {
            match set_of(word) {
                Some(found) if set.is_none() => set = Some(found),
                _ => rest.push(word),
            }
        }
        let is_labels = rest.iter().any(|word| LABELS.contains(word));
        Self { set, rest: rest.join("_"), is_labels, extension: extension.to_owned() }
    }
}

/// The entries of a kind: those of a set, or for training those that name none where no other does.
fn of_set<'e>(entries: &[&'e Entry], set: Set) -> Vec<&'e Entry> {
    let of = |wanted: Option<Set>| -> Vec<&'e Entry> {
        entries.iter().copied().filter(|entry| entry.name.set == wanted).collect()
    };
    let named = of(Some(set));
    if named.is_empty() && set == Set::Train { of(None) } else { named }
}

fn files<'e>(entries: &'e [Entry], extension: &str) -> Vec<&'e Entry> {
    entries.iter().filter(|entry| !entry.is_folder && entry.name.extension == extension).collect()
}

/// Data with what `source` finds for each set, if it finds some to train on.
fn recognised(
    kind: &'static str,
    guesses: Vec<String>,
    mut source: impl FnMut(Set) -> Option<Source>,
) -> Option<Recognised> {
    let train = source(Set::Train)?;
    Some(Recognised { kind, train, validation: source(Set::Validation), test: source(Set::Test), guesses })
}

/// Whether a model takes tokens and nothing else.
fn takes_tokens(model: &Inspection) -> bool {
    model.inputs.iter().all(|input| input.dtype.starts_with("int"))
}

/// The extents of a sample of the model's only input, as far as the file says them.
fn sample(model: &Inspection) -> Option<&[usize]> {
    match &model.inputs[..] {
        [input] if !model.assumed.contains(&input.name) => Some(&input.shape[1..]),
        _ => None,
    }
}
