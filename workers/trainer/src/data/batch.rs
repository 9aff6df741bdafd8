//! Samples → the numbers of one batch: order, augmentation, normalisation.

use rand::RngExt;
use sweep_wire::{Augment, Data, Normalize};

use super::set::Subset;
use crate::{
    fault::Fault,
    random::{Purpose, shuffled, stream},
};

/// One sample as channels × height × width; flat data has one channel of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Layout {
    /// How a sample in the file (`file`, without the sample count) fills the model's input (`model`, without
    /// the batch dimension; `None` is a dimension left open). Dimensions of one may be missing in the file.
    pub(crate) fn of(file: &[usize], model: &[Option<usize>]) -> Option<(Self, Vec<usize>)> {
        let size: usize = file.iter().product();
        let same = |dims: &[usize]| {
            let squeezed = |dims: &[usize]| dims.iter().copied().filter(|d| *d != 1).collect::<Vec<_>>();
            squeezed(dims) == squeezed(file)
        };
        let shape = if model.iter().all(Option::is_some) {
            model.iter().flatten().copied().collect::<Vec<_>>()
        } else if model.len() == file.len() {
            model.iter().zip(file).map(|(model, file)| model.unwrap_or(*file)).collect()
        } else if model.len() == file.len() + 1 {
            std::iter::once(1)
                .chain(file.iter().copied())
                .zip(model)
                .map(|(file, m)| m.unwrap_or(file))
                .collect()
        } else {
            return None;
        };
        let flat = shape.len() == 1 && shape[0] == size;
        if !flat && !same(&shape) {
            return None;
        }
        let layout = match shape[..] {
            [channels, height, width] => Self { channels, height, width },
            _ => Self { channels: 1, height: 1, width: size },
        };
        Some((layout, shape))
    }

    pub(crate) fn size(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// The order in which the samples of each epoch are seen.
#[derive(Debug)]
pub(crate) struct Order {
    seed: u64,
    shuffle: bool,
    epoch: Option<(u64, Vec<u32>)>,
}

impl Order {
    pub(crate) fn new(seed: u64, shuffle: bool) -> Self {
        Self { seed, shuffle, epoch: None }
    }

    /// Epoch and dataset indices of step `step`; an epoch's last partial batch is dropped.
    pub(crate) fn batch(&mut self, train: &Subset, batch: usize, step: u64) -> (u64, &[u32]) {
        let per_epoch = (train.indices.len() / batch) as u64;
        let (epoch, within) = (step / per_epoch, (step % per_epoch) as usize);
        if self.epoch.as_ref().is_none_or(|(current, _)| *current != epoch) {
            let indices = train.indices.clone();
            let order = match self.shuffle {
                true => shuffled(indices, stream(Purpose::Order, self.seed, epoch, 0)),
                false => indices,
            };
            self.epoch = Some((epoch, order));
        }
        let (_, order) = self.epoch.as_ref().expect("the epoch was set above");
        (epoch, &order[within * batch..(within + 1) * batch])
    }
}

/// Fills input tensors.
#[derive(Debug)]
pub(crate) struct Batcher {
    layout: Layout,
    /// Normalised value of each 8-bit value, per channel.
    lookup: Vec<[f32; 256]>,
    augment: Vec<Augment>,
}

impl Batcher {
    /// # Errors
    /// Normalisation or augmentation that does not fit the samples.
    pub(crate) fn new(data: &Data, layout: Layout) -> Result<Self, Fault> {
        let channels = layout.channels;
        let identity = Normalize { mean: vec![0.0], std: vec![1.0] };
        let normalize = data.normalize.as_ref().unwrap_or(&identity);
        let lengths = [normalize.mean.len(), normalize.std.len()];
        if lengths.iter().any(|length| *length != 1 && *length != channels) {
            let message =
                format!("{} values, but samples have {channels} channel(s)", lengths[0].max(lengths[1]));
            return Err(Fault::new("data.normalize", message).hint("give one value, or one per channel"));
        }
        let pick = |values: &[f32], channel: usize| values[channel.min(values.len() - 1)];
        let lookup = (0..channels)
            .map(|channel| {
                let (mean, std) = (pick(&normalize.mean, channel), pick(&normalize.std, channel));
                std::array::from_fn(|value| (value as f32 / 255.0 - mean) / std)
            })
            .collect();
        if !data.augment.is_empty() && layout.height == 1 {
            let message = format!("samples of {} values are not images", layout.size());
            return Err(Fault::new("data.augment", message)
                .hint("augmentation needs a model input of batch × channels × height × width"));
        }
        for augment in &data.augment {
            if let Augment::RandomCrop { padding } = augment
                && *padding as usize >= layout.height.min(layout.width)
            {
                let message = format!(
                    "a padding of {padding} can crop an image of {}×{} away altogether",
                    layout.height, layout.width
                );
                return Err(Fault::new("data.augment", message));
            }
        }
        Ok(Self { layout, lookup, augment: data.augment.clone() })
    }

    /// Writes training samples into `inputs` and `labels`, augmented by (seed, epoch, sample) alone.
    pub(crate) fn train(
        &self,
        set: &Subset,
        (epoch, indices): (u64, &[u32]),
        seed: u64,
        (inputs, labels): (&mut [f32], &mut [i64]),
    ) {
        for ((index, input), label) in indices.iter().zip(inputs.chunks_mut(self.layout.size())).zip(labels) {
            let shift = self.draw(seed, epoch, *index);
            self.sample(set, *index, shift, input);
            *label = set.samples.labels[*index as usize].into();
        }
    }

    /// Writes samples `start..` of a set as they are; what is left of the batch is padding with `valid` 0.
    pub(crate) fn evaluate(
        &self,
        set: &Subset,
        start: usize,
        (inputs, labels, valid): (&mut [f32], &mut [i64], &mut [f32]),
    ) {
        let rows = inputs.chunks_mut(self.layout.size()).zip(labels).zip(valid);
        for (row, ((input, label), valid)) in rows.enumerate() {
            match set.indices.get(start + row) {
                Some(index) => {
                    self.sample(set, *index, Shift::default(), input);
                    *label = set.samples.labels[*index as usize].into();
                    *valid = 1.0;
                }
                None => {
                    input.fill(0.0);
                    *label = 0;
                    *valid = 0.0;
                }
            }
        }
    }

    fn draw(&self, seed: u64, epoch: u64, index: u32) -> Shift {
        let mut shift = Shift::default();
        if self.augment.is_empty() {
            return shift;
        }
        let mut rng = stream(Purpose::Augment, seed, epoch, index.into());
        for augment in &self.augment {
            match augment {
                Augment::RandomCrop { padding } => {
                    let padding = i64::from(*padding);
                    shift.down += rng.random_range(-padding..=padding);
                    shift.right += rng.random_range(-padding..=padding);
                }
                Augment::HorizontalFlip => shift.flip ^= rng.random::<bool>(),
            }
        }
        shift
    }

    fn sample(&self, set: &Subset, index: u32, shift: Shift, out: &mut [f32]) {
        let Layout { channels, height, width } = self.layout;
        let size = self.layout.size();
        let pixels = &set.samples.pixels[index as usize * size..][..size];
        for channel in 0..channels {
            let lookup = &self.lookup[channel];
            let plane = &pixels[channel * height * width..][..height * width];
            let out = &mut out[channel * height * width..][..height * width];
            if shift == Shift::default() {
                out.iter_mut().zip(plane).for_each(|(out, pixel)| *out = lookup[usize::from(*pixel)]);
                continue;
            }
            for row in 0..height {
                for column in 0..width {
                    let seen = if shift.flip { width - 1 - column } else { column };
                    let (from_row, from_column) = (row as i64 + shift.down, seen as i64 + shift.right);
                    let inside =
                        (0..height as i64).contains(&from_row) && (0..width as i64).contains(&from_column);
                    let pixel =
                        if inside { plane[from_row as usize * width + from_column as usize] } else { 0 };
                    out[row * width + column] = lookup[usize::from(pixel)];
                }
            }
        }
    }
}

/// Where a training sample is cropped, and whether it is mirrored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shift {
    down: i64,
    right: i64,
    flip: bool,
}

#[cfg(test)]
mod tests;
