//! Softmax along rows, its gradient, and the cross-entropy of classes.

use pulp::{Arch, Simd, WithSimd};

use crate::{
    elementwise::PIECE,
    math::exp,
    pool::{Parts, Pool},
};

/// Rows of one task.
fn rows(width: usize) -> usize {
    (PIECE / width).max(1)
}

/// `y = eˣ / Σ eˣ` of each row of `width` (ONNX Softmax-13 along the last axis).
pub fn softmax(pool: &dyn Pool, width: usize, x: &[f32], y: &mut [f32]) {
    let piece = rows(width) * width;
    let count = y.len().div_ceil(piece);
    let parts = Parts::new(y, piece);
    pool.each(count, &|task| {
        let mut y = parts.take(task);
        let x = &x[task * piece..][..y.len()];
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            Arch::new().dispatch(Row { x, y });
        }
    });
}

/// `dx = y·(dy − Σ dy·y)` of each row of `width`.
pub fn softmax_grad(pool: &dyn Pool, width: usize, dy: &[f32], y: &[f32], dx: &mut [f32]) {
    let piece = rows(width) * width;
    let count = dx.len().div_ceil(piece);
    let parts = Parts::new(dx, piece);
    pool.each(count, &|task| {
        let mut dx = parts.take(task);
        let range = task * piece..task * piece + dx.len();
        Arch::new().dispatch(Back { width, dy: &dy[range.clone()], y: &y[range], dx: &mut dx });
    });
}

/// For logits `[R, width]` and a class for each row: `losses [R]`, `−ln softmax[class]`, and their gradient, `slope [R, width]`,
/// `softmax − 1` at the class. A class out of range counts as none of them.
pub fn cross_entropy(
    pool: &dyn Pool,
    width: usize,
    (logits, classes): (&[f32], &[i64]),
    losses: &mut [f32],
    slope: &mut [f32],
) {
    let size = rows(width);
    let count = losses.len().div_ceil(size);
    let (losses, slopes) = (Parts::new(losses, size), Parts::new(slope, size * width));
    pool.each(count, &|task| {
        let (mut losses, mut slope) = (losses.take(task), slopes.take(task));
        let from = task * size;
        for (row, (loss, y)) in losses.iter_mut().zip(slope.chunks_exact_mut(width)).enumerate() {
            let x = &logits[(from + row) * width..][..width];
            let (largest, sum) = Arch::new().dispatch(Row { x, y });
            let class = usize::try_from(classes[from + row]).unwrap_or(usize::MAX);
            *loss = match (x.get(class), y.get_mut(class)) {
                (Some(x), Some(y)) => {
                    *y -= 1.0;
                    sum.ln() - (x - largest)
                }
                _ => 0.0,
            };
        }
    });
}

/// The softmax of a row; returns its largest element and the sum of the exponentials below that.
struct Row<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f32) {
        let Self { x, y } = self;
        let (whole, rest) = S::as_simd_f32s(x);
        let mut most = simd.splat_f32s(f32::NEG_INFINITY);
        for x in whole {
            most = simd.max_f32s(most, *x);
        }
        let mut largest = simd.reduce_max_f32s(most);
        for x in rest {
            // A NaN as the largest makes all of the row one.
            largest = if *x > largest || x.is_nan() { *x } else { largest };
        }
        // A row of −∞ alone gives NaN, as the formula does; else what is not finite is 0.
        let middle = simd.splat_f32s(largest);
        let (out, out_rest) = S::as_mut_simd_f32s(y);
        let mut sums = simd.splat_f32s(0.0);
        for (x, out) in whole.iter().zip(out.iter_mut()) {
            *out = exp(simd, simd.sub_f32s(*x, middle));
            sums = simd.add_f32s(sums, *out);
        }
        let mut sum = simd.reduce_sum_f32s(sums);
        for (x, out) in rest.iter().zip(out_rest.iter_mut()) {
            *out = (x - largest).exp();
            sum += *out;
        }
        let factor = 1.0 / sum;
        let factors = simd.splat_f32s(factor);
        for out in out {
            *out = simd.mul_f32s(*out, factors);
        }
        for out in out_rest {
            *out *= factor;
        }
        (largest, sum)
    }
}

struct Back<'a> {
    width: usize,
    dy: &'a [f32],
    y: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { width, dy, y, dx } = self;
        for ((dy, y), dx) in dy.chunks_exact(width).zip(y.chunks_exact(width)).zip(dx.chunks_exact_mut(width))
        {
            let ((dys, dy_rest), (ys, y_rest)) = (S::as_simd_f32s(dy), S::as_simd_f32s(y));
            let (dxs, dx_rest) = S::as_mut_simd_f32s(dx);
            let mut sums = simd.splat_f32s(0.0);
            for (dy, y) in dys.iter().zip(ys) {
                sums = simd.mul_add_f32s(*dy, *y, sums);
            }
            let mut sum = simd.reduce_sum_f32s(sums);
            for (dy, y) in dy_rest.iter().zip(y_rest) {
                sum += dy * y;
            }
            let sums = simd.splat_f32s(sum);
            for ((dy, y), dx) in dys.iter().zip(ys).zip(dxs) {
                *dx = simd.mul_f32s(*y, simd.sub_f32s(*dy, sums));
            }
            for ((dy, y), dx) in dy_rest.iter().zip(y_rest).zip(dx_rest) {
                *dx = y * (dy - sum);
            }
        }
    }
}
