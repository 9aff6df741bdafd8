//! A home with many trials is opened, listed and read in a blink. Debug builds on busy machines are slow, so the limits
//! are wide; `cargo bench --bench large` has the numbers that are meant.

use std::{fs, path::Path, process::Command, time::Duration};

use sweep::store::{Outcome, Reader, open_reader};

use super::{
    support::home,
    thousands::{Daemon, SPEC, Shape, make, time},
};

const TRIALS: u32 = 100_000;
/// Ten times what is meant, for commands.
const BLINK: Duration = Duration::from_secs(1);
/// What the daemon may take beside what it takes without a store, in MiB; together 50 are meant.
const MEMORY: f64 = 38.0;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_sweep"))
}

/// A debug build is larger.
fn growth(daemon: &Daemon) -> f64 {
    let empty = home();
    let (now, least) = (daemon.memory().0, Daemon::start(program(), empty.path()).memory().0);
    println!("daemon: there after {:?}, {now:.0} MiB, {least:.0} without trials", daemon.start);
    now - least
}

fn check(shape: Shape) {
    let home = home();
    make(home.path(), shape);
    for words in [&["list"][..], &["results"], &["why", "50000"], &["trials", "--limit", "20"]] {
        let took = time(program(), home.path(), words);
        println!("{words:?}: {took:?}");
        assert!(took < BLINK, "{words:?} took {took:?}");
    }
    let daemon = Daemon::start(program(), home.path());
    let growth = growth(&daemon);
    assert!(daemon.start < 10 * BLINK, "the daemon was there after {:?}", daemon.start);
    assert!(growth < MEMORY, "its trials take {growth:.0} MiB");
}

#[test]
fn one_sweep_that_is_over() {
    check(Shape { trials: TRIALS, sweeps: 1, waiting: false, losses: 0 });
}

#[test]
fn a_hundred_sweeps_that_wait() {
    check(Shape { trials: TRIALS, sweeps: 100, waiting: true, losses: 0 });
}

#[test]
fn a_submission_leaves_the_daemon_small() {
    let home = home();
    let spec = home.path().join("many.yaml");
    fs::write(&spec, SPEC.replace("SEEDS", &(TRIALS / 100).to_string())).unwrap();
    let daemon = Daemon::start(program(), home.path());
    let words = ["submit", spec.to_str().unwrap()];
    let output = Command::new(program()).arg("--home").arg(home.path()).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let growth = growth(&daemon);
    assert!(growth < MEMORY, "its trials take {growth:.0} MiB");
}

/// What is kept beside each trial's place is what the view works out from everything that was measured.
pub(crate) fn agrees(reader: &Reader) {
    for sweep in reader.sweeps().unwrap() {
        let table = reader.trials(sweep.sweep, None).unwrap();
        let outcomes = reader.outcomes(sweep.sweep).unwrap();
        assert_eq!(table.rows.len(), outcomes.len());
        let column = |name: &str| table.columns.iter().position(|column| column == name).unwrap();
        let names = ["trial", "schedule", "budget", "steps", "status", "value", "gap", "device_seconds"];
        let [trial, schedule, budget, steps, status, value, gap, seconds] = names.map(column);
        for (row, outcome) in table.rows.iter().zip(&outcomes) {
            let Outcome { cell, end, .. } = outcome;
            assert_eq!(row[trial].as_i64(), Some(outcome.trial));
            let place = (row[schedule].as_str(), row[budget].as_str(), row[steps].as_u64());
            assert_eq!(place, (Some(&*cell.schedule), Some(&*cell.budget), Some(cell.steps)));
            let there = row[status].as_str().filter(|status| ["done", "diverged", "failed"].contains(status));
            assert_eq!(there, end.map(|end| end.name()));
            let known = (outcome.value, outcome.gap, outcome.device_seconds);
            match end {
                Some(_) => assert_eq!((row[value].as_f64(), row[gap].as_f64(), row[seconds].as_f64()), known),
                None => assert_eq!(known, (None, None, None)),
            }
        }
        let ended = |name: &str| {
            outcomes.iter().filter(|outcome| outcome.end.is_some_and(|end| end.name() == name)).count() as u64
        };
        let counts = sweep.counts;
        let found = ["done", "diverged", "failed"].map(ended);
        assert_eq!([counts.done, counts.diverged, counts.failed], found);
        let running = table.rows.iter().filter(|row| row[status] == "running").count() as u64;
        assert_eq!((counts.running, counts.trials), (running, outcomes.len() as u64));
    }
}

#[test]
fn what_is_kept_for_reading_agrees_with_the_view() {
    let home = home();
    make(home.path(), Shape { trials: 2000, sweeps: 4, waiting: false, losses: 0 });
    agrees(&open_reader(home.path()).unwrap());
}
