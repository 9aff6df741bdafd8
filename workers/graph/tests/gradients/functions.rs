//! Elementwise functions of one input, activations and powers, in every opset whose rules differ.

use crate::check::{check, floats, slopes, slopes_held, spread};
use crate::onnx::{Attr, Builder};
use sweep_graph::Tensor;

/// Where the rules of operators changed.
pub(crate) const OPSETS: [i64; 7] = [11, 12, 13, 17, 18, 20, 23];

/// Values in [0.6, 2.6].
fn positive(shape: &[usize]) -> Tensor {
    let values = spread(shape, 5);
    Tensor::f32(shape, floats(&values).iter().map(|v| v / 2.0 + 1.6).collect())
}

#[test]
fn functions_of_one_input() {
    let alpha = || vec![("alpha", Attr::Float(0.7))];
    // With the opset that brought them.
    let cases = vec![
        ("Abs", 11, vec![]),
        ("Celu", 12, vec![]),
        ("Celu", 12, alpha()),
        ("Cos", 11, vec![]),
        ("Elu", 11, vec![]),
        ("Elu", 11, alpha()),
        ("Erf", 11, vec![]),
        ("Exp", 11, vec![]),
        ("Gelu", 20, vec![]),
        ("Gelu", 20, vec![("approximate", Attr::Text("tanh"))]),
        ("HardSigmoid", 11, vec![]),
        ("HardSigmoid", 11, vec![("alpha", Attr::Float(0.4)), ("beta", Attr::Float(0.3))]),
        ("HardSwish", 14, vec![]),
        ("LeakyRelu", 11, alpha()),
        ("Mish", 18, vec![]),
        ("Neg", 11, vec![]),
        ("Relu", 11, vec![]),
        ("Selu", 11, vec![]),
        ("Selu", 11, vec![("alpha", Attr::Float(1.2)), ("gamma", Attr::Float(0.8))]),
        ("Sigmoid", 11, vec![]),
        ("Sin", 11, vec![]),
        ("Softplus", 11, vec![]),
        ("Softsign", 11, vec![]),
        ("Tanh", 11, vec![]),
        ("ThresholdedRelu", 11, vec![]),
        ("ThresholdedRelu", 11, alpha()),
    ];
    let shape = [3, 4, 5];
    // Wide enough for both bends of HardSigmoid and HardSwish, with no value at a bend.
    let wide = Tensor::f32(&shape, floats(&spread(&shape, 4)).iter().map(|v| 2.4 * v).collect());
    for (op, since, attrs) in &cases {
        for opset in OPSETS.into_iter().filter(|opset| opset >= since) {
            pointwise(&Builder::new(opset, &shape).node(op, &["x"], &["y"], attrs).build("y"), &wide);
        }
    }
    for op in ["Log", "Sqrt", "Reciprocal"] {
        for opset in OPSETS {
            let model = Builder::new(opset, &shape).node(op, &["x"], &["y"], &[]);
            pointwise(&model.build("y"), &positive(&shape));
        }
    }
}

/// Largest difference between an elementwise function's slope and its central difference, as a share of 1 + the slope.
const POINTWISE: f32 = 5e-4;

/// Checks a function of each element alone at every element, which is far sharper than along a direction.
fn pointwise(bytes: &[u8], x: &Tensor) {
    check(bytes, x, &[]);
    let step = 1.0 / 128.0;
    let [up, down] = [step, -step].map(|step| {
        let moved = Tensor::f32(&x.shape, floats(x).iter().map(|v| v + step).collect());
        crate::runtime::probe(
            &sweep_graph::Model::decode(bytes, &sweep_graph::Selection::default()).unwrap(),
            &moved,
        )
        .1
    });
    let found = slopes(bytes, x, &["x"]);
    for (i, slope) in floats(&found["d:x"]).iter().enumerate() {
        let difference = (floats(&up)[i] - floats(&down)[i]) / (2.0 * step);
        let near = (slope - difference).abs() <= POINTWISE * (1.0 + slope.abs());
        assert!(near, "at {}: slope {slope}, difference {difference}", floats(x)[i]);
    }
}

#[test]
fn activations_do_not_overflow_far_from_zero() {
    let x = Tensor::f32(&[4], vec![-150.0, -20.0, 20.0, 150.0]);
    for op in ["Celu", "Elu", "Gelu", "HardSwish", "Mish", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh"]
    {
        let model = Builder::new(20, &[4]).node(op, &["x"], &["y"], &[]).build("y");
        let found = slopes(&model, &x, &["x"]);
        let slope = floats(&found["d:x"]);
        assert!(slope.iter().all(|v| v.is_finite() && v.abs() < 2.0), "`{op}`: {slope:?}");
    }
}

#[test]
fn prelu_with_slopes_of_any_extents() {
    let x = spread(&[2, 3, 4], 1);
    for (opset, extents) in [(11, &[1][..]), (13, &[3, 1]), (16, &[4]), (18, &[2, 3, 4]), (23, &[1, 3, 1])] {
        let slope = spread(extents, 2);
        let model = Builder::new(opset, &x.shape).tensor("slope", &slope);
        check(&model.node("PRelu", &["x", "slope"], &["y"], &[]).build("y"), &x, &[("slope", slope)]);
    }
}

#[test]
fn powers_with_a_constant_exponent() {
    let shape = [3, 4];
    for (opset, exponent) in [
        (11, 2.0f32),
        (12, 3.0),
        (13, 0.5),
        (15, -0.5),
        (17, -1.0),
        (18, 1.7),
        (20, 1.0),
        (23, 0.0),
        (23, 2.0),
    ] {
        for extents in [&[][..], &[1], &[1, 1, 1]] {
            let exponent = Tensor::f32(extents, vec![exponent]);
            let model = Builder::new(opset, &shape).tensor("p", &exponent);
            check(&model.node("Pow", &["x", "p"], &["y"], &[]).build("y"), &positive(&shape), &[]);
        }
    }
    let whole = Tensor { shape: vec![], data: sweep_graph::TensorData::I64(vec![2]) };
    for opset in [12, 13, 17, 23] {
        let model = Builder::new(opset, &shape).tensor("p", &whole);
        check(&model.node("Pow", &["x", "p"], &["y"], &[]).build("y"), &spread(&shape, 1), &[]);
    }
}

#[test]
fn powers_with_exponents_that_train() {
    let x = positive(&[3, 4]);
    for (opset, extents) in [(11, &[4][..]), (12, &[3, 1]), (13, &[2, 3, 4]), (18, &[1]), (23, &[3, 4])] {
        let p = spread(extents, 2);
        let model = Builder::new(opset, &x.shape).learnt("p", &p);
        check(&model.node("Pow", &["x", "p"], &["y"], &[]).build("y"), &x, &[("p.weight", p)]);
    }
}

#[test]
fn powers_of_zero_have_the_gradients_of_pytorch() {
    let x = Tensor::f32(&[6], vec![0.0; 6]);
    let p = Tensor::f32(&[6], vec![0.0, 1.0, 2.0, 3.0, 1.5, 4.0]);
    let model = Builder::new(17, &[6]).learnt("p", &p).node("Pow", &["x", "p"], &["y"], &[]).build("y");
    let graph = slopes_held(&model, &x, &[("p.weight", &p)], &["x", "p.weight"]);
    assert_eq!(floats(&graph["d:x"]), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(floats(&graph["d:p.weight"]), [0.0; 6]);
    let square = Builder::new(17, &[6]).tensor("two", &Tensor::f32(&[], vec![2.0]));
    let model = square.node("Pow", &["x", "two"], &["y"], &[]).build("y");
    assert_eq!(floats(&slopes(&model, &x, &["x"])["d:x"]), [0.0; 6]);
}
