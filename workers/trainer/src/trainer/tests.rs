//! The ways that training on CUDA goes, tried where there is none: with a GPU's memory that is the host's, and with its
//! graphs on the CPU.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use ort::memory::Allocator;
use serde_json::json;
use sweep_wire::{Best, Device, Every, Init, Keep, Precision, Validation};

use super::*;
use crate::{cuda::Memory, runtime};

fn engine() -> Engine {
    Engine::load(&runtime::ensure(&mut |_| {}).unwrap()).unwrap()
}

fn job(model: &str) -> Job {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = |kind: &str| root.join(format!("sweeps/data/fashion/train-{kind}-ubyte.gz"));
    let images = json!({"images": file("images-idx3"), "labels": file("labels-idx1")});
    let loss = json!({"cross_entropy": {"label_smoothing": 0.0, "ignore_index": null, "class_weights": []}});
    let job = json!({
        "model": {
            "onnx": root.join("tests/fixtures").join(model), "output": null, "loss": loss, "init": "exported",
            "trainable": [], "frozen": [],
        },
        "data": {
            "train": images, "validation": null, "test": null,
            "normalize": {"mean": [0.286], "std": [0.353]}, "augment": [], "shuffle": true, "split_seed": 0,
            "memory": 1 << 30,
        },
        "batch_size": 128, "accumulate": 1, "optimizer": {"sgd": {"momentum": 0.9, "nesterov": true, "weight_decay": 5e-4}},
        "no_decay": [], "clip_norm": null, "ema": null, "threads": 1,
    });
    let mut job: Job = serde_json::from_value(job).unwrap();
    job.data.validation = Some(Validation::Share(0.05));
    job
}

/// Dropout, an average of the weights, passes that add up.
fn restless() -> Job {
    let mut job = job("lenet.onnx");
    job.model.init = Init::KaimingNormal;
    (job.ema, job.clip_norm, job.accumulate, job.batch_size) = (Some(0.9), Some(1.0), 2, 64);
    job
}

/// A trainer whose sessions are the CPU's, with these inputs of the step and of the evaluation read on the host and all
/// else in a GPU's memory, which is the host's too.
fn doubled(job: &Job, on_host: [&[&str]; 2]) -> Trainer {
    let engine = engine();
    let prepared = prepare(&engine, job, job.accumulate).unwrap();
    let graphs = [&prepared.step.bytes, &prepared.evaluation.bytes];
    let sessions = graphs.map(|graph| engine.session(graph, 1, Device::Cpu).unwrap());
    let memory = on_host.map(|names| {
        let on_host: HashSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Some(Memory { allocator: Allocator::default(), on_host })
    });
    let buffers = Buffers::with(sessions, memory, &prepared).unwrap();
    let facts = prepared.facts(&engine, job.device);
    Trainer { job: job.clone(), prepared, buffers, facts }
}

struct Trained {
    outcome: Outcome,
    points: Vec<(String, u64, u64)>,
    /// The last and the best, as bits.
    weights: Vec<Vec<(String, Vec<u32>)>>,
    saved: Vec<u64>,
}

fn trained(trainer: &mut Trainer, folder: &Path, resume: Vec<u64>, log_every: u64, rates: &[f32]) -> Trained {
    let steps = rates.len() as u64;
    let best = Best { metric: "validation/loss".to_owned(), maximize: false };
    let keep = Keep {
        folder: folder.to_owned(),
        key: "key".to_owned(),
        every: Every::Steps(3),
        resume,
        weights: true,
        best: Some(best),
    };
    let evaluate = vec![2, 4, steps];
    let run = Run { seed: 5, steps, table: PathBuf::new(), log_every, evaluate, keep: Some(keep) };
    let (mut points, mut saved) = (Vec::new(), Vec::new());
    let mut report = |said| {
        match said {
            Said::Update(update) => points.extend(
                update.points.into_iter().map(|point| (point.name, point.step, point.value.to_bits())),
            ),
            Said::Checkpoint { step, .. } => saved.push(step),
            Said::Note(text) => panic!("{text}"),
            _ => {}
        }
        Control::Continue
    };
    let (outcome, _) = trainer.train(&run, &Table::of_rates(rates.to_vec()), &mut report).unwrap();
    let weights = ["last", "best"].map(|name| weights(&folder.join(format!("{name}.safetensors"))));
    let weights = weights.into_iter().flatten().collect();
    Trained { outcome, points, weights, saved }
}

fn weights(path: &Path) -> Option<Vec<(String, Vec<u32>)>> {
    let tensors = crate::checkpoint::read_weights(path).ok()?.tensors.into_iter();
    Some(tensors.map(|(name, (_, values))| (name, values.into_iter().map(f32::to_bits).collect())).collect())
}

fn in_folder(trainer: &mut Trainer, log_every: u64, rates: &[f32]) -> Trained {
    trained(trainer, tempfile::tempdir().unwrap().path(), vec![], log_every, rates)
}

#[test]
fn memory_of_a_device_changes_no_number() {
    let rates = [0.05; 8];
    let job = restless();
    let plain = in_folder(&mut Trainer::new(&engine(), &job).unwrap(), 1, &rates);
    assert!(plain.outcome == Outcome::Done && !plain.weights.is_empty() && plain.saved == [3, 6]);
    // What evaluations see of a weight is its average.
    let (seen, state) = ("fc1.weight", "average:fc1.weight");
    let cases: [([&[&str]; 2], bool); 3] = [
        ([&[], &[]], false),
        ([&[seen, state, "images", "rate"], &[]], true),
        ([&[], &[seen, "images"]], true),
    ];
    for (on_host, is_copied) in cases {
        let mut trainer = doubled(&job, on_host);
        {
            let step = &trainer.prepared.step;
            let states = step.state.iter().map(|state| &state.name);
            let names: Vec<_> = states.chain([&step.inputs[0].name, &step.rate]).collect();
            assert!(on_host[0].iter().all(|name| names.iter().any(|known| known == name)), "{names:?}");
        }
        assert_eq!(!trainer.buffers.copied().is_empty(), is_copied, "{on_host:?}");
        let folder = tempfile::tempdir().unwrap();
        let other = trained(&mut trainer, folder.path(), vec![], 1, &rates);
        assert!(other.points == plain.points && other.weights == plain.weights, "{on_host:?}");
    }
}

#[test]
fn a_trial_in_a_devices_memory_goes_on_from_its_checkpoint() {
    let (job, rates) = (restless(), [0.05; 8]);
    let folder = tempfile::tempdir().unwrap();
    let whole = trained(&mut doubled(&job, [&[], &[]]), folder.path(), vec![], 1, &rates);
    assert_eq!(whole.saved, [3, 6]);
    let rest = trained(&mut doubled(&job, [&[], &[]]), folder.path(), vec![3], 1, &rates);
    assert_eq!(rest.saved, [6], "it began at step 3");
    assert!(whole.weights == rest.weights);
    let after = |point: &&(String, u64, u64)| point.1 >= 3;
    assert!(whole.points.iter().filter(after).eq(&rest.points));
}

#[test]
fn on_a_device_the_loss_is_read_when_it_is_logged() {
    let job = job("lenet.onnx");
    let rates = [0.05; 8];
    let every = in_folder(&mut doubled(&job, [&[], &[]]), 1, &rates);
    let some = in_folder(&mut doubled(&job, [&[], &[]]), 4, &rates);
    let steps: Vec<u64> =
        some.points.iter().filter(|(name, ..)| name == "train/loss").map(|point| point.1).collect();
    assert_eq!(steps, [0, 4, 7]);
    assert!(some.points.iter().all(|point| every.points.contains(point)));
    let wild = [1e30; 30];
    let mut run =
        Run { seed: 5, steps: 30, table: PathBuf::new(), log_every: 10, evaluate: vec![30], keep: None };
    let end = |trainer: &mut Trainer, run: &Run| {
        trainer.train(run, &Table::of_rates(wild.to_vec()), &mut |_| Control::Continue).unwrap().0
    };
    assert_eq!(end(&mut doubled(&job, [&[], &[]]), &run), Outcome::Diverged { step: 10 });
    run.log_every = 1;
    let Outcome::Diverged { step } = end(&mut doubled(&job, [&[], &[]]), &run) else { panic!("it did not") };
    assert!((1..=3).contains(&step), "{step}");
}

/// How far losses of the graphs for CUDA may be from those of the graphs for the CPU, both on the CPU; twenty steps of a
/// residual network amplify one rounding to 9e-4.
const TOLERANCE: f64 = 3e-3;

#[test]
fn graphs_for_cuda_train_as_those_for_the_cpu_do() {
    for model in ["lenet.onnx", "resnet8.onnx"] {
        let cpu = job(model);
        let cuda = Job { device: Device::Cuda(Precision::Float32), ..cpu.clone() };
        let rates = [0.02; 6];
        let plain = in_folder(&mut Trainer::new(&engine(), &cpu).unwrap(), 1, &rates);
        let other = in_folder(&mut doubled(&cuda, [&[], &[]]), 1, &rates);
        assert_eq!(plain.points.len(), other.points.len());
        for ((name, step, value), other) in plain.points.iter().zip(&other.points) {
            let (value, other) = (f64::from_bits(*value), f64::from_bits(other.2));
            assert!((value - other).abs() <= TOLERANCE, "{model}, {name} at {step}: {value} and {other}");
        }
    }
}

#[test]
fn cuda_is_never_silently_the_cpu() {
    let job = Job { device: Device::Cuda(Precision::Float32), ..job("lenet.onnx") };
    let Err(fault) = Trainer::new(&engine(), &job) else { panic!("it can be trained") };
    assert_eq!(fault.at, "resources.device", "{fault}");
    assert!(fault.message.starts_with("CUDA cannot be used: "), "{fault}");
    assert!(fault.hint.is_some() && !fault.out_of_memory);
}

#[test]
fn memory_of_a_gpu_that_runs_out_is_not_the_models_fault() {
    let cpu = job("lenet.onnx");
    let cuda = Job { device: Device::Cuda(Precision::Float32), ..cpu.clone() };
    let prepared = prepare(&engine(), &cpu, 1).unwrap();
    let arena = EngineError("Failed to allocate memory for requested buffer of size 4096".to_owned());
    let fault = refused(&arena, &prepared, &cuda);
    assert!(fault.out_of_memory && fault.at == "resources.device", "{fault}");
    // 20,522 parameters, each with its momentum, twice.
    assert!(fault.message.contains("a step holds 1 MiB of state"), "{fault}");
    let others = [(&arena, &cpu), (&EngineError("no such operator".to_owned()), &cuda)];
    for fault in others.map(|(error, job)| refused(error, &prepared, job)) {
        assert!(!fault.out_of_memory && fault.at == "model.onnx", "{fault}");
    }
}

#[test]
fn sessions_of_the_cpu_read_every_input_on_the_host() {
    let engine = engine();
    let prepared = prepare(&engine, &job("lenet.onnx"), 1).unwrap();
    let session = engine.session(&prepared.step.bytes, 1, Device::Cpu).unwrap();
    let names: HashSet<String> = session.inputs().iter().map(|input| input.name().to_owned()).collect();
    assert!(names.contains("images") && names.len() > prepared.step.state.len());
    assert_eq!(crate::cuda::read_on_host(&session).unwrap(), names);
}
