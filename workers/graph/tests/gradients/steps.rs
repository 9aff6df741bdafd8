//! Whole steps and evaluation passes against their formulas.

use crate::check::{PLAIN, floats, load, options, spread, train};
use crate::onnx::{Attr, Builder};
use crate::runtime;
use proptest::prelude::*;
use sweep_graph::{Fresh, StateKind, Tensor, TensorData, evaluation, training_step};
use sweep_wire::{CrossEntropy, Loss, Optimizer, Sgd};

/// Normalisation straight on the input, then one matrix: small enough to follow by hand.
fn normed(batch: usize) -> (Vec<u8>, Tensor) {
    let x = spread(&[batch, 2, 3], 1);
    let model = Builder::new(17, &x.shape)
        .tensor("bn.weight", &spread(&[2], 2))
        .tensor("bn.bias", &spread(&[2], 3))
        .tensor("bn.mean", &Tensor::f32(&[2], vec![0.5, -1.0]))
        .tensor("bn.var", &Tensor::f32(&[2], vec![2.0, 3.0]))
        .tensor("fc.weight", &spread(&[4, 6], 4))
        .tensor("fc.bias", &spread(&[4], 5))
        .node("BatchNormalization", &["x", "bn.weight", "bn.bias", "bn.mean", "bn.var"], &["n"], &[])
        .node("Flatten", &["n"], &["f"], &[])
        .node("Gemm", &["f", "fc.weight", "fc.bias"], &["y"], &[("transB", Attr::Int(1))])
        .build("y");
    (model, x)
}

fn close(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{what}: {a} is not {b}");
}

#[test]
fn running_statistics_follow_pytorch() {
    let (model, x) = normed(4);
    let result = train(&model, &x, &[0, 1, 2, 3], PLAIN, &[0.1]).remove(0);
    for channel in 0..2 {
        let values: Vec<f64> = (0..4)
            .flat_map(|n| (0..3).map(move |i| (n * 2 + channel) * 3 + i))
            .map(|i| f64::from(floats(&x)[i]))
            .collect();
        let mean = values.iter().sum::<f64>() / 12.0;
        let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 11.0;
        let old = [[0.5, -1.0][channel], [2.0, 3.0][channel]];
        close(floats(&result["next:bn.mean"])[channel].into(), 0.9 * old[0] + 0.1 * mean, "mean");
        close(floats(&result["next:bn.var"])[channel].into(), 0.9 * old[1] + 0.1 * var, "variance");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// The gradient comes from a plain step at rate 1; three real steps then follow the formula on it.
    #[test]
    fn sgd_follows_its_formula(momentum in 0u8..3, nesterov: bool, weight_decay in 0u8..2) {
        let momentum = f64::from(momentum) * 0.45;
        let nesterov = nesterov && momentum > 0.0;
        let weight_decay = f64::from(weight_decay) * 0.1;
        let x = spread(&[3, 5], 1);
        let (w, labels) = (spread(&[5, 4], 2), [2, 0, 3]);
        let model = |w: &Tensor| {
            Builder::new(13, &x.shape).tensor("w", w).node("MatMul", &["x", "w"], &["y"], &[]).build("y")
        };
        let rates = [0.3, 0.2, 0.1];
        let steps = train(&model(&w), &x, &labels, Optimizer::Sgd(Sgd { momentum, dampening: 0.0, nesterov, weight_decay }), &rates);
        let (mut p, mut b) = (floats(&w).to_vec(), vec![0.0; 20]);
        for (step, rate) in steps.iter().zip(rates) {
            let plain = train(&model(&Tensor::f32(&[5, 4], p.clone())), &x, &labels, PLAIN, &[1.0]);
            let after = floats(&plain[0]["next:w"]);
            for i in 0..20 {
                let g = f64::from(p[i] - after[i]) + weight_decay * f64::from(p[i]);
                b[i] = momentum * b[i] + g;
                let direction = if nesterov { g + momentum * b[i] } else { b[i] };
                close(floats(&step["next:w"])[i].into(), f64::from(p[i]) - f64::from(rate) * direction, "parameter");
            }
            p = floats(&step["next:w"]).to_vec();
        }
    }
}

#[test]
fn the_loss_is_stable_for_large_scores() {
    let x = Tensor::f32(&[2, 2], vec![1000.0, -1000.0, 3.0, 3.0]);
    let eye = Tensor::f32(&[2, 2], vec![1.0, 0.0, 0.0, 1.0]);
    let model =
        Builder::new(13, &[2, 2]).tensor("w", &eye).node("MatMul", &["x", "w"], &["y"], &[]).build("y");
    let result = train(&model, &x, &[0, 1], PLAIN, &[0.0]).remove(0);
    close(floats(&result["loss"])[0].into(), 2f64.ln() / 2.0, "loss");
}

#[test]
fn state_is_in_order_and_named() {
    let (model, x) = normed(4);
    let (model, probe) = load(&model, &x);
    let momentum = Optimizer::Sgd(Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, weight_decay: 0.0 });
    let step = training_step(&model, &probe, &options(4, momentum)).unwrap();
    let names: Vec<&str> = step.state.iter().map(|state| state.name.as_str()).collect();
    let parameters = ["bn.weight", "bn.bias", "fc.weight", "fc.bias"];
    assert_eq!(names[..6], [&parameters[..], &["bn.mean", "bn.var"]].concat());
    assert_eq!(names[6..], parameters.map(|name| format!("momentum:{name}")));
    let fresh: Vec<Fresh> = step.state[..6].iter().map(|state| state.fresh).collect();
    let weight = Fresh::Weight { fan_in: 6, fan_out: 4 };
    let bias = Fresh::Bias { fan_in: 6 };
    assert_eq!(fresh, [Fresh::Ones, Fresh::Zeros, weight, bias, Fresh::Zeros, Fresh::Ones]);
    assert_eq!(step.state[9].kind, StateKind::OptimizerBuffer);
    assert_eq!((step.classes, step.masks.len()), (Some(4), 0));
}

#[test]
fn evaluation_counts_valid_samples_alone() {
    let (model, x) = normed(4);
    let (model, probe) = load(&model, &x);
    let eval = evaluation(&model, &probe, &options(4, PLAIN)).unwrap();
    let step = training_step(&model, &probe, &options(4, PLAIN)).unwrap();
    let held: Vec<(&str, Tensor)> = step.state[..6]
        .iter()
        .map(|state| (state.name.as_str(), Tensor::f32(&state.shape, state.exported.clone())))
        .collect();
    let states: Vec<&str> = eval.state.iter().map(|state| state.state.as_str()).collect();
    assert_eq!(states, held.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let names: Vec<&str> = eval.metrics.iter().map(|metric| metric.name).collect();
    assert_eq!(names, ["loss", "accuracy"]);
    let count = |labels: [i64; 4], valid: [f32; 4]| {
        let (labels, valid) = (Tensor::i64s(labels.to_vec()), Tensor::f32(&[4], valid.to_vec()));
        let mut inputs: Vec<(&str, &Tensor)> = held.iter().map(|(name, tensor)| (*name, tensor)).collect();
        inputs.extend([("x", &x), (&eval.target.name, &labels), (&eval.valid, &valid)]);
        let found = runtime::run(&eval.bytes, &inputs);
        let [loss, accuracy] = [0, 1].map(|metric| floats(&found[&eval.metrics[metric].sum])[0]);
        let weights = [0, 1].map(|metric| floats(&found[&eval.metrics[metric].weight])[0]);
        assert_eq!(weights, [floats(&valid).iter().sum::<f32>(); 2]);
        (loss, accuracy)
    };
    let each: Vec<(f32, f32)> = (0..4).map(|class| count([class; 4], [1.0, 0.0, 0.0, 0.0])).collect();
    assert_eq!(each.iter().map(|one| one.1).sum::<f32>(), 1.0);
    // The probabilities of all classes add up to 1.
    close(each.iter().map(|one| f64::from(-one.0).exp()).sum(), 1.0, "probabilities");
    let (none, all) = (count([0; 4], [0.0; 4]), count([0; 4], [1.0; 4]));
    assert_eq!(none, (0.0, 0.0));
    assert!(all.0 > each[0].0);
}

#[test]
fn dropout_is_a_mask_while_training_and_nothing_in_evaluation() {
    let x = spread(&[2, 3], 1);
    let ratio = Tensor::f32(&[], vec![0.25]);
    let flag = |on| Tensor { shape: vec![], data: sweep_graph::TensorData::Bool(vec![on]) };
    let old = Builder::new(11, &[2, 3]).node("Dropout", &["x"], &["d"], &[("ratio", Attr::Float(0.25))]);
    let new = |opset, inputs: &[&str], outputs: &[&str]| {
        let builder = Builder::new(opset, &[2, 3]).tensor("ratio", &ratio);
        let builder = builder.tensor("on", &flag(true)).tensor("off", &flag(false));
        builder.node("Dropout", inputs, outputs, &[])
    };
    for builder in [
        old,
        new(12, &["x", "ratio"], &["d"]),
        new(13, &["x", "ratio", "on"], &["d", "unused"]),
        new(22, &["x", "ratio", "off"], &["d", ""]),
    ] {
        let bytes =
            builder.tensor("w", &spread(&[3, 2], 2)).node("MatMul", &["d", "w"], &["y"], &[]).build("y");
        let (model, probe) = load(&bytes, &x);
        let step = training_step(&model, &probe, &options(2, PLAIN)).unwrap();
        assert_eq!(step.masks.len(), 1);
        assert_eq!((step.masks[0].shape.as_slice(), step.masks[0].ratio), (&[2, 3][..], 0.25));
        let (w, labels) = (spread(&[3, 2], 2), Tensor::i64s(vec![0, 1]));
        let mask = Tensor::f32(&[2, 3], vec![0.0; 6]);
        let one = Tensor { shape: vec![], data: TensorData::F64(vec![1.0]) };
        let mut inputs = vec![("x", &x), ("w", &w), ("labels", &labels), (&step.masks[0].name, &mask)];
        inputs.extend(["rate", "momentum", "count"].map(|name| (name, &one)));
        let found = runtime::run(&step.bytes, &inputs);
        close(floats(&found["loss"])[0].into(), 2f64.ln(), "loss of equal scores");
        assert_eq!(found["next:w"], w, "a gradient passed through a mask of zeros");
        evaluation(&model, &probe, &options(2, PLAIN)).unwrap();
    }
}

/// Numbers of `torch.nn.CrossEntropyLoss(label_smoothing=…)` for probabilities as targets, in double precision.
#[test]
fn shares_of_classes_are_targets_too() {
    let scores = Tensor::f32(&[2, 3], vec![0.5, -1.0, 2.0, 1.5, 0.25, -0.75]);
    let eye = Tensor::f32(&[3, 3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let shares = Tensor::f32(&[2, 3], vec![0.7, 0.3, 0.0, 0.0, 0.45, 0.55]);
    let bytes =
        Builder::new(17, &[2, 3]).tensor("w", &eye).node("MatMul", &["x", "w"], &["y"], &[]).build("y");
    let (model, probe) = load(&bytes, &scores);
    let smooth = [
        -0.2440214705966483,
        -0.13211038003132294,
        0.3761318506279713,
        0.3425535039088658,
        -0.1162483646678409,
        -0.22630513924102497,
    ];
    let plain = [
        -0.2623548039299816,
        -0.13044371336465627,
        0.39279851729463794,
        0.35922017057553246,
        -0.12208169800117423,
        -0.23713847257435827,
    ];
    for (label_smoothing, loss, slope) in [(0.0, 2.1609919530321906, plain), (0.1, 2.106825286365524, smooth)]
    {
        let mut options = options(2, PLAIN);
        options.loss = Loss::CrossEntropy(CrossEntropy { label_smoothing, ..CrossEntropy::default() });
        options.soft_targets = true;
        let step = training_step(&model, &probe, &options).unwrap();
        assert_eq!(step.target.shape, [2, 3]);
        let one = Tensor { shape: vec![], data: TensorData::F64(vec![1.0]) };
        let mut inputs = vec![("x", &scores), ("w", &eye), ("labels", &shares)];
        inputs.extend(["rate", "momentum", "count"].map(|name| (name, &one)));
        let found = runtime::run(&step.bytes, &inputs);
        close(floats(&found["loss"])[0].into(), loss, "loss");
        for (row, column) in (0..9).map(|place| (place / 3, place % 3)) {
            let gradient: f64 = (0..2)
                .map(|sample| f64::from(floats(&scores)[sample * 3 + row]) * slope[sample * 3 + column])
                .sum();
            let before = f64::from(floats(&eye)[row * 3 + column]);
            close(floats(&found["next:w"])[row * 3 + column].into(), before - gradient, "weight");
        }
    }
    let mut options = options(2, PLAIN);
    options.loss =
        Loss::CrossEntropy(CrossEntropy { class_weights: vec![1.0, 2.0, 3.0], ..CrossEntropy::default() });
    options.soft_targets = true;
    assert!(
        training_step(&model, &probe, &options).unwrap_err().to_string().contains("without class weights")
    );
}
