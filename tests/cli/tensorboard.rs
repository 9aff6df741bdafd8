//! Event files for TensorBoard, read back by a reader of their own.

use serde_json::json;

use super::*;
use crate::store::{support, thousands};

/// What is in the event files of a folder, their checksums checked.
fn read(folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/tensorboard.py");
    let output = Command::new("python3").arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn folders(read: &Value) -> Vec<&str> {
    read.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_point_of_a_sweep_is_in_its_trials_folder() {
    let place = Place::new();
    place.spec(SPEC);
    place.ok(&["run", "spec.yaml"]);
    let told = place.sweep(&["tensorboard", "-o", "deep/board"]);
    let board = read(&place.path().join("deep/board"));
    assert_eq!(
        folders(&board),
        [
            "cosine/100%/learning_rate=0.1/seed=0",
            "cosine/50%/learning_rate=0.1/seed=0",
            "uba(phi=1)/100%/learning_rate=0.1/seed=0",
            "uba(phi=1)/50%/learning_rate=0.1/seed=0",
        ]
    );
    let mut all = 0;
    let trials = "SELECT trial, schedule, budget, steps, ended_at, (SELECT started_at FROM attempts WHERE
        attempts.trial = trials.trial) AS started_at FROM trials";
    for trial in place.json(&["sql", trials, "--format", "json"]).as_array().unwrap() {
        let text = |name: &str| trial[name].as_str().unwrap();
        let seconds = |name: &str| trial[name].as_f64().unwrap() / 1000.0;
        let run = &board[format!("{}/{}/learning_rate=0.1/seed=0", text("schedule"), text("budget"))];
        assert_eq!(
            run["parameters"],
            json!({"schedule": text("schedule"), "budget": text("budget"), "steps": trial["steps"].as_f64(),
                "seed": 0.0, "learning_rate": 0.1})
        );
        assert_eq!((&run["status"], run["ended"].as_f64()), (&json!(1), Some(seconds("ended_at"))));
        assert_eq!(run["started"].as_f64(), Some(seconds("started_at")));
        assert_eq!(run["times"], json!([seconds("started_at")]));
        let curves = format!(
            "SELECT name, step, value FROM curves WHERE trial = {} ORDER BY name, step",
            trial["trial"]
        );
        let curves = place.json(&["sql", &curves, "--format", "json"]);
        let expected: Vec<Value> = curves
            .as_array()
            .unwrap()
            .iter()
            .map(|row| json!([row["name"], row["step"], f64::from(row["value"].as_f64().unwrap() as f32)]))
            .collect();
        assert_eq!(run["points"], json!(expected));
        all += expected.len();
    }
    assert!(all > 132, "the training loss of each step, and evaluations: {all}");
    let line = format!("wrote {all} points of 4 trials; `tensorboard --logdir deep/board` shows them\n");
    assert_eq!(stderr(&told), line);
}

#[test]
fn a_folder_that_is_not_empty_is_asked_about() {
    let place = Place::new();
    thousands::make(&place.home(), thousands::Shape { trials: 200, sweeps: 2, waiting: false, losses: 0 });
    let board = place.path().join("board");
    fs::create_dir(&board).unwrap();
    let counted = place.json(&["--output-mode", "json", "tensorboard", "1", "-o", "board"]);
    assert_eq!(counted, json!({"version": 1, "trials": 100, "points": 1000}));
    let first = read(&board);
    assert_eq!(folders(&first).len(), 100);

    let refused = place.sweep(&["tensorboard", "1", "-o", "board"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("`board` is not empty"), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("`--force` replaces the event files"), "{}", stderr(&refused));
    place.ok(&["tensorboard", "1", "-o", "board", "--force"]);
    assert_eq!(read(&board), first, "the same again");
    place.ok(&["tensorboard", "2", "-o", "board/second"]);
    assert_eq!(folders(&read(&board)).len(), 200);

    fs::write(place.path().join("file"), "").unwrap();
    let refused = place.sweep(&["tensorboard", "-o", "file"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("`file` cannot be used"), "{}", stderr(&refused));
    assert_eq!(place.sweep(&["tensorboard", "9", "-o", "ninth"]).status.code(), Some(102));
    assert!(!place.path().join("ninth").exists());
}

#[test]
fn trials_that_diverged_failed_or_wait_are_told_apart() {
    let place = Place::new();
    let odd = "step(milestones=50%/75%, gamma=0.1)";
    let trials = [
        support::trial(odd, 100, 0.1, 0),
        support::trial("step(milestones=50%_75%, gamma=0.1)", 100, 0.1, 0),
        support::trial("constant", 100, 0.1, 0),
        support::trial(&"x".repeat(300), 100, 0.1, 0),
        support::trial("..", 100, 0.1, 0),
    ];
    let mut store = sweep::store::Store::open_writer(&place.home()).unwrap();
    let ids = store.submit(&support::info("a"), &trials, &support::terms(), support::NOW).unwrap().trials;
    support::finish(&mut store, ids[0].0, 0.5);
    support::finish(&mut store, ids[1].0, 0.25);
    for (attempt, index) in [(3, 3), (4, 4)] {
        let points = vec![support::point("test/loss", 7, f64::NAN), support::point("train/loss", 0, 0.0)];
        let records =
            [support::started(attempt, ids[index].0), support::points(attempt, ids[index].0, points)];
        store.apply(&records).unwrap();
    }
    let at = support::NOW;
    let (end, over) =
        (sweep::engine::AttemptEnd::Diverged { step: 7 }, sweep::engine::TrialEnd::Diverged { step: 7 });
    store.apply(&[support::attempt_ended(3, ids[3].0, end), support::trial_ended(ids[3].0, over)]).unwrap();
    place.ok(&["tensorboard", "-o", "board"]);
    let board = read(&place.path().join("board"));
    let long = format!("{}…/10%/learning_rate=0.1/seed=0", "x".repeat(120));
    let plain = "step(milestones=50%_75%, gamma=0.1)/10%/learning_rate=0.1/seed=0";
    assert_eq!(
        folders(&board),
        [".._/10%/learning_rate=0.1/seed=0", plain, &format!("{plain} (trial 2)"), &long],
        "the one that waits has no points"
    );
    assert_eq!(board[plain]["parameters"]["schedule"], odd);
    assert_eq!(
        board[plain]["points"],
        json!([["test/accuracy", 100, 0.5], ["train/loss", 0, f64::from(2.3_f32)]])
    );
    assert_eq!(board[&long]["points"], json!([["test/loss", 7, null], ["train/loss", 0, 0.0]]));
    assert_eq!(
        (&board[&long]["status"], &board[&long]["ended"]),
        (&json!(2), &json!((at + 2000) as f64 / 1000.0))
    );
    let running = &board[".._/10%/learning_rate=0.1/seed=0"];
    assert_eq!(
        (&running["status"], &running["ended"], &running["started"]),
        (&json!(3), &json!(0), &json!(at as f64 / 1000.0))
    );
}
