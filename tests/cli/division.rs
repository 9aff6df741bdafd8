//! How a machine is divided among workers: measured once for a long sweep of a model, then kept.

use super::*;

const SAID: &str = "measuring how quickly";

/// 3,600 steps in all.
fn long() -> String {
    SPEC.replace("2 epochs", "600 steps")
        .replace("parameters:", "seeds: 2\nparameters:")
        .replace("1 step\n", "100 steps\n")
}

fn run(place: &Place) -> String {
    let output = place.sweep(&["run", "spec.yaml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    stderr(&output)
}

#[test]
fn a_long_sweep_is_divided_as_was_measured_once() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return; // there is nothing to divide
    }
    let place = Place::new();
    place.spec(&long());
    let output = place.sweep(&["plan", "spec.yaml"]);
    let said = stderr(&output);
    assert!(
        said.contains(SAID) && said.contains("steps a second in all: ") && said.contains("; taking "),
        "{said}"
    );

    // The file of the home decides, whatever it says.
    let folder = place.home().join("calibration");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let (path, mut kept) = files
        .map(|path| (path.clone(), serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap()))
        .find(|(_, kept)| !kept["division"].is_null())
        .unwrap();
    assert!(kept["division"]["measured"].as_array().unwrap().len() > 1, "{kept:#}");
    let chosen = &mut kept["division"];
    (chosen["workers"], chosen["threads"]) = (1.into(), 2.into());
    fs::write(&path, kept.to_string()).unwrap();
    let said = run(&place);
    assert!(said.contains("1 worker of 2 threads") && !said.contains(SAID), "{said}");

    // Then the store does.
    fs::remove_dir_all(&folder).unwrap();
    place.spec(&long().replace("cosine]", "cosine, linear]"));
    let said = run(&place);
    assert!(said.contains("8 have results, 4 to train") && said.contains("1 worker of 2 threads"), "{said}");
    assert!(!said.contains(SAID), "{said}");
}

#[test]
fn short_sweeps_and_those_that_say_it_are_not_measured() {
    let place = Place::new();
    for spec in [SPEC.to_owned(), long() + "resources: {workers: 1, threads: 1}\n"] {
        place.spec(&spec);
        let said = run(&place);
        assert!(!said.contains(SAID), "{said}");
    }
}
