//! Transposed convolutions, and convolutions over one and three axes and channel by channel.

use crate::check::{check, spread};
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;

/// Input extent, kernel, stride, dilation, padding before and after, output padding.
type Axis = (usize, usize, usize, usize, usize, usize, usize);

/// Geometry that leaves at least one element.
fn axis() -> impl Strategy<Value = Axis> {
    (2usize..5, 1usize..4, 1usize..4, 1usize..3, 0usize..3, 0usize..3, 0usize..3).prop_map(
        |(input, kernel, stride, dilation, before, after, extra)| {
            let full = stride * (input - 1) + dilation * (kernel - 1) + 1;
            let before = before.min(full - 1);
            let after = after.min(full - 1 - before);
            (input, kernel, stride, dilation, before, after, extra.min(stride - 1))
        },
    )
}

fn list(axes: &[Axis], field: impl Fn(&Axis) -> usize) -> Vec<i64> {
    axes.iter().map(|axis| field(axis) as i64).collect()
}

fn conv_transpose(
    axes: &[Axis],
    batch: usize,
    [group, inner, outer]: [usize; 3],
    bias: bool,
    attrs: &[(&str, Attr)],
) {
    let extents = |field: fn(&Axis) -> usize| axes.iter().map(field).collect::<Vec<_>>();
    let x = spread(&[&[batch, group * inner], extents(|a| a.0).as_slice()].concat(), 1);
    let w = spread(&[&[group * inner, outer], extents(|a| a.1).as_slice()].concat(), 2);
    let mut builder = Builder::new(11, &x.shape).tensor("w", &w);
    let (mut held, mut names) = (vec![("w", w)], vec!["x", "w"]);
    if bias {
        let bias = spread(&[group * outer], 3);
        builder = builder.tensor("b", &bias);
        held.push(("b", bias));
        names.push("b");
    }
    check(&builder.node("ConvTranspose", &names, &["y"], attrs).build("y"), &x, &held);
}

/// With padding and output padding as they are.
fn explicit(axes: &[Axis], batch: usize, channels: [usize; 3], bias: bool) {
    let pads = [list(axes, |a| a.4), list(axes, |a| a.5)].concat();
    let (strides, dilations, extra) = (list(axes, |a| a.2), list(axes, |a| a.3), list(axes, |a| a.6));
    let attrs = [
        ("strides", Attr::Ints(&strides)),
        ("dilations", Attr::Ints(&dilations)),
        ("pads", Attr::Ints(&pads)),
        ("output_padding", Attr::Ints(&extra)),
        ("group", Attr::Int(channels[0] as i64)),
    ];
    conv_transpose(axes, batch, channels, bias, &attrs);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_two_dimensions(axes in [axis(), axis()], batch in 1usize..3, channels in [1usize..3, 1..3, 1..3], bias: bool) {
        explicit(&axes, batch, channels, bias);
    }

    #[test]
    fn in_one_dimension(axis in axis(), channels in [1usize..3, 1..3, 1..3], bias: bool) {
        explicit(&[axis], 2, channels, bias);
    }

    #[test]
    fn with_padding_from_the_output(axes in [axis(), axis()], mode in 0usize..4, shorter in 0usize..3) {
        let (strides, extra) = (list(&axes, |a| a.2), list(&axes, |a| a.6));
        let mode = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"][mode];
        let full = |a: &Axis| (a.2 * (a.0 - 1) + a.1).saturating_sub(shorter).max(1);
        let shape = list(&axes, full);
        let mut attrs = vec![("strides", Attr::Ints(&strides)), ("auto_pad", Attr::Text(mode))];
        match mode {
            "NOTSET" => attrs.push(("output_shape", Attr::Ints(&shape))),
            "VALID" => attrs.push(("output_padding", Attr::Ints(&extra))),
            _ => {}
        }
        conv_transpose(&axes, 1, [1, 2, 2], false, &attrs);
    }

    #[test]
    fn convolution_channel_by_channel(channels in 1usize..5, per in 1usize..3, stride in 1i64..3, kernel in 1usize..4, rank in 1usize..4) {
        let x = spread(&[&[2, channels], [5, 4, 3][..rank].iter().map(|d| d + kernel - 1).collect::<Vec<_>>().as_slice()].concat(), 1);
        let w = spread(&[&[channels * per, 1], vec![kernel; rank].as_slice()].concat(), 2);
        let strides = vec![stride; rank];
        let attrs = [("group", Attr::Int(channels as i64)), ("strides", Attr::Ints(&strides))];
        let builder = Builder::new(13, &x.shape).tensor("w", &w);
        check(&builder.node("Conv", &["x", "w"], &["y"], &attrs).build("y"), &x, &[("w", w)]);
    }
}

#[test]
fn in_three_dimensions() {
    let axis = (2, 2, 2, 1, 1, 0, 1);
    explicit(&[axis, (3, 2, 1, 2, 0, 1, 0), axis], 1, [2, 1, 2], true);
}

#[test]
fn pools_in_three_dimensions() {
    for (op, opset) in [("MaxPool", 12), ("AveragePool", 19)] {
        let attrs = [("kernel_shape", Attr::Ints(&[2, 2, 3])), ("strides", Attr::Ints(&[1, 2, 1]))];
        let x = spread(&[2, 2, 3, 4, 4], 1);
        check(&Builder::new(opset, &x.shape).node(op, &["x"], &["y"], &attrs).build("y"), &x, &[]);
    }
}
