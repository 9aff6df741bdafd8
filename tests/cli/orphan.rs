//! A worker ends with its scheduler, whatever it is busy with.

use std::{
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

use sweep_wire::ToWorker;

use super::*;
use crate::store::support::job;

#[test]
fn a_worker_that_hangs_ends_with_its_scheduler() {
    let place = Place::new();
    let mut command = place.command(&["worker"]);
    let mut worker = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut question = serde_json::to_vec(&ToWorker::Inspect { job: Box::new(job()) }).unwrap();
    question.push(b'\n');
    // Nobody reads the answers, so that the worker hangs once they fill the pipe, which holds 64 KiB.
    let mut stdin = worker.stdin.take().unwrap();
    (0..2000).for_each(|_| stdin.write_all(&question).unwrap());
    drop(stdin);
    let closed = Instant::now();
    let status = loop {
        match worker.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(closed.elapsed() < Duration::from_secs(20), "the worker outlives its scheduler"),
        }
        std::thread::yield_now();
    };
    assert_eq!(status.code(), None, "it hung, and ended itself by a signal");
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused() {
    let place = Place::new();
    let pipe = place.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    place.spec(&SPEC.replace("ROOT/sweeps/models/mlp.onnx", pipe.to_str().unwrap()));
    let output = place.sweep(&["run", "spec.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is not a file"), "{}", stderr(&output));
}
