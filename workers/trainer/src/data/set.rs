//! Reads what a job names and checks that it fits together.

use std::sync::Arc;

use sweep_wire::{Data, Source, Validation};

use super::{array::Array, source::samples, spool::Memory};
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
    /// What the classes are called, in the order of their indices, where the source says so.
    pub(crate) classes: Option<Vec<String>>,
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
    let mut memory = Memory { left: data.memory };
    let mut read = |source: &Source, at: &str, classes: Option<&[String]>| -> Result<Subset, Fault> {
        let samples = samples(source, at, classes, &mut memory)?;
        hash(&mut hasher, &samples).map_err(|error| Fault::new(at, format!("cannot be read: {error}")))?;
        let indices = (0..samples.count as u32).collect();
        Ok(Subset { samples: Arc::new(samples), indices })
    };
    let mut train = read(&data.train, "data.train", None)?;
    let classes = train.samples.classes.clone();
    let test = data.test.as_ref().map(|source| read(source, "data.test", classes.as_deref())).transpose()?;
    let validation = match &data.validation {
        None => None,
        Some(Validation::Files(source)) => Some(read(source, "data.validation", classes.as_deref())?),
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
        let form = |(name, array): &(Option<String>, Array)| {
            (name.clone(), array.shape.clone(), array.kind.is_whole())
        };
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

/// Counts and names go in before contents, so that no two different sets feed the same bytes.
fn hash(hasher: &mut blake3::Hasher, samples: &Samples) -> std::io::Result<()> {
    hasher.update(&(samples.count as u64).to_le_bytes());
    hasher.update(&(samples.inputs.len() as u64).to_le_bytes());
    for (name, array) in &samples.inputs {
        let name = name.as_deref().unwrap_or("");
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        array.hash(samples.count, hasher)?;
    }
    samples.labels.hash(samples.count, hasher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::array::{Bytes, Kind};

    fn subset(count: u32) -> Subset {
        let bytes =
            |shape: &[usize]| Array::packed(shape.to_vec(), Kind::U8, Bytes::Memory(vec![0; count as usize]));
        let inputs = vec![(None, bytes(&[1]))];
        let samples = Samples { count: count as usize, inputs, labels: bytes(&[]), classes: None };
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
