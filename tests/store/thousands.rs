//! Stores of many trials, made by SQL in a migrated store, and what the program takes to work with them. For tests
//! and benches.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use sweep::store::{FILE_NAME, Store};

/// What a store is to hold.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) trials: u32,
    /// With equally many of them.
    pub(crate) sweeps: u32,
    /// Whether they wait, each sweep paused, or are over.
    pub(crate) waiting: bool,
    /// Training losses of each trial beside its ten other points.
    pub(crate) losses: u32,
}

/// Trials `i` from 0: their seeds come last, as in a plan; ten points each. One in a hundred failed, one diverged.
const ROWS: &str = r#"
PRAGMA synchronous = OFF;
BEGIN;
CREATE TEMP TABLE n AS
WITH RECURSIVE count (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM count WHERE i < :trials - 1) SELECT i FROM count;
INSERT INTO task (text) VALUES (
    '{"program":{"command":["true"],"folder":"/","environment":{},"metric":"test/accuracy"}}'
);
INSERT INTO trial (id, key, steps, seed, status, reason, ended_at, task, run, rates)
SELECT i + 1, printf('%064x', i), (1 + i % 10) * 100, i / :cells, over, iif(over = 'failed', 'exit code 1', NULL),
    iif(over = 'queued', NULL, 1700000000900 + i * 1000), 1,
    '{"log_every":1,"evaluate":[1000],"keep":{"every":{"seconds":30.0},"weights":false,"best":null}}',
    printf('%064x', i % 100)
FROM (
    SELECT i, CASE WHEN :waiting THEN 'queued' WHEN i % 97 = 0 THEN 'failed' WHEN i % 101 = 0 THEN 'diverged' ELSE 'done' END
        AS over
    FROM n
);
INSERT INTO attempt (number, trial, slot, pid, process, share, started_at, first_step, ended_at, end, device_seconds,
    train_seconds)
SELECT id, id, id % 2, 4711, '1b4e28ba:4711', 0.5, ended_at - 900, 0, ended_at, status, 0.9 + id % 7, 0.8
FROM trial WHERE ended_at IS NOT NULL;
INSERT INTO metric (trial, name, step, value)
SELECT id, column1, column2, (id * 7919 + column2 * 31) % 10007 / 10007.0 FROM trial, (VALUES
    ('seen/accuracy', 100), ('test/accuracy', 50), ('test/accuracy', 100), ('train/loss', 0), ('train/loss', 20),
    ('train/loss', 40), ('train/loss', 60), ('train/loss', 80), ('validation/accuracy', 50), ('validation/accuracy', 100)
) WHERE ended_at IS NOT NULL;
INSERT INTO sweep (id, name, spec, metric, selection_metric, maximize, created_at, submitted_at, state, state_reason, terms)
SELECT i + 1, 'sweep-' || (i + 1), :spec, 'test/accuracy', 'validation/accuracy', 1, 1700000000000, 1700000000000 + i,
    iif(:waiting, 'paused', 'done'), iif(:waiting, 'paused by ada', NULL), :terms
FROM n WHERE i < :sweeps;
INSERT INTO cell (id, sweep, schedule, budget, steps, settings)
SELECT i + 1, 1 + i / :cells, 'uba(phi=' || (i / 10 % 10) || ')', ((1 + i % 10) * 10) || '%', (1 + i % 10) * 100,
    '{"learning_rate":' || ((1 + i % :cells / 100) * 0.01) || '}'
FROM n WHERE i < :cells * :sweeps;
INSERT INTO sweep_trial (sweep, ordinal, trial, cell, seed)
SELECT 1 + i / :each, i % :each, i + 1, 1 + :cells * (i / :each) + i % :cells, i / :cells FROM n;
CREATE TEMP TABLE s AS SELECT i FROM n LIMIT :losses;
INSERT OR IGNORE INTO metric (trial, name, step, value)
SELECT t.id, 'train/loss', s.i, 2.3 / (1 + s.i * 0.01) + (t.id * 7919 + s.i * 31) % 10007 / 100070.0
FROM trial AS t CROSS JOIN s WHERE t.ended_at IS NOT NULL;
COMMIT;
PRAGMA wal_checkpoint (TRUNCATE);
"#;

const TERMS: &str = r#"'{"priority":0,"need":{"kind":"program","cpu":1000,"pin":false,"gpu":null,"memory":null,"nice":0},"max_workers":2,"limits":{"trials":null,"wall_clock_ms":null,"failures":null,"usd":null},"usd_per_hour":null,"max_retries":2,"backoff_ms":0,"max_checkpoints":2,"stall_ms":null}'"#;

/// Makes a store in `home`.
pub(crate) fn make(home: &Path, shape: Shape) {
    drop(Store::open_writer(home).unwrap());
    let each = shape.trials / shape.sweeps;
    let values = [
        (":trials", shape.trials.to_string()),
        (":sweeps", shape.sweeps.to_string()),
        (":waiting", i32::from(shape.waiting).to_string()),
        (":losses", shape.losses.to_string()),
        (":each", each.to_string()),
        // Ten schedules, ten budgets, and up to twenty settings.
        (":cells", (each / 100).clamp(1, 20).saturating_mul(100).to_string()),
        (":terms", TERMS.to_owned()),
        (":spec", format!("'{}'", SPEC.replace("SEEDS", "3").replace('\'', "''"))),
    ];
    let sql = values.iter().fold(ROWS.to_owned(), |sql, (name, value)| sql.replace(name, value));
    Connection::open(home.join(FILE_NAME)).unwrap().execute_batch(&sql).unwrap();
}

/// How long `sweep` takes with these words; the best of a few, as others use the machine too.
pub(crate) fn time(program: &Path, home: &Path, words: &[&str]) -> Duration {
    let once = || {
        let started = Instant::now();
        let mut command = Command::new(program);
        command.arg("--home").arg(home).args(words).stdout(Stdio::null());
        assert!(command.status().unwrap().success(), "{words:?}");
        started.elapsed()
    };
    (0..5).map(|_| once()).min().unwrap()
}

/// A daemon that is there until this is dropped.
pub(crate) struct Daemon {
    child: std::process::Child,
    /// From its start to its first answer.
    pub(crate) start: Duration,
}

impl Daemon {
    pub(crate) fn start(program: &Path, home: &Path) -> Self {
        let started = Instant::now();
        let child = Command::new(program)
            .args(["daemon", "start", "--foreground", "--home"])
            .arg(home)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = || {
            let mut status = Command::new(program);
            status.arg("--home").arg(home).args(["daemon", "status"]).stdout(Stdio::null());
            status.status().unwrap().success()
        };
        while !answers() {
            assert!(started.elapsed() < Duration::from_secs(60), "the daemon does not answer");
        }
        Self { child, start: started.elapsed() }
    }

    /// Its memory, now and at most so far, in MiB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_ascii_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
        };
        (field("VmRSS"), field("VmHWM"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has no workers: every sweep is paused.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A spec of a hundred thousand trials, and a way to keep them waiting.
pub(crate) const SPEC: &str = r#"
name: many
command: [sh, -c, "exec sleep 600"]
metric: {name: x, goal: maximize}
training: {full_budget: 1000 steps}
budgets: [10%, 20%, 50%, 100%]
schedules: [constant, linear, cosine, {uba: {phi: [1, 5]}}]
parameters: {learning_rate: {values: [0.01, 0.02, 0.03, 0.04, 0.05]}}
seeds: SEEDS
resources: {workers: 1}
"#;
