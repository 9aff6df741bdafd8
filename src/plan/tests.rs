use std::path::Path;

use sweep_wire::{Contents, Device, Job, Optimizer, Precision};

use super::*;

mod effort;
mod program;
mod settled;

const SPEC: &str = "
model: {onnx: m.onnx, loss: cross_entropy}
data: {train: {images: i, labels: l}, test: {images: ti, labels: tl}}
training: {batch_size: 128, full_budget: 4 epochs, optimizer: {sgd: {momentum: 0.9}}}
schedules: [cosine]
parameters: {learning_rate: 0.1}
";

const ONE: Machine = Machine { threads: 1, share: 0.5, usd_per_hour: Some(3.6) };

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
        metrics: vec!["loss".into(), "accuracy".into()],
        device: Device::Cpu,
        measured: None,
        division: None,
    }
}

fn planned(change: impl FnOnce(String) -> String, facts: &Facts) -> Plan {
    let text = change(SPEC.to_owned());
    let spec = crate::spec::parse(&text, Path::new("folder/name.yaml")).unwrap();
    plan(&spec, &text, facts, ONE, None).unwrap()
}

fn with(line: &str) -> Plan {
    planned(|spec| spec + line, &facts())
}

fn replaced(from: &str, to: &str) -> Plan {
    assert!(SPEC.contains(from));
    planned(|spec| spec.replace(from, to), &facts())
}

fn job(trial: &PlannedTrial) -> &Job {
    match &*trial.task {
        Task::Train(job) => job,
        Task::Program(program) => panic!("{program:?}"),
    }
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
    assert_eq!((spec.name.as_str(), spec.seeds.max, spec.budgets.len()), ("name", 1, 1));
}

#[test]
fn one_seed_of_every_cell_comes_first_and_long_trials_before_short() {
    let plan = with("budgets: [50%, 100%]\nseeds: 2");
    let order: Vec<_> = plan.trials.iter().map(|trial| (trial.seed, trial.budget.as_str())).collect();
    assert_eq!(order, [(0, "100%"), (0, "50%"), (1, "100%"), (1, "50%")]);
    assert_eq!(plan.steps(), 2 * (248 + 124));
}

#[test]
fn a_step_takes_the_samples_of_all_its_passes() {
    let longer = replaced("4 epochs", "4 epochs, accumulate: 3, log_every: 1 epoch");
    let trial = &longer.trials[0];
    assert_eq!((trial.steps, trial.log_every), (4 * 20, 20), "8,000 samples at 3·128 are 20.8 steps");
    assert_eq!((job(trial).batch_size, job(trial).accumulate), (128, 3));
    assert_eq!(replaced("4 epochs", "50 steps, accumulate: 3").trials[0].steps, 50);
    let steps = |accumulate: &str| {
        let text = SPEC.replace("4 epochs", &format!("50 steps, accumulate: {accumulate}"));
        let spec = crate::spec::parse(&text, Path::new("name.yaml")).unwrap();
        plan(&spec, &text, &facts(), ONE, None).map(|plan| plan.trials[0].steps)
    };
    assert_eq!(steps("62").unwrap(), 50);
    let error = steps("63").unwrap_err();
    assert_eq!(error.to_string(), "one step takes 8064 samples, and only 8000 are trained on");
    assert_eq!(error.at(), "training.accumulate");
}

#[test]
fn swept_parameters_reach_every_optimizer_that_has_them() {
    let swept = |optimizer: &str, parameters: &str| -> Vec<Optimizer> {
        let spec = SPEC
            .replace("{sgd: {momentum: 0.9}}", optimizer)
            .replace("{learning_rate: 0.1}", &format!("{{learning_rate: [0.1, 0.2], {parameters}}}"));
        planned(|_| spec, &facts()).trials.iter().map(|trial| job(trial).optimizer).collect()
    };
    let values = |optimizer: &Optimizer| {
        let value = serde_json::to_value(optimizer).unwrap();
        let fields = value.as_object().unwrap().values().next().unwrap().clone();
        (fields["weight_decay"].as_f64(), fields["momentum"].as_f64())
    };
    for name in ["sgd", "rmsprop", "schedule_free_sgd"] {
        let seen: Vec<_> =
            swept(name, "weight_decay: [0, 5e-4], momentum: [0.5]").iter().map(values).collect();
        let expected = [0.0, 5e-4, 0.0, 5e-4].map(|weight_decay| (Some(weight_decay), Some(0.5)));
        assert_eq!(seen, expected, "{name}");
    }
    for name in ["adam", "adamw", "lion", "schedule_free_adamw"] {
        let seen: Vec<_> = swept(name, "weight_decay: [0, 5e-4]").iter().map(values).collect();
        let expected = [0.0, 5e-4, 0.0, 5e-4].map(|weight_decay| (Some(weight_decay), None));
        assert_eq!(seen, expected, "{name}");
    }
    let rates: Vec<f32> = replaced("learning_rate: 0.1", "learning_rate: [0.1, 0.2]")
        .trials
        .iter()
        .map(|trial| trial.table[0])
        .collect();
    assert_eq!(rates, [0.1, 0.2]);
}

#[test]
fn the_options_of_a_step_reach_the_job() {
    let more = "accumulate: 2, clip_norm: 1, ema: 0.99, ";
    let text = SPEC
        .replace("full_budget", &(more.to_owned() + "full_budget"))
        .replace("{momentum: 0.9}", "{no_decay: ['*.bias']}");
    let plan = planned(|_| text, &facts());
    let job = job(&plan.trials[0]);
    assert_eq!((job.accumulate, job.clip_norm, job.ema), (2, Some(1.0), Some(0.99)));
    assert_eq!(job.no_decay, ["*.bias"]);
}

#[test]
fn the_metric_is_the_one_that_goes_with_loss_and_output() {
    let judged = |loss: &str, measured: &[&str]| {
        let metrics = measured.iter().map(|name| (*name).to_owned()).collect();
        let loss = format!("loss: {loss}");
        let info =
            planned(|spec| spec.replace("loss: cross_entropy", &loss), &Facts { metrics, ..facts() }).info;
        (info.metric, info.maximize)
    };
    let cases = [
        ("cross_entropy", &["loss", "accuracy", "top5_accuracy"][..], "test/accuracy", true),
        ("cross_entropy", &["loss", "pixel_accuracy"], "test/pixel_accuracy", true),
        ("cross_entropy", &["loss"], "test/loss", false),
        ("bce_with_logits", &["loss", "accuracy"], "test/accuracy", true),
        ("token_cross_entropy", &["loss", "perplexity", "accuracy"], "test/loss", false),
        ("mse", &["loss", "mae"], "test/loss", false),
    ];
    for (loss, measured, metric, maximize) in cases {
        assert_eq!(judged(loss, measured), (metric.to_owned(), maximize), "{loss} {measured:?}");
    }
}

#[test]
fn a_metric_that_the_model_is_not_measured_by_is_refused() {
    let named = |metric: &str| {
        let text = format!("{SPEC}metric: {metric}\n");
        let spec = crate::spec::parse(&text, Path::new("name.yaml")).unwrap();
        plan(&spec, &text, &facts(), ONE, None).map(|plan| plan.info.metric)
    };
    assert_eq!(named("loss").unwrap(), "test/loss");
    let error = named("top5_accuracy").unwrap_err();
    assert_eq!(error.to_string(), "this model is not measured by `top5_accuracy`");
    assert_eq!(
        (error.at(), error.hint().as_deref()),
        ("metric.name", Some("it is measured by `loss`, `accuracy`"))
    );
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

/// Texts of [`SPEC`] and what makes another result of them.
const DECISIVE: &[(&str, &str)] = &[
    ("momentum: 0.9", "momentum: 0.8"),
    ("momentum: 0.9", "momentum: 0.9, nesterov: true"),
    ("momentum: 0.9", "momentum: 0.9, weight_decay: 1e-4"),
    ("batch_size: 128", "batch_size: 64"),
    ("4 epochs", "3 epochs"),
    ("4 epochs", "4 epochs, log_every: 1 step"),
    ("4 epochs", "4 epochs, evaluate: end"),
    ("4 epochs", "4 epochs, kernels: standard"),
    ("4 epochs", "4 epochs, warmup: 5%"),
    ("[cosine]", "[linear]"),
    ("0.1}", "0.2}"),
    ("loss: cross_entropy", "loss: cross_entropy, init: exported"),
    ("test: {", "shuffle: false, test: {"),
    ("test: {", "augment: [cutout: {size: 4}], test: {"),
    ("test: {", "augment: [cutout: {size: 5}], test: {"),
    ("test: {", "augment: [mixup: {alpha: 0.2}], test: {"),
    ("test: {", "label_noise: 10%, test: {"),
    ("test: {", "label_noise: {share: 10%, seed: 1}, test: {"),
    ("test: {", "drift: {strength: 0.5, period: 4 epochs}, test: {"),
    ("test: {", "validation: 10%, test: {"),
    ("test: {", "validation: 10%, split_seed: 1, test: {"),
    ("test: {", "augment: [horizontal_flip], test: {"),
    ("momentum: 0.9", "momentum: 0.9, dampening: 0.5"),
    ("momentum: 0.9", "momentum: 0.9, no_decay: ['*.bias']"),
    ("momentum: 0.9", "momentum: 0.9, no_decay: ['*.bias', '*norm*']"),
    ("{sgd: {momentum: 0.9}}", "{rmsprop: {momentum: 0.9}}"),
    ("{sgd: {momentum: 0.9}}", "{schedule_free_sgd: {momentum: 0.9}}"),
    ("{sgd: {momentum: 0.9}}", "adam"),
    ("{sgd: {momentum: 0.9}}", "{adamw: {weight_decay: 0}}"),
    ("{sgd: {momentum: 0.9}}", "{adamw: {weight_decay: 0, epsilon: 1e-6}}"),
    // As many steps of as many samples, in fewer passes.
    ("batch_size: 128, full_budget: 4 epochs", "batch_size: 64, accumulate: 2, full_budget: 248 steps"),
    ("full_budget: 4 epochs", "accumulate: 2, full_budget: 248 steps"),
    ("4 epochs", "4 epochs, clip_norm: 1"),
    ("4 epochs", "4 epochs, clip_norm: 2"),
    ("4 epochs", "4 epochs, ema: 0.9"),
    ("cross_entropy}", "cross_entropy, output: logits}"),
    ("cross_entropy}", "cross_entropy, trainable: ['a']}"),
    ("cross_entropy}", "cross_entropy, frozen: ['a']}"),
    ("cross_entropy}", "cross_entropy, init: truncated_normal}"),
    ("cross_entropy}", "cross_entropy, init: {truncated_normal: {std: 0.1}}}"),
    ("cross_entropy}", "mse}"),
    ("cross_entropy}", "huber}"),
    ("cross_entropy}", "{huber: {delta: 2}}}"),
    ("cross_entropy}", "token_cross_entropy}"),
    ("cross_entropy}", "{cross_entropy: {label_smoothing: 0.1}}}"),
    ("cross_entropy}", "{cross_entropy: {ignore_index: 0}}}"),
    ("cross_entropy}", "{cross_entropy: {class_weights: [1, 2]}}}"),
    ("images: i,", "inputs: i,"),
    ("images: i,", "inputs: {a: i},"),
    ("images: i,", "inputs: {b: i},"),
    ("images: ti,", "inputs: {b: i},"),
    ("test: {", "normalize: {mean: [0.5], std: [0.5]}, test: {"),
];

#[test]
fn a_key_changes_with_everything_that_decides_a_result() {
    let base = with("").trials[0].key.clone();
    let other_facts = [
        Facts { contents: Contents { model: "x".into(), ..facts().contents }, ..facts() },
        Facts { contents: Contents { data: "x".into(), ..facts().contents }, ..facts() },
        Facts { numerics: 2, ..facts() },
        Facts { runtime: "x".into(), ..facts() },
        Facts { cpu: "x".into(), ..facts() },
        on_gpu(Precision::Float32),
        on_gpu(Precision::Tf32),
    ];
    let mut plans: Vec<_> = other_facts.iter().map(|facts| planned(|spec| spec, facts)).collect();
    plans.extend(DECISIVE.iter().map(|(from, to)| replaced(from, to)));
    let mut keys: Vec<_> = plans.iter().map(|plan| plan.trials[0].key.clone()).collect();
    keys.push(with("seeds: 2").trials[1].key.clone());
    let spec = crate::spec::parse(SPEC, Path::new("name.yaml")).unwrap();
    keys.push(
        plan(&spec, SPEC, &facts(), Machine { threads: 2, ..ONE }, None).unwrap().trials[0].key.clone(),
    );
    keys.push(base);
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "every change makes another key");
}

fn on_gpu(precision: Precision) -> Facts {
    Facts { device: Device::Cuda(precision), ..facts() }
}

#[test]
fn a_job_trains_on_what_it_was_looked_at_for() {
    let tf32 = planned(|spec| spec, &on_gpu(Precision::Tf32));
    assert_eq!(job(&tf32.trials[0]).device, Device::Cuda(Precision::Tf32));
    assert_eq!(job(&with("").trials[0]).device, Device::Cpu);
    let key = |facts| planned(|spec| spec, &facts).trials[0].key.clone();
    let other = Facts { cpu: "x".into(), ..on_gpu(Precision::Tf32) };
    assert_eq!(key(other), tf32.trials[0].key, "a GPU's numbers do not hang on the processor");
}

#[test]
fn a_key_does_not_change_with_names_places_or_what_stands_beside() {
    let base = with("").trials[0].key.clone();
    let same = [
        with("name: other\ndescription: words"),
        with("seeds: 3"),
        with("retry: {max: 5}"),
        with("checkpoint: {every: 5 steps, keep: 7, weights: false}"),
        replaced("test: {", "memory: 5 MiB, test: {"),
        replaced("m.onnx", "elsewhere/copy.onnx"),
        replaced("[cosine]", "[cosine, linear]"),
        replaced("4 epochs", "248 steps"),
        replaced("4 epochs", "4 epochs, accumulate: 1"),
        replaced("momentum: 0.9", "momentum: 0.9, no_decay: [], dampening: 0"),
        replaced("cross_entropy}", "{cross_entropy: {label_smoothing: 0}}, trainable: [], frozen: []}"),
        with("metric: loss"),
    ];
    assert!(same.iter().all(|plan| plan.trials[0].key == base));
    let frozen = |patterns: &str| replaced("cross_entropy}", &format!("cross_entropy, frozen: {patterns}}}"));
    assert_eq!(frozen("[a, b]").trials[0].key, frozen("[b, a, b]").trials[0].key);
}

/// What was trained before there were other losses, optimisers and data still counts.
#[test]
fn keys_of_plain_specs_last() {
    assert_eq!(
        replaced("[cosine]", "[constant]").trials[0].key,
        "79fdb7b87a850145d5cadb87f0c5e98c0f56cfd13d55d717f69319eccf14c5e6"
    );
    let swept = planned(
        |spec| {
            spec.replace("[cosine]", "[constant]")
                .replace("4 epochs", "40 steps, accumulate: 2, clip_norm: 1, ema: 0.99")
                .replace("{learning_rate: 0.1}", "{learning_rate: [0.1, 0.2], weight_decay: [0, 1e-4]}")
                + "seeds: 2\nbudgets: [50%, 100%]\n"
        },
        &Facts { validation_samples: 10, ..facts() },
    );
    let ends = [&swept.trials[0], &swept.trials[15]].map(|trial| trial.key.as_str());
    assert_eq!(
        ends,
        [
            "7a12375887f7c43fc35c3c975c42e51f2faa5db1ccd17d20d41618e0837df050",
            "ca059c0c08b62dd5c071eba29a5006bef4cebdc3dc94f3e319ea24b6c618f395"
        ]
    );
}

#[test]
fn a_budget_longer_than_a_trial_may_be_is_refused() {
    let of = |epochs: &str| {
        let text = SPEC.replace("4 epochs", epochs);
        let spec = crate::spec::parse(&text, Path::new("name.yaml")).unwrap();
        // One step an epoch more than a hundred.
        plan(&spec, &text, &Facts { train_samples: 101 * 128, ..facts() }, ONE, None)
            .map(|plan| plan.trials[0].steps)
    };
    assert_eq!(of("900000 epochs").unwrap(), 90_900_000);
    let error = of("1000000 epochs").unwrap_err();
    assert!(error.to_string().contains("101000000 steps, more than the 100000000"), "{error}");
}
