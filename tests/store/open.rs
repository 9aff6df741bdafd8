//! Opening, refusing, recovering.

use std::fs;

use rusqlite::Connection;
use sweep::{
    engine::{AttemptEnd, Record, TrialEnd},
    store::{FILE_NAME, Store, StoreError, TrialStatus, is_writer_alive, open_reader, views},
};

use super::support::{
    NOW, attempt_ended, finish, home, info, point, points, started, submitted, terms, trial, trial_ended,
};

fn number(home: &tempfile::TempDir, sql: &str) -> i64 {
    let connection = Connection::open(home.path().join(FILE_NAME)).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_new_store_says_whose_it_is_and_of_which_version() {
    let home = home();
    drop(Store::open_writer(&home.path().join("deep/inside")).unwrap());
    drop(Store::open_writer(home.path()).unwrap());
    assert_eq!(number(&home, "PRAGMA application_id"), 0x5357_4550);
    assert_eq!(number(&home, "PRAGMA user_version"), 5);
    assert_eq!(number(&home, "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND strict"), 12);
    let connection = Connection::open(home.path().join(FILE_NAME)).unwrap();
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[test]
fn the_help_names_every_column_of_every_view() {
    let home = home();
    drop(Store::open_writer(home.path()).unwrap());
    let connection = Connection::open(home.path().join(FILE_NAME)).unwrap();
    let texts = |sql: &str| {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<Vec<String>, _>>().unwrap()
    };
    let names: Vec<_> = views().iter().map(|view| view.name).collect();
    assert_eq!(names, texts("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name"));
    for view in views() {
        let columns: Vec<_> = view.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(
            columns,
            texts(&format!("SELECT name FROM pragma_table_info('{}')", view.name)),
            "{}",
            view.name
        );
    }
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let text = home();
    fs::write(text.path().join(FILE_NAME), "these are notes of mine, and not few of them\n".repeat(100))
        .unwrap();
    assert!(matches!(Store::open_writer(text.path()), Err(StoreError::NotSqlite(_))));
    assert!(matches!(open_reader(text.path()), Err(StoreError::NotSqlite(_))));

    let foreign = home();
    let path = foreign.path().join(FILE_NAME);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(Store::open_writer(foreign.path()), Err(StoreError::Foreign(_))));
    assert!(matches!(open_reader(foreign.path()), Err(StoreError::Foreign(_))));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let home = home();
    drop(Store::open_writer(home.path()).unwrap());
    let connection = Connection::open(home.path().join(FILE_NAME)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open_writer(home.path()), Err(StoreError::Newer { found: 99, known: 5, .. })));
    assert!(matches!(open_reader(home.path()), Err(StoreError::Newer { .. })));
}

#[test]
fn without_a_store_there_is_nothing_here_yet() {
    let home = home();
    let error = open_reader(home.path()).unwrap_err();
    assert!(error.to_string().starts_with("nothing here yet"), "{error}");
    assert_eq!(error.exit_code(), 102);
    // An empty file is what a writer leaves that went away at once.
    fs::write(home.path().join(FILE_NAME), "").unwrap();
    assert!(matches!(open_reader(home.path()), Err(StoreError::NothingHere(_))));
}

#[test]
fn a_second_writer_is_told_who_has_the_store() {
    let home = home();
    let first = Store::open_writer(home.path()).unwrap();
    assert!(is_writer_alive(home.path()));
    match Store::open_writer(home.path()) {
        Err(StoreError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    drop(first);
    assert!(!is_writer_alive(home.path()));
    Store::open_writer(home.path()).unwrap();
}

#[test]
fn a_home_on_a_network_is_refused() {
    let home = home();
    let open = |kind| Store::open_writer_on(home.path(), |_| Ok(kind));
    assert!(matches!(open(0x6969), Err(StoreError::NetworkHome { kind: "NFS", .. })));
    assert!(!home.path().join(FILE_NAME).exists());
    open(0xef53).unwrap();
}

#[test]
fn attempts_of_a_scheduler_that_went_away_are_lost_and_their_trials_wait() {
    let home = home();
    let (mut store, submission) =
        submitted(&home, &[trial("cosine", 100, 0.1, 0), trial("cosine", 100, 0.1, 1)]);
    let (done, lost) = (submission.trials[0].0, submission.trials[1].0);
    finish(&mut store, done, 0.8);
    store.apply(&[started(2, lost), points(2, lost, vec![point("train/loss", 0, 2.0)])]).unwrap();
    drop(store);

    let mut store = Store::open_writer(home.path()).unwrap();
    let attempt = &open_reader(home.path()).unwrap().trial(lost).unwrap().attempts[0];
    assert_eq!(attempt.end.as_deref(), Some("cancelled"));
    assert_eq!(attempt.message.as_deref(), Some("scheduler went away"));
    // The file was written long after what the store knows, which ends two seconds after this attempt began.
    assert_eq!(attempt.device_seconds, Some(3602.0));
    assert_eq!(store.next_attempt().unwrap(), 3);
    let again = store
        .submit(&info("a"), &[trial("cosine", 100, 0.1, 0), trial("cosine", 100, 0.1, 1)], &terms(), NOW)
        .unwrap();
    assert_eq!(again.trials, [(done, TrialStatus::Done), (lost, TrialStatus::Queued)]);
    // Its points are void once it begins again.
    store
        .apply(&[started(3, lost), Record::AttemptBegan { attempt: 3, trial: lost, step: 0, void: 0 }])
        .unwrap();
    assert_eq!(open_reader(home.path()).unwrap().trial(lost).unwrap().losses, [] as [f64; 0]);
    store.apply(&[attempt_ended(3, lost, AttemptEnd::Done), trial_ended(lost, TrialEnd::Done)]).unwrap();
}

#[test]
fn a_reader_keeps_what_it_saw_while_a_writer_goes_on() {
    let home = home();
    let (mut store, submission) =
        submitted(&home, &[trial("cosine", 100, 0.1, 0), trial("cosine", 100, 0.1, 1)]);
    let reader = open_reader(home.path()).unwrap();
    assert_eq!(reader.find("last").unwrap().counts.done, 0);
    for (trial, _) in submission.trials {
        finish(&mut store, trial, 0.8);
    }
    assert_eq!(reader.find("last").unwrap().counts.done, 0);
    assert_eq!(open_reader(home.path()).unwrap().find("last").unwrap().counts.done, 2);
}

/// A home with the store that an earlier version wrote, and the results that it printed then.
fn old(version: u32) -> (tempfile::TempDir, serde_json::Value) {
    let home = home();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores");
    fs::copy(fixtures.join(format!("v{version}.db")), home.path().join(FILE_NAME)).unwrap();
    let results = fs::read_to_string(fixtures.join(format!("v{version}-results.json"))).unwrap();
    let found = i64::from(version);
    let older = open_reader(home.path());
    assert!(matches!(older, Err(StoreError::Older { found: there, known: 5, .. }) if there == found));
    drop(Store::open_writer(home.path()).unwrap());
    (home, serde_json::from_str(&results).unwrap())
}

fn results(reader: &sweep::store::Reader) -> serde_json::Value {
    let sweep = reader.find("first").unwrap();
    assert_eq!(sweep.state, "done");
    let results = sweep::report::Results::new(&sweep, &reader.outcomes(sweep.sweep).unwrap());
    let mut results = serde_json::to_value(results).unwrap();
    // Said since version 5.
    assert_eq!(results.as_object_mut().unwrap().remove("statistic").unwrap(), "mean");
    for row in results["rows"].as_array_mut().unwrap() {
        for added in ["median", "best"] {
            assert!(row.as_object_mut().unwrap().remove(added).unwrap().is_number());
        }
    }
    results
}

/// `stores/v1.db` was written by the version before checkpoints, `v1-results.json` printed by it.
#[test]
fn a_store_of_the_first_version_is_brought_up_to_date_with_all_its_results() {
    let (home, before) = old(1);
    let reader = open_reader(home.path()).unwrap();
    let mut found = results(&reader);
    for row in found["rows"].as_array_mut().unwrap() {
        assert!(row.as_object_mut().unwrap().remove("gap").unwrap().is_null());
    }
    assert_eq!(found, before);
    let trial = reader.trial(1).unwrap();
    assert_eq!((trial.facts, trial.rates, trial.weights.len()), (None, None, 0));
    assert!(!trial.losses.is_empty() && trial.job["model"]["loss"].is_object());
}

/// `stores/v2.db` was written by the version before sweeps had a state, and its scheduler was killed in the second one.
#[test]
fn a_store_of_the_second_version_keeps_results_and_what_was_interrupted() {
    let (home, before) = old(2);
    let reader = open_reader(home.path()).unwrap();
    assert_eq!(results(&reader), before);
    let trial = reader.trial(1).unwrap();
    assert!(trial.facts.unwrap()["contents"]["model"].is_string() && trial.job["model"]["onnx"].is_string());
    let killed = reader.find("killed").unwrap();
    assert_eq!((killed.state.as_str(), killed.counts.cancelled), ("cancelled", 4));
    let mut trials = reader.trials(killed.sweep, None).unwrap();
    trials.select(&["status".to_owned()]).unwrap();
    assert_eq!(trials.rows, vec![vec![serde_json::json!("cancelled")]; 4]);
    assert!(reader.outcomes(killed.sweep).unwrap().iter().all(|outcome| outcome.end.is_none()));
    let ends: Vec<_> = reader.trial(9).unwrap().attempts.into_iter().map(|attempt| attempt.end).collect();
    assert_eq!(ends, [Some("cancelled".to_owned())]);
    let sqlite = Connection::open(home.path().join(FILE_NAME)).unwrap();
    let check: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let orphans: i64 =
        sqlite.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!((check.as_str(), orphans), ("ok", 0));
}

/// `stores/v3.db` was written by the version before plans settled anything; its second sweep was paused with checkpoints.
#[test]
fn a_store_of_the_third_version_keeps_results_and_what_was_paused() {
    let (home, before) = old(3);
    let reader = open_reader(home.path()).unwrap();
    assert_eq!(results(&reader), before);
    let paused = reader.find("paused").unwrap();
    assert_eq!((paused.state.as_str(), paused.counts.queued), ("paused", 4));
    assert!(reader.history(1).unwrap().settled.is_empty());
    assert_eq!(reader.measured("nobody").unwrap(), None);
}

/// `stores/v4.db` was written by the version before prices had rows; its sweep has a price, a choice of rates and of φ.
#[test]
fn a_store_of_the_fourth_version_keeps_results_and_prices() {
    let (home, before) = old(4);
    let reader = open_reader(home.path()).unwrap();
    assert_eq!(results(&reader), before);
    let sweep = reader.find("first").unwrap();
    let price = reader.price(sweep.sweep).unwrap().unwrap();
    assert_eq!((price.to_string(), price.usd_per_hour), ("own:machine".to_owned(), 0.8));
    assert_eq!(price, sweep::cost::Offer::own(0.8));
    assert_eq!(reader.samples(&sweep).unwrap(), Some(360));
    assert!(
        reader
            .spans(&reader.outcomes(sweep.sweep).unwrap())
            .unwrap()
            .iter()
            .all(|span| span.joules.is_none())
    );
}
