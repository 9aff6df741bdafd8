//! Normalisations within a sample.

use crate::check::{check, load, small, spread};
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::{Lowering, Tensor, gradients};

/// A normalisation of `x` with a scale and perhaps a bias of these extents. The scale is a product, because not every
/// scale is known to train.
fn normalise(
    op: &str,
    opset: i64,
    x: &Tensor,
    scale: Option<&[usize]>,
    bias: Option<&[usize]>,
    attrs: &[(&str, Attr)],
) {
    let mut held = vec![];
    let mut inputs = vec!["x"];
    let mut builder = Builder::new(opset, &x.shape);
    if let Some(shape) = scale {
        let scale = small(shape, 2, 0.6);
        builder = builder.tensor("scale.weight", &scale).tensor("one", &Tensor::f32(&[1], vec![1.0]));
        builder = builder.node("Mul", &["scale.weight", "one"], &["scale"], &[]);
        inputs.push("scale");
        if scale.len() > 1 {
            held.push(("scale.weight", scale));
        }
    }
    if let Some(shape) = bias {
        let bias = small(shape, 3, 0.7);
        builder = builder.tensor("bias", &bias);
        inputs.push("bias");
        held.push(("bias", bias));
    }
    check(&builder.node(op, &inputs, &["y"], attrs).build("y"), x, &held);
}

/// Axes before and from the normalised one on, the last of which has room for a variance.
fn rows() -> impl Strategy<Value = (Vec<usize>, usize)> {
    (prop::collection::vec(1usize..4, 1..4), 3usize..6, any::<usize>()).prop_map(|(mut shape, last, axis)| {
        let axis = axis % (shape.len() + 1);
        shape.push(last);
        (shape, axis)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layer_normalisation((shape, axis) in rows(), bias: bool, negative: bool) {
        let attrs = [
            ("axis", Attr::Int(axis as i64 - if negative { shape.len() as i64 } else { 0 })),
            ("epsilon", Attr::Float(1e-3)),
        ];
        let inner = &shape[axis..];
        normalise("LayerNormalization", 17, &spread(&shape, 1), Some(inner), bias.then_some(inner), &attrs);
    }

    #[test]
    fn root_mean_square_normalisation((shape, axis) in rows(), narrow: bool) {
        let attrs = [("axis", Attr::Int(axis as i64))];
        let scale = if narrow { &shape[shape.len() - 1..] } else { &shape[axis..] };
        normalise("RMSNormalization", 23, &spread(&shape, 1), Some(scale), None, &attrs);
    }

    #[test]
    fn group_normalisation(
        batch in 1usize..3, groups in 1usize..4, each in 1usize..3, spatial in prop::collection::vec(2usize..4, 1..3),
        old: bool,
    ) {
        let channels = groups * each;
        let shape = [&[batch, channels], spatial.as_slice()].concat();
        let affine = [if old { groups } else { channels }];
        let (x, opset) = (spread(&shape, 1), if old { 18 } else { 21 });
        let attrs = [("num_groups", Attr::Int(groups as i64))];
        normalise("GroupNormalization", opset, &x, Some(&affine), Some(&affine), &attrs);
    }

    #[test]
    fn instance_normalisation(batch in 1usize..3, channels in 1usize..4, spatial in prop::collection::vec(2usize..4, 1..3)) {
        let shape = [&[batch, channels], spatial.as_slice()].concat();
        let channels = [channels];
        normalise("InstanceNormalization", 11, &spread(&shape, 1), Some(&channels), Some(&channels), &[]);
    }

    #[test]
    fn local_response_normalisation(channels in 1usize..6, half in 0i64..3, beta in 0.3f32..1.5) {
        let attrs = [
            ("size", Attr::Int(2 * half + 1)),
            ("alpha", Attr::Float(0.8)),
            ("beta", Attr::Float(beta)),
            ("bias", Attr::Float(1.5)),
        ];
        normalise("LRN", 13, &spread(&[2, channels, 2, 3], 1), None, None, &attrs);
    }
}

#[test]
fn unit_length() {
    for (p, axis) in [(1, 0), (2, 1), (2, -1), (1, -2)] {
        let attrs = [("p", Attr::Int(p)), ("axis", Attr::Int(axis))];
        normalise("LpNormalization", 13, &spread(&[3, 4, 2], 1), None, None, &attrs);
    }
}

#[test]
fn mean_and_variance() {
    for axes in [&[0, 2, 3][..], &[1], &[-1, 0], &[2, 3]] {
        let x = spread(&[2, 3, 4, 2], 1);
        normalise("MeanVarianceNormalization", 13, &x, None, None, &[("axes", Attr::Ints(axes))]);
    }
}

#[test]
fn a_large_mean_costs_no_precision() {
    let x = spread(&[4, 64], 1);
    let far = Tensor::f32(&x.shape, x.as_f32().unwrap().iter().map(|v| v + 1000.0).collect());
    let attrs = [("axis", Attr::Int(1))];
    let scale = Tensor::f32(&[64], vec![1.0; 64]);
    let model = Builder::new(17, &x.shape).tensor("scale", &scale);
    let bytes = model.node("LayerNormalization", &["x", "scale"], &["y"], &attrs).build("y");
    let weights = spread(&x.shape, 5);
    let (model, probe) = load(&bytes, &x);
    let graph = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap();
    let [near, away] = [&x, &far].map(|x| {
        let inputs = [("x", x), ("scale", &scale), ("weights", &weights)];
        crate::runtime::run(&graph, &inputs)["d:x"].as_f32().unwrap().to_vec()
    });
    // A thousandth: 1000 + x itself is rounded to 6e-5.
    assert!(near.iter().zip(&away).all(|(a, b)| (a - b).abs() < 1e-3), "{near:?} and {away:?}");
}

#[test]
fn groups_that_do_not_fit_are_refused() {
    let x = spread(&[2, 4, 3], 1);
    let (ones, attrs) = (Tensor::f32(&[2], vec![1.0; 2]), [("num_groups", Attr::Int(2))]);
    let build = |attrs: &[(&str, Attr)]| {
        let builder = Builder::new(18, &x.shape).tensor("s", &ones).tensor("b", &spread(&[2], 1));
        builder.node("GroupNormalization", &["x", "s", "b"], &["y"], attrs).build("y")
    };
    // The probe is of another model: what arrives at the importer may be anything.
    let (_, probe) = load(&build(&attrs), &x);
    for odd in [0, 3, -1] {
        let model = crate::check::learning(&build(&[("num_groups", Attr::Int(odd))]), &[]);
        let error = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap_err().to_string();
        assert!(error.contains("groups"), "{error}");
    }
}
