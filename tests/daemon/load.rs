//! Many programs that report a lot while others read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// Every 50 ms the points of five steps, two each, for some seconds.
const TRAIN: &str = r#"
import sys, time
sys.path.insert(0, sys.argv[1])
import sweep_trial
trial = sweep_trial.load()
until = time.monotonic()
for step in range(1, trial.steps + 1):
    trial.report(step, {"train/loss": step / 7, "other": -step})
    if step % 5 == 0:
        until += 0.1
        time.sleep(max(0, until - time.monotonic()))
trial.report(trial.steps, {"test/accuracy": 0.5})
"#;

const SPEC: &str = r#"
name: load
command: [python3, train.py, "HELPER"]
inputs: [train.py]
metric: {name: test/accuracy, goal: maximize}
training: {full_budget: 300 steps}
schedules: [constant]
parameters: {learning_rate: 0.1}
seeds: 64
resources: {workers: 64, threads: 1}
env: {PYTHONDONTWRITEBYTECODE: "1"}
"#;

#[test]
fn sixty_four_programs_report_while_others_read() {
    let mut home = Home::new();
    let helper = concat!(env!("CARGO_MANIFEST_DIR"), "/workers/python");
    home.write("train.py", TRAIN);
    home.write("spec.yaml", &SPEC.replace("HELPER", helper));
    home.start();
    let began = Instant::now();
    home.ok(&["submit", "spec.yaml"]);
    let (over, reads, slowest) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let running = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    // It panics at any error, "database is locked" above all.
                    home.rows("SELECT count(*), max(value) FROM curves");
                    home.rows("SELECT status, count(*) FROM trials GROUP BY status");
                    reads.fetch_add(1, Ordering::Relaxed);
                    slowest.fetch_max(asked.elapsed().as_millis() as u64, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        let mut most = 0;
        let deadline = Instant::now() + LIMIT;
        while home.number("SELECT count(*) FROM trials WHERE status = 'done'") < 64 {
            most = most.max(home.number("SELECT count(*) FROM trials WHERE status = 'running'"));
            if Instant::now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
        most
    });
    let seconds = began.elapsed().as_secs_f64();
    home.until_trials("done 64");
    assert_eq!(home.number("SELECT count(*) FROM curves"), 64 * 601, "every point is there");
    let wrong = "SELECT count(*) FROM curves WHERE name = 'other' AND value <> -step
                 OR name = 'train/loss' AND abs(value - step / 7.0) > 1e-9";
    assert_eq!(home.number(wrong), 0);
    assert_eq!(home.number("SELECT count(*) FROM attempts"), 64, "nobody was disturbed");
    println!(
        "{running} programs at one time, {:.0} points a second, {} reads, the slowest {} ms, daemon {} MiB, {seconds:.1} s",
        f64::from(64 * 601) / seconds,
        reads.into_inner(),
        slowest.into_inner(),
        home.memory()
    );
    assert!(running >= 32, "{running} at one time");
    assert!(home.memory() < 200, "{} MiB", home.memory());
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success() && !home.log().contains("locked"));
}
