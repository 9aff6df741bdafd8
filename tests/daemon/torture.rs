//! A daemon that is killed all the time, with its workers: every trial has one result, the one of a quiet sweep.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use super::*;

/// A training in shell: its numbers hang on its seed and its parameter alone. With an odd seed it keeps its state every
/// ten steps, and goes on from the newest that is known to be kept.
pub(super) const TRAIN: &str = r#"
trial=$(<"$SWEEP_TRIAL")
[[ $trial =~ \"seed\":([0-9]+) ]]; seed=${BASH_REMATCH[1]}
[[ $trial =~ \"steps\":([0-9]+) ]]; steps=${BASH_REMATCH[1]}
[[ $trial =~ \"checkpoints\":\[([0-9,]*)\] ]]; kept=${BASH_REMATCH[1]}
[[ $* =~ --size=([0-9]+) ]]; x=$((seed * 7919 + BASH_REMATCH[1]))
fd=$SWEEP_REPORT_FD first=0
if [ -n "$kept" ]; then
  first=${kept##*,}
  x=$(<"$SWEEP_CHECKPOINT/$first") || exit 1
  echo "{\"start\": $first}" >&$fd
fi
for ((step = first + 1; step <= steps; step++)); do
  x=$(((x * 1103515245 + 12345) % 2147483648))
  echo "{\"step\": $step, \"train/loss\": 0.$x, \"other\": $x}" >&$fd
  if ((seed % 2 && step % 10 == 0)); then
    echo $x > "$SWEEP_CHECKPOINT/new" && mv "$SWEEP_CHECKPOINT/new" "$SWEEP_CHECKPOINT/$step" || exit 1
    echo "{\"checkpoint\": $step}" >&$fd
    sleep 0.2
  fi
done
echo "{\"step\": $steps, \"test/accuracy\": 0.$x}" >&$fd
"#;

const SPEC: &str = r#"
name: torture
command: [bash, train.sh, "${args}"]
inputs: [train.sh]
metric: {name: test/accuracy, goal: maximize}
training: {full_budget: 40 steps}
schedules: [constant]
parameters: {learning_rate: 0.1, size: [1, 2]}
seeds: SEEDS
resources: {workers: 2, threads: 1}
retry: {max: 100, backoff: 0 s}
"#;

/// All that trials measured, by what they are.
pub(super) fn results(home: &Home) -> Vec<Vec<String>> {
    home.rows(
        "SELECT t.settings, t.seed, t.schedule, t.budget, t.status, t.value, c.name, c.step, c.value
         FROM trials AS t JOIN curves AS c ON c.trial = t.trial ORDER BY 1, 2, 3, 4, 7, 8",
    )
}

/// Numbers that look random; the same for the same seed.
pub(super) struct Random(u64);

impl Random {
    /// Printed, so that a failure can be played again with `SWEEP_TEST_SEED`.
    pub(super) fn new(test: &str) -> Self {
        let given = std::env::var("SWEEP_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let time = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = given.unwrap_or_else(time);
        println!("{test}: SWEEP_TEST_SEED={seed}");
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// Kills the daemon so many times, and now and then a worker or a program; ends with a daemon that runs.
pub(super) fn disturb(
    home: &mut Home,
    random: &mut Random,
    kills: u32,
    life: std::ops::Range<u64>,
    with_workers: bool,
) -> u32 {
    let mut workers_killed = 0;
    for _ in 0..kills {
        home.spawn();
        // With four attempts in a row that made no step the daemon would take the sweep to be broken.
        let mut targets = if with_workers { 2 } else { 0 };
        // From a start that is cut short to some trials in peace.
        let end = Instant::now() + Duration::from_millis(life.start + random.below(life.end - life.start));
        while Instant::now() < end {
            if targets > 0 && random.below(12) == 0 {
                let workers = home.workers();
                if !workers.is_empty() {
                    let pid = workers[random.below(workers.len() as u64) as usize];
                    let mut kill = Command::new("kill");
                    // It may have ended by itself.
                    let killed = kill.args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
                    let killed = u32::from(killed.unwrap().success());
                    (targets, workers_killed) = (targets - killed, workers_killed + killed);
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        home.kill();
    }
    home.start();
    workers_killed
}

/// What holds however often a home was disturbed.
pub(super) fn assert_consistent(home: &Home) {
    let two = "SELECT a.attempt, b.attempt FROM attempts AS a JOIN attempts AS b
               ON a.trial = b.trial AND a.attempt < b.attempt AND a.ended_at > b.started_at";
    assert_eq!(home.rows(two), [[""; 2]; 0], "two attempts of a trial at one time");
    assert_eq!(home.number("SELECT count(*) FROM attempts WHERE ended_at IS NULL"), 0);
    let unpaid = "SELECT count(*) FROM attempts WHERE device_seconds IS NULL OR device_seconds > 120";
    assert_eq!(home.number(unpaid), 0, "what killed attempts took is counted");
    let order = "SELECT count(*) FROM (SELECT started_at < lag(started_at) OVER (ORDER BY attempt) AS back FROM attempts) WHERE back";
    assert_eq!(home.number(order), 0, "later attempts have larger numbers");
    let results = "SELECT DISTINCT count(*) FROM attempts WHERE \"end\" = 'done' GROUP BY trial";
    assert_eq!(home.rows(results), [["1"]], "one result each");
    home.assert_nothing_runs();
}

/// Bit for bit, or what differs.
pub(super) fn assert_same(found: &[Vec<String>], wanted: &[Vec<String>]) {
    let without = |these: &[Vec<String>], those: &[Vec<String>]| -> Vec<String> {
        let those: std::collections::BTreeSet<_> = those.iter().collect();
        these.iter().filter(|row| !those.contains(row)).take(20).map(|row| row.join(" ")).collect()
    };
    let (missing, wrong) = (without(wanted, found), without(found, wanted));
    assert!(
        found == wanted,
        "missing: {missing:#?}, wrong: {wrong:#?}, {} and {}",
        found.len(),
        wanted.len()
    );
}

fn quiet(spec: &str, files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let mut home = Home::new();
    files.iter().for_each(|(name, text)| home.write(name, text));
    home.write("spec.yaml", spec);
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.ok(&["wait"]);
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
    let found = results(&home);
    assert!(!found.is_empty());
    found
}

#[test]
fn a_daemon_that_is_killed_two_hundred_times_ends_with_the_same_numbers() {
    let spec = SPEC.replace("SEEDS", "50");
    let wanted = quiet(&spec, &[("train.sh", TRAIN)]);
    assert_eq!(wanted.len(), 100 * 81);
    let mut random = Random::new("two hundred kills");
    let mut home = Home::new();
    home.write("train.sh", TRAIN);
    home.write("spec.yaml", &spec);
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.kill();
    let began = Instant::now();
    let workers = disturb(&mut home, &mut random, 200, 0..250, true);
    let unfinished = home.number("SELECT count(*) FROM trials WHERE status NOT IN ('done')");
    println!(
        "200 kills of the daemon and {workers} of workers in {:.1} s; {unfinished} trials were left",
        began.elapsed().as_secs_f64()
    );
    home.until_trials("done 100");
    home.until("the sweep is not over", |home| home.sweep(&["wait"]).status.success().then_some(()));
    let attempts =
        home.rows("SELECT \"end\", message, count(*) FROM attempts GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 8");
    println!("{attempts:?}");
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
    assert_consistent(&home);
    assert_same(&results(&home), &wanted);
    assert_eq!(home.leavings(), [""; 0]);
    assert!(Path::new(home.home()).join("sweep.db").exists());
}
