//! Programs of the user's own, as people sweep them.

use super::*;

/// A program that keeps something, fails with its first seed and reports with the others.
const SPEC: &str = r#"
name: shell
command: [sh, -c, 'echo kept > "$SWEEP_CHECKPOINT/state"; case $0 in *0) exit 3;; esac; echo printed; echo "{\"step\": 10, \"test/accuracy\": 0.${0#digit=}}" >&$SWEEP_REPORT_FD', '${args_no_hyphens}']
inputs: []
training: {full_budget: 10 steps}
schedules: [constant]
parameters: {learning_rate: 0.1, digit: {values: [0, 5, 7]}}
metric: {name: test/accuracy, goal: maximize}
retry: {max: 0}
"#;

#[test]
fn a_program_of_ones_own_is_swept_logged_retried_and_cleaned_up_after() {
    let place = Place::new();
    place.spec(SPEC);
    let output = place.sweep(&["run", "spec.yaml"]);
    assert_eq!(output.status.code(), Some(100), "{}", stderr(&output));
    let rows =
        place.json(&["sql", "SELECT trial, status, value FROM trials ORDER BY trial", "--format", "json"]);
    let values: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["value"].as_f64()).collect();
    assert_eq!(values, [None, Some(0.5), Some(0.7)]);
    let failed = rows[0]["trial"].to_string();
    assert_eq!(
        (rows[0]["status"].as_str(), place.ok(&["logs", "2"]).as_str()),
        (Some("failed"), "printed\n")
    );
    assert!(place.ok(&["why", &failed]).contains("exit code 3"));

    // Files of a trial that is over are nobody's.
    let state = place.home().join("checkpoints").join(&failed).join("program/state");
    assert!(state.exists());
    place.ok(&["gc"]);
    assert!(!state.parent().unwrap().parent().unwrap().exists(), "with the folders they were in");

    assert!(place.ok(&["retry", "--failed"]).contains("1 trial of sweep 1"));
    let again = place.sweep(&["run", "spec.yaml"]);
    assert_eq!(again.status.code(), Some(100));
    assert!(stderr(&again).contains("2 have results, 1 to train"), "{}", stderr(&again));
}

#[test]
fn rates_that_are_gone_stop_the_sweep_and_come_back_with_its_spec() {
    let place = Place::new();
    place.spec(SPEC);
    assert_eq!(place.sweep(&["run", "spec.yaml"]).status.code(), Some(100));
    for table in fs::read_dir(place.home().join("tables")).unwrap() {
        fs::write(table.unwrap().path(), "torn").unwrap();
    }
    place.ok(&["retry", "--failed"]);
    place.ok(&["daemon", "start"]);
    let waited = place.sweep(&["wait"]);
    assert_eq!(waited.status.code(), Some(1));
    assert!(stderr(&waited).contains("running the spec again writes it"), "{}", stderr(&waited));
    let states = place.json(&["sql", "SELECT status FROM trials ORDER BY trial", "--format", "json"]);
    assert_eq!(states[0]["status"], "cancelled", "no trial is at fault");
    assert_eq!(
        place.sweep(&["run", "spec.yaml"]).status.code(),
        Some(100),
        "the trial fails by itself again"
    );
    place.ok(&["daemon", "stop"]);
}
