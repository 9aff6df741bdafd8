//! The whole scheduler with real processes: workers that die, hang, lie and talk nonsense cost their trial one
//! attempt, not the sweep.

use std::{path::Path, time::Duration};

use sweep::{
    daemon::{Ended, Order, Scheduler, Setup, Signal, View},
    device::Gpus,
    engine::{Over, Policy},
    store::{QueryLimits, plain, query},
};
use sweep_wire::{Contents, Device, Facts, Precision};
use tokio::sync::mpsc;

/// A worker in shell: answers each assignment of a trial of ten steps, after `fault` had its chance.
fn worker(fault: &str) -> String {
    format!(
        r#"echo '{{"type":"hello","protocol":6,"worker":"sh","pid":1}}'
while read -r line; do
  a=$(printf '%s' "$line" | sed 's/.*"attempt":\([0-9]*\),.*/\1/')
  {fault}
  echo "{{\"type\":\"started\",\"attempt\":$a,\"step\":0,\"state_bytes\":0,\"damaged\":[]}}"
  echo "{{\"type\":\"progress\",\"attempt\":$a,\"step\":10,\"loss\":0.5,\"learning_rate\":0.1,\"step_ms\":1,\"points\":[{{\"name\":\"train/loss\",\"step\":9,\"value\":0.5}}]}}"
  echo "{{\"type\":\"done\",\"attempt\":$a,\"steps\":10,\"train_seconds\":0.1}}"
done"#
    )
}

/// A sweep of as many trials of ten steps as there are seeds; nobody looks at its files.
fn order(seeds: u64) -> Order {
    let text = format!(
        "name: test
model: {{onnx: m.onnx, loss: mse}}
data: {{train: {{inputs: x.npy, labels: y.npy}}}}
training: {{batch_size: 1, full_budget: 10 steps, optimizer: sgd, log_every: 1 step}}
schedules: [constant]
parameters: {{learning_rate: 0.1}}
seeds: {seeds}
retry: {{max: 2, backoff: 0 s}}
resources: {{workers: 2, threads: 1}}
"
    );
    let facts = Facts {
        train_samples: 100,
        validation_samples: 0,
        test_samples: 0,
        contents: Contents { model: "m".into(), data: "d".into() },
        parameters: 1,
        numerics: 0,
        runtime: String::new(),
        cpu: String::new(),
        warnings: vec![],
        metrics: vec!["loss".into()],
        device: Device::Cpu,
        measured: None,
        division: None,
    };
    Order::new("/nowhere/test.yaml".into(), text, facts, None).unwrap()
}

pub(crate) fn setup(home: &Path, script: &str, policy: Policy) -> Setup {
    Setup {
        home: home.to_owned(),
        worker: vec!["sh".into(), "-c".into(), script.into()],
        policy,
        cores: 2,
        pinnable: vec![],
        gpus: Gpus::None { why: "none are wanted".into() },
        daemon: false,
    }
}

struct Outcome {
    ended: Ended,
    /// How the sweep ended, unless the scheduler did before.
    over: Option<Over>,
    told: Vec<String>,
}

/// Trains `trials` trials with two workers running `script`; `interrupt` presses Ctrl-C this often at the start.
async fn run(home: &Path, script: &str, policy: Policy, trials: u64, interrupt: usize) -> Outcome {
    let mut scheduler = Scheduler::open(setup(home, script, policy)).unwrap();
    let (accepted, event) = scheduler.submit(order(trials)).unwrap();
    let (press, signals) = mpsc::channel(8);
    for _ in 0..interrupt {
        press.send(Signal::Interrupt).await.unwrap();
    }
    let mut told = Vec::new();
    let mut observe = |view: View<'_>| told.extend_from_slice(view.told);
    let run = scheduler.run(vec![event], signals, None, &mut observe);
    let ended = tokio::time::timeout(Duration::from_secs(60), run).await.unwrap().unwrap();
    let over = ended.over.get(&accepted.sweep).cloned();
    Outcome { ended, over, told }
}

/// The rows of a query, each as its values in words.
fn sql(home: &Path, text: &str) -> Vec<Vec<String>> {
    let table = query(home, text, QueryLimits::default()).unwrap();
    table.rows.iter().map(|row| row.iter().map(plain).collect()).collect()
}

/// Runs four trials with workers of which one misbehaves once; all end, with one attempt more than trials.
async fn survives(fault: &str, policy: Policy, message: &str) {
    let home = tempfile::tempdir().unwrap();
    let marker = home.path().join("marker");
    // `mkdir` succeeds for exactly one worker.
    let once = format!("if mkdir {} 2>/dev/null; then {fault}; fi", marker.display());
    let ended = run(home.path(), &worker(&once), policy, 4, 0).await;
    assert_eq!(ended.over, Some(Over::Done), "{:?}", ended.told);
    assert_eq!(sql(home.path(), "SELECT DISTINCT status FROM trials"), [["done"]]);
    let attempts = sql(home.path(), "SELECT \"end\", message FROM attempts ORDER BY attempt");
    assert_eq!(attempts.len(), 5, "{attempts:?}");
    let failed: Vec<_> = attempts.iter().filter(|row| row[0] == "failed").collect();
    assert!(failed.len() == 1 && failed[0][1].contains(message), "{attempts:?}");
    assert!(ended.told.len() == 1 && ended.told[0].contains(message), "{:?}", ended.told);
}

#[tokio::test]
async fn a_worker_that_is_killed_costs_one_attempt() {
    survives("kill -9 $$", Policy::default(), "killed by SIGKILL").await;
}

#[tokio::test]
async fn a_worker_that_exits_costs_one_attempt() {
    survives("exit 7", Policy::default(), "exit code 7").await;
}

#[tokio::test]
async fn a_worker_that_hangs_costs_one_attempt() {
    let policy = Policy { silence_ms: 500, ..Policy::default() };
    survives("sleep 60", policy, "it said nothing for").await;
}

#[tokio::test]
async fn a_worker_that_talks_nonsense_costs_one_attempt() {
    survives("echo 'Traceback (most recent call last):'", Policy::default(), "which is no message").await;
}

#[tokio::test]
async fn a_worker_that_lies_costs_one_attempt() {
    let lie = r#"echo "{\"type\":\"done\",\"attempt\":$a,\"steps\":10,\"train_seconds\":0.1}""#;
    survives(lie, Policy::default(), "without all of its 10 steps").await;
}

#[tokio::test]
async fn a_worker_that_floods_costs_one_attempt() {
    survives("yes | tr -d '\\n'", Policy::default(), "a line longer than 1 MiB").await;
}

#[tokio::test]
async fn messages_of_attempts_that_are_not_its_own_change_nothing() {
    let home = tempfile::tempdir().unwrap();
    let lies = r#"for other in $((a + 1)) $((a - 1)) 0 9999999; do
    echo "{\"type\":\"started\",\"attempt\":$other,\"step\":0,\"state_bytes\":0,\"damaged\":[]}"
    echo "{\"type\":\"progress\",\"attempt\":$other,\"step\":10,\"loss\":7,\"learning_rate\":0.1,\"step_ms\":1,\"points\":[{\"name\":\"train/loss\",\"step\":9,\"value\":7}]}"
    echo "{\"type\":\"checkpoint\",\"attempt\":$other,\"step\":5,\"bytes\":1}"
    echo "{\"type\":\"diverged\",\"attempt\":$other,\"step\":1,\"train_seconds\":0.1}"
    echo "{\"type\":\"failed\",\"attempt\":$other,\"kind\":\"permanent\",\"message\":\"a lie\"}"
    echo "{\"type\":\"done\",\"attempt\":$other,\"steps\":10,\"train_seconds\":0.1}"
  done"#;
    let ended = run(home.path(), &worker(lies), Policy::default(), 20, 0).await;
    assert_eq!(ended.over, Some(Over::Done), "{:?}", ended.told);
    assert_eq!(ended.told, [""; 0]);
    let ends = "SELECT count(*), count(DISTINCT trial), max(message) FROM attempts WHERE \"end\" = 'done'";
    assert_eq!(sql(home.path(), ends), [["20", "20", ""]]);
    assert_eq!(
        sql(home.path(), "SELECT DISTINCT name, step, value FROM curves"),
        [["train/loss", "9", "0.5"]]
    );
}

#[tokio::test]
async fn a_program_that_cannot_be_started_stops_the_sweep_and_blames_no_trial() {
    let home = tempfile::tempdir().unwrap();
    let ended = run(home.path(), "echo broken >&2; exit 127", Policy::default(), 50, 0).await;
    assert!(matches!(ended.over, Some(Over::Broken { .. })), "{:?}", ended.over);
    assert!(ended.told.is_empty(), "its end says it: {:?}", ended.told);
    assert_eq!(sql(home.path(), "SELECT DISTINCT status FROM trials"), [["cancelled"]]);
}

#[tokio::test]
async fn two_interrupts_stop_what_runs_and_the_next_run_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let stoppable = r#"if [ -e wait ]; then :; fi
  case "$line" in *'"stop"'*) echo "{\"type\":\"failed\",\"attempt\":$(printf '%s' "$line" | tr -dc 0-9),\"kind\":\"stopped\",\"message\":\"stopped\"}"; continue;; esac"#;
    let ended = run(home.path(), &worker(stoppable), Policy::default(), 30, 2).await;
    assert!(ended.ended.drained && ended.over.is_none());
    assert!(sql(home.path(), "SELECT DISTINCT status FROM trials").contains(&vec!["cancelled".to_owned()]));
    let ended = run(home.path(), &worker(""), Policy::default(), 30, 0).await;
    assert_eq!(ended.over, Some(Over::Done));
    assert_eq!(sql(home.path(), "SELECT DISTINCT status FROM trials"), [["done"]]);
    assert_eq!(
        sql(home.path(), "SELECT count(*) FROM trials"),
        [["30"]],
        "trials are found again by their keys"
    );
}

#[tokio::test]
async fn a_model_gets_half_a_gpu_and_all_of_it_once_its_memory_ran_out() {
    let home = tempfile::tempdir().unwrap();
    let gpus = home.path().join("gpus.json");
    let gpu = r#"[{"index":0,"uuid":"GPU-a","name":"Test","memory_total":8589934592,"memory_used":0,"utilisation":null}]"#;
    std::fs::write(&gpus, gpu).unwrap();
    // `$0` is what the scheduler adds to the command.
    let fault = r#"echo "$0 $CUDA_VISIBLE_DEVICES" >&2
  case "$line" in *'"device":{"cuda":"tf32"}'*) ;; *) exit 3 ;; esac
  if mkdir MARKER 2>/dev/null; then
    echo "{\"type\":\"failed\",\"attempt\":$a,\"kind\":\"out_of_memory\",\"message\":\"1 MiB\"}"
    continue
  fi"#;
    let script = worker(&fault.replace("MARKER", &home.path().join("marker").display().to_string()));
    let Order { file, text, facts, .. } = order(1);
    let text = text.replace("workers: 2", "device: cuda, workers_per_gpu: 2");
    let facts = Facts { device: Device::Cuda(Precision::Tf32), ..facts };
    let order = Order::new(file, text, facts, None).unwrap();
    let setup = Setup { gpus: Gpus::Fixed(gpus), ..setup(home.path(), &script, Policy::default()) };
    let mut scheduler = Scheduler::open(setup).unwrap();
    let (accepted, event) = scheduler.submit(order).unwrap();
    let (_press, signals) = mpsc::channel(8);
    let mut observe = |_: View<'_>| {};
    let run = scheduler.run(vec![event], signals, None, &mut observe);
    let ended = tokio::time::timeout(Duration::from_secs(60), run).await.unwrap().unwrap();
    assert_eq!(ended.over.get(&accepted.sweep), Some(&Over::Done));
    let attempts =
        sql(home.path(), "SELECT \"end\", share, coalesce(message, '') FROM attempts ORDER BY attempt");
    assert_eq!(attempts, [["failed", "0.5", "out of memory: 1 MiB"], ["done", "1.0", ""]]);
    for attempt in [1, 2] {
        let log = std::fs::read_to_string(home.path().join(format!("logs/attempt-{attempt}.log"))).unwrap();
        assert_eq!(log, "--cuda GPU-a\n");
    }
}
