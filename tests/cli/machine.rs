//! What is said of the machine: `devices`, `doctor`, `completions`.

use std::{os::unix::fs::PermissionsExt, process::Stdio};

use serde_json::json;
use sweep::{
    device::{CoreClaims, allowed_cores},
    store::Store,
};

use super::*;

/// A file of GPUs for `SWEEP_GPUS`.
fn gpus(place: &Place, gpus: &Value) -> PathBuf {
    let path = place.path().join("gpus.json");
    fs::write(&path, gpus.to_string()).unwrap();
    path
}

fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn devices_lists_gpus_and_who_is_on_them() {
    let place = Place::new();
    let two = json!([
        {"index": 0, "uuid": "GPU-a", "name": "NVIDIA H100 80GB HBM3", "memory_total": 85899345920_u64,
         "memory_used": 5368709120_u64, "utilisation": 37, "millijoules": 5000,
         "processes": [{"pid": 4711, "bytes": 4294967296_u64, "name": "python\u{1b}[31m"},
                       {"pid": 4712, "bytes": null, "name": null}]},
        {"index": 1, "uuid": "GPU-b", "name": "NVIDIA H100 80GB HBM3", "memory_total": 85899345920_u64,
         "memory_used": 0, "utilisation": null, "millijoules": null, "processes": []}
    ]);
    let file = gpus(&place, &two);
    let devices = |arguments: &[&str]| {
        let mut command = place.command(&["devices"]);
        command.args(arguments).env("SWEEP_GPUS", &file).env_remove("CUDA_VISIBLE_DEVICES");
        command
    };
    let told = text(&mut devices(&[]));
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    let (_, tables) = told.split_once("\nGPUs\n").unwrap();
    assert_eq!(
        tables,
        "
 gpu  name                   memory    used     busy     processes
───────────────────────────────────────────────────────────────────
   0  NVIDIA H100 80GB HBM3  80.0 GiB  5.0 GiB  37 %             2
   1  NVIDIA H100 80GB HBM3  80.0 GiB  0 B      unknown          0

 gpu  process  program             used
───────────────────────────────────────────
   0     4711  python\\u{1b}[31m    4.0 GiB
   0     4712  not seen from here  unknown
"
    );
    let told: Value = serde_json::from_str(&text(&mut devices(&["--output-mode", "json"]))).unwrap();
    assert_eq!((&told["version"], &told["gpus"], &told["no_gpus"]), (&json!(1), &two, &Value::Null));
    let cores = u64::try_from(allowed_cores().len()).unwrap();
    assert_eq!(told["allowed_cores"].as_array().unwrap().len() as u64, cores);
    let told = text(devices(&["--output-mode", "json"]).env("CUDA_VISIBLE_DEVICES", "GPU-b"));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["gpus"], json!([two[1]]));
    assert_eq!(text(&mut devices(&["--output-mode", "quiet"])), "");
}

#[test]
fn devices_says_why_there_are_no_gpus() {
    let place = Place::new();
    let none = gpus(&place, &json!([]));
    let wrong = place.path().join("wrong.json");
    fs::write(&wrong, "{}").unwrap();
    for (file, why) in
        [(none, "holds none"), (wrong, "invalid type: map"), ("/not/there".into(), "No such file")]
    {
        let told =
            text(place.command(&["devices"]).env("SWEEP_GPUS", file).env_remove("CUDA_VISIBLE_DEVICES"));
        let words: Vec<_> = told.split_whitespace().collect();
        assert!(words.join(" ").contains(why), "{told}");
    }
}

/// With a library that says what a driver would, found as the real one is: see `tests/fixtures/nvml/fake.c`.
#[test]
fn devices_asks_the_driver() {
    let place = Place::new();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nvml/fake.c");
    let library = place.path().join("libnvidia-ml.so.1");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(built.unwrap().success());
    let ask = |verb: &str| {
        let mut command = place.command(&[verb, "--output-mode", "json"]);
        command
            .env("LD_LIBRARY_PATH", place.path())
            .env_remove("SWEEP_GPUS")
            .env_remove("CUDA_VISIBLE_DEVICES");
        command
    };
    let told: Value = serde_json::from_str(&text(&mut ask("devices"))).unwrap();
    assert_eq!(told["driver"], json!({"version": "580.65.06", "cuda": [13, 1]}));
    assert_eq!(told["gpus"][0]["processes"][0]["name"], "sweep", "the process that asks is on it");
    assert_eq!(told["gpus"][1]["memory_total"], json!(80_u64 << 30));
    let output = ask("doctor").env("XDG_CACHE_HOME", place.path()).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(found(&told, "GPUs").contains("2 GPUs, driver 580.65.06; 1 in use"), "{told}");
    assert_eq!(state(&told, "GPUs"), "warning", "there is no CUDA build in that cache");
}

/// The checks of `sweep doctor` on the home of this place, and its exit code.
fn doctor(place: &Place, set: impl FnOnce(&mut Command)) -> (Value, i32) {
    let mut command = place.command(&["doctor", "--output-mode", "json"]);
    // Nobody else's claims, and no GPUs.
    command.env("XDG_RUNTIME_DIR", place.path()).env("SWEEP_GPUS", gpus(place, &json!([])));
    set(&mut command);
    let output = command.output().unwrap();
    assert_eq!(stderr(&output), "");
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
}

fn check<'a>(told: &'a Value, name: &str) -> &'a Value {
    let checks = told["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {told}"))
}

fn found<'a>(told: &'a Value, name: &str) -> &'a str {
    check(told, name)["found"].as_str().unwrap()
}

fn state<'a>(told: &'a Value, name: &str) -> &'a str {
    check(told, name)["state"].as_str().unwrap()
}

/// A home with the store of this fixture.
fn stored(place: &Place, fixture: &str) {
    fs::create_dir(place.home()).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores").join(fixture);
    fs::copy(from, place.home().join("sweep.db")).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

#[test]
fn doctor_finds_nothing_wrong_and_leaves_nothing_behind() {
    let place = Place::new();
    let (told, _) = doctor(&place, |_| {});
    assert_eq!(told["version"], 1);
    assert!(found(&told, "home folder").contains("is not there yet"), "{told}");
    assert!(found(&told, "store").contains("none yet"));
    assert!(!place.home().exists());
    stored(&place, "v2.db");
    drop(Store::open_writer(&place.home()).unwrap());
    let before = names(&place.home());
    let (told, code) = doctor(&place, |_| {});
    assert_eq!(names(&place.home()), before);
    for name in
        ["ONNX Runtime", "home folder", "store", "scheduler", "left-over workers", "core claims", "clock"]
    {
        assert_eq!(state(&told, name), "ok", "{told}");
    }
    let is_broken = told["checks"].as_array().unwrap().iter().any(|check| check["state"] == "problem");
    assert_eq!(code, i32::from(is_broken), "{told}");
    let told = String::from_utf8(place.sweep(&["doctor"]).stdout).unwrap();
    let prose = told.lines().filter(|line| !line.contains("libonnxruntime") && !line.contains("/tmp"));
    assert!(prose.clone().all(|line| line.chars().count() <= 80), "{told}");
}

#[test]
fn doctor_knows_a_store_that_cannot_be_used() {
    let told = |change: &dyn Fn(&Path)| {
        let place = Place::new();
        stored(&place, "v2.db");
        change(&place.home().join("sweep.db"));
        let (told, code) = doctor(&place, |_| {});
        assert_eq!(i32::from(state(&told, "store") == "problem"), code, "{told}");
        (state(&told, "store").to_owned(), found(&told, "store").to_owned())
    };
    let sql = |path: &Path, sql: &str| rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    let (state, found) = told(&|path| sql(path, "PRAGMA user_version = 1000"));
    assert!(state == "problem" && found.contains("newer sweep"), "{found}");
    let (state, found) = told(&|path| sql(path, "PRAGMA application_id = 7"));
    assert!(state == "problem" && found.contains("another program"), "{found}");
    let (state, found) = told(&|path| fs::write(path, "x".repeat(5000)).unwrap());
    assert!(state == "problem" && found.contains("not an SQLite file"), "{found}");
    let (state, found) = told(&|path| {
        let mut bytes = fs::read(path).unwrap();
        // Every page but the first.
        bytes[4096..].fill(0x5a);
        fs::write(path, bytes).unwrap();
    });
    assert!(state == "problem" && found.contains("damaged"), "{found}");
    let place = Place::new();
    stored(&place, "v1.db");
    let (told, _) = doctor(&place, |_| {});
    assert_eq!((self::state(&told, "store"), names(&place.home())), ("warning", vec!["sweep.db".to_owned()]));
}

#[test]
fn doctor_knows_who_is_at_work() {
    let place = Place::new();
    let store = Store::open_writer(&place.home()).unwrap();
    let cores = CoreClaims::take_in(&place.path().join("sweep-cores"), &allowed_cores()[..1]);
    let (told, _) = doctor(&place, |_| {});
    let this = format!("process {}", std::process::id());
    assert!(found(&told, "scheduler").contains(&this), "{told}");
    assert!(found(&told, "core claims").starts_with("1 of "), "{told}");
    assert!(found(&told, "core claims").ends_with(&format!("held by {this}")), "{told}");
    drop((store, cores));
    let (told, _) = doctor(&place, |_| {});
    assert!(found(&told, "scheduler").contains("none"), "{told}");
    assert!(found(&told, "core claims").contains("no scheduler"), "{told}");
}

#[test]
fn doctor_finds_a_worker_that_was_left() {
    let place = Place::new();
    stored(&place, "v2.db");
    drop(Store::open_writer(&place.home()).unwrap());
    // Its parent is this test, which is no `sweep`.
    let mut worker = place.command(&["worker"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let store = rusqlite::Connection::open(place.home().join("sweep.db")).unwrap();
    assert!(store.execute("UPDATE attempt SET pid = ?1", [worker.id()]).unwrap() > 0);
    drop(store);
    let (told, code) = doctor(&place, |_| {});
    assert_eq!(state(&told, "left-over workers"), "warning");
    assert!(found(&told, "left-over workers").ends_with(&worker.id().to_string()), "{told}");
    assert_eq!(code, 0, "{told}");
    drop(worker.stdin.take());
    worker.wait().unwrap();
    assert_eq!(state(&doctor(&place, |_| {}).0, "left-over workers"), "ok");
}

#[test]
fn doctor_says_what_stops_training() {
    let place = Place::new();
    let problem = |name: &str, says: &str, set: &dyn Fn(&mut Command)| {
        let (told, code) = doctor(&place, |command| set(command));
        assert_eq!((state(&told, name), code), ("problem", 1), "{told}");
        assert!(found(&told, name).contains(says), "{told}");
        assert!(check(&told, name)["advice"].is_string(), "{told}");
    };
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    for (name, says, variable, value) in [
        ("home folder", "is not a folder", "SWEEP_HOME", file.as_path()),
        ("home folder", "cannot be written", "SWEEP_HOME", Path::new("/proc")),
        ("home folder", "cannot be made in `/proc`", "SWEEP_HOME", Path::new("/proc/a/b")),
        ("temporary files", "`/proc` cannot", "TMPDIR", Path::new("/proc")),
        ("ONNX Runtime", "`ORT_DYLIB_PATH`", "ORT_DYLIB_PATH", Path::new("/none.so")),
        ("ONNX Runtime", "cannot be loaded", "ORT_DYLIB_PATH", file.as_path()),
    ] {
        problem(name, says, &|command| {
            command.env(variable, value);
        });
    }
    let bare = |command: &mut Command, path: &Path| {
        command.env_remove("ORT_DYLIB_PATH").env("XDG_CACHE_HOME", place.path()).env("PATH", path);
    };
    problem("ONNX Runtime", "pip is not there", &|command| bare(command, &file));
    let pip = place.path().join("pip3");
    fs::write(&pip, "").unwrap();
    fs::set_permissions(&pip, fs::Permissions::from_mode(0o755)).unwrap();
    let (told, _) = doctor(&place, |command| bare(command, place.path()));
    assert_eq!(state(&told, "ONNX Runtime"), "warning", "pip is there: {told}");
}

#[test]
fn doctor_counts_files_under_the_limit() {
    let place = Place::new();
    let command = "ulimit -n 60 && exec \"$0\" doctor --output-mode json";
    let mut sh = Command::new("sh");
    let output =
        sh.args(["-c", command, env!("CARGO_BIN_EXE_sweep")]).current_dir(place.path()).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((state(&told, "open files"), output.status.code()), ("problem", Some(1)), "{told}");
}

#[test]
fn bash_completes_verbs_and_options() {
    let place = Place::new();
    let script = place.path().join("sweep.bash");
    fs::write(&script, place.ok(&["completions", "bash"])).unwrap();
    let complete = r#"
        source "$0"
        complete -p sweep
        COMP_WORDS=(sweep dev) COMP_CWORD=1; _sweep sweep dev sweep; echo "${COMPREPLY[*]}"
        COMP_WORDS=(sweep list --form) COMP_CWORD=2; _sweep sweep --form list; echo "${COMPREPLY[*]}"
        COMP_WORDS=(sweep work) COMP_CWORD=1; _sweep sweep work sweep; echo "hidden:${COMPREPLY[*]}""#;
    let output = Command::new("bash").args(["-c", complete]).arg(&script).output().unwrap();
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    let lines: Vec<_> = told.lines().collect();
    assert!(lines.len() == 4 && lines[0].contains("-F _sweep"), "{told}{}", stderr(&output));
    assert_eq!(lines[1..], ["devices", "--format", "hidden:"]);
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = place.ok(&["completions", shell]);
        assert!(script.contains("devices") && script.contains("completions"), "{shell}: {script}");
    }
}
