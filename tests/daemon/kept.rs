//! What was acknowledged, and programs that keep one state: neither is lost, whenever the daemon is killed.

use super::{torture::Random, *};

const SPEC: &str = r#"
name: NAME
command: [bash, -c, "echo '{\"step\": 10, \"test/accuracy\": 1}' >&$SWEEP_REPORT_FD; until [ -e go ]; do sleep 0.02; done"]
metric: {name: test/accuracy, goal: maximize}
training: {full_budget: 10 steps}
schedules: [constant]
parameters: {learning_rate: 0.1}
resources: {workers: 1, threads: 1}
"#;

#[test]
fn a_kill_right_after_an_answer_takes_nothing_back() {
    let mut random = Random::new("answers");
    let mut home = Home::new();
    let mut wanted: Vec<String> = Vec::new();
    home.start();
    for round in 0..30 {
        let sweep = random.below(wanted.len() as u64 + 1) as usize;
        let number = (sweep + 1).to_string();
        match wanted.get(sweep).map(|state| &state[..]) {
            None => {
                home.write("spec.yaml", &SPEC.replace("NAME", &format!("round-{round}")));
                home.ok(&["submit", "spec.yaml"]);
                wanted.push("open".to_owned());
            }
            Some("open") if random.below(3) == 0 => {
                home.ok(&["cancel", &number]);
                wanted[sweep] = "cancelled".to_owned();
            }
            Some("open") => {
                let stop = ["pause", &number, "--stop"];
                home.ok(&stop[..2 + random.below(2) as usize]);
                wanted[sweep] = "paused".to_owned();
            }
            Some("paused") => {
                home.ok(&["resume", &number]);
                wanted[sweep] = "open".to_owned();
            }
            Some(_) => assert!(!home.sweep(&["resume", &number]).status.success(), "it is over"),
        }
        home.kill();
        home.start();
        let going = home.status().unwrap().sweeps;
        for (number, state) in (1..).zip(&wanted) {
            let found = going.iter().find(|sweep| sweep.sweep == number).map(|sweep| &sweep.state[..]);
            assert_eq!(
                found,
                Some(&state[..]).filter(|state| *state != "cancelled"),
                "{wanted:?}\n{}",
                home.log()
            );
        }
    }
    home.write("go", "");
    for (number, state) in (1..).zip(&wanted) {
        let number = number.to_string();
        if state == "paused" {
            home.ok(&["resume", &number]);
        }
        let code = home.sweep(&["wait", &number]).status.code();
        assert_eq!(code, Some(if state == "cancelled" { 103 } else { 0 }), "{number} of {wanted:?}");
    }
    home.ok(&["daemon", "stop"]);
    home.assert_nothing_runs();
}

/// The stand-in keeps one state, in one file, and goes on from it whether or not it could tell of it.
#[test]
fn a_program_with_one_state_comes_to_its_result_whatever_is_killed() {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/programs/stand_in.py");
    let spec = format!(
        r#"
name: one-state
command: [python3, {program}]
inputs: [{program}]
metric: {{name: test/accuracy, goal: maximize}}
training: {{full_budget: 3000 steps}}
schedules: [constant, cosine]
parameters: {{learning_rate: 0.5}}
seeds: 3
resources: {{workers: 2, threads: 1}}
retry: {{max: 20, backoff: 0 s}}
env: {{PYTHONDONTWRITEBYTECODE: "1"}}
"#
    );
    let accuracies = |home: &Home| home.rows("SELECT schedule, seed, value FROM trials ORDER BY 1, 2");
    let mut quiet = Home::new();
    quiet.write("spec.yaml", &spec);
    quiet.start();
    quiet.ok(&["run", "spec.yaml"]);
    assert_eq!(quiet.number("SELECT count(*) FROM curves"), 6 * 301);
    let mut home = Home::new();
    home.write("spec.yaml", &spec);
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.kill();
    let mut random = Random::new("one state");
    super::torture::disturb(&mut home, &mut random, 20, 150..500, false);
    home.until_trials("done 6");
    home.until("the sweep is not over", |home| home.sweep(&["wait"]).status.success().then_some(()));
    assert_eq!(accuracies(&home), accuracies(&quiet));
    let unknown = home.log().matches("which nobody was told of").count();
    let points = home.number("SELECT count(*) FROM curves");
    println!("{unknown} starts nobody was told of, {} of {} points missing", 6 * 301 - points, 6 * 301);
    assert!(points == 6 * 301 || unknown > 0, "points are missing where that was told, nowhere else");
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
    super::torture::assert_consistent(&home);
    assert_eq!(home.leavings(), [""; 0]);
}
