//! Arrays: IDX files, `.npy` files, `.npz` archives.

use std::{collections::BTreeMap, path::Path};

use sweep_wire::{Arrays, Images, Inputs, Names, Npz, Source};

use super::{Entry, LABELS, Name, Recognised, Set, files, of_set, recognised};
use crate::data::{idx, npy};

/// Pairs of IDX files: labels have one dimension, samples more.
pub(super) fn idx(entries: &[Entry]) -> Option<Recognised> {
    let ranked: Vec<(&Entry, u8)> = entries
        .iter()
        .filter(|entry| !entry.is_folder && (entry.name.extension.is_empty() || is_idx(&entry.name)))
        .filter_map(|entry| Some((entry, idx::rank(&entry.path)?)))
        .collect();
    let of = |labels: bool| -> Vec<&Entry> {
        ranked.iter().filter(|(_, rank)| (*rank == 1) == labels).map(|(entry, _)| *entry).collect()
    };
    let (samples, labels) = (of(false), of(true));
    recognised("IDX files", Vec::new(), |set| {
        let (images, labels) = (of_set(&samples, set), of_set(&labels, set));
        Some(Source::Images(Images {
            images: images.first()?.path.clone(),
            labels: labels.first()?.path.clone(),
        }))
    })
}

fn is_idx(name: &Name) -> bool {
    name.extension.starts_with("idx") || name.extension.ends_with("ubyte")
}

/// `.npy` files: labels by their name, or as the ones of two that have one axis of whole numbers.
pub(super) fn npy(entries: &[Entry], inputs: &[&str]) -> Option<Recognised> {
    let all = files(entries, "npy");
    let mut guesses = Vec::new();
    recognised("NumPy arrays", Vec::new(), |set| {
        let here = of_set(&all, set);
        let (labels, samples): (Vec<&Entry>, Vec<&Entry>) =
            here.iter().partition(|entry| entry.name.is_labels);
        let (labels, samples) = match (&labels[..], &samples[..]) {
            ([labels], samples) => (*labels, samples.to_vec()),
            ([], [left, right]) => {
                let (labels, samples) = match (npy::is_column(&left.path), npy::is_column(&right.path)) {
                    (false, true) => (*right, *left),
                    (true, false) => (*left, *right),
                    _ => return None,
                };
                guesses.push(format!("took `{}` for the labels", file_name(&labels.path)));
                (labels, vec![samples])
            }
            _ => return None,
        };
        let paths = samples.iter().map(|entry| (entry.name.rest.clone(), entry.path.clone())).collect();
        let inputs = match chosen(paths, inputs)? {
            Chosen::One(path) => Inputs::One(path),
            Chosen::Named(paths) => Inputs::Named(paths),
        };
        Some(Source::Arrays(Arrays { inputs, labels: labels.path.clone() }))
    })
    .map(|found| Recognised { guesses, ..found })
}

/// What is fed to the inputs of a model.
enum Chosen<T> {
    One(T),
    Named(BTreeMap<String, T>),
}

/// The only one for the only input, or one for each by its name.
fn chosen<T: Clone>(named: Vec<(String, T)>, inputs: &[&str]) -> Option<Chosen<T>> {
    match (&named[..], inputs) {
        ([(_, only)], [_]) => Some(Chosen::One(only.clone())),
        (_, inputs) => {
            let of = |input: &&str| {
                let plain = Name::of(input).rest;
                let (_, found) = named.iter().find(|(name, _)| *name == plain)?;
                Some(((*input).to_owned(), found.clone()))
            };
            let all: BTreeMap<String, T> = inputs.iter().map(of).collect::<Option<_>>()?;
            match (inputs, all.values().next()) {
                ([_], Some(only)) => Some(Chosen::One(only.clone())),
                _ => Some(Chosen::Named(all)),
            }
        }
    }
}

/// An archive for each set, or one with arrays such as `x_train` and `y_test`.
pub(super) fn npz(entries: &[Entry], inputs: &[&str]) -> Option<Recognised> {
    let all = files(entries, "npz");
    let mut guesses = Vec::new();
    let found = recognised("NumPy archives", Vec::new(), |set| {
        of_set(&all, set).into_iter().chain(all.iter().copied().filter(|_| all.len() == 1)).find_map(
            |archive| {
                let of_this = archive.name.set == Some(set);
                members(archive, set, of_this, inputs, &mut guesses)
            },
        )
    })?;
    guesses.dedup();
    Some(Recognised { guesses, ..found })
}

/// The arrays of a set in an archive; `whole` is whether all of it is the set's.
fn members(
    archive: &Entry,
    set: Set,
    whole: bool,
    inputs: &[&str],
    guesses: &mut Vec<String>,
) -> Option<Source> {
    let names = npy::members(&archive.path)?;
    let named: Vec<(Name, &String)> = names.iter().map(|name| (Name::of(name), name)).collect();
    let some_of_a_set = named.iter().any(|(name, _)| name.set.is_some());
    let here = named.iter().filter(|(name, _)| match some_of_a_set {
        true => name.set == Some(set),
        false => whole || set == Set::Train,
    });
    let (labels, samples): (Vec<_>, Vec<_>) = here.partition(|(name, _)| name.is_labels);
    let (labels, samples) = match (&labels[..], &samples[..]) {
        ([(_, labels)], samples) => ((*labels).clone(), samples.to_vec()),
        // As `numpy.savez` calls arrays that have no names.
        ([], [first @ (name, _), (second, labels)]) if name.rest == "arr_0" && second.rest == "arr_1" => {
            guesses.push("took `arr_0` for the samples and `arr_1` for the labels".to_owned());
            ((*labels).clone(), vec![*first])
        }
        _ => return None,
    };
    let samples = samples.iter().map(|(name, member)| (name.rest.clone(), (*member).clone())).collect();
    let inputs = match chosen(samples, inputs)? {
        Chosen::One(name) => Names::One(name),
        Chosen::Named(names) => Names::Named(names),
    };
    Some(Source::Npz(Npz { npz: archive.path.clone(), inputs, labels }))
}

/// Whether a column of a table is the labels', by its name.
pub(super) fn is_label(column: &str) -> bool {
    LABELS.contains(&column.to_lowercase().as_str())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
