//! Odd but runnable models: attributes and constants at random, scalars, empty axes. What the runtime accepts must end in
//! a graph that it runs, or in an error; never in a panic.

use crate::check::spread;
use crate::onnx::{Attr, Builder};
use crate::runtime;
use proptest::prelude::*;
use sweep_graph::{Lowering, Tensor, TensorData, gradients};

/// Operators with what they read (`x` the input, `i` whole numbers, `n` without negative ones, `f` a number, `c` a condition, `-` nothing) and their attributes.
const OPERATORS: &[(&str, &str, &[&str])] = &[
    ("Slice", "xiiii", &[]),
    ("Slice", "xii", &[]),
    ("Pad", "xn", &[]),
    ("Pad", "xnf", &[]),
    ("Gather", "xi", &["axis"]),
    ("GatherElements", "xi", &["axis"]),
    ("GatherND", "xi", &[]),
    ("ScatterElements", "xix", &["axis"]),
    ("ScatterND", "xix", &[]),
    ("Split", "xn", &["axis"]),
    ("Split", "x", &["axis"]),
    ("Concat", "xx", &["axis"]),
    ("Expand", "xn", &[]),
    ("Tile", "xi", &[]),
    ("CumSum", "xi", &["exclusive", "reverse"]),
    ("Trilu", "xi", &["upper"]),
    ("DepthToSpace", "x", &["blocksize"]),
    ("SpaceToDepth", "x", &["blocksize"]),
    ("ReduceMax", "xi", &["keepdims", "noop_with_empty_axes"]),
    ("ReduceL2", "xi", &["keepdims"]),
    ("ReduceSum", "xi", &["keepdims", "noop_with_empty_axes"]),
    ("ReduceProd", "x", &["keepdims"]),
    ("Hardmax", "x", &["axis"]),
    ("Softmax", "x", &["axis"]),
    ("Squeeze", "xi", &[]),
    ("Unsqueeze", "xi", &[]),
    ("Where", "cxf", &[]),
    ("Max", "xff", &[]),
    ("Pow", "xi", &[]),
    ("Clip", "xff", &[]),
    ("Mod", "xf", &["fmod"]),
    ("LayerNormalization", "xx", &["axis"]),
    ("MeanVarianceNormalization", "x", &[]),
    ("LpNormalization", "x", &["axis", "p"]),
    ("LRN", "x", &["size"]),
    ("ConvTranspose", "xx", &["group"]),
    ("Resize", "x--n", &[]),
];

const NUMBERS: [i64; 12] = [0, 1, -1, 2, -2, 3, 4, -5, 7, i64::MAX, i64::MIN, 1 << 40];

fn numbers(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<i64>> {
    // Small ones mostly, so that the runtime accepts some of the models.
    let number = prop_oneof![8 => 0usize..5, 1 => 0usize..NUMBERS.len()];
    prop::collection::vec(number.prop_map(|i| NUMBERS[i]), count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn odd_models_end_in_a_graph_or_an_error(
        operator in 0..OPERATORS.len(),
        shape in prop::collection::vec(0usize..5, 0..5),
        ints in prop::collection::vec((numbers(0..4), any::<bool>()), 4),
        attrs in numbers(2),
        old: bool,
    ) {
        let (op, kinds, names) = OPERATORS[operator];
        let mut builder = Builder::new(if old { 13 } else { 18 }, &shape);
        let mut inputs = Vec::new();
        for (slot, kind) in kinds.chars().enumerate() {
            let name = match kind {
                'x' => "x".to_owned(),
                '-' => String::new(),
                _ => format!("c{slot}"),
            };
            let (values, scalar) = ints[slot.min(3)].clone();
            let extents = if scalar && !values.is_empty() { vec![] } else { vec![values.len()] };
            let values = if extents.is_empty() { vec![values[0]] } else { values };
            let data = match kind {
                'n' => Some(TensorData::I64(values.iter().map(|v| v.max(&0)).copied().collect())),
                'i' => Some(TensorData::I64(values)),
                'f' => Some(TensorData::F32(values.iter().map(|&v| v as f32).collect())),
                'c' => Some(TensorData::Bool(values.iter().map(|v| v % 2 == 0).collect())),
                _ => None,
            };
            if let Some(data) = data {
                builder = builder.tensor(&name, &Tensor { shape: extents, data });
            }
            inputs.push(name);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let attrs: Vec<(&str, Attr)> = names.iter().zip(&attrs).map(|(name, &v)| (*name, Attr::Int(v))).collect();
        let outputs: &[&str] = if op == "Split" { &["y", "z"] } else { &["y"] };
        let model = builder.node(op, &inputs, outputs, &attrs).build("y");
        let (x, model) = (spread(&shape, 1), crate::check::learning(&model, &[]));
        if let Ok((probe, output)) = runtime::try_probe(&model, &x)
            && let Ok(graph) = gradients(&model, &probe, &["x"], Lowering::Cpu)
        {
            let found = runtime::run(&graph, &[("x", &x), ("weights", &spread(&output.shape, 2))]);
            prop_assert_eq!(&found["d:x"].shape, &shape);
        }
    }
}
