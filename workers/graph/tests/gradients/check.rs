//! Central differences: the one check that every gradient rule has to pass.

use crate::runtime;
use std::collections::HashMap;
use sweep_graph::{
    Lowering, Model, Probe, Selection, StateKind, StepGraph, StepOptions, Tensor, TensorData, gradients,
    momentum, training_step,
};
use sweep_wire::{CrossEntropy, Loss, Optimizer, Sgd};

/// Largest difference between a gradient and its central difference, as a share of the gradient's norm.
const DIFFERENCE: f64 = 2e-2;
/// Largest difference between the lowerings, as a share of the gradient's largest element.
const LOWERINGS: f32 = 1e-4;

/// Largest difference between the model's weighted sum and the graph's, as a share of the sum of sizes.
const FORWARD: f64 = 1e-5;

/// Distinct values in [-2, 2], evenly spaced and shuffled: no two are equal and none is 0, so that a small enough step
/// crosses no kink of Relu or MaxPool.
pub(crate) fn spread(shape: &[usize], seed: u64) -> Tensor {
    let count: usize = shape.iter().product();
    let mut values: Vec<f32> = (0..count).map(|i| 4.0 * (i as f32 + 0.5) / count as f32 - 2.0).collect();
    if count % 2 == 1 {
        values.iter_mut().for_each(|v| *v += 0.1 / count as f32);
    }
    let mut state = seed;
    for i in (1..count).rev() {
        values.swap(i, (random(&mut state) % (i as u64 + 1)) as usize);
    }
    Tensor::f32(shape, values)
}

/// [`spread`], shrunk.
pub(crate) fn small(shape: &[usize], seed: u64, factor: f32) -> Tensor {
    let values = floats(&spread(shape, seed)).iter().map(|v| v * factor).collect();
    Tensor::f32(shape, values)
}

/// splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

pub(crate) fn floats(tensor: &Tensor) -> &[f32] {
    tensor.as_f32().unwrap()
}

/// Decodes and probes a model at an input.
pub(crate) fn load(bytes: &[u8], input: &Tensor) -> (Model, Probe) {
    let model = Model::decode(bytes, &Selection::default()).unwrap_or_else(|error| panic!("{error}"));
    let probe = runtime::probe(&model, input).0;
    (model, probe)
}

/// A model in which the tensors of `held` train and no others.
pub(crate) fn learning(bytes: &[u8], held: &[(&str, Tensor)]) -> Model {
    let decode =
        |selection: &Selection| Model::decode(bytes, selection).unwrap_or_else(|error| panic!("{error}"));
    let learnt = decode(&Selection::default()).learnt();
    let parameters = learnt.iter().filter(|learnt| learnt.kind == StateKind::Parameter);
    let (kept, frozen): (Vec<String>, Vec<String>) = parameters
        .map(|learnt| learnt.name.clone())
        .partition(|name| held.iter().any(|(wanted, _)| wanted == name));
    let names = held.iter().map(|(name, _)| (*name).to_owned());
    let trainable = names.filter(|name| !kept.contains(name)).collect();
    decode(&Selection { output: None, trainable, frozen })
}

/// The gradients of Σ output for values named in `wrt`.
pub(crate) fn slopes(bytes: &[u8], input: &Tensor, wrt: &[&str]) -> HashMap<String, Tensor> {
    slopes_held(bytes, input, &[], wrt)
}

/// As [`slopes`], for a model with parameters.
pub(crate) fn slopes_held(
    bytes: &[u8],
    input: &Tensor,
    held: &[(&str, &Tensor)],
    wrt: &[&str],
) -> HashMap<String, Tensor> {
    let (model, probe) = load(bytes, input);
    let shape = &probe[&model.output().name].shape;
    let ones = Tensor::f32(shape, vec![1.0; shape.iter().product()]);
    let graph = gradients(&model, &probe, wrt, Lowering::Cpu).unwrap_or_else(|error| panic!("{error}"));
    runtime::run(&graph, &[&[("x", input), ("weights", &ones)], held].concat())
}

/// Checks the gradients of the values named in `held` (initialisers with their contents) and of the input `x`, in all
/// lowerings, and that the graph computes what the model computes.
pub(crate) fn check(bytes: &[u8], input: &Tensor, held: &[(&str, Tensor)]) {
    let model = learning(bytes, held);
    let (probe, output) = runtime::probe(&model, input);
    let mut values: HashMap<&str, Tensor> = held.iter().cloned().collect();
    values.insert("x", input.clone());
    values.insert("weights", spread(&probe[&model.output().name].shape, 99));
    let names: Vec<&str> = held.iter().map(|(name, _)| *name).chain(["x"]).collect();
    let [mut own, cpu, portable] = [Lowering::Kernels, Lowering::Cpu, Lowering::Portable].map(|lowering| {
        let bytes = gradients(&model, &probe, &names, lowering).unwrap_or_else(|error| panic!("{error}"));
        runtime::open(&bytes)
    });
    let feed = |values: &HashMap<&str, Tensor>, graph: &mut runtime::Loaded| {
        let known: Vec<(&str, &Tensor)> = values.iter().map(|(name, tensor)| (*name, tensor)).collect();
        graph.run(&known)
    };
    let found = feed(&values, &mut own);
    let others = [cpu, portable].map(|mut other| feed(&values, &mut other));
    let terms = || floats(&output).iter().zip(floats(&values["weights"])).map(|(y, w)| f64::from(y * w));
    let (whole, size) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
    let loss = f64::from(floats(&found["loss"])[0]);
    // Batch statistics are another function than the exported running ones.
    let same = !bytes.windows(18).any(|name| name == b"BatchNormalization");
    assert!(!same || (loss - whole).abs() <= FORWARD * size, "the graph gives {loss}, the model {whole}");
    for name in names {
        let key = format!("d:{name}");
        let gradient = floats(&found[&key]);
        // Where it is 0, sums of cancelling terms leave some rounding.
        let largest = gradient.iter().fold(1e-2f32, |a, b| a.max(b.abs()));
        for (a, b) in others.iter().flat_map(|other| gradient.iter().zip(floats(&other[&key]))) {
            assert!((a - b).abs() <= LOWERINGS * largest, "lowerings differ in `{name}`: {a} and {b}");
        }
        for seed in 0..3 {
            differences(name, gradient, seed, &values, &mut |values| {
                f64::from(floats(&feed(values, &mut own)["loss"])[0])
            });
        }
    }
}

/// Compares the slope along one direction, every element moving by the same small step up or down.
fn differences(
    name: &str,
    gradient: &[f32],
    seed: u64,
    values: &HashMap<&str, Tensor>,
    loss: &mut dyn FnMut(&HashMap<&str, Tensor>) -> f64,
) {
    let count = gradient.len();
    // A quarter of the spacing of `spread`, but not so small that float32 has nothing to tell.
    let step = (1.0 / count as f32).clamp(1e-3, 1e-2);
    let mut state = seed;
    // The last direction moves one element alone.
    let lone = (seed == 2).then(|| random(&mut state) as usize % count);
    let direction: Vec<f32> = (0..count)
        .map(|i| match lone {
            Some(one) => f32::from(i == one),
            None => {
                if random(&mut state).is_multiple_of(2) {
                    1.0
                } else {
                    -1.0
                }
            }
        })
        .collect();
    let mut at = |sign: f32| {
        let mut moved = values.clone();
        let TensorData::F32(data) = &mut moved.get_mut(name).unwrap().data else {
            panic!("`{name}` is no float")
        };
        data.iter_mut().zip(&direction).for_each(|(v, d)| *v += sign * step * d);
        loss(&moved)
    };
    let (up, down) = (at(1.0), at(-1.0));
    let slope = (up - down) / (2.0 * f64::from(step));
    let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
    let norm = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    let rounding = 1e-6 * (up.abs() + down.abs() + 1.0) / f64::from(step);
    assert!(
        (slope - expected).abs() <= DIFFERENCE * norm + rounding,
        "gradient of `{name}`: {expected} along direction {seed}, but the difference is {slope} (norm {norm})"
    );
}

/// Options of a step on class indices.
pub(crate) fn options(batch: usize, optimizer: Optimizer) -> StepOptions {
    StepOptions::new(batch, Loss::CrossEntropy(CrossEntropy::default()), optimizer)
}

/// SGD with nothing but a rate.
pub(crate) const PLAIN: Optimizer =
    Optimizer::Sgd(Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 });

/// Trains some steps on one batch and returns each step's outputs; the state starts as exported.
pub(crate) fn train(
    bytes: &[u8],
    input: &Tensor,
    labels: &[i64],
    optimizer: Optimizer,
    rates: &[f32],
) -> Vec<HashMap<String, Tensor>> {
    let (model, probe) = load(bytes, input);
    let options = options(labels.len(), optimizer);
    let step = training_step(&model, &probe, &options).unwrap();
    let batch = (input.clone(), Tensor::i64s(labels.to_vec()));
    follow(&step, &options, &rates.iter().map(|&rate| (rate, vec![batch.clone()])).collect::<Vec<_>>())
}

/// Runs steps at their rates, each with a pass for each of its batches, and returns what each step's last pass gave.
pub(crate) fn follow(
    step: &StepGraph,
    options: &StepOptions,
    steps: &[(f32, Vec<(Tensor, Tensor)>)],
) -> Vec<HashMap<String, Tensor>> {
    let mut graph = runtime::open(&step.bytes);
    let mut state: HashMap<String, Tensor> =
        step.state.iter().map(|s| (s.name.clone(), Tensor::f32(&s.shape, s.exported.clone()))).collect();
    let mut results = Vec::new();
    for (index, (rate, batches)) in steps.iter().enumerate() {
        let clock = [f64::from(*rate), momentum(&options.optimizer), (index + 1) as f64]
            .map(|value| Tensor { shape: vec![], data: TensorData::F64(vec![value]) });
        for (pass, (input, labels)) in batches.iter().enumerate() {
            let last = pass + 1 == batches.len();
            let apply = Tensor { shape: vec![], data: TensorData::Bool(vec![last]) };
            let mut inputs: Vec<(&str, &Tensor)> =
                state.iter().map(|(name, value)| (name.as_str(), value)).collect();
            inputs.extend([(step.inputs[0].name.as_str(), input), (&step.target.name, labels)]);
            inputs.extend(
                [&step.rate, &step.momentum, &step.count].map(String::as_str).into_iter().zip(&clock),
            );
            inputs.extend(step.apply.as_deref().map(|name| (name, &apply)));
            let outputs = graph.run(&inputs);
            for s in &step.state {
                state.insert(s.name.clone(), outputs[&s.next].clone());
            }
            if last {
                results.push(outputs);
            }
        }
    }
    results
}
