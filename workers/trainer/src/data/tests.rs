//! Every format against what NumPy, pandas, pyarrow and Pillow read, in memory and streamed; and its bad files.
//! See `tests/fixtures/data/make.py`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sweep_wire::Data;

use super::{Sets, load};
use crate::fault::Fault;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/data")
}

/// A spec's `data`, its files among the fixtures; sources as they are on the wire.
fn data(mut train: Value, memory: u64) -> Data {
    place(&mut train);
    serde_json::from_value(json!({
        "train": train, "validation": null, "test": null, "normalize": null, "augment": [], "label_noise": null,
        "drift": null, "shuffle": true, "split_seed": 0, "memory": memory,
    }))
    .unwrap()
}

/// Makes paths of what is a path, by its key.
fn place(source: &mut Value) {
    let path = |value: &mut Value| *value = json!(fixtures().join(value.as_str().unwrap()));
    let arrays = source.get("npz").or(source.get("csv")).or(source.get("parquet")).is_none();
    for (key, value) in source.as_object_mut().unwrap() {
        match (key.as_str(), value) {
            ("npz" | "csv" | "folder" | "text" | "tokens" | "parquet" | "images", value) => path(value),
            ("cifar10" | "cifar100", Value::Array(files)) => files.iter_mut().for_each(path),
            ("inputs", value @ Value::String(_)) if arrays => path(value),
            ("labels", value) if arrays && value.as_str().is_some_and(|text| text.contains('.')) => {
                path(value)
            }
            _ => {}
        }
    }
}

/// All elements of the only input and of the labels.
fn contents(sets: &Sets) -> (Vec<f64>, Vec<f64>) {
    let samples = &sets.train.samples;
    let all = |array: &super::Array| {
        let mut values = vec![];
        array
            .each(samples.count, |_, sample| {
                let mut floats = vec![0.0; array.size()];
                sample.floats(&mut floats);
                values.extend(floats.into_iter().map(f64::from));
            })
            .unwrap();
        values
    };
    (all(&samples.inputs[0].1), all(&samples.labels))
}

fn folder(name: &str) -> Value {
    json!({"folder": format!("images/{name}"), "resize": null, "channels": 3})
}

fn csv(name: &str, labels: &str, inputs: Value) -> Value {
    json!({"csv": format!("csv/{name}"), "labels": labels, "inputs": inputs, "header": null})
}

fn tokens(name: &str, dtype: Value) -> Value {
    json!({"tokens": name, "dtype": dtype, "length": 5})
}

fn parquet(name: &str, inputs: Value, labels: &str) -> Value {
    json!({"parquet": format!("parquet/{name}.parquet"), "inputs": inputs, "labels": labels})
}

#[test]
fn every_format_holds_what_others_read() {
    let expected: BTreeMap<String, Value> =
        serde_json::from_str(&fs::read_to_string(fixtures().join("expected.json")).unwrap()).unwrap();
    let npz = |name: &str| json!({"npz": format!("npz/{name}.npz"), "inputs": "x", "labels": "y"});
    let cifar100 = |labels: &str| json!({"cifar100": ["cifar/train.bin"], "labels": labels});
    let cases = [
        ("npz", npz("stored")),
        ("npz", npz("deflated")),
        ("npz", npz("big")),
        ("csv-words", csv("words.csv", "kind", json!(null))),
        ("csv-numbers", csv("numbers.csv.gz", "2", json!(null))),
        ("csv-real", csv("real.csv", "kind", json!(["b", "a"]))),
        ("cifar10", json!({"cifar10": ["cifar/batch_1.bin", "cifar/batch_2.bin"]})),
        ("cifar100-fine", cifar100("fine")),
        ("cifar100-coarse", cifar100("coarse")),
        ("images", folder("good")),
        ("grey", json!({"folder": "images/grey", "resize": null, "channels": 1})),
        ("text", json!({"text": "text/speech.txt", "length": 8})),
        ("tokens", tokens("npy/tokens.npy", json!(null))),
        ("tokens", tokens("npy/tokens.bin", json!("uint32"))),
        ("parquet-columns", parquet("good", json!(["x", "i"]), "y")),
        ("parquet-columns", parquet("zstd", json!(["x", "i"]), "y")),
        ("parquet-vector", parquet("good", json!(["v"]), "y")),
        ("parquet-ids", parquet("good", json!(["ids"]), "y")),
    ];
    for (name, source) in cases {
        let mut hashes = vec![];
        for memory in [1 << 30, 0] {
            let sets =
                load(&data(source.clone(), memory)).unwrap_or_else(|fault| panic!("{source}: {fault}"));
            let (inputs, labels) = contents(&sets);
            let wanted = &expected[name];
            let numbers = |value: &Value| serde_json::from_value::<Vec<f64>>(value.clone()).unwrap();
            assert_eq!(json!(sets.train.samples.inputs[0].1.shape), wanted["shape"], "{source}");
            assert_eq!(labels, numbers(&wanted["labels"]), "{source}");
            let (wanted, close) =
                (numbers(&wanted["inputs"]), |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs());
            assert!(
                inputs.len() == wanted.len() && inputs.iter().zip(&wanted).all(|(a, b)| close(*a, *b)),
                "{source}"
            );
            hashes.push(sets.hash);
        }
        assert_eq!(hashes[0], hashes[1], "{source}: it matters what is there, not where it is kept");
    }
}

fn refused(source: Value, at: &str, words: &str) {
    for memory in [1 << 30, 0] {
        let Fault { at: found, message, .. } = load(&data(source.clone(), memory)).unwrap_err();
        assert!(message.contains(words) && found == at, "{source}: {found}: {message}, not {at}: {words}");
    }
}

#[test]
fn bad_archives_and_arrays() {
    let npz =
        |name: &str, inputs: &str| json!({"npz": format!("npz/{name}.npz"), "inputs": inputs, "labels": "y"});
    refused(npz("stored", "z"), "data.train.inputs", "has no array `z`; it has `x.npy`, `y.npy`");
    refused(npz("pickled", "x"), "data.train.inputs", "pickled Python objects, which are never read");
    refused(npz("short", "x"), "data.train.inputs", "an array `x` that is cut off");
    refused(npz("short", "y"), "data.train.inputs", "an array `y` that is not a `.npy` file");
    refused(npz("torn", "x"), "data.train.inputs", "is not a `.npz` archive");
    refused(npz("gone", "x"), "data.train.inputs", "does not exist");
    // What the header does not declare is never unpacked.
    assert_eq!(load(&data(npz("bomb", "x"), 100)).unwrap().train.samples.count, 2);
    let arrays = |inputs: &str| json!({"inputs": inputs, "labels": "npy/tokens.npy"});
    refused(arrays("npy/pickled.npy"), "data.train.inputs", "pickled Python objects, which are never read");
    refused(arrays("npy/pickle.npy"), "data.train.inputs", "is not a `.npy` file");
}

#[test]
fn bad_tables() {
    let case = |name: &str, words: &str| refused(csv(name, "c", json!(null)), "data.train.csv", words);
    case("ragged.csv", "has 2 columns in line 3 and 3 before it");
    case("word.csv", "`two` in line 3, column `b`, which is no finite number");
    case("empty-cell.csv", "has nothing in line 2, column `b`");
    case("infinite.csv", "`inf` in line 2, column `b`");
    case("empty.csv", "is empty");
    case("latin1.csv", "is not UTF-8 in line 2, column `c`");
    case("words.csv", "has no column `c`; it has `a`, `b`, `kind`");
    case("bomb.csv.gz", "a line is longer than 16 MiB");
    case("gone.csv", "does not exist");
    refused(csv("header-only.csv", "c", json!(null)), "data.train", "there are no samples");
    refused(csv("torn.csv.gz", "2", json!(null)), "data.train.csv", "cannot be read");
    refused(csv("words.csv", "kind", json!(["a", "kind"])), "data.train.csv", "which is no finite number");
    refused(parquet("good", json!(["z"]), "y"), "data.train.inputs", "has no column `z`; it has `x`, `i`");
    refused(
        parquet("good", json!(["word"]), "y"),
        "data.train.inputs",
        "what is no number in row 0 of column `word`",
    );
    refused(parquet("null", json!(["x"]), "y"), "data.train.inputs", "no value in row 1 of column `x`");
    refused(
        parquet("ragged", json!(["x"]), "y"),
        "data.train.inputs",
        "has 2 numbers in row 1 of column `x` and 1 before",
    );
    refused(parquet("torn", json!(["x"]), "y"), "data.train.inputs", "no Parquet file");
    assert!(load(&data(parquet("damaged", json!(["v"]), "y"), 1 << 20)).is_err());
}

#[test]
fn bad_images() {
    let case = |name: &str, words: &str| refused(folder(name), "data.train.folder", words);
    case("mixed", "is 4×7 pixels, and");
    case("mixed", "`resize: [H, W]` makes all of them alike");
    case("text", "notes.txt` is no image that can be read");
    case("torn", "cannot be decoded");
    case("nested", "is a folder inside the folder of a class");
    case("flat", "1.png` lies where there should be one folder per class");
    case("bomb", "cannot be decoded");
    case("gone", "does not exist");
    let bomb = json!({"folder": "images/bomb", "resize": [8, 8], "channels": 3});
    refused(bomb, "data.train.folder", "cannot be decoded");
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    fs::create_dir(at("a")).unwrap();
    refused(
        json!({"folder": temporary.path(), "resize": null, "channels": 3}),
        "data.train.folder",
        "has no images",
    );
    std::os::unix::fs::symlink(at("a/loop"), at("a/loop")).unwrap();
    refused(
        json!({"folder": temporary.path(), "resize": null, "channels": 3}),
        "data.train.folder",
        "a/loop` cannot be read",
    );
    fs::remove_file(at("a/loop")).unwrap();
    std::os::unix::fs::symlink(temporary.path(), at("a/up")).unwrap();
    refused(
        json!({"folder": temporary.path(), "resize": null, "channels": 3}),
        "data.train.folder",
        "is a folder inside",
    );
}

#[test]
fn images_are_brought_to_one_size() {
    let source = json!({"folder": "images/mixed", "resize": [6, 9], "channels": 3});
    let sets = load(&data(source, 0)).unwrap();
    assert_eq!(sets.train.samples.inputs[0].1.shape, [3, 6, 9]);
    assert!(contents(&sets).0.iter().any(|pixel| *pixel > 100.0));
}

#[test]
fn classes_are_those_of_the_training_set() {
    let mut both = data(folder("good"), 1 << 20);
    both.test = Some(data(folder("other"), 0).train);
    let fault = load(&both).unwrap_err();
    assert_eq!(fault.at, "data.test.folder");
    assert!(fault.message.contains("has a class `dog` that the training set has not"), "{fault}");
    let mut both = data(csv("words.csv", "kind", json!(["a", "b"])), 1 << 20);
    both.test = Some(data(csv("ragged.csv", "c", json!(["a", "b"])), 0).train);
    assert_eq!(load(&both).unwrap_err().at, "data.test.csv");
}

#[test]
fn bad_records_and_tokens() {
    refused(json!({"cifar10": ["cifar/torn.bin"]}), "data.train.cifar10", "no whole images of 3073 bytes");
    refused(
        json!({"cifar10": ["cifar/label.bin"]}),
        "data.train.cifar10",
        "label 10 at image 0, but there are 10",
    );
    refused(json!({"cifar10": ["cifar/gone.bin"]}), "data.train.cifar10", "does not exist");
    refused(
        json!({"text": "text/short.txt", "length": 8}),
        "data.train.text",
        "has 8 tokens, and one window takes 9",
    );
    refused(tokens("text/odd.bin", json!("uint16")), "data.train.tokens", "no whole tokens of 2 bytes");
    refused(tokens("npy/pickle.npy", json!(null)), "data.train.tokens", "is not a `.npy` file");
}
