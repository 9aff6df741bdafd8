//! Reads what a job names and checks that it fits together.

use std::{path::Path, sync::Arc};

use sweep_wire::{Data, Inputs, Source, Validation};

use super::{
    array::{Array, Values},
    idx, npy,
};
use crate::{
    fault::Fault,
    random::{Purpose, shuffled, stream},
};

/// All samples of one source.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) count: usize,
    /// What the model is fed, with the name of the input where the spec names one.
    pub(crate) inputs: Vec<(Option<String>, Array)>,
    /// What its output is compared with.
    pub(crate) labels: Array,
}

/// A choice of samples.
#[derive(Debug, Clone)]
pub(crate) struct Subset {
    pub(crate) samples: Arc<Samples>,
    pub(crate) indices: Vec<u32>,
}

/// The data of a job.
#[derive(Debug)]
pub(crate) struct Sets {
    pub(crate) train: Subset,
    pub(crate) validation: Option<Subset>,
    pub(crate) test: Option<Subset>,
    /// Training samples, about as many as are tested, that are evaluated in the same way at the end.
    pub(crate) seen: Option<Subset>,
    /// BLAKE3 over the content of all files, in hexadecimal.
    pub(crate) hash: String,
}

/// Reads all sets of a job.
///
/// # Errors
/// The key of the file at fault and what is wrong with it.
pub(crate) fn load(data: &Data) -> Result<Sets, Fault> {
    let mut hasher = blake3::Hasher::new();
    let mut read = |source: &Source, at: &str| -> Result<Subset, Fault> {
        let samples = samples(source, at)?;
        hash(&mut hasher, &samples);
        let indices = (0..samples.count as u32).collect();
        Ok(Subset { samples: Arc::new(samples), indices })
    };
    let mut train = read(&data.train, "data.train")?;
    let test = data.test.as_ref().map(|source| read(source, "data.test")).transpose()?;
    let validation = match &data.validation {
        None => None,
        Some(Validation::Files(source)) => Some(read(source, "data.validation")?),
        Some(Validation::Share(share)) => Some(split(&mut train, *share, data.split_seed)?),
    };
    for (set, at) in [(&validation, "data.validation"), (&test, "data.test")] {
        if let Some(set) = set {
            alike(&set.samples, &train.samples, at)?;
        }
    }
    let seen = test.as_ref().or(validation.as_ref()).map(|held_out| seen(&train, held_out, data.split_seed));
    Ok(Sets { train, validation, test, seen, hash: hasher.finalize().to_hex().to_string() })
}

/// As many training samples as were held out, in the file's order.
fn seen(train: &Subset, held_out: &Subset, seed: u64) -> Subset {
    let mut indices = shuffled(train.indices.clone(), stream(Purpose::Seen, seed, 0, 0));
    indices.truncate(held_out.indices.len());
    indices.sort_unstable();
    Subset { samples: Arc::clone(&train.samples), indices }
}

/// Whether a set has the same inputs as the training set.
fn alike(set: &Samples, train: &Samples, at: &str) -> Result<(), Fault> {
    let form = |samples: &Samples| -> Vec<(Option<String>, Vec<usize>, bool)> {
        let form =
            |(name, array): &(Option<String>, Array)| (name.clone(), array.shape.clone(), array.is_whole());
        samples.inputs.iter().map(form).collect()
    };
    let (ours, theirs) = (form(set), form(train));
    if ours == theirs {
        return Ok(());
    }
    let show = |form: &[(Option<String>, Vec<usize>, bool)]| {
        let one = |(name, shape, whole): &(Option<String>, Vec<usize>, bool)| {
            let name = name.as_ref().map_or(String::new(), |name| format!("`{name}` "));
            format!("{name}{shape:?} of {}", if *whole { "integers" } else { "floats" })
        };
        form.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let message = format!("samples are {}, those of `data.train` are {}", show(&ours), show(&theirs));
    Err(Fault::new(at, message))
}

/// Takes the validation set out of the training samples. Both keep the file's order.
fn split(train: &mut Subset, share: f64, seed: u64) -> Result<Subset, Fault> {
    let count = train.indices.len();
    let held_out = (count as f64 * share).round() as usize;
    if held_out == 0 || held_out >= count {
        let message = format!("{}% of {count} samples leaves one of the two sets empty", share * 100.0);
        return Err(Fault::new("data.validation", message));
    }
    let order = shuffled(std::mem::take(&mut train.indices), stream(Purpose::Split, seed, 0, 0));
    let (validation, rest) = order.split_at(held_out);
    let sorted = |part: &[u32]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part
    };
    train.indices = sorted(rest);
    Ok(Subset { samples: Arc::clone(&train.samples), indices: sorted(validation) })
}

fn samples(source: &Source, at: &str) -> Result<Samples, Fault> {
    let (first, inputs) = match source {
        Source::Images(images) => ("images", vec![(None, idx(&images.images, &format!("{at}.images"))?)]),
        Source::Arrays(arrays) => ("inputs", arrays_of(&arrays.inputs, &format!("{at}.inputs"))?),
    };
    let at_labels = format!("{at}.labels");
    let (labels_path, (count, labels)) = match source {
        Source::Images(images) => (&images.labels, idx(&images.labels, &at_labels)?),
        Source::Arrays(arrays) => (&arrays.labels, npy(&arrays.labels, &at_labels)?),
    };
    if matches!(source, Source::Images(_)) && !labels.shape.is_empty() {
        let dimensions = labels.shape.len() + 1;
        let message = format!("`{}` has {dimensions} dimensions, labels have one", labels_path.display());
        return Err(Fault::new(at_labels, message));
    }
    for (name, (samples, array)) in &inputs {
        let at = name.as_ref().map_or(format!("{at}.{first}"), |name| format!("{at}.{first}.{name}"));
        if *samples != count {
            let what = if first == "images" { "images" } else { "samples" };
            let message = format!("{count} labels for {samples} {what}");
            return Err(Fault::new(at_labels, message).hint("both files must be of the same samples"));
        }
        if count == 0 || array.size() == 0 {
            return Err(Fault::new(at, "there are no samples, or nothing in them"));
        }
        if u32::try_from(count).is_err() {
            return Err(Fault::new(at, format!("{count} samples are more than {}", u32::MAX)));
        }
    }
    let inputs = inputs.into_iter().map(|(name, (_, array))| (name, array)).collect();
    Ok(Samples { count, inputs, labels })
}

type Counted = (usize, Array);

fn arrays_of(inputs: &Inputs, at: &str) -> Result<Vec<(Option<String>, Counted)>, Fault> {
    match inputs {
        Inputs::One(path) => Ok(vec![(None, npy(path, at)?)]),
        Inputs::Named(paths) => paths
            .iter()
            .map(|(name, path)| Ok((Some(name.clone()), npy(path, &format!("{at}.{name}"))?)))
            .collect(),
    }
}

fn idx(path: &Path, at: &str) -> Result<Counted, Fault> {
    let read = present(path, at, idx::read, "IDX files of unsigned bytes can be read, gzipped or not")?;
    let (count, shape) = read.shape.split_first().expect("an IDX file has at least one dimension");
    Ok((*count, Array { shape: shape.to_vec(), values: Values::U8(read.values) }))
}

fn npy(path: &Path, at: &str) -> Result<Counted, Fault> {
    present(path, at, npy::read, "`numpy.save` writes files that can be read")
}

fn present<T>(
    path: &Path,
    at: &str,
    read: impl Fn(&Path) -> Result<T, String>,
    hint: &str,
) -> Result<T, Fault> {
    if !path.is_file() {
        return Err(Fault::missing(at, path));
    }
    read(path).map_err(|problem| Fault::new(at, format!("`{}` {problem}", path.display())).hint(hint))
}

/// Counts and names go in before contents, so that no two different sets feed the same bytes.
fn hash(hasher: &mut blake3::Hasher, samples: &Samples) {
    hasher.update(&(samples.count as u64).to_le_bytes());
    hasher.update(&(samples.inputs.len() as u64).to_le_bytes());
    for (name, array) in &samples.inputs {
        let name = name.as_deref().unwrap_or("");
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        array.hash(hasher);
    }
    samples.labels.hash(hasher);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subset(count: u32) -> Subset {
        let bytes =
            |shape: &[usize]| Array { shape: shape.to_vec(), values: Values::U8(vec![0; count as usize]) };
        let samples =
            Samples { count: count as usize, inputs: vec![(None, bytes(&[1]))], labels: bytes(&[]) };
        Subset { samples: Arc::new(samples), indices: (0..count).collect() }
    }

    #[test]
    fn a_split_is_a_partition_that_hangs_on_the_seed_alone() {
        let parts = |seed| {
            let mut train = subset(105);
            let validation = split(&mut train, 0.1, seed).unwrap();
            (train.indices, validation.indices)
        };
        let (train, validation) = parts(3);
        assert_eq!(validation.len(), 11, "10% of 105, to the nearest sample");
        let mut all = [train.clone(), validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..105).collect::<Vec<_>>());
        assert_eq!(parts(3).0, train);
        assert_ne!(parts(4).0, train);
    }

    #[test]
    fn a_split_that_empties_a_set_is_refused() {
        assert!(split(&mut subset(3), 0.1, 0).unwrap_err().message.contains("empty"));
        assert!(split(&mut subset(3), 0.9, 0).unwrap_err().message.contains("empty"));
    }
}
