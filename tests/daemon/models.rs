//! Models that are trained while the daemon is killed, and checkpoints that cannot be read.

use super::{
    torture::{Random, assert_consistent, assert_same, disturb, results},
    *,
};

const SPEC: &str = "
name: models
model: {onnx: ROOT/sweeps/models/mlp.onnx, loss: cross_entropy}
data:
  train: {images: ROOT/sweeps/data/digits/train-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/digits/train-labels-idx1-ubyte.gz}
  test: {images: ROOT/sweeps/data/digits/t10k-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/digits/t10k-labels-idx1-ubyte.gz}
training:
  batch_size: 32
  full_budget: STEPS
  optimizer: {sgd: {momentum: 0.9}}
  log_every: 1 step
  evaluate: 25%
schedules: [cosine, linear]
parameters: {learning_rate: 0.05}
seeds: 2
resources: {workers: 2, threads: 1}
retry: {max: 9, backoff: 0 s}
checkpoint: {every: 20 steps}
";

fn home(steps: &str) -> Home {
    sweep_trainer::runtime::ensure(&mut |_| {}).unwrap();
    let home = Home::new();
    home.write("spec.yaml", &SPEC.replace("ROOT", env!("CARGO_MANIFEST_DIR")).replace("STEPS", steps));
    home
}

/// A daemon that nobody disturbs.
fn quiet(steps: &str) -> Vec<Vec<String>> {
    let mut home = home(steps);
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.ok(&["wait"]);
    let found = results(&home);
    home.ok(&["daemon", "stop"]);
    found
}

/// What is left beside the weights.
fn checkpoints(home: &Home) -> Vec<String> {
    let mut left = home.leavings();
    left.retain(|name| {
        name.contains(|character: char| character.is_ascii_digit()) && name.contains(".safetensors")
    });
    left.retain(|name| !name.ends_with("/last.safetensors") && !name.ends_with("/best.safetensors"));
    left
}

#[test]
fn models_come_to_the_same_numbers_whatever_was_killed() {
    let wanted = quiet("1500 steps");
    let mut random = Random::new("models");
    let mut home = home("1500 steps");
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.kill();
    let workers = disturb(&mut home, &mut random, 15, 200..2000, true);
    let left = home.number("SELECT count(*) FROM trials WHERE status NOT IN ('done')");
    println!("15 kills of the daemon and {workers} of workers; {left} of 4 trials were left");
    home.until_trials("done 4");
    home.until("the sweep is not over", |home| home.sweep(&["wait"]).status.success().then_some(()));
    let resumed = home.number("SELECT count(*) FROM attempts WHERE first_step > 0");
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
    assert_consistent(&home);
    assert!(resumed > 0, "some go on from checkpoints");
    assert_same(&results(&home), &wanted);
    assert_eq!(checkpoints(&home), [""; 0]);
}

#[test]
fn a_checkpoint_that_is_damaged_is_told_and_the_one_before_it_used() {
    let wanted = quiet("3000 steps");
    let mut home = home("3000 steps");
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    let two = "SELECT trial, max(step), min(step) FROM checkpoints GROUP BY trial HAVING count(*) = 2 AND min(step) > 100";
    home.until("no checkpoints", |home| (home.rows(two).len() == 2).then_some(()));
    // Those that were replaced are gone while training goes on.
    home.until("old checkpoints are left", |home| {
        let few = checkpoints(home).len() <= 6;
        assert_eq!(
            home.number("SELECT count(*) FROM trials WHERE status = 'done'"),
            0,
            "old ones stay until the end"
        );
        few.then_some(())
    });
    home.kill();
    let damaged = home.rows(two);
    assert!(!damaged.is_empty());
    for row in &damaged {
        let path = home.home().join(format!("checkpoints/{}/{}.safetensors", row[0], row[1]));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    home.start();
    home.ok(&["wait"]);
    for row in &damaged {
        let told = format!("trial {} goes on from step {}: a newer checkpoint was damaged", row[0], row[2]);
        assert!(home.log().contains(&told), "{told}: {}", home.log());
    }
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
    assert_same(&results(&home), &wanted);
    assert_eq!(checkpoints(&home), [""; 0]);
}
