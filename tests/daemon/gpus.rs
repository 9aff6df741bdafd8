//! Programs that want GPUs, on a machine whose GPUs are a file.

use super::*;

const TRAIN: &str = r#"
echo "{\"step\": 1, \"test/accuracy\": 0.5}" >&$SWEEP_REPORT_FD
echo "$CUDA_VISIBLE_DEVICES"
until [ -e go ]; do sleep 0.02; done
"#;

fn spec(name: &str, more: &str) -> String {
    format!(
        r#"
name: {name}
command: [bash, train.sh, {name}]
inputs: [train.sh]
metric: {{name: test/accuracy, goal: maximize}}
training: {{full_budget: 10 steps}}
schedules: [constant]
parameters: {{learning_rate: 0.1}}
seeds: 6
{more}
"#
    )
}

/// A file of two GPUs, of which the first so many are used by somebody else.
fn gpus(home: &Home, foreign: u32) {
    let gpu = |index: u32| {
        // A process that no worker started.
        let other = serde_json::json!({"pid": 1, "bytes": 1 << 30, "name": "other"});
        let processes = if index < foreign { vec![other] } else { vec![] };
        serde_json::json!({
            "index": index, "uuid": format!("GPU-{index}"), "name": "Test", "memory_total": 8_u64 << 30,
            "memory_used": 0, "utilisation": null, "processes": processes,
        })
    };
    fs::write(home.path("new"), serde_json::json!([gpu(0), gpu(1)]).to_string()).unwrap();
    fs::rename(home.path("new"), home.path("gpus.json")).unwrap();
}

#[test]
fn programs_get_their_gpus_and_leave_those_of_others_alone() {
    let mut home = Home::new();
    home.write("train.sh", TRAIN);
    gpus(&home, 2);
    let file = home.path("gpus.json").display().to_string();
    home.set("SWEEP_GPUS", &file);
    home.write("spec.yaml", &spec("gpu", "resources: {device: cuda, workers_per_gpu: 2, threads: 1}"));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    let why = |text: &str| home.until(text, |home| home.ok(&["why", "6"]).contains(text).then_some(()));
    why("no GPU can be had: GPU 0 is used by process 1 (`other`); GPU 1 is used by process 1 (`other`)");
    assert_eq!(home.number("SELECT count(*) FROM attempts"), 0);
    gpus(&home, 1);
    // Two share the one that is free; as many workers as the GPUs take share the cores, however few these are.
    home.until("two do not run", |home| (home.number("SELECT count(*) FROM curves") == 2).then_some(()));
    for log in ["1", "2"] {
        assert_eq!(home.ok(&["logs", log]), "GPU-1\n");
    }
    why("no GPU can be had: GPU 0 is used by process 1 (`other`); GPU 1 is taken");
    assert_eq!(home.number("SELECT count(*) FROM trials WHERE status = 'running'"), 2);
    gpus(&home, 0);
    home.until("four do not run", |home| (home.number("SELECT count(*) FROM curves") == 4).then_some(()));
    home.write("go", "");
    home.ok(&["wait"]);
    home.until_trials("done 6");
    home.ok(&["daemon", "stop"]);
    home.assert_nothing_runs();
}
