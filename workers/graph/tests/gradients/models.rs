//! What exporters do to models, and files that must be refused.

use crate::check::{PLAIN, floats, load, options, spread, train};
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::{GraphError, Model, Selection, Tensor, training_step};

fn two_layers() -> Builder {
    Builder::new(13, &[2, 3])
        .tensor("zeros", &Tensor::f32(&[3], vec![0.0; 3]))
        .tensor("a.weight", &spread(&[3, 3], 1))
        .tensor("b.weight", &spread(&[3, 3], 2))
        .node("Gemm", &["x", "a.weight", "zeros"], &["h"], &[])
        .node("Tanh", &["h"], &["t"], &[])
        .node("Gemm", &["t", "b.weight", "zeros"], &["y"], &[])
}

#[test]
fn a_merged_constant_becomes_one_parameter_per_use() {
    let (model, probe) = load(&two_layers().build("y"), &spread(&[2, 3], 3));
    let step = training_step(&model, &probe, &options(2, PLAIN)).unwrap();
    let names: Vec<&str> = step.state.iter().map(|state| state.name.as_str()).collect();
    assert_eq!(names, ["a.weight", "zeros@Gemm_0", "b.weight", "zeros@Gemm_2"]);
}

/// PyTorch's older exporter, in evaluation mode, keeps one of several equal tensors and copies it under the others' names.
#[test]
fn copies_of_a_tensor_are_parameters_of_their_own() {
    let x = spread(&[2, 3], 3);
    let model = Builder::new(17, &[2, 3])
        .tensor("a.weight", &spread(&[3, 3], 1))
        .node("Identity", &["a.weight"], &["b.weight"], &[])
        .node("MatMul", &["x", "a.weight"], &["h"], &[])
        .node("Tanh", &["h"], &["t"], &[])
        .node("MatMul", &["t", "b.weight"], &["y"], &[])
        .build("y");
    let next = train(&model, &x, &[0, 2], PLAIN, &[0.1]).remove(0);
    assert_ne!(next["next:a.weight"], next["next:b.weight"]);
}

#[test]
fn a_tied_matrix_stored_twice_is_one_parameter() {
    let (w, x) = (spread(&[3, 2], 1), spread(&[2, 3], 3));
    let turned = Tensor::f32(&[2, 3], (0..6).map(|i| floats(&w)[i % 3 * 2 + i / 3]).collect());
    let model = Builder::new(13, &[2, 3])
        .tensor("encoder", &w)
        .tensor("decoder", &turned)
        .node("MatMul", &["x", "encoder"], &["h"], &[])
        .node("MatMul", &["h", "decoder"], &["y"], &[])
        .build("y");
    let next = train(&model, &x, &[0, 2], PLAIN, &[0.1]).remove(0);
    assert_eq!(next.len(), 2, "a loss and one parameter");
    assert_ne!(next["next:encoder"], w);
}

#[test]
fn computed_biases_of_zeros_are_dropped() {
    let x = spread(&[2, 1, 4, 4], 1);
    let model = Builder::new(18, &x.shape)
        .tensor("w", &spread(&[3, 1, 3, 3], 2))
        .tensor("zero", &Tensor::f32(&[], vec![0.0]))
        .tensor("one", &Tensor::i64s(vec![3]))
        .node("CastLike", &["zero", "x"], &["like"], &[])
        .node("Expand", &["like", "one"], &["bias"], &[])
        .node("Conv", &["x", "w", "bias"], &["c"], &[])
        .node("GlobalAveragePool", &["c"], &["p"], &[])
        .node("Flatten", &["p"], &["y"], &[])
        .build("y");
    let (model, probe) = load(&model, &x);
    let step = training_step(&model, &probe, &options(2, PLAIN)).unwrap();
    assert_eq!(step.state.len(), 1);
}

#[test]
fn batch_normalisation_that_was_folded_away_is_warned_of() {
    let x = spread(&[2, 1, 4, 4], 1);
    let warned = |weight: &str, bias: &str| {
        let inputs: Vec<&str> = ["x", weight, bias].into_iter().filter(|name| !name.is_empty()).collect();
        let mut builder = Builder::new(18, &x.shape).tensor(weight, &spread(&[3, 1, 3, 3], 2));
        if !bias.is_empty() {
            builder = builder.tensor(bias, &spread(&[3], 3));
        }
        let model = builder
            .node("Conv", &inputs, &["c"], &[])
            .node("GlobalAveragePool", &["c"], &["p"], &[])
            .node("Flatten", &["p"], &["y"], &[])
            .build("y");
        let (model, probe) = load(&model, &x);
        let warnings = training_step(&model, &probe, &options(2, PLAIN)).unwrap().warnings;
        warnings.iter().any(|warning| warning.contains("folded away"))
    };
    assert!(warned("onnx::Conv_25", "onnx::Conv_26"), "as the older exporter names what it folded");
    assert!(warned("conv.weight", "val_30"));
    assert!(warned("conv.weight", ""), "as the newer exporter leaves a folded bias of zeros");
    assert!(!warned("conv.weight", "conv.bias"));
}

/// The error of building a step, with its place and hint.
fn refused(bytes: &[u8], input: &Tensor) -> String {
    let (model, probe) = load(bytes, input);
    training_step(&model, &probe, &options(2, PLAIN)).unwrap_err().to_string()
}

#[test]
fn operators_without_a_gradient_are_named() {
    let x = spread(&[2, 3], 1);
    let weight = || {
        let builder = Builder::new(17, &[2, 3]).tensor("w", &spread(&[3, 3], 2));
        builder.node("MatMul", &["x", "w"], &["h"], &[])
    };
    let unknown = refused(&weight().node("Asinh", &["h"], &["y"], &[]).build("y"), &x);
    assert!(
        unknown.starts_with("node `Asinh_1` uses operator `Asinh`, which training does not know"),
        "{unknown}"
    );
    let later = refused(
        &weight()
            .tensor("k", &Tensor::i64s(vec![3]))
            .node("TopK", &["h", "k"], &["y", "indices"], &[])
            .build("y"),
        &x,
    );
    assert!(later.starts_with("node `TopK_1` uses operator `TopK`, which has no gradient: "), "{later}");
    let frozen = refused(&Builder::new(17, &[2, 3]).node("Asinh", &["x"], &["y"], &[]).build("y"), &x);
    assert_eq!(frozen, GraphError::NothingTrains.to_string());
}

#[test]
fn other_precisions_are_refused_where_gradients_pass() {
    let model = Builder::new(17, &[2, 3])
        .tensor("w", &spread(&[3, 3], 2))
        .node("MatMul", &["x", "w"], &["h"], &[])
        .node("Cast", &["h"], &["wide"], &[("to", Attr::Int(11))])
        .node("Mul", &["wide", "wide"], &["square"], &[])
        .node("Cast", &["square"], &["y"], &[("to", Attr::Int(1))]);
    let error = refused(&model.build("y"), &spread(&[2, 3], 1));
    assert!(error.starts_with("node `Mul_2`") && error.contains("float32"), "{error}");
}

#[test]
fn an_output_that_does_not_fit_the_loss_is_shown() {
    let bytes = Builder::new(13, &[2, 4])
        .tensor("w", &spread(&[4], 1))
        .node("MatMul", &["x", "w"], &["scores"], &[])
        .build("scores");
    let error = refused(&bytes, &spread(&[2, 4], 2));
    assert!(error.contains("`scores` is [2]"), "{error}");
}

#[test]
fn old_operator_sets_are_refused() {
    let bytes = Builder::new(9, &[2, 3]).node("Relu", &["x"], &["y"], &[]).build("y");
    assert_eq!(Model::decode(&bytes, &Selection::default()).unwrap_err(), GraphError::Opset(9));
}

#[test]
fn a_value_that_is_not_defined_is_named() {
    let bytes = Builder::new(13, &[2, 3]).node("Add", &["x", "ghost"], &["y"], &[]).build("y");
    let error = Model::decode(&bytes, &Selection::default()).unwrap_err().to_string();
    assert!(error.contains("`ghost`") && error.contains("`Add_0`"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_a_model_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Model::decode(&bytes, &Selection::default()).map(|model| model.probe());
    }

    #[test]
    fn damaged_models_end_in_a_model_or_an_error(
        cut in 0usize..1000, hits in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = two_layers().node("Clip", &["y"], &["z"], &[("axis", Attr::Ints(&[1, -1]))]).build("z");
        if cut < 500 {
            bytes.truncate(bytes.len() * cut / 500);
        }
        for (place, value) in hits {
            if let Some(last) = bytes.len().checked_sub(1) {
                bytes[place % (last + 1)] = value;
            }
        }
        let _ = Model::decode(&bytes, &Selection::default()).map(|model| model.probe());
    }
}
