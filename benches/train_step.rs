//! How long a training step takes, beside PyTorch's on the same cores.
//!
//! `cargo bench --bench train_step [-- MODEL…]` prints steps per second and the time in each operator;
//! `cargo bench --bench train_step -- compare [MODEL…]` runs PyTorch eager in turn (`benches/peers`, with the Python that `PYTHON`
//! names) and prints ratios. Samples are noise: only time and memory are measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what cannot be measured ends it, and it prints its table"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};
use sweep_trainer::{Control, Engine, Said, Table, Trainer, runtime};
use sweep_wire::{
    Adam, Cifar10, CrossEntropy, Data, Device, Images, Init, Job, Kernels, Loss, Model, Optimizer, Run, Sgd,
    Source, Text,
};

/// Every model, its file and its batch, which are those of `benches/peers/models.py`.
const MODELS: [(&str, &str, u64); 5] = [
    ("mlp", "benches/models/mlp.onnx", 128),
    ("resnet8", "sweeps/models/resnet8.onnx", 128),
    ("resnet20", "benches/models/resnet20.onnx", 128),
    ("vit", "sweeps/models/vit.onnx", 64),
    ("gpt", "sweeps/models/gpt.onnx", 32),
];

/// The ways PyTorch may run a model; the quickest counts.
const PEERS: [[&str; 2]; 4] = [["1", "nchw"], ["2", "nchw"], ["1", "channels_last"], ["2", "channels_last"]];

/// How often each is measured, in turn.
const ROUNDS: usize = 3;

fn main() {
    let given: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = given.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["one", name, threads, kernels] => println!("{}", one(name, threads.parse().unwrap(), kernels, None)),
        ["compare", names @ ..] => compare(names),
        names => alone(names),
    }
}

fn chosen<'a>(names: &[&'a str]) -> Vec<&'a str> {
    if names.is_empty() { MODELS.iter().map(|(name, ..)| *name).collect() } else { names.to_vec() }
}

/// Steps per second, and where the time goes.
fn alone(names: &[&str]) {
    for name in chosen(names) {
        for threads in ["1", "2"] {
            let own = child(name, threads, "own");
            let standard = child(name, threads, "standard");
            let per_second = |value: &Value| 1e3 / value["median_ms"].as_f64().unwrap();
            println!(
                "{name}, {threads} threads: {:.1} steps/s, {:.1} with standard operators; {:.0} MiB; ready in {:.2} s, the \
                 next trial in {:.1} ms",
                per_second(&own),
                per_second(&standard),
                own["peak_mib"].as_f64().unwrap(),
                own["ready_s"].as_f64().unwrap(),
                own["next_trial_ms"].as_f64().unwrap()
            );
        }
        for kernels in ["own", "standard"] {
            let folder = tempfile::tempdir().unwrap();
            one(name, 2, kernels, Some(folder.path()));
            println!("  {kernels} kernels, 2 threads, ms per step:");
            for (operator, ms) in operators(folder.path()) {
                println!("    {ms:8.3}  {operator}");
            }
        }
    }
}

/// Ratios of PyTorch's best time to ours, and of memory.
fn compare(names: &[&str]) {
    println!("| model | ours ms | PyTorch ms | PyTorch's best | × as fast | ours MiB | PyTorch MiB |");
    println!("| --- | ---: | ---: | --- | ---: | ---: | ---: |");
    let mut logs = 0.0;
    let names = chosen(names);
    for name in &names {
        let mut ours: Option<Value> = None;
        let mut peer: Option<Value> = None;
        // Tokens have no channels.
        let peers = PEERS.into_iter().filter(|[_, layout]| *name != "gpt" || *layout == "nchw");
        for _ in 0..ROUNDS {
            keep_best(&mut ours, child(name, "2", "own"));
            for arguments in peers.clone() {
                keep_best(&mut peer, python(name, arguments));
            }
        }
        let (ours, peer) = (ours.unwrap(), peer.unwrap());
        let number = |value: &Value, key: &str| value[key].as_f64().unwrap();
        let ratio = number(&peer, "median_ms") / number(&ours, "median_ms");
        logs += ratio.ln();
        println!(
            "| {name} | {:.2} | {:.2} | {} threads, {} | {ratio:.2} | {:.0} | {:.0} |",
            number(&ours, "median_ms"),
            number(&peer, "median_ms"),
            peer["threads"],
            peer["layout"].as_str().unwrap(),
            number(&ours, "peak_mib"),
            number(&peer, "peak_mib"),
        );
    }
    println!("\ngeometric mean: {:.2}", (logs / names.len() as f64).exp());
}

fn keep_best(best: &mut Option<Value>, found: Value) {
    let median = |value: &Value| value["median_ms"].as_f64().unwrap();
    if best.as_ref().is_none_or(|best| median(&found) < median(best)) {
        *best = Some(found);
    }
}

/// One measurement in a process of its own, whose memory is the model's.
fn child(name: &str, threads: &str, kernels: &str) -> Value {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["one", name, threads, kernels]);
    output(&mut command)
}

fn python(name: &str, arguments: [&str; 2]) -> Value {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = root().join("benches/peers/train_step.py");
    output(Command::new(python).arg(script).arg(name).args(arguments))
}

/// The repository, of which the package with this program is `workers/trainer`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn output(command: &mut Command) -> Value {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Trains for some seconds; with a folder the runtime's profile is left in it.
fn one(name: &str, threads: u32, kernels: &str, profile: Option<&Path>) -> Value {
    let data = tempfile::tempdir().unwrap();
    let mut job = job(name, data.path());
    let begun = Instant::now();
    let library = runtime::ensure(&mut |line| println!("{line}")).unwrap();
    let mut engine = Engine::load(&library).unwrap();
    if let Some(folder) = profile {
        engine = engine.profiling(folder.join("profile"));
    }
    job.threads = threads;
    job.kernels = if kernels == "own" { Kernels::Own } else { Kernels::Standard };
    let mut trainer = Trainer::new(&engine, &job).unwrap_or_else(|fault| panic!("{}", fault.message));
    // From the first line of this process: runtime loaded, data read, graph built.
    let ready = begun.elapsed().as_secs_f64();
    let steps = 100_000;
    let run =
        Run { seed: 1, steps, table: PathBuf::new(), log_every: 1000, evaluate: vec![steps], keep: None };
    let table = Table::of_rates(vec![0.01; steps as usize]);
    let seconds = if profile.is_some() { 2.0 } else { 4.0 };
    let (mut times, since) = (Vec::new(), Instant::now());
    let mut last: Option<Instant> = None;
    trainer
        .train(&run, &table, &mut |said| {
            if matches!(said, Said::Nothing) {
                times.extend(last.map(|last| last.elapsed().as_secs_f64() * 1e3));
                last = Some(Instant::now());
            }
            let enough = since.elapsed().as_secs_f64() > seconds && times.len() > 10;
            if enough { Control::Abandon } else { Control::Continue }
        })
        .unwrap();
    // The next trial of a warm worker, until its first step.
    let (started, mut next) = (Instant::now(), None);
    trainer
        .train(&Run { seed: 2, ..run }, &table, &mut |said| {
            if matches!(said, Said::Nothing) {
                next = Some(started.elapsed().as_secs_f64() * 1e3);
                return Control::Abandon;
            }
            Control::Continue
        })
        .unwrap();
    times.drain(..3);
    times.sort_by(f64::total_cmp);
    json!({
        "model": name, "threads": threads, "median_ms": times[times.len() / 2], "quickest_ms": times[0],
        "ready_s": ready, "next_trial_ms": next, "peak_mib": peak_mib(),
    })
}

fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// Milliseconds per step in each kind of operator, from the profile that the runtime wrote; most first.
fn operators(folder: &Path) -> Vec<(String, f64)> {
    let (mut total, mut steps) = (BTreeMap::<String, f64>::new(), 0.0_f64);
    for entry in fs::read_dir(folder).unwrap() {
        let events: Vec<Value> = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let runs = events.iter().filter(|event| event["name"] == "model_run").count();
        if runs == 0 {
            continue; // the evaluation's
        }
        steps += runs as f64;
        for event in &events {
            let name = event["name"].as_str().unwrap_or_default();
            if event["cat"] == "Node" && name.ends_with("_kernel_time") {
                let operator = event["args"]["op_name"].as_str().unwrap_or_default().to_owned();
                *total.entry(operator).or_default() += event["dur"].as_f64().unwrap() / 1e3;
            }
        }
    }
    let mut all: Vec<_> = total.into_iter().map(|(operator, ms)| (operator, ms / steps)).collect();
    all.sort_by(|a, b| f64::total_cmp(&b.1, &a.1));
    all
}

fn job(name: &str, folder: &Path) -> Job {
    let (_, onnx, batch_size) =
        MODELS.into_iter().find(|(known, ..)| *known == name).expect("it is one of the models");
    let samples = 10 * batch_size as usize;
    let sgd = Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 5e-4 };
    let adamw = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.05 };
    let attention = matches!(name, "vit" | "gpt");
    let cross_entropy = CrossEntropy::default();
    Job {
        model: Model {
            onnx: root().join(onnx),
            output: None,
            loss: if name == "gpt" {
                Loss::TokenCrossEntropy(cross_entropy)
            } else {
                Loss::CrossEntropy(cross_entropy)
            },
            init: Init::Exported,
            trainable: vec![],
            frozen: vec![],
        },
        data: Data {
            train: source(name, samples, folder),
            validation: None,
            test: None,
            normalize: None,
            augment: vec![],
            label_noise: None,
            drift: None,
            shuffle: true,
            split_seed: 0,
            memory: 1 << 30,
        },
        batch_size,
        optimizer: if attention { Optimizer::AdamW(adamw) } else { Optimizer::Sgd(sgd) },
        accumulate: 1,
        no_decay: vec![],
        clip_norm: None,
        ema: None,
        threads: 1,
        device: Device::Cpu,
        kernels: Kernels::Own,
    }
}

/// Samples of noise, in the format that such data comes in.
fn source(name: &str, samples: usize, folder: &Path) -> Source {
    let mut state = 1_u64;
    let mut noise = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 33) % below) as u8
    };
    let path = |name: &str| folder.join(name);
    match name {
        "gpt" => {
            let text: Vec<u8> = (0..samples * 64 + 1).map(|_| noise(128)).collect();
            fs::write(path("text"), text).unwrap();
            Source::Text(Text { text: path("text"), length: 64 })
        }
        "resnet20" => {
            let mut records = Vec::new();
            for _ in 0..samples {
                records.push(noise(10));
                records.extend((0..3 * 32 * 32).map(|_| noise(256)));
            }
            fs::write(path("batch.bin"), records).unwrap();
            Source::Cifar10(Cifar10 { cifar10: vec![path("batch.bin")] })
        }
        _ => {
            let header = |extents: &[usize]| {
                let mut header = vec![0, 0, 8, extents.len() as u8];
                header.extend(extents.iter().flat_map(|extent| (*extent as u32).to_be_bytes()));
                header
            };
            let images = (0..samples * 784).map(|_| noise(256));
            let images: Vec<u8> = header(&[samples, 28, 28]).into_iter().chain(images).collect();
            fs::write(path("images"), images).unwrap();
            let labels = (0..samples).map(|_| noise(10));
            let labels: Vec<u8> = header(&[samples]).into_iter().chain(labels).collect();
            fs::write(path("labels"), labels).unwrap();
            Source::Images(Images { images: path("images"), labels: path("labels") })
        }
    }
}
