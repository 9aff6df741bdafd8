use std::path::Path;

use sweep_wire::Contents;

use super::*;

const SPEC: &str = "
model: {onnx: m.onnx, loss: cross_entropy}
data: {train: {images: i, labels: l}, test: {images: ti, labels: tl}}
training: {batch_size: 128, full_budget: 4 epochs, optimizer: {sgd: {momentum: 0.9}}}
schedules: [cosine]
parameters: {learning_rate: 0.1}
";

fn facts() -> Facts {
    Facts {
        train_samples: 8000,
        validation_samples: 0,
        test_samples: 2000,
        contents: Contents { model: "model".into(), data: "data".into() },
        parameters: 10,
        numerics: 1,
        runtime: "1.32".into(),
        cpu: "x86_64".into(),
        warnings: vec![],
    }
}

fn planned(change: impl FnOnce(String) -> String, facts: &Facts) -> Plan {
    let text = change(SPEC.to_owned());
    let spec = crate::spec::parse(&text, Path::new("folder/name.yaml")).unwrap();
    plan(&spec, &text, facts, 1).unwrap()
}

fn with(line: &str) -> Plan {
    planned(|spec| spec + line, &facts())
}

fn replaced(from: &str, to: &str) -> Plan {
    assert!(SPEC.contains(from));
    planned(|spec| spec.replace(from, to), &facts())
}

#[test]
fn an_epoch_drops_its_last_partial_batch() {
    assert_eq!(with("").trials[0].steps, 4 * 62, "8,000 samples at 128 are 62 steps and a half");
}

#[test]
fn shares_round_to_the_nearest_step_and_are_at_least_one() {
    let steps = |budgets: &str, full: &str| -> Vec<u64> {
        let plan = planned(|spec| spec.replace("4 epochs", full) + budgets, &facts());
        plan.trials.iter().map(|trial| trial.steps).collect()
    };
    assert_eq!(steps("budgets: [25%, 50%, 100%]", "4 epochs"), [248, 124, 62]);
    assert_eq!(steps("budgets: [1%, 3%, 6%]", "50 steps"), [3, 2, 1], "0.5 rounds up, 1.5 to 2");
    assert_eq!(steps("budgets: [1%]", "10 steps"), [1]);
    assert_eq!(steps("budgets: [500 steps, 2 epochs, 200%]", "100 steps"), [500, 200, 124]);
}

#[test]
fn a_budget_is_a_whole_schedule() {
    let plan = with("budgets: [50%, 100%]");
    for trial in &plan.trials {
        assert_eq!(trial.table.len() as u64, trial.steps);
        let last = trial.table[trial.steps as usize - 1];
        assert!(last < 0.001, "the rate has come down: {last}");
        let half = trial.table[trial.steps as usize / 2];
        assert!((half - 0.05).abs() < 1e-6, "half-way cosine is at half its peak: {half}");
    }
}

#[test]
fn warm_up_is_a_share_of_each_trials_own_budget() {
    let plan =
        planned(|spec| spec.replace("4 epochs", "100 steps, warmup: 10%") + "budgets: [50%, 100%]", &facts());
    for trial in &plan.trials {
        let warmup = trial.steps as usize / 10;
        let peak = |t: usize| (0.1 * (t + 1) as f64 / warmup as f64) as f32;
        assert!((0..warmup).all(|t| trial.table[t] == peak(t)), "{:?}", &trial.table[..=warmup]);
        assert_eq!(trial.table[warmup], 0.1, "then the schedule starts at its peak");
    }
}

#[test]
fn points_and_evaluations_have_their_defaults() {
    let trial = &with("").trials[0];
    assert_eq!(trial.log_every, 2, "1 % of 248");
    assert_eq!(trial.evaluate, [25, 50, 75, 100, 125, 150, 175, 200, 225, 248], "each 10 %, and the end");
    let short = replaced("4 epochs", "5 steps");
    assert_eq!((short.trials[0].log_every, &short.trials[0].evaluate[..]), (1, &[1, 2, 3, 4, 5][..]));
    let end = replaced("4 epochs", "4 epochs, evaluate: end");
    assert_eq!(end.trials[0].evaluate, [248]);
    let spec = crate::spec::parse(SPEC, Path::new("folder/name.yaml")).unwrap();
    assert_eq!((spec.name.as_str(), spec.seeds, spec.budgets.len()), ("name", 1, 1));
}

#[test]
fn one_seed_of_every_cell_comes_first_and_long_trials_before_short() {
    let plan = with("budgets: [50%, 100%]\nseeds: 2");
    let order: Vec<_> = plan.trials.iter().map(|trial| (trial.seed, trial.budget.as_str())).collect();
    assert_eq!(order, [(0, "100%"), (0, "50%"), (1, "100%"), (1, "50%")]);
    assert_eq!(plan.steps(), 2 * (248 + 124));
}

#[test]
fn swept_parameters_reach_the_optimizer() {
    let plan = replaced("{learning_rate: 0.1}", "{learning_rate: [0.1, 0.2], weight_decay: [0, 5e-4]}");
    let seen: Vec<_> = plan
        .trials
        .iter()
        .map(|trial| {
            let Optimizer::Sgd(sgd) = trial.job.optimizer;
            (f64::from(trial.table[0]).mul_add(1000.0, 0.5) as i64, sgd.weight_decay)
        })
        .collect();
    assert_eq!(seen, [(100, 0.0), (100, 5e-4), (200, 0.0), (200, 5e-4)]);
}

#[test]
fn the_metric_falls_back_on_what_there_is() {
    let metric = |validation, test| {
        let facts = Facts { validation_samples: validation, test_samples: test, ..facts() };
        let info = planned(|spec| spec, &facts).info;
        (info.metric, info.selection_metric, info.maximize)
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(metric(10, 10), ("test/accuracy".into(), named("validation/accuracy"), true));
    assert_eq!(metric(0, 10), ("test/accuracy".into(), None, true));
    assert_eq!(metric(10, 0), ("validation/accuracy".into(), named("validation/accuracy"), true));
    assert_eq!(metric(0, 0), ("train/loss".into(), None, false));
}

#[test]
fn a_key_changes_with_everything_that_decides_a_result() {
    let base = with("").trials[0].key.clone();
    let other_facts = [
        Facts { contents: Contents { model: "x".into(), ..facts().contents }, ..facts() },
        Facts { contents: Contents { data: "x".into(), ..facts().contents }, ..facts() },
        Facts { numerics: 2, ..facts() },
        Facts { runtime: "x".into(), ..facts() },
        Facts { cpu: "x".into(), ..facts() },
    ];
    let mut plans: Vec<_> = other_facts.iter().map(|facts| planned(|spec| spec, facts)).collect();
    plans.extend([
        replaced("momentum: 0.9", "momentum: 0.8"),
        replaced("momentum: 0.9", "momentum: 0.9, nesterov: true"),
        replaced("momentum: 0.9", "momentum: 0.9, weight_decay: 1e-4"),
        replaced("batch_size: 128", "batch_size: 64"),
        replaced("4 epochs", "3 epochs"),
        replaced("4 epochs", "4 epochs, log_every: 1 step"),
        replaced("4 epochs", "4 epochs, evaluate: end"),
        replaced("4 epochs", "4 epochs, warmup: 5%"),
        replaced("[cosine]", "[linear]"),
        replaced("0.1}", "0.2}"),
        replaced("loss: cross_entropy", "loss: cross_entropy, init: exported"),
        replaced("test: {", "shuffle: false, test: {"),
        replaced("test: {", "validation: 10%, test: {"),
        replaced("test: {", "validation: 10%, split_seed: 1, test: {"),
        replaced("test: {", "augment: [horizontal_flip], test: {"),
        replaced("test: {", "normalize: {mean: [0.5], std: [0.5]}, test: {"),
    ]);
    let mut keys: Vec<_> = plans.iter().map(|plan| plan.trials[0].key.clone()).collect();
    keys.push(with("seeds: 2").trials[1].key.clone());
    let spec = crate::spec::parse(SPEC, Path::new("name.yaml")).unwrap();
    keys.push(plan(&spec, SPEC, &facts(), 2).unwrap().trials[0].key.clone());
    keys.push(base);
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "every change makes another key");
}

#[test]
fn a_key_does_not_change_with_names_places_or_what_stands_beside() {
    let base = with("").trials[0].key.clone();
    let same = [
        with("name: other\ndescription: words"),
        with("seeds: 3"),
        with("retry: {max: 5}"),
        replaced("m.onnx", "elsewhere/copy.onnx"),
        replaced("[cosine]", "[cosine, linear]"),
        replaced("4 epochs", "248 steps"),
    ];
    assert!(same.iter().all(|plan| plan.trials[0].key == base));
}

#[test]
fn a_budget_longer_than_a_trial_may_be_is_refused() {
    let of = |epochs: &str| {
        let text = SPEC.replace("4 epochs", epochs);
        let spec = crate::spec::parse(&text, Path::new("name.yaml")).unwrap();
        // One step an epoch more than a hundred.
        plan(&spec, &text, &Facts { train_samples: 101 * 128, ..facts() }, 1).map(|plan| plan.trials[0].steps)
    };
    assert_eq!(of("900000 epochs").unwrap(), 90_900_000);
    let error = of("1000000 epochs").unwrap_err();
    assert!(error.to_string().contains("101000000 steps, more than the 100000000"), "{error}");
}
