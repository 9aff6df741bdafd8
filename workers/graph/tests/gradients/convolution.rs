//! Convolutions, pools and normalisation: every geometry.

use crate::check::{check, spread};
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::Tensor;

/// A sliding window along one axis, and an input extent that has room for it.
#[derive(Debug, Clone, Copy)]
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
}

/// Kernel 1 to 3, stride 1 to 3, dilation 1 to 2; a pool's padding is smaller than its kernel.
fn axis(pool: bool) -> impl Strategy<Value = Axis> {
    (1usize..4, 1usize..4, 1usize..3, 0usize..3, 0usize..3, 0usize..5).prop_map(
        move |(kernel, stride, dilation, before, after, extra)| {
            let dilation = if pool { 1 } else { dilation };
            let (before, after) =
                if pool { (before.min(kernel - 1), after.min(kernel - 1)) } else { (before, after) };
            Axis { input: (kernel - 1) * dilation + 1 + extra, kernel, stride, dilation, before, after }
        },
    )
}

fn list(axes: &[Axis], field: impl Fn(Axis) -> usize) -> Vec<i64> {
    axes.iter().map(|&axis| field(axis) as i64).collect()
}

fn pads(axes: &[Axis]) -> Vec<i64> {
    [list(axes, |a| a.before), list(axes, |a| a.after)].concat()
}

fn conv(axes: &[Axis], batch: usize, group: usize, inner: usize, outer: usize, bias: bool) {
    let inputs: Vec<usize> = axes.iter().map(|a| a.input).collect();
    let kernel: Vec<usize> = axes.iter().map(|a| a.kernel).collect();
    let x = spread(&[&[batch, group * inner], inputs.as_slice()].concat(), 1);
    let w = spread(&[&[group * outer, inner], kernel.as_slice()].concat(), 2);
    let mut held = vec![("w", w)];
    let mut names = vec!["x", "w"];
    if bias {
        held.push(("b", spread(&[group * outer], 3)));
        names.push("b");
    }
    let builder =
        held.iter().fold(Builder::new(13, &x.shape), |builder, (name, tensor)| builder.tensor(name, tensor));
    let model = builder
        .node(
            "Conv",
            &names,
            &["y"],
            &[
                ("pads", Attr::Ints(&pads(axes))),
                ("strides", Attr::Ints(&list(axes, |a| a.stride))),
                ("dilations", Attr::Ints(&list(axes, |a| a.dilation))),
                ("group", Attr::Int(group as i64)),
            ],
        )
        .build("y");
    check(&model, &x, &held);
}

fn pool(op: &str, axes: &[Axis], ceil: bool, extra: &[(&str, Attr)], opset: i64) {
    let inputs: Vec<usize> = axes.iter().map(|a| a.input).collect();
    let x = spread(&[&[2, 2], inputs.as_slice()].concat(), 4);
    let kernel = list(axes, |a| a.kernel);
    let (pads, strides) = (pads(axes), list(axes, |a| a.stride));
    let mut attrs = vec![
        ("kernel_shape", Attr::Ints(&kernel)),
        ("pads", Attr::Ints(&pads)),
        ("strides", Attr::Ints(&strides)),
        ("ceil_mode", Attr::Int(i64::from(ceil))),
    ];
    for (name, attr) in extra {
        if let Attr::Int(v) = attr {
            attrs.push((name, Attr::Int(*v)));
        }
    }
    let model = Builder::new(opset, &x.shape).node(op, &["x"], &["y"], &attrs).build("y");
    check(&model, &x, &[]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conv_in_two_dimensions(
        axes in [axis(false), axis(false)], batch in 1usize..3, group in 1usize..3, inner in 1usize..4,
        outer in 1usize..4, bias: bool,
    ) {
        conv(&axes, batch, group, inner, outer, bias);
    }

    #[test]
    fn conv_that_keeps_its_width(
        (kernel, dilation, side) in (1usize..4, 1usize..3, 0usize..5), rows in axis(false), group in 1usize..3,
        inner in 1usize..5, outer in 1usize..4,
    ) {
        let span = (kernel - 1) * dilation;
        let before = side.min(span);
        let columns = Axis { input: 6, kernel, stride: 1, dilation, before, after: span - before };
        conv(&[Axis { stride: 1, ..rows }, columns], 2, group, inner, outer, false);
    }

    #[test]
    fn conv_in_one_dimension(axis in axis(false), group in 1usize..3, bias: bool) {
        conv(&[axis], 2, group, 2, 3, bias);
    }

    #[test]
    fn max_pool(axes in [axis(true), axis(true)], ceil: bool) {
        pool("MaxPool", &axes, ceil, &[], 12);
    }

    #[test]
    fn average_pool(axes in [axis(true), axis(true)], ceil: bool, include: bool, old: bool) {
        let include = Attr::Int(i64::from(include));
        pool("AveragePool", &axes, ceil, &[("count_include_pad", include)], if old { 11 } else { 19 });
    }
}

#[test]
fn conv_with_automatic_padding() {
    for (same, stride) in [("SAME_UPPER", 1), ("SAME_LOWER", 2), ("VALID", 2)] {
        let (x, w) = (spread(&[2, 2, 6, 7], 1), spread(&[3, 2, 2, 3], 2));
        let strides = [stride; 2];
        let attrs = [("auto_pad", Attr::Text(same)), ("strides", Attr::Ints(&strides))];
        let model =
            Builder::new(17, &x.shape).tensor("w", &w).node("Conv", &["x", "w"], &["y"], &attrs).build("y");
        check(&model, &x, &[("w", w)]);
    }
}

#[test]
fn global_pools() {
    for op in ["GlobalAveragePool", "GlobalMaxPool"] {
        let x = spread(&[2, 3, 4, 5], 7);
        let model = Builder::new(17, &x.shape).node(op, &["x"], &["y"], &[]).build("y");
        check(&model, &x, &[]);
    }
}

#[test]
fn batch_normalisation_in_every_form_exporters_leave() {
    for (opset, training, shape) in [
        (11, false, vec![4, 3, 5, 2]),
        (14, true, vec![3, 2, 7]),
        (17, false, vec![6, 4]),
        (15, true, vec![2, 1, 3, 3]),
    ] {
        let x = spread(&shape, 5);
        let channels = [shape[1]];
        let held = [("scale", spread(&channels, 6)), ("bias", spread(&channels, 7))];
        let ones = Tensor::f32(&channels, vec![1.5; shape[1]]);
        let outputs: &[&str] = if training { &["y", "m", "v"] } else { &["y"] };
        let attrs: &[(&str, Attr)] = if training { &[("training_mode", Attr::Int(1))] } else { &[] };
        let model = Builder::new(opset, &shape)
            .tensor("scale", &held[0].1)
            .tensor("bias", &held[1].1)
            .tensor("mean", &spread(&channels, 8))
            .tensor("var", &ones)
            .node("BatchNormalization", &["x", "scale", "bias", "mean", "var"], outputs, attrs)
            .build("y");
        let mut held = held.to_vec();
        held.extend([("mean", spread(&channels, 8)), ("var", ones)]);
        check(&model, &x, &held);
    }
}
