use std::sync::Arc;

use sweep_wire::Images;

use super::*;
use crate::data::Samples;

fn data(normalize: Option<Normalize>, augment: Vec<Augment>) -> Data {
    let images = Images { images: "i".into(), labels: "l".into() };
    Data { train: images, validation: None, test: None, normalize, augment, shuffle: true, split_seed: 0 }
}

fn set(shape: &[usize], count: usize) -> Subset {
    let size: usize = shape.iter().product();
    let pixels = (0..size * count).map(|value| (value % 251) as u8).collect();
    let labels = (0..count).map(|label| (label % 10) as u8).collect();
    let samples = Samples { shape: shape.to_vec(), pixels, labels };
    Subset { samples: Arc::new(samples), indices: (0..count as u32).collect() }
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
    let batcher = Batcher::new(&data(Some(normalize), vec![]), layout).unwrap();
    let (mut inputs, mut labels) = ([0.0; 8], [0; 2]);
    batcher.train(&set, (0, &[2, 0]), 1, (&mut inputs, &mut labels));
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
        let (epoch, indices) = order.batch(&set, 3, step);
        assert_eq!(epoch, 0);
        seen.extend_from_slice(indices);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 9, "three batches of three; the tenth sample's partial batch is dropped");
    let first = Order::new(7, true).batch(&set, 3, 0).1.to_vec();
    let (epoch, second) = order.batch(&set, 3, 3);
    assert_eq!(epoch, 1);
    assert_ne!(first, second);
    assert_eq!(Order::new(7, false).batch(&set, 3, 4).1, [3, 4, 5]);
}

#[test]
fn the_last_evaluation_batch_is_padded_and_masked() {
    let set = set(&[1], 5);
    let batcher = Batcher::new(&data(None, vec![]), Layout { channels: 1, height: 1, width: 1 }).unwrap();
    let (mut inputs, mut labels, mut valid) = ([9.0; 3], [9; 3], [9.0; 3]);
    batcher.evaluate(&set, 3, (&mut inputs, &mut labels, &mut valid));
    assert_eq!(valid, [1.0, 1.0, 0.0]);
    assert_eq!(labels, [3, 4, 0]);
}

#[test]
fn augmentation_depends_on_seed_epoch_and_sample_alone() {
    let set = set(&[6, 6], 4);
    let augment = vec![Augment::RandomCrop { padding: 2 }, Augment::HorizontalFlip];
    let batcher = Batcher::new(&data(None, augment), Layout { channels: 1, height: 6, width: 6 }).unwrap();
    let row = |seed, epoch, index: u32, place: usize| {
        let (mut inputs, mut labels) = ([0.0; 36 * 2], [0; 2]);
        let mut indices = [0, 0];
        indices[place] = index;
        batcher.train(&set, (epoch, &indices), seed, (&mut inputs, &mut labels));
        inputs[place * 36..][..36].to_vec()
    };
    assert_eq!(row(1, 2, 3, 0), row(1, 2, 3, 1));
    let distinct: std::collections::HashSet<_> = (0..20)
        .map(|epoch| row(1, epoch, 3, 0).iter().map(|value| value.to_bits()).collect::<Vec<_>>())
        .collect();
    assert!(distinct.len() > 10, "{} of 20 epochs differ", distinct.len());
}

#[test]
fn a_crop_moves_the_image_and_fills_with_black() {
    let set = set(&[2, 2], 1);
    let batcher = Batcher::new(&data(None, vec![]), Layout { channels: 1, height: 2, width: 2 }).unwrap();
    let mut out = [9.0; 4];
    batcher.sample(&set, 0, Shift { down: 1, right: 0, flip: true }, &mut out);
    assert_eq!(out, [3.0 / 255.0, 2.0 / 255.0, 0.0, 0.0]);
}

#[test]
fn misfits_are_refused() {
    let layout = Layout { channels: 3, height: 4, width: 4 };
    let two = Normalize { mean: vec![0.0; 2], std: vec![1.0; 2] };
    assert_eq!(Batcher::new(&data(Some(two), vec![]), layout).unwrap_err().at, "data.normalize");
    let crop = |padding| Batcher::new(&data(None, vec![Augment::RandomCrop { padding }]), layout);
    assert!(crop(3).is_ok() && crop(4).unwrap_err().message.contains("4×4"));
    let flat = Layout { channels: 1, height: 1, width: 9 };
    assert_eq!(
        Batcher::new(&data(None, vec![Augment::HorizontalFlip]), flat).unwrap_err().at,
        "data.augment"
    );
}
