//! Reductions, with axes as attribute and as input, and what they do at ties and zeros.

use crate::check::{check, floats, slopes, spread};
use crate::functions::OPSETS;
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::Tensor;

const ALL: [&str; 10] = [
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSum",
    "ReduceLogSumExp",
];

/// Distinct values without a zero, in [0.5, 1.5] for the logarithm and with both signs for the others.
fn values(op: &str, shape: &[usize]) -> Tensor {
    let values = spread(shape, 3);
    match op {
        "ReduceLogSum" => Tensor::f32(shape, floats(&values).iter().map(|v| v / 4.0 + 1.0).collect()),
        _ => values,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reductions(
        op in 0..ALL.len(), keep: bool, opset in 0..OPSETS.len(), noop: bool,
        axes in prop::collection::btree_set(0i64..4, 0..4),
    ) {
        let (op, opset, shape) = (ALL[op], OPSETS[opset], [2usize, 3, 1, 4]);
        let axes: Vec<i64> = axes.into_iter().map(|axis| if axis == 3 { -1 } else { axis }).collect();
        let input = opset >= 18 || (opset >= 13 && op == "ReduceSum");
        let mut attrs = vec![("keepdims", Attr::Int(i64::from(keep)))];
        let mut inputs = vec!["x"];
        let builder = Builder::new(opset, &shape).tensor("axes", &Tensor::i64s(axes.clone()));
        if input && !axes.is_empty() {
            inputs.push("axes");
        } else if !axes.is_empty() {
            attrs.push(("axes", Attr::Ints(&axes)));
        }
        // An empty list and a missing one are the same; what to do then is another attribute. Where nothing is
        // reduced, kernels of some operators still compute their function, so that only the plain ones are tried.
        if input && noop && ["ReduceSum", "ReduceMean", "ReduceMax"].contains(&op) {
            attrs.push(("noop_with_empty_axes", Attr::Int(1)));
        }
        check(&builder.node(op, &inputs, &["y"], &attrs).build("y"), &values(op, &shape), &[]);
    }
}

/// The slope of Σ of the reduction over the last axis.
fn slope(op: &str, shape: &[usize], x: &[f32]) -> Vec<f32> {
    let model = Builder::new(17, shape).node(op, &["x"], &["y"], &[("axes", Attr::Ints(&[-1]))]).build("y");
    floats(&slopes(&model, &Tensor::f32(shape, x.to_vec()), &["x"])["d:x"]).to_vec()
}

#[test]
fn ties_and_zeros_are_as_in_pytorch() {
    assert_eq!(slope("ReduceMax", &[1, 4], &[1.0, 3.0, 3.0, 2.0]), [0.0, 0.5, 0.5, 0.0]);
    assert_eq!(slope("ReduceMin", &[1, 4], &[1.0, 1.0, 1.0, 1.0]), [0.25; 4]);
    assert_eq!(slope("ReduceL2", &[2, 2], &[0.0, 0.0, 3.0, 4.0]), [0.0, 0.0, 0.6, 0.8]);
    assert_eq!(slope("ReduceL1", &[1, 3], &[0.0, -2.0, 5.0]), [0.0, -1.0, 1.0]);
    assert_eq!(slope("ReduceProd", &[1, 3], &[2.0, 3.0, 4.0]), [12.0, 8.0, 6.0]);
    assert_eq!(slope("ReduceProd", &[1, 3], &[2.0, 0.0, 4.0]), [0.0, 8.0, 0.0]);
    assert_eq!(slope("ReduceProd", &[1, 3], &[2.0, 0.0, 0.0]), [0.0; 3]);
    // Far beyond what eˣ can hold.
    let shares = slope("ReduceLogSumExp", &[1, 2], &[500.0, 500.0]);
    assert!(shares.iter().all(|share| (share - 0.5).abs() < 1e-4), "{shares:?}");
}
