//! Samples → the numbers of one batch.

use super::{array::Room, image::Images, set::Subset};
use crate::random::{Purpose, shuffled, stream};

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

    /// Epoch and dataset indices of one pass of step `step`, which takes `passes` of them; what an epoch has left over
    /// after its last whole step is dropped.
    pub(crate) fn batch(
        &mut self,
        train: &Subset,
        batch: usize,
        (step, pass, passes): (u64, usize, usize),
    ) -> (u64, &[u32]) {
        let per_epoch = (train.indices.len() / (batch * passes)) as u64;
        let (epoch, within) = (step / per_epoch, (step % per_epoch) as usize * passes + pass);
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
    /// One for each input of the model.
    pub(crate) sources: Vec<Source>,
}

/// Where an input comes from.
#[derive(Debug)]
pub(crate) struct Source {
    /// Which of the samples' arrays.
    pub(crate) array: usize,
    /// How its values become floats, where they don't go in as they are.
    pub(crate) images: Option<Images>,
}

impl Batcher {
    /// Writes training samples into `inputs` and `target`, augmented by (seed, epoch, sample) alone.
    pub(crate) fn train(
        &self,
        set: &Subset,
        (epoch, indices): (u64, &[u32]),
        seed: u64,
        (inputs, target): (&mut [Room<'_>], &mut Room<'_>),
    ) {
        for (row, index) in indices.iter().enumerate() {
            self.row(set, row, Some(*index), Some((seed, epoch)), (inputs, target));
        }
    }

    /// Writes samples `start..` of a set as they are; what is left of the batch is padding with `valid` 0.
    pub(crate) fn evaluate(
        &self,
        set: &Subset,
        start: usize,
        (inputs, target): (&mut [Room<'_>], &mut Room<'_>),
        valid: &mut [f32],
    ) {
        for (row, valid) in valid.iter_mut().enumerate() {
            let index = set.indices.get(start + row).copied();
            self.row(set, row, index, None, (inputs, target));
            *valid = if index.is_some() { 1.0 } else { 0.0 };
        }
    }

    /// Writes the inputs of samples `start..` of a set, without their labels.
    pub(crate) fn inputs(&self, set: &Subset, start: usize, rooms: &mut [Room<'_>]) {
        for (source, room) in self.sources.iter().zip(rooms) {
            let size = set.samples.inputs[source.array].1.size();
            for row in 0..room.len() / size {
                source.put(set, row, set.indices.get(start + row).copied(), None, room);
            }
        }
    }

    fn row(
        &self,
        set: &Subset,
        row: usize,
        index: Option<u32>,
        augmented: Option<(u64, u64)>,
        (inputs, target): (&mut [Room<'_>], &mut Room<'_>),
    ) {
        for (source, room) in self.sources.iter().zip(inputs) {
            source.put(set, row, index, augmented, room);
        }
        target.put(row, &set.samples.labels, index.map(|index| index as usize));
    }
}

impl Source {
    fn put(
        &self,
        set: &Subset,
        row: usize,
        index: Option<u32>,
        augmented: Option<(u64, u64)>,
        room: &mut Room<'_>,
    ) {
        let array = &set.samples.inputs[self.array].1;
        match (&self.images, room, index) {
            (Some(images), Room::F32(room), Some(index)) => {
                let size = array.size();
                images.put(array, index, augmented, &mut room[row * size..][..size]);
            }
            (_, room, index) => room.put(row, array, index.map(|index| index as usize)),
        }
    }
}

#[cfg(test)]
mod tests;
