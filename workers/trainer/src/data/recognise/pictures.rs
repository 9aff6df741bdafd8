//! Pictures: CIFAR's binary files, folders of images.

use std::path::Path;

use sweep_wire::{Cifar10, Cifar100, Cifar100Labels, Folder, Source};

use super::{Entry, Recognised, Set, files, of_set, recognised, sample, takes_tokens};
use crate::{
    data::{cifar, folder},
    inspect::Inspection,
};

pub(super) fn cifar(entries: &[Entry]) -> Option<Recognised> {
    let binary = files(entries, "bin");
    let of = |labels: u64| -> Vec<&Entry> {
        binary.iter().copied().filter(|entry| cifar::has_records(&entry.path, labels)).collect()
    };
    let (ten, hundred) = (of(1), of(2));
    let paths = |all: &[&Entry], set: Set| {
        let paths: Vec<_> = of_set(all, set).iter().map(|entry| entry.path.clone()).collect();
        (!paths.is_empty()).then_some(paths)
    };
    if hundred.len() > ten.len() {
        return recognised("CIFAR-100", Vec::new(), |set| {
            let cifar100 = paths(&hundred, set)?;
            Some(Source::Cifar100(Cifar100 { cifar100, labels: Cifar100Labels::Fine }))
        });
    }
    recognised("CIFAR-10", Vec::new(), |set| Some(Source::Cifar10(Cifar10 { cifar10: paths(&ten, set)? })))
}

/// A folder for each set with a folder of images for each class, or the folders of classes alone.
pub(super) fn folders(root: &Path, entries: &[Entry], model: &Inspection) -> Option<Recognised> {
    let (channels, wanted) = match sample(model) {
        Some([channels @ (1 | 3), height, width]) => {
            (*channels as u32, Some([*height as u32, *width as u32]))
        }
        None if !takes_tokens(model) => (3, None),
        _ => return None,
    };
    let source = |folder: &Path| {
        let size = folder::probe(folder)?;
        let resize = wanted.filter(|wanted| size != Some(*wanted));
        Some(Source::Folder(Folder { folder: folder.to_owned(), resize, channels }))
    };
    let all: Vec<&Entry> = entries.iter().filter(|entry| entry.is_folder).collect();
    recognised("a folder of images for each class", Vec::new(), |set| {
        let named = all.iter().find(|entry| entry.name.set == Some(set));
        match (named, set) {
            (Some(entry), _) => source(&entry.path),
            (None, Set::Train) if all.iter().all(|entry| entry.name.set.is_none()) => source(root),
            _ => None,
        }
    })
}
