//! A sweep's life: trained once, asked about, killed, gone on with.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn a_sweep_is_trained_once_and_answers_questions() {
    let place = Place::new();
    place.spec(SPEC);
    let first = place.sweep(&["run", "spec.yaml"]);
    assert!(first.status.success(), "{}", stderr(&first));
    let table = String::from_utf8(first.stdout.clone()).unwrap();
    assert!(table.contains("uba(phi=1)") && table.contains("cosine") && table.contains("100%"), "{table}");
    assert!(
        stderr(&first).contains("short: 4 trials (2 schedules × 2 budgets × 1 seed), 132 steps"),
        "{}",
        stderr(&first)
    );

    let again = place.sweep(&["run", "spec.yaml"]);
    assert!(stderr(&again).contains("nothing to train"), "{}", stderr(&again));
    let attempts = place.json(&["sql", "SELECT count(*) AS attempts FROM attempts", "--format", "json"]);
    assert_eq!(attempts, serde_json::json!([{"attempts": 4}]), "the second run trained nothing");

    let results = place.json(&["results", "last", "--format", "json"]);
    assert_eq!(results["version"], 1);
    let rows = results["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert!(["uba(phi=1)", "cosine"].contains(&row["schedule"].as_str().unwrap()), "{row}");
        assert!(["50%", "100%"].contains(&row["budget"].as_str().unwrap()), "{row}");
        assert!(row["mean"].as_f64().unwrap() > 0.4, "ten classes, so chance is 0.1: {row}");
        assert_eq!((&row["low"], &row["high"]), (&Value::Null, &Value::Null), "one seed has no interval");
        assert_eq!(row["settings"]["learning_rate"], 0.1);
    }

    let steps = "SELECT trial, count(*) AS n, max(step) AS last FROM curves WHERE name = 'train/loss' GROUP BY trial ORDER BY n";
    let curves = place.json(&["sql", steps, "--format", "json"]);
    let counts: Vec<_> =
        curves.as_array().unwrap().iter().map(|row| (row["n"].as_u64(), row["last"].as_u64())).collect();
    assert_eq!(counts[0], (Some(22), Some(21)), "`log_every: 1 step` keeps every step of 50 % of 2 × 22");
    assert_eq!(counts[3], (Some(44), Some(43)));
    assert!(place.ok(&["list"]).contains("short"));
    assert_eq!(place.ok(&["trials", "last"]).matches("done").count(), 4);
    assert!(place.ok(&["show", "1"]).contains("seed"));
}

#[test]
fn adding_a_schedule_trains_only_what_is_new() {
    let place = Place::new();
    place.spec(SPEC);
    place.ok(&["run", "spec.yaml"]);
    place.spec(&SPEC.replace("cosine]", "cosine, linear]"));
    let more = place.sweep(&["run", "spec.yaml"]);
    assert!(stderr(&more).contains("4 have results, 2 to train"), "{}", stderr(&more));
    assert_eq!(place.json(&["results", "last", "--format", "json"])["rows"].as_array().unwrap().len(), 6);
    assert_eq!(place.json(&["results", "1", "--format", "json"])["rows"].as_array().unwrap().len(), 4);
}

#[test]
fn another_home_makes_the_same_numbers() {
    let query =
        ["sql", "SELECT name, step, value FROM curves ORDER BY trial, name, step", "--format", "json"];
    let numbers: Vec<_> = (0..2)
        .map(|_| {
            let place = Place::new();
            // One worker, so that trials have the same numbers in both.
            place.spec(&SPEC.replace("parameters:", "resources: {workers: 1, threads: 1}\nparameters:"));
            place.ok(&["run", "spec.yaml"]);
            place.json(&query)
        })
        .collect();
    assert!(numbers[0].as_array().unwrap().len() > 100);
    assert_eq!(numbers[0], numbers[1], "bit for bit");
}

#[test]
fn a_sweep_that_was_killed_goes_on() {
    let place = Place::new();
    // Long enough to be killed in the middle: 40 trials.
    let long = SPEC.replace("2 epochs", "20 epochs").replace("parameters:", "seeds: 10\nparameters:");
    place.spec(&long);
    let mut child = place.command(&["run", "spec.yaml"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let done = |place: &Place| {
        let output = place.sweep(&[
            "sql",
            "SELECT count(*) AS n FROM trials WHERE status = 'done'",
            "--format",
            "json",
        ]);
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        rows[0]["n"].as_u64().unwrap_or(0)
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while done(&place) < 3 {
        assert!(
            Instant::now() < deadline && child.try_wait().unwrap().is_none(),
            "it ended before it was killed"
        );
        std::thread::yield_now();
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let workers = place.json(&["sql", "SELECT DISTINCT pid FROM attempts", "--format", "json"]);
    for worker in workers.as_array().unwrap() {
        while Path::new("/proc").join(worker["pid"].to_string()).exists() {
            assert!(Instant::now() < deadline, "worker {worker} outlives its scheduler");
            std::thread::yield_now();
        }
    }
    let before = done(&place);
    assert!((3..40).contains(&before), "{before}");
    let kept = place.json(&[
        "sql",
        "SELECT trial, value FROM curves WHERE name = 'test/loss' ORDER BY trial",
        "--format",
        "json",
    ]);

    let rest = place.sweep(&["run", "spec.yaml"]);
    assert!(rest.status.success(), "{}", stderr(&rest));
    let expected = format!("{before} have results, {} to train", 40 - before);
    assert!(stderr(&rest).contains(&expected), "{expected}: {}", stderr(&rest));
    assert_eq!(done(&place), 40);
    let attempts = "SELECT count(*) AS n FROM attempts WHERE \"end\" = 'done'";
    assert_eq!(place.json(&["sql", attempts, "--format", "json"])[0]["n"], 40, "nothing was trained twice");
    assert_eq!(
        place.json(&["sql", "SELECT count(*) AS n FROM attempts WHERE \"end\" IS NULL", "--format", "json"])
            [0]["n"],
        0
    );
    for row in kept.as_array().unwrap().iter().filter(|row| !row["value"].is_null()) {
        let query =
            format!("SELECT count(*) AS n FROM curves WHERE trial = {} AND name = 'test/loss'", row["trial"]);
        assert!(
            place.json(&["sql", &query, "--format", "json"])[0]["n"].as_u64() >= Some(1),
            "no result was lost"
        );
    }
}

#[test]
fn a_run_that_diverges_is_a_result() {
    let place = Place::new();
    place.spec(&SPEC.replace("learning_rate: 0.1", "learning_rate: 1e6"));
    let output = place.sweep(&["run", "spec.yaml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("diverged"));
    assert_eq!(place.ok(&["trials", "last"]).matches("diverged").count(), 4);
    let again = place.sweep(&["run", "spec.yaml"]);
    assert!(stderr(&again).contains("nothing to train"), "{}", stderr(&again));
}

#[test]
fn output_modes_say_less() {
    let place = Place::new();
    place.spec(SPEC);
    let quiet = place.sweep(&["run", "spec.yaml", "--output-mode", "quiet"]);
    assert!(
        quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty(),
        "{}",
        stderr(&quiet)
    );
    let json = place.json(&["--output-mode", "json", "run", "spec.yaml"]);
    assert_eq!(json["rows"].as_array().unwrap().len(), 4);
}

#[test]
fn a_second_scheduler_is_refused() {
    let place = Place::new();
    place.spec(&SPEC.replace("2 epochs", "400 epochs"));
    let mut first = place.command(&["run", "spec.yaml"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !place.home().join("sweep.db").exists() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    let second = place.sweep(&["run", "spec.yaml"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", stderr(&second));
    assert!(
        stderr(&second).contains(&first.id().to_string()),
        "it names who has the store: {}",
        stderr(&second)
    );
}

#[test]
fn what_is_not_there_is_code_102() {
    let place = Place::new();
    assert_eq!(place.sweep(&["results"]).status.code(), Some(102));
    place.spec(SPEC);
    place.ok(&["run", "spec.yaml"]);
    assert_eq!(place.sweep(&["results", "nothing-of-this-name"]).status.code(), Some(102));
    assert_eq!(place.sweep(&["show", "999"]).status.code(), Some(102));
}

#[test]
fn an_interrupt_lets_running_trials_finish_and_the_next_run_goes_on() {
    let place = Place::new();
    place.spec(&SPEC.replace("2 epochs", "20 epochs").replace("parameters:", "seeds: 10\nparameters:"));
    let child = place.command(&["run", "spec.yaml"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let running = ["sql", "SELECT count(*) AS n FROM trials WHERE status = 'running'", "--format", "json"];
    while !String::from_utf8_lossy(&place.sweep(&running).stdout).contains('2') {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("the same command goes on"), "{}", stderr(&output));
    assert_eq!(place.json(&running)[0]["n"], 0);
    let ends = place.json(&["sql", "SELECT DISTINCT \"end\" FROM attempts", "--format", "json"]);
    assert_eq!(ends, serde_json::json!([{"end": "done"}]), "nothing was thrown away");
    let rest = place.sweep(&["run", "spec.yaml"]);
    assert!(rest.status.success() && stderr(&rest).contains("have results"), "{}", stderr(&rest));
}

#[test]
fn seeds_are_paired_over_schedules_and_budgets() {
    let place = Place::new();
    place.spec(&SPEC.replace("parameters:", "seeds: 2\nparameters:"));
    place.ok(&["run", "spec.yaml"]);
    // The loss of the first batch, before its update: the same weights and the same samples.
    let firsts = "SELECT t.seed, count(DISTINCT c.value) AS losses, count(*) AS trials FROM curves AS c \
                  JOIN trials AS t ON t.trial = c.trial WHERE c.name = 'train/loss' AND c.step = 0 GROUP BY t.seed";
    let rows = place.json(&["sql", firsts, "--format", "json"]);
    assert_eq!(
        rows,
        serde_json::json!([{"seed": 0, "losses": 1, "trials": 4}, {"seed": 1, "losses": 1, "trials": 4}])
    );
}

/// The good spec over copies of its data, which a test may change.
fn with_own_data(place: &Place, spec: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/data/digits");
    for file in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        let name = format!("{file}-ubyte.gz");
        fs::copy(root.join(&name), place.path().join(&name)).unwrap();
    }
    place.spec(&spec.replace("ROOT/sweeps/data/digits/", ""));
}

#[test]
fn data_that_changes_during_a_run_is_not_trained_on() {
    let place = Place::new();
    with_own_data(
        &place,
        &SPEC.replace("2 epochs", "40 epochs").replace("parameters:", "seeds: 10\nparameters:"),
    );
    let child = place.command(&["run", "spec.yaml"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // A worker that has trained a step has read the data.
    let running = "SELECT pid FROM attempts AS a \
         WHERE \"end\" IS NULL AND EXISTS (SELECT 1 FROM curves AS c WHERE c.trial = a.trial)";
    let running = ["sql", running, "--format", "json"];
    let pids = loop {
        let rows: Value = serde_json::from_slice(&place.sweep(&running).stdout).unwrap_or_default();
        match rows.as_array() {
            Some(rows) if rows.len() == 2 => break [rows[0]["pid"].to_string(), rows[1]["pid"].to_string()],
            _ => assert!(Instant::now() < deadline),
        }
    };
    for file in ["images-idx3", "labels-idx1"] {
        let name = |set: &str| place.path().join(format!("{set}-{file}-ubyte.gz"));
        fs::copy(name("t10k"), name("train")).unwrap();
    }
    assert!(Command::new("kill").arg("-9").args(pids).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("have changed since the sweep was planned"), "{}", stderr(&output));
    let failed = "SELECT count(*) AS n FROM trials WHERE status = 'failed'";
    assert_eq!(place.json(&["sql", failed, "--format", "json"])[0]["n"], 0, "no trial is blamed");
}

#[test]
fn a_damaged_rate_table_is_written_again() {
    let place = Place::new();
    place.spec(SPEC);
    place.ok(&["run", "spec.yaml"]);
    for table in fs::read_dir(place.home().join("tables")).unwrap() {
        fs::write(table.unwrap().path(), [0; 16]).unwrap();
    }
    place.spec(&SPEC.replace("parameters:", "seeds: 2\nparameters:"));
    place.ok(&["run", "spec.yaml"]);
}
