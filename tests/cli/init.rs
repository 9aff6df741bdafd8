//! `sweep init`: what it writes can be run.

use std::io::Read;

use sweep::spec;

use super::*;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn init(place: &Place, model: &str, data: &str, more: &[&str]) -> Output {
    let model =
        if model.contains('/') { model.to_owned() } else { format!("{ROOT}/sweeps/models/{model}.onnx") };
    place.sweep(&[&["init", "--model", &model, "--data", data], more].concat())
}

/// The spec that is written, and what is said beside it.
fn written(place: &Place, model: &str, data: &str) -> (String, String) {
    let output = init(place, model, data, &["--force"]);
    assert!(output.status.success(), "{model} {data}: {}", stderr(&output));
    (fs::read_to_string(place.path().join("sweep.yaml")).unwrap(), stderr(&output))
}

fn read(text: &str) -> spec::Spec {
    spec::parse(text, Path::new("sweep.yaml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The digits: their pixels, a row for each, and their labels.
fn digits() -> (Vec<u8>, Vec<u8>) {
    let read = |name: &str| {
        let file = fs::File::open(format!("{ROOT}/sweeps/data/digits/{name}")).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        bytes
    };
    (read("train-images-idx3-ubyte.gz").split_off(16), read("train-labels-idx1-ubyte.gz").split_off(8))
}

#[test]
fn shipped_models_and_data_find_each_other() {
    let place = Place::new();
    let schema = jsonschema::draft202012::new(&spec::schema()).unwrap();
    for (model, data, words) in [
        (
            "mlp",
            "digits",
            [
                "loss: cross_entropy ",
                "batch_size: 64 ",
                "momentum: 0.9",
                "1293 samples of 8×8",
                "std: [0.02356]",
            ],
        ),
        (
            "lenet",
            "fashion",
            [
                "loss: cross_entropy ",
                "batch_size: 128 ",
                "momentum: 0.9",
                "7200 samples of 28×28",
                "10 classes",
            ],
        ),
        (
            "resnet8",
            "fashion",
            [
                "init: kaiming_normal ",
                "values: [0.05, 0.1, 0.2]",
                "momentum: 0.9",
                "7200 samples",
                "mean: [0.28",
            ],
        ),
        (
            "vit",
            "fashion",
            ["truncated_normal", "adamw", "\"*.bias\", \"*norm*\"", "clip_norm: 1", "values: [0.001"],
        ),
        (
            "gpt",
            "shakespeare",
            ["loss: token_cross_entropy ", "length: 64", "adamw", "batch_size: 32 ", "truncated_normal"],
        ),
    ] {
        let (text, said) = written(&place, model, &format!("{ROOT}/sweeps/data/{data}"));
        for word in words {
            assert!(text.contains(word), "no {word} in:\n{text}");
        }
        assert!(!said.contains("note:") && said.contains("wrote sweep.yaml"), "{said}");
        let spec = read(&text);
        assert_eq!(
            (spec.name, spec.budgets.len(), spec.schedules.len(), spec.seeds.max),
            (format!("{model}-{data}"), 3, 3, 3)
        );
        let value: Value = serde_yaml::from_str(&text).unwrap();
        assert!(schema.is_valid(&value), "{text}");
    }
}

#[test]
fn what_is_commented_out_can_be_commented_in() {
    let place = Place::new();
    let (text, _) = written(&place, "mlp", &format!("{ROOT}/sweeps/data/digits"));
    let mut count = 0;
    for line in text.lines().skip(2).filter(|line| line.trim_start().starts_with("# ")) {
        let with = text.replace(line, &line.replacen("# ", "", 1));
        let changed = read(&with);
        assert!(changed != read(&text) || line.contains("metric"), "{line}");
        count += 1;
    }
    assert!(count >= 9, "{text}");
}

#[test]
fn a_first_spec_runs_as_it_stands() {
    let place = Place::new();
    fs::create_dir(place.path().join("specs")).unwrap();
    std::os::unix::fs::symlink(format!("{ROOT}/sweeps"), place.path().join("sweeps")).unwrap();
    let arguments = [
        "init",
        "--model",
        "sweeps/models/mlp.onnx",
        "--data",
        "sweeps/data/digits",
        "-o",
        "specs/first.yaml",
    ];
    let output = place.sweep(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let path = place.path().join("specs/first.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("sweeps/models/mlp.onnx") && !text.contains("onnx: /"),
        "paths are relative: {text}"
    );

    // Less of it, so that it is over soon.
    let short =
        text.replace("full_budget: 25 epochs", "full_budget: 4 epochs").replace("seeds: 3 ", "seeds: 1 ");
    assert_ne!(short, text);
    fs::write(&path, &short).unwrap();
    place.ok(&["run", "specs/first.yaml"]);
    let best = place.json(&[
        "sql",
        "SELECT count(*) AS trials, max(value) AS value FROM trials",
        "--format",
        "json",
    ]);
    assert_eq!(best[0]["trials"], 27);
    assert!(best[0]["value"].as_f64().unwrap() > 0.85, "{best}");
}

#[test]
fn data_of_other_kinds_is_found_too() {
    let place = Place::new();
    let (pixels, labels) = digits();
    let count = labels.len();
    let at = |name: &str| place.path().join(name);
    for folder in ["arrays", "images", "table"] {
        fs::create_dir(at(folder)).unwrap();
    }
    let npy = |shape: &str, values: &[u8]| {
        let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
        let text = format!("{text:<117}\n");
        [&b"\x93NUMPY\x01\x00"[..], &(text.len() as u16).to_le_bytes(), text.as_bytes(), values].concat()
    };
    for set in ["train", "val", "test"] {
        fs::write(at(&format!("arrays/x_{set}.npy")), npy(&format!("({count}, 8, 8)"), &pixels)).unwrap();
        fs::write(at(&format!("arrays/y_{set}.npy")), npy(&format!("({count},)"), &labels)).unwrap();
    }
    let (text, said) = written(&place, "mlp", "arrays");
    for set in ["train", "validation", "test"] {
        let short = if set == "validation" { "val" } else { set };
        let line = format!("  {set}: {{inputs: arrays/x_{short}.npy, labels: arrays/y_{short}.npy}}");
        assert!(text.contains(&line), "no {line} in {text}");
    }
    assert!(!said.contains("note:"), "{said}");

    for index in 0..200 {
        let folder = at(&format!("images/{}", labels[index]));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{index}.bmp")), super::data::bmp(&pixels[index * 64..][..64]))
            .unwrap();
    }
    let (text, _) = written(&place, "mlp", "images");
    assert!(text.contains("train: {folder: images, channels: 1}"), "{text}");
    let (text, _) = written(&place, "lenet", "images");
    assert!(text.contains("train: {folder: images, resize: [28, 28], channels: 1}"), "{text}");

    let header: Vec<String> =
        (0..12).map(|column| format!("c{column}")).chain(["grade".to_owned()]).collect();
    let row = |row: usize| {
        (0..12)
            .map(|column| format!("{}.5", (row * 7 + column * 3) % 11))
            .chain([(row % 2).to_string()])
            .collect()
    };
    let rows: Vec<Vec<String>> = [header].into_iter().chain((0..60).map(row)).collect();
    let table: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    fs::write(at("table/all.csv"), table.join("\n")).unwrap();
    let (text, said) = written(&place, &format!("{ROOT}/tests/fixtures/families/mlp-mse.onnx"), "table");
    assert!(text.contains("train: {csv: table/all.csv, labels: grade}"), "{text}");
    assert!(
        text.contains("loss: cross_entropy ") && text.contains("54 samples of 12 (float32), 2 classes"),
        "{text}"
    );
    assert!(said.contains("note: took the last column, `grade`, for the labels"), "{said}");
    assert!(said.contains("note: no test set was found") && text.contains("# test: "), "{said}");
}

#[test]
fn the_loss_is_the_one_that_each_family_is_trained_with() {
    const FAMILIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/families");
    let place = Place::new();
    for name in ["autoencoder", "bert", "conv1d", "gpt", "gru", "lstm", "mlp-mse", "multilabel", "two-inputs"]
    {
        let fixture: Value =
            serde_json::from_str(&fs::read_to_string(format!("{FAMILIES}/{name}.json")).unwrap()).unwrap();
        let folder = place.path().join(name);
        fs::create_dir(&folder).unwrap();
        for set in ["train", "test"] {
            let data = &fixture["data"][set];
            let inputs = data["inputs"].as_object().unwrap().iter().map(|(name, file)| (name.as_str(), file));
            for (name, file) in inputs.chain([("labels", &data["target"])]) {
                let file = format!("{FAMILIES}/{}", file.as_str().unwrap());
                fs::copy(file, folder.join(format!("{name}_{set}.npy"))).unwrap();
            }
        }
        let output = fixture["output"].as_str().unwrap();
        let model = format!("{FAMILIES}/{name}.onnx");
        let said = init(&place, &model, name, &["--force", "--model-output", output]);
        assert!(said.status.success(), "{name}: {}", stderr(&said));
        let text = fs::read_to_string(place.path().join("sweep.yaml")).unwrap();
        let loss = fixture["loss"].as_object().unwrap().keys().next().unwrap();
        assert!(text.contains(&format!("  loss: {loss} ")), "{name}: {text}");
        assert!(text.contains(&format!("  output: {output} ")), "{name}: {text}");
    }
}

#[test]
fn nothing_is_overwritten_unasked() {
    let place = Place::new();
    let data = format!("{ROOT}/sweeps/data/digits");
    fs::write(place.path().join("sweep.yaml"), "mine").unwrap();
    let output = init(&place, "mlp", &data, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`sweep.yaml` is there already") && stderr(&output).contains("--force"));
    assert_eq!(fs::read_to_string(place.path().join("sweep.yaml")).unwrap(), "mine");
    let found = init(&place, "mlp", &data, &["--force", "--output-mode", "json"]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!((&found["data"], &found["notes"]), (&Value::from("IDX files"), &Value::Array(vec![])));
    read(&fs::read_to_string(place.path().join("sweep.yaml")).unwrap());
}

#[test]
fn each_obstacle_is_one_error() {
    let place = Place::new();
    let digits = format!("{ROOT}/sweeps/data/digits");
    fs::create_dir_all(place.path().join("empty")).unwrap();
    fs::create_dir_all(place.path().join("other")).unwrap();
    fs::write(place.path().join("other/notes.md"), "nothing").unwrap();
    let fixtures = format!("{ROOT}/tests/fixtures");
    let model = |name: &str| format!("{fixtures}/{name}.onnx");
    let cases = [
        ("nowhere/model.onnx", &digits[..], "`nowhere/model.onnx` does not exist"),
        (&format!("{digits}/README.md"), &digits, "not a readable ONNX model"),
        (&model("bad/truncated"), &digits, "not a readable ONNX model"),
        (&model("bad/unknown-op"), &digits, "cannot be trained"),
        (&model("families/two-inputs"), &digits, "--model-output NAME"),
        ("mlp", "empty", "`empty` is empty"),
        ("mlp", "other", "`other` holds no data that is recognised"),
        ("mlp", "nowhere", "`nowhere` does not exist"),
        ("mlp", "other/notes.md", "`other/notes.md` is not a folder"),
        ("lenet", &digits, "samples (IDX files) are 8×8, but the model's input `images` takes 1×28×28"),
        ("gpt", &digits, "no loss compares outputs of 64×128 with labels of one number"),
    ];
    for (model, data, words) in cases {
        let output = init(&place, model, data, &[]);
        assert_eq!(output.status.code(), Some(2), "{model} {data}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
        assert_eq!(stderr(&output).matches("error:").count(), 1);
        assert!(!place.path().join("sweep.yaml").exists(), "{model} {data}");
    }
    for (output, words) in [("nowhere/a.yaml", "cannot be written"), ("empty", "is a folder")] {
        let refused = init(&place, "mlp", &digits, &["-o", output]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
    for arguments in [&["init"][..], &["init", "--model", "m.onnx"], &["init", "--data", "d"]] {
        let output = place.sweep(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("required"), "{}", stderr(&output));
    }
}
