//! What is measured before a plan is made: curvature and noise, against Hessians that PyTorch computed exactly.

use std::path::PathBuf;

use serde::Deserialize;
use sweep_trainer::curvature;
use sweep_wire::{Curvature, Images, Job, Normalize, Optimizer, Sgd, Source};

use super::{engine, fixture_dir, plain_job};

/// See `tests/fixtures/curvature/README.md`.
#[derive(Debug, Deserialize)]
struct Exact {
    model: PathBuf,
    data: Images,
    normalize: Normalize,
    batch_size: u64,
    batches: u32,
    parameters: u64,
    gradient_norm_squared: f64,
    noise: f64,
    hessian: Hessian,
}

#[derive(Debug, Deserialize)]
struct Hessian {
    largest: f64,
    trace_of_square: Option<f64>,
}

fn job(exact: &Exact) -> Job {
    let folder = fixture_dir().join("curvature");
    let train = Images { images: folder.join(&exact.data.images), labels: folder.join(&exact.data.labels) };
    let mut job = plain_job(folder.join(&exact.model), Source::Images(train));
    job.data.normalize = Some(exact.normalize.clone());
    job.batch_size = exact.batch_size;
    // None of it is part of the loss, so none of it may show.
    job.optimizer = Optimizer::Sgd(Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 0.1 });
    (job.clip_norm, job.ema, job.accumulate) = (Some(0.01), Some(0.9), 3);
    job
}

fn measured(name: &str) -> (Exact, Curvature) {
    let text = std::fs::read_to_string(fixture_dir().join("curvature").join(name)).unwrap();
    let exact: Exact = serde_json::from_str(&text).unwrap();
    let mut heard = Vec::new();
    let found = curvature::measure(&engine(), &job(&exact), &mut |done, of| heard.push((done, of))).unwrap();
    println!("{name}: {found:?}");
    let of = heard[0].1;
    assert_eq!(heard, (0..=of).map(|done| (done, of)).collect::<Vec<_>>(), "it is said how far it is");
    assert_eq!((found.seed, found.batches, found.products), (0, exact.batches, of - 1));
    (exact, found)
}

fn near(found: f64, exact: f64, tolerance: f64) {
    assert!((found / exact - 1.0).abs() < tolerance, "{found}, not {exact}");
}

#[test]
fn a_smooth_models_curvature_and_noise_are_those_of_its_exact_hessian() {
    let (exact, found) = measured("smooth.json");
    near(found.top, exact.hessian.largest, 2e-3);
    near(found.noise_trace, exact.noise, 1e-4);
    // ‖ḡ‖² holds a share of the noise, which is taken out.
    near(found.gradient_square, exact.gradient_norm_squared - exact.noise / 4.0, 1e-4);
    // One random direction estimates the trace to within a share of about √(2/n) and the spread of the spectrum.
    near(found.mean_square, exact.hessian.trace_of_square.unwrap() / exact.parameters as f64, 0.35);
    assert!(found.low > 0.0 && found.low < 0.2 * found.top, "{found:?}");
    let noise = found.noise_trace / found.gradient_square * found.mean_square / found.top.powi(2);
    near(found.noise(), noise, 1e-12);
}

#[test]
fn kinks_of_a_relu_hardly_show() {
    let (exact, found) = measured("mlp.json");
    // A ReLU that changes sides within the difference adds what no derivative has.
    near(found.top, exact.hessian.largest, 0.1);
    near(found.noise_trace, exact.noise, 1e-4);
}

#[test]
fn the_same_job_measures_the_same() {
    let ((_, first), (_, second)) = (measured("smooth.json"), measured("smooth.json"));
    assert_eq!(first, second);
}

#[test]
fn two_batches_are_the_least_that_tell_the_noise() {
    let text = std::fs::read_to_string(fixture_dir().join("curvature/smooth.json")).unwrap();
    let exact: Exact = serde_json::from_str(&text).unwrap();
    let measure = |batch_size| {
        let job = Job { batch_size, ..job(&exact) };
        curvature::measure(&engine(), &job, &mut |_, _| {})
    };
    // There are 1,437 samples.
    assert_eq!(measure(718).unwrap().batches, 2);
    let fault = measure(719).unwrap_err();
    assert_eq!(fault.at, "training.batch_size");
    assert!(fault.message.contains("two batches"), "{fault}");
}
