use std::sync::Arc;

use sweep_wire::{Augment, Data, Normalize};

use super::*;
use crate::data::{Array, Images, Layout, Samples, Values};

fn data(normalize: Option<Normalize>, augment: Vec<Augment>) -> Data {
    let images = sweep_wire::Images { images: "i".into(), labels: "l".into() };
    let train = sweep_wire::Source::Images(images);
    Data { train, validation: None, test: None, normalize, augment, shuffle: true, split_seed: 0 }
}

fn set(shape: &[usize], count: usize) -> Subset {
    let size: usize = shape.iter().product();
    let pixels = (0..size * count).map(|value| (value % 251) as u8).collect();
    let labels = (0..count).map(|label| (label % 10) as u8).collect();
    let bytes = |shape: &[usize], values| Array { shape: shape.to_vec(), values: Values::U8(values) };
    let samples = Samples { count, inputs: vec![(None, bytes(shape, pixels))], labels: bytes(&[], labels) };
    Subset { samples: Arc::new(samples), indices: (0..count as u32).collect() }
}

fn batcher(data: &Data, layout: Layout) -> Batcher {
    Batcher { sources: vec![Source { array: 0, images: Some(Images::new(data, layout).unwrap()) }] }
}

#[test]
fn layouts_match_files_and_models() {
    let fits = |file: &[usize], model: &[Option<usize>]| Layout::of(file, model).map(|(_, shape)| shape);
    assert_eq!(fits(&[28, 28], &[Some(1), Some(28), Some(28)]), Some(vec![1, 28, 28]));
    assert_eq!(fits(&[3, 32, 32], &[Some(3), None, None]), Some(vec![3, 32, 32]));
    assert_eq!(fits(&[8, 8], &[Some(64)]), Some(vec![64]));
    assert_eq!(fits(&[8, 8], &[None, None, None]), Some(vec![1, 8, 8]));
    assert_eq!(fits(&[28, 28], &[Some(3), Some(28), Some(28)]), None);
    assert_eq!(fits(&[28, 28], &[Some(63)]), None);
}

#[test]
fn eight_bit_values_are_divided_by_255_then_normalised() {
    let set = set(&[2, 2], 3);
    let normalize = Normalize { mean: vec![0.25], std: vec![0.5] };
    let layout = Layout { channels: 1, height: 2, width: 2 };
    let batcher = batcher(&data(Some(normalize), vec![]), layout);
    let (mut inputs, mut labels) = ([0.0; 8], [0; 2]);
    let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::I64(&mut labels));
    batcher.train(&set, (0, &[2, 0]), 1, rooms);
    assert_eq!(labels, [2, 0]);
    assert_eq!(inputs[0], (8.0 / 255.0 - 0.25) / 0.5);
    assert_eq!(inputs[7], (3.0 / 255.0 - 0.25) / 0.5);
}

#[test]
fn an_epoch_sees_whole_batches_of_every_sample_at_most_once() {
    let set = set(&[1], 10);
    let mut order = Order::new(7, true);
    let mut seen = Vec::new();
    for step in 0..3 {
        let (epoch, indices) = order.batch(&set, 3, (step, 0, 1));
        assert_eq!(epoch, 0);
        seen.extend_from_slice(indices);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 9, "three batches of three; the tenth sample's partial batch is dropped");
    let first = Order::new(7, true).batch(&set, 3, (0, 0, 1)).1.to_vec();
    let (epoch, second) = order.batch(&set, 3, (3, 0, 1));
    assert_eq!(epoch, 1);
    assert_ne!(first, second);
    assert_eq!(Order::new(7, false).batch(&set, 3, (4, 0, 1)).1, [3, 4, 5]);
}

#[test]
fn the_last_evaluation_batch_is_padded_and_masked() {
    let set = set(&[1], 5);
    let batcher = batcher(&data(None, vec![]), Layout { channels: 1, height: 1, width: 1 });
    let (mut inputs, mut labels, mut valid) = ([9.0; 3], [9; 3], [9.0; 3]);
    let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::I64(&mut labels));
    batcher.evaluate(&set, 3, rooms, &mut valid);
    assert_eq!(valid, [1.0, 1.0, 0.0]);
    assert_eq!(labels, [3, 4, 0]);
}

#[test]
fn augmentation_depends_on_seed_epoch_and_sample_alone() {
    let set = set(&[6, 6], 4);
    let augment = vec![Augment::RandomCrop { padding: 2 }, Augment::HorizontalFlip];
    let batcher = batcher(&data(None, augment), Layout { channels: 1, height: 6, width: 6 });
    let row = |seed, epoch, index: u32, place: usize| {
        let (mut inputs, mut labels) = ([0.0; 36 * 2], [0; 2]);
        let mut indices = [0, 0];
        indices[place] = index;
        let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::I64(&mut labels));
        batcher.train(&set, (epoch, &indices), seed, rooms);
        inputs[place * 36..][..36].to_vec()
    };
    assert_eq!(row(1, 2, 3, 0), row(1, 2, 3, 1));
    let distinct: std::collections::HashSet<_> = (0..20)
        .map(|epoch| row(1, epoch, 3, 0).iter().map(|value| value.to_bits()).collect::<Vec<_>>())
        .collect();
    assert!(distinct.len() > 10, "{} of 20 epochs differ", distinct.len());
}

#[test]
fn misfits_are_refused() {
    let layout = Layout { channels: 3, height: 4, width: 4 };
    let two = Normalize { mean: vec![0.0; 2], std: vec![1.0; 2] };
    assert_eq!(Images::new(&data(Some(two), vec![]), layout).unwrap_err().at, "data.normalize");
    let crop = |padding| Images::new(&data(None, vec![Augment::RandomCrop { padding }]), layout);
    assert!(crop(3).is_ok() && crop(4).unwrap_err().message.contains("4×4"));
    let flat = Layout { channels: 1, height: 1, width: 9 };
    assert_eq!(Images::new(&data(None, vec![Augment::HorizontalFlip]), flat).unwrap_err().at, "data.augment");
}

#[test]
fn the_passes_of_a_step_share_its_samples() {
    let set = set(&[1], 11);
    let mut order = Order::new(7, false);
    let mut passes = |step, pass| order.batch(&set, 2, (step, pass, 2)).1.to_vec();
    assert_eq!([passes(0, 0), passes(0, 1), passes(1, 0), passes(1, 1)], [[0, 1], [2, 3], [4, 5], [6, 7]]);
    assert_eq!(passes(2, 0), [0, 1], "what is left of an epoch is less than a step");
}
