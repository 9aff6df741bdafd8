//! Folders as people have them, made of the fixtures of each format.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::*;
use crate::inspect::Port;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/data").join(name)
}

/// A model with these inputs, each a name, a type and the extents of a batch.
fn model(inputs: &[(&str, &str, &[usize])]) -> Inspection {
    let port = |(name, dtype, shape): &(&str, &str, &[usize])| Port {
        name: (*name).to_owned(),
        dtype: (*dtype).to_owned(),
        shape: shape.to_vec(),
    };
    let inputs: Vec<Port> = inputs.iter().map(port).collect();
    Inspection {
        opset: 17,
        batch: None,
        output: inputs[0].clone(),
        inputs,
        assumed: vec![],
        tensors: vec![],
        operators: vec![],
        loss: String::new(),
        problems: vec![],
        warnings: vec![],
        forward_work: 0,
        step_work: None,
        state_bytes: 0,
        activation_bytes: 0,
        step: None,
    }
}

/// A folder with copies of fixtures, or with what is said, as `name=fixture` or `name:text`.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let (name, content) = match (file.split_once('='), file.split_once(':')) {
            (Some((name, source)), _) => (name, fs::read(fixture(source)).unwrap()),
            (None, Some((name, text))) => (name, text.as_bytes().to_vec()),
            (None, None) => (*file, idx(file)),
        };
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// An IDX file: of labels where the name says so.
fn idx(name: &str) -> Vec<u8> {
    match name.contains("label") {
        true => [&[0, 0, 8, 1, 0, 0, 0, 2][..], &[0, 1]].concat(),
        false => [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1][..], &[7, 8]].concat(),
    }
}

/// What is found first, as `{kind, train, …}` with paths from the folder on; null for nothing.
fn found(model: &Inspection, files: &[&str]) -> Value {
    let folder = folder(files);
    let Ok(found) = recognise(folder.path(), model) else { return Value::Null };
    let first = &found[0];
    let source = |source: &Source| serde_json::to_value(source).unwrap();
    let text = json!({
        "kind": first.kind,
        "train": source(&first.train),
        "validation": first.validation.as_ref().map(source),
        "test": first.test.as_ref().map(source),
        "guesses": first.guesses,
    });
    let root = format!("{}/", folder.path().display());
    serde_json::from_str(&text.to_string().replace(&root, "")).unwrap()
}

fn check(model: &Inspection, files: &[&str], wanted: [Value; 3], guesses: usize) {
    let found = found(model, files);
    let [train, validation, test] = wanted;
    assert_eq!(found["train"], train, "{files:?}: {found}");
    assert_eq!((&found["validation"], &found["test"]), (&validation, &test), "{files:?}");
    assert_eq!(found["guesses"].as_array().unwrap().len(), guesses, "{files:?}: {found}");
}

#[test]
fn names_tell_sets_and_labels() {
    for (name, set, rest, is_labels) in [
        ("train-images-idx3-ubyte.gz", Some(Set::Train), "images_idx3_ubyte", false),
        ("t10k-labels-idx1-ubyte", Some(Set::Test), "labels_idx1_ubyte", true),
        ("X_train.npy", Some(Set::Train), "x", false),
        ("y_val.npy", Some(Set::Validation), "y", true),
        ("input_ids.dev.npy", Some(Set::Validation), "input_ids", false),
        ("data_batch_1.bin", None, "data_batch_1", false),
        ("training.csv", Some(Set::Train), "", false),
        ("restrained.txt", None, "restrained", false),
    ] {
        let found = Name::of(name);
        assert_eq!((found.set, found.rest.as_str(), found.is_labels), (set, rest, is_labels), "{name}");
    }
}

#[test]
fn idx_files_by_what_is_in_them() {
    let model = model(&[("x", "float32", &[16, 1, 1, 1])]);
    let pair = |images: &str, labels: &str| json!({"images": images, "labels": labels});
    check(
        &model,
        &[
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
            "LICENSE:MIT",
        ],
        [
            pair("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
            Value::Null,
            pair("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        ],
        0,
    );
    check(
        &model,
        &["train/a.idx3-ubyte", "train/label.idx1-ubyte", "val/a.idx3-ubyte", "val/label.idx1-ubyte"],
        [
            pair("train/a.idx3-ubyte", "train/label.idx1-ubyte"),
            pair("val/a.idx3-ubyte", "val/label.idx1-ubyte"),
            Value::Null,
        ],
        0,
    );
    assert_eq!(found(&model, &["train-images"]), Value::Null, "samples without labels");
}

#[test]
fn arrays_and_archives() {
    let one = model(&[("x", "float32", &[16, 2, 3])]);
    let two = model(&[("input_ids", "int64", &[16, 4]), ("mask", "int64", &[16, 4])]);
    let arrays = |inputs: Value, labels: &str| json!({"inputs": inputs, "labels": labels});
    let (samples, column) = ("npy/pickle.npy", "npy/tokens.npy");
    let at = |name: &str, source: &str| format!("{name}={source}");
    let files = [
        at("x_train.npy", samples),
        at("y_train.npy", column),
        at("x_test.npy", samples),
        at("y_test.npy", column),
    ];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    check(
        &one,
        &files,
        [arrays(json!("x_train.npy"), "y_train.npy"), Value::Null, arrays(json!("x_test.npy"), "y_test.npy")],
        0,
    );
    check(
        &one,
        &["a.npy=npy/pickle.npy", "b.npy=npy/tokens.npy"],
        [arrays(json!("a.npy"), "b.npy"), Value::Null, Value::Null],
        1,
    );
    let named = ["input_ids.npy=npy/tokens.npy", "mask.npy=npy/tokens.npy", "labels.npy=npy/tokens.npy"];
    let inputs = json!({"input_ids": "input_ids.npy", "mask": "mask.npy"});
    check(&two, &named, [arrays(inputs, "labels.npy"), Value::Null, Value::Null], 0);
    assert_eq!(found(&two, &named[..1]), Value::Null);

    let npz = json!({"npz": "set.npz", "inputs": "x", "labels": "y"});
    check(&one, &["set.npz=npz/stored.npz"], [npz, Value::Null, Value::Null], 0);
    let npz = |name: &str| json!({"npz": name, "inputs": "x", "labels": "y"});
    check(
        &one,
        &["train.npz=npz/stored.npz", "test.npz=npz/stored.npz"],
        [npz("train.npz"), Value::Null, npz("test.npz")],
        0,
    );
    assert_eq!(found(&one, &["set.npz=npz/torn.npz"]), Value::Null);
}

#[test]
fn tables() {
    let model = model(&[("x", "float32", &[16, 2])]);
    let csv = |csv: &str, labels: &str, inputs: Value| json!({"csv": csv, "labels": labels, "inputs": inputs, "header": null});
    let words = "train.csv=csv/words.csv";
    check(
        &model,
        &[words, "valid.csv=csv/words.csv"],
        [csv("train.csv", "kind", Value::Null), csv("valid.csv", "kind", Value::Null), Value::Null],
        1,
    );
    check(
        &model,
        &["a.csv:a,class,b\n1,x,2\n"],
        [csv("a.csv", "class", Value::Null), Value::Null, Value::Null],
        0,
    );
    check(
        &model,
        &["a.csv:a,b,Label\n1,red,0\n"],
        [csv("a.csv", "Label", json!(["a"])), Value::Null, Value::Null],
        1,
    );
    check(&model, &["a.csv:1,2,0\n3,4,1\n"], [csv("a.csv", "2", Value::Null), Value::Null, Value::Null], 1);
    assert_eq!(found(&model, &["a.csv:", "b.csv:a,b\n"]), Value::Null);
    let found = found(&model, &["a.parquet=parquet/good.parquet"]);
    assert_eq!(
        (&found["train"]["labels"], &found["train"]["parquet"]),
        (&json!("y"), &json!("a.parquet")),
        "{found}"
    );
    assert!(found["train"]["inputs"].as_array().is_some_and(|inputs| !inputs.is_empty()), "{found}");
}

#[test]
fn pictures() {
    let cifar = model(&[("x", "float32", &[16, 3, 32, 32])]);
    let hundred = |file: &str| json!({"cifar100": [file], "labels": "fine"});
    check(
        &cifar,
        &["train.bin=cifar/train.bin", "test.bin=cifar/train.bin"],
        [hundred("train.bin"), Value::Null, hundred("test.bin")],
        0,
    );
    check(
        &cifar,
        &[
            "data_batch_1.bin=cifar/batch_1.bin",
            "data_batch_2.bin=cifar/batch_2.bin",
            "test_batch.bin=cifar/batch_1.bin",
        ],
        [
            json!({"cifar10": ["data_batch_1.bin", "data_batch_2.bin"]}),
            Value::Null,
            json!({"cifar10": ["test_batch.bin"]}),
        ],
        0,
    );

    let good = ["ant/1.png", "bee/1.png"];
    let of = |set: &str| good.map(|file| format!("{set}{file}=images/good/{file}"));
    let files = [of("train/"), of("val/"), of("test/")].concat();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let source = |folder: &str, resize: Value| json!({"folder": folder, "resize": resize, "channels": 3});
    let same = model(&[("x", "float32", &[16, 3, 5, 7])]);
    check(&same, &files, ["train", "val", "test"].map(|set| source(set, Value::Null)), 0);
    let other = model(&[("x", "float32", &[16, 3, 8, 9])]);
    check(&other, &files, ["train", "val", "test"].map(|set| source(set, json!([8, 9]))), 0);
    let root = folder(&of("").each_ref().map(String::as_str));
    let first = recognise(root.path(), &same).unwrap().remove(0);
    let Source::Folder(found) = first.train else { panic!("{:?}", first.train) };
    assert_eq!((found.folder.as_path(), found.resize), (root.path(), None));
    assert_eq!(super::tests::found(&same, &["a/notes.txt:no image"]), Value::Null);
}

#[test]
fn tokens_for_models_of_tokens() {
    let gpt = model(&[("ids", "int64", &[16, 64])]);
    let text = |text: &str, length: u32| json!({"text": text, "length": length});
    check(
        &gpt,
        &["train.txt:abc", "test.txt:abc", "README.md:x"],
        [text("train.txt", 64), Value::Null, text("test.txt", 64)],
        0,
    );
    let open = Inspection { assumed: vec!["ids".to_owned()], ..gpt.clone() };
    check(&open, &["plays.txt:abc"], [text("plays.txt", 128), Value::Null, Value::Null], 1);
    let npy = json!({"tokens": "tokens.npy", "dtype": null, "length": 64});
    check(&gpt, &["tokens.npy=npy/tokens.npy"], [npy, Value::Null, Value::Null], 0);
    let raw = |name: &str| json!({"tokens": name, "dtype": "uint16", "length": 64});
    check(&gpt, &["train.bin:abcd", "val.bin:abcd"], [raw("train.bin"), raw("val.bin"), Value::Null], 1);
    assert_eq!(found(&model(&[("x", "float32", &[16, 64])]), &["plays.txt:abc"]), Value::Null);
}

#[test]
fn a_folder_without_data_is_said() {
    let model = model(&[("x", "float32", &[16, 2])]);
    let said = |path: &Path| {
        recognise(path, &model).unwrap_err().message.replace(&path.display().to_string(), "here")
    };
    assert_eq!(said(folder(&[]).path()), "`here` is empty");
    assert_eq!(said(folder(&["notes.md:x"]).path()), "`here` holds no data that is recognised");
    assert_eq!(said(Path::new("nowhere")), "`here` does not exist");
    assert_eq!(said(&folder(&["a.txt:x"]).path().join("a.txt")), "`here` is not a folder");
}
