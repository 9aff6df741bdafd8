//! The worker for programs: how programs start and end, and what is left of them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use sweep_wire::{Attempt, FailureKind, Program, ToWorker, TrialFile};

use super::{
    support::{alive, spawn},
    *,
};

/// A worker for programs and a folder for its trials. Its rate at step t is t/256.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    pub(super) process: Process,
    outputs: mpsc::Receiver<Output>,
    /// Checkpoints that the scheduler knows.
    pub(super) checkpoints: Vec<u64>,
    pub(super) parameters: BTreeMap<String, f64>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let table: Vec<u8> = (0..300_u16).flat_map(|step| (f32::from(step) / 256.0).to_le_bytes()).collect();
        fs::write(dir.path().join("table.f32"), table).unwrap();
        let setup = Setup { log: dir.path().join("log"), ..Setup::default() };
        let (process, outputs) = spawn(&[env!("CARGO_BIN_EXE_sweep"), "worker", "--programs"], &setup);
        let parameters = BTreeMap::from([("learning_rate".into(), 0.1)]);
        let mut bench = Self { dir, process, outputs, checkpoints: vec![], parameters };
        assert!(matches!(bench.next().await, FromWorker::Hello { protocol: sweep_wire::PROTOCOL, .. }));
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(super) fn trial(&self) -> PathBuf {
        self.path("trials").join("7")
    }

    /// Runs a program of 300 steps that is judged by `test/accuracy`.
    pub(super) fn launch(&self, attempt: Attempt, command: &[&str], grace_ms: u64) {
        let program = Program {
            command: command.iter().map(ToString::to_string).collect(),
            folder: self.dir.path().to_path_buf(),
            environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
            metric: "test/accuracy".into(),
        };
        let trial = TrialFile {
            version: 1,
            trial: 7,
            attempt,
            schedule: "cosine".into(),
            budget: "50%".into(),
            steps: 300,
            seed: 3,
            parameters: self.parameters.clone(),
            checkpoints: self.checkpoints.clone(),
        };
        let (table, folder) = (self.path("table.f32"), self.trial());
        let (program, trial) = (Box::new(program), Box::new(trial));
        self.process.send(ToWorker::Launch { attempt, program, trial, table, folder, grace_ms });
    }

    /// The next message that is no heartbeat.
    pub(super) async fn next(&mut self) -> FromWorker {
        loop {
            match tokio::time::timeout(LIMIT, self.outputs.recv()).await {
                Ok(Some(Output::Said(FromWorker::Heartbeat))) => {}
                Ok(Some(Output::Said(message))) => return message,
                other => panic!("{other:?}, {}", self.log()),
            }
        }
    }

    /// What is said until an attempt is over; its end comes last.
    pub(super) async fn rest(&mut self) -> Vec<FromWorker> {
        let mut said = vec![];
        loop {
            said.push(self.next().await);
            if matches!(
                said.last(),
                Some(FromWorker::Done { .. } | FromWorker::Diverged { .. } | FromWorker::Failed { .. })
            ) {
                return said;
            }
        }
    }

    /// What is said of a shell script in which `report` reports its argument.
    pub(super) async fn shell(&mut self, attempt: Attempt, script: &str) -> Vec<FromWorker> {
        self.start_shell(attempt, script, 10_000);
        self.rest().await
    }

    pub(super) fn start_shell(&self, attempt: Attempt, script: &str, grace_ms: u64) {
        let script = format!("report() {{ printf '%s\\n' \"$1\" >&$SWEEP_REPORT_FD; }}\n{script}");
        // `sh` may know only single digits as numbers of descriptors.
        self.launch(attempt, &["bash", "-c", &script], grace_ms);
    }

    /// The worker's own end.
    async fn exit(&mut self) -> String {
        loop {
            match tokio::time::timeout(LIMIT, self.outputs.recv()).await {
                Ok(Some(Output::Said(_))) => {}
                Ok(Some(output)) => return exited(&output).to_owned(),
                other => panic!("{other:?}, {}", self.log()),
            }
        }
    }
}

const RESULT: &str = r#"report '{"step": 300, "test/accuracy": 0.5}'"#;

/// The kind and message of the failure that ends an attempt.
pub(super) fn failure(said: &[FromWorker]) -> (FailureKind, &str) {
    match said.last() {
        Some(FromWorker::Failed { kind, message, .. }) => (*kind, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_is_told_of_its_trial_and_what_it_prints_is_its_log() {
    let mut bench = Bench::new().await;
    let script = format!(
        r#"echo printed; echo '{{"type":"heartbeat"}}'; echo "$GREETING" >&2; pwd
test -d "$SWEEP_CHECKPOINT" && cat "$SWEEP_TRIAL" && wc -c < "$SWEEP_LR"; echo "${{SWEEP_LIMITS-none}}"
read -r line || echo no input; {RESULT}"#
    );
    let said = bench.shell(1, &script).await;
    assert!(matches!(said.last(), Some(FromWorker::Done { attempt: 1, steps: 300, .. })), "{said:?}");
    assert!(
        bench.trial().join("program").is_dir(),
        "it is the scheduler's to delete, once the result is safe"
    );
    // The log is the scheduler's: complete once it was asked for.
    bench.process.log_to(&bench.path("other"));
    let log = bench.log();
    let folder = bench.dir.path().canonicalize().unwrap().display().to_string();
    let trial = r#"{"version":1,"trial":7,"attempt":1,"schedule":"cosine","budget":"50%","steps":300,"seed":3,"parameters":{"learning_rate":0.1},"checkpoints":[]}"#;
    let heartbeat = r#"{"type":"heartbeat"}"#;
    assert_eq!(log, format!("printed\n{heartbeat}\nhello\n{folder}\n{trial}1200\nnone\nno input\n"));
}

#[tokio::test]
async fn ends_have_kinds() {
    let mut bench = Bench::new().await;
    let said = bench.shell(1, r#"report '{"step": 9, "a": 1}'; report '{"step": 9, "b": null}'"#).await;
    let lacks = "the program ended without reporting `test/accuracy`; it reported `a`, `b`";
    assert_eq!(failure(&said), (FailureKind::Permanent, lacks));
    let (kind, message) = (FailureKind::Permanent, "it reported nothing");
    let said = bench.shell(2, "exit 0").await;
    assert!(failure(&said).0 == kind && failure(&said).1.ends_with(message) && said.len() == 1, "{said:?}");
    let said = bench.shell(3, &format!("{RESULT}; exit 3")).await;
    let ended = "the program ended with exit code 3; `sweep logs 7` shows its output";
    assert_eq!(failure(&said), (FailureKind::Transient, ended));
    let said = bench.shell(4, "kill -SEGV $$").await;
    let ended = "the program was killed by SIGSEGV; `sweep logs 7` shows its output";
    assert_eq!(failure(&said), (FailureKind::Transient, ended));
    let said =
        bench.shell(5, &format!("{RESULT}; report '{{\"step\": 300, \"test/accuracy\": null}}'")).await;
    assert!(matches!(said.last(), Some(FromWorker::Diverged { attempt: 5, step: 300, .. })), "{said:?}");
    let said = bench.shell(6, r#"report '{"diverged": 37}'; sleep 60"#).await;
    assert!(matches!(said.last(), Some(FromWorker::Diverged { attempt: 6, step: 37, .. })), "{said:?}");
    let said = bench.shell(7, &format!("{RESULT}; kill -s RTMIN+1 $$")).await;
    assert!(failure(&said).1.contains("killed by signal 35"), "{said:?}");
}

#[tokio::test]
async fn what_cannot_be_started_is_said_clearly() {
    let mut bench = Bench::new().await;
    fs::write(bench.path("plain"), "").unwrap();
    fs::write(bench.path("script"), "#!/nowhere/python\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(bench.path("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let huge = "x".repeat(200_000);
    for (attempt, (command, problem)) in (1..).zip([
        (
            ["no-such-program", ""],
            "program `no-such-program` cannot be started: it is in no folder of `PATH`",
        ),
        (["./nowhere", ""], "program `./nowhere` cannot be started: there is no such file"),
        (["./plain", ""], "program `./plain` cannot be started: it may not be executed"),
        (["./script", ""], "what its first line names does not exist"),
        (["true", &huge], "Argument list too long"),
        (["env", "no-such-program"], "the program cannot be started: exit code 127; `sweep logs 7`"),
    ]) {
        bench.launch(attempt, &command, 1000);
        let said = bench.rest().await;
        let (kind, message) = failure(&said);
        // A program that starts and finds nothing may find it the next time.
        let expected = if command[0] == "env" { FailureKind::Transient } else { FailureKind::Job };
        assert_eq!(kind, expected, "{message}");
        assert!(message.contains(problem), "{message}");
    }
    assert!(matches!(bench.shell(9, RESULT).await.last(), Some(FromWorker::Done { .. })), "it goes on");
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_told_and_ended() {
    let mut bench = Bench::new().await;
    // One in the group, one in a session of its own whose parent has ended, which holds the pipe open.
    let escape = format!(
        r#"import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open({0:?}, "w") as file: file.write(f"{{os.getpid()}}\n")
        time.sleep(60)
    os._exit(0)
os.wait()
while not os.path.exists({0:?}): time.sleep(0.001)"#,
        bench.path("escaped").display().to_string()
    );
    fs::write(bench.path("escape.py"), escape).unwrap();
    let script = format!("python3 escape.py; sleep 60 & echo $! > left; {RESULT}; exit 0");
    let said = bench.shell(1, &script).await;
    let (escaped, left) = (number_in(&bench.path("escaped")).await, number_in(&bench.path("left")).await);
    assert!(!alive(escaped) && !alive(left));
    let Some(FromWorker::Note { message, .. }) = said.iter().rev().nth(1) else { panic!("{said:?}") };
    assert!(message.starts_with("it left processes ") && message.ends_with(" behind, which were ended"));
    for name in [format!("{escaped} (`python3`)"), format!("{left} (`sleep`)")] {
        assert!(message.contains(&name), "{message}");
    }
    assert!(matches!(said.last(), Some(FromWorker::Done { .. })), "{said:?}");
    // What ends by itself is not worth a word; a family that goes on forking is ended all the same.
    let said = bench.shell(2, &format!("sleep 0.05 & {RESULT}")).await;
    assert!(!said.iter().any(|said| matches!(said, FromWorker::Note { .. })), "{said:?}");
    let said = bench
        .shell(3, "f() { for i in 1 2 3; do (sleep 60) & done; sleep 60 & wait; }; f & f & exit 0")
        .await;
    let Some(FromWorker::Note { message, .. }) = said.first() else { panic!("{said:?}") };
    assert!(message.contains("more behind, which were ended"), "{message}");
}

#[tokio::test]
async fn a_program_that_is_to_stop_may_save_first() {
    let mut bench = Bench::new().await;
    let script = r#"trap 'report "{\"step\": 20, \"loss\": 1}"; report "{\"checkpoint\": 20}"; exit 0' TERM
report '{"step": 10, "test/accuracy": 0.1}'; while :; do sleep 60 & wait; done"#;
    bench.start_shell(1, script, 10_000);
    assert!(matches!(bench.next().await, FromWorker::Started { step: 0, .. }));
    assert!(matches!(bench.next().await, FromWorker::Progress(progress) if progress.step == 10));
    bench.process.send(ToWorker::Stop { attempt: 9 });
    bench.process.send(ToWorker::Stop { attempt: 1 });
    let said = bench.rest().await;
    assert!(matches!(&said[0], FromWorker::Progress(progress) if progress.step == 20), "{said:?}");
    assert!(matches!(said[1], FromWorker::Checkpoint { step: 20, .. }), "{said:?}");
    assert_eq!((failure(&said).0, said.len()), (FailureKind::Stopped, 3), "{said:?}");
    assert!(bench.trial().join("program").is_dir(), "it goes on from there");
    assert!(matches!(bench.shell(2, RESULT).await.last(), Some(FromWorker::Done { .. })));
}

#[tokio::test]
async fn a_program_that_ignores_term_is_killed_after_its_grace_with_all_it_started() {
    let mut bench = Bench::new().await;
    let script = "trap '' TERM; (trap '' TERM; echo $BASHPID > child; while :; do sleep 60; done) &
report '{\"note\": \"up\"}'; while :; do sleep 60; done";
    bench.start_shell(1, script, 300);
    assert!(matches!(bench.next().await, FromWorker::Started { .. }));
    assert!(matches!(bench.next().await, FromWorker::Note { message, .. } if message == "up"));
    let child = number_in(&bench.path("child")).await;
    let asked = Instant::now();
    bench.process.send(ToWorker::Stop { attempt: 1 });
    let said = bench.rest().await;
    assert_eq!((failure(&said).0, said.len()), (FailureKind::Stopped, 1), "{said:?}");
    assert!(asked.elapsed() >= Duration::from_millis(300) && !alive(child));
}

#[tokio::test]
async fn a_program_ends_with_its_worker_however_that_ends() {
    for end in ["input", "term", "kill"] {
        let mut bench = Bench::new().await;
        let script =
            "trap 'touch saved; exit 0' TERM; echo $$ > pid; report '{\"note\": \"up\"}'; sleep 60 & wait";
        bench.start_shell(1, script, 10_000);
        assert!(matches!(bench.next().await, FromWorker::Started { .. }));
        let program = number_in(&bench.path("pid")).await;
        let mut signal = std::process::Command::new("kill");
        let how = match end {
            "input" => {
                bench.process.close();
                bench.exit().await
            }
            "term" => {
                assert!(signal.arg(bench.process.pid.to_string()).status().unwrap().success());
                bench.exit().await
            }
            _ => {
                assert!(signal.args(["-9", &bench.process.pid.to_string()]).status().unwrap().success());
                bench.exit().await
            }
        };
        assert!(how.starts_with(if end == "kill" { "killed by SIGKILL" } else { "exit code 0" }), "{how}");
        gone(program).await;
        assert_eq!(bench.path("saved").exists(), end != "kill", "{end}");
    }
}

#[tokio::test]
async fn a_worker_beats_and_answers_while_a_program_runs() {
    let mut bench = Bench::new().await;
    bench.start_shell(1, "report '{\"note\": \"up\"}'; exec sleep 60", 0);
    bench.launch(2, &["true"], 0);
    let (mut busy, mut up) = (false, false);
    while !(busy && up) {
        match bench.next().await {
            FromWorker::Failed { attempt: 2, kind: FailureKind::Transient, message } => {
                busy = message.contains("busy with attempt 1");
            }
            FromWorker::Note { .. } => up = true,
            FromWorker::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let beat =
        async { while !matches!(bench.outputs.recv().await, Some(Output::Said(FromWorker::Heartbeat))) {} };
    tokio::time::timeout(LIMIT, beat).await.unwrap();
    bench.process.send(ToWorker::Stop { attempt: 1 });
    assert_eq!(failure(&bench.rest().await).0, FailureKind::Stopped);
}
