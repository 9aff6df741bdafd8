//! From what a spec names to samples: each kind of files has a module of its own.

use std::path::{Path, PathBuf};

use sweep_wire::{Arrays, Cifar100Labels, Columns, Folder, Images, Inputs, Names, Npz, Parquet, Source};

use super::{array::Array, cifar, csv, folder, idx, npy, parquet, set::Samples, spool::Memory, text};
use crate::fault::Fault;

type Named = Vec<(Option<String>, (usize, Array))>;

/// Reads one source; `classes` are those of the training set, where it is another.
///
/// # Errors
/// The key at fault and what is wrong with its file.
pub(crate) fn samples(
    source: &Source,
    at: &str,
    classes: Option<&[String]>,
    memory: &mut Memory,
) -> Result<Samples, Fault> {
    let samples = match source {
        Source::Images(files) => images(files, at, memory)?,
        Source::Arrays(files) => arrays(files, at, memory)?,
        Source::Npz(archive) => npz(archive, at, memory)?,
        Source::Csv(table) => {
            let read = of(&table.csv, format!("{at}.csv"), |_| csv::read(table, classes, memory), "")?;
            let csv::Table { count, inputs, labels, classes } = read;
            Samples { count, inputs: vec![(None, inputs)], labels, classes }
        }
        Source::Cifar10(cifar) => {
            let labels = cifar::Labels { bytes: 1, chosen: 0, classes: 10 };
            pictures(&cifar.cifar10, labels, &format!("{at}.cifar10"), memory)?
        }
        Source::Cifar100(cifar) => {
            let labels = match cifar.labels {
                Cifar100Labels::Coarse => cifar::Labels { bytes: 2, chosen: 0, classes: 20 },
                Cifar100Labels::Fine => cifar::Labels { bytes: 2, chosen: 1, classes: 100 },
            };
            pictures(&cifar.cifar100, labels, &format!("{at}.cifar100"), memory)?
        }
        Source::Folder(folder) => image_folder(folder, &format!("{at}.folder"), classes, memory)?,
        Source::Text(text) => {
            let length = text.length as usize;
            windows(of(&text.text, format!("{at}.text"), |path| text::bytes(path, length, memory), "")?)
        }
        Source::Tokens(tokens) => {
            let length = tokens.length as usize;
            let read = |path: &Path| text::tokens(path, tokens.dtype, length, memory);
            windows(of(&tokens.tokens, format!("{at}.tokens"), read, "")?)
        }
        Source::Parquet(table) => parquet_table(table, at, memory)?,
    };
    check(&samples, at)?;
    Ok(samples)
}

fn images(files: &Images, at: &str, memory: &mut Memory) -> Result<Samples, Fault> {
    let at_labels = format!("{at}.labels");
    let inputs = vec![(None, idx_file(&files.images, &format!("{at}.images"), memory)?)];
    let labels = idx_file(&files.labels, &at_labels, memory)?;
    if !labels.1.shape.is_empty() {
        let (path, dimensions) = (files.labels.display(), labels.1.shape.len() + 1);
        let message = format!("`{path}` has {dimensions} dimensions, labels have one");
        return Err(Fault::new(at_labels, message));
    }
    joined(inputs, labels, at, "images")
}

fn arrays(files: &Arrays, at: &str, memory: &mut Memory) -> Result<Samples, Fault> {
    let inputs = match &files.inputs {
        Inputs::One(path) => vec![(None, npy_file(path, &format!("{at}.inputs"), memory)?)],
        Inputs::Named(paths) => paths
            .iter()
            .map(|(name, path)| {
                Ok((Some(name.clone()), npy_file(path, &format!("{at}.inputs.{name}"), memory)?))
            })
            .collect::<Result<_, Fault>>()?,
    };
    let labels = npy_file(&files.labels, &format!("{at}.labels"), memory)?;
    joined(inputs, labels, at, "samples")
}

fn npz(archive: &Npz, at: &str, memory: &mut Memory) -> Result<Samples, Fault> {
    let mut member = |name: &str, at: String| {
        let read = |path: &Path| npy::read_member(path, name, memory);
        of(&archive.npz, at, read, "`numpy.savez` writes such files")
    };
    let inputs = match &archive.inputs {
        Names::One(name) => vec![(None, member(name, format!("{at}.inputs"))?)],
        Names::Named(names) => names
            .iter()
            .map(|(input, name)| Ok((Some(input.clone()), member(name, format!("{at}.inputs.{input}"))?)))
            .collect::<Result<_, Fault>>()?,
    };
    let labels = member(&archive.labels, format!("{at}.labels"))?;
    joined(inputs, labels, at, "samples")
}

fn image_folder(
    folder: &Folder,
    at: &str,
    classes: Option<&[String]>,
    memory: &mut Memory,
) -> Result<Samples, Fault> {
    if !folder.folder.is_dir() {
        let problem = if folder.folder.exists() { "is not a folder" } else { "does not exist" };
        return Err(Fault::new(at, format!("`{}` {problem}", folder.folder.display()))
            .hint("paths are relative to the folder of the spec"));
    }
    let read = folder::read(folder, classes, memory).map_err(|error| at_file(at, error))?;
    let folder::Pictures { count, images, labels, classes } = read;
    Ok(Samples { count, inputs: vec![(None, images)], labels, classes: Some(classes) })
}

fn parquet_table(table: &Parquet, at: &str, memory: &mut Memory) -> Result<Samples, Fault> {
    let mut column = |names: &[String], vector: bool, at: String| {
        of(&table.parquet, at, |path| parquet::read(path, names, vector, memory), "")
    };
    let inputs = match &table.inputs {
        Columns::One(names) => vec![(None, column(names, true, format!("{at}.inputs"))?)],
        Columns::Named(names) => names
            .iter()
            .map(|(input, name)| {
                let at = format!("{at}.inputs.{input}");
                Ok((Some(input.clone()), column(std::slice::from_ref(name), false, at)?))
            })
            .collect::<Result<_, Fault>>()?,
    };
    let labels = column(std::slice::from_ref(&table.labels), false, format!("{at}.labels"))?;
    joined(inputs, labels, at, "samples")
}

/// Inputs and labels that were read apart; there must be as many of each.
fn joined(inputs: Named, (count, labels): (usize, Array), at: &str, what: &str) -> Result<Samples, Fault> {
    if let Some((_, (samples, _))) = inputs.iter().find(|(_, (samples, _))| *samples != count) {
        let message = format!("{count} labels for {samples} {what}");
        return Err(Fault::new(format!("{at}.labels"), message).hint("both must be of the same samples"));
    }
    let inputs = inputs.into_iter().map(|(name, (_, array))| (name, array)).collect();
    Ok(Samples { count, inputs, labels, classes: None })
}

fn windows((count, inputs, labels): (usize, Array, Array)) -> Samples {
    Samples { count, inputs: vec![(None, inputs)], labels, classes: None }
}

fn pictures(
    paths: &[PathBuf],
    labels: cifar::Labels,
    at: &str,
    memory: &mut Memory,
) -> Result<Samples, Fault> {
    if let Some(missing) = paths.iter().find(|path| !path.is_file()) {
        return Err(Fault::missing(at, missing));
    }
    let (count, images, labels) = cifar::read(paths, labels, memory)
        .map_err(|error| at_file(at, error).hint("the binary version of CIFAR can be read, unpacked"))?;
    Ok(Samples { count, inputs: vec![(None, images)], labels, classes: None })
}

fn check(samples: &Samples, at: &str) -> Result<(), Fault> {
    let count = samples.count;
    if count == 0 || samples.inputs.iter().any(|(_, array)| array.size() == 0) {
        return Err(Fault::new(at, "there are no samples, or nothing in them"));
    }
    if u32::try_from(count).is_err() {
        return Err(Fault::new(at, format!("{count} samples are more than {}", u32::MAX)));
    }
    Ok(())
}

fn idx_file(path: &Path, at: &str, memory: &mut Memory) -> Result<(usize, Array), Fault> {
    of(path, at.to_owned(), |path| idx::read(path, memory), "IDX files can be read, gzipped or not")
}

fn npy_file(path: &Path, at: &str, memory: &mut Memory) -> Result<(usize, Array), Fault> {
    of(path, at.to_owned(), |path| npy::read(path, memory), "`numpy.save` writes files that can be read")
}

fn of<T>(
    path: &Path,
    at: String,
    read: impl FnOnce(&Path) -> Result<T, String>,
    hint: &str,
) -> Result<T, Fault> {
    if !path.is_file() {
        return Err(Fault::missing(at, path));
    }
    read(path).map_err(|problem| {
        let fault = Fault::new(at, format!("`{}` {problem}", path.display()));
        if hint.is_empty() { fault } else { fault.hint(hint) }
    })
}

fn at_file(at: &str, (path, problem): (PathBuf, String)) -> Fault {
    Fault::new(at, format!("`{}` {problem}", path.display()))
}
