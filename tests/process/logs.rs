//! Standard error: a file per attempt, what a file keeps, what its end says.

use sweep::process::{Exit, Oom};

use super::*;

#[tokio::test]
async fn a_log_keeps_the_beginning_and_the_end_and_holds_nobody_up() {
    let (said, log) = all("head -c 6000000 /dev/zero | tr '\\0' a >&2; echo why it failed >&2").await;
    assert_eq!(exited(&said[0]), "exit code 0");
    let rest = log.strip_prefix(&"a".repeat(4 << 20)).unwrap();
    let end = "a".repeat((64 << 10) - 14) + "why it failed\n";
    let missing = 6_000_000 + 14 - (4 << 20) - (64 << 10);
    assert!(rest == format!("\n[{missing} bytes are missing here]\n{end}"), "{}", &rest[..60]);
}

#[tokio::test]
async fn a_log_that_just_fits_is_kept_as_it_is() {
    let (_, log) = all("head -c 4194304 /dev/zero | tr '\\0' a >&2").await;
    assert_eq!(log.len(), 4 << 20);
}

#[tokio::test]
async fn each_attempt_has_a_log_and_none_where_nothing_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let log = |name: &str| dir.path().join(name);
    // Says `heartbeat` when all of an attempt is in the pipe, and waits to be told to go on.
    let heartbeat = r#"echo '{"type":"heartbeat"}'; read -r go"#;
    let script = format!(
        "echo hello >&2; {heartbeat}; head -c 20000 /dev/zero | tr '\\0' x >&2; {heartbeat}; {heartbeat}; echo last >&2"
    );
    let (process, mut outputs) = start(&script, &log("start"));
    for next in ["1", "2", "3"] {
        assert!(matches!(outputs.recv().await, Some(Output::Said(FromWorker::Heartbeat))));
        process.log_to(&log(next));
        process.send(sweep_wire::ToWorker::Stop { attempt: 1 });
    }
    assert_eq!(exited(&outputs.recv().await.unwrap()), "exit code 0");
    assert_eq!(fs::read_to_string(log("start")).unwrap(), "hello\n");
    assert_eq!(fs::read_to_string(log("1")).unwrap(), "x".repeat(20_000));
    assert!(!log("2").exists());
    assert_eq!(fs::read_to_string(log("3")).unwrap(), "last\n");
}

/// How a script ends.
async fn end(script: &str) -> Exit {
    let (mut said, _) = all(script).await;
    match said.pop() {
        Some(Output::Exited(exit)) => exit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn last_words_tell_that_memory_ran_out() {
    let exit = end("echo 'RuntimeError: CUDA out of memory.' >&2; exit 1").await;
    assert_eq!(
        (exit.oom, exit.to_string().as_str()),
        (Some(Oom::Device), "exit code 1, out of device memory")
    );
    let far = "echo MemoryError >&2; head -c 8000 /dev/zero | tr '\\0' a >&2";
    assert_eq!(end(&format!("{far}; exit 1")).await.oom, None, "only the last words count");
    assert_eq!(end("echo MemoryError >&2").await.oom, None, "it ended well");
    assert_eq!(end("kill -9 $$").await.oom, None, "the kernel did not");
}

#[tokio::test]
async fn an_attempt_that_is_over_does_not_speak_for_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let heartbeat = r#"echo '{"type":"heartbeat"}'; read -r go"#;
    let script = format!("echo MemoryError >&2; {heartbeat}; exit 1");
    let (process, mut outputs) = start(&script, &dir.path().join("1"));
    assert!(matches!(outputs.recv().await, Some(Output::Said(FromWorker::Heartbeat))));
    assert_eq!(process.oom_in_log(), Some(Oom::Host));
    process.log_to(&dir.path().join("2"));
    assert_eq!(process.oom_in_log(), None);
    process.send(sweep_wire::ToWorker::Stop { attempt: 1 });
    let Some(Output::Exited(exit)) = outputs.recv().await else { panic!("it did not end") };
    assert_eq!(exit.to_string(), "exit code 1");
}
