//! How fast trials that do nothing are handed out, beside what starts `true` as fast as it can, in one run: rates
//! are worth nothing apart from each other. `cargo bench --bench dispatch [-- ROUNDS]` prints a table.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on has failed")]

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use sweep::{
    daemon::{Order, Scheduler, Setup, View},
    device::Gpus,
    engine::{Over, Policy},
};
use sweep_wire::{Contents, Facts, FromWorker, PROTOCOL, Point, Progress};
use tokio::sync::mpsc;

/// What makes this program a worker.
const WORKER: &str = "--be-a-worker";
const WARM: u64 = 20_000;
const FRESH: u64 = 2_000;
const TRUE: u64 = 4_000;

/// Writes one report and ends: as little as a program can do.
const LEAST: &str = r#"
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    static const char report[] = "{\"step\": 1, \"x\": 1}\n";
    const char *pipe = getenv("SWEEP_REPORT_FD");
    return pipe && write(atoi(pipe), report, sizeof report - 1) > 0 ? 0 : 1;
}
"#;

/// One line of the table.
struct Line {
    what: &'static str,
    trials: u64,
    seconds: f64,
    /// Processor seconds of this process, which is the scheduler, and of all that it started.
    own: f64,
    others: f64,
    /// Each at most one commit.
    turns: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == WORKER) {
        return work();
    }
    let rounds: usize = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(3);
    let dir = tempfile::tempdir().unwrap();
    let program = least(dir.path());
    let shell = r#"[sh, -c, "echo '{\"step\": 1, \"x\": 1}' >&$SWEEP_REPORT_FD"]"#;
    println!("load {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
    let mut lines: Vec<Line> = Vec::new();
    for round in 0..rounds {
        let home = |name: &str| dir.path().join(format!("{name}{round}"));
        lines.push(plain("xargs -P2 -n1 true", &["xargs", "-P2", "-n1", "true"], TRUE));
        lines.push(sweep("warm workers", &home("warm"), &model(WARM), WARM, warm()));
        if Command::new("parallel").arg("--version").output().is_ok() {
            lines.push(plain("parallel -j2 true", &["parallel", "-j2", "true"], TRUE / 4));
        }
        if let Some(program) = &program {
            let command = format!("[{}]", program.display());
            let spec = programs(&command, FRESH);
            lines.push(sweep("a static program", &home("least"), &spec, FRESH, fresh()));
        }
        lines.push(sweep("sh -c 'echo …'", &home("shell"), &programs(shell, FRESH), FRESH, fresh()));
    }
    print(&lines, rounds);
}

/// The median round of each kind; ratios are within a round.
fn print(lines: &[Line], rounds: usize) {
    let per_round = lines.len() / rounds;
    println!(
        "{:22} {:>7} {:>9} {:>9} {:>14} {:>14} {:>9}",
        "", "trials", "trials/s", "× xargs", "scheduler ms", "others ms", "turns/s"
    );
    for kind in 0..per_round {
        let mut its: Vec<(f64, &Line)> = (0..rounds)
            .map(|round| {
                let (base, line) = (&lines[round * per_round], &lines[round * per_round + kind]);
                (line.rate() / base.rate(), line)
            })
            .collect();
        its.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ratio, line) = its[rounds / 2];
        let each = |seconds: f64| seconds * 1e3 / line.trials as f64;
        println!(
            "{:22} {:>7} {:>9.0} {:>9.2} {:>14.3} {:>14.3} {:>9.0}",
            line.what,
            line.trials,
            line.rate(),
            ratio,
            each(line.own),
            each(line.others),
            line.turns as f64 / line.seconds
        );
    }
    if !lines.iter().any(|line| line.what.starts_with("parallel")) {
        println!("GNU parallel is not installed");
    }
    println!(
        "scheduler ms, others ms: processor time per trial; load {}",
        fs::read_to_string("/proc/loadavg").unwrap().trim()
    );
}

impl Line {
    fn rate(&self) -> f64 {
        self.trials as f64 / self.seconds
    }
}

/// A program that gets as many words as there are trials on its input.
fn plain(what: &'static str, command: &[&str], trials: u64) -> Line {
    let words: String = (0..trials).map(|number| format!("{number}\n")).collect();
    let ((own, others), started) = (processor(), Instant::now());
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let seconds = started.elapsed().as_secs_f64();
    Line { what, trials, seconds, own: processor().0 - own, others: processor().1 - others, turns: 0 }
}

/// A whole scheduler with two workers, from the submission's commit to the sweep's end on the disk.
fn sweep(what: &'static str, home: &Path, text: &str, trials: u64, worker: Vec<OsString>) -> Line {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let setup = Setup {
        home: home.to_owned(),
        worker,
        policy: Policy::default(),
        cores: 2,
        pinnable: vec![],
        gpus: Gpus::None { why: "none are wanted".into() },
        daemon: false,
    };
    let order = Order::new(home.join("bench.yaml"), text.to_owned(), facts(), None).unwrap();
    runtime.block_on(async {
        let mut scheduler = Scheduler::open(setup).unwrap();
        let (accepted, event) = scheduler.submit(order).unwrap();
        assert_eq!(accepted.left as u64, trials);
        let (_signal, signals) = mpsc::channel(1);
        let mut turns = 0;
        let mut observe = |view: View<'_>| {
            turns += 1;
            assert!(view.told.is_empty(), "{:?}", view.told);
        };
        let ((own, others), started) = (processor(), Instant::now());
        let ended = scheduler.run(vec![event], signals, None, &mut observe).await.unwrap();
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!(ended.over[&accepted.sweep], Over::Done);
        Line { what, trials, seconds, own: processor().0 - own, others: processor().1 - others, turns }
    })
}

/// Processor seconds of this process, and of its children that have ended.
fn processor() -> (f64, f64) {
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<f64> = rest.split(' ').skip(11).take(4).map(|field| field.parse().unwrap()).collect();
    ((fields[0] + fields[1]) / TICKS, (fields[2] + fields[3]) / TICKS)
}

fn warm() -> Vec<OsString> {
    vec![std::env::current_exe().unwrap().into(), WORKER.into()]
}

fn fresh() -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_sweep").into(), "worker".into()]
}

/// Nobody looks at its files.
fn model(trials: u64) -> String {
    format!(
        "name: bench
model: {{onnx: m.onnx, loss: mse}}
data: {{train: {{inputs: x.npy, labels: y.npy}}}}
training: {{batch_size: 1, full_budget: 1 steps, optimizer: sgd, log_every: 1 step}}
{}",
        rest(trials)
    )
}

fn programs(command: &str, trials: u64) -> String {
    format!(
        "name: bench
command: {command}
metric: {{name: x, goal: maximize}}
training: {{full_budget: 1 steps}}
{}",
        rest(trials)
    )
}

fn rest(trials: u64) -> String {
    let seeds = trials / 2;
    format!(
        "schedules: [constant, linear]
parameters: {{learning_rate: 0.1}}
seeds: {seeds}
resources: {{workers: 2, threads: 1}}
"
    )
}

fn facts() -> Facts {
    Facts {
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
        device: sweep_wire::Device::Cpu,
        measured: None,
        division: None,
    }
}

/// None where there is no C compiler.
fn least(folder: &Path) -> Option<PathBuf> {
    let (source, program) = (folder.join("least.c"), folder.join("least"));
    fs::write(&source, LEAST).unwrap();
    let built = Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).arg(&source).status();
    built.is_ok_and(|status| status.success()).then_some(program)
}

/// A worker that answers each assignment at once with what a trial of one step cannot be without.
fn work() {
    let mut output = std::io::stdout().lock();
    let mut say = |messages: &[FromWorker]| {
        let mut lines = Vec::new();
        for message in messages {
            serde_json::to_writer(&mut lines, message).unwrap();
            lines.push(b'\n');
        }
        output.write_all(&lines).and_then(|()| output.flush()).unwrap();
    };
    say(&[FromWorker::Hello { protocol: PROTOCOL, worker: "bench".into(), pid: std::process::id() }]);
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (_, rest) = line.split_once("\"attempt\":").unwrap();
        let attempt = rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap()].parse().unwrap();
        let point = Point { name: "train/loss".into(), step: 0, value: 0.5 };
        say(&[
            FromWorker::Started { attempt, step: 0, state_bytes: 0, damaged: vec![] },
            FromWorker::Progress(Progress {
                attempt,
                step: 1,
                loss: Some(0.5),
                learning_rate: Some(0.1),
                step_ms: 0.1,
                points: vec![point],
            }),
            FromWorker::Done { attempt, steps: 1, train_seconds: 0.0 },
        ]);
    }
}
