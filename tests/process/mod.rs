//! Real processes, real signals: shell one-liners that speak the protocol, flood, hang, lie or die.

mod limits;
mod logs;
mod programs;
mod python;
mod reports;
mod support;
mod survivors;

use std::{fs, path::Path};

use sweep::process::{Output, Process, Setup};
use sweep_wire::{FromWorker, MAX_LINE};
use tokio::sync::mpsc;

use support::{LIMIT, gone, number_in, start_with};

const HELLO: &str = r#"echo '{"type":"hello","protocol":1,"worker":"sh","pid":1}'"#;

fn start(script: &str, log: &Path) -> (Process, mpsc::Receiver<Output>) {
    start_with(script, &Setup { log: log.to_path_buf(), ..Setup::default() })
}

/// Everything a script says until its end, which must come within ten seconds.
async fn all(script: &str) -> (Vec<Output>, String) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let (process, mut outputs) = start(script, &log);
    let mut said = Vec::new();
    let collect = async {
        while let Some(output) = outputs.recv().await {
            said.push(output);
        }
    };
    tokio::time::timeout(LIMIT, collect).await.unwrap();
    drop(process);
    (said, fs::read_to_string(&log).unwrap_or_default())
}

fn exited(output: &Output) -> &str {
    match output {
        Output::Exited(exit) => &exit.how,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_said_arrives_in_order_and_the_end_comes_last() {
    let (said, log) =
        all(&format!("{HELLO}; echo oops >&2; echo '{{\"type\":\"heartbeat\"}}'; exit 3")).await;
    assert!(matches!(&said[0], Output::Said(FromWorker::Hello { protocol: 1, .. })));
    assert!(matches!(&said[1], Output::Said(FromWorker::Heartbeat)));
    assert_eq!(exited(&said[2]), "exit code 3");
    assert_eq!((said.len(), log.as_str()), (3, "oops\n"));
}

#[tokio::test]
async fn nonsense_is_reported_once_with_its_start() {
    let (said, _) = all("printf 'hel\\033lo\\n'; echo more; exit 0").await;
    let Output::Nonsense(problem) = &said[0] else { panic!("{said:?}") };
    assert!(problem.contains("hel\\u{1b}lo"), "control characters are escaped: {problem}");
    assert_eq!(exited(&said[1]), "exit code 0");
}

#[tokio::test]
async fn a_line_may_be_as_long_as_the_wire_allows_and_no_longer() {
    let padded = |length: usize| {
        let frame = r#"{"type":"failed","attempt":1,"kind":"transient","message":""}"#;
        let (head, tail) = frame.split_at(frame.len() - 2);
        format!(
            "printf '{head}'; head -c {} /dev/zero | tr '\\0' a; printf '{tail}\\n'",
            length - frame.len() - 1
        )
    };
    let (said, _) = all(&padded(MAX_LINE)).await;
    assert!(matches!(&said[0], Output::Said(FromWorker::Failed { .. })), "{:?}", exited(&said[1]));
    let (said, _) = all(&padded(MAX_LINE + 1)).await;
    assert!(matches!(&said[0], Output::Nonsense(problem) if problem.contains("longer than 1 MiB")));
}

#[tokio::test]
async fn a_kill_takes_the_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let child = dir.path().join("child");
    let script = format!("{HELLO}; sleep 60 & echo $! > {}; wait", child.display());
    let (process, mut outputs) = start(&script, &dir.path().join("log"));
    assert!(matches!(outputs.recv().await, Some(Output::Said(_))));
    let pid = number_in(&child).await;
    process.kill();
    assert_eq!(exited(&outputs.recv().await.unwrap()), "killed by SIGKILL");
    gone(pid).await;
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_output_open_is_noticed_and_killed() {
    let dir = tempfile::tempdir().unwrap();
    let child = dir.path().join("child");
    let (said, _) = all(&format!("sleep 60 & echo $! > {}; exit 0", child.display())).await;
    assert_eq!(exited(&said[0]), "exit code 0, leaving a process of its own behind");
    let pid = number_in(&child).await;
    gone(pid).await;
}
