//! Training on a GPU against training on the CPU. Off unless `SWEEP_TEST_GPU=1`, and in a process of its own, since a process
//! has one ONNX Runtime and this needs its CUDA build: see CONTRIBUTING.md.

use std::path::Path;

use sweep::device::Gpus;
use sweep_trainer::{Engine, Outcome, Trainer, runtime};
use sweep_wire::{Device, Every, Job, Keep, Point, Precision, Run};

use crate::train::{Fixture, every_step, families, train, values};

/// How far losses may be from the CPU's, in root mean square over the steps, with float32: what the fixtures in
/// `tests/fixtures` may be from PyTorch's.
const FLOAT32: f64 = 1e-3;
/// The same for the smaller fixtures in `tests/fixtures/families`: so many times what a nudge of the weights does to PyTorch,
/// and at least a few units in the last place of a loss.
const FLOAT32_NUDGES: f64 = 10.0;
const FLOAT32_FLOOR: f64 = 2e-5;
/// The same for all fixtures with TF32, whose 10 bits of mantissa round by up to 5e-4.
const TF32: f64 = 2e-2;
/// How much further than losses metrics of the test set may be.
const METRICS: f64 = 5.0;

/// ONNX Runtime with CUDA, where this suite is wanted and there is a GPU.
fn engine() -> Option<Engine> {
    let wanted = std::env::var("SWEEP_TEST_GPU").is_ok_and(|value| value == "1");
    if !wanted || Gpus::open().read().is_empty() {
        println!("skipped: no CUDA device");
        return None;
    }
    let library = runtime::cuda().unwrap_or_else(|error| panic!("{error}\n{}", error.hint()));
    Some(Engine::load(&library).unwrap())
}

/// Each fixture with its job for the CPU, its rates, and how far apart losses may be.
fn fixtures() -> Vec<(String, Job, Vec<f32>, f64)> {
    let plain = [("mlp", None), ("lenet", None), ("resnet8", None), ("resnet8", Some("resnet8-dynamo.onnx"))];
    let plain = plain.into_iter().map(|(name, model)| {
        let fixture = Fixture::read(name);
        (model.unwrap_or(name).to_owned(), fixture.job(model), fixture.rates, FLOAT32)
    });
    let families = families::ALL.concat().into_iter().map(|name| {
        let fixture = families::read(name);
        let nudged = fixture["nudged"]["rms"].as_f64().unwrap();
        let tolerance = FLOAT32_FLOOR.max(FLOAT32_NUDGES * nudged);
        (name.to_owned(), families::job(&fixture), families::rates(&fixture), tolerance)
    });
    plain.chain(families).collect()
}

fn run(engine: &Engine, job: &Job, rates: &[f32]) -> Vec<Point> {
    let mut trainer = Trainer::new(engine, job).unwrap_or_else(|fault| panic!("{fault}"));
    let (outcome, points) = train(&mut trainer, &every_step(0, rates.len() as u64), rates);
    assert_eq!(outcome, Outcome::Done);
    points
}

/// Trains a fixture here and there; what is too far apart.
fn compare(
    engine: &Engine,
    (name, job, rates): (&str, &Job, &[f32]),
    precision: Precision,
    tolerance: f64,
) -> Option<String> {
    let on_gpu = Job { device: Device::Cuda(precision), ..job.clone() };
    let (cpu, gpu) = (run(engine, job, rates), run(engine, &on_gpu, rates));
    let (here, there) = (values(&cpu, "train/loss"), values(&gpu, "train/loss"));
    assert_eq!(here.len(), there.len());
    let squares: f64 = here.iter().zip(&there).map(|(a, b)| (a - b).powi(2)).sum();
    let apart = (squares / here.len() as f64).sqrt();
    println!("{name}: {apart:.1e} from the CPU, {tolerance:.1e} allowed");
    let names =
        |points: &[Point]| points.iter().map(|point| (point.name.clone(), point.step)).collect::<Vec<_>>();
    assert_eq!(names(&cpu), names(&gpu), "{name}");
    let far = cpu.iter().zip(&gpu).find(|(a, b)| {
        a.name.starts_with("test/")
            && (a.value - b.value).abs() > METRICS * tolerance * a.value.abs().max(1.0)
    });
    let far = far.map(|(a, b)| format!("{name}: {} is {} and {} on the GPU", a.name, a.value, b.value));
    // Not a number is too far, too.
    let is_close = apart <= tolerance;
    far.or_else(|| (!is_close).then(|| format!("{name}: {apart:.1e} from the CPU, {tolerance:.1e} allowed")))
}

fn follows(precision: Precision, tolerance: impl Fn(f64) -> f64) {
    let Some(engine) = engine() else { return };
    let far: Vec<String> = fixtures()
        .iter()
        .filter_map(|(name, job, rates, own)| {
            compare(&engine, (name, job, rates), precision, tolerance(*own))
        })
        .collect();
    assert!(far.is_empty(), "{}", far.join("\n"));
}

#[test]
fn every_fixture_follows_the_cpu_in_float32() {
    follows(Precision::Float32, |own| own);
}

#[test]
fn every_fixture_follows_the_cpu_in_tf32() {
    follows(Precision::Tf32, |own| own.max(TF32));
}

/// A run of 20 steps that keeps checkpoints and weights in this folder.
fn kept(folder: &Path, resume: Vec<u64>) -> Run {
    let keep = Keep {
        folder: folder.to_owned(),
        key: "key".to_owned(),
        every: Every::Steps(8),
        resume,
        weights: true,
        best: None,
    };
    Run { keep: Some(keep), ..every_step(0, 20) }
}

#[test]
fn a_trial_goes_on_from_its_checkpoint() {
    let Some(engine) = engine() else { return };
    let fixture = Fixture::read("lenet");
    let job = Job { device: Device::Cuda(Precision::Float32), ..fixture.job(None) };
    let folder = tempfile::tempdir().unwrap();
    let trained = |resume| {
        let mut trainer = Trainer::new(&engine, &job).unwrap_or_else(|fault| panic!("{fault}"));
        train(&mut trainer, &kept(folder.path(), resume), &fixture.rates).1
    };
    let (whole, rest) = (trained(vec![]), trained(vec![8]));
    assert!(rest.iter().all(|point| point.step >= 8), "{rest:?}");
    let after: Vec<_> = whole.iter().filter(|point| point.step >= 8).collect();
    assert_eq!(after.len(), rest.len());
    for (a, b) in after.into_iter().zip(&rest) {
        assert!((a.value - b.value).abs() <= FLOAT32, "{a:?}, {b:?}");
    }
}
