//! Every kind of loss, initialisation, data, optimiser and metric, as specs spell it.

use serde_json::json;
use sweep_wire::{Drift, LabelNoise};

use crate::spec::{
    model::MAX_CLASSES,
    patterns::{MAX_LENGTH, MAX_PATTERNS},
    tests::*,
};

/// A spec with the keys that [`FULL`] lacks.
pub(super) const RICH: &str = "\
model:
  onnx: gpt.onnx
  loss: {token_cross_entropy: {label_smoothing: 0.1, ignore_index: -100, class_weights: [1, 2, 0.5]}}
  init: {truncated_normal: {std: 0.02}}
  output: logits
  trainable: ['head.*']
  frozen: ['encoder.*', '*.bias']
data:
  train: {inputs: {input_ids: ids.npy, attention_mask: mask.npy}, labels: y.npy}
  validation: {inputs: x.npy, labels: y.npy}
training:
  batch_size: 16
  accumulate: 4
  full_budget: 30 steps
  optimizer: {adamw: {beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1, no_decay: ['*.bias', '*norm*']}}
  clip_norm: 1.0
  ema: 0.999
schedules: [cosine]
parameters: {learning_rate: 0.001, weight_decay: [0, 0.1]}
metric: {name: perplexity, goal: minimize}
";

#[test]
fn a_rich_spec_is_read() {
    let spec = read(RICH).unwrap();
    let work = model_of(&spec);
    assert_eq!((work.updates.accumulate, work.metric), (4, Some(Metric::Perplexity)));
}

fn model(rest: &str) -> Model {
    model_of(&read(&with(&format!("model: {{onnx: m.onnx, {rest}}}"))).unwrap()).model.clone()
}

fn training(rest: &str) -> Updates {
    let spec = read(&with(&format!("training: {{batch_size: 8, full_budget: 4 epochs, {rest}}}"))).unwrap();
    model_of(&spec).updates.clone()
}

fn said(line: &str) -> String {
    read(&with(line)).unwrap_err().message
}

#[test]
fn a_transformer_fine_tuned_from_arrays() {
    let text = "\
model: {onnx: model.onnx, loss: cross_entropy, init: exported}
data: {train: {inputs: x.npy, labels: y.npy}, shuffle: false}
training: {batch_size: 16, full_budget: 30 steps, log_every: 1 step, optimizer: {adamw: {beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01}}}
schedules: [cosine]
parameters: {learning_rate: {values: [0.001]}}
";
    let spec = read(text).unwrap();
    let adam = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
    assert_eq!(model_of(&spec).updates.optimizer, Optimizer::AdamW(adam));
    let inputs = Inputs::One("x.npy".into());
    assert_eq!(model_of(&spec).data.train, Source::Arrays(Arrays { inputs, labels: "y.npy".into() }));
}

#[test]
fn losses() {
    let cases = [
        ("cross_entropy", Loss::CrossEntropy(CrossEntropy::default())),
        ("{cross_entropy: {}}", Loss::CrossEntropy(CrossEntropy::default())),
        ("token_cross_entropy", Loss::TokenCrossEntropy(CrossEntropy::default())),
        (
            "{cross_entropy: {label_smoothing: 0.1, ignore_index: -100, class_weights: [1, 2, 0.5]}}",
            Loss::CrossEntropy(CrossEntropy {
                label_smoothing: 0.1,
                ignore_index: Some(-100),
                class_weights: vec![1.0, 2.0, 0.5],
            }),
        ),
        (
            "{token_cross_entropy: {label_smoothing: 1, ignore_index: 0}}",
            Loss::TokenCrossEntropy(CrossEntropy {
                label_smoothing: 1.0,
                ignore_index: Some(0),
                class_weights: vec![],
            }),
        ),
        ("mse", Loss::Mse),
        ("l1", Loss::L1),
        ("huber", Loss::Huber { delta: 1.0 }),
        ("{huber: {delta: 0.5}}", Loss::Huber { delta: 0.5 }),
        ("bce_with_logits", Loss::BceWithLogits(sweep_wire::BceWithLogits::default())),
        (
            "{bce_with_logits: {pos_weight: [1, 2.5]}}",
            Loss::BceWithLogits(sweep_wire::BceWithLogits { pos_weight: vec![1.0, 2.5] }),
        ),
    ];
    for (given, loss) in cases {
        assert_eq!(model(&format!("loss: {given}")).loss, loss, "{given}");
    }
    let index = |given: &str| model(&format!("loss: {{cross_entropy: {{ignore_index: {given}}}}}")).loss;
    for edge in [i64::from(i32::MIN), i64::from(i32::MAX)] {
        let ignoring = CrossEntropy { ignore_index: Some(edge), ..CrossEntropy::default() };
        assert_eq!(index(&edge.to_string()), Loss::CrossEntropy(ignoring));
    }
}

#[test]
fn initialisations() {
    let cases = [
        ("kaiming_normal", Init::KaimingNormal),
        ("kaiming_uniform", Init::KaimingUniform),
        ("xavier_normal", Init::XavierNormal),
        ("xavier_uniform", Init::XavierUniform),
        ("pytorch", Init::Pytorch),
        ("exported", Init::Exported),
        ("truncated_normal", Init::TruncatedNormal { std: 0.02 }),
        ("{truncated_normal: {std: 0.1}}", Init::TruncatedNormal { std: 0.1 }),
    ];
    for (given, init) in cases {
        assert_eq!(model(&format!("loss: mse, init: {given}")).init, init, "{given}");
    }
}

#[test]
fn outputs_and_what_trains() {
    let model = model("loss: mse, output: logits, trainable: 'head.*', frozen: ['encoder.*', '*.bias']");
    assert_eq!(model.output.as_deref(), Some("logits"));
    assert_eq!(
        (model.trainable, model.frozen),
        (vec!["head.*".into()], vec!["encoder.*".into(), "*.bias".into()])
    );
    assert!(read(&with("model: {onnx: m.onnx, loss: mse, trainable: [], frozen: []}")).is_ok());
}

#[test]
fn data_of_either_kind_in_each_set() {
    let given = "data: {train: {inputs: {input_ids: ids.npy, attention_mask: /m.npy}, labels: y.npy}, \
                 validation: {inputs: v.npy, labels: vy.npy}, test: {images: i.gz, labels: l.gz}}";
    let spec = parse(&with(given), Path::new("here/s.yaml")).unwrap();
    let data = &model_of(&spec).data;
    let named = [("input_ids", "here/ids.npy"), ("attention_mask", "/m.npy")];
    let named = named.map(|(name, path)| (name.to_owned(), path.into())).into();
    let arrays = Arrays { inputs: Inputs::Named(named), labels: "here/y.npy".into() };
    assert_eq!(data.train, Source::Arrays(arrays));
    let arrays = Arrays { inputs: Inputs::One("here/v.npy".into()), labels: "here/vy.npy".into() };
    assert_eq!(data.validation, Some(Validation::Files(Source::Arrays(arrays))));
    let images = Images { images: "here/i.gz".into(), labels: "here/l.gz".into() };
    assert_eq!(data.test, Some(Source::Images(images)));
}

#[test]
fn optimizers_and_their_defaults() {
    let adam = |weight_decay| Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay };
    let rmsprop = RmsProp { alpha: 0.99, epsilon: 1e-8, momentum: 0.0, centered: false, weight_decay: 0.0 };
    let lion = Lion { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 };
    let free = ScheduleFreeSgd { momentum: 0.9, weight_decay: 0.0 };
    let cases = [
        ("adam", Optimizer::Adam(adam(0.0))),
        ("adamw", Optimizer::AdamW(adam(0.01))),
        ("{adamw: {}}", Optimizer::AdamW(adam(0.01))),
        ("rmsprop", Optimizer::RmsProp(rmsprop)),
        ("lion", Optimizer::Lion(lion)),
        ("schedule_free_sgd", Optimizer::ScheduleFreeSgd(free)),
        ("schedule_free_adamw", Optimizer::ScheduleFreeAdamW(adam(0.0))),
        (
            "{sgd: {momentum: 0.9, dampening: 0.1, weight_decay: 1e-4}}",
            Optimizer::Sgd(Sgd { momentum: 0.9, dampening: 0.1, nesterov: false, weight_decay: 1e-4 }),
        ),
        (
            "{adam: {beta1: 0, beta2: 0.95, epsilon: 1e-6, weight_decay: 0.1}}",
            Optimizer::Adam(Adam { beta1: 0.0, beta2: 0.95, epsilon: 1e-6, weight_decay: 0.1 }),
        ),
        (
            "{rmsprop: {alpha: 0.9, epsilon: 1e-5, momentum: 0.5, centered: true, weight_decay: 0.1}}",
            Optimizer::RmsProp(RmsProp {
                alpha: 0.9,
                epsilon: 1e-5,
                momentum: 0.5,
                centered: true,
                weight_decay: 0.1,
            }),
        ),
        (
            "{lion: {beta1: 0.95, beta2: 0.98, weight_decay: 1}}",
            Optimizer::Lion(Lion { beta1: 0.95, beta2: 0.98, weight_decay: 1.0 }),
        ),
        (
            "{schedule_free_sgd: {momentum: 0.8, weight_decay: 0.1}}",
            Optimizer::ScheduleFreeSgd(ScheduleFreeSgd { momentum: 0.8, weight_decay: 0.1 }),
        ),
    ];
    for (given, optimizer) in cases {
        assert_eq!(training(&format!("optimizer: {given}")).optimizer, optimizer, "{given}");
    }
    for name in ["sgd", "adam", "adamw", "rmsprop", "lion", "schedule_free_sgd", "schedule_free_adamw"] {
        let training = training(&format!("optimizer: {{{name}: {{no_decay: ['*.bias', '*norm*']}}}}"));
        assert_eq!(training.no_decay, ["*.bias", "*norm*"], "{name}");
    }
}

#[test]
fn accumulation_clipping_and_averaging() {
    let training = training("optimizer: sgd, accumulate: 4096, clip_norm: 1, ema: 0.999");
    assert_eq!((training.accumulate, training.clip_norm, training.ema), (4096, Some(1.0), Some(0.999)));
    assert_eq!(training.samples_per_step(), 8 * 4096);
}

#[test]
fn metrics_go_with_losses() {
    let metrics = |loss: &str| -> Vec<&str> {
        let text = |name: &str| {
            with(&format!("model: {{onnx: m, loss: {loss}}}")) + &format!("metric: {{name: {name}}}\n")
        };
        let all = Metric::ALL.map(Metric::name).into_iter();
        all.filter(|name| read(&text(name)).is_ok_and(|spec| model_of(&spec).metric.unwrap().name() == *name))
            .collect()
    };
    assert_eq!(metrics("cross_entropy"), ["accuracy", "top5_accuracy", "pixel_accuracy", "loss"]);
    assert_eq!(metrics("token_cross_entropy"), ["accuracy", "top5_accuracy", "loss", "perplexity"]);
    assert_eq!(metrics("bce_with_logits"), ["accuracy", "loss"]);
    for loss in ["mse", "l1", "huber"] {
        assert_eq!(metrics(loss), ["loss", "mae"], "{loss}");
    }
    let goals = "model: {onnx: m, loss: token_cross_entropy}";
    for (name, goal) in [("accuracy", "maximize"), ("perplexity", "minimize"), ("loss", "minimize")] {
        let text = with(goals) + &format!("metric: {{name: {name}, goal: {goal}}}\n");
        assert_eq!(model_of(&read(&text).unwrap()).metric.unwrap().maximize(), goal == "maximize");
    }
}

#[test]
fn lists_have_bounds() {
    let patterns =
        |count| format!("model: {{onnx: m, loss: mse, frozen: [{}]}}", vec!["'*.bias'"; count].join(", "));
    assert_eq!(model_of(&read(&with(&patterns(MAX_PATTERNS))).unwrap()).model.frozen.len(), MAX_PATTERNS);
    assert_eq!(said(&patterns(MAX_PATTERNS + 1)), "`model.frozen` has more than 100 patterns");
    let long = |length| format!("model: {{onnx: m, loss: mse, trainable: {}}}", "é".repeat(length));
    assert_eq!(model_of(&read(&with(&long(MAX_LENGTH))).unwrap()).model.trainable, ["é".repeat(MAX_LENGTH)]);
    assert_eq!(said(&long(MAX_LENGTH + 1)), "`model.trainable` has more than 200 characters");
    let weights = |count, weight: &str| {
        let weights = vec![weight; count].join(",");
        format!("model: {{onnx: m, loss: {{cross_entropy: {{class_weights: [{weights}]}}}}}}")
    };
    assert!(read(&with(&weights(MAX_CLASSES, "0.5"))).is_ok());
    assert_eq!(
        said(&weights(MAX_CLASSES + 1, "0.5")),
        "`model.loss.cross_entropy.class_weights` has more than 100000 values"
    );
    // Each is nine bytes and a comma as JSON: more than a message to a worker may hold.
    assert_eq!(
        said(&weights(MAX_CLASSES, "1e6")),
        "`model` and `data` together are longer than 786432 bytes as JSON"
    );
    let inputs = |count| {
        let inputs: Vec<_> = (0..count).map(|input| format!("i{input}: x")).collect();
        format!("data: {{train: {{inputs: {{{}}}, labels: y}}}}", inputs.join(", "))
    };
    assert!(read(&with(&inputs(100))).is_ok());
    assert_eq!(said(&inputs(101)), "`data.train.inputs` should name 1 to 100 of the model's inputs");
}

#[test]
fn data_of_every_kind() {
    let source = |text: &str| {
        let spec =
            read(&with(&format!("data: {{train: {{{text}}}}}"))).unwrap_or_else(|e| panic!("{text}: {e}"));
        serde_json::to_value(&model_of(&spec).data.train).unwrap()
    };
    let cases = [
        ("npz: a.npz, inputs: x, labels: y", json!({"npz": "a.npz", "inputs": "x", "labels": "y"})),
        (
            "npz: a.npz, inputs: {ids: x}, labels: y",
            json!({"npz": "a.npz", "inputs": {"ids": "x"}, "labels": "y"}),
        ),
        ("csv: t.csv, labels: 64", json!({"csv": "t.csv", "labels": "64", "inputs": null, "header": null})),
        (
            "csv: t.csv, labels: c, inputs: [a, 3], header: false",
            json!({"csv": "t.csv", "labels": "c", "inputs": ["a", "3"], "header": false}),
        ),
        ("cifar10: b.bin", json!({"cifar10": ["b.bin"]})),
        ("cifar100: [b.bin, c.bin]", json!({"cifar100": ["b.bin", "c.bin"], "labels": "fine"})),
        ("cifar100: b.bin, labels: coarse", json!({"cifar100": ["b.bin"], "labels": "coarse"})),
        ("folder: d", json!({"folder": "d", "resize": null, "channels": 3})),
        ("folder: d, resize: 32, channels: 1", json!({"folder": "d", "resize": [32, 32], "channels": 1})),
        ("folder: d, resize: [32, 24]", json!({"folder": "d", "resize": [32, 24], "channels": 3})),
        ("text: t.txt, length: 64", json!({"text": "t.txt", "length": 64})),
        ("tokens: t.npy, length: 64", json!({"tokens": "t.npy", "dtype": null, "length": 64})),
        (
            "tokens: t.bin, dtype: uint16, length: 64",
            json!({"tokens": "t.bin", "dtype": "uint16", "length": 64}),
        ),
        (
            "parquet: t.parquet, inputs: x, labels: y",
            json!({"parquet": "t.parquet", "inputs": ["x"], "labels": "y"}),
        ),
        (
            "parquet: t.parquet, inputs: {ids: x}, labels: y",
            json!({"parquet": "t.parquet", "inputs": {"ids": "x"}, "labels": "y"}),
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(source(text), wanted, "{text}");
    }
}

#[test]
fn what_is_done_to_samples() {
    let data = |text: &str| {
        let spec = read(&with(&format!("data: {{train: {{images: i, labels: l}}, {text}}}")));
        model_of(&spec.unwrap_or_else(|e| panic!("{text}: {e}"))).data.clone()
    };
    let plain = data("shuffle: true");
    assert_eq!((plain.memory, plain.label_noise, plain.drift), (1 << 30, None, None));
    for (text, bytes) in [("512 MiB", 512 << 20), ("2GB", 2_000_000_000), ("1.5 KiB", 1536), ("0 B", 0)] {
        assert_eq!(data(&format!("memory: {text}")).memory, bytes);
    }
    let augment = data("augment: [vertical_flip, cutout: {size: 4}, mixup: {alpha: 0.2}]").augment;
    assert_eq!(augment, [Augment::VerticalFlip, Augment::Cutout { size: 4 }, Augment::Mixup { alpha: 0.2 }]);
    assert_eq!(data("label_noise: 20%").label_noise, Some(LabelNoise { share: 0.2, seed: 0 }));
    assert_eq!(
        data("label_noise: {share: 100%, seed: 4}").label_noise,
        Some(LabelNoise { share: 1.0, seed: 4 })
    );
    let drift = Drift { strength: 0.5, period: 4.0 };
    assert_eq!(data("drift: {strength: 0.5, period: 4 epochs}").drift, Some(drift));
}
