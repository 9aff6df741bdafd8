//! Attention in every form that ONNX Runtime's own operator has.

use crate::check::{check, load, small, spread};
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::{Lowering, Tensor, TensorData, gradients};

/// Self-attention over `x` `[batch, length, width]`, or over as many keys as `keys` says.
#[derive(Debug, Clone)]
struct Case {
    batch: usize,
    length: usize,
    keys: usize,
    key_heads: usize,
    shared: usize,
    size: usize,
    value_size: usize,
    flat: bool,
    /// 0 for none, 1 for a float mask, 2 for a boolean one; of how many axes.
    mask: usize,
    axes: usize,
    causal: bool,
    softcap: bool,
    scale: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let extents = (1usize..3, 1usize..5, 1usize..5, 1usize..3, 1usize..3, 1usize..4, 1usize..4);
    (extents, 0usize..3, 1usize..5, any::<[bool; 4]>()).prop_map(
        |((batch, length, keys, key_heads, shared, size, value_size), mask, axes, flags)| {
            let [flat, causal, softcap, scale] = flags;
            Case {
                batch,
                length,
                keys,
                key_heads,
                shared,
                size,
                value_size,
                flat,
                mask,
                axes,
                causal,
                softcap,
                scale,
            }
        },
    )
}

impl Case {
    /// A boolean mask bars every third pair, and the first query from everything.
    fn mask(&self) -> Tensor {
        let full = [self.batch, self.key_heads * self.shared, self.length, self.keys];
        // ONNX Runtime wants the last two axes whole.
        let shape = full[4 - self.axes.max(2)..].to_vec();
        if self.mask == 1 {
            return small(&shape, 7, 0.5);
        }
        let count = shape.iter().product::<usize>();
        let allowed =
            (0..count).map(|i| i % 3 != 1 && !(i / self.keys).is_multiple_of(self.length)).collect();
        Tensor { shape, data: TensorData::Bool(allowed) }
    }

    fn check(&self) {
        let width = 3;
        let x = spread(&[self.batch, self.length, width], 1);
        let heads = [self.key_heads * self.shared, self.key_heads, self.key_heads];
        let sizes = [self.size, self.size, self.value_size];
        let lengths = [self.length, self.keys, self.keys];
        let mut held = vec![("mix", small(&[self.keys, self.length], 5, 0.4))];
        let mut builder = Builder::new(23, &x.shape).node("MatMul", &["mix", "x"], &["memory"], &[]);
        let names = [("wq", "q"), ("wk", "k"), ("wv", "v")];
        for (slot, (weight, mut name)) in names.into_iter().enumerate() {
            held.push((weight, small(&[width, heads[slot] * sizes[slot]], 2, 0.3 + 0.1 * slot as f32)));
            let from = if slot == 0 { "x" } else { "memory" };
            builder = builder.node("MatMul", &[from, weight], &[name], &[]);
            if !self.flat {
                let (shape, apart) = (["sq", "sk", "sv"][slot], ["aq", "ak", "av"][slot]);
                let extents = [self.batch, lengths[slot], heads[slot], sizes[slot]].map(|d| d as i64);
                builder = builder.tensor(shape, &Tensor::i64s(extents.to_vec()));
                builder = builder.node("Reshape", &[name, shape], &[apart], &[]);
                name = ["hq", "hk", "hv"][slot];
                builder =
                    builder.node("Transpose", &[apart], &[name], &[("perm", Attr::Ints(&[0, 2, 1, 3]))]);
            }
        }
        for (name, tensor) in &held {
            builder = builder.tensor(name, tensor);
        }
        let mut inputs = if self.flat { vec!["q", "k", "v"] } else { vec!["hq", "hk", "hv"] };
        if self.mask > 0 {
            builder = builder.tensor("mask", &self.mask());
            inputs.push("mask");
        }
        let mut attrs = vec![("is_causal", Attr::Int(i64::from(self.causal)))];
        if self.flat {
            attrs.push(("q_num_heads", Attr::Int(heads[0] as i64)));
            attrs.push(("kv_num_heads", Attr::Int(heads[1] as i64)));
        }
        if self.softcap {
            attrs.push(("softcap", Attr::Float(0.8)));
        }
        if self.scale {
            attrs.push(("scale", Attr::Float(0.9)));
        }
        check(&builder.node("Attention", &inputs, &["y"], &attrs).build("y"), &x, &held);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_form(case in case()) {
        case.check();
    }
}

#[test]
fn a_mask_that_trains() {
    let x = spread(&[1, 2, 3, 2], 1);
    let bias = small(&[2, 3, 3], 2, 0.5);
    let bytes = Builder::new(23, &x.shape)
        .tensor("position.bias", &bias)
        .tensor("one", &Tensor::f32(&[1], vec![1.0]))
        .node("Mul", &["position.bias", "one"], &["m"], &[])
        .node("Attention", &["x", "x", "x", "m"], &["y"], &[])
        .build("y");
    check(&bytes, &x, &[("position.bias", bias)]);
}

#[test]
fn what_is_not_supported_is_named() {
    let x = spread(&[1, 2, 3, 2], 1);
    let past = spread(&[1, 2, 1, 2], 2);
    let bytes = Builder::new(23, &x.shape)
        .tensor("past", &past)
        .node("Attention", &["x", "x", "x", "", "past", "past"], &["y", "pk", "pv"], &[])
        .build("y");
    let (model, probe) = load(&bytes, &x);
    let error = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap_err().to_string();
    assert!(error.contains("cache") && error.contains("Attention_0"), "{error}");
    let bytes = Builder::new(23, &x.shape)
        .node("Attention", &["x", "x", "x"], &["o", "", "", "scores"], &[])
        .node("Softmax", &["scores"], &["y"], &[])
        .build("y");
    let (model, probe) = load(&bytes, &x);
    let error = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap_err().to_string();
    assert!(error.contains("first output"), "{error}");
}
