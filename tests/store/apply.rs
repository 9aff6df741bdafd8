//! Records are kept all or not at all, and never against what is kept.

use sweep::{
    engine::{AttemptEnd, Record, TrialEnd},
    store::{Store, StoreError, TrialStatus, open_reader},
};

use super::support::{
    NOW, attempt_ended, finish, home, point, points, started, submitted, trial, trial_ended,
};

#[test]
fn a_batch_that_fails_midway_leaves_nothing() {
    let home = home();
    let (mut store, submission) = submitted(&home, &[trial("cosine", 100, 0.1, 0)]);
    let id = submission.trials[0].0;
    let batch = [
        started(1, id),
        points(1, id, vec![point("train/loss", 0, 2.0)]),
        attempt_ended(1, id, AttemptEnd::Done),
        trial_ended(id, TrialEnd::Done),
        trial_ended(999, TrialEnd::Done),
    ];
    assert!(matches!(store.apply(&batch), Err(StoreError::Contradiction(_))));
    let detail = open_reader(home.path()).unwrap().trial(id).unwrap();
    assert_eq!(detail.status, "queued");
    assert!(detail.attempts.is_empty() && detail.metrics.is_empty());
    store.apply(&batch[..4]).unwrap();
    assert_eq!(open_reader(home.path()).unwrap().trial(id).unwrap().status, "done");
}

#[test]
fn a_finished_result_is_never_changed() {
    let home = home();
    let (mut store, submission) =
        submitted(&home, &[trial("cosine", 100, 0.1, 0), trial("cosine", 100, 0.1, 1)]);
    let (id, other) = (submission.trials[0].0, submission.trials[1].0);
    finish(&mut store, id, 0.8);
    let before = open_reader(home.path()).unwrap().trial(id).unwrap();
    let contradictions = [
        started(2, id),
        points(1, id, vec![point("test/accuracy", 100, 0.1)]),
        attempt_ended(1, id, AttemptEnd::Done),
        Record::TrialQueued { trial: id, at: NOW },
        trial_ended(id, TrialEnd::Diverged { step: 3 }),
        started(1, other), // attempt numbers only grow
    ];
    for record in contradictions {
        assert!(
            matches!(store.apply(std::slice::from_ref(&record)), Err(StoreError::Contradiction(_))),
            "{record:?}"
        );
    }
    assert_eq!(open_reader(home.path()).unwrap().trial(id).unwrap(), before);
}

#[test]
fn an_attempt_voids_the_points_from_the_step_on_that_it_begins_at() {
    let home = home();
    let (mut store, submission) = submitted(&home, &[trial("cosine", 100, 0.1, 0)]);
    let id = submission.trials[0].0;
    let cancelled = AttemptEnd::Cancelled { message: "interrupted".to_owned() };
    store
        .apply(&[
            started(1, id),
            points(1, id, vec![point("train/loss", 0, 2.0), point("train/loss", 90, 1.0)]),
            attempt_ended(1, id, cancelled),
            Record::TrialQueued { trial: id, at: NOW },
        ])
        .unwrap();
    let losses = || open_reader(home.path()).unwrap().trial(id).unwrap().losses;
    let began = |attempt, step| Record::AttemptBegan { attempt, trial: id, step, void: step };
    store.apply(&[started(2, id)]).unwrap();
    assert_eq!(losses(), [2.0, 1.0], "it may go on from a checkpoint");
    store.apply(&[began(2, 90), points(2, id, vec![point("train/loss", 90, 2.5)])]).unwrap();
    assert_eq!(losses(), [2.0, 2.5]);
    assert!(store.apply(&[began(2, 0)]).is_err(), "an attempt begins once");
    let cancelled = AttemptEnd::Cancelled { message: "interrupted".to_owned() };
    store.apply(&[attempt_ended(2, id, cancelled), Record::TrialQueued { trial: id, at: NOW }]).unwrap();
    store.apply(&[started(3, id), began(3, 0)]).unwrap();
    assert_eq!(losses(), [] as [f64; 0]);
    assert_eq!(open_reader(home.path()).unwrap().trial(id).unwrap().attempts.len(), 3);
}

#[test]
fn checkpoints_are_there_until_they_are_dropped() {
    let home = home();
    let (mut store, submission) = submitted(&home, &[trial("cosine", 100, 0.1, 0)]);
    let id = submission.trials[0].0;
    let saved = |step| Record::CheckpointSaved { attempt: 1, trial: id, step, bytes: 10, at: NOW };
    store.apply(&[started(1, id), saved(20), saved(10), saved(30)]).unwrap();
    assert_eq!(store.checkpoints(id).unwrap(), [10, 20, 30]);
    store.apply(&[Record::CheckpointsDropped { trial: id, steps: vec![10, 20] }]).unwrap();
    drop(store);
    let store = Store::open_writer(home.path()).unwrap();
    assert_eq!(store.checkpoints(id).unwrap(), [30], "they outlive their scheduler");
}

#[test]
fn the_last_value_of_a_metric_is_the_result_and_no_number_is_none() {
    let home = home();
    let (mut store, submission) = submitted(&home, &[trial("cosine", 100, 0.1, 0)]);
    let id = submission.trials[0].0;
    let values = vec![
        point("test/accuracy", 100, 0.5),
        point("test/accuracy", 50, 0.9),
        point("train/loss", 3, f64::NAN),
    ];
    store.apply(&[started(1, id), points(1, id, values)]).unwrap();
    let outcome = || open_reader(home.path()).unwrap().outcomes(submission.sweep).unwrap().remove(0);
    assert_eq!((outcome().end, outcome().value), (None, None), "a value so far is not a result");
    store.apply(&[attempt_ended(1, id, AttemptEnd::Done), trial_ended(id, TrialEnd::Done)]).unwrap();
    assert_eq!((outcome().end, outcome().value), (Some(TrialStatus::Done), Some(0.5)));
    let reader = open_reader(home.path()).unwrap();
    let metrics = reader.trial(id).unwrap().metrics;
    assert_eq!((metrics[0].step, metrics[0].value), (100, Some(0.5)));
    assert_eq!((metrics[1].step, metrics[1].value), (3, None));
}
