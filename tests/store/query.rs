//! A query of the user's own can read and do nothing else.

use std::time::{Duration, Instant};

use serde_json::json;
use sweep::{
    report::{Format, Look, render},
    store::{QueryLimits, StoreError, Table, query},
};
use tempfile::TempDir;

use super::support::{finish, home, submitted, trial};

fn filled() -> TempDir {
    let home = home();
    let (mut store, submission) =
        submitted(&home, &[trial("cosine", 100, 0.1, 0), trial("linear", 100, 0.1, 0)]);
    for ((trial, _), accuracy) in submission.trials.into_iter().zip([0.8, 0.75]) {
        finish(&mut store, trial, accuracy);
    }
    home
}

fn ask(home: &TempDir, sql: &str) -> Result<Table, StoreError> {
    query(home.path(), sql, QueryLimits::default())
}

#[test]
fn every_view_answers() {
    let home = filled();
    let first = |sql: &str| ask(&home, sql).unwrap().rows[0].clone();
    let results = first(
        "SELECT schedule, budget, steps, settings ->> 'learning_rate', metric, seeds, mean FROM results",
    );
    assert_eq!(
        results,
        [json!("cosine"), json!("10%"), json!(100), json!(0.1), json!("test/accuracy"), json!(1), json!(0.8)]
    );
    assert_eq!(
        first("SELECT status, value, attempts, device_seconds FROM trials")[..],
        [json!("done"), json!(0.8), json!(1), json!(2.0)]
    );
    assert_eq!(
        first("SELECT name, step, value FROM curves WHERE trial = 1 ORDER BY name DESC"),
        [json!("train/loss"), json!(0), json!(2.3)]
    );
    assert_eq!(first("SELECT attempt, end FROM attempts"), [json!(1), json!("done")]);
    assert_eq!(
        first("SELECT trials, device_seconds, train_seconds FROM costs"),
        [json!(1), json!(2.0), json!(1.5)]
    );
}

#[test]
fn values_keep_their_types() {
    let home = filled();
    let table = ask(&home, "SELECT 1 AS a, 1.0 AS a, 'x' AS b, NULL AS c, x'00ff' AS d, 9e999 AS e").unwrap();
    assert_eq!(
        render(&table, Format::Json, Look::default()),
        "[\n{\"a\":1,\"a_2\":1.0,\"b\":\"x\",\"c\":null,\"d\":\"00ff\",\"e\":null}\n]\n"
    );
    assert_eq!(render(&ask(&home, "SELECT 1 WHERE false").unwrap(), Format::Json, Look::default()), "[]\n");
}

#[test]
fn anything_but_reading_is_refused() {
    let home = filled();
    for sql in [
        "INSERT INTO event (at, kind) VALUES (1, 'x')",
        "DELETE FROM metric",
        "UPDATE trial SET status = 'queued'",
        "DELETE FROM metric RETURNING value",
        "DROP TABLE metric",
        "CREATE TEMP TABLE mine (x)",
        "ATTACH '/tmp/other.db' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA table_info(trial)",
        "SELECT * FROM pragma_table_info('trial')",
        "SELECT load_extension('libevil')",
        "VACUUM INTO '/tmp/copy.db'",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM metric",
        "",
        "-- nothing",
    ] {
        let error = ask(&home, sql).unwrap_err();
        assert!(matches!(error, StoreError::NotReading), "{sql}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
    assert_eq!(ask(&home, "SELECT count(*) FROM metric").unwrap().rows, [[json!(4)]]);
}

#[test]
fn a_wrong_query_says_what_is_wrong() {
    let error = ask(&filled(), "SELECT shedule FROM results").unwrap_err();
    assert_eq!(error.to_string(), "in the query: no such column: shedule");
    assert_eq!(error.exit_code(), 2);
    let error = ask(&filled(), "SELEC 1").unwrap_err();
    assert_eq!(error.to_string(), "in the query: near \"SELEC\": syntax error");
}

#[test]
fn a_query_without_end_is_cut() {
    let home = filled();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT";
    let started = Instant::now();
    let brief = QueryLimits { time: Duration::from_millis(50), ..QueryLimits::default() };
    let error = query(home.path(), &format!("{endless} max(i) FROM n"), brief).unwrap_err();
    assert!(matches!(error, StoreError::QueryTimeout(_)), "{error}");
    assert_eq!(error.exit_code(), 104);
    assert!(started.elapsed() < Duration::from_secs(10));
    let small = QueryLimits { size: 1 << 16, ..QueryLimits::default() };
    let error = query(home.path(), &format!("{endless} i FROM n"), small).unwrap_err();
    assert!(matches!(error, StoreError::QuerySize(_)), "{error}");
    let error = ask(&home, "SELECT zeroblob(1000000000)").unwrap_err();
    assert_eq!(error.to_string(), "in the query: string or blob too big");
}
