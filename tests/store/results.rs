//! The statistics, against numbers worked out by hand.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use sweep::{
    cost::{covered, median, t_interval},
    report::{Results, Totals},
    store::{Cell, Outcome, Span, SweepRow, TrialStatus, open_reader},
};

use super::support::{diverge, finish, home, submitted, trial};

pub(crate) fn sweep(selection: Option<&str>, maximize: bool) -> SweepRow {
    SweepRow {
        state: "open".into(),
        state_reason: None,
        sweep: 1,
        name: "tiny".to_owned(),
        description: None,
        metric: if maximize { "test/accuracy" } else { "test/loss" }.to_owned(),
        selection_metric: selection.map(str::to_owned),
        maximize,
        created_at: 0,
        created: String::new(),
        counts: sweep::store::Counts::default(),
    }
}

/// A finished trial: schedule, steps, learning rate, value, value to choose by.
pub(crate) fn outcome(schedule: &str, steps: u64, rate: f64, value: f64, selection: f64) -> Outcome {
    // No two are the same trial.
    static NUMBER: AtomicI64 = AtomicI64::new(1);
    Outcome {
        trial: NUMBER.fetch_add(1, Ordering::Relaxed),
        seed: 0,
        cell: Arc::new(Cell {
            id: 1,
            schedule: schedule.to_owned(),
            budget: format!("{}%", steps / 10),
            steps,
            settings: BTreeMap::from([("learning_rate".to_owned(), rate)]),
            followed: None,
        }),
        end: Some(TrialStatus::Done),
        value: Some(value),
        selection: Some(selection),
        gap: None,
        device_seconds: Some(steps as f64 / 10.0),
    }
}

pub(crate) fn without_value(outcome: Outcome, end: TrialStatus) -> Outcome {
    Outcome { value: None, selection: None, end: Some(end), ..outcome }
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6, "{a} {b}");
}

#[test]
fn the_interval_is_students() {
    // s = 0.02, so the half width is 4.302653 · 0.02 / √3.
    let interval = t_interval(&[0.80, 0.82, 0.84]).unwrap();
    close(interval.mean, 0.82);
    close(interval.high - interval.mean, 4.302_653 * 0.02 / 3_f64.sqrt());
    close(interval.mean - interval.low, 4.302_653 * 0.02 / 3_f64.sqrt());
    // t(0.975) is 12.706205 with 1 degree of freedom and 2.776445 with 4.
    let two = t_interval(&[1.0, 3.0]).unwrap();
    close(two.high - two.mean, 12.706_205 * 2_f64.sqrt() / 2_f64.sqrt());
    let five = t_interval(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    close(five.high - five.mean, 2.776_445 * (2.5_f64 / 5.0).sqrt());
    assert_eq!(t_interval(&[1.0]), None);
    assert_eq!(t_interval(&[]), None);
}

#[test]
fn medians_and_covered_time() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(median(&[]), None);
    assert_eq!(covered([(0, 10), (5, 12), (20, 30), (22, 25)]), 22);
    assert_eq!(covered([]), 0);
    let span = |started_at, ended_at| Span {
        trial: 1,
        started_at,
        ended_at,
        first_step: None,
        device_seconds: ended_at.map(|_| 1.0),
        train_seconds: None,
        share: None,
        joules: None,
    };
    let totals =
        Totals::new(&sweep(None, true), &[span(0, Some(1000)), span(500, Some(2000)), span(9000, None)]);
    assert_eq!((totals.device_seconds, totals.wall_seconds), (2.0, 2.0));
}

#[test]
fn rows_come_in_the_specs_order_with_budgets_ascending() {
    let outcomes = [
        outcome("uba(phi=1)", 500, 0.1, 0.9, 0.9),
        outcome("cosine", 500, 0.1, 0.9, 0.9),
        outcome("uba(phi=1)", 250, 0.1, 0.8, 0.8),
        outcome("cosine", 250, 0.1, 0.8, 0.8),
    ];
    let results = Results::new(&sweep(None, true), &outcomes);
    let rows: Vec<_> = results.rows.iter().map(|row| (row.schedule.as_str(), row.budget.as_str())).collect();
    assert_eq!(rows, [("uba(phi=1)", "25%"), ("uba(phi=1)", "50%"), ("cosine", "25%"), ("cosine", "50%")]);
    assert_eq!(
        results.budgets.iter().map(|budget| budget.seconds).collect::<Vec<_>>(),
        [Some(25.0), Some(50.0)]
    );
}

#[test]
fn seeds_that_did_not_finish_are_counted_and_not_averaged() {
    let done = |value| outcome("cosine", 100, 0.1, value, value);
    let outcomes = [
        done(0.8),
        done(0.9),
        without_value(done(0.0), TrialStatus::Diverged),
        without_value(done(0.0), TrialStatus::Failed),
        // A value so far is not a result.
        Outcome { end: None, ..done(0.1) },
        without_value(done(0.0), TrialStatus::Done),
    ];
    let row = &Results::new(&sweep(None, true), &outcomes).rows[0];
    assert_eq!((row.seeds, row.diverged, row.failed, row.missing), (2, 1, 1, 2));
    close(row.mean.unwrap(), 0.85);
    assert_eq!((row.low, row.high), (None, None));
    assert_eq!(row.values, [0.8, 0.9]);
}

#[test]
fn settings_are_chosen_by_validation_and_judged_by_the_test_set() {
    let mut outcomes = vec![
        outcome("cosine", 100, 0.1, 0.7, 0.9),
        outcome("cosine", 100, 0.2, 0.8, 0.8),
        outcome("linear", 100, 0.1, 0.7, 0.6),
        outcome("linear", 100, 0.2, 0.8, 0.7),
    ];
    let rates = |results: &Results| {
        results.rows.iter().map(|row| (row.settings["learning_rate"], row.mean)).collect::<Vec<_>>()
    };
    let results = Results::new(&sweep(Some("validation/accuracy"), true), &outcomes);
    assert_eq!(results.chosen_by.as_deref(), Some("validation/accuracy"));
    assert_eq!(rates(&results), [(0.1, Some(0.7)), (0.2, Some(0.8))]);
    // Of losses the smaller is better.
    let results = Results::new(&sweep(Some("validation/loss"), false), &outcomes);
    assert_eq!(rates(&results), [(0.2, Some(0.8)), (0.1, Some(0.7))]);
    // A setting with a diverged seed comes after those without.
    outcomes.push(without_value(outcome("cosine", 100, 0.1, 0.0, 0.0), TrialStatus::Diverged));
    let results = Results::new(&sweep(Some("validation/accuracy"), true), &outcomes);
    assert_eq!(rates(&results)[0], (0.2, Some(0.8)));
    // Without a validation set all are listed.
    let results = Results::new(&sweep(None, true), &outcomes);
    assert_eq!((results.rows.len(), results.chosen_by), (4, None));
}

#[test]
fn the_json_is_as_promised() {
    let home = home();
    let trials: Vec<_> = (0..3).map(|seed| trial("uba(phi=1)", 500, 0.1, seed)).collect();
    let more: Vec<_> = (0..2).map(|seed| trial("cosine", 500, 0.1, seed)).collect();
    let (mut store, submission) = submitted(&home, &[trials, more].concat());
    for ((trial, _), accuracy) in submission.trials.iter().zip([0.75, 0.75, 0.75, 0.5]) {
        finish(&mut store, *trial, accuracy);
    }
    diverge(&mut store, submission.trials[4].0);
    let reader = open_reader(home.path()).unwrap();
    let sweep = reader.find("a").unwrap();
    let results = Results::new(&sweep, &reader.outcomes(sweep.sweep).unwrap());
    assert_eq!(
        serde_json::to_string(&results).unwrap(),
        concat!(
            r#"{"version":1,"sweep":1,"name":"a","metric":"test/accuracy","maximize":true,"statistic":"mean","chosen_by":null,"rows":["#,
            r#"{"schedule":"uba(phi=1)","budget":"50%","steps":500,"seeds":3,"mean":0.75,"low":0.75,"high":0.75,"#,
            r#""median":0.75,"best":0.75,"values":[0.75,0.75,0.75],"gap":null,"settings":{"learning_rate":0.1},"#,
            r#""diverged":0,"failed":0,"missing":0,"seconds":2.0},"#,
            r#"{"schedule":"cosine","budget":"50%","steps":500,"seeds":1,"mean":0.5,"low":null,"high":null,"#,
            r#""median":0.5,"best":0.5,"values":[0.5],"gap":null,"settings":{"learning_rate":0.1},"#,
            r#""diverged":1,"failed":0,"missing":0,"seconds":2.0}]}"#,
        )
    );
}

#[test]
fn trials_that_two_budgets_share_are_seeds_once() {
    let seeds: Vec<Outcome> =
        [0.8, 0.9, 0.85].iter().map(|value| outcome("cosine", 440, 0.1, *value, 0.0)).collect();
    // Once more under the name that the same number of steps has elsewhere in the spec.
    let again = seeds.iter().map(|outcome| {
        let cell = Cell { budget: "440 steps".to_owned(), ..(*outcome.cell).clone() };
        Outcome { cell: Arc::new(cell), ..outcome.clone() }
    });
    let all: Vec<Outcome> = seeds.iter().cloned().chain(again).collect();
    let results = Results::new(&sweep(None, true), &all);
    assert_eq!((results.rows.len(), results.rows[0].seeds), (1, 3));
}

#[test]
fn what_was_followed_is_told_under_the_table() {
    let mut all = Vec::new();
    for (steps, phi) in [(100, "0.25"), (500, "0.25"), (1000, "2")] {
        let mut one = outcome("uba(phi=auto)", steps, 0.1, 0.5, 0.0);
        let cell = Cell { followed: Some(format!("uba(phi={phi})")), ..(*one.cell).clone() };
        one.cell = Arc::new(cell);
        all.push(one);
    }
    let results = Results::new(&sweep(None, true), &all);
    let totals = Totals::new(&sweep(None, true), &[]);
    let text =
        sweep::report::matrix(&results, &totals, sweep::report::Look { width: 200, ..Default::default() });
    let said =
        "uba(phi=auto) is uba(phi=0.25) at 10%, 50% and uba(phi=2) at 100%; `sweep why TRIAL` tells why.";
    assert!(text.contains(said), "{text}");
    assert_eq!(serde_json::to_value(&results).unwrap()["rows"][0]["followed"], "uba(phi=0.25)");
}
