//! `sweep model inspect`.

use std::fs;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

fn inspect(place: &Place, file: &str, more: &[&str]) -> Value {
    place.json(&[&["model", "inspect", file, "--format", "json"], more].concat())
}

/// Elements of all tensors with this role.
fn elements(found: &Value, role: &str) -> u64 {
    let size = |tensor: &Value| -> u64 {
        tensor["shape"].as_array().unwrap().iter().map(|extent| extent.as_u64().unwrap()).product()
    };
    found["tensors"].as_array().unwrap().iter().filter(|tensor| tensor["role"] == role).map(size).sum()
}

#[test]
fn every_fixture_can_be_trained() {
    let place = Place::new();
    for file in fs::read_dir(format!("{FIXTURES}/families")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "onnx") {
            let fixture: Value =
                serde_json::from_str(&fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
            let output = fixture["output"].as_str().unwrap();
            let found = inspect(&place, path.to_str().unwrap(), &["--output", output]);
            assert_eq!(found["trainable"], true, "{}: {}", path.display(), found["problems"]);
            assert!(found["step_flops"].as_u64() > found["forward_flops"].as_u64(), "{}", path.display());
        }
    }
}

#[test]
fn what_trains_is_the_same_whichever_exporter_wrote_it() {
    let place = Place::new();
    let [old, new] = ["resnet8", "resnet8-dynamo"]
        .map(|name| inspect(&place, &format!("{FIXTURES}/{name}.onnx"), &["--batch-size", "2"]));
    // Counted by PyTorch: `sum(p.numel() for p in model.parameters())`, and the running statistics.
    for found in [&old, &new] {
        assert_eq!((elements(found, "parameter"), elements(found, "statistic")), (77_754, 672));
    }
    let why = |found: &Value| {
        let tensors = found["tensors"].as_array().unwrap();
        tensors.iter().find(|tensor| tensor["name"] == "conv.weight").unwrap()["why"].clone()
    };
    assert_eq!((why(&old), why(&new)), ("the weight of a convolution".into(), why(&old)));
    // A 3×3 convolution of 28×28 positions from 1 to 16 channels, two samples, a multiply-add counted as two.
    assert!(old["forward_flops"].as_u64().unwrap() > 2 * 2 * 28 * 28 * 16 * 9);
}

#[test]
fn the_training_step_is_written_once() {
    let place = Place::new();
    let step = place.path().join("step.onnx");
    let args = ["model", "inspect", &format!("{FIXTURES}/mlp.onnx"), "--export-step", step.to_str().unwrap()];
    let text = place.ok(&args);
    assert!(text.contains("this model can be trained"), "{text}");
    assert!(fs::metadata(&step).unwrap().len() > 1000);
    let again = place.sweep(&args);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("cannot be written"), "{}", stderr(&again));
}

#[test]
fn what_cannot_be_inspected_is_said() {
    let place = Place::new();
    let refused = |file: &str, more: &[&str], what: &str| {
        let output = place.sweep(&[&["model", "inspect", file], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(what), "{}", stderr(&output));
    };
    refused("nowhere.onnx", &[], "does not exist");
    refused(&format!("{FIXTURES}/bad/not-onnx.onnx"), &[], "not a readable ONNX model");
    refused(&format!("{FIXTURES}/bad/truncated.onnx"), &[], "not a readable ONNX model");
    refused(&format!("{FIXTURES}/families/two-inputs.onnx"), &[], "--output NAME");
    refused(&format!("{FIXTURES}/mlp.onnx"), &["--frozen", "nothing*"], "matches no parameter");
    refused(&format!("{FIXTURES}/mlp.onnx"), &["--shape", "ghost=3"], "no input `ghost`");
    let unknown = place.ok(&["model", "inspect", &format!("{FIXTURES}/bad/unknown-op.onnx")]);
    assert!(unknown.contains("cannot be trained") && unknown.contains("`choose`"), "{unknown}");
}

fn odd(name: &str) -> String {
    format!("{FIXTURES}/odd/{name}.onnx")
}

fn refused(arguments: &[&str], words: &str) {
    let place = Place::new();
    let output = place.sweep(&[&["model", "inspect"], arguments].concat());
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
}

#[test]
fn inputs_that_no_memory_holds_are_refused() {
    refused(&[&odd("huge")], "is [4398046511104, 4], more than the 2147483648 elements");
    refused(&[&odd("huge-squared")], "[1099511627776, 1099511627776]");
    refused(&["nowhere.onnx"], "`nowhere.onnx` does not exist");
}

#[test]
fn what_is_asked_of_fixed_extents_is_refused() {
    refused(&[&odd("unreached"), "--batch-size", "5"], "is fixed at 4, not 5");
    refused(&[&odd("unreached"), "--shape", "x=7"], "extent 1 of a sample of `x` is fixed at 6, not 7");
    let found = inspect(&Place::new(), &odd("unreached"), &["--batch-size", "4", "--shape", "x=6"]);
    assert_eq!(found["inputs"][0]["shape"], serde_json::json!([4, 6]));
}

#[test]
fn what_no_gradient_reaches_does_not_train() {
    let place = Place::new();
    let found = inspect(&place, &odd("unreached"), &[]);
    assert_eq!((elements(&found, "parameter"), elements(&found, "kept")), (18, 24), "{found}");
    let warnings = found["warnings"].to_string();
    assert!(warnings.contains("no gradient reaches `floor.weight`, `other.weight`"), "{warnings}");
}

#[test]
fn every_problem_is_told() {
    let found = inspect(&Place::new(), &odd("no-way"), &[]);
    let problems = found["problems"].to_string();
    assert!(problems.contains("Det") && problems.contains("Shrink"), "{problems}");
    assert_eq!((&found["trainable"], elements(&found, "parameter")), (&Value::Bool(false), 9));
}

#[test]
fn attention_counts_as_work_however_it_is_written() {
    let place = Place::new();
    let flops = |name: &str| {
        let file = format!("{FIXTURES}/families/{name}.onnx");
        inspect(&place, &file, &["--output", "output"])["forward_flops"].as_f64().unwrap()
    };
    let (apart, whole) = (flops("llama"), flops("llama-23"));
    assert!((apart / whole - 1.0).abs() < 0.05, "{apart} {whole}");
}
