//! `sweep plan`: what a sweep will take, told beforehand.

use std::time::{Duration, Instant};

use super::*;

/// The plan of `spec.yaml` as one document, each trial in it, and what was said.
fn planned(place: &Place, more: &[&str]) -> (Value, String) {
    let arguments = [&["plan", "spec.yaml", "--trials", "--format", "json"], more].concat();
    let output = place.sweep(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["version"], 1);
    adds_up(&plan);
    // How busy this machine is is none of these tests' business.
    let said = stderr(&output);
    let said = said.lines().filter(|line| !line.starts_with("warning: the machine was at work"));
    (plan, said.map(|line| format!("{line}\n")).collect())
}

/// What trials take is what their budgets take, and these are the whole.
fn adds_up(plan: &Value) {
    let (budgets, total) = (plan["budgets"].as_array().unwrap(), &plan["total"]);
    let trials = plan["trials"].as_array().unwrap();
    let sum = |rows: &[Value], value: &dyn Fn(&Value) -> f64| rows.iter().map(value).sum::<f64>();
    for count in ["trials", "done", "left", "repeated", "steps_left"] {
        let number = |row: &Value| row[count].as_f64().unwrap();
        assert_eq!(sum(budgets, &number), number(total), "{count}: {plan:#}");
    }
    assert_eq!(trials.len() as u64, total["trials"]);
    let is_done = |trial: &&Value| ["done", "diverged"].contains(&trial["status"].as_str().unwrap());
    assert_eq!(trials.iter().filter(is_done).count() as u64, total["done"]);
    if total["device_seconds"].is_null() {
        return;
    }
    let mean = |row: &Value| row["device_seconds"]["mean"].as_f64().unwrap();
    let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * expected;
    assert!(close(sum(budgets, &mean), mean(total)), "{plan:#}");
    for budget in budgets {
        let of_budget: Vec<Value> =
            trials.iter().filter(|trial| trial["budget"] == budget["budget"]).cloned().collect();
        let seconds = sum(&of_budget, &|trial| trial["seconds_left"].as_f64().unwrap());
        assert!(close(seconds, mean(budget)), "{plan:#}");
    }
}

fn keys(rows: &Value) -> Vec<String> {
    let key = |row: &Value| row["key"].as_str().unwrap().to_owned();
    let mut keys: Vec<_> = rows.as_array().unwrap().iter().map(key).collect();
    keys.sort();
    keys
}

fn in_store(place: &Place, columns: &str) -> Value {
    let query = format!("SELECT {columns} FROM trials WHERE sweep = (SELECT max(sweep) FROM sweeps)");
    place.json(&["sql", &query, "--format", "json"])
}

#[test]
fn a_fresh_home_is_calibrated_once_and_its_plan_is_what_runs() {
    let place = Place::new();
    place.spec(SPEC);
    let (plan, said) = planned(&place, &[]);
    assert!(said.contains("measuring the time of a step"), "{said}");
    assert!(!place.home().join("sweep.db").exists(), "nothing is written but the calibration");
    let left: Vec<_> = fs::read_dir(place.home().join("calibration")).unwrap().collect();
    assert_eq!(left.len(), 1, "no scratch folder stays: {left:?}");
    let total = &plan["total"];
    assert_eq!((&total["trials"], &total["left"], &total["steps_left"]), (&4.into(), &4.into(), &132.into()));
    for part in ["load", "start", "step", "evaluation_batch", "checkpoint", "weights"] {
        assert!(plan["parts"][part]["seconds"].as_f64().unwrap() > 0.0, "{part}: {plan:#}");
        assert!(plan["parts"][part]["standard_error"].as_f64().unwrap() >= 0.0, "{part}: {plan:#}");
    }
    let device = &total["device_seconds"];
    assert!(device["low"].as_f64() <= device["mean"].as_f64(), "{plan:#}");
    assert!(device["mean"].as_f64() < device["high"].as_f64(), "{plan:#}");
    assert!(total["wall_seconds"]["mean"].as_f64() <= device["mean"].as_f64(), "{plan:#}");
    assert_eq!((&total["usd"], &plan["usd_per_hour"]), (&Value::Null, &Value::Null));

    let (again, said) = planned(&place, &[]);
    assert_eq!((again.clone(), said.as_str()), (plan.clone(), ""), "the second time nothing is measured");
    let (anew, said) = planned(&place, &["--measure-again"]);
    assert!(said.contains("measuring the time of a step"), "{said}");
    assert_eq!(keys(&anew["trials"]), keys(&plan["trials"]));

    place.ok(&["run", "spec.yaml"]);
    assert_eq!(keys(&in_store(&place, "key")), keys(&plan["trials"]), "what was planned was trained");
    let (done, _) = planned(&place, &[]);
    assert_eq!((&done["total"]["done"], &done["total"]["left"]), (&4.into(), &0.into()));
    assert_eq!(done["total"]["device_seconds"]["mean"], 0.0);
    let text = place.ok(&["plan", "spec.yaml"]);
    assert!(
        text.contains("4 trials (2 schedules × 2 budgets × 1 seed): 4 done already, nothing to train"),
        "{text}"
    );
}

#[test]
fn what_is_done_is_counted_and_tells_how_long_the_rest_takes() {
    let place = Place::new();
    // Momentum is no part of how long a step takes, and two jobs are loaded in turn.
    let spec = SPEC.replace("{learning_rate: 0.1}", "{learning_rate: 0.1, momentum: [0.8, 0.9]}");
    place.spec(&spec.replace("[50%, 100%]", "[100%]"));
    place.ok(&["run", "spec.yaml"]);
    place.spec(&spec.replace("parameters:", "seeds: 3\nparameters:"));
    let (plan, said) = planned(&place, &[]);
    assert_eq!(said, "", "nothing is measured");
    assert_eq!(plan["source"], serde_json::json!({"kind": "trials", "trials": 4, "median": false}));
    let counts =
        |row: &Value| [&row["trials"], &row["done"], &row["left"]].map(|count| count.as_u64().unwrap());
    assert_eq!(counts(&plan["total"]), [24, 4, 20]);
    assert_eq!(counts(&plan["budgets"][0]), [12, 0, 12]);
    assert_eq!(counts(&plan["budgets"][1]), [12, 4, 8]);
    // The ratio of sums, as the store has them.
    let sums = "sum(train_seconds) / sum(steps) AS step, sum(device_seconds - train_seconds) AS rest";
    let sums = &in_store(&place, sums)[0];
    let close = |found: &Value, expected: f64| {
        let found = found.as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9 * expected, "{found} is not {expected}");
    };
    close(&plan["parts"]["step"]["seconds"], sums["step"].as_f64().unwrap());
    // 360 test samples are six batches: after each 4 of 44 steps, and at the end of training samples as many.
    let batches = 4.0 * 6.0 * 12.0;
    close(&plan["parts"]["evaluation_batch"]["seconds"], sums["rest"].as_f64().unwrap() / batches);
    let (anew, said) = planned(&place, &["--measure-again"]);
    assert!(said.contains("measuring the time of a step"), "{said}");
    assert_eq!(anew["source"]["kind"], "calibration");
    // Other workers, or another batch size, are something else.
    for (from, to) in
        [("batch_size: 64", "batch_size: 32"), ("parameters:", "resources: {workers: 1}\nparameters:")]
    {
        place.spec(&spec.replace(from, to));
        assert_eq!(planned(&place, &[]).0["source"]["kind"], "calibration", "{to}");
    }
}

#[test]
fn a_budget_in_time_has_the_steps_that_were_planned() {
    let place = Place::new();
    let spec = SPEC.replace("[50%, 100%]", "[0.1 s, 0.3 s]").replace("uba: {phi: 1}", "uba: {phi: auto}");
    place.spec(&spec);
    let (plan, said) = planned(&place, &[]);
    assert!(said.contains("measuring the model's curvature") && said.contains("a step takes"), "{said}");
    assert_eq!(said.matches("measuring the time").count(), 1, "{said}");
    let run = place.sweep(&["run", "spec.yaml"]);
    assert!(run.status.success(), "{}", stderr(&run));
    assert!(!stderr(&run).contains("measuring"), "{}", stderr(&run));
    assert_eq!(keys(&in_store(&place, "key")), keys(&plan["trials"]));
}

#[test]
fn a_calibration_that_makes_no_sense_is_made_again() {
    let place = Place::new();
    place.spec(SPEC);
    planned(&place, &[]);
    let file = fs::read_dir(place.home().join("calibration")).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, "{\"version\": 1}").unwrap();
    assert!(planned(&place, &[]).1.contains("measuring the time of a step"));
    assert_eq!(planned(&place, &[]).1, "");
}

#[test]
fn money_is_told_and_a_limit_before_it_is_spent() {
    let place = Place::new();
    let priced = "pricing: {usd_per_hour: 3600}\nlimits: LIMITS\nparameters:";
    let spec = |limits: &str| SPEC.replace("parameters:", &priced.replace("LIMITS", limits));
    place.spec(&spec("{cost_usd: 1000000, trials: 4, wall_clock: 100 d}"));
    let (plan, said) = planned(&place, &[]);
    let verdicts = |plan: &Value| -> Vec<String> {
        let check = |check: &Value| format!("{} {} {}", check["limit"], check["verdict"], check["started"]);
        plan["limits"].as_array().unwrap().iter().map(check).collect()
    };
    let clear = ["\"trials\" \"clear\" 4", "\"wall_clock\" \"clear\" 4", "\"cost_usd\" \"clear\" 4"];
    assert_eq!(verdicts(&plan), clear);
    assert!(!said.contains("warning"), "{said}");
    // A dollar a second for the whole machine.
    let (usd, share) = (&plan["total"]["usd"], plan["machine"]["share"].as_f64().unwrap());
    let seconds = plan["total"]["device_seconds"]["mean"].as_f64().unwrap();
    let cost = usd["mean"].as_f64().unwrap();
    assert!((cost - seconds * share).abs() < 1e-9, "{plan:#}");

    place.spec(&spec(&format!("{{cost_usd: {}, trials: 3}}", cost / 2.0)));
    let (plan, said) = planned(&place, &[]);
    assert_eq!(plan["limits"][0]["verdict"], "reached");
    assert_eq!(plan["limits"][1]["verdict"], "reached");
    assert!(
        said.contains("warning: the limit `trials` of 3 will be reached, since the plan has 4"),
        "{said}"
    );
    assert!(said.contains("warning: the limit `cost_usd` of $"), "{said}");
    let text = place.ok(&["plan", "spec.yaml"]);
    assert!(text.contains("cost\n") && text.contains(" · $"), "{text}");
    assert!(!place.home().join("sweep.db").exists(), "nothing was spent");
}

#[test]
fn every_format_has_the_budgets_or_the_trials() {
    let place = Place::new();
    place.spec(SPEC);
    let csv = place.ok(&["plan", "spec.yaml", "--format", "csv"]);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(
        lines[0].starts_with("budget,steps,trials,done,left,repeated,steps_left,seconds_per_trial,"),
        "{csv}"
    );
    assert!(lines[1].starts_with("50%,22,2,0,2,0,44,"), "{csv}");
    let csv = place.ok(&["plan", "spec.yaml", "--trials", "--format", "csv"]);
    assert!(csv.starts_with("schedule,budget,steps,settings,seed,status,seconds_left,key\n"), "{csv}");
    assert!(csv.contains("uba(phi=1),100%,44,learning_rate=0.1,0,new,"), "{csv}");
    assert!(place.ok(&["plan", "spec.yaml", "--format", "md"]).contains("| 50% · 22 steps | 2 | 0 | 2 |"));
    assert!(place.ok(&["plan", "spec.yaml", "--trials"]).contains("device time"));
    let document = place.json(&["plan", "spec.yaml", "--output-mode", "json"]);
    assert_eq!((&document["name"], &document["trials"]), (&"short".into(), &Value::Null));
    assert_eq!(place.ok(&["plan", "spec.yaml", "--output-mode", "quiet"]), "");
}

#[test]
fn what_is_wrong_with_a_spec_is_told_as_by_run() {
    let place = Place::new();
    for (from, to) in [("phi: 1", "phi: 0"), ("mlp.onnx", "nowhere.onnx"), ("2 epochs", "9000000 epochs")] {
        place.spec(&SPEC.replace(from, to));
        let [plan, run] = ["plan", "run"].map(|verb| place.sweep(&[verb, "spec.yaml"]));
        assert_eq!(plan.status.code(), Some(2), "{to}");
        assert_eq!(stderr(&plan), stderr(&run), "{to}");
        assert!(plan.stdout.is_empty() && !place.home().exists(), "{to}: nothing is written");
    }
}

#[test]
fn a_daemon_at_work_is_left_alone() {
    let place = Place::new();
    // Nothing of it ends before the test does.
    let long = SPEC.replace("2 epochs", "40000 epochs").replace("log_every: 1 step", "log_every: 10%");
    // Divided by hand, so that no division is measured beside the daemon.
    place.spec(&(long + "resources: {workers: 2, threads: 1}\n"));
    place.ok(&["daemon", "start"]);
    place.ok(&["submit", "spec.yaml"]);
    let statuses = |plan: &Value| -> Vec<String> {
        let trials = plan["trials"].as_array().unwrap();
        trials.iter().map(|trial| trial["status"].as_str().unwrap().to_owned()).collect()
    };
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let (plan, _) = planned(&place, &[]);
        let statuses = statuses(&plan);
        assert!(
            statuses.iter().all(|status| ["queued", "running"].contains(&status.as_str())),
            "{statuses:?}"
        );
        if statuses.iter().any(|status| status == "running") {
            break;
        }
        assert!(Instant::now() < deadline, "{statuses:?}");
    }
    let (_, said) = planned(&place, &["--measure-again"]);
    assert!(said.contains("measuring the time of a step"), "{said}");
    assert_eq!(
        place.json(&["list", "--output-mode", "json"]).as_array().map(Vec::len),
        Some(1),
        "nothing is handed in"
    );
    assert!(place.ok(&["daemon", "status"]).contains("sweep"), "it goes on");
    place.ok(&["daemon", "stop", "--now"]);
    let (plan, _) = planned(&place, &[]);
    assert!(statuses(&plan).iter().all(|status| status == "queued"), "{plan:#}");
}

/// A program whose trials end at once.
const PROGRAM: &str = r#"
name: shell
command: [sh, -c, 'echo "{\"step\": 5, \"test/accuracy\": 0.5}" >&$SWEEP_REPORT_FD', '${args_no_hyphens}']
inputs: []
training: {full_budget: 10 steps}
budgets: [50%, 100%]
schedules: [constant]
parameters: {learning_rate: 0.1}
metric: {name: test/accuracy, goal: maximize}
limits: {wall_clock: 1 h}
"#;

#[test]
fn what_a_program_takes_shows_with_its_trials() {
    let place = Place::new();
    place.spec(PROGRAM);
    let (plan, said) = planned(&place, &[]);
    assert_eq!((&plan["source"]["kind"], &plan["total"]["left"]), (&"unknown".into(), &2.into()));
    assert_eq!(
        (&plan["total"]["device_seconds"], &plan["total"]["wall_seconds"]),
        (&Value::Null, &Value::Null)
    );
    assert!(said.contains("how long trials take is not known"), "{said}");
    assert!(!place.home().exists(), "nothing is written");
    let text = place.ok(&["plan", "spec.yaml"]);
    assert!(text.contains("Hours are unknown: what a program takes shows with its trials"), "{text}");

    place.ok(&["run", "spec.yaml"]);
    place.spec(&PROGRAM.replace("parameters:", "seeds: 2\nparameters:"));
    let (plan, _) = planned(&place, &[]);
    assert_eq!(plan["source"], serde_json::json!({"kind": "trials", "trials": 2, "median": true}));
    assert_eq!((&plan["total"]["done"], &plan["total"]["left"]), (&2.into(), &2.into()));
    let took = in_store(&place, "device_seconds / steps AS each");
    let mut each: Vec<_> = took.as_array().unwrap().iter().map(|row| row["each"].as_f64().unwrap()).collect();
    each.sort_by(f64::total_cmp);
    let median = f64::midpoint(each[0], each[1]);
    assert_eq!(plan["parts"]["step"]["seconds"].as_f64(), Some(median));
    // Another program is not known.
    place.spec(&PROGRAM.replace("0.5", "0.6"));
    assert_eq!(planned(&place, &[]).0["source"]["kind"], "unknown");
}
