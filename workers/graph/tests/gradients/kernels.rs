//! Which operators of a graph become kernels, and that what looks like one of them alone does not.

use crate::check::{check, spread};
use crate::onnx::{Attr, Builder};
use crate::runtime;
use sweep_graph::{Lowering, Model, Selection, Tensor, TensorData, gradients};

/// The gradient graph of a model by its input, in kernels.
fn written(bytes: &[u8], input: &Tensor) -> Vec<u8> {
    let model = Model::decode(bytes, &Selection::default()).unwrap();
    let (probe, _) = runtime::probe(&model, input);
    gradients(&model, &probe, &["x"], Lowering::Kernels).unwrap()
}

fn holds(graph: &[u8], operator: &str) -> bool {
    // A name is preceded by its length.
    let wanted = [&[operator.len() as u8], operator.as_bytes()].concat();
    graph.windows(wanted.len()).any(|bytes| bytes == wanted)
}

/// `half · x · (one + erf(x · scale))`, the factors in an order.
fn gelu(order: [&str; 3], half: f32, one: f32, scale: f32) -> Vec<u8> {
    let scalar = |value| Tensor::f32(&[], vec![value]);
    let builder = Builder::new(17, &[3, 5]).tensor("half", &scalar(half)).tensor("one", &scalar(one));
    builder
        .tensor("scale", &scalar(scale))
        .node("Mul", &["x", "scale"], &["scaled"], &[])
        .node("Erf", &["scaled"], &["erf"], &[])
        .node("Add", &["erf", "one"], &["gate"], &[])
        .node("Mul", &[order[0], order[1]], &["product"], &[])
        .node("Mul", &["product", order[2]], &["y"], &[])
        .build("y")
}

#[test]
fn gelu_is_known_in_any_order_and_nothing_else_is_taken_for_it() {
    let (x, root) = (spread(&[3, 5], 1), std::f32::consts::FRAC_1_SQRT_2);
    for order in [["x", "half", "gate"], ["gate", "x", "half"], ["half", "gate", "x"]] {
        let model = gelu(order, 0.5, 1.0, root);
        assert!(holds(&written(&model, &x), "GeluGrad"), "{order:?}");
        check(&model, &x, &[]);
    }
    for (half, one, scale) in [(0.50005, 1.0, root), (0.5, 1.00009, root), (0.5, 1.0, 0.7)] {
        let model = gelu(["x", "half", "gate"], half, one, scale);
        assert!(!holds(&written(&model, &x), "GeluGrad"), "{half} {one} {scale}");
        check(&model, &x, &[]);
    }
}

#[test]
fn rows_are_picked_by_indices_of_32_bits() {
    let table = spread(&[4, 3], 1);
    let index = Tensor { shape: vec![5], data: TensorData::I32(vec![3, 0, 3, -1, 2]) };
    let builder = Builder::new(17, &[4, 3]).tensor("i", &index);
    let model = builder.node("Gather", &["x", "i"], &["y"], &[]).build("y");
    assert!(holds(&written(&model, &table), "GatherGrad"));
    check(&model, &table, &[]);
}

#[test]
fn a_residual_sum_is_one_pass_with_its_normalisation_and_its_relu() {
    let channels = |seed: usize| Tensor::f32(&[2], vec![0.5 + seed as f32, 1.5]);
    let model = Builder::new(15, &[3, 2, 4, 4])
        .tensor("bn.weight", &channels(0))
        .tensor("bn.bias", &channels(1))
        .tensor("bn.running_mean", &channels(2))
        .tensor("bn.running_var", &channels(3))
        .node(
            "BatchNormalization",
            &["x", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"],
            &["normal"],
            &[("epsilon", Attr::Float(1e-5))],
        )
        .node("Add", &["normal", "x"], &["sum"], &[])
        .node("Relu", &["sum"], &["above"], &[])
        .node("Add", &["above", "above"], &["y"], &[])
        .build("y");
    let x = spread(&[3, 2, 4, 4], 1);
    let graph = written(&model, &x);
    assert!(holds(&graph, "BatchNormAddRelu") && !holds(&graph, "Relu"), "it is fused");
    check(&model, &x, &[("bn.weight", channels(0)), ("bn.bias", channels(1))]);
}

#[test]
fn what_is_empty_or_read_elsewhere_stays_apart() {
    // Nothing of nothing: the ReLU of an empty slice, twice.
    let whole = |values: Vec<i64>| Tensor { shape: vec![values.len()], data: TensorData::I64(values) };
    let model = Builder::new(17, &[2, 3])
        .tensor("start", &whole(vec![0]))
        .tensor("end", &whole(vec![0]))
        .tensor("axis", &whole(vec![0]))
        .node("Slice", &["x", "start", "end", "axis"], &["none"], &[])
        .node("Relu", &["none"], &["above"], &[])
        .node("Concat", &["above", "x", "above"], &["y"], &[("axis", Attr::Int(0))])
        .build("y");
    check(&model, &spread(&[2, 3], 1), &[]);
}
