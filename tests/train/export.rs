//! The input's file with the trained weights is the model that was trained.

use std::fs;

use sweep_graph::{DType, Model as Onnx, Port, Selection, Tensor as Values, TensorData};
use sweep_trainer::checkpoint::{Weights, read_weights};
use sweep_wire::{Every, Keep};

use super::*;

/// Trains a few steps; the last evaluation and the weights.
fn trained(job: &Job, rates: &[f32]) -> (Vec<Point>, Weights) {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        folder: folder.path().to_owned(),
        key: String::new(),
        every: Every::Seconds(1e6),
        resume: vec![],
        weights: true,
        best: None,
    };
    let steps = rates.len() as u64;
    let run = Run { keep: Some(keep), ..every_step(1, steps) };
    let mut trainer = Trainer::new(&engine(), job).unwrap();
    let (outcome, points) = train(&mut trainer, &run, rates);
    assert_eq!(outcome, Outcome::Done);
    let weights = read_weights(&folder.path().join("last.safetensors")).unwrap();
    (evaluations(points, steps), weights)
}

fn evaluations(points: Vec<Point>, step: u64) -> Vec<Point> {
    points.into_iter().filter(|point| point.name.starts_with("test/") && point.step == step).collect()
}

fn exported(job: &Job, weights: &Weights) -> Vec<u8> {
    let bytes = fs::read(&job.model.onnx).unwrap();
    let selection = Selection {
        output: job.model.output.clone(),
        trainable: job.model.trainable.clone(),
        frozen: job.model.frozen.clone(),
    };
    let model = Onnx::decode(&bytes, &selection).unwrap();
    model.with_weights(&bytes, &weights.tensors).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks that the stock runtime computes of a file what evaluations compute: nothing in it is in training mode.
fn is_for_inference(name: &str, job: &Job, bytes: &[u8]) {
    let selection = Selection { output: job.model.output.clone(), ..Selection::default() };
    let model = Onnx::decode(bytes, &selection).unwrap();
    let input = |port: &Port| {
        let shape: Vec<usize> = port.dims.iter().map(|extent| extent.unwrap_or(4)).collect();
        let count: usize = shape.iter().product();
        let ones = (0..count as i64).map(|index| i64::from(index % 3 != 0));
        let data = match port.dtype {
            DType::I64 => TensorData::I64(ones.collect()),
            _ => TensorData::F32((0..count).map(|index| (index as f32 * 0.7).sin()).collect()),
        };
        (port.name.clone(), Values { shape, data })
    };
    let inputs: Vec<_> = model.inputs().iter().map(input).collect();
    let inputs: Vec<_> = inputs.iter().map(|(name, values)| (name.as_str(), values)).collect();
    let [stock, wanted] = [bytes, &model.probe().bytes].map(|bytes| {
        let outputs = engine().open(bytes, false).unwrap().run(&inputs).unwrap();
        let (_, _, output) = outputs.into_iter().find(|(name, ..)| *name == model.output().name).unwrap();
        output.as_f32().unwrap().to_vec()
    });
    assert_eq!(stock.len(), wanted.len(), "{name}");
    let apart = stock.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-4, "{name}: the exported file is {apart} from what evaluations compute");
}

/// The evaluation of a model as it stands, before any step.
fn evaluated(job: &Job) -> Vec<Point> {
    let mut trainer = Trainer::new(&engine(), job).unwrap_or_else(|fault| panic!("{fault}"));
    let run = Run { evaluate: vec![0, 1], ..every_step(1, 1) };
    evaluations(train(&mut trainer, &run, &[0.0]).1, 0)
}

#[test]
fn every_family_evaluates_as_it_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    for name in families::ALL.concat() {
        let fixture = families::read(name);
        let mut job = families::job(&fixture);
        let rates = families::rates(&fixture);
        let (wanted, weights) = trained(&job, &rates[..10]);
        let bytes = exported(&job, &weights);
        is_for_inference(name, &job, &bytes);
        let path = folder.path().join(format!("{name}.onnx"));
        fs::write(&path, bytes).unwrap();
        let before = evaluated(&job);
        job.model.onnx = path;
        (job.model.frozen, job.no_decay) = (vec![], vec![]);
        let found = evaluated(&job);
        assert_ne!(before, found, "{name}: training changed something");
        assert!(!wanted.is_empty() && wanted.len() == found.len());
        for (wanted, found) in wanted.iter().zip(&found) {
            let apart = (wanted.value - found.value).abs();
            assert!(apart <= 1e-6 * wanted.value.abs().max(1.0), "{name}: {wanted:?}, exported {found:?}");
        }
    }
}

/// Counts, by code of its own, how often a model's largest output is the label.
#[test]
fn the_exported_model_reaches_the_reported_accuracy() {
    let fixture = Fixture::read("lenet");
    let mut job = fixture.job(None);
    job.model.init = Init::KaimingNormal;
    let (wanted, weights) = trained(&job, &[0.05; 120]);
    let engine = engine();
    let mut graph = engine.open(&exported(&job, &weights), false).unwrap();
    let Some(Source::Images(test)) = &job.data.test else { panic!() };
    let (images, labels) = (idx(&test.images), idx(&test.labels));
    let (pixels, labels) = (&images[16..], &labels[8..]);
    let Normalize { mean, std } = job.data.normalize.as_ref().unwrap();
    let batch = labels.len();
    let values = pixels.iter().map(|pixel| (f32::from(*pixel) / 255.0 - mean[0]) / std[0]).collect();
    let side = (pixels.len() / batch).isqrt();
    let input = Values { shape: vec![batch, 1, side, side], data: TensorData::F32(values) };
    let inputs = Onnx::decode(&fs::read(&job.model.onnx).unwrap(), &Selection::default()).unwrap();
    let output = graph.run(&[(inputs.inputs()[0].name.as_str(), &input)]).unwrap().pop().unwrap().2;
    let TensorData::F32(scores) = output.data else { panic!() };
    let classes = scores.len() / batch;
    let largest = |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    let right =
        scores.chunks(classes).zip(labels).filter(|(row, label)| largest(row) == usize::from(**label));
    let (right, accuracy) = (right.count(), values_of(&wanted, "test/accuracy"));
    assert!(accuracy > 0.3, "it learnt something: {accuracy}");
    assert_eq!(right as f64, (accuracy * batch as f64).round());
    assert!((right as f64 / batch as f64 - accuracy).abs() < 1e-6);
}

fn values_of(points: &[Point], name: &str) -> f64 {
    points.iter().find(|point| point.name == name).unwrap().value
}

/// The bytes of an IDX file, its header included.
fn idx(path: &Path) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}
