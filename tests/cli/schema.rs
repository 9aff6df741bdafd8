//! `sweep schema`.

use super::*;

#[test]
fn the_schema_knows_every_shipped_spec_and_a_slip_in_it() {
    let place = Place::new();
    let schema = place.json(&["schema"]);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut count = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sweeps")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let read = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
        let flaws: Vec<_> = validator.iter_errors(&read(&text)).map(|flaw| flaw.to_string()).collect();
        assert!(flaws.is_empty(), "{}: {flaws:?}", path.display());
        for (key, slip) in [("seeds:", "sedes:"), ("full_budget: ", "full_budget: ~")] {
            assert!(!validator.is_valid(&read(&text.replace(key, slip))), "{}: {slip}", path.display());
        }
        count += 1;
    }
    assert!(count >= 7);
}
