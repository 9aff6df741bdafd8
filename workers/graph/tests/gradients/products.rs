//! Matrix products: Gemm in all its forms, MatMul with batches and broadcasting.

use crate::check::{check, spread};
use crate::onnx::{Attr, Builder};

#[test]
fn gemm() {
    for case in 0..24 {
        let (trans_a, trans_b, bias) = (case & 1, case >> 1 & 1, case >> 2);
        let x = spread(if trans_a == 1 { &[4, 3] } else { &[3, 4] }, 1);
        let w = spread(if trans_b == 1 { &[5, 4] } else { &[4, 5] }, 2);
        let c = [None, Some(vec![5]), Some(vec![3, 1]), Some(vec![3, 5]), Some(vec![1, 1]), Some(vec![1, 5])]
            [bias]
            .clone();
        let mut held = vec![("w", w)];
        let mut inputs = vec!["x", "w"];
        if let Some(shape) = c {
            held.push(("c", spread(&shape, 3)));
            inputs.push("c");
        }
        let attrs = [
            ("transA", Attr::Int(trans_a as i64)),
            ("transB", Attr::Int(trans_b as i64)),
            ("alpha", Attr::Float(0.7)),
            ("beta", Attr::Float(1.3)),
        ];
        let builder =
            held.iter().fold(Builder::new(13, &x.shape), |b, (name, tensor)| b.tensor(name, tensor));
        check(&builder.node("Gemm", &inputs, &["y"], &attrs).build("y"), &x, &held);
    }
}

#[test]
fn matmul() {
    let cases: [(&[usize], &[usize]); 8] = [
        (&[3, 4], &[4, 2]),
        (&[2, 3, 4], &[4, 2]),
        (&[2, 3, 4], &[2, 4, 2]),
        (&[1, 3, 4], &[5, 4, 2]),
        (&[2, 1, 3, 4], &[5, 4, 2]),
        (&[3, 4], &[2, 4, 2]),
        (&[4], &[4, 2]),
        (&[2, 1, 4], &[4, 1]),
    ];
    for (left, right) in cases {
        let (x, w) = (spread(left, 1), spread(right, 2));
        let model =
            Builder::new(13, left).tensor("w", &w).node("MatMul", &["x", "w"], &["y"], &[]).build("y");
        check(&model, &x, &[("w", w)]);
    }
    // A vector on the right is no weight, but gradients pass through it.
    let x = spread(&[2, 3, 4], 1);
    let model =
        Builder::new(13, &x.shape).tensor("v", &spread(&[4], 2)).node("MatMul", &["x", "v"], &["y"], &[]);
    check(&model.build("y"), &x, &[]);
}
