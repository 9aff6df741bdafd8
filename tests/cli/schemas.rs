//! What is printed as JSON is what its schema says, as a validator of others has it.

use serde_json::json;

use super::*;

/// The schema that a verb prints, which needs no store.
fn schema(verb: &str) -> jsonschema::Validator {
    let nowhere = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sweep"))
        .args([verb, "--json-schema"])
        .current_dir(nowhere.path())
        .env_remove("SWEEP_HOME")
        .output()
        .unwrap();
    assert!(output.status.success(), "{verb}: {}", stderr(&output));
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema), "{verb}: {schema}");
    jsonschema::validator_for(&schema).unwrap()
}

fn check(schema: &jsonschema::Validator, document: &Value) {
    let wrong: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
}

/// All ways to leave out one key of an object, and to make one a list.
fn damaged(object: &Value) -> Vec<(String, Value)> {
    let keys = object.as_object().unwrap().keys();
    keys.flat_map(|key| {
        let (mut without, mut wrong) = (object.clone(), object.clone());
        without.as_object_mut().unwrap().remove(key);
        wrong[key] = json!([[]]);
        [(format!("without {key}"), without), (format!("wrong {key}"), wrong)]
    })
    .collect()
}

#[test]
fn results_of_a_real_sweep_are_as_their_schema_says() {
    let place = Place::new();
    let schema = schema("results");
    place.spec(SPEC);
    place.ok(&["run", "spec.yaml"]);
    let one = place.json(&["results", "--format", "json"]);
    assert_eq!(one["rows"][0]["low"], Value::Null);
    check(&schema, &one);
    // Three seeds have intervals, two rates and a validation set a choice, and an open φ is followed by one that is not.
    place.spec(
        &SPEC
            .replace("  test:", "  validation: 10%\n  test:")
            .replace("phi: 1", "phi: auto")
            .replace("0.1}", "[0.1, 0.2]}\nseeds: 3"),
    );
    place.ok(&["run", "spec.yaml"]);
    let three = place.json(&["results", "--format", "json"]);
    assert_eq!(three["chosen_by"], "validation/accuracy");
    assert!(three["rows"][0]["low"].is_number() && three["rows"][0]["followed"].is_string(), "{three}");
    check(&schema, &three);

    for (what, document) in damaged(&three) {
        assert!(!schema.is_valid(&document), "{what}");
    }
    for (what, row) in damaged(&three["rows"][0]) {
        let mut document = three.clone();
        document["rows"][0] = row;
        assert_eq!(schema.is_valid(&document), what == "without followed", "a row {what}");
    }
    let mut more = three;
    (more["new"], more["rows"][0]["new"]) = (json!(1), json!({"any": "thing"}));
    check(&schema, &more);
}

#[test]
fn rows_of_tables_are_as_their_schemas_say() {
    let place = Place::new();
    place
        .spec(&SPEC.replace("0.1}", "[0.1, 1e6]}").replace("full_budget: 2 epochs", "full_budget: 30 steps"));
    place.ok(&["run", "spec.yaml"]);
    let trials = schema("trials");
    let rows = place.json(&["trials", "--format", "json"]);
    check(&trials, &rows);
    let statuses: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert!(statuses.contains(&"done") && statuses.contains(&"diverged"), "{statuses:?}");
    for (what, row) in damaged(&rows[0]) {
        assert_eq!(trials.is_valid(&json!([row])), what.starts_with("without"), "{what}");
    }
    check(&trials, &place.json(&["trials", "--columns", "settings.learning_rate,trial", "--format", "json"]));
    check(&trials, &place.json(&["trials", "--where", "trial<1", "--format", "json"]));

    let sql = schema("sql");
    check(&sql, &place.json(&["sql", "SELECT * FROM trials", "--format", "json"]));
    check(&sql, &place.json(&["sql", "SELECT 1, 0.5, 'x', NULL, x'00', 9e999", "--format", "json"]));
    for wrong in [json!({}), json!([1]), json!([{}]), json!([{"a": []}]), json!([{"a": true}])] {
        assert!(!sql.is_valid(&wrong), "{wrong}");
    }
    let without = place.sweep(&["sql"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(stderr(&without).contains("<QUERY>"), "{}", stderr(&without));
}
