//! Tables in files, and Parquet as DuckDB reads it.

use std::{process::Stdio, sync::OnceLock};

use serde_json::{Map, json};

use super::*;

/// `python3` with DuckDB, which is fetched beside what was built where it is not there.
fn python() -> Command {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let there = Command::new("python3").args(["-c", "import duckdb"]).output().unwrap();
        if there.status.success() {
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        if !folder.join("duckdb").exists() {
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"];
            let output = Command::new("python3").args(install).arg(&folder).arg("duckdb").output().unwrap();
            assert!(output.status.success(), "DuckDB is not there: {}", stderr(&output));
        }
        Some(folder)
    });
    let mut python = Command::new("python3");
    if let Some(folder) = folder {
        python.env("PYTHONPATH", folder);
    }
    python
}

/// The columns of a Parquet file with their types, and its rows, as DuckDB reads it.
fn read(path: &Path) -> (Vec<(String, String)>, Vec<Value>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/parquet.py");
    let output = python().arg(script).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let columns = read["columns"].as_array().unwrap().iter();
    (columns.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(), read["rows"].as_array().unwrap().clone())
}

/// Checks that a Parquet file holds these rows of JSON, and gives its columns' types.
fn check(path: &Path, expected: &[Value]) -> Map<String, Value> {
    let (columns, rows) = read(path);
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        let row: Map<_, _> =
            columns.iter().map(|(name, _)| name.clone()).zip(row.as_array().unwrap().clone()).collect();
        assert_eq!(&Value::Object(row), expected);
    }
    columns.into_iter().map(|(name, kind)| (name, json!(kind))).collect()
}

/// Rows of JSON whose settings are fields of their own, named with this before them.
fn flat(rows: &Value, prefix: &str) -> Vec<Value> {
    let flat = |row: &Value| {
        let mut row = row.as_object().unwrap().clone();
        for (name, value) in row.remove("settings").unwrap().as_object().unwrap() {
            row.insert(format!("{prefix}{name}"), value.clone());
        }
        Value::Object(row)
    };
    rows.as_array().unwrap().iter().map(flat).collect()
}

#[test]
fn parquet_holds_what_json_does() {
    let place = Place::new();
    place.spec(SPEC);
    place.ok(&["run", "spec.yaml"]);
    let file = place.path().join("table.parquet");
    let write = |words: &[&str]| place.ok(&[words, &["-o", "table.parquet"]].concat());

    assert_eq!(write(&["trials"]), "", "all of it is in the file");
    let kinds = check(&file, &flat(&place.json(&["trials", "--format", "json"]), "settings."));
    let expected = json!({
        "trial": "BIGINT", "schedule": "VARCHAR", "budget": "VARCHAR", "steps": "BIGINT",
        "settings.learning_rate": "DOUBLE", "seed": "BIGINT", "status": "VARCHAR", "value": "DOUBLE",
        "gap": "DOUBLE", "device_seconds": "DOUBLE", "attempts": "BIGINT", "reason": "VARCHAR",
    });
    assert_eq!(Value::Object(kinds.clone()), expected);
    write(&["trials", "--where", "value>1"]);
    assert_eq!(check(&file, &[]), kinds, "without a row it has the same columns");
    write(&[
        "trials",
        "--columns",
        "trial,settings,settings.learning_rate",
        "--sort",
        "-trial",
        "--limit",
        "1",
    ]);
    let row = json!({"trial": 4, "settings": "{\"learning_rate\":0.1}", "settings.learning_rate": 0.1});
    check(&file, &[row]);

    write(&["results"]);
    let results = place.json(&["results", "--format", "json"]);
    let rows = flat(&results["rows"], "");
    let joined = rows.into_iter().map(|mut row| {
        let values: Vec<_> = row["values"].as_array().unwrap().iter().map(Value::to_string).collect();
        row["values"] = json!(values.join(" "));
        row
    });
    let kinds = check(&file, &joined.collect::<Vec<_>>());
    for (column, kind) in
        [("low", "DOUBLE"), ("mean", "DOUBLE"), ("seeds", "BIGINT"), ("learning_rate", "DOUBLE")]
    {
        assert_eq!(kinds[column], kind, "{column}");
    }

    let curves = "SELECT name, step, value FROM curves ORDER BY trial, name, step";
    write(&["sql", curves]);
    check(&file, place.json(&["sql", curves, "--format", "json"]).as_array().unwrap());
    write(&["list"]);
    check(&file, place.json(&["list", "--format", "json"]).as_array().unwrap());
}

/// A home with a store, in which nothing was ever run.
fn empty() -> Place {
    let place = Place::new();
    drop(sweep::store::Store::open_writer(&place.home()).unwrap());
    place
}

#[test]
fn columns_of_every_kind_keep_it() {
    let place = empty();
    let query = "
        SELECT 9223372036854775807 AS whole, 1 AS number, 1 AS mixed, 'é \"\n,' AS text, x'00ff' AS blob, NULL AS value,
            NULL AS reason, NULL AS trial
        UNION ALL SELECT NULL, 0.1, 'two', '', NULL, NULL, NULL, NULL UNION ALL SELECT -1, NULL, 0.5, NULL, NULL, NULL, NULL, NULL";
    place.ok(&["sql", query, "-o", "kinds.parquet"]);
    let row = |whole, number, mixed: Value, text, blob| {
        json!({"whole": whole, "number": number, "mixed": mixed, "text": text,
        "blob": blob, "value": null, "reason": null, "trial": null})
    };
    let kinds = check(
        &place.path().join("kinds.parquet"),
        &[
            row(json!(i64::MAX), json!(1.0), json!("1"), json!("é \"\n,"), json!("00ff")),
            row(json!(null), json!(0.1), json!("two"), json!(""), json!(null)),
            row(json!(-1), json!(null), json!("0.5"), json!(null), json!(null)),
        ],
    );
    assert_eq!(
        Value::Object(kinds),
        json!({"whole": "BIGINT", "number": "DOUBLE", "mixed": "VARCHAR", "text": "VARCHAR", "blob": "VARCHAR",
            "value": "DOUBLE", "reason": "VARCHAR", "trial": "BIGINT"})
    );
}

#[test]
fn a_file_is_of_the_format_that_is_asked_for() {
    let place = empty();
    let content = |words: &[&str], name: &str| {
        let output = place.sweep(&[&["sql", "SELECT 1 AS a"], words, &["-o", name]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{name}");
        String::from_utf8_lossy(&fs::read(place.path().join(name)).unwrap()).into_owned()
    };
    let json = "[\n{\"a\":1}\n]\n";
    for (words, name, expected) in [
        (&[][..], "a.csv", "a\n1\n"),
        (&[], "a.json", json),
        (&[], "a.md", "| a |\n| --- |\n| 1 |\n"),
        (&[], "a.txt", " a\n───\n 1\n"),
        (&["--color", "always"], "a.txt", " a\n───\n 1\n"),
        (&["--format", "csv"], "a.json", "a\n1\n"),
        (&["--output-mode", "json"], "a", json),
        (&["--output-mode", "json"], "a.csv", "a\n1\n"),
        (&["--output-mode", "quiet"], "a", " a\n───\n 1\n"),
    ] {
        assert_eq!(content(words, name), expected, "{words:?} {name}");
    }
    let parquet = fs::read(place.path().join({
        content(&[], "a.parquet");
        "a.parquet"
    }))
    .unwrap();
    assert_eq!((&parquet[..4], &parquet[parquet.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    let piped = place.sweep(&["sql", "SELECT 1 AS a", "--format", "parquet"]);
    assert_eq!(piped.stdout, parquet, "a pipe is no terminal");
    let names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("partial")), "{names:?}");
}

#[test]
fn what_is_no_plain_file_stays_what_it_is() {
    let place = empty();
    let write = |name: &str| place.ok(&["sql", "SELECT 1 AS a", "--format", "csv", "-o", name]);
    fs::create_dir(place.path().join("real")).unwrap();
    fs::write(place.path().join("real/a.csv"), "old").unwrap();
    std::os::unix::fs::symlink("real/a.csv", place.path().join("link.csv")).unwrap();
    write("link.csv");
    assert!(place.path().join("link.csv").is_symlink());
    assert_eq!(fs::read_to_string(place.path().join("real/a.csv")).unwrap(), "a\n1\n");
    write("/dev/null");
    assert!(!Path::new("/dev/null").is_file());
    assert_eq!(write("/dev/stdout"), "a\n1\n");
}

#[test]
fn what_cannot_be_written_is_said() {
    let place = empty();
    for (words, expected) in [
        (&["-o", "no/such/a.csv"][..], "`no/such/a.csv` cannot be written: No such file or directory"),
        (&["-o", "no/such/a.csv"], "hint: there is no folder `no/such`"),
        (&["-o", "."], "`.` cannot be written: Is a directory"),
        (&["--format", "xlsx"], "there are `table`, `csv`, `json`, `md` and `parquet`"),
    ] {
        let output = place.sweep(&[&["sql", "SELECT 1 AS a"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(expected), "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn a_terminal_gets_no_parquet() {
    let place = empty();
    let terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let output = Command::new("python3")
        .args(["-c", terminal, env!("CARGO_BIN_EXE_sweep"), "sql", "SELECT 1", "--format", "parquet"])
        .env("SWEEP_HOME", place.home())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(shown.contains("Parquet is binary, and standard output is a terminal"), "{shown}");
    assert!(shown.contains("hint: `-o FILE` writes it to a file") && !shown.contains("PAR1"), "{shown}");
}

#[test]
fn flat_formats_have_a_column_for_each_setting() {
    let home = tempfile::tempdir().unwrap();
    crate::store::thousands::make(
        home.path(),
        crate::store::thousands::Shape { trials: 200, sweeps: 1, waiting: false, losses: 0 },
    );
    let place = Place::new();
    let run = |words: &[&str]| {
        let mut words = words.to_vec();
        words.extend(["--home", home.path().to_str().unwrap()]);
        place.ok(&words)
    };
    let csv = run(&["trials", "--limit", "1", "--format", "csv"]);
    let header = "trial,schedule,budget,steps,settings.learning_rate,seed,status,value,gap,device_seconds,attempts,reason";
    assert_eq!(csv.lines().next(), Some(header));
    assert_eq!(csv.lines().nth(1).and_then(|line| line.split(',').nth(4)), Some("0.01"));
    let json: Value = serde_json::from_str(&run(&["trials", "--limit", "1", "--format", "json"])).unwrap();
    assert_eq!(json[0]["settings"], json!({"learning_rate": 0.01}));
    assert_eq!(json[0].get("settings.learning_rate"), None);
    let rates = run(&[
        "trials",
        "--where",
        "settings.learning_rate>0.01",
        "--where",
        "status!=done",
        "--sort",
        "-settings.learning_rate",
        "--columns",
        "status,settings.learning_rate",
        "--format",
        "csv",
    ]);
    assert_eq!(rates, "status,settings.learning_rate\ndiverged,0.02\nfailed,0.02\n");
    let unknown =
        place.sweep(&["--home", home.path().to_str().unwrap(), "trials", "--where", "settings.rate>1"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("no column `settings.rate`"), "{}", stderr(&unknown));
    assert!(stderr(&unknown).contains("`settings`, `settings.learning_rate`"), "{}", stderr(&unknown));
}
