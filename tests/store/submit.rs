//! Sweeps and the trials they share.

use std::sync::Arc;

use sweep::{
    engine::{AttemptEnd, TrialEnd},
    store::{Store, StoreError, TrialStatus, open_reader},
};

use super::support::{NOW, attempt_ended, finish, home, info, started, submitted, terms, trial, trial_ended};

#[test]
fn trials_are_found_by_key() {
    let home = home();
    let (mut store, first) = submitted(&home, &[trial("cosine", 100, 0.1, 0)]);
    finish(&mut store, first.trials[0].0, 0.8);
    let more = [trial("linear", 100, 0.1, 0), trial("cosine", 100, 0.1, 0)];
    let second = store.submit(&info("b"), &more, &terms(), NOW + 1).unwrap();
    assert!(!second.continued);
    assert_eq!(second.trials[1], (first.trials[0].0, TrialStatus::Done));
    assert_eq!(second.trials[0].1, TrialStatus::Queued);
}

#[test]
fn the_same_sweep_goes_on() {
    let home = home();
    let trials = [trial("cosine", 100, 0.1, 0), trial("linear", 100, 0.1, 0)];
    let (mut store, first) = submitted(&home, &trials);
    let again = store.submit(&info("a"), &trials, &terms(), NOW + 1).unwrap();
    assert_eq!((again.sweep, again.continued), (first.sweep, true));
    assert_eq!(again.trials, first.trials);
}

#[test]
fn another_name_spec_order_or_setting_is_another_sweep() {
    let home = home();
    let trials = [trial("cosine", 100, 0.1, 0), trial("linear", 100, 0.1, 0)];
    let (mut store, _) = submitted(&home, &trials);
    let mut spec = info("a");
    spec.spec.push_str("\n# a comment");
    let mut relabelled = trials.clone();
    Arc::make_mut(&mut relabelled[0].recipe).budget = "1 epochs".to_owned();
    let reversed = [trials[1].clone(), trials[0].clone()];
    assert!(!store.submit(&info("b"), &trials, &terms(), NOW).unwrap().continued);
    assert!(!store.submit(&spec, &trials, &terms(), NOW).unwrap().continued);
    assert!(!store.submit(&info("a"), &relabelled, &terms(), NOW).unwrap().continued);
    assert!(!store.submit(&info("a"), &reversed, &terms(), NOW).unwrap().continued);
    assert!(!store.submit(&info("a"), &trials[..1], &terms(), NOW).unwrap().continued);
    let names: Vec<_> =
        open_reader(home.path()).unwrap().sweeps().unwrap().into_iter().map(|sweep| sweep.name).collect();
    assert_eq!(names, ["a", "b", "a", "a", "a", "a"]);
}

#[test]
fn a_trial_may_stand_twice_in_a_sweep() {
    let home = home();
    let mut twin = trial("linear", 100, 0.1, 0);
    Arc::make_mut(&mut twin.recipe).schedule = "uba(phi=1)".to_owned();
    let (mut store, submission) = submitted(&home, &[trial("linear", 100, 0.1, 0), twin]);
    assert_eq!(submission.trials[0], submission.trials[1]);
    finish(&mut store, submission.trials[0].0, 0.8);
    let reader = open_reader(home.path()).unwrap();
    assert_eq!(reader.outcomes(submission.sweep).unwrap().len(), 2);
    assert_eq!(reader.spans(&reader.outcomes(submission.sweep).unwrap()).unwrap().len(), 1);
}

#[test]
fn a_failed_trial_waits_again_when_it_is_resubmitted() {
    let home = home();
    let trials = [trial("cosine", 100, 0.1, 0)];
    let (mut store, submission) = submitted(&home, &trials);
    let id = submission.trials[0].0;
    let message = || "out of memory".to_owned();
    store
        .apply(&[
            started(1, id),
            attempt_ended(1, id, AttemptEnd::Failed { message: message() }),
            trial_ended(id, TrialEnd::Failed { message: message() }),
        ])
        .unwrap();
    let detail = open_reader(home.path()).unwrap().trial(id).unwrap();
    assert_eq!((detail.status.as_str(), detail.reason), ("failed", Some(message())));
    assert_eq!(store.submit(&info("a"), &trials, &terms(), NOW).unwrap().trials, [(id, TrialStatus::Queued)]);
}

#[test]
fn a_number_beyond_sqlites_keeps_nothing() {
    let home = home();
    let mut store = Store::open_writer(home.path()).unwrap();
    let trials = [trial("cosine", 100, 0.1, 0), trial("cosine", 100, 0.1, u64::MAX)];
    assert!(matches!(store.submit(&info("a"), &trials, &terms(), NOW), Err(StoreError::TooLarge(u64::MAX))));
    assert_eq!(open_reader(home.path()).unwrap().sweeps().unwrap(), []);
}

#[test]
fn a_sweep_is_found_by_number_by_name_and_as_the_last() {
    let home = home();
    let trials = [trial("cosine", 100, 0.1, 0)];
    let (mut store, _) = submitted(&home, &trials);
    store.submit(&info("b"), &trials, &terms(), NOW + 1).unwrap();
    let reader = open_reader(home.path()).unwrap();
    let find = |selector: &str| reader.find(selector).map(|sweep| sweep.sweep);
    assert_eq!(find("last").unwrap(), 2);
    assert_eq!(find("1").unwrap(), 1);
    assert_eq!(find("a").unwrap(), 1);
    let missing = find("c\u{1b}[31m").unwrap_err();
    assert_eq!(missing.to_string(), "no sweep `c\\u{1b}[31m`");
    assert_eq!(missing.exit_code(), 102);
    assert_eq!(reader.trial(99).unwrap_err().exit_code(), 102);
    // Going on with a sweep makes it the last.
    store.submit(&info("a"), &trials, &terms(), NOW + 2).unwrap();
    assert_eq!(open_reader(home.path()).unwrap().find("last").unwrap().sweep, 1);
}
