use std::sync::Arc;

use sweep_wire::{Augment, Data, Drift, LabelNoise, Normalize};

use super::*;
use crate::data::{Array, Drifting, Images, Kind, Layout, Order, Samples, array::Bytes};

fn data(normalize: Option<Normalize>, augment: Vec<Augment>) -> Data {
    let images = sweep_wire::Images { images: "i".into(), labels: "l".into() };
    let train = sweep_wire::Source::Images(images);
    Data {
        train,
        validation: None,
        test: None,
        normalize,
        augment,
        label_noise: None,
        drift: None,
        shuffle: true,
        split_seed: 0,
        memory: 1 << 30,
    }
}

fn set(shape: &[usize], count: usize) -> Subset {
    let size: usize = shape.iter().product();
    let pixels = (0..size * count).map(|value| (value % 251) as u8).collect();
    let labels = (0..count).map(|label| (label % 10) as u8).collect();
    let bytes = |shape: &[usize], values| Array::packed(shape.to_vec(), Kind::U8, Bytes::Memory(values));
    let inputs = vec![(None, bytes(shape, pixels))];
    let samples = Samples { count, inputs, labels: bytes(&[], labels), classes: None };
    Subset { samples: Arc::new(samples), indices: (0..count as u32).collect() }
}

fn batcher(data: &Data, layout: Layout) -> Batcher {
    let sources = vec![Source { array: 0, images: Some(Images::new(data, layout).unwrap()) }];
    Batcher { sources, mixup: None, noise: None }
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
    batcher.train(&set, (0, &[2, 0]), 1, rooms).unwrap();
    assert_eq!(labels, [2, 0]);
    assert_eq!(inputs[0], (8.0 / 255.0 - 0.25) / 0.5);
    assert_eq!(inputs[7], (3.0 / 255.0 - 0.25) / 0.5);
}

#[test]
fn an_epoch_sees_whole_batches_of_every_sample_at_most_once() {
    let set = set(&[1], 10);
    let mut order = Order::new(7, true, None);
    let mut seen = Vec::new();
    for step in 0..3 {
        let (epoch, indices) = order.batch(&set, 3, (step, 0, 1));
        assert_eq!(epoch, 0);
        seen.extend_from_slice(indices);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 9, "three batches of three; the tenth sample's partial batch is dropped");
    let first = Order::new(7, true, None).batch(&set, 3, (0, 0, 1)).1.to_vec();
    let (epoch, second) = order.batch(&set, 3, (3, 0, 1));
    assert_eq!(epoch, 1);
    assert_ne!(first, second);
    assert_eq!(Order::new(7, false, None).batch(&set, 3, (4, 0, 1)).1, [3, 4, 5]);
}

#[test]
fn the_last_evaluation_batch_is_padded_and_masked() {
    let set = set(&[1], 5);
    let batcher = batcher(&data(None, vec![]), Layout { channels: 1, height: 1, width: 1 });
    let (mut inputs, mut labels, mut valid) = ([9.0; 3], [9; 3], [9.0; 3]);
    let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::I64(&mut labels));
    batcher.evaluate(&set, 3, rooms, &mut valid).unwrap();
    assert_eq!(valid, [1.0, 1.0, 0.0]);
    assert_eq!(labels, [3, 4, 0]);
}

#[test]
fn augmentation_depends_on_seed_epoch_and_sample_alone() {
    let set = set(&[6, 6], 4);
    let augment = vec![
        Augment::RandomCrop { padding: 2 },
        Augment::HorizontalFlip,
        Augment::VerticalFlip,
        Augment::Cutout { size: 2 },
    ];
    let batcher = batcher(&data(None, augment), Layout { channels: 1, height: 6, width: 6 });
    let row = |seed, epoch, index: u32, place: usize| {
        let (mut inputs, mut labels) = ([0.0; 36 * 2], [0; 2]);
        let mut indices = [0, 0];
        indices[place] = index;
        let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::I64(&mut labels));
        batcher.train(&set, (epoch, &indices), seed, rooms).unwrap();
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
    let mut order = Order::new(7, false, None);
    let mut passes = |step, pass| order.batch(&set, 2, (step, pass, 2)).1.to_vec();
    assert_eq!([passes(0, 0), passes(0, 1), passes(1, 0), passes(1, 1)], [[0, 1], [2, 3], [4, 5], [6, 7]]);
    assert_eq!(passes(2, 0), [0, 1], "what is left of an epoch is less than a step");
}

#[test]
fn a_vertical_flip_and_a_cutout_do_what_they_say() {
    let set = set(&[4, 4], 1);
    let put = |augment, seed| {
        let batcher = batcher(&data(None, vec![augment]), Layout { channels: 1, height: 4, width: 4 });
        let (mut inputs, mut labels) = ([9.0; 16], [0; 1]);
        let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::I64(&mut labels));
        batcher.train(&set, (0, &[0]), seed, rooms).unwrap();
        inputs.map(|value| (value * 255.0).round() as usize)
    };
    let plain: Vec<usize> = (0..16).collect();
    let turned: Vec<usize> = plain.chunks(4).rev().flatten().copied().collect();
    let seen: Vec<_> = (0..20).map(|seed| put(Augment::VerticalFlip, seed).to_vec()).collect();
    assert!(
        seen.contains(&plain) && seen.contains(&turned) && seen.iter().all(|x| *x == plain || *x == turned)
    );
    for seed in 0..50 {
        let cut = put(Augment::Cutout { size: 2 }, seed);
        let holes: Vec<_> = (1..16).filter(|place| cut[*place] == 0).collect();
        let kept = (0..16).all(|place| cut[place] == place || cut[place] == 0);
        // Two by two pixels, fewer at the border; the pixel in the corner is 0 anyway.
        assert!(kept && holes.len() <= 4, "{cut:?}");
        if let [a, b, c, d] = holes[..] {
            assert_eq!((b - a, c - a, d - a), (1, 4, 5), "{cut:?}");
        }
    }
}

#[test]
fn mixup_blends_a_sample_and_its_target_with_another() {
    let set = set(&[2, 2], 10);
    let mut batcher = batcher(&data(None, vec![]), Layout { channels: 1, height: 2, width: 2 });
    batcher.mixup = Some(Mixup { beta: Beta::new(0.4, 0.4).unwrap(), classes: Some(10) });
    let (mut partners, mut shares) = (std::collections::HashSet::new(), vec![]);
    for epoch in 0..200 {
        let (mut inputs, mut target) = ([0.0; 8], [9.0; 20]);
        let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::F32(&mut target));
        batcher.train(&set, (epoch, &[7, 3]), 1, rooms).unwrap();
        for (row, own) in [(0, 7), (1, 3)] {
            let target = &target[row * 10..][..10];
            assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let (share, other) = match (0..10).find(|class| *class != own && target[*class] > 0.0) {
                Some(other) => (target[own], other),
                None => (1.0, own),
            };
            // Sample k begins with the pixel 4k, and has label k.
            let wanted = (share * 4.0 * own as f32 + (1.0 - share) * 4.0 * other as f32) / 255.0;
            assert!((inputs[row * 4] - wanted).abs() < 1e-6, "{} {wanted}", inputs[row * 4]);
            partners.insert(other);
            shares.push(f64::from(share));
        }
    }
    assert_eq!(partners.len(), 10);
    // Beta(0.4, 0.4) has mean 1/2 and variance 1 / (4 (2·0.4 + 1)).
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!((mean - 0.5).abs() < 0.08, "{mean}");
}

#[test]
fn a_share_of_the_labels_is_wrong_in_every_epoch_alike() {
    let set = set(&[1], 2000);
    let mut batcher = batcher(&data(None, vec![]), Layout { channels: 1, height: 1, width: 1 });
    let mut labels = |noise: Option<LabelNoise>, epoch, seed| {
        batcher.noise = noise.map(|noise| (noise, 10));
        let (mut inputs, mut labels) = (vec![0.0; 2000], vec![0; 2000]);
        let rooms = (&mut [Room::F32(&mut inputs)][..], &mut Room::I64(&mut labels));
        batcher.train(&set, (epoch, &set.indices), seed, rooms).unwrap();
        labels
    };
    let (clean, noise) = (labels(None, 0, 1), LabelNoise { share: 0.3, seed: 5 });
    let noisy = labels(Some(noise), 0, 1);
    assert_eq!(noisy, labels(Some(noise), 3, 2), "whatever the epoch and the trial's seed");
    assert_ne!(noisy, labels(Some(LabelNoise { seed: 6, ..noise }), 0, 1));
    let wrong: Vec<_> =
        clean.iter().zip(&noisy).filter(|(a, b)| a != b).map(|(a, b)| (b - a).rem_euclid(10)).collect();
    assert!((500..700).contains(&wrong.len()), "{} of 2000", wrong.len());
    assert!(
        (1..10).all(|shift| wrong.iter().filter(|s| **s == shift).count() > 30),
        "every other class is as likely"
    );
    assert_eq!(
        labels(Some(LabelNoise { share: 1.0, seed: 5 }), 0, 1)
            .iter()
            .zip(&clean)
            .filter(|(a, b)| a == b)
            .count(),
        0
    );
}

#[test]
fn class_proportions_drift_as_stated() {
    let set = set(&[1], 1000);
    let drift = Drift { strength: 0.8, period: 4.0 };
    let drifting = Drifting::new(drift, &set, 10).unwrap();
    let mut order = Order::new(3, true, Some(&drifting));
    let mut count = |epoch: u64| {
        let mut counts = [0_usize; 10];
        let (found, indices) = order.batch(&set, 1000, (epoch, 0, 1));
        assert_eq!(found, epoch);
        indices.iter().for_each(|index| counts[(index % 10) as usize] += 1);
        counts
    };
    let first = count(0);
    for (epoch, counts) in [(0, first), (1, count(1)), (2, count(2))] {
        for (class, found) in counts.into_iter().enumerate() {
            let phase = std::f64::consts::TAU * (epoch as f64 / 4.0 + class as f64 / 10.0);
            let wanted = 100.0 * (1.0 + 0.8 * phase.cos());
            // Five deviations of a binomial.
            assert!(
                (found as f64 - wanted).abs() < 5.0 * wanted.sqrt() + 1.0,
                "{epoch} {class}: {found}, not {wanted}"
            );
        }
    }
    assert_eq!(count(0), first, "an epoch is the same whenever it is asked for");
}
