//! Images → floats: 8-bit values divided by 255, augmentation, normalisation.

use std::io;

use rand::RngExt;
use sweep_wire::{Augment, Data, Normalize};

use super::array::{Array, Kind};
use crate::{
    fault::Fault,
    random::{Purpose, stream},
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

/// Turns samples into the floats of one input.
#[derive(Debug)]
pub(crate) struct Images {
    layout: Layout,
    /// Mean and standard deviation per channel.
    normalize: Vec<(f32, f32)>,
    /// Normalised value of each 8-bit value, per channel.
    lookup: Vec<[f32; 256]>,
    augment: Vec<Augment>,
}

impl Images {
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
        let normalize: Vec<(f32, f32)> =
            (0..channels).map(|c| (pick(&normalize.mean, c), pick(&normalize.std, c))).collect();
        let lookup = normalize
            .iter()
            .map(|(mean, std)| std::array::from_fn(|value| (value as f32 / 255.0 - mean) / std))
            .collect();
        let moves = data.augment.iter().any(|augment| !matches!(augment, Augment::Mixup { .. }));
        if moves && layout.height == 1 {
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
            if let Augment::Cutout { size } = augment
                && *size as usize > layout.height.min(layout.width)
            {
                let message = format!(
                    "a cutout of {size} pixels does not fit an image of {}×{}",
                    layout.height, layout.width
                );
                return Err(Fault::new("data.augment", message));
            }
        }
        Ok(Self { layout, normalize, lookup, augment: data.augment.clone() })
    }

    /// Writes sample `index` into `out`, augmented by (seed, epoch, sample) alone; as it is without `augmented`.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn put(
        &self,
        array: &Array,
        index: u32,
        augmented: Option<(u64, u64)>,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        let change = augmented.map_or(Change::default(), |(seed, epoch)| self.draw(seed, epoch, index));
        let sample = array.sample(index, &mut scratch.bytes)?;
        if sample.kind == Kind::U8 {
            let normal = |channel: usize, value: u8| self.lookup[channel][usize::from(value)];
            self.sample(sample.bytes, change.shift, out, normal);
        } else {
            scratch.floats.resize(array.size(), 0.0);
            sample.floats(&mut scratch.floats);
            self.sample(&scratch.floats, change.shift, out, |channel, value: f32| {
                let (mean, std) = self.normalize[channel];
                (value - mean) / std
            });
        }
        for hole in change.holes {
            self.cut(hole, out);
        }
        Ok(())
    }

    fn draw(&self, seed: u64, epoch: u64, index: u32) -> Change {
        let mut change = Change::default();
        if self.augment.is_empty() {
            return change;
        }
        let mut rng = stream(Purpose::Augment, seed, epoch, index.into());
        for augment in &self.augment {
            let shift = &mut change.shift;
            match augment {
                Augment::RandomCrop { padding } => {
                    let padding = i64::from(*padding);
                    shift.down += rng.random_range(-padding..=padding);
                    shift.right += rng.random_range(-padding..=padding);
                }
                Augment::HorizontalFlip => shift.flip ^= rng.random::<bool>(),
                Augment::VerticalFlip => shift.turn ^= rng.random::<bool>(),
                Augment::Cutout { size } => {
                    let row = rng.random_range(0..self.layout.height);
                    change.holes.push((row, rng.random_range(0..self.layout.width), *size as usize));
                }
                Augment::Mixup { .. } => {} // it takes two samples
            }
        }
        change
    }

    /// Sets a square to 0 after normalisation, its centre at a pixel; what reaches beyond the image is cut off.
    fn cut(&self, (row, column, size): (usize, usize, usize), out: &mut [f32]) {
        let Layout { channels, height, width } = self.layout;
        let span = |centre: usize, end: usize| {
            let first = centre.saturating_sub(size / 2);
            first..(centre + size - size / 2).min(end)
        };
        for channel in 0..channels {
            for row in span(row, height) {
                let line = &mut out[(channel * height + row) * width..][..width];
                line[span(column, width)].fill(0.0);
            }
        }
    }

    /// `normal` makes a float of a channel's value; what a crop reaches beyond the image is black.
    fn sample<T: Copy + Default>(
        &self,
        pixels: &[T],
        shift: Shift,
        out: &mut [f32],
        normal: impl Fn(usize, T) -> f32,
    ) {
        let Layout { channels, height, width } = self.layout;
        for channel in 0..channels {
            let plane = &pixels[channel * height * width..][..height * width];
            let out = &mut out[channel * height * width..][..height * width];
            if shift == Shift::default() {
                out.iter_mut().zip(plane).for_each(|(out, pixel)| *out = normal(channel, *pixel));
                continue;
            }
            for row in 0..height {
                for column in 0..width {
                    let seen = if shift.flip { width - 1 - column } else { column };
                    let line = if shift.turn { height - 1 - row } else { row };
                    let (from_row, from_column) = (line as i64 + shift.down, seen as i64 + shift.right);
                    let inside =
                        (0..height as i64).contains(&from_row) && (0..width as i64).contains(&from_column);
                    let pixel = match inside {
                        true => plane[from_row as usize * width + from_column as usize],
                        false => T::default(),
                    };
                    out[row * width + column] = normal(channel, pixel);
                }
            }
        }
    }
}

/// Memory that is used again from sample to sample.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) bytes: Vec<u8>,
    floats: Vec<f32>,
}

/// What augmentation does to a sample.
#[derive(Debug, Default)]
struct Change {
    shift: Shift,
    /// Row and column of the centre, and size.
    holes: Vec<(usize, usize, usize)>,
}

/// Where a training sample is cropped, and whether it is mirrored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shift {
    down: i64,
    right: i64,
    /// Left and right.
    flip: bool,
    /// Up and down.
    turn: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_moves_the_image_and_fills_with_black() {
        let source = sweep_wire::Images { images: "i".into(), labels: "l".into() };
        let data = Data {
            train: sweep_wire::Source::Images(source),
            validation: None,
            test: None,
            normalize: None,
            augment: vec![],
            label_noise: None,
            drift: None,
            shuffle: true,
            split_seed: 0,
            memory: 1 << 30,
        };
        let images = Images::new(&data, Layout { channels: 1, height: 2, width: 2 }).unwrap();
        let mut out = [9.0; 4];
        let shift = Shift { down: 1, right: 0, flip: true, turn: false };
        images.sample(&[0u8, 1, 2, 3], shift, &mut out, |channel, value| {
            images.lookup[channel][usize::from(value)]
        });
        assert_eq!(out, [3.0 / 255.0, 2.0 / 255.0, 0.0, 0.0]);
    }
}
