//! CIFAR-10 and CIFAR-100 in their binary versions: for each image its label, or a coarse and a fine one, then 3072
//! bytes, 32×32 pixels of red, green and blue, channel by channel. Source: A. Krizhevsky,
//! <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::{fs::File, io, path::Path, path::PathBuf, sync::Arc};

use super::{
    array::{Array, Bytes, Kind},
    spool::Memory,
};

const PIXELS: u64 = 3 * 32 * 32;

/// Which bytes in front of an image there are, and which of them is the label.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels {
    pub(crate) bytes: u64,
    pub(crate) chosen: u64,
    /// How many classes there are.
    pub(crate) classes: i64,
}

/// The images and labels of all files, one after another.
///
/// # Errors
/// The file at fault, and what is wrong with it in a fragment that reads well after its name.
pub(crate) fn read(
    paths: &[PathBuf],
    labels: Labels,
    memory: &mut Memory,
) -> Result<(usize, Array, Array), (PathBuf, String)> {
    let record = labels.bytes + PIXELS;
    let mut size = 0;
    for path in paths {
        let bytes = std::fs::metadata(path).map_err(|error| (path.clone(), broken(error)))?.len();
        if bytes == 0 || bytes % record != 0 {
            let problem = format!("has {bytes} bytes, which are no whole images of {record} bytes");
            return Err((path.clone(), problem));
        }
        size += bytes;
    }
    let bytes = match paths {
        [only] => memory.file(only).map_err(|error| (only.clone(), broken(error)))?,
        _ => joined(paths, memory)?,
    };
    let part = |shape: &[usize], offset: u64, bytes: &Arc<Bytes>| Array {
        offset,
        stride: record,
        bytes: Arc::clone(bytes),
        ..Array::packed(shape.to_vec(), Kind::U8, Bytes::Memory(Vec::new()))
    };
    let (bytes, count) = (Arc::new(bytes), (size / record) as usize);
    let found = part(&[], labels.chosen, &bytes);
    let mut wrong = None;
    let all = found.each(count, |index, sample| {
        sample.wholes(|_, label| wrong = wrong.or((label >= labels.classes).then_some((index, label))));
    });
    let first = || paths[0].clone();
    all.map_err(|error| (first(), broken(error)))?;
    if let Some((index, label)) = wrong {
        let problem = format!("has label {label} at image {index}, but there are {} classes", labels.classes);
        return Err((first(), problem));
    }
    Ok((count, part(&[3, 32, 32], labels.bytes, &bytes), found))
}

/// Whether a file has as many bytes as whole images with so many bytes of labels.
pub(crate) fn has_records(path: &Path, labels: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > 0 && file.len() % (labels + PIXELS) == 0)
}

fn joined(paths: &[PathBuf], memory: &mut Memory) -> Result<Bytes, (PathBuf, String)> {
    let mut spool = memory.spool();
    for path in paths {
        let copied = File::open(path).and_then(|mut file| io::copy(&mut file, &mut spool));
        copied.map_err(|error| (path.clone(), broken(error)))?;
    }
    spool.finish().map_err(|error| (Path::new("the temporary folder").to_owned(), broken(error)))
}

fn broken(error: io::Error) -> String {
    format!("cannot be read: {error}")
}
