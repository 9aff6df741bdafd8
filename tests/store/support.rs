//! A home folder, trials, and what happens to them.

use std::{collections::BTreeMap, sync::Arc};

use sweep::{
    engine::{AttemptEnd, Kind, Limits, Millis, Need, Record, Terms, TrialEnd, TrialId},
    plan::{Keeping, PlannedTrial, Recipe, SweepInfo, Task},
    schedule::Table,
    store::{Store, Submission},
};
use sweep_wire::{
    Attempt, CrossEntropy, Data, Device, Every, Images, Init, Job, Loss, Model, Optimizer, Point, Sgd, Source,
};
use tempfile::TempDir;

pub(crate) const NOW: Millis = 1_700_000_000_000;

pub(crate) fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn job() -> Job {
    let images = || Source::Images(Images { images: "images.gz".into(), labels: "labels.gz".into() });
    Job {
        model: Model {
            onnx: "model.onnx".into(),
            output: None,
            loss: Loss::CrossEntropy(CrossEntropy::default()),
            init: Init::KaimingNormal,
            trainable: vec![],
            frozen: vec![],
        },
        data: Data {
            train: images(),
            validation: None,
            test: Some(images()),
            normalize: None,
            augment: Vec::new(),
            label_noise: None,
            drift: None,
            shuffle: true,
            split_seed: 0,
            memory: 1 << 30,
        },
        batch_size: 128,
        optimizer: Optimizer::Sgd(Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 5e-4 }),
        accumulate: 1,
        no_decay: vec![],
        clip_norm: None,
        ema: None,
        threads: 1,
        kernels: sweep_wire::Kernels::Own,
        device: Device::Cpu,
    }
}

/// A trial whose key is made of its arguments.
pub(crate) fn trial(schedule: &str, steps: u64, rate: f64, seed: u64) -> PlannedTrial {
    PlannedTrial {
        held: false,
        key: format!("{schedule} {steps} {rate} {seed}"),
        seed,
        recipe: Arc::new(Recipe {
            schedule: schedule.to_owned(),
            budget: format!("{}%", steps / 10),
            steps,
            settled: vec![],
            followed: None,
            settings: BTreeMap::from([("learning_rate".to_owned(), rate)]),
            task: Arc::new(Task::Train(job())),
            table: Table { rates: vec![rate as f32; steps as usize], momenta: None }.into(),
            log_every: 1,
            evaluate: vec![steps],
            keep: Keeping { every: Every::Seconds(30.0), weights: false, best: None },
        }),
    }
}

pub(crate) fn info(name: &str) -> SweepInfo {
    SweepInfo {
        name: name.to_owned(),
        description: None,
        spec: format!("name: {name}"),
        metric: "test/accuracy".to_owned(),
        selection_metric: None,
        maximize: true,
        facts: None,
        price: None,
    }
}

pub(crate) fn point(name: &str, step: u64, value: f64) -> Point {
    Point { name: name.to_owned(), step, value }
}

pub(crate) fn started(attempt: Attempt, trial: TrialId) -> Record {
    Record::AttemptStarted {
        attempt,
        trial,
        slot: 0,
        pid: 4711,
        process: "boot:1".into(),
        share: 0.5,
        at: NOW,
    }
}

pub(crate) fn points(attempt: Attempt, trial: TrialId, points: Vec<Point>) -> Record {
    Record::Points { attempt, trial, points }
}

pub(crate) fn attempt_ended(attempt: Attempt, trial: TrialId, end: AttemptEnd) -> Record {
    Record::AttemptEnded {
        attempt,
        trial,
        end,
        device_seconds: 2.0,
        train_seconds: 1.5,
        joules: None,
        at: NOW + 2000,
    }
}

pub(crate) fn trial_ended(trial: TrialId, end: TrialEnd) -> Record {
    Record::TrialEnded { trial, end, at: NOW + 2000 }
}

/// Runs one trial to its end, in one batch.
pub(crate) fn finish(store: &mut Store, trial: TrialId, accuracy: f64) {
    let attempt = store.next_attempt().unwrap();
    let records = [
        started(attempt, trial),
        points(attempt, trial, vec![point("train/loss", 0, 2.3), point("test/accuracy", 100, accuracy)]),
        attempt_ended(attempt, trial, AttemptEnd::Done),
        trial_ended(trial, TrialEnd::Done),
    ];
    store.apply(&records).unwrap();
}

pub(crate) fn diverge(store: &mut Store, trial: TrialId) {
    let attempt = store.next_attempt().unwrap();
    let records = [
        started(attempt, trial),
        attempt_ended(attempt, trial, AttemptEnd::Diverged { step: 7 }),
        trial_ended(trial, TrialEnd::Diverged { step: 7 }),
    ];
    store.apply(&records).unwrap();
}

pub(crate) fn terms() -> Terms {
    let need = Need { kind: Kind::Trainer, cpu: 1000, pin: false, gpu: None, memory: None, nice: 0 };
    Terms {
        grows: false,
        priority: 0,
        need,
        max_workers: 2,
        limits: Limits::default(),
        usd_per_hour: None,
        max_retries: 2,
        backoff_ms: 0,
        max_checkpoints: 2,
        stall_ms: None,
    }
}

/// A store with these trials in a sweep called `a`.
pub(crate) fn submitted(home: &TempDir, trials: &[PlannedTrial]) -> (Store, Submission) {
    let mut store = Store::open_writer(home.path()).unwrap();
    let submission = store.submit(&info("a"), trials, &terms(), NOW).unwrap();
    (store, submission)
}
