//! Every schedule as a spec spells it: PyTorch's rates, canonical names that are read back, identities.

use serde_json::Value;

use super::*;
use crate::schedule::{Shape, Table};

/// The schedules of one item of the list.
fn all(item: &str) -> Vec<Schedule> {
    let spec = read(&with(&format!("schedules: [{item}]")).replace("optimizer: sgd", "optimizer: adam"));
    let given = spec.unwrap_or_else(|error| panic!("{item}: {error}")).schedules.into_iter();
    given
        .map(|listed| match listed {
            Listed::Given(schedule) => schedule,
            Listed::UbaAuto { .. } => panic!("{item} is not settled"),
        })
        .collect()
}

fn one(item: &str) -> Schedule {
    let mut all = all(item);
    assert_eq!(all.len(), 1, "{item}");
    all.remove(0)
}

fn table(item: &str, steps: u64) -> Table {
    Shape { schedule: one(item), warmup: Warmup::NONE, eta_min: 0.0 }.table(1.0, steps).unwrap()
}

#[test]
fn rates_and_momenta_are_those_of_pytorchs_own_schedulers() {
    let fixture: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/schedules/pytorch.json")).unwrap();
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let cases = fixture["cases"].as_array().unwrap();
    assert!(cases.len() >= 32);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let number = |key: &str| case[key].as_f64().unwrap_or_default();
        let (peak, steps) = (number("peak"), case["steps"].as_u64().unwrap());
        let schedule = one(case["spec"].as_str().unwrap());
        let warmup = Warmup::linear(number("warmup"));
        let shape = Shape { schedule, warmup, eta_min: number("eta_min") };
        for (step, rate) in (0..).zip(numbers(&case["rates"])) {
            let own = shape.rate(peak, step, steps);
            assert!((own - rate).abs() <= 1e-14 * peak, "{name} at {step}: {own}, not {rate}");
        }
        let table = shape.table(peak, steps).unwrap();
        let momenta = case.get("momenta").map(numbers);
        assert_eq!(table.momenta.is_some(), momenta.is_some(), "{name}");
        for (step, (own, momentum)) in
            table.momenta.into_iter().flatten().zip(momenta.into_iter().flatten()).enumerate()
        {
            assert!((f64::from(own) - momentum).abs() < 1e-7, "{name} at {step}: {own}, not {momentum}");
        }
    }
}

/// One of each family, and of each way to spell it.
pub(super) const ITEMS: &[&str] = &[
    "{uba: {phi: 0.25}}",
    "{uba: {phi: 1, phases: {50%: 1, 100%: 0.5}}}",
    "linear",
    "{polynomial: {power: 2.5}}",
    "d2z",
    "cosine",
    "rex",
    "wsd",
    "{wsd: {decay: 10%, shape: exponential, end_ratio: 0.05}}",
    "{robust: {condition: 5, noise: 0.01, horizon: 8}}",
    "constant",
    "step",
    "{step: {every: 30%, gamma: 0.5}}",
    "{multistep: {milestones: [30 steps, 50 steps]}}",
    "{exponential: {end_ratio: 0.01}}",
    "{exponential: {gamma: 0.999}}",
    "{sgdr: {cycles: 3, t_mult: 2}}",
    "{sgdr: {period: 20 steps}}",
    "cyclical",
    "{cyclical: {mode: exp_range, gamma: 0.99, base: 0, up: 7 steps, down: 10%}}",
    "{cyclical: {mode: triangular2, up: [10%]}}",
    "one_cycle",
    "{one_cycle: {up: 40%, start: 10, end: 100, anneal: linear, three_phase: true, momentum: [0.8, 0.9]}}",
    "{one_cycle: {momentum: none}}",
    "inverse_sqrt",
    "{inverse_sqrt: {timescale: 10%}}",
    "{power: {a: 4, b: -0.51}}",
    "{piecewise: {points: {0%: 0.1, 10%: 1, 100%: 0}, interpolation: cosine}}",
    "{expr: 'max(0, 1 - t/T) * (1 + cos(PI*z)) / 2'}",
    "{expr: {formula: 1 - z^2, warmup: 5%}}",
    "{join: {50%: {constant: {peak: 0.5}}, 100%: {uba: {phi: 2, warmup: 10%}}}}",
    "{cosine: {warmup: 5%}}",
    "{join: {warmup: 5%, 50%: constant, 100%: linear}}",
    "{linear: {warmup: {share: 5%, shape: exponential, start: 0.1}}}",
    "{uba: {phi: 1, warmup: {share: 5%, shape: cosine}}}",
];

#[test]
fn a_canonical_name_is_read_back_as_the_schedule_it_names() {
    for item in ITEMS {
        let schedule = one(item);
        let name = schedule.to_string();
        let again = typed(&name, &[]).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(again, [Listed::Given(schedule)], "{name}");
        assert_eq!(again[0].to_string(), name);
    }
}

#[test]
fn every_schedule_is_total_finite_and_never_negative() {
    for item in ITEMS {
        for warmup in [0.0, 0.1, 0.99] {
            let shape = Shape { schedule: one(item), warmup: Warmup::linear(warmup), eta_min: 0.001 };
            for steps in [1, 2, 3, 7, 100, 1000] {
                let table = shape.table(0.5, steps).unwrap();
                assert_eq!(table.rates.len() as u64, steps);
                assert!(table.rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0), "{item} of {steps}");
                assert!(table.rates.iter().any(|rate| *rate > 0.0), "{item} of {steps} trains");
                let momenta = table.momenta.unwrap_or_default();
                assert!(momenta.iter().all(|momentum| (0.0..1.0).contains(momentum)), "{item} of {steps}");
                let end = shape.rate(0.5, steps, steps);
                assert_eq!(shape.rate(0.5, steps + 9, steps), end, "{item} moves after its end");
            }
        }
    }
}

#[test]
fn lists_are_expanded_in_every_family() {
    let names = |item: &str| all(item).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names("{sgdr: {cycles: [2, 3]}}"), ["sgdr(cycles=2)", "sgdr(cycles=3)"]);
    assert_eq!(
        names("{one_cycle: {up: [20%, 30%], momentum: none}}"),
        ["one_cycle(up=20%,momentum=none)", "one_cycle(momentum=none)"]
    );
    assert_eq!(names("{robust: {condition: [5, 10], noise: [0, 0.1]}}").len(), 4);
    assert_eq!(names("{expr: [1 - z, (1 - z)^2]}"), ["expr(1 - z)", "expr((1 - z)^2)"]);
    assert_eq!(
        names("{uba: {phi: [1, 5], phases: {50%: 1, 100%: 0.5}}}"),
        ["uba(phi=1,phases=50%:1/100%:0.5)", "uba(phi=5,phases=50%:1/100%:0.5)"]
    );
    let warm = names("{uba: {phi: [1, 5], warmup: 5%}}");
    assert_eq!(warm, ["uba(phi=1,warmup=5%)", "uba(phi=5,warmup=5%)"]);
}

#[test]
fn phases_start_anew_with_maxima_of_their_own() {
    let table = table("{uba: {phi: 2, phases: {25%: 1, 100%: 0.5}}}", 80).rates;
    let cosine = |t: u64, total: u64| Schedule::Cosine.factor(t, total);
    for (t, rate) in (0..).zip(&table) {
        let expected = if t < 20 { cosine(t, 20) } else { 0.5 * cosine(t - 20, 60) };
        assert!((f64::from(*rate) - expected).abs() < 1e-7, "{t}: {rate}, not {expected}");
    }
    // The floor is every phase's: from half the peak down to it.
    let shape = Shape {
        schedule: one("{uba: {phi: 2, phases: {50%: 1, 100%: 0.5}}}"),
        warmup: Warmup::NONE,
        eta_min: 0.1,
    };
    assert_eq!((shape.rate(1.0, 0, 10), shape.rate(1.0, 5, 10)), (1.0, 0.5));
    assert!((shape.rate(1.0, 10, 10) - 0.1).abs() < 1e-15);
}

#[test]
fn joins_restarts_and_scales_count_from_where_they_should() {
    let joined = table("{join: {50%: constant, 100%: {linear: {peak: 0.5}}}}", 10).rates;
    assert_eq!(joined, [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.1]);
    let restarted = table("{sgdr: {cycles: 3, t_mult: 2}}", 70).rates;
    let peaks: Vec<_> = (0..70).filter(|t| restarted[*t] == 1.0).collect();
    assert_eq!(peaks, [0, 10, 30]);
    let all = table("{sgdr: {cycles: 1}}", 50).rates;
    assert_eq!(all, table("cosine", 50).rates);
    // Behind ten warm-up steps the time scale is the warm-up, and steps count from the trial's start.
    let behind = table("{inverse_sqrt: {warmup: 10%}}", 100).rates;
    assert_eq!((behind[9], behind[10], behind[40]), (1.0, 1.0, 0.5));
    let given = table("{inverse_sqrt: {timescale: 20 steps, warmup: 10%}}", 100).rates;
    assert_eq!((given[10], given[20], given[80]), (1.0, 1.0, 0.5));
    let power = table("{power: {a: 2, b: -0.5, warmup: 10%}}", 100).rates;
    assert_eq!((power[10], power[15], power[99]), (2.0 / 11f32.sqrt(), 0.5, 0.2));
    // Zero is zero whatever the floor.
    let shape = |item| Shape { schedule: one(item), warmup: Warmup::NONE, eta_min: 0.1 };
    assert_eq!((shape("d2z").rate(1.0, 10, 10), shape("linear").rate(1.0, 10, 10)), (0.0, 0.1));
    assert_eq!(shape("d2z").rate(1.0, 5, 10), 0.5);
}

#[test]
fn a_warm_up_of_its_own_replaces_the_trainings() {
    let shape = |item| Shape { schedule: one(item), warmup: Warmup::linear(0.5), eta_min: 0.0 };
    assert_eq!(shape("{constant: {warmup: 20%}}").table(1.0, 10).unwrap().rates[..3], [0.5, 1.0, 1.0]);
    assert_eq!(shape("constant").table(1.0, 10).unwrap().rates[..3], [0.2, 0.4, 0.6]);
    assert_eq!(shape("{constant: {warmup: 0%}}").table(1.0, 10).unwrap().rates[0], 1.0);
}

#[test]
fn a_formula_without_a_rate_is_found_with_its_step() {
    let flaw = |item: &str| {
        let shape = Shape { schedule: one(item), warmup: Warmup::NONE, eta_min: 0.0 };
        shape.table(1.0, 10).map_err(|flaw| (flaw.step, flaw.rate))
    };
    let found = flaw("{expr: 0.5 - z}").unwrap_err();
    assert!(found.0 == 6 && (found.1 + 0.1).abs() < 1e-15, "{found:?}");
    assert_eq!(flaw("{expr: 1 / (5 - t)}").unwrap_err(), (5, f64::INFINITY));
    for hidden in ["ln(0 - 1)", "max(0, ln(0 - 1))", "min(ln(0 - 1), 1)"] {
        assert!(flaw(&format!("{{expr: '{hidden}'}}")).unwrap_err().1.is_nan(), "{hidden}");
    }
    assert_eq!(flaw("{expr: 1e39}").unwrap_err().0, 0, "32 bits do not hold it");
    assert_eq!(flaw("{expr: 1}").unwrap().rates, [1.0; 10]);
}

#[test]
fn formulas_mean_what_they_say() {
    for (formula, schedule) in [
        ("0.5 * (1 + cos(PI * t / T))", "cosine"),
        ("1 - z", "linear"),
        ("(1 - t/T)^2.5", "{polynomial: {power: 2.5}}"),
        ("1 / (1 + 2.5 * tan(PI*z/2)^2)", "{uba: {phi: 5}}"),
        ("0.01^z", "{exponential: {end_ratio: 1e-2}}"),
        ("min(1, 5*(1 - z))", "wsd"),
        ("(1-z)/(1-z/2)", "rex"),
        ("1e0", "constant"),
        ("-z + 1", "linear"),
        ("exp(-z**2)^0 * (1 - z)", "linear"),
        (
            "(z <= 0.5) + 0.1 * (z > 0.5)",
            "{piecewise: {points: {0%: 1, 50.05%: 0.1}, interpolation: constant}}",
        ),
    ] {
        let (own, other) = (table(&format!("{{expr: '{formula}'}}"), 100).rates, table(schedule, 100).rates);
        for (t, (own, other)) in own.iter().zip(&other).enumerate() {
            assert!((own - other).abs() < 2e-7, "{formula} at {t}: {own}, not {other}");
        }
    }
}

#[test]
fn signs_and_powers_bind_as_in_mathematics() {
    let value = |formula: &str| crate::schedule::Formula::read(formula).unwrap().value(3, 4);
    // As Python has it, at t = 3, T = 4, z = 0.75.
    for (formula, expected) in [
        ("-z^2", -0.5625),
        ("-z^2 + 1", 0.4375),
        ("2^3^2", 512.0),
        ("2^-z", 0.5946035575013605),
        ("2*-z^2", -1.125),
        ("-2^2", -4.0),
        ("(-2)^2", 4.0),
        ("--z", 0.75),
        ("+-+z", -0.75),
        ("8 - 4 - 2", 2.0),
        ("8 / 4 / 2", 1.0),
        ("2 - z * 2 ** 2", -1.0),
        ("exp(-z^2)", 0.569782824730923),
        ("max(0, min(z, 0.5))", 0.5),
        ("max(min(z, .5), 0.2) + min(1, 2)", 1.5),
        ("1.5e1 + 2E-1 + .5 + 3.", 18.7),
        ("(t < 3) + (t <= 3) + (t > 3) + (t >= 3)", 2.0),
        ("sign(-3) + sign(0) + abs(-2) + floor(-0.5) + ceil(0.2) + round(2.5)", 3.0),
        ("ln(e) + log(E) + log2(8) + log10(100) + sqrt(16)", 11.0),
        ("sin(pi/2) + cos(0) + tan(0) + asin(0) + acos(1) + atan(0) + tanh(0)", 2.0),
    ] {
        let found = value(formula);
        assert!((found - expected).abs() < 1e-12, "{formula} is {found}, not {expected}");
    }
}

#[test]
fn what_is_no_formula_is_refused_where_it_is_wrong() {
    let deep = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
    let said = |formula: &str| crate::schedule::Formula::read(formula).map(|_| ()).unwrap_err();
    for (formula, problem) in [
        ("", "a number, a name or `(` should stand at character 1, where nothing is"),
        ("1 +", "a number, a name or `(` should stand at character 4, where nothing is"),
        ("t t", "an operator should stand at character 3, where `t` is"),
        ("{t}", "a number, a name or `(` should stand at character 1, where `{` is"),
        ("cos", "`(` after `cos` should stand at character 4, where nothing is"),
        ("cos(1, 2)", "`)` should stand at character 6, where `,` is"),
        ("min(1)", "`,` should stand at character 6, where `)` is"),
        ("(1", "`)` should stand at character 3, where nothing is"),
        ("pi(", "an operator should stand at character 3, where `(` is"),
        ("\u{1b}[31m1", "a number, a name or `(` should stand at character 1, where `\\u{1b}` is"),
        ("2e", "a number should stand at character 1, where `2` is"),
        ("1..2", "an operator should stand at character 3, where `.` is"),
        ("x", "`x` means nothing here"),
        ("é + 1", "`é` means nothing here"),
        (&deep(101), "more than 100 parts are inside each other"),
        (&format!("{}1", "-".repeat(101)), "more than 100 parts are inside each other"),
        (&format!("1{}", "^1".repeat(101)), "more than 100 parts are inside each other"),
        (&"1 + ".repeat(251), "it is longer than 1000 bytes"),
    ] {
        assert_eq!(said(formula), problem, "{formula}");
    }
    assert!(crate::schedule::Formula::read(&deep(100)).is_ok());
    assert!(crate::schedule::Formula::read(&format!("1{}", " + 1".repeat(249))).is_ok());
}

#[test]
fn what_is_typed_wrong_is_said_as_in_a_spec() {
    let said = |text: &str, parameters: &[(&str, &str)]| typed(text, parameters).unwrap_err().message;
    assert_eq!(said("cosin", &[]), "unknown `cosin` in `schedule`");
    assert_eq!(said("uba", &[]), "schedule `uba` needs `phi`");
    assert_eq!(
        said("uba", &[("phi", "0")]),
        "`schedule.uba.phi` should be a number above 0, from 1e-6 to 1e6, found `0`"
    );
    assert_eq!(said("uba", &[("beta", "1")]), "unknown key `beta` in `schedule.uba`");
    assert_eq!(said("uba(phi=1", &[]), "`uba(phi=1` has no closing parenthesis");
    assert_eq!(said("uba(1)", &[]), "`1` is no parameter");
    assert_eq!(said("join(50%)", &[]), "`50%` is no pair");
    assert_eq!(said("uba(phi=1,phi=5)", &[]), "`phi` is given twice");
    assert!(said("{expr: '1-z'}", &[("phi", "5")]).starts_with("`phi` cannot be added"));
    assert!(said(&"join(100%:".repeat(500), &[]).starts_with("a schedule of more than 4096"));
    let deep = format!("{}linear{}", "join(100%:".repeat(200), ")".repeat(200));
    assert!(typed(&deep, &[]).is_ok());
    assert!(said("{uba: [", &[]).starts_with("`{uba: [`: "));
    let several = typed("uba", &[("phi", "1,5")]).unwrap();
    assert_eq!(several.iter().map(ToString::to_string).collect::<Vec<_>>(), ["uba(phi=1)", "uba(phi=5)"]);
    assert_eq!(typed("uba(phi=2)", &[("phi", "3")]).unwrap()[0].to_string(), "uba(phi=3)");
    assert_eq!(typed("uba(phi=auto)", &[]).unwrap()[0].to_string(), "uba(phi=auto)");
    assert_eq!(typed("expr", &[("formula", "max(0, 1 - z)")]).unwrap()[0].to_string(), "expr(max(0, 1 - z))");
}
