//! Operators that move, cut, repeat and surround, and sequences of tensors.

use crate::check::{check, spread};
use crate::functions::OPSETS;
use crate::onnx::{Attr, Builder};
use proptest::prelude::*;
use sweep_graph::{Tensor, TensorData};

fn ints(values: &[i64]) -> Tensor {
    Tensor::i64s(values.to_vec())
}

fn int(value: i64) -> Tensor {
    Tensor { shape: vec![], data: TensorData::I64(vec![value]) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slices(
        cuts in prop::collection::vec((0usize..3, -9i64..9, -9i64..9, prop::sample::select(vec![-3i64, -2, -1, 1, 2, 3])), 1..4),
        opset in 0..OPSETS.len(), plain: bool,
    ) {
        let shape = [4usize, 5, 3];
        let mut cuts = cuts;
        cuts.sort_by_key(|cut| cut.0);
        cuts.dedup_by_key(|cut| cut.0);
        let column = |pick: fn(&(usize, i64, i64, i64)) -> i64| ints(&cuts.iter().map(pick).collect::<Vec<_>>());
        let builder = Builder::new(OPSETS[opset], &shape)
            .tensor("starts", &column(|cut| if cut.3 < 0 { cut.1.max(cut.2) } else { cut.1.min(cut.2) }))
            .tensor("ends", &column(|cut| if cut.3 < 0 { cut.1.min(cut.2) } else { cut.1.max(cut.2) + 1 }))
            .tensor("axes", &column(|cut| cut.0 as i64 - if cut.1 < 0 { 3 } else { 0 }))
            .tensor("steps", &column(|cut| cut.3));
        let steps = cuts.iter().any(|cut| cut.3 != 1);
        let leading = cuts.iter().enumerate().all(|(i, cut)| i == cut.0);
        let inputs: &[&str] = match (steps, leading && plain) {
            (true, _) => &["x", "starts", "ends", "axes", "steps"],
            (false, false) => &["x", "starts", "ends", "axes"],
            (false, true) => &["x", "starts", "ends"],
        };
        // The whole has to keep some elements: a second, uncut branch.
        let builder = builder
            .node("Slice", inputs, &["cut"], &[])
            .node("ReduceSum", &["cut"], &["sum"], &[("keepdims", Attr::Int(0))])
            .node("Mul", &["x", "sum"], &["y"], &[]);
        check(&builder.build("y"), &spread(&shape, 2), &[]);
    }

    #[test]
    fn pads(
        ends in prop::array::uniform6(-2i64..4), opset in 0..OPSETS.len(), mode in 0usize..4, some: bool,
    ) {
        let (opset, shape, mut ends) = (OPSETS[opset], [3usize, 4, 5], ends);
        let mode = ["constant", "reflect", "edge", if opset >= 19 { "wrap" } else { "constant" }][mode];
        // At least two elements stay of each axis, and none is reflected beyond them.
        for axis in 0..3 {
            let [before, after] = [ends[axis], ends[axis + 3]];
            let stays = shape[axis] as i64 + before.min(0) + after.min(0);
            if stays < 2 {
                (ends[axis], ends[axis + 3]) = (before.abs(), after.abs());
            }
            let reach = if mode == "reflect" { shape[axis] as i64 - 1 } else { shape[axis] as i64 };
            let cut = ends[axis].min(0) + ends[axis + 3].min(0);
            for end in [axis, axis + 3] {
                ends[end] = ends[end].min(reach + cut);
            }
        }
        let some = some && opset >= 18;
        let pads: Vec<i64> = if some { vec![ends[2], ends[0], ends[5], ends[3]] } else { ends.to_vec() };
        let builder = Builder::new(opset, &shape)
            .tensor("pads", &ints(&pads))
            .tensor("value", &Tensor::f32(&[], vec![0.7]))
            .tensor("axes", &ints(&[-1, 0]));
        let value = if mode == "constant" { "value" } else { "" };
        let inputs = if some { vec!["x", "pads", value, "axes"] } else { vec!["x", "pads", value] };
        let model = builder.node("Pad", &inputs, &["y"], &[("mode", Attr::Text(mode))]);
        check(&model.build("y"), &spread(&shape, 2), &[]);
    }

    #[test]
    fn expansions(
        extents in prop::collection::vec((1usize..4, 0u8..3), 1..4), lead in 0usize..2, opset in 0..OPSETS.len(),
    ) {
        let input: Vec<usize> = extents.iter().map(|&(d, cut)| if cut == 0 { 1 } else { d }).collect();
        // An extent of 1 in the target leaves the input's as it is.
        let mut target: Vec<i64> = extents.iter().map(|&(d, cut)| if cut == 1 { 1 } else { d as i64 }).collect();
        target.splice(0..0, vec![2; lead]);
        let builder = Builder::new(OPSETS[opset], &input).tensor("to", &ints(&target));
        check(&builder.node("Expand", &["x", "to"], &["y"], &[]).build("y"), &spread(&input, 4), &[]);
        let repeats: Vec<i64> = extents.iter().map(|&(d, cut)| i64::from(cut) + (d % 2) as i64).collect();
        let repeats: Vec<i64> = repeats.into_iter().map(|count| count.max(1)).collect();
        let builder = Builder::new(OPSETS[opset], &input).tensor("repeats", &ints(&repeats));
        check(&builder.node("Tile", &["x", "repeats"], &["y"], &[]).build("y"), &spread(&input, 4), &[]);
    }
}

#[test]
fn concatenations_of_what_was_split() {
    let shape = [2, 7, 3];
    let x = spread(&shape, 3);
    for opset in OPSETS {
        for (axis, sizes) in [(1, [2, 4, 1]), (-2, [3, 0, 4]), (1, [1, 3, 3])] {
            let axes = |axis| ("axis", Attr::Int(axis));
            let builder = Builder::new(opset, &shape).tensor("sizes", &ints(&sizes));
            let builder = if opset < 13 {
                builder.node("Split", &["x"], &["a", "b", "c"], &[axes(axis), ("split", Attr::Ints(&sizes))])
            } else {
                builder.node("Split", &["x", "sizes"], &["a", "b", "c"], &[axes(axis)])
            };
            // The last part is used twice, the middle one not at all, and the first one changed.
            let model = builder.node("Mul", &["a", "a"], &["aa"], &[]).node(
                "Concat",
                &["c", "aa", "c"],
                &["y"],
                &[axes(axis)],
            );
            check(&model.build("y"), &x, &[]);
        }
    }
}

#[test]
fn splits_into_equal_parts() {
    for (opset, extent, parts) in
        [(11, 6, 3), (13, 6, 3), (17, 4, 2), (18, 6, 3), (18, 7, 3), (20, 4, 4), (23, 5, 2)]
    {
        let shape = [extent, 2];
        let number = [("num_outputs", Attr::Int(parts))];
        let attrs = if opset < 18 { &[][..] } else { &number };
        let names = &["a", "b", "c", "d"][..parts as usize];
        let builder = Builder::new(opset, &shape).node("Split", &["x"], names, attrs);
        let last = *names.last().unwrap();
        check(
            &builder.node("Mul", &["a", last], &["y"], &[]).build(if extent == 7 || extent == 5 {
                last
            } else {
                "y"
            }),
            &spread(&shape, 1),
            &[],
        );
    }
}

#[test]
fn depth_and_space() {
    for opset in OPSETS {
        for mode in ["DCR", "CRD"] {
            let attrs = [("blocksize", Attr::Int(2)), ("mode", Attr::Text(mode))];
            let model = Builder::new(opset, &[1, 8, 2, 3]).node("DepthToSpace", &["x"], &["y"], &attrs);
            check(&model.build("y"), &spread(&[1, 8, 2, 3], 1), &[]);
        }
        let attrs = [("blocksize", Attr::Int(3))];
        let model = Builder::new(opset, &[2, 1, 3, 6]).node("SpaceToDepth", &["x"], &["y"], &attrs);
        check(&model.build("y"), &spread(&[2, 1, 3, 6], 1), &[]);
    }
}

#[test]
fn triangles_and_running_sums() {
    let shape = [2, 3, 4];
    let x = spread(&shape, 1);
    for opset in OPSETS.into_iter().filter(|&opset| opset >= 14) {
        for (upper, shift) in [(1, None), (0, Some(1)), (1, Some(-1))] {
            let builder = Builder::new(opset, &shape).tensor("k", &int(shift.unwrap_or(0)));
            let inputs = if shift.is_some() { &["x", "k"][..] } else { &["x"] };
            check(&builder.node("Trilu", inputs, &["y"], &[("upper", Attr::Int(upper))]).build("y"), &x, &[]);
        }
    }
    for opset in OPSETS {
        for (axis, exclusive, reverse) in [(0, 0, 0), (-1, 1, 0), (1, 0, 1), (2, 1, 1)] {
            let attrs = [("exclusive", Attr::Int(exclusive)), ("reverse", Attr::Int(reverse))];
            let builder = Builder::new(opset, &shape).tensor("axis", &int(axis));
            check(&builder.node("CumSum", &["x", "axis"], &["y"], &attrs).build("y"), &x, &[]);
        }
    }
}

#[test]
fn sequences_of_parts() {
    let shape = [2, 5, 3];
    let x = spread(&shape, 2);
    let axis = |axis| ("axis", Attr::Int(axis));
    for opset in OPSETS {
        let new = || {
            let builder = Builder::new(opset, &shape).tensor("one", &int(1)).tensor("last", &int(-1));
            builder.tensor("two", &int(2)).tensor("sizes", &ints(&[1, 4]))
        };
        // Single elements, with and without their axis.
        for keep in [0, 1] {
            let attrs = [axis(1), ("keepdims", Attr::Int(keep))];
            let model = new()
                .node("SplitToSequence", &["x"], &["parts"], &attrs)
                .node("SequenceAt", &["parts", "one"], &["a"], &[])
                .node("SequenceAt", &["parts", "last"], &["b"], &[])
                .node("Mul", &["a", "b"], &["y"], &[]);
            check(&model.build("y"), &x, &[]);
        }
        // Parts of two with a rest, put together in another order.
        let model = new()
            .node("SplitToSequence", &["x", "two"], &["parts"], &[axis(-2)])
            .node("SequenceAt", &["parts", "last"], &["a"], &[])
            .node("SequenceInsert", &["parts", "a", "one"], &["more"], &[])
            .node("ConcatFromSequence", &["more"], &["c"], &[axis(1)])
            .node("SequenceLength", &["more"], &["length"], &[])
            .node("Cast", &["length"], &["number"], &[("to", Attr::Int(1))])
            .node("Identity", &["c"], &["d"], &[])
            .node("Mul", &["d", "number"], &["y"], &[]);
        check(&model.build("y"), &x, &[]);
        // Given parts, stacked along a new axis.
        let model = new()
            .node("SplitToSequence", &["x", "sizes"], &["parts"], &[axis(1)])
            .node("SequenceAt", &["parts", "one"], &["a"], &[])
            .node("SequenceConstruct", &["a", "a"], &["both"], &[])
            .node("ConcatFromSequence", &["both"], &["c"], &[axis(0), ("new_axis", Attr::Int(1))])
            .node("Identity", &["c"], &["y"], &[]);
        check(&model.build("y"), &x, &[]);
    }
}
