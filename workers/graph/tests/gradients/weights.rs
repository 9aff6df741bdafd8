//! A model's own file with other weights, in stock ONNX Runtime: as a file that was written with them.

use std::collections::BTreeMap;

use crate::check::{floats, spread};
use crate::onnx::{Attr, Builder};
use crate::runtime;
use proptest::prelude::*;
use sweep_graph::{Model, Selection, Tensor, TensorData};

type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn weights(tensors: &[(&str, &Tensor)]) -> Weights {
    let entry = |(name, tensor): &(&str, &Tensor)| {
        ((*name).to_owned(), (tensor.shape.clone(), floats(tensor).to_vec()))
    };
    tensors.iter().map(entry).collect()
}

fn frozen(patterns: &[&str]) -> Selection {
    Selection { frozen: patterns.iter().map(|&name| name.to_owned()).collect(), ..Selection::default() }
}

fn decode(bytes: &[u8], selection: &Selection) -> Model {
    Model::decode(bytes, selection).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks that `bytes` with the new weights computes the same `y` of `x` as the file `wanted` does, and another than
/// before.
fn check(bytes: &[u8], selection: &Selection, new: &[(&str, &Tensor)], wanted: &[u8], x: &Tensor) {
    let model = decode(bytes, selection);
    let found = model.with_weights(bytes, &weights(new)).unwrap_or_else(|error| panic!("{error}"));
    let y = |bytes: &[u8]| runtime::run(bytes, &[("x", x)])["y"].clone();
    let (before, found, wanted) = (y(bytes), y(&found), y(wanted));
    let apart = |a: &Tensor, b: &Tensor| {
        floats(a).iter().zip(floats(b)).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max)
    };
    assert_eq!(found.shape, wanted.shape);
    assert!(apart(&found, &wanted) < 1e-5, "{found:?} instead of {wanted:?}");
    assert!(apart(&before, &wanted) > 1e-2, "the weights make a difference");
}

/// Two products; the second reads a copy of the first's matrix, `c`, unless `b` is one of its own.
fn products(a: &Tensor, b: Option<&Tensor>) -> Vec<u8> {
    let builder = Builder::new(17, &[2, 3]).tensor("a.weight", a);
    let builder = match b {
        Some(b) => builder.tensor("b.weight", b),
        None => {
            builder.node("Identity", &["a.weight"], &["c"], &[]).node("Identity", &["c"], &["b.weight"], &[])
        }
    };
    builder
        .node("MatMul", &["x", "a.weight"], &["h"], &[])
        .node("Tanh", &["h"], &["t"], &[])
        .node("MatMul", &["t", "b.weight"], &["y"], &[])
        .build("y")
}

#[test]
fn a_copy_that_trained_apart_gets_its_own_values() {
    let [old, a, b] = [1, 2, 3].map(|seed| spread(&[3, 3], seed));
    let new = [("a.weight", &a), ("b.weight", &b)];
    check(&products(&old, None), &Selection::default(), &new, &products(&a, Some(&b)), &spread(&[2, 3], 4));
}

#[test]
fn a_frozen_copy_keeps_the_values_of_what_trained() {
    let ([old, new], x) = ([1, 2].map(|seed| spread(&[3, 3], seed)), spread(&[2, 3], 4));
    let file = products(&old, None);
    check(&file, &frozen(&["b.weight"]), &[("a.weight", &new)], &products(&new, Some(&old)), &x);
    check(&file, &frozen(&["a.weight"]), &[("b.weight", &new)], &products(&old, Some(&new)), &x);
}

#[test]
fn a_weight_that_is_an_output_stays_one() {
    let [old, a, b] = [1, 2, 3].map(|seed| spread(&[3, 3], seed));
    let file = |a: &Tensor, b: &Tensor| {
        Builder::new(17, &[2, 3])
            .tensor("a.weight", a)
            .tensor("d.weight", b)
            .node("Identity", &["a.weight"], &["copy"], &[])
            .node("MatMul", &["x", "a.weight"], &["h"], &[])
            .node("MatMul", &["h", "copy"], &["i"], &[])
            .node("MatMul", &["i", "d.weight"], &["y"], &[])
            .build_all(&["y", "copy", "d.weight"])
    };
    let selection = Selection { output: Some("y".to_owned()), ..frozen(&["copy"]) };
    let wanted = Builder::new(17, &[2, 3])
        .tensor("a.weight", &a)
        .tensor("old", &old)
        .tensor("d.weight", &b)
        .node("MatMul", &["x", "a.weight"], &["h"], &[])
        .node("MatMul", &["h", "old"], &["i"], &[])
        .node("MatMul", &["i", "d.weight"], &["y"], &[])
        .build("y");
    let x = spread(&[2, 3], 4);
    check(&file(&old, &spread(&[3, 3], 5)), &selection, &[("a.weight", &a), ("d.weight", &b)], &wanted, &x);
    let trained = Selection { output: Some("y".to_owned()), ..Selection::default() };
    let bytes = file(&old, &old);
    let new = weights(&[("a.weight", &a), ("copy", &a), ("d.weight", &b)]);
    let found = runtime::run(&decode(&bytes, &trained).with_weights(&bytes, &new).unwrap(), &[("x", &x)]);
    assert_eq!((&found["copy"], &found["d.weight"]), (&a, &b));
}

#[test]
fn a_merged_bias_becomes_one_for_each_layer() {
    let file = |zeros: [&Tensor; 2], names: [&str; 2]| {
        let mut builder = Builder::new(13, &[2, 3]);
        for (name, tensor) in names.iter().zip(zeros).take(if names[0] == names[1] { 1 } else { 2 }) {
            builder = builder.tensor(name, tensor);
        }
        builder
            .tensor("a.weight", &spread(&[3, 3], 1))
            .tensor("b.weight", &spread(&[3, 3], 2))
            .node("Gemm", &["x", "a.weight", names[0]], &["h"], &[])
            .node("Tanh", &["h"], &["t"], &[])
            .node("Gemm", &["t", "b.weight", names[1]], &["y"], &[])
            .build("y")
    };
    let zeros = Tensor::f32(&[3], vec![0.0; 3]);
    let [a, b] = [3, 4].map(|seed| spread(&[3], seed));
    let new = [("zeros@Gemm_0", &a), ("zeros@Gemm_2", &b)];
    let (merged, apart) = (file([&zeros, &zeros], ["zeros"; 2]), file([&a, &b], ["a.bias", "b.bias"]));
    check(&merged, &Selection::default(), &new, &apart, &spread(&[2, 3], 5));
}

#[test]
fn a_tied_matrix_stored_twice_stays_tied() {
    let turn = |w: &Tensor| Tensor::f32(&[2, 3], (0..6).map(|i| floats(w)[i % 3 * 2 + i / 3]).collect());
    let file = |w: &Tensor| {
        Builder::new(13, &[2, 3])
            .tensor("encoder", w)
            .tensor("decoder", &turn(w))
            .node("MatMul", &["x", "encoder"], &["h"], &[])
            .node("MatMul", &["h", "decoder"], &["y"], &[])
            .build("y")
    };
    let [old, new] = [1, 2].map(|seed| spread(&[3, 2], seed));
    check(&file(&old), &Selection::default(), &[("encoder", &new)], &file(&new), &spread(&[2, 3], 3));
}

/// A constant node holds the weight; it has no name of a parameter, but is in the place of one.
#[test]
fn a_weight_in_a_constant_node_is_replaced() {
    let file = |value: &[f32]| {
        Builder::new(13, &[2, 3])
            .node("Constant", &[], &["w.flat"], &[("value_floats", Attr::Floats(value))])
            .tensor("extents", &Tensor::i64s(vec![3, 3]))
            .node("Reshape", &["w.flat", "extents"], &["w"], &[])
            .node("MatMul", &["x", "w"], &["y"], &[])
            .build("y")
    };
    let [old, new] = [1, 2].map(|seed| spread(&[9], seed));
    let wanted = file(floats(&new));
    check(&file(floats(&old)), &Selection::default(), &[("w.flat", &new)], &wanted, &spread(&[2, 3], 3));
}

const STATISTICS: [&str; 4] = ["n.weight", "n.bias", "n.running_mean", "n.running_var"];

/// A normalisation and a dropout as they are exported in training mode, or for inference.
fn normalised(opset: i64, training: bool, statistics: &[Tensor; 4]) -> Vec<u8> {
    let mut builder = Builder::new(opset, &[4, 3, 2]);
    for (name, tensor) in STATISTICS.iter().zip(statistics) {
        builder = builder.tensor(name, tensor);
    }
    let inputs = [&["x"], &STATISTICS[..]].concat();
    let outputs = ["h", "m", "v", "saved_m", "saved_v"];
    let count = match (training, opset) {
        (false, _) => 1,
        (true, ..14) => 5,
        (true, _) => 3,
    };
    let mode = ("training_mode", Attr::Int(i64::from(training)));
    let mode = if opset < 14 { vec![] } else { vec![mode] };
    builder = builder.node("BatchNormalization", &inputs, &outputs[..count], &mode);
    if training && opset >= 12 {
        builder
            .tensor("ratio", &Tensor::f32(&[], vec![0.5]))
            .tensor("yes", &Tensor { shape: vec![], data: TensorData::Bool(vec![true]) })
            .node("Dropout", &["h", "ratio", "yes"], &["y", "kept"], &[])
            .build("y")
    } else {
        builder.node("Identity", &["h"], &["y"], &[]).build("y")
    }
}

#[test]
fn a_model_exported_for_training_is_set_to_inference() {
    let old = [1.0, 0.0, 0.0, 1.0].map(|value| Tensor::f32(&[3], vec![value; 3]));
    let positive = Tensor::f32(&[3], vec![0.3, 2.0, 5.0]);
    let new = [spread(&[3], 1), spread(&[3], 2), spread(&[3], 3), positive];
    let named: Vec<(&str, &Tensor)> = STATISTICS.into_iter().zip(&new).collect();
    for opset in [11, 12, 13, 14, 15, 17] {
        let wanted = normalised(opset, false, &new);
        for training in [true, false] {
            let file = normalised(opset, training, &old);
            check(&file, &Selection::default(), &named, &wanted, &spread(&[4, 3, 2], 5));
        }
    }
}

#[test]
fn batch_statistics_that_are_outputs_are_refused() {
    let builder = || {
        let ones = Tensor::f32(&[3], vec![1.0; 3]);
        let builder = STATISTICS.iter().fold(Builder::new(15, &[4, 3, 2]), |b, name| b.tensor(name, &ones));
        let inputs = [&["x"], &STATISTICS[..]].concat();
        let training = [("training_mode", Attr::Int(1))];
        builder.node("BatchNormalization", &inputs, &["h", "m", "v"], &training)
    };
    let selection = Selection { output: Some("y".to_owned()), ..Selection::default() };
    let read = builder().node("Add", &["h", "h"], &["y"], &[]).node("Neg", &["m"], &["z"], &[]);
    let listed = builder().node("Add", &["h", "h"], &["y"], &[]);
    for bytes in [read.build_all(&["y", "z"]), listed.build_all(&["y", "m"])] {
        let error = decode(&bytes, &selection).with_weights(&bytes, &Weights::new()).unwrap_err();
        assert!(error.to_string().contains("batch statistics"), "{error}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let file = products(&spread(&[3, 3], 1), None);
    let model = decode(&file, &Selection::default());
    let refused = |bytes: &[u8], name: &str, tensor: &Tensor, words: &str| {
        let error = model.with_weights(bytes, &weights(&[(name, tensor)])).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&file, "a.weight", &spread(&[9], 1), "`a.weight` is [9] here and [3, 3] in the model");
    refused(&file, "c.weight", &spread(&[3, 3], 1), "the model has no `c.weight`");
    let other = Builder::new(17, &[2, 3]).node("Relu", &["x"], &["z"], &[]).build("z");
    refused(&other, "a.weight", &spread(&[3, 3], 1), "not the bytes of this model");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Other bytes end in a file or an error.
    #[test]
    fn other_bytes_do_no_harm(place in 0usize..1000, byte: u8) {
        let file = products(&spread(&[3, 3], 1), None);
        let model = decode(&file, &Selection::default());
        let mut broken = file.clone();
        let place = place % broken.len();
        broken[place] = byte;
        let new = spread(&[3, 3], 2);
        let new = weights(&[("a.weight", &new)]);
        let _ = model.with_weights(&broken, &new);
        let _ = model.with_weights(&broken[..place], &new);
    }
}
