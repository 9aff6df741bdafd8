//! The order in which training samples are seen.

use std::{f64::consts::TAU, io};

use rand::RngExt;
use sweep_wire::Drift;

use super::set::Subset;
use crate::random::{Purpose, shuffled, stream};

/// The order in which the samples of each epoch are seen.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    seed: u64,
    shuffle: bool,
    drift: Option<&'a Drifting>,
    epoch: Option<(u64, Vec<u32>)>,
}

impl<'a> Order<'a> {
    pub(crate) fn new(seed: u64, shuffle: bool, drift: Option<&'a Drifting>) -> Self {
        Self { seed, shuffle, drift, epoch: None }
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
            let order = match (self.drift, self.shuffle) {
                (Some(drifting), _) => drifting.epoch(self.seed, epoch, train.indices.len()),
                (None, true) => shuffled(train.indices.clone(), stream(Purpose::Order, self.seed, epoch, 0)),
                (None, false) => train.indices.clone(),
            };
            self.epoch = Some((epoch, order));
        }
        let (_, order) = self.epoch.as_ref().expect("the epoch was set above");
        (epoch, &order[within * batch..(within + 1) * batch])
    }
}

/// Training samples whose class proportions move: in epoch e class c of C is drawn with a weight of
/// 1 + strength · cos(2π (e / period + c / C)) times its share of the samples.
#[derive(Debug)]
pub(crate) struct Drifting {
    drift: Drift,
    /// The training samples of each class.
    classes: Vec<Vec<u32>>,
}

impl Drifting {
    /// # Errors
    /// The disk.
    pub(crate) fn new(drift: Drift, train: &Subset, classes: usize) -> io::Result<Self> {
        let mut members = vec![Vec::new(); classes];
        let mut scratch = Vec::new();
        for &index in &train.indices {
            train.samples.labels.sample(index, &mut scratch)?.wholes(|_, label| {
                if let Some(members) = usize::try_from(label).ok().and_then(|label| members.get_mut(label)) {
                    members.push(index);
                }
            });
        }
        Ok(Self { drift, classes: members })
    }

    /// So many samples, drawn with replacement.
    fn epoch(&self, seed: u64, epoch: u64, count: usize) -> Vec<u32> {
        let classes = self.classes.len() as f64;
        let mut total = 0.0;
        let weights = self.classes.iter().enumerate().map(|(class, members)| {
            let phase = epoch as f64 / self.drift.period + class as f64 / classes;
            total += (1.0 + self.drift.strength * (TAU * phase).cos()) * members.len() as f64;
            total
        });
        let sums: Vec<f64> = weights.collect();
        let draw = |place: usize| {
            let mut rng = stream(Purpose::Drift, seed, epoch, place as u64);
            let mark = rng.random::<f64>() * total;
            // Rounding may leave the mark at the very end, where a class may be empty.
            let found = sums.partition_point(|sum| *sum <= mark).min(sums.len() - 1);
            let full = |class: &usize| !self.classes[*class].is_empty();
            let class = (found..sums.len()).find(full).or_else(|| (0..found).rev().find(full));
            let members = &self.classes[class.expect("there are training samples")];
            members[rng.random_range(0..members.len())]
        };
        (0..count).map(draw).collect()
    }
}
