//! Data of every kind, from the spec to the result; and sets that do not fit in memory.

use std::io::Write;

use super::*;

const MODEL: &str = "ROOT/sweeps/models/mlp.onnx";

/// The digits, as PNG files in a folder per class: 200 to train, 100 to test.
fn pictures(place: &Place) {
    let read = |name: &str| {
        use std::io::Read;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/data/digits").join(name);
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        bytes
    };
    let (images, labels) = (read("train-images-idx3-ubyte.gz"), read("train-labels-idx1-ubyte.gz"));
    for index in 0..1400 {
        let set = if index % 7 == 0 { "test" } else { "train" };
        let folder = place.path().join(format!("{set}/{}", labels[8 + index]));
        fs::create_dir_all(&folder).unwrap();
        // A binary greyscale BMP is a header, a palette and rows from the bottom up.
        let pixels = &images[16 + index * 64..][..64];
        fs::write(folder.join(format!("{index}.bmp")), bmp(pixels)).unwrap();
    }
}

pub(super) fn bmp(pixels: &[u8]) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    let word = |value: u32| value.to_le_bytes();
    let (start, size) = (14 + 40 + 1024, 64);
    bytes.extend([word(start + size), word(0), word(start)].concat());
    bytes.extend(
        [
            word(40),
            word(8),
            word(8),
            word(1 | 8 << 16),
            word(0),
            word(size),
            word(0),
            word(0),
            word(256),
            word(0),
        ]
        .concat(),
    );
    bytes.extend((0..=255).flat_map(|grey: u8| [grey, grey, grey, 0]));
    pixels.chunks(8).rev().for_each(|row| bytes.extend(row));
    bytes
}

#[test]
fn a_folder_of_images_is_trained_on() {
    let place = Place::new();
    pictures(&place);
    let data = "data:\n  train: {folder: train, channels: 1}\n  test: {folder: test, channels: 1}\n  augment: [{mixup: {alpha: 0.2}}]\n  label_noise: 5%\n";
    let (before, after) = (SPEC.split("data:").next().unwrap(), SPEC.split("training:").nth(1).unwrap());
    let spec = format!("{before}{data}training:{after}").replace("2 epochs", "8 epochs");
    place.spec(&spec);
    place.ok(&["run", "spec.yaml"]);
    let best = place.json(&["sql", "SELECT max(value) AS value FROM trials", "--format", "json"]);
    assert!(best[0]["value"].as_f64().unwrap() > 0.6, "{best}");

    let inspected = place.json(&["data", "inspect", "spec.yaml", "--format", "json"]);
    assert_eq!(inspected["sets"][0]["samples"], 1200);
    assert_eq!(inspected["sets"][1]["classes"].as_array().unwrap().len(), 10);
    let text = place.ok(&["data", "inspect", "spec.yaml"]);
    assert!(text.contains("1×8×8") && text.contains("to normalise with: normalize: {mean: ["), "{text}");

    // Another share of wrong labels is another trial.
    place.spec(&spec.replace("5%", "6%"));
    let more = place.sweep(&["run", "spec.yaml"]);
    assert!(more.status.success() && !stderr(&more).contains("have results"), "{}", stderr(&more));
}

#[test]
fn a_bad_file_is_told_with_its_place_in_the_spec() {
    let place = Place::new();
    pictures(&place);
    fs::write(place.path().join("train/3/notes.txt"), "no image").unwrap();
    place.spec(&format!("model: {{onnx: {MODEL}, loss: cross_entropy}}\ndata:\n  train: {{folder: train, channels: 1}}\ntraining: {{batch_size: 64, full_budget: 1 epoch, optimizer: sgd}}\nschedules: [cosine]\nparameters: {{learning_rate: 0.1}}\n"));
    for command in [["run", "spec.yaml"].as_slice(), &["data", "inspect", "spec.yaml"]] {
        let output = place.sweep(command);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(
            said.contains("spec.yaml:3:19: ") && said.contains("train/3/notes.txt` is no image"),
            "{said}"
        );
    }
}

/// The most memory that a process has held, in KiB.
fn peak(pid: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Writes an array of 8-bit values, `count` samples of 64, and their labels.
fn large(place: &Place, count: usize) {
    let header = |shape: &str, kind: &str| {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        let text = format!("{text:<117}\n");
        [&b"\x93NUMPY\x01\x00"[..], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
    };
    let file = |name: &str| std::io::BufWriter::new(fs::File::create(place.path().join(name)).unwrap());
    let (mut x, mut y) = (file("x.npy"), file("y.npy"));
    x.write_all(&header(&format!("({count}, 8, 8)"), "|u1")).unwrap();
    y.write_all(&header(&format!("({count},)"), "|u1")).unwrap();
    for index in 0..count {
        let row: [u8; 64] = std::array::from_fn(|place| ((index * 31 + place * 7) % 251) as u8);
        x.write_all(&row).unwrap();
        y.write_all(&[(index % 10) as u8]).unwrap();
    }
}

/// The peak of a worker that trains on 100 MB of samples, in KiB, and what it measured.
fn worker_peak(memory: &str) -> (u64, Value) {
    let place = Place::new();
    large(&place, 1_600_000);
    place.spec(&format!(
        "model: {{onnx: {MODEL}, loss: cross_entropy}}\ndata: {{train: {{inputs: x.npy, labels: y.npy}}, validation: 0.1%, memory: {memory}}}\n\
         training: {{batch_size: 64, full_budget: 3000 steps, optimizer: sgd}}\nschedules: [cosine]\n\
         parameters: {{learning_rate: 0.01}}\nresources: {{workers: 1, threads: 1}}\n"
    ));
    let mut child = place
        .command(&["run", "spec.yaml"])
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let output = place.sweep(&["sql", "SELECT pid FROM attempts", "--format", "json"]);
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        most = most.max(peak(&rows[0]["pid"].to_string()).unwrap_or(0));
    }
    let points = "SELECT name, step, value FROM curves ORDER BY name, step";
    (most, place.json(&["sql", points, "--format", "json"]))
}

#[test]
fn a_set_that_does_not_fit_streams_in_constant_memory() {
    let (streamed, points) = worker_peak("8 MB");
    let (held, same) = worker_peak("1 GB");
    println!(
        "a worker held {streamed} KiB at most while it streamed 102 MB, {held} KiB with all of it in memory"
    );
    assert!(points.as_array().unwrap().len() > 50 && points == same, "the same numbers");
    // 102 MB of samples, less what the limit allows.
    assert!(held > streamed + 75_000, "{held} {streamed}");
    assert!(streamed < 150_000, "{streamed}");
}
