//! Resizing in every mode that ONNX Runtime has for it.

use crate::check::{check, load, spread};
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::{Lowering, Tensor, gradients};

const COORDINATES: [&str; 4] = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];
const NEAREST: [&str; 4] = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];

/// `x` resized by `scales`, or else to `sizes`, in an opset's own form.
fn resize(opset: i64, shape: &[usize], scales: Option<&[f32]>, sizes: &[i64], attrs: &[(&str, Attr)]) {
    let x = spread(shape, 1);
    let builder = Builder::new(opset, shape)
        .tensor("none", &Tensor::f32(&[0], vec![]))
        .tensor("sizes", &Tensor::i64s(sizes.to_vec()));
    let (builder, inputs) = match scales {
        Some(scales) => (
            builder.tensor("scales", &Tensor::f32(&[scales.len()], scales.to_vec())),
            &["x", "none", "scales"][..],
        ),
        None if opset < 13 => (builder, &["x", "none", "none", "sizes"][..]),
        None => (builder, &["x", "", "", "sizes"][..]),
    };
    check(&builder.node("Resize", inputs, &["y"], attrs).build("y"), &x, &[]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_axes(
        from in [1usize..5, 1..5], to in [1i64..9, 1..9], how in 0usize..3, coordinates in 0usize..4,
        nearest in 0usize..4, by_scale: bool, opset in 0usize..4,
    ) {
        let opset = [11, 13, 18, 19][opset];
        let shape = [2, 1, from[0], from[1]];
        let mut attrs = vec![
            ("mode", Attr::Text(["nearest", "linear", "cubic"][how])),
            ("coordinate_transformation_mode", Attr::Text(COORDINATES[coordinates])),
        ];
        if how == 0 {
            attrs.push(("nearest_mode", Attr::Text(NEAREST[nearest])));
        }
        if how == 2 {
            attrs.push(("cubic_coeff_a", Attr::Float(-0.5)));
            attrs.push(("exclude_outside", Attr::Int((nearest % 2) as i64)));
        }
        let scale = |i: usize| to[i] as f32 / from[i] as f32 + 0.07;
        let scales = [1.0, 1.0, scale(0), scale(1)];
        resize(opset, &shape, by_scale.then_some(&scales), &[2, 1, to[0], to[1]], &attrs);
    }
}

#[test]
fn by_whole_factors() {
    for (mode, coordinates) in
        [("nearest", "asymmetric"), ("nearest", "half_pixel"), ("linear", "half_pixel")]
    {
        let attrs = [
            ("mode", Attr::Text(mode)),
            ("coordinate_transformation_mode", Attr::Text(coordinates)),
            ("nearest_mode", Attr::Text("floor")),
        ];
        resize(11, &[2, 2, 3, 2], Some(&[1.0, 1.0, 2.0, 3.0]), &[], &attrs);
        resize(11, &[2, 2, 4, 6], Some(&[1.0, 1.0, 0.5, 0.5]), &[], &attrs);
    }
}

#[test]
fn other_ranks_and_chosen_axes() {
    let nearest = [("mode", Attr::Text("nearest"))];
    resize(13, &[2, 3, 4], Some(&[1.0, 1.0, 1.75]), &[], &nearest);
    let linear = [("mode", Attr::Text("linear"))];
    resize(13, &[1, 2, 3, 2, 4], None, &[1, 2, 2, 5, 6], &linear);
    let chosen = [("mode", Attr::Text("linear")), ("axes", Attr::Ints(&[-1, 2]))];
    resize(18, &[1, 2, 3, 4], None, &[7, 5], &chosen);
    let symmetric = [
        ("mode", Attr::Text("linear")),
        ("coordinate_transformation_mode", Attr::Text("half_pixel_symmetric")),
    ];
    resize(19, &[1, 1, 3, 5], Some(&[1.0, 1.0, 1.4, 0.7]), &[], &symmetric);
}

#[test]
fn what_is_not_supported_is_named() {
    let x = spread(&[1, 1, 4, 4], 1);
    let sizes = Tensor::i64s(vec![2, 2]);
    let build = |attrs: &[(&str, Attr)]| {
        let builder = Builder::new(18, &x.shape).tensor("sizes", &sizes);
        builder.node("Resize", &["x", "", "", "sizes"], &["y"], attrs).build("y")
    };
    let form = |extra| [("mode", Attr::Text("linear")), ("axes", Attr::Ints(&[2, 3])), extra];
    let (model, probe) = load(&build(&form(("antialias", Attr::Int(1)))), &x);
    let error = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap_err().to_string();
    assert!(error.contains("aliasing") && error.contains("Resize_0"), "{error}");
    let policy = ("keep_aspect_ratio_policy", Attr::Text("not_larger"));
    let (model, probe) = load(&build(&form(policy)), &x);
    let error = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap_err().to_string();
    assert!(error.contains("aspect ratio"), "{error}");
}
