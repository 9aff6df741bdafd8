//! Limits that real specs set, each with its exit code, from a daemon and from `run` alone.

use super::*;

fn spec(name: &str, script: &str, more: &str) -> String {
    let script = serde_json::to_string(script).unwrap();
    format!(
        r#"
name: {name}
command: [bash, -c, {script}]
inputs: []
metric: {{name: test/accuracy, goal: maximize}}
training: {{full_budget: 10 steps}}
schedules: [constant]
parameters: {{learning_rate: 0.1}}
seeds: 20
resources: {{workers: 2, threads: 1}}
retry: {{max: 0}}
{more}
"#
    )
}

const QUICK: &str = r#"echo '{"step": 10, "test/accuracy": 1}' >&$SWEEP_REPORT_FD"#;
const SLOW: &str = r#"echo '{"step": 1, "test/accuracy": 1}' >&$SWEEP_REPORT_FD; sleep 0.3"#;
const FAILING: &str = r#"echo '{"step": 1, "test/accuracy": 1}' >&$SWEEP_REPORT_FD; exit 1"#;

#[test]
fn each_limit_ends_its_sweep_and_says_which_it_was() {
    let priced = "pricing: {usd_per_hour: 3600}\nlimits: {cost_usd: 1}";
    let limits = [
        ("trials", QUICK, "limits: {trials: 3}", "the limit of 3 trials"),
        ("cap", QUICK, "run_cap: 3", "the limit of 3 trials"),
        ("failures", FAILING, "limits: {failures: 2}", "the limit of 2 failed trials"),
        ("clock", SLOW, "limits: {wall_clock: 1 s}", "of wall clock"),
        ("cost", SLOW, priced, "the limit of $1"),
    ];
    for alone in [false, true] {
        let mut home = Home::new();
        if !alone {
            home.start();
        }
        for (name, script, limit, reason) in limits {
            let file = format!("{name}.yaml");
            home.write(&file, &spec(name, script, limit));
            let output = home.sweep(&["run", &file]);
            let told = said(&output);
            assert_eq!(output.status.code(), Some(104), "{name}, alone: {alone}: {told}");
            assert!(told.contains(reason), "{name}, alone: {alone}: {told}");
            let output = home.sweep(&["wait", name]);
            assert_eq!(output.status.code(), Some(104), "{name}: {}", said(&output));
            assert!(said(&output).contains(reason), "{name}: {}", said(&output));
            let count = |status: &str| {
                let sql =
                    format!("SELECT count(*) FROM trials WHERE name = '{name}' AND status = '{status}'");
                home.number(&sql)
            };
            match name {
                "trials" | "cap" => assert_eq!(count("done"), 3),
                // Both that run may fail.
                "failures" => assert!((2..=3).contains(&count("failed"))),
                _ => assert!((1..20).contains(&count("done"))),
            }
            assert_eq!(count("running") + count("queued"), 0, "they are nobody's now");
        }
        if !alone {
            home.ok(&["daemon", "stop"]);
        }
        home.assert_nothing_runs();
    }
}

#[test]
fn a_limit_counts_what_a_scheduler_before_it_saw() {
    let mut home = Home::new();
    let script = format!("if [ -e stop ]; then sleep 60; fi; {FAILING}");
    home.write(
        "spec.yaml",
        &spec("again", &script, "limits: {failures: 4}").replace("workers: 2", "workers: 1"),
    );
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.until("none failed", |home| {
        (home.number("SELECT count(*) FROM trials WHERE status = 'failed'") >= 2)
            .then(|| home.write("stop", ""))
    });
    home.kill();
    let before = home.number("SELECT count(*) FROM trials WHERE status = 'failed'");
    fs::remove_file(home.path("stop")).unwrap();
    home.start();
    home.until("the limit is not reached", |home| {
        (home.sweep(&["wait"]).status.code() == Some(104)).then_some(())
    });
    let after = home.number("SELECT count(*) FROM trials WHERE status = 'failed'");
    assert!(after == 4.max(before), "{before}, then {after}");
}

#[test]
fn a_program_that_takes_too_much_memory_is_told_so() {
    let mut home = Home::new();
    let script = r#"exec python3 -c 'import os
os.write(int(os.environ["SWEEP_REPORT_FD"]), b"{\"step\": 1, \"test/accuracy\": 1}\n")
held = bytearray(400 << 20)'"#;
    let more = "seeds: 1\nresources: {workers: 1, memory: 300 MiB}\nretry: {max: 0}";
    let spec = spec("hungry", script, "");
    let kept: String = spec
        .lines()
        .filter(|line| !line.starts_with("seeds") && !line.starts_with("re"))
        .map(|line| format!("{line}\n"))
        .collect();
    home.write("spec.yaml", &format!("{kept}{more}"));
    home.start();
    let output = home.sweep(&["run", "spec.yaml"]);
    assert_eq!(output.status.code(), Some(100), "{}", said(&output));
    assert!(said(&output).contains("trial 1 failed: out of memory"), "{}", said(&output));
    assert!(home.ok(&["why", "1"]).contains("out of memory"));
    assert!(home.ok(&["logs", "1"]).contains("MemoryError"));
}

#[test]
fn a_program_that_is_killed_goes_on_from_its_checkpoint_after_a_pause() {
    let mut home = Home::new();
    let script = r#"fd=$SWEEP_REPORT_FD
if [ -e "$SWEEP_CHECKPOINT/5" ]; then
  echo '{"start": 5}' >&$fd; echo '{"step": 10, "test/accuracy": 1}' >&$fd; exit 0
fi
for step in 1 2 3 4 5; do echo "{\"step\": $step, \"loss\": $step}" >&$fd; done
touch "$SWEEP_CHECKPOINT/5"; echo '{"checkpoint": 5}' >&$fd
sleep 60"#;
    let spec = spec("killed", script, "")
        .replace("seeds: 20", "seeds: 1")
        .replace("retry: {max: 0}", "retry: {max: 2, backoff: 2 s}");
    home.write("spec.yaml", &spec);
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.until("no checkpoint", |home| (home.number("SELECT count(*) FROM checkpoints") == 1).then_some(()));
    // The program, not the worker that runs it.
    let worker = home.number("SELECT pid FROM attempts");
    let program = home.until("no program", |home| {
        home.workers().into_iter().find(|pid| {
            let running = sweep::process::running(*pid);
            running.is_some_and(|running| u64::from(running.parent) == worker)
        })
    });
    signal("-9", program);
    let why = home.until("it does not wait", |home| {
        Some(home.ok(&["why", "1"])).filter(|why| why.contains("before its retry number 1"))
    });
    assert!(why.contains("the program was killed by SIGKILL"), "{why}");
    home.ok(&["wait"]);
    let attempts = home.rows("SELECT \"end\", first_step FROM attempts ORDER BY attempt");
    assert_eq!(attempts, [["failed", "0"], ["done", "5"]]);
    let pause = home.number("SELECT max(started_at) - min(ended_at) FROM attempts");
    assert!((2000..20_000).contains(&pause), "{pause} ms");
    assert_eq!(
        home.number("SELECT count(*) FROM curves WHERE name = 'loss'"),
        5,
        "what was before it is kept"
    );
    assert_eq!(home.leavings(), [""; 0]);
}
