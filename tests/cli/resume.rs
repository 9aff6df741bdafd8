//! Workers and schedulers that are killed in the middle of trials: nothing is trained twice that was on disk, and the
//! numbers are those of a sweep that nobody disturbed.

use std::{
    collections::BTreeMap,
    io::Read,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use sweep::store::{QueryLimits, query};
use sweep_trainer::checkpoint::read_weights;

use super::*;

/// Four trials of about a second each, with dropout, crops and a validation set.
const LONG: &str = "
name: long
model: {onnx: ROOT/sweeps/models/lenet.onnx, loss: cross_entropy}
data:
  train: {images: ROOT/sweeps/data/fashion/t10k-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/fashion/t10k-labels-idx1-ubyte.gz}
  validation: 20%
  augment: [{random_crop: {padding: 2}}, horizontal_flip]
training:
  batch_size: 64
  full_budget: 160 steps
  optimizer: {adamw: {weight_decay: 0.01}}
  ema: 0.99
  log_every: 1 step
  evaluate: 40 steps
schedules: [cosine, linear]
parameters: {learning_rate: 0.001}
seeds: 2
resources: {workers: WORKERS, threads: 1}
retry: {max: 9}
checkpoint: {every: 20 steps}
";

/// What a sweep's trials measured, and the weights they left, by seed and schedule.
fn left(place: &Place) -> (Value, BTreeMap<String, Vec<u32>>) {
    let points = "SELECT t.schedule, t.seed, c.name, c.step, c.value FROM curves AS c JOIN trials AS t ON t.trial = c.trial \
                  ORDER BY t.schedule, t.seed, c.name, c.step";
    let trials = place.json(&["sql", "SELECT trial, schedule, seed FROM trials", "--format", "json"]);
    let mut weights = BTreeMap::new();
    for trial in trials.as_array().unwrap() {
        let folder = place.home().join("checkpoints").join(trial["trial"].to_string());
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!((1..=2).contains(&names.len()), "a finished trial leaves its weights alone: {names:?}");
        for name in names {
            let name = name.to_str().unwrap();
            for (tensor, (_, values)) in read_weights(&folder.join(name)).unwrap().tensors {
                let key = format!("{} {} {name} {tensor}", trial["schedule"], trial["seed"]);
                weights.insert(key, values.into_iter().map(f32::to_bits).collect());
            }
        }
    }
    (place.json(&["sql", points, "--format", "json"]), weights)
}

/// Asks the store itself: a process for each question would be slower than the training that is to be disturbed.
fn rows(place: &Place, sql: &str) -> Vec<Value> {
    let Ok(table) = query(&place.home(), sql, QueryLimits::default()) else { return Vec::new() };
    let row = |row: &Vec<Value>| table.columns.iter().cloned().zip(row.iter().cloned()).collect();
    table.rows.iter().map(row).map(Value::Object).collect()
}

/// Waits until an attempt after attempt `after` has trained so many steps, and gives its number and its process.
fn running(place: &Place, scheduler: &mut Child, after: u64, steps: u64) -> (u64, String) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let query = format!(
        "SELECT pid, attempt FROM attempts AS a WHERE \"end\" IS NULL AND attempt > {after} AND {steps} <= \
         (SELECT max(step) FROM curves AS c WHERE c.trial = a.trial AND c.name = 'train/loss') - first_step"
    );
    loop {
        if let Some(row) = rows(place, &query).first() {
            return (row["attempt"].as_u64().unwrap(), row["pid"].to_string());
        }
        std::thread::sleep(Duration::from_millis(5));
        assert!(Instant::now() < deadline, "no worker came so far");
        if let Some(status) = scheduler.try_wait().unwrap() {
            let mut said = String::new();
            scheduler.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            let attempts = rows(place, "SELECT * FROM attempts");
            panic!("the sweep ended before it was disturbed: {status}: {said}\n{attempts:?}");
        }
    }
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
}

fn disturbed(workers: &str) {
    let spec = LONG.replace("WORKERS", workers);
    let quiet = Place::new();
    quiet.spec(&spec);
    quiet.ok(&["run", "spec.yaml"]);

    let place = Place::new();
    place.spec(&spec);
    let start =
        || place.command(&["run", "spec.yaml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut scheduler = start();
    let (attempt, worker) = running(&place, &mut scheduler, 0, 20);
    signal("-KILL", &worker);
    let (attempt, worker) = running(&place, &mut scheduler, attempt, 20);
    signal("-TERM", &worker);
    running(&place, &mut scheduler, attempt, 20);
    scheduler.kill().unwrap();
    scheduler.wait().unwrap();
    // What it left open is not running.
    let last = rows(&place, "SELECT max(attempt) AS last FROM attempts")[0]["last"].as_u64().unwrap();

    // Ctrl-C twice: the state is written and the program ends.
    let mut scheduler = start();
    running(&place, &mut scheduler, last, 10);
    signal("-INT", &scheduler.id().to_string());
    std::thread::sleep(Duration::from_millis(150));
    signal("-INT", &scheduler.id().to_string());
    let output = scheduler.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));

    let rest = place.sweep(&["run", "spec.yaml"]);
    assert!(rest.status.success(), "{}", stderr(&rest));
    let attempts = rows(&place, "SELECT \"end\", message, first_step FROM attempts ORDER BY attempt");
    let ends = |end: &str, message: &str| {
        let like =
            |row: &&Value| row["end"] == end && row["message"].as_str().unwrap_or("").contains(message);
        attempts.iter().filter(like).count()
    };
    assert_eq!(ends("done", ""), 4, "{attempts:?}");
    assert_eq!(ends("failed", "killed by SIGKILL"), 1, "{attempts:?}");
    assert_eq!(ends("failed", "stopped on request"), 1, "TERM writes a checkpoint: {attempts:?}");
    assert!(ends("cancelled", "scheduler went away") >= 1, "{attempts:?}");
    let resumed =
        attempts.iter().filter(|row| row["first_step"].as_u64().is_some_and(|step| step > 0)).count();
    assert!(resumed >= 3, "attempts go on where others were: {attempts:?}");
    let (found, wanted) = (left(&place), left(&quiet));
    assert!(wanted.0.as_array().unwrap().len() > 600 && !wanted.1.is_empty());
    assert!(found == wanted, "bit for bit");
}

#[test]
fn one_worker_that_is_disturbed_ends_with_the_same_numbers() {
    disturbed("1");
}

#[test]
fn two_workers_that_are_disturbed_end_with_the_same_numbers() {
    disturbed("2");
}
