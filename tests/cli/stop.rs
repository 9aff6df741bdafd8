//! A worker that is asked to stop does, whatever it is saying at that moment.

use std::time::{Duration, Instant};

use super::*;

/// Says something before and after each step.
const TALKATIVE: &str = "
name: talkative
model: {onnx: ROOT/sweeps/models/mlp.onnx, loss: cross_entropy}
data:
  train: {images: ROOT/sweeps/data/digits/train-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/digits/train-labels-idx1-ubyte.gz}
training: {batch_size: 64, full_budget: 1000000 steps, optimizer: sgd, log_every: 1 step, evaluate: end}
schedules: [cosine]
parameters: {learning_rate: 0.1}
resources: {workers: 1, threads: 1}
checkpoint: {every: 1 step, keep: 1}
";

#[test]
fn a_pause_that_meets_a_checkpoint_stops_the_trial_all_the_same() {
    let place = Place::new();
    place.spec(TALKATIVE);
    place.ok(&["daemon", "start"]);
    place.ok(&["submit", "spec.yaml"]);
    let count = |what: &str| {
        let rows = place.json(&["sql", what, "--format", "json"]);
        rows.as_array().unwrap().len()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let wait = |what: &str, least: usize| {
        while count(what) < least {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    for round in 1..=3 {
        wait(
            "SELECT 1 FROM attempts AS a JOIN checkpoints AS c ON c.attempt = a.attempt WHERE a.end IS NULL",
            1,
        );
        place.ok(&["pause", "last", "--stop"]);
        wait("SELECT 1 FROM attempts WHERE end = 'cancelled' AND message LIKE 'stopped on request%'", round);
        place.ok(&["resume", "last"]);
    }
    assert_eq!(count("SELECT 1 FROM attempts WHERE message LIKE '%did not stop%'"), 0);
    place.ok(&["daemon", "stop"]);
}
