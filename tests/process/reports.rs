//! What programs report, right and wrong.

use sweep_wire::{FailureKind, Point, Progress};

use super::{
    programs::{Bench, failure},
    *,
};

fn progress(said: &[FromWorker]) -> Vec<&Progress> {
    let progress = said.iter().filter_map(|message| match message {
        FromWorker::Progress(progress) => Some(progress),
        _ => None,
    });
    progress.collect()
}

#[tokio::test]
async fn points_arrive_in_batches_and_all_before_the_end() {
    let mut bench = Bench::new().await;
    let script = r#"for i in $(seq 1 250); do report "{\"step\": $i, \"train/loss\": 0.$i, \"x\": null}"; done
report '{"step": 250, "test/accuracy": 1}'"#;
    let said = bench.shell(1, script).await;
    assert!(matches!(said[0], FromWorker::Started { attempt: 1, step: 0, .. }), "{said:?}");
    let sent = progress(&said);
    assert!(sent.len() < 50, "{} messages for 251 reports", sent.len());
    let steps = sent.iter().flat_map(|progress| &progress.points).map(|point| point.step);
    assert!(steps.eq((1..=250).chain([250])), "{said:?}");
    let last = sent.last().unwrap();
    assert_eq!((last.step, last.learning_rate, last.loss), (300, Some(299.0 / 256.0), Some(0.25)));
    assert!(matches!(said.last(), Some(FromWorker::Done { steps: 300, .. })), "{said:?}");
    assert_eq!(said.len(), sent.len() + 2);
}

#[tokio::test]
async fn a_program_goes_on_from_its_own_checkpoint() {
    let mut bench = Bench::new().await;
    let script = r#"report '{"step": 100, "test/accuracy": 0.1}'; echo state > $SWEEP_CHECKPOINT/state
report '{"checkpoint": 100}'; exit 1"#;
    let said = bench.shell(1, script).await;
    assert!(said.contains(&FromWorker::Checkpoint { attempt: 1, step: 100, bytes: 6 }), "{said:?}");
    let script = r#"test "$(cat $SWEEP_CHECKPOINT/state)" = state && report '{"start": 100}'
report '{"step": 300, "test/accuracy": 0.2}'"#;
    let said = bench.shell(2, script).await;
    assert!(matches!(said[0], FromWorker::Started { attempt: 2, step: 100, .. }), "{said:?}");
    let points = &progress(&said)[0].points;
    assert_eq!(*points, [Point { name: "test/accuracy".into(), step: 300, value: 0.2 }]);
    assert!(matches!(said.last(), Some(FromWorker::Done { .. })), "{said:?}");
}

#[tokio::test]
async fn what_is_no_report_costs_the_attempt_and_nothing_else() {
    let mut bench = Bench::new().await;
    let python = |code: &str| {
        format!("exec python3 -c 'import os; fd = int(os.environ[\"SWEEP_REPORT_FD\"]); {code}'")
    };
    let flood = python("b = b\"x\" * 1000000\nfor _ in range(100): os.write(fd, b)");
    let invalid = python("os.write(fd, b\"{\\\"note\\\": \\\"\\xff\\\"}\\n\"); import time; time.sleep(60)");
    for (attempt, (script, problem)) in (1..).zip([
        (
            "for i in $(seq 1000); do report \"garbage $i\"; done; sleep 60",
            "reported `garbage 1`, which is no JSON",
        ),
        (flood.as_str(), "a line longer than 1 MiB"),
        (invalid.as_str(), "which is no JSON object in one line"),
        ("report '{\"step\": 301}'; exec sleep 60", "`step` is not a whole number from 0 to 300"),
        ("report '{\"step\": 1}'; report '{\"start\": 1}'; exec sleep 60", "`start` at 1 after other things"),
        ("report '{\"step\": 1, \"a\": NaN}'; exec sleep 60", "is to be `null`"),
        (
            "for i in $(seq 1001); do report \"{\\\"step\\\": 1, \\\"m$i\\\": 1}\"; done; sleep 60",
            "more than 1000 metrics",
        ),
    ]) {
        let said = bench.shell(attempt, script).await;
        let (kind, message) = failure(&said);
        assert_eq!(kind, FailureKind::Transient, "{message}");
        assert!(message.contains(problem), "{message}");
        assert!(message.len() < 300, "{message}");
    }
    let said = bench.shell(9, "printf '{\"step\": 300, \"test/accuracy\": 1}' >&$SWEEP_REPORT_FD").await;
    assert!(matches!(said.last(), Some(FromWorker::Done { .. })), "a last line may lack its end: {said:?}");
}

#[tokio::test]
async fn a_program_may_close_the_pipe_and_go_on() {
    let mut bench = Bench::new().await;
    let script =
        "report '{\"step\": 1, \"test/accuracy\": 1}'; eval \"exec $SWEEP_REPORT_FD>&-\"; sleep 0.1; exit 0";
    let said = bench.shell(1, script).await;
    assert!(matches!(said.last(), Some(FromWorker::Done { .. })), "{said:?}");
    let ticks = fs::read_to_string(format!("/proc/{}/stat", bench.process.pid)).unwrap();
    let used: u32 = ticks
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .skip(11)
        .take(2)
        .map(|t| t.parse::<u32>().unwrap())
        .sum();
    assert!(used < 100, "it does not spin: {used} hundredths of a second");
}

#[tokio::test]
async fn notes_are_cut_and_counted() {
    let mut bench = Bench::new().await;
    let script =
        "for i in $(seq 30); do report '{\"note\": \"'$(head -c 2000 /dev/zero | tr '\\0' n)'\"}'; done";
    let said = bench.shell(1, script).await;
    let notes = said.iter().filter_map(|message| match message {
        FromWorker::Note { message, .. } => Some(message.as_str()),
        _ => None,
    });
    let notes: Vec<_> = notes.collect();
    assert_eq!((notes.len(), notes[0].len()), (20, 1000));
    assert_eq!(*notes.last().unwrap(), "it had more to say, which was dropped");
}
