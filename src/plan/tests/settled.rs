//! What a spec leaves open and a plan settles: φ, and the steps of an hour or of a dollar.

use sweep_wire::{Curvature, Measured};

use super::*;

const CURVATURE: Curvature = Curvature {
    seed: 0,
    batches: 4,
    products: 24,
    top: 40.0,
    low: 0.4,
    mean_square: 1.0,
    gradient_square: 1.0,
    noise_trace: 1.6,
};

fn measured(curvature: Option<Curvature>, step_seconds: Option<f64>) -> Facts {
    Facts { measured: Some(Measured { key: "key".into(), curvature, step_seconds }), ..facts() }
}

fn auto(curvature: Curvature, more: &str) -> Plan {
    let change = |spec: String| spec.replace("[cosine]", "[{uba: {phi: auto}}]") + more;
    planned(change, &measured(Some(curvature), None))
}

/// The φ of each trial's table, by the rate half-way, which is 1/(1 + φ/2) of the peak.
fn phis(plan: &Plan) -> Vec<f64> {
    let phi = |trial: &PlannedTrial| {
        let half = f64::from(trial.table[trial.steps as usize / 2]) / 0.1;
        ((2.0 / half - 2.0) * 100.0).round() / 100.0
    };
    plan.trials.iter().map(phi).collect()
}

#[test]
fn phi_is_one_of_the_grid_for_each_budget() {
    let plan = auto(CURVATURE, "budgets: [10 steps, 100 steps, 4000 steps]\nseeds: 2");
    let found = phis(&plan);
    assert!(found.iter().all(|phi| crate::schedule::robust::PHIS.contains(phi)), "{found:?}");
    assert_eq!(found[..3], found[3..], "seeds stay paired");
    assert_eq!(found[2], 0.25, "ten steps at a condition number of 100 hold the rate");
    assert!(found[0] > found[2], "a long budget decays earlier: {found:?}");
    assert!(plan.trials.iter().all(|trial| trial.schedule == "uba(phi=auto)"));
    for trial in &plan.trials {
        let [chosen, measured] = &trial.settled[..] else { panic!("{:?}", trial.settled) };
        assert!(chosen.contains(&format!("problem of {} steps", trial.steps)), "{chosen}");
        let phi =
            trial.followed.as_ref().unwrap().strip_prefix("uba(phi=").unwrap().strip_suffix(')').unwrap();
        assert!(
            chosen.starts_with(&format!("phi = {phi}: ")) && chosen.contains(&format!("{phi} ×1.000")),
            "{chosen}"
        );
        assert_eq!(chosen.contains("smallest of the list"), phi == "0.25", "{chosen}");
        assert!(
            measured.contains("condition number 1.000e2") && measured.contains("noise 1.00e-3"),
            "{measured}"
        );
    }
}

#[test]
fn a_chosen_phi_is_the_same_trial_as_a_given_one() {
    let plan = auto(CURVATURE, "budgets: [200 steps]");
    let phi = phis(&plan)[0];
    let given = planned(
        |spec| spec.replace("[cosine]", &format!("[{{uba: {{phi: {phi}}}}}]")) + "budgets: [200 steps]",
        &facts(),
    );
    assert_eq!(plan.trials[0].key, given.trials[0].key);
    assert!(given.trials[0].settled.is_empty() && given.trials[0].followed.is_none());
}

#[test]
fn noise_is_that_of_a_step_and_warm_up_is_left_out() {
    let words = |plan: Plan| plan.trials[0].settled.concat();
    let passes = planned(
        |spec| {
            spec.replace("[cosine]", "[{uba: {phi: auto}}]")
                .replace("batch_size: 128", "batch_size: 128, accumulate: 4")
        },
        &measured(Some(CURVATURE), None),
    );
    assert!(words(passes).contains("noise 2.50e-4"));
    let warm = planned(
        |spec| spec.replace("[cosine]", "[{uba: {phi: auto, warmup: 10%}}]") + "budgets: [500 steps]",
        &measured(Some(CURVATURE), None),
    );
    assert_eq!(warm.trials[0].schedule, "uba(phi=auto,warmup=10%)");
    assert!((warm.trials[0].table[0] - 0.002).abs() < 1e-8, "a warm-up of its own");
    assert!(words(warm).contains("problem of 450 steps"));
}

#[test]
fn what_was_not_measured_is_an_error_at_its_place() {
    let refused = |change: fn(String) -> String, facts: Facts| {
        let text = change(SPEC.to_owned());
        let spec = crate::spec::parse(&text, Path::new("s.yaml")).unwrap();
        let error = plan(&spec, &text, &facts, ONE, None).unwrap_err();
        (error.at(), error.to_string())
    };
    let auto = |spec: String| spec.replace("[cosine]", "[{uba: {phi: auto}}]");
    let timed = |spec: String| spec + "budgets: [1 h]";
    let formula = |spec: String| spec.replace("[cosine]", "[{expr: 0.5 - z}]") + "budgets: [100 steps]";
    assert_eq!(refused(auto, facts()), ("schedules", "the model's curvature was not measured".to_owned()));
    assert_eq!(refused(timed, facts()), ("budgets", "the time of a step was not measured".to_owned()));
    let (at, message) = refused(formula, facts());
    assert_eq!(at, "schedules");
    assert!(message.starts_with("`expr(0.5 - z)` gives the rate -1.000e-3"), "{message}");
    assert!(message.ends_with("at step 51 of 100, budget 100 steps"), "{message}");
    let short = |spec: String| spec + "budgets: [0.001 s]";
    let (at, message) = refused(short, measured(None, Some(0.01)));
    assert_eq!(
        (at, message.as_str()),
        ("budgets", "budget 0.001 s is less than one step, which takes 10.000 ms")
    );
    let (at, message) = refused(timed, measured(None, Some(1e-6)));
    assert_eq!(at, "budgets");
    assert!(message.contains("3600000000 steps, more than the 100000000"), "{message}");
}

#[test]
fn time_and_money_are_whole_steps_that_fit() {
    let change =
        |spec: String| spec + "budgets: [1 s, 1 min, $0.01, 100 steps]\npricing: {usd_per_hour: 3.6}";
    let plan = planned(change, &measured(None, Some(0.011)));
    let found: Vec<_> = plan.trials.iter().map(|trial| (trial.budget.as_str(), trial.steps)).collect();
    // A tenth of a cent a second for the machine, half of which is a worker's: a cent is 20 s of it.
    assert_eq!(found, [("1 min", 5454), ("$0.01", 1818), ("100 steps", 100), ("1 s", 90)]);
    let settled = |budget: &str| &plan.trials.iter().find(|trial| trial.budget == budget).unwrap().settled;
    assert!(settled("100 steps").is_empty());
    assert!(settled("1 s")[0].starts_with("1 s are 90 steps, at 11.000 ms each"), "{:?}", settled("1 s"));
    assert!(settled("$0.01")[0].contains("$3.6 an hour for the machine, of which a worker takes 0.500"));
}

#[test]
fn budgets_of_as_many_steps_are_refused() {
    let refused = |budgets: &str, facts: &Facts| {
        let text = format!("{SPEC}budgets: [{budgets}]\n");
        let spec = crate::spec::parse(&text, Path::new("s.yaml")).unwrap();
        let error = check(&spec, &text, facts, ONE).unwrap_err();
        (error.at(), error.to_string())
    };
    let same = |budgets: &str, steps: u64| {
        let (left, right) = budgets.split_once(", ").unwrap();
        ("budgets", format!("budgets {left} and {right} are the same: {steps} steps"))
    };
    assert_eq!(refused("25%, 62 steps", &facts()), same("25%, 62 steps", 62));
    let timed = measured(None, Some(0.01));
    assert_eq!(refused("0.1 s, 0.1001 s", &timed), same("0.1 s, 0.1001 s", 10));
}

#[test]
fn schedules_that_do_nothing_or_too_much_are_warned_of() {
    let told = |schedules: &str| {
        let text = SPEC.replace("[cosine]", &format!("[{schedules}]")) + "budgets: [44 steps, 500 steps]\n";
        let spec = crate::spec::parse(&text, Path::new("s.yaml")).unwrap();
        warnings(&spec, &text, &facts(), ONE).unwrap()
    };
    let usual = "cosine, linear, step, constant, wsd, rex, {uba: {phi: 1}}, {sgdr: {cycles: 2}}, one_cycle, cyclical, \
                 {inverse_sqrt: {timescale: 10%}}, {exponential: {end_ratio: 0.1}}, {cosine: {warmup: 10%}}";
    assert_eq!(told(usual), [""; 0]);
    assert_eq!(
        told("{step: {milestones: [300 steps]}}"),
        [
            "schedule `step(milestones=300 steps,gamma=0.1)` never leaves its peak at budget 44 steps (steps: 44)"
        ]
    );
    assert_eq!(told("{power: {a: 100, b: -0.5}}").len(), 2);
    assert!(told("{expr: T - t}")[1].contains("rises to 44.0000 times its peak at budget 44 steps"));
    assert!(told("{expr: 0 * t}")[0].contains("is zero throughout"));
}
