//! Convolutions against sums written down as the definition has them, in double precision.

use proptest::prelude::*;
use sweep_kernels::{Alone, Conv, Forward, InputGrad, Pool, WeightGrad};

/// Two threads.
struct Two;

impl Pool for Two {
    fn each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            scope.spawn(|| (0..count).step_by(2).for_each(task));
            (1..count).step_by(2).for_each(task);
        });
    }
}

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Calls `visit` with the places in x, w and y of every product of the convolution of `batch` images.
fn products(conv: &Conv, batch: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let [height, width] = conv.input;
    let taps = conv.kernel[0] * conv.kernel[1];
    for image in 0..batch {
        for group in 0..conv.group {
            for (o, c) in (0..conv.outer).flat_map(|o| (0..conv.inner).map(move |c| (o, c))) {
                let (o_all, c_all) = (group * conv.outer + o, group * conv.inner + c);
                for (i, j) in (0..conv.output[0]).flat_map(|i| (0..conv.output[1]).map(move |j| (i, j))) {
                    for tap in 0..taps {
                        let row = i * conv.stride[0] + tap / conv.kernel[1] * conv.dilation[0];
                        let column = j * conv.stride[1] + tap % conv.kernel[1] * conv.dilation[1];
                        let (Some(row), Some(column)) =
                            (row.checked_sub(conv.before[0]), column.checked_sub(conv.before[1]))
                        else {
                            continue;
                        };
                        if row < height && column < width {
                            let x =
                                ((image * conv.group * conv.inner + c_all) * height + row) * width + column;
                            let y = ((image * conv.group * conv.outer + o_all) * conv.output[0] + i)
                                * conv.output[1]
                                + j;
                            visit(x, (o_all * conv.inner + c) * taps + tap, y);
                        }
                    }
                }
            }
        }
    }
}

fn close(name: &str, found: &[f32], wanted: &[f64]) {
    let scale = wanted.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((f64::from(*found) - wanted).abs() < 2e-5 * scale, "{name}[{index}]: {found} for {wanted}");
    }
}

/// Holds all three passes to the definition, and to themselves on two threads.
fn check(conv: Conv, batch: usize) {
    let [image_in, image_out] = [
        conv.group * conv.inner * conv.input[0] * conv.input[1],
        conv.group * conv.outer * conv.output[0] * conv.output[1],
    ];
    let (x, w) = (numbers(batch * image_in, 1), numbers(conv.weights(), 2));
    let (dy, bias) = (numbers(batch * image_out, 3), numbers(conv.group * conv.outer, 4));
    let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    let area = conv.output[0] * conv.output[1];
    for (index, y) in y.iter_mut().enumerate() {
        *y = f64::from(bias[index / area % bias.len()]);
    }
    products(&conv, batch, |i, k, o| {
        let [a, b, c] = [x[i], w[k], dy[o]].map(f64::from);
        y[o] += a * b;
        dx[i] += b * c;
        dw[k] += a * c;
    });
    let mut found: Vec<[Vec<f32>; 3]> = Vec::new();
    for pool in [&Alone as &dyn Pool, &Two] {
        // What is not written shows.
        let mut results = [y.len(), x.len(), w.len()].map(|length| vec![f32::NAN; length]);
        let (forward, input, weight) = (Forward::new(conv), InputGrad::new(conv), WeightGrad::new(conv));
        for _ in 0..2 {
            forward.run(pool, &x, &w, Some(&bias), &mut results[0]);
            input.run(pool, &w, &dy, &mut results[1]);
            weight.run(pool, &x, &dy, &mut results[2]);
        }
        found.push(results);
    }
    for ((name, found), wanted) in ["y", "dx", "dw"].iter().zip(&found[0]).zip([&y, &dx, &dw]) {
        close(name, found, wanted);
    }
    assert_eq!(found[0], found[1]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn all_passes_are_what_the_definition_says(
        batch in 1_usize..5,
        group in 1_usize..4,
        (inner, outer) in (1_usize..12, 1_usize..14),
        axes in proptest::array::uniform2((1_usize..24, 1_usize..5, 1_usize..4, 1_usize..3, 0_usize..4, 0_usize..4)),
    ) {
        let axes = axes.map(|(input, kernel, stride, dilation, before, after)| {
            let span = (kernel - 1) * dilation + 1;
            let padded = input + before + after;
            let input = input + span.saturating_sub(padded);
            (input, (input + before + after - span) / stride + 1, kernel, stride, dilation, before)
        });
        let [a, b] = axes;
        check(
            Conv {
                group,
                inner,
                outer,
                input: [a.0, b.0],
                output: [a.1, b.1],
                kernel: [a.2, b.2],
                stride: [a.3, b.3],
                dilation: [a.4, b.4],
                before: [a.5, b.5],
            },
            batch,
        );
    }
}

/// A square convolution with an odd kernel, padded to keep its size.
fn same(channels: [usize; 2], size: usize, kernel: usize, stride: usize) -> Conv {
    Conv {
        group: 1,
        inner: channels[0],
        outer: channels[1],
        input: [size; 2],
        output: [size.div_ceil(stride); 2],
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        before: [kernel / 2; 2],
    }
}

#[test]
fn sizes_of_real_networks() {
    check(same([1, 16], 28, 3, 1), 3);
    check(same([16, 32], 28, 3, 2), 5);
    check(same([16, 32], 28, 1, 2), 5);
    check(same([64, 64], 7, 3, 1), 26);
    check(same([3, 16], 64, 7, 2), 2);
    check(Conv { group: 16, inner: 1, outer: 1, ..same([1, 1], 14, 3, 1) }, 3);
}

#[test]
fn images_that_no_cache_holds_are_done_in_bands() {
    check(same([40, 9], 70, 3, 1), 1);
    check(same([40, 9], 71, 5, 2), 1);
}

#[test]
fn weights_that_need_many_partial_sums() {
    check(same([300, 200], 4, 3, 1), 2);
}

#[test]
fn taps_that_reach_far() {
    let one = |inner, outer, input, kernel, dilation: usize, before: usize, after: usize| {
        let extent = |axis: usize, input: [usize; 2], kernel: [usize; 2], pads: [usize; 2]| {
            input[axis] + pads[axis] - (kernel[axis] - 1) * dilation
        };
        let pads = if input == [22, 1000] || input == [1, 1000] { [0, 0] } else { [before + after; 2] };
        let output = [0, 1].map(|axis| extent(axis, input, kernel, pads));
        let before = if pads == [0, 0] { [0, 0] } else { [before; 2] };
        Conv {
            group: 1,
            inner,
            outer,
            input,
            output,
            kernel,
            stride: [1; 2],
            dilation: [dilation; 2],
            before,
        }
    };
    check(one(1, 2, [1, 1000], [1, 40], 1, 0, 0), 2);
    check(one(1, 8, [22, 1000], [1, 64], 1, 0, 0), 1);
    for (size, dilation) in [(33, 36), (65, 36), (33, 24)] {
        check(Conv { group: 3, ..one(1, 1, [size; 2], [3, 3], dilation, dilation, dilation) }, 2);
    }
    check(one(3, 4, [60, 60], [3, 3], 18, 0, 0), 2);
}

#[test]
fn what_another_convolution_left_has_no_part_in_a_sum() {
    let conv = Conv { inner: 1, outer: 8, ..same([1, 8], 28, 3, 1) };
    let (x, dy) = (numbers(784, 1), numbers(8 * 784, 2));
    let (mut clean, mut spoiled) = (vec![0.0; 72], vec![0.0; 72]);
    WeightGrad::new(conv).run(&Alone, &x, &dy, &mut clean);
    let large = same([4, 8], 60, 3, 1);
    let nan = vec![f32::NAN; 8 * 3600];
    WeightGrad::new(large).run(&Alone, &nan[..4 * 3600], &nan, &mut vec![0.0; large.weights()]);
    Forward::new(large).run(
        &Alone,
        &nan[..4 * 3600],
        &numbers(large.weights(), 3),
        None,
        &mut vec![0.0; 8 * 3600],
    );
    WeightGrad::new(conv).run(&Alone, &x, &dy, &mut spoiled);
    assert_eq!(clean, spoiled);
}
