//! Bad input: one error with its place and a hint, exit code 2, nothing written.

use super::*;

/// Runs a spec made from the good one by replacing text; its error must start with `place` and contain `parts`.
fn refused(from: &str, to: &str, place_of_error: &str, parts: &[&str]) {
    assert!(SPEC.contains(from), "{from}");
    let place = Place::new();
    place.spec(&SPEC.replacen(from, to, 1));
    let output = place.sweep(&["run", "spec.yaml"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{to}: {said}");
    assert!(said.starts_with(&format!("error: spec.yaml:{place_of_error}: ")), "{to}: {said}");
    for part in parts {
        assert!(said.contains(part), "{to}: `{part}` is not in: {said}");
    }
    assert!(output.stdout.is_empty() && !place.home().exists(), "nothing is written");
}

const MODEL: &str = "ROOT/sweeps/models/mlp.onnx";
const IMAGES: &str = "ROOT/sweeps/data/digits/train-images-idx3-ubyte.gz";
const LABELS: &str = "ROOT/sweeps/data/digits/train-labels-idx1-ubyte.gz";

#[test]
fn specs_are_checked_before_anything_starts() {
    refused("phi: 1", "phi: 0", "14:25", &["phi", "above 0", "found `0`"]);
    refused("batch_size", "batchsize", "9:3", &["batchsize", "batch_size"]);
    refused("version: 1", "version: 7", "1:10", &["7"]);
    refused("cosine]", "cosine, cosine]", "14:38", &["cosine"]);
}

#[test]
fn specs_are_checked_against_model_and_data() {
    refused(
        "version: 1",
        "version: 1\nmetric: {name: pixel_accuracy}",
        "2:16",
        &["not measured by `pixel_accuracy`", "hint: it is measured by `loss`, `accuracy`"],
    );
    refused("version: 1", "version: 1\nmetric: pixel_accuracy", "2:9", &["not measured by `pixel_accuracy`"]);
    refused("batch_size: 64", "batch_size: 64\n  accumulate: 23", "10:15", &["1472 samples", "1437"]);
}

#[test]
fn models_are_checked() {
    refused(MODEL, "nowhere.onnx", "3:15", &["nowhere.onnx", "does not exist", "hint: paths are relative"]);
    refused(MODEL, "ROOT/tests/fixtures/bad/not-onnx.onnx", "3:15", &["not-onnx.onnx", "hint:"]);
    refused(MODEL, "ROOT/tests/fixtures/bad/truncated.onnx", "3:15", &["truncated.onnx"]);
    refused(MODEL, "ROOT/tests/fixtures/bad/unknown-op.onnx", "3:15", &["Shrink", "choose"]);
    refused(MODEL, "ROOT/sweeps/models/resnet8.onnx", "5:19", &["8×8", "1×28×28"]);
}

#[test]
fn programs_are_checked() {
    let place = Place::new();
    place.spec(
        "program: train.py\ninputs: [train.py, data.bin]\nmetric: {name: test/accuracy, goal: maximize}\n\
         training: {full_budget: 10 steps}\nschedules: [cosine]\nparameters: {learning_rate: 0.1}\n",
    );
    let said = |command: &[&str]| {
        let output = place.sweep(command);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(output.stdout.is_empty() && !place.home().exists(), "nothing is written");
        stderr(&output)
    };
    let missing = |place: &str, name: &str| {
        format!(
            "error: spec.yaml:{place}: `{name}` is not there\n\nhint: paths are relative to the spec's folder\n"
        )
    };
    assert_eq!(said(&["run", "spec.yaml"]), missing("1:10", "train.py"));
    fs::write(place.path().join("train.py"), "").unwrap();
    assert_eq!(said(&["run", "spec.yaml"]), missing("2:20", "data.bin"));
    assert_eq!(
        said(&["data", "inspect", "spec.yaml"]),
        "error: spec.yaml runs a program, which reads its data itself\n"
    );
}

#[test]
fn data_is_checked() {
    let bad = |name: &str| format!("ROOT/tests/fixtures/bad/{name}");
    refused(IMAGES, "nowhere.gz", "5:19", &["nowhere.gz", "does not exist"]);
    refused(IMAGES, &bad("images-wrong-magic-idx3-ubyte.gz"), "5:19", &["not an IDX file"]);
    refused(IMAGES, &bad("images-too-short-idx3-ubyte.gz"), "5:19", &["truncated"]);
    refused(IMAGES, &bad("images-truncated-idx3-ubyte.gz"), "5:19", &["truncated"]);
    refused(IMAGES, &bad("images-too-large-idx3-ubyte.gz"), "5:19", &["than any disk holds"]);
    refused(IMAGES, MODEL, "5:19", &["not an IDX file"]);
    // Where the labels' path starts depends on where the repository is.
    let before = SPEC
        .lines()
        .find_map(|line| line.trim_start().starts_with("train:").then(|| line.split(LABELS).next()));
    let column = before.flatten().unwrap().replace("ROOT", env!("CARGO_MANIFEST_DIR")).len() + 1;
    refused(LABELS, &bad("labels-idx1-ubyte.gz"), &format!("5:{column}"), &["4 labels for 1437 images"]);
}

#[test]
fn labels_out_of_range_are_found() {
    let place = Place::new();
    let spec = SPEC
        .replacen(IMAGES, "ROOT/tests/fixtures/bad/images-idx3-ubyte.gz", 1)
        .replacen(LABELS, "ROOT/tests/fixtures/bad/labels-out-of-range-idx1-ubyte.gz", 1)
        .replace("batch_size: 64", "batch_size: 2");
    place.spec(&spec);
    let output = place.sweep(&["run", "spec.yaml"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("label 10 of sample") && said.contains("0 to 9"), "{said}");
    assert!(!place.home().exists());
}

#[test]
fn shapes_that_do_not_fit_are_found() {
    refused("batch_size: 64", "batch_size: 5000", "9:15", &["5000", "1437"]);
    refused(
        "mean: [0.0192], std: [0.0236]",
        "mean: [0.1, 0.1], std: [1, 1]",
        "7:14",
        &["2 values", "1 channel"],
    );
}

#[test]
fn a_spec_that_is_not_there_or_not_text_is_an_error() {
    let place = Place::new();
    let missing = place.sweep(&["run", "nowhere.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("nowhere.yaml"), "{}", stderr(&missing));
    fs::write(place.path().join("binary.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(place.sweep(&["run", "binary.yaml"]).status.code(), Some(2));
    fs::write(place.path().join("large.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(stderr(&place.sweep(&["run", "large.yaml"])).contains("larger than 1 MiB"));
}

#[test]
fn without_pip_or_cache_the_ways_out_are_said() {
    let place = Place::new();
    place.spec(SPEC);
    let cache = place.path().join("cache");
    let output = place
        .command(&["run", "spec.yaml"])
        .env("XDG_CACHE_HOME", &cache)
        .env("PATH", place.path())
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["pip is not there", "(1)", "(2)", "(3)", "ORT_DYLIB_PATH"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let named = place.command(&["run", "spec.yaml"]).env("ORT_DYLIB_PATH", "/nowhere.so").output().unwrap();
    assert!(stderr(&named).contains("/nowhere.so"), "{}", stderr(&named));
}
