//! LSTM, GRU and RNN through time.

use crate::check::{PLAIN, check, load, options, small, spread};
use crate::onnx::{Attr, Builder};
use crate::runtime;
use proptest::prelude::*;
use sweep_graph::{Lowering, Tensor, TensorData, evaluation, gradients, training_step};

/// A recurrent node over `[steps, batch, width]`.
#[derive(Debug, Clone)]
struct Case {
    kind: &'static str,
    opset: i64,
    steps: usize,
    batch: usize,
    width: usize,
    hidden: usize,
    direction: &'static str,
    bias: bool,
    initial: [bool; 2],
    /// Which of the outputs are used; at least one is.
    outputs: [bool; 3],
    /// `linear_before_reset`, or a rectifier for RNN.
    variant: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let node = (0usize..3, 0usize..3, 0usize..3, any::<(bool, bool, [bool; 2], [bool; 3])>());
    let extents = (1usize..5, 1usize..4, 1usize..4, 1usize..4);
    (node, extents).prop_map(|((kind, direction, opset, flags), (steps, batch, width, hidden))| {
        let (bias, variant, initial, mut outputs) = flags;
        outputs[0] |= outputs == [false; 3] || (kind > 0 && !outputs[1]);
        Case {
            kind: ["LSTM", "GRU", "RNN"][kind],
            opset: [11, 14, 22][opset],
            steps,
            batch,
            width,
            hidden,
            direction: ["forward", "reverse", "bidirectional"][direction],
            bias,
            initial,
            outputs,
            variant,
        }
    })
}

impl Case {
    fn check(&self) {
        let directions = 1 + usize::from(self.direction == "bidirectional");
        let rows = self.hidden
            * match self.kind {
                "LSTM" => 4,
                "GRU" => 3,
                _ => 1,
            };
        let lstm = self.kind == "LSTM";
        let x = spread(&[self.steps, self.batch, self.width], 1);
        // A rectifier must stay clear of its kink: biases of ±4 outweigh all else.
        let rectified = self.kind == "RNN" && self.variant;
        let factor = if rectified { 0.1 } else { 1.0 };
        let mut held = vec![
            ("w", small(&[directions, rows, self.width], 2, 0.5 * factor)),
            ("r", small(&[directions, rows, self.hidden], 3, 0.45 * factor)),
        ];
        let mut inputs = ["x", "w", "r", "", "", "", ""];
        if rectified {
            let sign = |i: usize| if (i % rows).is_multiple_of(2) { 2.0 } else { -2.0 };
            let extents = [directions, 2 * rows];
            held.push(("b", Tensor::f32(&extents, (0..directions * 2 * rows).map(sign).collect())));
        } else if self.bias {
            held.push(("b", small(&[directions, 2 * rows], 4, 0.3)));
        }
        if held.len() > 2 {
            inputs[3] = "b";
        }
        let mut builder = Builder::new(self.opset, &x.shape).tensor("one", &Tensor::f32(&[1], vec![1.0]));
        for (slot, name, wanted) in
            [(5, "h.weight", self.initial[0]), (6, "c.weight", self.initial[1] && lstm)]
        {
            let extents = [directions, self.batch, self.hidden];
            if wanted && extents.iter().product::<usize>() > 1 {
                held.push((name, small(&extents, 1, 0.1 * slot as f32)));
                inputs[slot] = ["h0", "c0"][slot - 5];
                builder = builder.node("Mul", &[name, "one"], &[inputs[slot]], &[]);
            }
        }
        for (name, tensor) in &held {
            builder = builder.tensor(name, tensor);
        }
        let mut attrs =
            vec![("hidden_size", Attr::Int(self.hidden as i64)), ("direction", Attr::Text(self.direction))];
        let functions: &[&str] = &["Relu", "Tanh"][..directions];
        match self.kind {
            "GRU" => attrs.push(("linear_before_reset", Attr::Int(i64::from(self.variant)))),
            "RNN" if rectified => attrs.push(("activations", Attr::Texts(functions))),
            _ => {}
        }
        let used: Vec<usize> = (0..2 + usize::from(lstm)).filter(|&slot| self.outputs[slot]).collect();
        let names = ["o0", "o1", "o2"];
        let outputs: Vec<&str> =
            (0..3).map(|slot| if used.contains(&slot) { names[slot] } else { "" }).collect();
        let outputs = &outputs[..=*used.last().unwrap()];
        let count = if lstm { 7 } else { 6 };
        builder = builder.node(self.kind, &inputs[..count], outputs, &attrs);
        let mut last = names[used[0]];
        for (&slot, sum) in used[1..].iter().zip(["s0", "s1"]) {
            builder = builder.node("Add", &[last, names[slot]], &[sum], &[]);
            last = sum;
        }
        check(&builder.build(last), &x, &held);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recurrent_nodes(case in case()) {
        case.check();
    }
}

/// A node over `[4, 2, 3]` with 2 hidden units, and a head that gives class scores.
fn classifier(kind: &str, extra: &[(&str, Attr)], lengths: Option<&[i32]>) -> Vec<u8> {
    let rows = if kind == "LSTM" { 8 } else { 6 };
    let mut attrs = vec![("hidden_size", Attr::Int(2))];
    for (name, attr) in extra {
        attrs.push((
            name,
            match attr {
                Attr::Int(v) => Attr::Int(*v),
                Attr::Float(v) => Attr::Float(*v),
                Attr::Texts(v) => Attr::Texts(v),
                _ => panic!("no case needs this"),
            },
        ));
    }
    let mut builder = Builder::new(14, &[4, 2, 3])
        .tensor("w", &small(&[1, rows, 3], 2, 0.5))
        .tensor("r", &small(&[1, rows, 2], 3, 0.5))
        .tensor("b", &small(&[1, 2 * rows], 4, 0.5))
        .tensor("shape", &Tensor::i64s(vec![2, 2]));
    if let Some(lengths) = lengths {
        builder = builder.tensor(
            "lengths",
            &Tensor { shape: vec![lengths.len()], data: sweep_graph::TensorData::I32(lengths.to_vec()) },
        );
    }
    let lengths = if lengths.is_some() { "lengths" } else { "" };
    builder
        .node(kind, &["x", "w", "r", "b", lengths], &["", "h"], &attrs)
        .node("Reshape", &["h", "shape"], &["y"], &[])
        .build("y")
}

#[test]
fn evaluation_and_training_agree() {
    for kind in ["LSTM", "GRU"] {
        let x = spread(&[4, 2, 3], 1);
        let (model, probe) = load(&classifier(kind, &[], Some(&[4, 4])), &x);
        let options = options(2, PLAIN);
        let step = training_step(&model, &probe, &options).unwrap();
        let state: Vec<Tensor> =
            step.state.iter().map(|s| Tensor::f32(&s.shape, s.exported.clone())).collect();
        let labels = Tensor::i64s(vec![0, 1]);
        let mut inputs: Vec<(&str, &Tensor)> =
            step.state.iter().zip(&state).map(|(s, tensor)| (s.name.as_str(), tensor)).collect();
        inputs.extend([("x", &x), (step.target.name.as_str(), &labels)]);
        let one = Tensor { shape: vec![], data: TensorData::F64(vec![1.0]) };
        let clock = ["rate", "momentum", "count"].map(|name| (name, &one));
        let trained = runtime::run(&step.bytes, &[inputs.as_slice(), &clock].concat());
        let pass = evaluation(&model, &probe, &options).unwrap();
        let valid = Tensor::f32(&[2], vec![1.0; 2]);
        let evaluated =
            runtime::run(&pass.bytes, &[inputs.as_slice(), &[(pass.valid.as_str(), &valid)]].concat());
        let [mean, sum] =
            [&trained[&step.loss], &evaluated[&pass.metrics[0].sum]].map(|t| t.as_f32().unwrap()[0]);
        assert!((2.0 * mean - sum).abs() < 1e-6, "{kind}: {mean} and {sum}");
        assert!(step.state.iter().all(|s| trained[&s.next] != Tensor::f32(&s.shape, s.exported.clone())));
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let odd: &[&str] = &["Sigmoid", "Relu", "Tanh"];
    type Case<'a> = (&'a str, &'a [(&'a str, Attr<'a>)], Option<&'a [i32]>, &'a str);
    let cases: [Case; 4] = [
        ("LSTM", &[("clip", Attr::Float(1.0))], None, "clipping"),
        ("LSTM", &[("input_forget", Attr::Int(1))], None, "coupled gates"),
        ("LSTM", &[("activations", Attr::Texts(odd))], None, "activations"),
        ("GRU", &[], Some(&[4, 3]), "`sequence_lens`"),
    ];
    for (kind, attrs, lengths, reason) in cases {
        let (model, probe) = load(&classifier(kind, attrs, lengths), &spread(&[4, 2, 3], 1));
        let error = training_step(&model, &probe, &options(2, PLAIN)).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(&format!("{kind}_0")), "{error}");
    }
}

#[test]
fn more_steps_than_a_graph_should_hold_are_refused() {
    let x = spread(&[4097, 1, 1], 1);
    let bytes = Builder::new(14, &x.shape)
        .tensor("w", &spread(&[1, 1, 1], 2))
        .tensor("r", &small(&[1, 1, 1], 3, 0.1))
        .node("RNN", &["x", "w", "r"], &["y"], &[("hidden_size", Attr::Int(1))])
        .build("y");
    let (model, probe) = load(&bytes, &x);
    let error = gradients(&model, &probe, &["x"], Lowering::Cpu).unwrap_err().to_string();
    assert!(error.contains("4096") && error.contains("RNN_0"), "{error}");
}
