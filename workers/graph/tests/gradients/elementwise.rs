//! Elementwise operators, reductions, softmax and operators that only move elements.

use crate::check::{check, spread};
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::Tensor;

/// Two extents that broadcast against each other: a common shape, each axis of each side cut to 1 or left out.
fn pair() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let axis = (1usize..4, 0u8..4);
    (prop::collection::vec(axis, 1..4), 0usize..3, any::<bool>()).prop_map(|(axes, lead, swap)| {
        let full: Vec<usize> = axes.iter().map(|a| a.0).collect();
        let left: Vec<usize> = axes.iter().map(|&(d, cut)| if cut == 1 { 1 } else { d }).collect();
        let right: Vec<usize> = axes.iter().map(|&(d, cut)| if cut == 2 { 1 } else { d }).collect();
        let right = right[lead.min(full.len() - 1)..].to_vec();
        if swap { (right, left) } else { (left, right) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn operators_of_two_inputs((left, right) in pair(), op in 0usize..4, same: bool) {
        let op = ["Add", "Sub", "Mul", "Div"][op];
        let x = spread(&left, 1);
        // Away from 0, because it may divide.
        let data = (0..right.iter().product::<usize>()).map(|i| 1.0 + i as f32 / 7.0).collect();
        let b = Tensor::f32(&right, data);
        let held = [("matrix_weight", b.clone())];
        let second = if same { "x" } else { "matrix_weight" };
        let builder = Builder::new(14, &left);
        let builder = if same { builder } else { builder.tensor("matrix_weight", &b) };
        let model = builder.node(op, &["x", second], &["y"], &[]).build("y");
        let trains = op == "Add" || (op == "Mul" && right.iter().product::<usize>() > 1);
        check(&model, &x, if trains && !same { &held } else { &[] });
    }
}

#[test]
fn clip_with_each_bound() {
    let shape = [3, 4, 5];
    let x = spread(&shape, 11);
    let (low, high) = (Tensor::f32(&[], vec![-1.0]), Tensor::f32(&[], vec![0.53]));
    for opset in [11, 12, 13, 20, 23] {
        for inputs in [&["x", "low", "high"][..], &["x", "", "high"], &["x", "low"], &["x"]] {
            let builder = Builder::new(opset, &shape).tensor("low", &low).tensor("high", &high);
            check(&builder.node("Clip", inputs, &["y"], &[]).build("y"), &x, &[]);
        }
    }
}

#[test]
fn softmax_by_old_and_new_rules() {
    let shape = [2, 3, 4];
    let x = spread(&shape, 12);
    for op in ["Softmax", "LogSoftmax"] {
        for opset in [11, 13, 18] {
            for axis in [-1, 0, 1, 2] {
                let attrs = [("axis", Attr::Int(axis))];
                check(&Builder::new(opset, &shape).node(op, &["x"], &["y"], &attrs).build("y"), &x, &[]);
            }
            check(&Builder::new(opset, &shape).node(op, &["x"], &["y"], &[]).build("y"), &x, &[]);
        }
    }
}

#[test]
fn operators_that_move_elements() {
    let shape = [2, 1, 3, 4];
    let x = spread(&shape, 13);
    let go = |builder: Builder, op: &str, inputs: &[&str], attrs: &[(&str, Attr)]| {
        check(&builder.node(op, inputs, &["y"], attrs).build("y"), &x, &[]);
    };
    let new = |opset| Builder::new(opset, &shape);
    go(new(13), "Flatten", &["x"], &[]);
    go(new(13), "Flatten", &["x"], &[("axis", Attr::Int(-1))]);
    go(new(13), "Transpose", &["x"], &[("perm", Attr::Ints(&[2, 0, 3, 1]))]);
    go(new(13), "Transpose", &["x"], &[]);
    go(new(11), "Squeeze", &["x"], &[("axes", Attr::Ints(&[1]))]);
    go(new(11), "Unsqueeze", &["x"], &[("axes", Attr::Ints(&[0, 5]))]);
    let axes = |values: &[i64]| Tensor::i64s(values.to_vec());
    go(new(13).tensor("a", &axes(&[1])), "Squeeze", &["x", "a"], &[]);
    go(new(13).tensor("a", &axes(&[-1])), "Unsqueeze", &["x", "a"], &[]);
    go(new(14).tensor("a", &axes(&[0, -1])), "Reshape", &["x", "a"], &[]);
}
