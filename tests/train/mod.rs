//! Training, against numbers that PyTorch made.

mod curvature;
mod export;
pub(crate) mod families;
mod fixtures;
mod pace;
mod resume;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sweep_trainer::{Control, Engine, Outcome, Said, Table, Trainer, runtime};
use sweep_wire::{
    CrossEntropy, Data, Device, Images, Init, Job, Kernels, Loss, Model, Normalize, Optimizer, Point, Run,
    Sgd, Source,
};

/// ONNX Runtime, fetched when this machine does not have it.
pub(crate) fn engine() -> Engine {
    let library =
        runtime::ensure(&mut |line| println!("{line}")).unwrap_or_else(|e| panic!("{e}\n{}", e.hint()));
    Engine::load(&library).unwrap()
}

pub(crate) fn fixture_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// What PyTorch did with a model; see `tests/fixtures/make.py`.
#[derive(Debug, Deserialize)]
pub(crate) struct Fixture {
    model: PathBuf,
    data: FixtureData,
    batch_size: u64,
    optimizer: Optimizer,
    normalize: Normalize,
    pub(crate) rates: Vec<f32>,
    pub(crate) losses: Vec<f64>,
    pub(crate) evaluation: Evaluation,
}

#[derive(Debug, Deserialize)]
struct FixtureData {
    train: Images,
    test: Images,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Evaluation {
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
}

impl Fixture {
    pub(crate) fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(fixture_dir().join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The fixture's job on one thread, with another model file if one is given.
    pub(crate) fn job(&self, model: Option<&str>) -> Job {
        let dir = fixture_dir();
        let images = |images: &Images| {
            Source::Images(Images { images: dir.join(&images.images), labels: dir.join(&images.labels) })
        };
        let onnx = dir.join(model.map_or(self.model.as_path(), Path::new));
        let mut job = plain_job(onnx, images(&self.data.train));
        job.data.test = Some(images(&self.data.test));
        job.data.normalize = Some(self.normalize.clone());
        (job.batch_size, job.optimizer) = (self.batch_size, self.optimizer);
        job
    }
}

/// A job on one thread that starts from the file's weights and takes samples in the file's order.
pub(crate) fn plain_job(onnx: PathBuf, train: Source) -> Job {
    let sgd = Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
    Job {
        model: Model {
            onnx,
            output: None,
            loss: Loss::CrossEntropy(CrossEntropy::default()),
            init: Init::Exported,
            trainable: vec![],
            frozen: vec![],
        },
        data: Data {
            train,
            validation: None,
            test: None,
            normalize: None,
            augment: vec![],
            label_noise: None,
            drift: None,
            shuffle: false,
            split_seed: 0,
            memory: 1 << 30,
        },
        batch_size: 64,
        optimizer: Optimizer::Sgd(sgd),
        accumulate: 1,
        no_decay: vec![],
        clip_norm: None,
        ema: None,
        threads: 1,
        kernels: Kernels::Own,
        device: Device::Cpu,
    }
}

/// A run that logs every step and evaluates at the end.
pub(crate) fn every_step(seed: u64, steps: u64) -> Run {
    Run { seed, steps, table: PathBuf::new(), log_every: 1, evaluate: vec![steps], keep: None }
}

/// Trains one trial and gives all its points.
pub(crate) fn train(trainer: &mut Trainer, run: &Run, rates: &[f32]) -> (Outcome, Vec<Point>) {
    let mut points = Vec::new();
    let (outcome, _) = trainer
        .train(run, &Table::of_rates(rates.to_vec()), &mut |said| {
            if let Said::Update(update) = said {
                points.extend(update.points);
            }
            Control::Continue
        })
        .unwrap();
    (outcome, points)
}

pub(crate) fn values(points: &[Point], name: &str) -> Vec<f64> {
    points.iter().filter(|point| point.name == name).map(|point| point.value).collect()
}
