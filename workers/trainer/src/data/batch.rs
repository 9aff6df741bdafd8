//! Samples → the numbers of one batch. Every random choice hangs on (seed, epoch, sample) alone.

use std::io;

use rand::RngExt;
use rand_distr::{Beta, Distribution};
use sweep_wire::LabelNoise;

use super::{
    array::Room,
    image::{Images, Scratch},
    set::Subset,
};
use crate::random::{Purpose, stream};

/// Fills input tensors.
#[derive(Debug)]
pub(crate) struct Batcher {
    /// One for each input of the model.
    pub(crate) sources: Vec<Source>,
    /// How training samples are blended with others, if they are.
    pub(crate) mixup: Option<Mixup>,
    /// How training labels are spoiled, and how many classes there are.
    pub(crate) noise: Option<(LabelNoise, usize)>,
}

/// Where an input comes from.
#[derive(Debug)]
pub(crate) struct Source {
    /// Which of the samples' arrays.
    pub(crate) array: usize,
    /// How its values become floats, where they don't go in as they are.
    pub(crate) images: Option<Images>,
}

/// Blending of each training sample with another one (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization").
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixup {
    /// The share of the sample itself is drawn from Beta(α, α).
    pub(crate) beta: Beta<f64>,
    /// Targets are a share of each of so many classes; they are numbers, which are blended, without.
    pub(crate) classes: Option<usize>,
}

/// The inputs and the target of one batch.
pub(crate) type Rooms<'a, 'b> = (&'a mut [Room<'b>], &'a mut Room<'b>);

impl Batcher {
    /// Writes training samples into `inputs` and `target`, augmented by (seed, epoch, sample) alone.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn train(
        &self,
        set: &Subset,
        (epoch, indices): (u64, &[u32]),
        seed: u64,
        (inputs, target): Rooms<'_, '_>,
    ) -> io::Result<()> {
        let mut scratch = Scratch::default();
        for (row, &index) in indices.iter().enumerate() {
            let augmented = Some((seed, epoch));
            for (source, room) in self.sources.iter().zip(&mut *inputs) {
                source.put(set, row, Some(index), augmented, room, &mut scratch)?;
            }
            match &self.mixup {
                None => self.label(set, row, Some(index), target, &mut scratch)?,
                Some(mixup) => self.mix(mixup, set, (row, index), (seed, epoch), (inputs, target))?,
            }
        }
        Ok(())
    }

    /// Writes samples `start..` of a set as they are; what is left of the batch is padding with `valid` 0.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn evaluate(
        &self,
        set: &Subset,
        start: usize,
        (inputs, target): Rooms<'_, '_>,
        valid: &mut [f32],
    ) -> io::Result<()> {
        let mut scratch = Scratch::default();
        for (row, valid) in valid.iter_mut().enumerate() {
            let index = set.indices.get(start + row).copied();
            for (source, room) in self.sources.iter().zip(&mut *inputs) {
                source.put(set, row, index, None, room, &mut scratch)?;
            }
            let labels = &set.samples.labels;
            let sample = index.map(|index| labels.sample(index, &mut scratch.bytes)).transpose()?;
            target.put(row, labels.size(), sample);
            *valid = if index.is_some() { 1.0 } else { 0.0 };
        }
        Ok(())
    }

    /// Writes the inputs of samples `start..` of a set, without their labels.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn inputs(&self, set: &Subset, start: usize, rooms: &mut [Room<'_>]) -> io::Result<()> {
        let mut scratch = Scratch::default();
        for (source, room) in self.sources.iter().zip(rooms) {
            let size = set.samples.inputs[source.array].1.size();
            for row in 0..room.len() / size {
                let index = set.indices.get(start + row).copied();
                source.put(set, row, index, None, room, &mut scratch)?;
            }
        }
        Ok(())
    }

    /// Writes the label of a training sample, or another one where it is spoiled.
    fn label(
        &self,
        set: &Subset,
        row: usize,
        index: Option<u32>,
        target: &mut Room<'_>,
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        let labels = &set.samples.labels;
        let sample = index.map(|index| labels.sample(index, &mut scratch.bytes)).transpose()?;
        target.put(row, labels.size(), sample);
        if let (Some((noise, classes)), Some(index), Room::I64(room)) = (&self.noise, index, target) {
            room[row] = spoiled(room[row], index, *noise, *classes);
        }
        Ok(())
    }

    /// Blends a training sample that is in its row already with another one, and writes their target.
    fn mix(
        &self,
        mixup: &Mixup,
        set: &Subset,
        (row, index): (usize, u32),
        (seed, epoch): (u64, u64),
        (inputs, target): Rooms<'_, '_>,
    ) -> io::Result<()> {
        let mut rng = stream(Purpose::Mixup, seed, epoch, index.into());
        let other = set.indices[rng.random_range(0..set.indices.len())];
        let share = mixup.beta.sample(&mut rng) as f32;
        let blend = |own: &mut [f32], other: &[f32]| {
            own.iter_mut().zip(other).for_each(|(own, other)| *own = share * *own + (1.0 - share) * other);
        };
        let mut scratch = Scratch::default();
        for (source, room) in self.sources.iter().zip(inputs) {
            let size = set.samples.inputs[source.array].1.size();
            let Room::F32(room) = room else { continue };
            let mut values = vec![0.0; size];
            source.put(
                set,
                0,
                Some(other),
                Some((seed, epoch)),
                &mut Room::F32(&mut values),
                &mut scratch,
            )?;
            blend(&mut room[row * size..][..size], &values);
        }
        let Room::F32(target) = target else { return Ok(()) };
        if let Some(classes) = mixup.classes {
            let target = &mut target[row * classes..][..classes];
            target.fill(0.0);
            for (index, share) in [(index, share), (other, 1.0 - share)] {
                let mut label = [0];
                self.label(set, 0, Some(index), &mut Room::I64(&mut label), &mut scratch)?;
                target[label[0] as usize] += share;
            }
            return Ok(());
        }
        let size = set.samples.labels.size();
        let mut values = vec![0.0; size];
        self.label(set, 0, Some(other), &mut Room::F32(&mut values), &mut scratch)?;
        self.label(set, row, Some(index), &mut Room::F32(target), &mut scratch)?;
        blend(&mut target[row * size..][..size], &values);
        Ok(())
    }
}

/// A sample's label: with the noise's share of probability another one, the same in every epoch.
fn spoiled(label: i64, index: u32, noise: LabelNoise, classes: usize) -> i64 {
    let mut rng = stream(Purpose::Noise, noise.seed, 0, index.into());
    if classes < 2 || label < 0 || rng.random::<f64>() >= noise.share {
        return label;
    }
    (label + rng.random_range(1..classes as i64)) % classes as i64
}

impl Source {
    fn put(
        &self,
        set: &Subset,
        row: usize,
        index: Option<u32>,
        augmented: Option<(u64, u64)>,
        room: &mut Room<'_>,
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        let array = &set.samples.inputs[self.array].1;
        let size = array.size();
        match (&self.images, room, index) {
            (Some(images), Room::F32(room), Some(index)) => {
                images.put(array, index, augmented, &mut room[row * size..][..size], scratch)
            }
            (_, room, index) => {
                let sample = index.map(|index| array.sample(index, &mut scratch.bytes)).transpose()?;
                room.put(row, size, sample);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
