//! What comes out of a sweep: models, everything about a trial, the best trial; and what is thrown away.

use super::*;

/// A sweep whose best weights are not always its last ones.
fn trained() -> Place {
    let place = Place::new();
    place.spec(&SPEC.replace("  test:", "  validation: 20%\n  test:").replace("2 epochs", "4 epochs"));
    place.ok(&["run", "spec.yaml"]);
    place
}

fn best(place: &Place) -> Value {
    let rows = place.json(&["trials", "--sort", "-value", "--limit", "1", "--format", "json"]);
    assert_eq!(rows.as_array().unwrap().len(), 1);
    rows[0].clone()
}

#[test]
fn the_best_trial_comes_out_as_a_model() {
    let place = trained();
    let best = best(&place);
    let values = place.json(&["sql", "SELECT max(value) AS value FROM trials", "--format", "json"]);
    assert_eq!(best["value"], values[0]["value"]);
    let trial = best["trial"].to_string();
    for which in ["best", "last"] {
        let file = format!("{which}.onnx");
        let output = place.sweep(&["export-model", &trial, "-o", &file, "--which", which]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains(&format!("weights of trial {trial}")), "{}", stderr(&output));
        let inspected = place.json(&["model", "inspect", &file, "--format", "json"]);
        let original = place.json(&[
            "model",
            "inspect",
            &format!("{}/sweeps/models/mlp.onnx", env!("CARGO_MANIFEST_DIR")),
            "--format",
            "json",
        ]);
        assert_eq!(inspected, original, "the same graph");
    }
    // The exported model is as good before any step as the trial was after its last.
    place.spec(
        &SPEC
            .replace("loss: cross_entropy}", "loss: cross_entropy, init: exported}")
            .replace("ROOT/sweeps/models/mlp.onnx", "last.onnx")
            .replace("full_budget: 2 epochs", "full_budget: 2 steps")
            .replace("learning_rate: 0.1", "learning_rate: 1e-30"),
    );
    place.ok(&["run", "spec.yaml"]);
    let again = place.json(&["sql", "SELECT value FROM trials WHERE sweep = 2 LIMIT 1", "--format", "json"]);
    let (again, before) = (again[0]["value"].as_f64().unwrap(), best["value"].as_f64().unwrap());
    assert!((again - before).abs() < 1e-6, "{again} {before}");
}

/// Python's own runtime has no code of ours; where it is missing there is nothing to compare with.
#[test]
fn python_finds_the_reported_accuracy() {
    let python = std::env::var("SWEEP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ready = Command::new(&python).args(["-c", "import numpy, onnxruntime"]).output();
    if !ready.is_ok_and(|output| output.status.success()) {
        println!("skipped: `{python}` has no numpy and onnxruntime; `SWEEP_PYTHON` names one that has");
        return;
    }
    let place = trained();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/models/check_export.py");
    for trial in ["1", "2", "3", "4"] {
        place.ok(&["export-model", trial, "-o", "trained.onnx", "--which", "last", "--force"]);
        let told = place.ok(&["show", trial, "--format", "json"]);
        fs::write(place.path().join("trial.json"), told).unwrap();
        let trial = fs::File::open(place.path().join("trial.json")).unwrap();
        let mut check = Command::new(&python);
        check.arg(&script).arg("trained.onnx").current_dir(place.path()).stdin(trial);
        let output = check.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn what_cannot_be_exported_is_said() {
    let place = trained();
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let output = place.sweep(&[&["export-model"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    };
    refused(&["99", "-o", "x.onnx"], 102, "no trial `99`");
    fs::write(place.path().join("there.onnx"), "mine").unwrap();
    refused(&["1", "-o", "there.onnx"], 2, "is there already");
    place.ok(&["export-model", "1", "-o", "there.onnx", "--force"]);
    refused(&["1", "-o", "no/such/folder/x.onnx"], 2, "cannot be written");
    let weights = place.home().join("checkpoints/1/last.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    refused(&["1", "-o", "x.onnx", "--which", "last"], 2, "is damaged");
    fs::remove_file(&weights).unwrap();
    refused(&["1", "-o", "x.onnx", "--which", "last"], 2, "cannot be opened");
    assert!(!place.path().join("x.onnx").exists());

    // A model file that is no longer the one that was trained.
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/models/mlp.onnx"),
        place.path().join("m.onnx"),
    )
    .unwrap();
    let without = "checkpoint: {weights: false}\nparameters:";
    place.spec(&SPEC.replace("ROOT/sweeps/models/mlp.onnx", "m.onnx").replace("cosine]", "linear]"));
    place.ok(&["run", "spec.yaml"]);
    let last = |place: &Place| {
        let rows = place.json(&["sql", "SELECT max(trial) AS trial FROM trials", "--format", "json"]);
        rows[0]["trial"].to_string()
    };
    refused(&[&last(&place), "-o", "m.onnx", "--force"], 2, "is the model that was trained");
    let bytes = fs::read(place.path().join("m.onnx")).unwrap();
    fs::write(place.path().join("m.onnx"), [&bytes[..], &[0x42, 0]].concat()).unwrap();
    refused(&[&last(&place), "-o", "x.onnx"], 2, "is not the model that was trained");
    fs::remove_file(place.path().join("m.onnx")).unwrap();
    refused(&[&last(&place), "-o", "x.onnx"], 2, "does not exist");
    place.spec(&SPEC.replace("parameters:", without).replace("cosine]", "constant]"));
    place.ok(&["run", "spec.yaml"]);
    refused(&[&last(&place), "-o", "x.onnx"], 2, "were not kept");
}

#[test]
fn a_trial_that_memorises_has_a_gap() {
    let place = Place::new();
    // Few samples, many epochs: 64 to train on, the rest to test.
    let spec = SPEC
        .replace("  normalize:", "  validation: 4.5%\n  normalize:")
        .replace("  train:", "  swap:")
        .replace("  test:", "  train:")
        .replace("  swap:", "  test:");
    place.spec(&spec.replace("2 epochs", "60 epochs"));
    place.ok(&["run", "spec.yaml"]);
    let rows = place.json(&["sql", "SELECT t.value, t.gap, s.value AS seen FROM trials AS t JOIN curves AS s ON s.trial = t.trial AND s.name = 'seen/accuracy'", "--format", "json"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!((number("seen") - number("value") - number("gap")).abs() < 1e-9, "{row}");
    }
    let results = place.json(&["results", "--format", "json"]);
    let gap = results["rows"][0]["gap"].as_f64().unwrap();
    assert!(gap > 0.0, "what was trained on is known better: {results}");
    let losses =
        place.json(&["sql", "SELECT gap FROM results WHERE metric = 'test/loss'", "--format", "json"]);
    assert!(losses.as_array().unwrap().iter().all(|row| row["gap"].as_f64().unwrap() > 0.0), "{losses}");
}

#[test]
fn show_says_everything() {
    let place = trained();
    let text = place.ok(&["show", "1"]);
    for words in [
        "trial 1: done",
        "learning rate",
        "train/loss",
        "validation/accuracy",
        "seen/accuracy",
        "went on",
        "optimizer",
        "sgd",
        "weights",
        "model hash",
        "runtime",
        "numerics",
        "cpu",
        "cost",
    ] {
        assert!(words == "went on" || text.contains(words), "{words}: {text}");
    }
    assert!(text.contains('▁') && text.contains('█'), "{text}");
    for line in text.lines().filter(|line| line.split_whitespace().all(|word| word.len() < 40)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let json = place.json(&["show", "1", "--format", "json"]);
    assert_eq!(json["version"], 1);
    assert_eq!(json["facts"]["contents"]["model"].as_str().unwrap().len(), 64);
    assert_eq!(
        json["weights"][0]["which"],
        if json["weights"].as_array().unwrap().len() == 2 { "best" } else { "last" }
    );
    assert!(json["curves"].as_array().unwrap().len() >= 6);
}

#[test]
fn trials_are_found() {
    let place = trained();
    let csv = place.ok(&["trials", "--columns", "trial,gap", "--limit", "2", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 3);
    assert_eq!(csv.lines().next(), Some("trial,gap"));
    let wrong = place.sweep(&["trials", "--columns", "gab"]);
    assert!(
        stderr(&wrong).contains("no column `gab`") && wrong.status.code() == Some(2),
        "{}",
        stderr(&wrong)
    );
}

#[test]
fn what_nothing_needs_is_deleted() {
    let place = trained();
    let home = place.home();
    let files = || {
        let mut files: Vec<_> = fs::read_dir(home.join("checkpoints"))
            .unwrap()
            .flat_map(|folder| fs::read_dir(folder.unwrap().path()).into_iter().flatten())
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        files
    };
    let before = files();
    for (path, bytes) in [
        ("checkpoints/1/17.safetensors", 10),
        ("checkpoints/999/last.safetensors", 20),
        ("checkpoints/stray", 0),
        ("tables/x.partial", 3),
    ] {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; bytes]).unwrap();
    }
    // What a gc that was killed leaves.
    fs::create_dir_all(home.join("checkpoints/998")).unwrap();
    let dry = place.ok(&["gc", "--dry-run"]);
    assert!(
        dry.contains("would delete 3 checkpoints and weights, 30 B") && dry.contains("1 rate tables, 3 B"),
        "{dry}"
    );
    assert!(home.join("checkpoints/1/17.safetensors").exists() && home.join("checkpoints/stray").exists());
    let scheduler = sweep::store::Store::open_writer(&home).unwrap();
    let refused = place.sweep(&["gc"]);
    assert!(!refused.status.success() && stderr(&refused).contains("is in use by another sweep"));
    drop(scheduler);
    assert!(home.join("checkpoints/1/17.safetensors").exists());
    place.ok(&["gc"]);
    assert_eq!(files(), before);
    for gone in ["998", "999", "stray"] {
        assert!(!home.join("checkpoints").join(gone).exists(), "{gone}");
    }

    let best = best(&place)["trial"].to_string();
    let kept = place.json(&["--output-mode", "json", "gc", "--keep-best", "1"]);
    assert_eq!(kept["dry_run"], false);
    let left = files();
    assert!(!left.is_empty() && left.len() <= 2, "{left:?}");
    let named = "SELECT DISTINCT trial FROM kept_weights";
    assert_eq!(place.json(&["sql", named, "--format", "json"]).as_array().unwrap().len(), 1);
    let selected = "SELECT trial FROM trials ORDER BY selection DESC, trial LIMIT 1";
    let selected = place.json(&["sql", selected, "--format", "json"])[0]["trial"].to_string();
    place.ok(&["export-model", &selected, "-o", "x.onnx"]);
    let other = (1..=4).map(|trial: u32| trial.to_string()).find(|trial| *trial != selected).unwrap();
    assert!(
        stderr(&place.sweep(&["export-model", &other, "-o", "y.onnx"])).contains("were not kept"),
        "{best}"
    );
    place.ok(&["run", "spec.yaml"]);
}

/// Needs `numpy` and `onnxruntime` for `python3`, which `.ci/run` installs.
#[test]
fn a_language_model_is_scored_and_sampled_by_stock_onnx_runtime() {
    let python = |arguments: &[&str]| Command::new("python3").args(arguments).output();
    let there = python(&["-c", "import numpy, onnxruntime"]).is_ok_and(|output| output.status.success());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "python3 has no numpy and onnxruntime");
        println!("skipped: python3 has no numpy and onnxruntime");
        return;
    }
    let place = Place::new();
    place.spec(
        "
model: {onnx: ROOT/sweeps/models/gpt.onnx, loss: token_cross_entropy, init: {truncated_normal: {std: 0.02}}}
data:
  train: {text: ROOT/sweeps/data/shakespeare/train.txt, length: 64}
  test: {text: ROOT/sweeps/data/shakespeare/test.txt, length: 64}
training: {batch_size: 32, full_budget: 12 steps, optimizer: {adamw: {beta2: 0.99}}, evaluate: end, ema: 0.5}
schedules: [cosine]
parameters: {learning_rate: 0.01}
metric: perplexity
",
    );
    place.ok(&["run", "spec.yaml"]);
    place.ok(&["export-model", "1", "-o", "gpt.onnx"]);
    let file = place.path().join("gpt.onnx");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps");
    let script = root.join("models/sample.py");
    let run = |more: &[&str]| {
        let output = python(&[&[script.to_str().unwrap(), file.to_str().unwrap()], more].concat()).unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let scored = run(&["--score", root.join("data/shakespeare/test.txt").to_str().unwrap()]);
    let scored: f64 = scored.trim().strip_prefix("perplexity ").unwrap().parse().unwrap();
    let reported =
        place.json(&["sql", "SELECT value FROM trials", "--format", "json"])[0]["value"].as_f64().unwrap();
    assert!(reported < 100.0, "128 characters, so it learnt something: {reported}");
    assert!((scored - reported).abs() < 1e-4 * reported, "{scored} {reported}");
    assert_eq!(run(&["HAMLET.", "--count", "40"]).strip_suffix('\n').unwrap().chars().count(), 47);
}
