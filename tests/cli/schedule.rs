//! `sweep schedule …`, and what schedules and budgets settle when a sweep is planned.

use std::fs;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schedules");

/// The table of the only trial of a spec, as its worker read it.
fn followed(place: &Place, schedule: &str) -> Vec<u8> {
    place.spec(
        &SPEC
            .replace("[{uba: {phi: 1}}, cosine]", &format!("[{schedule}]"))
            .replace("[50%, 100%]", "[100%]")
            .replace("2 epochs", "40 steps\n  warmup: 10%"),
    );
    place.ok(&["run", "spec.yaml"]);
    let tables: Vec<_> = fs::read_dir(place.home().join("tables")).unwrap().collect();
    assert_eq!(tables.len(), 1);
    fs::read(tables[0].as_ref().unwrap().path()).unwrap()
}

fn exported(place: &Place, schedule: &[&str], format: &str) -> Vec<u8> {
    let around = ["--steps", "40", "--peak", "0.1", "--warmup", "10%", "--format", format];
    let output = place.sweep(&[&["schedule", "export"], schedule, &around].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    output.stdout
}

#[test]
fn an_exported_table_is_what_workers_follow_bit_for_bit() {
    for (spec, typed) in [
        ("{uba: {phi: 5}}", &["uba", "--phi", "5"][..]),
        ("one_cycle", &["one_cycle"]),
        ("{sgdr: {cycles: 2}}", &["sgdr(cycles=2)"]),
        ("{power: {a: 0.2, b: -0.5}}", &["power", "--a", "0.2", "--b", "-0.5"]),
    ] {
        let place = Place::new();
        assert_eq!(followed(&place, spec), exported(&place, typed, "f32"), "{spec}");
    }
}

#[test]
fn numpy_reads_the_same_numbers_from_every_format() {
    let place = Place::new();
    let numpy = Command::new("python3").args(["-c", "import numpy"]).output();
    if !numpy.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "python3 has no numpy");
        println!("skipped: python3 has no numpy");
        return;
    }
    for (index, schedule) in
        [&["uba", "--phi", "5"][..], &["expr", "--formula", "(1-z)^2"]].iter().enumerate()
    {
        let files: Vec<String> = ["npy", "json", "f32", "csv"]
            .map(|format| {
                let path = place.path().join(format!("{index}.{format}"));
                fs::write(&path, exported(&place, schedule, format)).unwrap();
                path.to_str().unwrap().to_owned()
            })
            .to_vec();
        let read =
            Command::new("python3").arg(format!("{FIXTURES}/check_export.py")).args(&files).output().unwrap();
        assert!(read.status.success(), "{}", stderr(&read));
        assert_eq!(String::from_utf8(read.stdout).unwrap().trim().split(' ').next(), Some("40"));
    }
    let one_cycle = exported(&place, &["one_cycle"], "csv");
    assert!(String::from_utf8(one_cycle).unwrap().starts_with("step,learning_rate,momentum\n0,0.001,0.95\n"));
    let to_file =
        place.sweep(&["schedule", "export", "linear", "-o", "t.npy", "--format", "npy", "--steps", "3"]);
    assert!(stderr(&to_file).contains("wrote 3 steps of linear to t.npy"), "{}", stderr(&to_file));
    assert_eq!(fs::read(place.path().join("t.npy")).unwrap().len(), 128 + 12);
}

#[test]
fn python_files_hold_the_same_bits() {
    let place = Place::new();
    let table = exported(&place, &["uba(phi=1)"], "f32");
    let hex: String = table.iter().map(|byte| format!("{byte:02x}")).collect();
    for (format, marks) in [
        ("pytorch", &["from torch.optim.lr_scheduler import LambdaLR", "def make_scheduler(optimizer):"][..]),
        ("optax", &["import jax.numpy as jnp", "def schedule(step):"]),
    ] {
        let text = String::from_utf8(exported(&place, &["uba(phi=1)"], format)).unwrap();
        for mark in marks {
            assert!(text.contains(mark), "{format}: {text}");
        }
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix('"'));
        let bits: String = lines.filter(|line| line.bytes().all(|byte| byte.is_ascii_hexdigit())).collect();
        assert_eq!(bits, hex, "{format}");
        // All but the imports of a framework is run as it is.
        let plain: String = text
            .lines()
            .filter(|line| !line.contains("torch") && !line.contains("jax"))
            .map(|line| format!("{line}\n"))
            .collect();
        let run = format!(
            "{plain}\nprint(len(TABLE), TABLE[3] == struct.unpack('<f', bytes.fromhex('cdcccc3d'))[0])"
        );
        let read = Command::new("python3").args(["-c", &run]).output().unwrap();
        assert_eq!(
            String::from_utf8(read.stdout).unwrap().trim(),
            "40 True",
            "{format}: {}",
            String::from_utf8_lossy(&read.stderr)
        );
    }
}

#[test]
fn show_and_compare_tell_the_properties_of_a_curve() {
    let place = Place::new();
    let shown = place.json(&["schedule", "show", "uba", "--phi", "5", "--steps", "1000", "--format", "json"]);
    let number = |key: &str| shown[key].as_f64().unwrap();
    assert_eq!((shown["version"].as_u64(), shown["schedule"].as_str()), (Some(1), Some("uba(phi=5)")));
    // Mean 1/(1 + √(φ/2)) and half-life (2/π)·atan √(2/φ), up to half a step.
    assert!(
        (number("mean") - 0.3874).abs() < 1e-3 && (number("half_life") - 0.3590).abs() < 1.1e-3,
        "{shown}"
    );
    assert!(
        (number("bound") - 1.066).abs() < 1e-3 && (number("area") - 1000.0 * number("mean")).abs() < 1e-6
    );
    assert_eq!(shown["values"].as_array().unwrap().len(), 11);
    assert_eq!(
        shown["values"][5],
        serde_json::json!({"step": 500, "share": 0.5, "learning_rate": 0.2857143})
    );
    let text = place.ok(&["schedule", "show", "cosine", "--steps", "100"]);
    assert!(
        text.contains("half-life   50.00 % of the budget") && text.contains("arXiv 1608.03983"),
        "{text}"
    );
    let compared =
        place.json(&["schedule", "compare", "cosine", "uba(phi=1)", "--steps", "2000", "--format", "json"]);
    assert_eq!((&compared[0]["bound"], &compared[1]["bound"]), (&1.029.into(), &1.018.into()));
    let both = place.ok(&["schedule", "compare", "uba", "--phi", "1,5", "--steps", "50"]);
    assert!(both.contains("a uba(phi=1)   b uba(phi=5)") && both.contains("bound"), "{both}");
    let listed = place.json(&["schedule", "list", "--format", "json"]);
    assert_eq!(listed.as_array().unwrap().len(), 20);
}

#[test]
fn pictures_are_files_that_stand_alone() {
    let place = Place::new();
    place.ok(&["schedule", "plot", "uba(phi=1)", "cosine", "-o", "a.svg"]);
    place.ok(&["schedule", "compare", "uba(phi=1)", "one_cycle", "--peak", "0.1", "-o", "a.html"]);
    let svg = fs::read_to_string(place.path().join("a.svg")).unwrap();
    let drawn = roxmltree::Document::parse(&svg).unwrap();
    assert!(drawn.descendants().any(|node| node.text().is_some_and(|text| text.contains("uba(phi=1)"))));
    let html = fs::read_to_string(place.path().join("a.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("one_cycle") && !html.contains("src=\"http"), "{html}");
    let wrong = place.sweep(&["schedule", "plot", "cosine", "-o", "a.png"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("end its name with `.svg` or `.html`"), "{}", stderr(&wrong));
    let plain = place.ok(&["schedule", "plot", "cosine", "--height", "5"]);
    assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
}

#[test]
fn what_is_typed_wrong_is_told_once() {
    let place = Place::new();
    for (arguments, said) in [
        (&["show", "cosin"][..], "unknown `cosin` in `schedule`\n\nhint: did you mean `cosine`?"),
        (&["show", "uba"], "schedule `uba` needs `phi`\n\nhint: such as `uba: {phi: 1}`"),
        (&["show", "uba", "--phi", "1,2"], "`uba` with these parameters is 2 schedules"),
        (&["show", "uba(phi=auto)"], "`phi: auto` is chosen for a model and a budget"),
        (&["compare", "uba", "cosine", "--phi", "1"], "whose is `--phi`, with several schedules?"),
        (&["export", "expr", "--formula", "0.5 - z"], "`expr(0.5 - z)` gives the rate -1.000e-3"),
        (&["export", "cosine", "--format", "pytorch", "--steps", "100001"], "more than 100000 steps"),
        (&["show", "cosine", "--steps", "0"], "a whole number of steps from 1 to 100000000"),
        (
            &["show", "cosine", "--warmup", "100%"],
            "`--warmup` should be a share of the budget from 0% and below 100%",
        ),
        (&["solve", "--condition", "0.5"], "a number from 1 to 1e9"),
        (&["solve", "--low", "2", "--high", "1"], "`--low 2` is above `--high 1`"),
    ] {
        let output = place.sweep(&[&["schedule"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
    }
    place.ok(&["schedule", "export", "cosine", "--format", "optax", "--steps", "100000"]);
}

#[test]
fn the_solver_finds_the_closed_form_and_says_what_others_lose() {
    let place = Place::new();
    let solved = place.json(&["schedule", "solve", "--condition", "5", "--steps", "8", "--format", "json"]);
    let number = |key: &str| solved[key].as_f64().unwrap();
    assert!((number("worst_case") / number("closed_form") - 1.0).abs() < 1e-3, "{solved}");
    let noisy = place.json(&["schedule", "solve", "--condition", "5", "--noise", "0.01", "--format", "json"]);
    let ratio = |name: &str| {
        let others = noisy["others"].as_array().unwrap();
        let found = others.iter().find(|other| other["schedule"].as_str().unwrap().starts_with(name));
        found.unwrap_or_else(|| panic!("{name}: {noisy}"))["times_optimum"].as_f64().unwrap()
    };
    assert!(noisy["closed_form"].is_null());
    assert!(
        ["uba", "cosine", "linear", "rex", "step", "constant"].iter().all(|name| ratio(name) >= 1.0),
        "{noisy}"
    );
    let text = place.ok(&["schedule", "solve", "--condition", "5", "--steps", "8"]);
    assert!(text.contains("closed form (Chebyshev)") && text.contains("optimum"), "{text}");
}

/// Runs the spec, and gives what was said on the way.
fn said(place: &Place) -> String {
    let output = place.sweep(&["run", "spec.yaml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    stderr(&output)
}

#[test]
fn phi_is_chosen_once_for_each_budget_and_why_tells_how() {
    let place = Place::new();
    let spec = SPEC.replace("[{uba: {phi: 1}}, cosine]", "[{uba: {phi: auto}}, linear]") + "seeds: 2\n";
    place.spec(&spec);
    let first = said(&place);
    assert!(first.contains("measuring the model's curvature for `phi: auto`"), "{first}");
    let cells = place.json(&["sql", "SELECT * FROM cells ORDER BY schedule, budget", "--format", "json"]);
    let cells = cells.as_array().unwrap();
    assert_eq!(cells.len(), 4);
    let of = |schedule: &str| cells.iter().filter(|cell| cell["schedule"] == schedule).collect::<Vec<_>>();
    assert!(of("linear").iter().all(|cell| cell["settled"].is_null()));
    let chosen = of("uba(phi=auto)");
    assert_eq!(chosen.len(), 2, "one row of the table, whatever was chosen");
    for cell in &chosen {
        let words = cell["settled"].as_str().unwrap();
        let steps = cell["steps"].as_u64().unwrap();
        assert!(words.contains("phi = ") && words.contains(&format!("problem of {steps} steps")), "{words}");
        assert!(words.contains("condition number") && words.contains("not the paper's"), "{words}");
    }
    let why = place.ok(&["why", "1"]);
    assert!(why.contains("phi = ") || place.ok(&["why", "2"]).contains("phi = "), "{why}");
    // Again, and with another schedule beside it: nothing is measured anew, and what was chosen holds.
    let again = said(&place);
    assert!(!again.contains("measuring") && again.contains("nothing to train"), "{again}");
    place.spec(&spec.replace("linear]", "linear, cosine]"));
    let more = said(&place);
    assert!(!more.contains("measuring") && more.contains("8 have results"), "{more}");
}

#[test]
fn budgets_in_time_and_money_become_steps_that_stay() {
    let place = Place::new();
    let spec = SPEC
        .replace("[50%, 100%]", "[0.05 s, $0.02, 10 steps]")
        .replace("[{uba: {phi: 1}}, cosine]", "[cosine]");
    let spec = spec + "pricing: {usd_per_hour: 3600}\nresources: {workers: 1}\n";
    place.spec(&spec);
    let first = said(&place);
    assert!(first.contains("measuring the time of a step"), "{first}");
    let steps = |place: &Place| {
        let cells = place.json(&[
            "sql",
            "SELECT budget, steps, settled FROM cells ORDER BY steps",
            "--format",
            "json",
        ]);
        cells.as_array().unwrap().clone()
    };
    let cells = steps(&place);
    let find = |budget: &str| cells.iter().find(|cell| cell["budget"] == budget).unwrap();
    let (timed, paid) = (find("0.05 s")["steps"].as_u64().unwrap(), find("$0.02")["steps"].as_u64().unwrap());
    // A dollar a second for the machine, of which one worker takes all.
    let expected = timed as f64 * 0.02 / 0.05;
    assert!((paid as f64 - expected).abs() <= expected * 0.01 + 2.0, "{paid}, not {expected}");
    assert!(find("0.05 s")["settled"].as_str().unwrap().contains("measured here"), "{cells:?}");
    let again = said(&place);
    assert!(!again.contains("measuring") && again.contains("nothing to train"), "{again}");
    assert_eq!(steps(&place), cells);
    place.spec(&spec.replace("0.05 s", "0.0000001 s"));
    let short = place.sweep(&["run", "spec.yaml"]);
    assert!(stderr(&short).contains("is less than one step, which takes"), "{}", stderr(&short));
    assert_eq!(short.status.code(), Some(2));
}
