//! The whole scheduler with real processes: workers that die, hang, lie and talk nonsense cost their trial one
//! attempt, not the sweep.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use sweep::{
    daemon::{Scheduler, now},
    engine::{Drain, Policy, State},
    plan::{Keeping, PlannedTrial, SweepInfo, Task},
    store::{QueryLimits, Store, plain, query},
};
use sweep_wire::{
    Contents, CrossEntropy, Data, Every, Images, Init, Job, Loss, Model, Optimizer, Sgd, Source,
};
use tokio::sync::mpsc;

/// A worker in shell: answers each assignment of a trial of ten steps, after `fault` had its chance.
fn worker(fault: &str) -> String {
    format!(
        r#"echo '{{"type":"hello","protocol":3,"worker":"sh","pid":1}}'
while read -r line; do
  a=$(printf '%s' "$line" | sed 's/.*"attempt":\([0-9]*\),.*/\1/')
  {fault}
  echo "{{\"type\":\"started\",\"attempt\":$a,\"step\":0,\"state_bytes\":0,\"damaged\":[]}}"
  echo "{{\"type\":\"progress\",\"attempt\":$a,\"step\":10,\"loss\":0.5,\"learning_rate\":0.1,\"step_ms\":1,\"points\":[{{\"name\":\"train/loss\",\"step\":9,\"value\":0.5}}]}}"
  echo "{{\"type\":\"done\",\"attempt\":$a,\"steps\":10,\"train_seconds\":0.1}}"
done"#
    )
}

pub(crate) fn trial(number: u64) -> PlannedTrial {
    let images = Images { images: "i".into(), labels: "l".into() };
    let job = Job {
        model: Model {
            onnx: "m".into(),
            output: None,
            loss: Loss::CrossEntropy(CrossEntropy::default()),
            init: Init::Exported,
            trainable: vec![],
            frozen: vec![],
        },
        data: Data {
            train: Source::Images(images),
            validation: None,
            test: None,
            normalize: None,
            augment: vec![],
            label_noise: None,
            drift: None,
            shuffle: true,
            split_seed: 0,
            memory: 1 << 30,
        },
        batch_size: 1,
        optimizer: Optimizer::Sgd(Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }),
        accumulate: 1,
        no_decay: vec![],
        clip_norm: None,
        ema: None,
        threads: 1,
    };
    PlannedTrial {
        key: format!("key-{number}"),
        schedule: "constant".into(),
        budget: "100%".into(),
        steps: 10,
        settings: BTreeMap::from([("learning_rate".into(), 0.1)]),
        seed: number,
        task: Arc::new(Task::Train(job)),
        table: [0.1; 10].into(),
        log_every: 1,
        evaluate: vec![10],
        keep: Keeping { every: Every::Seconds(30.0), weights: false, best: None },
    }
}

struct Ended {
    state: State,
    told: Vec<String>,
}

/// Trains `trials` trials with two workers running `script`; `interrupt` presses Ctrl-C this often at the start.
async fn run(home: &Path, script: &str, policy: Policy, trials: u64, interrupt: usize) -> Ended {
    let mut store = Store::open_writer(home).unwrap();
    let info = SweepInfo {
        name: "test".into(),
        description: None,
        spec: String::new(),
        metric: "train/loss".into(),
        selection_metric: None,
        maximize: false,
        facts: None,
    };
    let planned: Vec<_> = (0..trials).map(trial).collect();
    let submission = store.submit(&info, &planned, now()).unwrap();
    let todo = submission.trials.iter().map(|(id, _)| *id).zip(planned).collect();
    let command = vec!["sh".into(), "-c".into(), script.into()];
    let scheduler =
        Scheduler::new(store, home, command, policy, 2, Contents { model: "m".into(), data: "d".into() })
            .unwrap();
    let (press, interrupts) = mpsc::channel(8);
    for _ in 0..interrupt {
        press.send(()).await.unwrap();
    }
    let mut told = Vec::new();
    let mut observe = |_: &State, lines: &[String]| told.extend_from_slice(lines);
    let run = scheduler.run(todo, interrupts, &mut observe);
    let (state, _store) = tokio::time::timeout(Duration::from_secs(60), run).await.unwrap().unwrap();
    Ended { state, told }
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
    assert_eq!(ended.state.counts.done, 4, "{:?}", ended.told);
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
async fn a_program_that_cannot_be_started_stops_the_sweep_and_blames_no_trial() {
    let home = tempfile::tempdir().unwrap();
    let ended = run(home.path(), "echo broken >&2; exit 127", Policy::default(), 50, 0).await;
    assert!(matches!(ended.state.drain, Drain::Broken { .. }), "{:?}", ended.state.drain);
    assert_eq!(ended.told.len(), 1, "{:?}", ended.told);
    assert_eq!(sql(home.path(), "SELECT DISTINCT status FROM trials"), [["queued"]]);
}

#[tokio::test]
async fn two_interrupts_stop_what_runs_and_the_next_run_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let stoppable = r#"if [ -e wait ]; then :; fi
  case "$line" in *'"stop"'*) echo "{\"type\":\"failed\",\"attempt\":$(printf '%s' "$line" | tr -dc 0-9),\"kind\":\"stopped\",\"message\":\"stopped\"}"; continue;; esac"#;
    let ended = run(home.path(), &worker(stoppable), Policy::default(), 30, 2).await;
    assert_eq!(ended.state.drain, Drain::Stop);
    assert!(ended.state.counts.done < 30);
    let ended = run(home.path(), &worker(""), Policy::default(), 30, 0).await;
    assert_eq!(ended.state.drain, Drain::No);
    assert_eq!(sql(home.path(), "SELECT DISTINCT status FROM trials"), [["done"]]);
    assert_eq!(
        sql(home.path(), "SELECT count(*) FROM trials"),
        [["30"]],
        "trials are found again by their keys"
    );
}
