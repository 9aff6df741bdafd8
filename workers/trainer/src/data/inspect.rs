//! Looks at data without a model: how much there is of what, and the statistics that normalisation wants.

use sweep_wire::Data;

use super::{
    array::{Array, Bytes},
    image::Layout,
    set::{Sets, Subset, load},
};
use crate::fault::Fault;

/// More different labels than this are not counted one by one.
const MAX_CLASSES: usize = 1000;

/// What a spec's data holds.
#[derive(Debug, Clone)]
pub struct DataInspection {
    /// BLAKE3 over the content of all files, in hexadecimal.
    pub hash: String,
    pub sets: Vec<SetInspection>,
}

/// One of its sets.
#[derive(Debug, Clone)]
pub struct SetInspection {
    /// `train`, `validation` or `test`.
    pub name: &'static str,
    pub samples: usize,
    pub inputs: Vec<ArrayInspection>,
    pub labels: ArrayInspection,
    /// How many samples each class has, by index; empty where labels are no classes.
    pub classes: Vec<(String, u64)>,
}

/// An array of one set. 8-bit values of inputs count as divided by 255, as in training.
#[derive(Debug, Clone)]
pub struct ArrayInspection {
    pub name: Option<String>,
    /// Of one sample.
    pub shape: Vec<usize>,
    /// As NumPy spells it.
    pub dtype: &'static str,
    /// Whether it is read from disk as it is needed.
    pub streamed: bool,
    pub smallest: f64,
    pub largest: f64,
    /// Per channel, or one for all of a sample that has none.
    pub mean: Vec<f64>,
    /// Of the elements' population, per channel.
    pub std: Vec<f64>,
}

/// Reads all sets and goes through them once.
///
/// # Errors
/// What is wrong, and which key of the spec says it.
pub fn inspect_data(data: &Data) -> Result<DataInspection, Fault> {
    let Sets { train, validation, test, hash, .. } = load(data)?;
    let sets = [("train", Some(train)), ("validation", validation), ("test", test)];
    let sets = sets.into_iter().filter_map(|(name, set)| Some(one(name, &set?)));
    Ok(DataInspection { hash, sets: sets.collect::<Result<_, _>>()? })
}

/// Whether samples of this shape can be fed to an input of a model; `None` is an extent that the model leaves open.
#[must_use]
pub fn fits_input(sample: &[usize], input: &[Option<usize>]) -> bool {
    Layout::of(sample, input).is_some()
}

fn one(name: &'static str, set: &Subset) -> Result<SetInspection, Fault> {
    let failed = |error: std::io::Error| Fault::new("data", format!("the samples cannot be read: {error}"));
    let samples = &set.samples;
    let inputs = samples.inputs.iter().map(|(name, array)| {
        // Tokens have a label each, and are no shades.
        array_of(name.clone(), array, set, array.shape != samples.labels.shape)
    });
    let inputs = inputs.collect::<Result<_, _>>().map_err(failed)?;
    let labels = array_of(None, &samples.labels, set, false).map_err(failed)?;
    let classes = classes(set, &labels).map_err(failed)?;
    Ok(SetInspection { name, samples: set.indices.len(), inputs, labels, classes })
}

fn array_of(
    name: Option<String>,
    array: &Array,
    set: &Subset,
    scaled: bool,
) -> std::io::Result<ArrayInspection> {
    let channels = if array.shape.len() == 3 { array.shape[0] } else { 1 };
    let scale = if scaled && array.kind == super::Kind::U8 { 1.0 / 255.0 } else { 1.0 };
    let (mut smallest, mut largest) = (f64::INFINITY, f64::NEG_INFINITY);
    // Welford's running mean and sum of squared deviations.
    let (mut mean, mut squares, mut count) = (vec![0.0; channels], vec![0.0; channels], 0_u64);
    let (mut values, mut scratch) = (vec![0.0; array.size()], Vec::new());
    let each = (array.size() / channels).max(1);
    for &index in &set.indices {
        array.sample(index, &mut scratch)?.floats(&mut values);
        for (channel, values) in values.chunks(each).enumerate() {
            for (place, value) in values.iter().enumerate() {
                let value = f64::from(*value) * scale;
                (smallest, largest) = (smallest.min(value), largest.max(value));
                let deviation = value - mean[channel];
                mean[channel] += deviation / (count + place as u64 + 1) as f64;
                squares[channel] += deviation * (value - mean[channel]);
            }
        }
        count += each as u64;
    }
    let std = squares.iter().map(|squares: &f64| (squares / count.max(1) as f64).sqrt()).collect();
    let streamed = matches!(*array.bytes, Bytes::Disk(_));
    let (shape, dtype) = (array.shape.clone(), array.kind.name());
    Ok(ArrayInspection { name, shape, dtype, streamed, smallest, largest, mean, std })
}

/// How often each label is there, where each sample has one and they are few whole numbers from 0.
fn classes(set: &Subset, labels: &ArrayInspection) -> std::io::Result<Vec<(String, u64)>> {
    let array = &set.samples.labels;
    let few = labels.smallest >= 0.0 && labels.largest < MAX_CLASSES as f64;
    if !array.kind.is_whole() || !few || array.size() > 1 {
        return Ok(Vec::new());
    }
    let mut counts = vec![0; labels.largest as usize + 1];
    let mut scratch = Vec::new();
    for &index in &set.indices {
        array.sample(index, &mut scratch)?.wholes(|_, label| counts[label as usize] += 1);
    }
    let names = set.samples.classes.as_deref().unwrap_or_default();
    let name = |index: usize| names.get(index).cloned().unwrap_or_else(|| index.to_string());
    Ok(counts.into_iter().enumerate().map(|(index, count)| (name(index), count)).collect())
}
