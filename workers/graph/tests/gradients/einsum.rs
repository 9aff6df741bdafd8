//! Einstein sums: every way in which a label can occur.

use crate::check::{check, load, small, spread};
use crate::onnx::Builder;
use sweep_graph::{Lowering, Tensor, gradients};

/// The sum of `x` and named operands, which are products because not every operand is known to train.
fn model(equation: &str, x: &[usize], others: &[&[usize]]) -> (Vec<u8>, Vec<(&'static str, Tensor)>) {
    let names = [("a.weight", "a"), ("b.weight", "b")];
    let mut builder = Builder::new(12, x).tensor("one", &Tensor::f32(&[1], vec![1.0]));
    let (mut held, mut inputs) = (vec![], vec!["x"]);
    for (shape, (name, value)) in others.iter().zip(names) {
        let tensor = small(shape, 2, 0.3 + 0.1 * held.len() as f32);
        builder = builder.tensor(name, &tensor).node("Mul", &[name, "one"], &[value], &[]);
        held.push((name, tensor));
        inputs.push(value);
    }
    let attrs = [("equation", crate::onnx::Attr::Text(equation))];
    (builder.node("Einsum", &inputs, &["y"], &attrs).build("y"), held)
}

#[test]
fn equations() {
    type Case<'a> = (&'a str, &'a [usize], &'a [&'a [usize]]);
    let cases: &[Case] = &[
        // Products of matrices, also transposed, batched, and with the result's axes moved.
        ("ij,jk->ik", &[3, 4], &[&[4, 2]]),
        ("ji, kj -> ki", &[4, 3], &[&[2, 4]]),
        ("bhid,bhjd->bhij", &[2, 2, 3, 4], &[&[2, 2, 5, 4]]),
        ("bhij,bjhd->bihd", &[2, 2, 3, 4], &[&[2, 4, 2, 3]]),
        ("bij,jk", &[2, 3, 4], &[&[4, 2]]),
        // Outer and elementwise products, one operand, three operands.
        ("i,j->ij", &[3], &[&[4]]),
        ("ij,ij->ij", &[3, 4], &[&[3, 4]]),
        ("ij,ij->", &[3, 4], &[&[3, 4]]),
        ("ij->ji", &[3, 4], &[]),
        ("ij->", &[3, 4], &[]),
        ("ijk->j", &[3, 4, 2], &[]),
        ("bi,ijk,bk->bj", &[2, 3], &[&[3, 4, 2], &[2, 2]]),
        // Labels that one operand alone has, and that are summed.
        ("ij,jk->k", &[3, 4], &[&[4, 2]]),
        ("ij,kl->il", &[3, 4], &[&[2, 5]]),
        // Ellipses and axes of extent 1, which broadcast.
        ("...ij,...jk->...ik", &[2, 3, 2, 4], &[&[1, 3, 4, 2]]),
        ("...ij,jk", &[2, 3, 4], &[&[4, 2]]),
        ("i...,i->...", &[3, 2, 4], &[&[3]]),
        ("...i,...i->...i", &[2, 1, 4], &[&[1, 3, 4]]),
        ("Zz,zA->AZ", &[3, 4], &[&[4, 2]]),
        ("ij,jk->ik", &[1, 1], &[&[1, 2]]),
    ];
    for (equation, x, others) in cases {
        let (bytes, held) = model(equation, x, others);
        check(&bytes, &spread(x, 1), &held);
    }
}

#[test]
fn a_label_twice_in_one_operand_is_refused() {
    let x = spread(&[3, 3], 1);
    let (model, probe) = load(&model("ii->i", &x.shape, &[]).0, &x);
    let error = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap_err().to_string();
    assert!(error.contains("`ii->i`") && error.contains("twice"), "{error}");
}
