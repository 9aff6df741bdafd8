//! `workers/python/sweep_trial.py`, as training programs use it.

use std::process::{Command, Output as Finished, Stdio};

use sweep_wire::{FailureKind, Point};

use super::{
    programs::{Bench, failure},
    *,
};

const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/programs/stand_in.py");
const HELPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/workers/python");

fn points(said: &[FromWorker]) -> Vec<Point> {
    let points = said.iter().filter_map(|message| match message {
        FromWorker::Progress(progress) => Some(progress.points.clone()),
        _ => None,
    });
    points.flatten().collect()
}

#[tokio::test]
async fn a_program_that_is_interrupted_comes_to_the_same_result() {
    let mut whole = Bench::new().await;
    whole.launch(1, &["python3", STAND_IN], 1000);
    let expected = whole.rest().await;
    assert!(
        matches!(expected.last(), Some(FromWorker::Done { steps: 300, .. })),
        "{expected:?}, {}",
        whole.log()
    );
    let expected = points(&expected);
    assert_eq!(expected.len(), 31);

    let mut bench = Bench::new().await;
    bench.parameters.insert("stop_at".into(), 120.0);
    bench.launch(1, &["python3", STAND_IN], 1000);
    let first = bench.rest().await;
    assert_eq!(failure(&first).0, FailureKind::Transient);
    assert!(first.iter().any(|said| matches!(said, FromWorker::Checkpoint { step: 100, bytes: 1.., .. })));
    bench.checkpoints = vec![50, 100];
    bench.launch(2, &["python3", STAND_IN], 1000);
    let second = bench.rest().await;
    assert!(matches!(second[0], FromWorker::Started { step: 100, .. }), "{second:?}");
    let mut found: Vec<_> = points(&first).into_iter().filter(|point| point.step <= 100).collect();
    found.extend(points(&second));
    assert_eq!(found, expected);
    bench.process.log_to(&bench.path("other"));
    assert_eq!(bench.log(), "stopped half-way\n");
}

/// Runs a script beside the helper, with what a sweep would tell it where `swept`; what it reports is printed.
fn python(script: &str, swept: bool) -> Finished {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mut command = Command::new("python3");
    command.args(["-c", script]).env("PYTHONPATH", HELPER).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env_remove("SWEEP_TRIAL").stdin(Stdio::null());
    if swept {
        let trial = r#"{"version":1,"trial":7,"attempt":2,"schedule":"one_cycle","budget":"50%","steps":3,"seed":5,"checkpoints":[1,2],"parameters":{"learning_rate":0.1}}"#;
        fs::write(path("trial.json"), trial).unwrap();
        let table = [0.5_f32, 0.9, 0.25, 0.8, 0.125, 0.7];
        fs::write(path("table.f32"), table.map(f32::to_le_bytes).concat()).unwrap();
        command.env("SWEEP_TRIAL", path("trial.json")).env("SWEEP_LR", path("table.f32"));
        command.env("SWEEP_REPORT_FD", "1").env("SWEEP_CHECKPOINT", dir.path());
    }
    command.output().unwrap()
}

#[test]
fn a_trial_is_what_the_sweep_says() {
    let script = r#"
import math, os, sweep_trial
class Tensor:
    def __float__(self): return 0.75
trial = sweep_trial.load(steps=9, rate=1)
assert (trial.trial, trial.attempt, trial.seed, trial.steps) == (7, 2, 5, 3)
assert (trial.schedule, trial.budget, trial.parameters) == ("one_cycle", "50%", {"learning_rate": 0.1})
assert [trial.rate(step) for step in range(3)] == [0.5, 0.25, 0.125]
assert [round(trial.momentum(step), 3) for step in range(3)] == [0.9, 0.8, 0.7]
assert os.path.isdir(trial.checkpoint_folder) and trial.resume == 0
for step in (1, 3):
    open(trial.checkpoint_path(step), "w").close()
assert trial.resume == 1
trial.start(1)
trial.report(2, {"train/loss": math.nan, "a": Tensor()}, b=1)
trial.checkpointed(2)
trial.note("ä")
trial.diverged(3)
print("not reached")
"#;
    let output = python(script, true);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let lines = r#"{"start": 1}
{"step": 2, "train/loss": null, "a": 0.75, "b": 1.0}
{"checkpoint": 2}
{"note": "\u00e4"}
{"diverged": 3}
"#;
    assert_eq!(String::from_utf8_lossy(&output.stdout), lines);
    assert!(output.status.success());
}

#[test]
fn a_program_runs_by_itself_too() {
    let script = r#"
import os, sweep_trial
trial = sweep_trial.load(steps=2, rate=lambda step: 1 / (step + 1), seed=4)
assert (trial.rate(1), trial.momentum(1), trial.seed, os.listdir(trial.checkpoint_folder)) == (0.5, None, 4, [])
trial.report(2, {"test/accuracy": 0.5})
print(trial.checkpoint_folder)
"#;
    let output = python(script, false);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "step 2  test/accuracy 0.5\n");
    let folder = String::from_utf8(output.stdout).unwrap();
    assert!(folder.starts_with('/') && !Path::new(folder.trim_end()).exists());
}

#[test]
fn mistakes_are_said_clearly() {
    for (swept, call, problem) in [
        (false, "sweep_trial.load()", "RuntimeError: no sweep runs this program"),
        (true, "trial.report(4)", "ValueError: step 4 is not one of 0 to 3"),
        (true, "trial.rate(3)", "ValueError: step 3 is not one of 0 to 2"),
        (true, "trial.report(1.5)", "ValueError: `step` is 1.5, not a whole number"),
        (true, "trial.report(1, {'a': 'x'})", "TypeError: `a` is 'x', not a number"),
        (true, "trial.report(1, {1: 1})", "TypeError: the name of a metric is 1, not a text"),
    ] {
        let output = python(
            &format!("import sweep_trial\nif {}: trial = sweep_trial.load()\n{call}", i32::from(swept)),
            swept,
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.lines().last().unwrap().starts_with(problem), "{said}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    }
}
