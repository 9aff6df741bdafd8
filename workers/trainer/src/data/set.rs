//! Reads what a job names and checks that it fits together.

use std::{path::Path, sync::Arc};

use sweep_wire::{Data, Images, Validation};

use super::idx;
use crate::{
    fault::Fault,
    random::{Purpose, shuffled, stream},
};

/// All samples of one pair of files.
#[derive(Debug)]
pub(crate) struct Samples {
    /// One sample's shape, as in the file.
    pub(crate) shape: Vec<usize>,
    /// Samples one after another.
    pub(crate) pixels: Vec<u8>,
    /// One class index per sample.
    pub(crate) labels: Vec<u8>,
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
    /// BLAKE3 over the content of all files, in hexadecimal.
    pub(crate) hash: String,
}

impl Sets {
    /// # Errors
    /// A label that is not below `classes`.
    pub(crate) fn check_labels(&self, classes: usize) -> Result<(), Fault> {
        let sets = [
            ("train", Some(&self.train)),
            ("validation", self.validation.as_ref()),
            ("test", self.test.as_ref()),
        ];
        for (name, set) in sets {
            let Some(labels) = set.map(|set| &set.samples.labels) else { continue };
            if let Some(index) = labels.iter().position(|label| usize::from(*label) >= classes) {
                let label = labels[index];
                let message = format!(
                    "label {label} of sample {index} is out of range: the model has {classes} outputs"
                );
                let hint = format!("labels are class indices from 0 to {}", classes.saturating_sub(1));
                return Err(Fault::new(format!("data.{name}.labels"), message).hint(hint));
            }
        }
        Ok(())
    }
}

/// Reads all sets of a job.
///
/// # Errors
/// The key of the file at fault and what is wrong with it.
pub(crate) fn load(data: &Data) -> Result<Sets, Fault> {
    let mut hasher = blake3::Hasher::new();
    let mut read = |images: &Images, at: &str| -> Result<Subset, Fault> {
        let samples = samples(images, at)?;
        hash(&mut hasher, &samples);
        let indices = (0..samples.labels.len() as u32).collect();
        Ok(Subset { samples: Arc::new(samples), indices })
    };
    let mut train = read(&data.train, "data.train")?;
    let test = data.test.as_ref().map(|images| read(images, "data.test")).transpose()?;
    let validation = match &data.validation {
        None => None,
        Some(Validation::Images(images)) => Some(read(images, "data.validation")?),
        Some(Validation::Share(share)) => Some(split(&mut train, *share, data.split_seed)?),
    };
    for (set, at) in [(&validation, "data.validation"), (&test, "data.test")] {
        if let Some(set) = set
            && set.samples.shape != train.samples.shape
        {
            return Err(Fault::new(
                format!("{at}.images"),
                format!(
                    "samples are {:?}, those of `data.train` are {:?}",
                    set.samples.shape, train.samples.shape
                ),
            ));
        }
    }
    Ok(Sets { train, validation, test, hash: hasher.finalize().to_hex().to_string() })
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

fn samples(images: &Images, at: &str) -> Result<Samples, Fault> {
    let read = |path: &Path, key: &str| {
        let at = format!("{at}.{key}");
        if !path.is_file() {
            return Err(Fault::missing(at, path));
        }
        idx::read(path).map_err(|problem| {
            Fault::new(at, format!("`{}` {problem}", path.display()))
                .hint("IDX files of unsigned bytes can be read, gzipped or not")
        })
    };
    let pixels = read(&images.images, "images")?;
    let labels = read(&images.labels, "labels")?;
    if labels.shape.len() != 1 {
        let message =
            format!("`{}` has {} dimensions, labels have one", images.labels.display(), labels.shape.len());
        return Err(Fault::new(format!("{at}.labels"), message));
    }
    let (count, shape) = pixels.shape.split_first().expect("an IDX file has at least one dimension");
    if *count != labels.values.len() {
        let message = format!("{} labels for {count} images", labels.values.len());
        return Err(
            Fault::new(format!("{at}.labels"), message).hint("both files must be of the same samples")
        );
    }
    if *count == 0 || shape.iter().product::<usize>() == 0 {
        return Err(Fault::new(format!("{at}.images"), format!("`{}` is empty", images.images.display())));
    }
    Ok(Samples { shape: shape.to_vec(), pixels: pixels.values, labels: labels.values })
}

/// Lengths go in before contents, so that no two different sets feed the same bytes.
fn hash(hasher: &mut blake3::Hasher, samples: &Samples) {
    for dimension in [samples.labels.len()].iter().chain(&samples.shape) {
        hasher.update(&(*dimension as u64).to_le_bytes());
    }
    hasher.update(&[u8::MAX]);
    hasher.update(&samples.pixels);
    hasher.update(&samples.labels);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subset(count: u32) -> Subset {
        let samples =
            Samples { shape: vec![1], pixels: vec![0; count as usize], labels: vec![0; count as usize] };
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
