use std::path::Path;

use sweep_wire::{
    Adam, Arrays, Augment, CrossEntropy, Data, Images, Init, Inputs, Kernels, Lion, Loss, Model, Normalize,
    Optimizer, Precision, RmsProp, ScheduleFreeSgd, Sgd, Source, Validation,
};

use crate::schedule::{Decay, Drops, Schedule, Span, Tail, Warmup};

use super::*;
use program::PROGRAM;

mod hostile;
mod kinds;
mod machine;
mod program;
mod schedules;
mod schema;

/// The shortest spec there is; cases change one line of it or add one.
const BASE: &str = "\
model: {onnx: m.onnx, loss: cross_entropy}
data: {train: {images: i, labels: l}}
training: {batch_size: 8, full_budget: 4 epochs, optimizer: sgd}
schedules: [cosine]
parameters: {learning_rate: 0.1}
";

const FULL: &str = "\
version: 1
name: resnet8-fashion
description: Which schedule reaches full-budget accuracy with less training?
method: grid
model:
  onnx: models/resnet8.onnx
  loss: cross_entropy
  init: exported
data:
  train: {images: data/train.gz, labels: data/train-labels.gz}
  validation: 10%
  test: {images: /data/test.gz, labels: ../test-labels.gz}
  normalize: {mean: [0.2860], std: 0.3530}
  augment: [{random_crop: {padding: 2}}, horizontal_flip]
  shuffle: false
  split_seed: 7
training:
  batch_size: 128
  full_budget: 8 epochs
  optimizer: {sgd: {momentum: 0.9, nesterov: true, weight_decay: 5e-4}}
  warmup: 2%
  eta_min: 1e-5
  log_every: 1 step
  evaluate: end
budgets: [25%, 50%, 100%]
schedules:
  - uba: {phi: [1, 5]}
  - cosine
  - linear
  - step: {milestones: [50%, 75%], gamma: 0.1}
parameters:
  learning_rate: {values: [0.05, 0.1]}
seeds: 3
metric: {name: accuracy, goal: maximize}
resources: {device: cpu, workers: 2, threads: auto}
retry: {max: 1}
checkpoint: {every: 10%, keep: 3, weights: false}
";

fn at(milestones: &[f64]) -> Drops {
    Drops::At(milestones.iter().copied().map(Span::Share).collect())
}

/// What is read, the schema has to accept.
fn read(text: &str) -> Result<Spec, SpecError> {
    let spec = parse(text, Path::new("s.yaml"));
    assert!(spec.is_err() || schema::accepts(text), "{:?}: {text}", schema::flaws(text));
    spec
}

/// What a spec says of its model.
fn model_of(spec: &Spec) -> &ModelWork {
    match &spec.work {
        Work::Model(model) => model,
        Work::Program(program) => panic!("{program:?}"),
    }
}

/// [`BASE`] with this line instead of its line for the same key, or after all of them.
fn with(line: &str) -> String {
    changed(BASE, line)
}

fn changed(base: &str, line: &str) -> String {
    let key = |line: &str| line.split(':').next().unwrap().to_owned();
    let mut found = false;
    let mut text = String::new();
    for base in base.lines() {
        let same = key(base) == key(line);
        found |= same;
        text += if same { line } else { base };
        text.push('\n');
    }
    if found { text } else { text + line + "\n" }
}

/// Cases are apart by blank lines: a line for [`with`], after `program:` one for [`PROGRAM`] instead, or after `whole:`
/// a whole spec, then what is said about it, each line after an arrow. Of each, the spec and what is said.
fn cases(cases: &str) -> impl Iterator<Item = (String, String)> {
    cases.split("\n\n").map(|case| {
        let (said, given): (Vec<&str>, Vec<&str>) = case.lines().partition(|line| line.starts_with("=> "));
        let given = given.join("\n");
        let text = match given.split_once(":\n") {
            Some(("whole", text)) => format!("{text}\n"),
            Some(("program", line)) => changed(PROGRAM, line),
            _ => with(&given),
        };
        (text, said.join("\n").replace("\n=> hint", "\n\nhint").replace("=> ", "s.yaml:"))
    })
}

fn check(text: &str) {
    for (text, said) in cases(text) {
        match read(&text) {
            Ok(_) => panic!("accepted: {text}"),
            Err(error) => assert_eq!(error.to_string(), said, "{text}"),
        }
    }
}

#[test]
fn refusals_of_the_document_and_its_top() {
    check(include_str!("tests/document.txt"));
}

#[test]
fn refusals_of_the_model() {
    check(include_str!("tests/model.txt"));
}

#[test]
fn refusals_of_data() {
    check(include_str!("tests/data.txt"));
}

#[test]
fn refusals_of_training() {
    check(include_str!("tests/training.txt"));
}

#[test]
fn refusals_of_the_optimizer() {
    check(include_str!("tests/optimizer.txt"));
}

#[test]
fn refusals_of_budgets_and_schedules() {
    check(include_str!("tests/schedules.txt"));
}

#[test]
fn refusals_of_parameters_and_resources() {
    check(include_str!("tests/parameters.txt"));
}

#[test]
fn refusals_of_the_metric() {
    check(include_str!("tests/metric.txt"));
}

#[test]
fn refusals_of_the_checkpoints() {
    check(include_str!("tests/checkpoint.txt"));
}

#[test]
fn when_checkpoints_are_written() {
    let every = |line: &str| read(&with(&format!("checkpoint: {{every: {line}}}"))).unwrap().checkpoint.every;
    assert_eq!(read(&with("seeds: 1")).unwrap().checkpoint, Checkpoint::default());
    assert_eq!(every("500 steps"), Checkpoints::Every(Interval::Length(Length::Steps(500))));
    assert_eq!(every("1 epoch"), Checkpoints::Every(Interval::Length(Length::Epochs(1.0))));
    for (text, seconds) in [("30 s", 30.0), ("0.5s", 0.5), ("5 min", 300.0), ("2 hours", 7200.0)] {
        assert_eq!(every(text), Checkpoints::Seconds(seconds));
    }
}

#[test]
fn a_full_spec_is_read_whole() {
    let images =
        |images: &str, labels: &str| Source::Images(Images { images: images.into(), labels: labels.into() });
    let sgd = Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 5e-4 };
    let work = ModelWork {
        model: Model {
            onnx: "sweeps/models/resnet8.onnx".into(),
            output: None,
            loss: Loss::CrossEntropy(CrossEntropy::default()),
            init: Init::Exported,
            trainable: vec![],
            frozen: vec![],
        },
        data: Data {
            train: images("sweeps/data/train.gz", "sweeps/data/train-labels.gz"),
            validation: Some(Validation::Share(0.1)),
            test: Some(images("/data/test.gz", "sweeps/../test-labels.gz")),
            normalize: Some(Normalize { mean: vec![0.286], std: vec![0.353] }),
            augment: vec![Augment::RandomCrop { padding: 2 }, Augment::HorizontalFlip],
            label_noise: None,
            drift: None,
            shuffle: false,
            split_seed: 7,
            memory: 1 << 30,
        },
        updates: Updates {
            batch_size: 128,
            accumulate: 1,
            optimizer: Optimizer::Sgd(sgd),
            no_decay: vec![],
            clip_norm: None,
            ema: None,
            log_every: Interval::Length(Length::Steps(1)),
            evaluate: Interval::End,
            precision: Precision::Float32,
            kernels: Kernels::Own,
        },
        metric: Some(Metric::Accuracy),
    };
    let expected = Spec {
        name: "resnet8-fashion".to_owned(),
        description: Some("Which schedule reaches full-budget accuracy with less training?".to_owned()),
        work: Work::Model(Box::new(work)),
        training: Training { full_budget: Length::Epochs(8.0), warmup: Warmup::linear(0.02), eta_min: 1e-5 },
        budgets: vec![Budget::Share(0.25), Budget::Share(0.5), Budget::Share(1.0)],
        schedules: [
            Schedule::Uba { phi: 1.0 },
            Schedule::Uba { phi: 5.0 },
            Schedule::Cosine,
            Schedule::Polynomial { power: 1.0 },
            Schedule::Step { drops: at(&[0.5, 0.75]), gamma: 0.1 },
        ]
        .map(Listed::Given)
        .to_vec(),
        parameters: Parameters { learning_rate: vec![0.05, 0.1], others: vec![] },
        seeds: Seeds::fixed(3),
        question: Question::default(),
        resources: Resources { device: Device::Cpu, workers: Some(2), ..Resources::default() },
        retry: Retry { max: 1, backoff_s: 1.0 },
        checkpoint: Checkpoint {
            every: Checkpoints::Every(Interval::Share(0.1)),
            keep: 3,
            weights: Some(false),
        },
        limits: Limits::default(),
        pricing: None,
        priority: 0,
    };
    assert_eq!(parse(FULL, Path::new("sweeps/resnet.yaml")), Ok(expected));
}

#[test]
fn the_shipped_specs_are_read() {
    for (text, shape) in [
        (include_str!("../../sweeps/fashion-mnist.yaml"), (5, 4, 5)),
        (include_str!("../../sweeps/gpt.yaml"), (5, 3, 5)),
        (include_str!("../../sweeps/phi.yaml"), (4, 13, 5)),
        (include_str!("../../sweeps/program.yaml"), (2, 2, 2)),
        (include_str!("../../sweeps/quickstart.yaml"), (3, 4, 3)),
        (include_str!("../../sweeps/resnet.yaml"), (3, 4, 3)),
        (include_str!("../../sweeps/vit.yaml"), (3, 3, 2)),
    ] {
        let spec = read(text).unwrap();
        assert_eq!((spec.budgets.len(), spec.schedules.len(), spec.seeds.max), shape);
    }
}

#[test]
fn the_specs_of_the_readme_are_read() {
    let blocks =
        include_str!("../../README.md").split("```").filter_map(|block| block.strip_prefix("yaml\n"));
    let specs: Vec<_> = blocks
        .map(|block| match block.contains("schedules:") {
            true => block.to_owned(),
            false => format!("{block}schedules: [cosine]\nparameters: {{learning_rate: 0.1}}\n"),
        })
        .map(|text| read(&text).unwrap())
        .collect();
    assert_eq!(specs.len(), 3);
}

#[test]
fn what_is_left_out_has_a_default() {
    let spec = parse(BASE, Path::new("here/first.yaml")).unwrap();
    assert_eq!((spec.name.as_str(), &spec.description), ("first", &None));
    let work = model_of(&spec);
    assert_eq!(work.model.init, Init::KaimingNormal);
    let train = Images { images: "here/i".into(), labels: "here/l".into() };
    assert_eq!(work.data.train, Source::Images(train));
    let data = &work.data;
    assert_eq!((&data.validation, &data.test, &data.normalize), (&None, &None, &None));
    assert_eq!((&data.augment, data.shuffle, data.split_seed), (&vec![], true, 0));
    let updates = &work.updates;
    assert_eq!((updates.accumulate, updates.clip_norm, updates.ema), (1, None, None));
    assert_eq!((&work.model.output, &updates.no_decay), (&None, &vec![]));
    assert!(work.model.trainable.is_empty() && work.model.frozen.is_empty());
    let plain = Optimizer::Sgd(Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 });
    assert_eq!((updates.optimizer, spec.training.warmup, spec.training.eta_min), (plain, Warmup::NONE, 0.0));
    assert_eq!(updates.log_every, Interval::Share(0.01));
    assert_eq!(updates.evaluate, Interval::Share(0.1));
    assert_eq!(work.metric, None);
    assert_eq!(
        (&spec.budgets, spec.seeds, spec.question),
        (&vec![Budget::Share(1.0)], Seeds::fixed(1), Question::default())
    );
}

#[test]
fn numbers_are_numbers_however_yaml_reads_them() {
    let rates = |given: &str| {
        let spec = read(&with(&format!("parameters: {{learning_rate: {given}}}")));
        spec.unwrap().parameters.learning_rate
    };
    let all = rates("{values: [1e-3, 1E-2, .5, 1_000, 1.0e+2, '0.25', +3, 0x10, 7.]}");
    assert_eq!(all, [0.001, 0.01, 0.5, 1000.0, 100.0, 0.25, 3.0, 16.0, 7.0]);
    assert_eq!((rates("0.1"), rates("{value: 0.1}"), rates("[0.1]")), (vec![0.1], vec![0.1], vec![0.1]));
    assert_eq!(read(&with("seeds: 1e1")).unwrap().seeds.max, 10);
    assert_eq!(read(&with("name: no")).unwrap().name, "no");
    let split = read(&with("data: {train: {images: i, labels: l}, split_seed: 18446744073709551615}"));
    assert_eq!(model_of(&split.unwrap()).data.split_seed, u64::MAX);
}

#[test]
fn budgets_and_intervals_in_every_unit() {
    let given = "budgets: [7%, 33.3%, 1_000 steps, 1 step, 1e3 epochs, 0.5 epochs, 1 epoch, 1000 %]";
    let budgets = read(&with(given)).unwrap().budgets;
    let names: Vec<String> = budgets.iter().map(Budget::to_string).collect();
    let expected = ["7%", "33.3%", "1000 steps", "1 step", "1000 epochs", "0.5 epochs", "1 epoch", "1000%"];
    assert_eq!(names, expected);
    let given =
        "budgets: [90 s, 1.5 min, 90 min, 100s, 1h, 48 h, $0.5, 2 usd, 0.25USD]\npricing: {usd_per_hour: 1}";
    let budgets = read(&with(given)).unwrap_err();
    assert_eq!(budgets.message, "budget `90 s` is listed twice, first at line 6 column 11");
    let budgets = read(&with(&given.replace("90 s", "30 s"))).unwrap().budgets;
    let names: Vec<String> = budgets.iter().map(Budget::to_string).collect();
    assert_eq!(names, ["30 s", "90 s", "90 min", "100 s", "1 h", "2 d", "$0.5", "$2", "$0.25"]);
    assert_eq!(Interval::Share(0.01).steps(30, 62), 1);
    assert_eq!(Interval::Length(Length::Epochs(1.0)).steps(30, 62), 62);
    assert_eq!(Interval::End.steps(30, 62), 30);
}

#[test]
fn lists_of_schedule_parameters_are_expanded_in_order() {
    let given = "schedules: [{step: {milestones: [[50%], [30%, 60%]], gamma: [0.1, 0.5]}}, step, rex, wsd, \
                 {wsd: {decay: [10%, 20%], shape: sqrt}}, {exponential: {end_ratio: 1e-2}}, \
                 {exponential: {gamma: 0.99}}, constant, {polynomial: {power: 2}}]";
    let step = |milestones: &[f64], gamma| Schedule::Step { drops: at(milestones), gamma };
    let expected = [
        step(&[0.5], 0.1),
        step(&[0.5], 0.5),
        step(&[0.3, 0.6], 0.1),
        step(&[0.3, 0.6], 0.5),
        step(&[0.5, 0.75], 0.1),
        Schedule::Rex { beta: 0.5 },
        Schedule::Wsd { decay: 0.2, tail: Tail::Linear },
        Schedule::Wsd { decay: 0.1, tail: Tail::Sqrt },
        Schedule::Wsd { decay: 0.2, tail: Tail::Sqrt },
        Schedule::Exponential(Decay::EndRatio(0.01)),
        Schedule::Exponential(Decay::PerStep(0.99)),
        Schedule::Constant,
        Schedule::Polynomial { power: 2.0 },
    ];
    assert_eq!(read(&with(given)).unwrap().schedules, expected.map(Listed::Given));
}

#[test]
fn a_key_is_located_or_what_is_around_it() {
    let at = |path: &str| locate(FULL, path).map(|place| (place.line, place.column));
    assert_eq!(at("data.train.labels"), Some((10, 42)));
    assert_eq!(at("model.onnx"), Some((6, 9)));
    assert_eq!(at("schedules[0].uba.phi"), Some((27, 16)));
    assert_eq!(at("schedules[0].uba.phi[1]"), Some((27, 20)));
    assert_eq!(at("schedules[3].step.gamma"), Some((30, 43)));
    assert_eq!(at("model"), Some((6, 3)));
    assert_eq!(at("data.validation.images"), Some((11, 15)));
    assert_eq!(at("data.train.nothing"), Some((10, 10)));
    assert_eq!(at("schedules[9]"), Some((27, 3)));
    assert_eq!(at("nothing"), Some((1, 1)));
    assert_eq!(locate("a: [", "a"), None);
    let error = SpecError::at(Path::new("s.yaml"), FULL, "model.onnx", "no such file".to_owned(), None);
    assert_eq!(error.to_string(), "s.yaml:6:9: no such file");
}
