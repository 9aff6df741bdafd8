//! A sweep's life: order, pauses, ends and what they are called.

use super::*;

/// Runs until a file of its trial's seed says how to end; reports its seed.
const WAITER: &str = r#"
trial=$(<"$SWEEP_TRIAL")
[[ $trial =~ \"seed\":([0-9]+) ]]; seed=${BASH_REMATCH[1]}
fd=$SWEEP_REPORT_FD
echo "{\"step\": 1, \"test/accuracy\": 0.$seed}" >&$fd
echo "trial of seed $seed in $1"
until [ -e go ] || [ -e go-$seed ]; do sleep 0.02; done
[ -e fail-$seed ] && { echo "seed $seed fails"; exit 3; }
exit 0
"#;

fn spec(name: &str, seeds: u32, more: &str) -> String {
    format!(
        r#"
name: {name}
command: [bash, wait.sh, {name}]
inputs: [wait.sh]
metric: {{name: test/accuracy, goal: maximize}}
training: {{full_budget: 10 steps}}
schedules: [constant]
parameters: {{learning_rate: 0.1}}
seeds: {seeds}
{more}
"#
    )
}

const ONE: &str = "resources: {workers: 1, threads: 1}\nretry: {max: 0}";

fn home() -> Home {
    let home = Home::new();
    home.write("wait.sh", WAITER);
    home
}

fn touch(home: &Home, name: &str) {
    home.write(name, "");
}

fn code(home: &Home, arguments: &[&str]) -> (i32, String) {
    let output = home.sweep(arguments);
    (output.status.code().unwrap(), said(&output))
}

fn running(home: &Home) -> Vec<Vec<String>> {
    home.rows("SELECT name, seed FROM trials WHERE status = 'running' ORDER BY name, seed")
}

#[test]
fn who_has_priority_goes_first_and_equals_share() {
    let mut home = home();
    let all = "resources: {workers: 2, threads: 1}";
    home.write("low.yaml", &spec("low", 3, all));
    home.write("high.yaml", &spec("high", 2, &format!("{all}\npriority: 5")));
    home.write("one.yaml", &spec("one", 2, all));
    home.write("two.yaml", &spec("two", 2, all));
    home.start();
    home.ok(&["submit", "low.yaml"]);
    home.until("low does not run", |home| (running(home) == [["low", "0"], ["low", "1"]]).then_some(()));
    home.ok(&["submit", "one.yaml"]);
    home.ok(&["submit", "two.yaml"]);
    home.ok(&["submit", "high.yaml"]);
    let status = home.status().unwrap();
    assert_eq!(status.sweeps.iter().map(|sweep| sweep.priority).collect::<Vec<_>>(), [0, 0, 0, 5]);
    let high = home.number("SELECT min(trial) FROM trials WHERE name = 'high'").to_string();
    let why = home.ok(&["why", &high]);
    assert!(why.contains("is next in sweep 4"), "{why}");
    touch(&home, "go");
    home.until_trials("done 9");
    let order =
        home.rows("SELECT t.name FROM attempts AS a JOIN trials AS t ON t.trial = a.trial ORDER BY attempt");
    let order: Vec<&str> = order.iter().map(|row| &row[0][..]).collect();
    assert_eq!(order[..4], ["low", "low", "high", "high"], "{order:?}");
    for other in ["low", "one", "two"] {
        assert!(order[4..7].contains(&other), "each has its turn: {order:?}");
    }
    home.ok(&["daemon", "stop"]);
}

#[test]
fn a_paused_sweep_stays_paused_and_a_cancelled_one_cancelled() {
    let mut home = home();
    home.write("spec.yaml", &spec("life", 3, ONE));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.until_trials("queued 2, running 1");
    assert_eq!(code(&home, &["wait", "--timeout", "100ms"]).0, 101);
    home.ok(&["pause", "last"]);
    touch(&home, "go-0");
    home.until_trials("done 1, queued 2");
    let why = home.ok(&["why", "2"]);
    assert!(why.contains("the sweep is paused") && why.contains("paused by"), "{why}");
    // However the daemon ends, the next one knows.
    home.kill();
    home.start();
    assert_eq!(home.status().unwrap().sweeps[0].state, "paused");
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
    let (no_daemon, told) = code(&home, &["wait"]);
    assert!(no_daemon == 101 && told.contains("nothing schedules sweep 1"), "{no_daemon}: {told}");
    home.start();
    assert_eq!(home.status().unwrap().sweeps[0].state, "paused");
    home.ok(&["resume", "last"]);
    home.until_trials("done 1, queued 1, running 1");
    home.ok(&["pause", "last", "--stop"]);
    home.until_trials("done 1, queued 2");
    let why = home.ok(&["why", "2"]);
    assert!(why.contains("stopped on request: paused by"), "{why}");
    home.ok(&["resume", "last"]);
    home.until_trials("done 1, queued 1, running 1");
    home.ok(&["cancel", "last"]);
    // It was acknowledged, so not even a KILL at once takes it back.
    home.kill();
    home.start();
    assert_eq!(home.status().unwrap().sweeps.len(), 0);
    let (cancelled, told) = code(&home, &["wait"]);
    assert!(cancelled == 103 && told.contains("cancelled by"), "{cancelled}: {told}");
    // The same spec goes on, and who watches sees it run.
    touch(&home, "go");
    let output = home.sweep(&["run", "spec.yaml"]);
    assert!(output.status.success(), "{}", said(&output));
    home.until_trials("done 3");
    home.ok(&["daemon", "stop"]);
    home.assert_nothing_runs();
}

#[test]
fn what_failed_is_tried_again_when_asked() {
    let mut home = home();
    home.write("spec.yaml", &spec("failing", 3, ONE));
    for name in ["fail-1", "fail-2", "go"] {
        touch(&home, name);
    }
    home.start();
    let (failed, told) = code(&home, &["run", "spec.yaml"]);
    assert!(failed == 100 && told.contains("trial 2 failed"), "{failed}: {told}");
    assert_eq!(code(&home, &["wait"]).0, 100);
    assert_eq!(code(&home, &["watch"]).0, 100);
    let why = home.ok(&["why", "3"]);
    assert!(why.contains("exit code 3"), "{why}");
    assert_eq!(home.ok(&["logs", "3"]), "trial of seed 2 in failing\nseed 2 fails\n");
    fs::remove_file(home.path("fail-1")).unwrap();
    home.ok(&["retry", "2"]);
    home.until_trials("done 2, failed 1");
    assert_eq!(code(&home, &["wait"]).0, 100, "one has failed still");
    fs::remove_file(home.path("fail-2")).unwrap();
    home.ok(&["retry", "--failed"]);
    assert_eq!(code(&home, &["wait"]).0, 0);
    home.until_trials("done 3");
    assert!(home.ok(&["retry", "--failed"]).contains("nothing to try again"));
}

#[test]
fn logs_are_followed_until_the_trial_is_over() {
    let mut home = home();
    home.write("spec.yaml", &spec("logs", 1, ONE));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.until_trials("running 1");
    let mut logs = home.command(&["logs", "1", "-f"]).stdout(Stdio::piped()).spawn().unwrap();
    assert!(logs.try_wait().unwrap().is_none());
    home.kill();
    home.start();
    touch(&home, "go");
    home.ok(&["wait"]);
    let output = logs.wait_with_output().unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.lines().count() >= 1 && printed.lines().all(|line| line == "trial of seed 0 in logs"),
        "{printed}"
    );
}

#[test]
fn two_sweeps_share_the_trials_they_have_in_common() {
    let mut home = home();
    home.write("few.yaml", &spec("few", 1, ONE).replace("wait.sh, few", "wait.sh, shared"));
    home.write("many.yaml", &spec("many", 2, ONE).replace("wait.sh, many", "wait.sh, shared"));
    home.start();
    home.ok(&["submit", "few.yaml"]);
    home.until_trials("running 1");
    home.ok(&["submit", "many.yaml"]);
    home.until_trials("queued 1, running 1");
    // The trial that runs is the other one's too.
    home.ok(&["cancel", "few"]);
    assert_eq!(code(&home, &["wait", "few"]).0, 103);
    home.until_trials("queued 1, running 1");
    touch(&home, "go");
    home.ok(&["wait", "many"]);
    let (few, told) = code(&home, &["run", "few.yaml"]);
    assert!(few == 0 && told.contains("all have results"), "{few}: {told}");
    assert_eq!(home.number("SELECT count(*) FROM attempts"), 2);
    // Nobody knows what decides the results of a program that lists no files.
    for name in ["few", "other"] {
        let unlisted = spec(name, 1, ONE).replace(&format!("wait.sh, {name}"), "wait.sh, shared");
        home.write("unlisted.yaml", &unlisted.replace("inputs: [wait.sh]\n", ""));
        let (code, told) = code(&home, &["run", "unlisted.yaml"]);
        assert!(code == 0 && !told.contains("have results"), "{code}: {told}");
    }
    assert_eq!(home.number("SELECT count(*) FROM attempts"), 4);
}

#[test]
fn a_sweep_that_is_brought_again_is_watched_anew() {
    let mut home = home();
    home.write("spec.yaml", &spec("again", 1, ONE));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.until_trials("running 1");
    home.ok(&["cancel", "last"]);
    assert_eq!(code(&home, &["wait"]).0, 103);
    home.ok(&["submit", "spec.yaml"]);
    home.until_trials("running 1");
    assert_eq!(code(&home, &["wait", "--timeout", "200ms"]).0, 101, "its first end is past");
    touch(&home, "go");
    assert_eq!(code(&home, &["wait"]).0, 0);
    assert_eq!(home.number("SELECT count(DISTINCT sweep) FROM trials"), 1);
}
