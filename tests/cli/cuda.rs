//! Models and GPUs, on machines that have none or not all that CUDA needs.

use std::os::unix::fs::symlink;

use super::*;

/// What a command says where there are so many GPUs, and where ONNX Runtime is in this folder.
fn run(place: &Place, gpus: usize, runtime: &Path) -> Output {
    let gpu = |index| {
        serde_json::json!({
            "index": index, "uuid": format!("GPU-{index}"), "name": "Test", "memory_total": 8_u64 << 30,
            "memory_used": 0, "utilisation": null,
        })
    };
    let file = place.path().join("gpus.json");
    fs::write(&file, Value::from_iter((0..gpus).map(gpu)).to_string()).unwrap();
    let mut command = place.command(&["run", "spec.yaml"]);
    command.env("SWEEP_GPUS", file).env("ORT_DYLIB_PATH", runtime.join("libonnxruntime.so"));
    command.env_remove("CUDA_VISIBLE_DEVICES").output().unwrap()
}

/// A folder with the CPU's runtime, and perhaps a file where a CUDA build has its provider.
fn runtime(place: &Place, has_provider: bool) -> PathBuf {
    let folder = place.path().join(if has_provider { "cuda" } else { "cpu" });
    fs::create_dir(&folder).unwrap();
    let library = sweep_trainer::runtime::ensure(&mut |_| {}).unwrap();
    symlink(library, folder.join("libonnxruntime.so")).unwrap();
    if has_provider {
        fs::write(folder.join("libonnxruntime_providers_cuda.so"), "").unwrap();
    }
    folder
}

fn spec(place: &Place, device: &str, precision: &str) {
    let text = SPEC.replace("  log_every:", &format!("  precision: {precision}\n  log_every:"));
    place.spec(&format!("{text}resources: {{device: {device}}}\n"));
}

#[test]
fn what_cannot_be_had_is_named_and_never_the_processors_instead() {
    let place = Place::new();
    let (without, with) = (runtime(&place, false), runtime(&place, true));
    let refused = |(device, precision): (&str, &str), gpus, runtime: &Path, says: &[&str]| {
        spec(&place, device, precision);
        let output = run(&place, gpus, runtime);
        let said = stderr(&output);
        assert!(!output.status.success() && says.iter().all(|words| said.contains(words)), "{said}");
    };
    let no_provider = [
        "CUDA cannot be used: this build of ONNX Runtime has no CUDA provider",
        "`sweep runtime install --cuda`",
        "spec.yaml:",
    ];
    refused(("cuda", "float32"), 0, &with, &["there is no GPU: ", "`sweep doctor`"]);
    refused(
        ("cuda", "float32"),
        1,
        &without,
        &["the CUDA build of ONNX Runtime is not there", "install --cuda"],
    );
    refused(("cuda", "tf32"), 1, &with, &no_provider);
    refused(("auto", "float32"), 1, &with, &no_provider);
    refused(("auto", "tf32"), 0, &with, &["`tf32` is for GPUs, and this would be trained on processors"]);
    refused(("auto", "tf32"), 1, &without, &["`tf32` is for GPUs"]);
    fs::write(with.join("libcudart.so.13"), "no library").unwrap();
    refused(("cuda", "float32"), 1, &with, &["CUDA cannot be used: `libcudart.so.13` cannot be loaded"]);
    assert!(!place.home().join("sweep.db").exists(), "nothing was written");
}

#[test]
fn without_all_that_cuda_needs_auto_is_the_processors() {
    let place = Place::new();
    let (without, with) = (runtime(&place, false), runtime(&place, true));
    spec(&place, "auto", "float32");
    for (gpus, runtime) in [(1, &without), (0, &with)] {
        let output = run(&place, gpus, runtime);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let trials = place.json(&["sql", "SELECT count(*) AS trials FROM trials", "--format", "json"]);
    assert_eq!(trials[0]["trials"], 4, "what one device trained, the other did not train again");
}
