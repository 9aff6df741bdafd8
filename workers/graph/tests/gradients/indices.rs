//! Operators that pick and place elements by index, operators of several inputs, and conversions.

use crate::check::{check, floats, slopes, spread};
use crate::functions::OPSETS;
use crate::onnx::{Attr, Builder};
use sweep_graph::{Tensor, TensorData};

fn indices(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor { shape: shape.to_vec(), data: TensorData::I64(values.to_vec()) }
}

#[test]
fn gathers_by_constant_indices_of_any_rank() {
    let shape = [3, 4, 2];
    let cases: [(&[usize], &[i64]); 7] = [
        (&[], &[1]),
        (&[], &[-1]),
        (&[1], &[0]),
        (&[3], &[1, 1, -2]),
        (&[2], &[1, 0]),
        (&[2, 2], &[-1, 0, 0, 1]),
        (&[1, 2], &[0, 1]),
    ];
    for opset in OPSETS {
        for axis in [0, 1, -1] {
            for (extents, values) in cases {
                let builder = Builder::new(opset, &shape).tensor("i", &indices(extents, values));
                let model = builder.node("Gather", &["x", "i"], &["y"], &[("axis", Attr::Int(axis))]);
                check(&model.build("y"), &spread(&shape, 1), &[]);
            }
        }
    }
}

#[test]
fn embeddings_sum_over_equal_tokens() {
    let tokens = Tensor::f32(&[2, 3], vec![0.0, 4.0, 1.0, 4.0, -1.0, 4.0]);
    let table = spread(&[5, 3], 2);
    for opset in OPSETS {
        for wide in [6, 7] {
            let model = Builder::new(opset, &[2, 3])
                .tensor("embed.weight", &table)
                .node("Cast", &["x"], &["i"], &[("to", Attr::Int(wide))])
                .node("Gather", &["embed.weight", "i"], &["y"], &[]);
            // The gradient of the tokens themselves is zero, whatever their difference says.
            check_parameter(&model.build("y"), &tokens, ("embed.weight", &table));
        }
    }
}

/// Checks the gradient of a parameter that the output is linear in: Σ over where it went.
fn check_parameter(bytes: &[u8], x: &Tensor, (name, tensor): (&str, &Tensor)) {
    let found = crate::check::slopes_held(bytes, x, &[(name, tensor)], &[name]);
    let mut expected = vec![0.0; tensor.len()];
    for &token in floats(x) {
        let row = if token < 0.0 { 5 + token as i64 } else { token as i64 } as usize;
        expected[3 * row..3 * row + 3].iter_mut().for_each(|v| *v += 1.0);
    }
    assert_eq!(floats(&found[&format!("d:{name}")]), expected);
}

#[test]
fn elements_by_their_own_indices() {
    let shape = [3, 4];
    let x = spread(&shape, 1);
    let picks = indices(&[2, 4], &[0, 1, 2, -1, 0, 1, -1, 2]);
    for opset in OPSETS {
        let builder = Builder::new(opset, &shape).tensor("i", &picks);
        let model = builder.node("GatherElements", &["x", "i"], &["y"], &[("axis", Attr::Int(0))]);
        check(&model.build("y"), &x, &[]);
        let builder = Builder::new(opset, &shape).tensor("i", &indices(&[3, 2], &[0, 3, -1, 1, 1, 1]));
        let model = builder.node("GatherElements", &["x", "i"], &["y"], &[("axis", Attr::Int(-1))]);
        check(&model.build("y"), &x, &[]);
    }
}

#[test]
fn elements_by_tuples_of_indices() {
    let shape = [2, 3, 4];
    let cases: [(i64, &[usize], &[i64]); 5] = [
        (0, &[2, 3], &[0, 1, 2, -1, -1, -1]),
        (0, &[3, 1], &[1, 0, 1]),
        (0, &[2, 2, 2], &[0, 0, 1, 2, 0, 0, 1, -1]),
        (1, &[2, 1], &[2, 0]),
        (1, &[2, 2, 2], &[0, 1, 2, 3, -1, -1, 2, 3]),
    ];
    for opset in OPSETS {
        for (batch, extents, values) in cases {
            let attrs = [("batch_dims", Attr::Int(batch))];
            let attrs = if opset < 12 { &[] } else { &attrs[..] };
            if opset >= 12 || batch == 0 {
                let builder = Builder::new(opset, &shape).tensor("i", &indices(extents, values));
                let model = builder.node("GatherND", &["x", "i"], &["y"], attrs);
                check(&model.build("y"), &spread(&shape, 1), &[]);
            }
        }
    }
}

#[test]
fn elements_that_are_placed() {
    let shape = [3, 4];
    let (x, updates) = (spread(&shape, 1), spread(&[2, 4], 2));
    for opset in OPSETS {
        for reduction in ["none", "add"] {
            let attrs = [("reduction", Attr::Text(reduction))];
            let attrs = if opset < 16 { &[] } else { &attrs[..] };
            if opset < 16 && reduction == "add" {
                continue;
            }
            let builder = Builder::new(opset, &shape).learnt("u", &updates);
            let builder = builder.tensor("i", &indices(&[2, 4], &[0, 1, 2, -1, 1, 0, 1, 0]));
            let model = builder.node("ScatterElements", &["x", "i", "u"], &["y"], attrs);
            check(&model.build("y"), &x, &[("u.weight", updates.clone())]);
            let builder =
                Builder::new(opset, &shape).learnt("u", &updates).tensor("i", &indices(&[2, 1], &[2, 0]));
            let model = builder.node("ScatterND", &["x", "i", "u"], &["y"], attrs);
            check(&model.build("y"), &x, &[("u.weight", updates.clone())]);
        }
    }
}

#[test]
fn the_largest_of_several() {
    let shapes: [&[usize]; 3] = [&[2, 3, 4], &[4], &[3, 1]];
    let [x, a, b] = [0, 1, 2].map(|i| {
        let values = spread(shapes[i], 7 + i as u64);
        // Values of different inputs stay apart by more than the step.
        Tensor::f32(shapes[i], floats(&values).iter().map(|v| v + 0.021 * i as f32).collect())
    });
    for opset in OPSETS {
        for op in ["Max", "Min", "Sum", "Mean"] {
            for inputs in [&["x"][..], &["x", "a"], &["b", "x", "a"]] {
                let builder = Builder::new(opset, &x.shape).learnt("a", &a).learnt("b", &b);
                let held = [("a.weight", a.clone()), ("b.weight", b.clone())];
                let held = if inputs.len() == 3 { &held[..] } else { &held[..inputs.len() - 1] };
                check(&builder.node(op, inputs, &["y"], &[]).build("y"), &x, held);
            }
        }
    }
    let model = Builder::new(13, &[3]).tensor("c", &Tensor::f32(&[], vec![1.0]));
    let model = model.node("Max", &["x", "c"], &["y"], &[]).build("y");
    let found = slopes(&model, &Tensor::f32(&[3], vec![0.0, 1.0, 2.0]), &["x"]);
    assert_eq!(floats(&found["d:x"]), [0.0, 0.5, 1.0], "half at a tie");
}

#[test]
fn branches_of_a_choice() {
    let x = spread(&[2, 3, 4], 1);
    let other = spread(&[3, 1], 2);
    let conditions: [&[usize]; 3] = [&[4], &[2, 3, 4], &[2, 1, 1]];
    for opset in OPSETS {
        for extents in conditions {
            let count: usize = extents.iter().product();
            let data = TensorData::Bool((0..count).map(|i| i % 3 == 0).collect());
            for inputs in [["c", "x", "b"], ["c", "b", "x"]] {
                let builder = Builder::new(opset, &x.shape).learnt("b", &other);
                let builder = builder.tensor("c", &Tensor { shape: extents.to_vec(), data: data.clone() });
                let model = builder.node("Where", &inputs, &["y"], &[]);
                check(&model.build("y"), &x, &[("b.weight", other.clone())]);
            }
        }
        // A condition that depends on the input, joined from others.
        let model = Builder::new(opset, &x.shape)
            .tensor("low", &Tensor::f32(&[], vec![-1.0]))
            .tensor("high", &Tensor::f32(&[], vec![1.02]))
            .node("Less", &["x", "low"], &["below"], &[])
            .node("Greater", &["x", "high"], &["above"], &[])
            .node("Or", &["below", "above"], &["outside"], &[])
            .node("Not", &["outside"], &["inside"], &[])
            .node("Where", &["inside", "x", "low"], &["y"], &[]);
        check(&model.build("y"), &spread(&[2, 3, 4], 3), &[]);
    }
}

#[test]
fn remainders_and_conversions() {
    let x = spread(&[3, 4], 1);
    let divisor = Tensor::f32(&[4], vec![0.71, -0.53, 0.9, 1.3]);
    for opset in OPSETS {
        let builder = Builder::new(opset, &x.shape).learnt("b", &divisor);
        let model = builder.node("Mod", &["x", "b"], &["y"], &[("fmod", Attr::Int(1))]);
        check(&model.build("y"), &x, &[("b.weight", divisor.clone())]);
        // Through float64 and back, and a whole number beside it, which has no gradient.
        let model = Builder::new(opset, &x.shape)
            .node("Cast", &["x"], &["wide"], &[("to", Attr::Int(11))])
            .node("Cast", &["wide"], &["back"], &[("to", Attr::Int(1))])
            .node("Cast", &["back"], &["same"], &[("to", Attr::Int(1))])
            .node("ReduceSum", &["x"], &["total"], &[("keepdims", Attr::Int(0))])
            .node("Cast", &["total"], &["whole"], &[("to", Attr::Int(7))])
            .node("Cast", &["whole"], &["number"], &[("to", Attr::Int(1))])
            .node("Add", &["same", "number"], &["y"], &[]);
        check(&model.build("y"), &x, &[]);
    }
    for opset in OPSETS.into_iter().filter(|&opset| opset >= 15) {
        let like = Builder::new(opset, &x.shape).node("CastLike", &["x", "x"], &["y"], &[]);
        check(&like.build("y"), &x, &[]);
    }
}
