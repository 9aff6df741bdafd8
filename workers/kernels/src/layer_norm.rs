//! Layer normalisation of rows with scale and bias (ONNX LayerNormalization-17 over the last axes), and its gradient.

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};

use crate::{
    elementwise::PIECE,
    pool::{Parts, Pool},
};

/// Parts that rows are split into for sums over all of them: the same for any number of threads.
const PARTS: usize = 16;

/// `x [R, n]`, `scale [n]`, `bias [n]` → `y [R, n]`, and of each row the mean and `1 / √(var + ε)`, the variance with
/// divisor n.
pub fn layer_norm(
    pool: &dyn Pool,
    epsilon: f32,
    (x, scale, bias): (&[f32], &[f32], &[f32]),
    y: &mut [f32],
    (mean, inverse): (&mut [f32], &mut [f32]),
) {
    let width = scale.len();
    let rows = (PIECE / width).max(1);
    let count = mean.len().div_ceil(rows);
    let (ys, means, inverses) =
        (Parts::new(y, rows * width), Parts::new(mean, rows), Parts::new(inverse, rows));
    pool.each(count, &|task| {
        let (mut y, mut mean, mut inverse) = (ys.take(task), means.take(task), inverses.take(task));
        let x = &x[task * rows * width..][..y.len()];
        Arch::new().dispatch(Forward {
            epsilon,
            x,
            scale,
            bias,
            y: &mut y,
            mean: &mut mean,
            inverse: &mut inverse,
        });
    });
}

/// With `x̂ = (x − mean)·inverse`: `dscale = Σ dy·x̂` and `dbias = Σ dy` over all rows, and of each row
/// `dx = inverse·(dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))` with `dx̂ = dy·scale`. `inputs` are dy, x, scale, mean and inverse.
pub fn layer_norm_grad(
    pool: &dyn Pool,
    [dy, x, scale, mean, inverse]: [&[f32]; 5],
    dx: &mut [f32],
    (dscale, dbias): (&mut [f32], &mut [f32]),
) {
    let width = scale.len();
    let rows = mean.len().div_ceil(PARTS);
    let count = mean.len().div_ceil(rows);
    let mut sums = vec![0.0; count * 2 * width];
    {
        let (dxs, sums) = (Parts::new(dx, rows * width), Parts::new(&mut sums, 2 * width));
        pool.each(count, &|task| {
            let (mut dx, mut sums) = (dxs.take(task), sums.take(task));
            let (from, size) = (task * rows, dx.len() / width);
            let [dy, x] = [dy, x].map(|values| &values[from * width..][..size * width]);
            let [mean, inverse] = [mean, inverse].map(|values| &values[from..from + size]);
            let (dscale, dbias) = sums.split_at_mut(width);
            Arch::new().dispatch(Backward { dy, x, scale, mean, inverse, dx: &mut dx, dscale, dbias });
        });
    }
    let (first, second) = sums[..2 * width].split_at(width);
    dscale.copy_from_slice(first);
    dbias.copy_from_slice(second);
    for part in sums.chunks_exact(2 * width).skip(1) {
        let (first, second) = part.split_at(width);
        dscale.iter_mut().zip(first).for_each(|(sum, part)| *sum += part);
        dbias.iter_mut().zip(second).for_each(|(sum, part)| *sum += part);
    }
}

/// The sum over all rows of `x [R, n]`.
pub fn sum_rows(pool: &dyn Pool, x: &[f32], sum: &mut [f32]) {
    let width = sum.len();
    let rows = (x.len() / width).div_ceil(PARTS).max(1);
    let parts: Vec<&[f32]> = x.chunks(rows * width).collect();
    let sums: Vec<Mutex<Vec<f32>>> = parts.iter().map(|_| Mutex::new(vec![0.0; width])).collect();
    pool.each(parts.len(), &|task| {
        let mut sum = sums[task].lock().unwrap_or_else(PoisonError::into_inner);
        Arch::new().dispatch(Sum { x: parts[task], sum: &mut sum });
    });
    sum.fill(0.0);
    for part in sums {
        let part = part.into_inner().unwrap_or_else(PoisonError::into_inner);
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
}

struct Forward<'a> {
    epsilon: f32,
    x: &'a [f32],
    scale: &'a [f32],
    bias: &'a [f32],
    y: &'a mut [f32],
    mean: &'a mut [f32],
    inverse: &'a mut [f32],
}

/// Σ (x − centre) and Σ (x − centre)².
#[inline(always)]
fn moments<S: Simd>(simd: S, x: &[f32], centre: f32) -> [f32; 2] {
    let middle = simd.splat_f32s(centre);
    let (whole, rest) = S::as_simd_f32s(x);
    let (mut sum, mut squares) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
    for x in whole {
        let x = simd.sub_f32s(*x, middle);
        sum = simd.add_f32s(sum, x);
        squares = simd.mul_add_f32s(x, x, squares);
    }
    let mut out = [simd.reduce_sum_f32s(sum), simd.reduce_sum_f32s(squares)];
    for x in rest {
        let x = x - centre;
        out[0] += x;
        out[1] += x * x;
    }
    out
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { epsilon, x, scale, bias, y, mean, inverse } = self;
        let width = scale.len();
        let (scales, scale_rest) = S::as_simd_f32s(scale);
        let (biases, bias_rest) = S::as_simd_f32s(bias);
        let rows = x.chunks_exact(width).zip(y.chunks_exact_mut(width));
        for ((x, y), (mean, inverse)) in rows.zip(mean.iter_mut().zip(inverse)) {
            let centre = moments(simd, x, 0.0)[0] / width as f32;
            let factor = 1.0 / (moments(simd, x, centre)[1] / width as f32 + epsilon).sqrt();
            (*mean, *inverse) = (centre, factor);
            let (middle, factors) = (simd.splat_f32s(centre), simd.splat_f32s(factor));
            let ((xs, x_rest), (ys, y_rest)) = (S::as_simd_f32s(x), S::as_mut_simd_f32s(y));
            for ((x, y), (scale, bias)) in xs.iter().zip(ys).zip(scales.iter().zip(biases)) {
                let unit = simd.mul_f32s(simd.sub_f32s(*x, middle), factors);
                *y = simd.mul_add_f32s(unit, *scale, *bias);
            }
            for ((x, y), (scale, bias)) in x_rest.iter().zip(y_rest).zip(scale_rest.iter().zip(bias_rest)) {
                *y = ((x - centre) * factor).mul_add(*scale, *bias);
            }
        }
    }
}

struct Backward<'a> {
    dy: &'a [f32],
    x: &'a [f32],
    scale: &'a [f32],
    mean: &'a [f32],
    inverse: &'a [f32],
    dx: &'a mut [f32],
    dscale: &'a mut [f32],
    dbias: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dy, x, scale, mean, inverse, dx, dscale, dbias } = self;
        let width = scale.len();
        let rows = dy.chunks_exact(width).zip(x.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
        for (((dy, x), dx), (centre, factor)) in rows.zip(mean.iter().zip(inverse)) {
            // First Σ dx̂ and Σ dx̂·x̂, and what the row adds to the sums over all of them.
            let (middle, factors) = (simd.splat_f32s(*centre), simd.splat_f32s(*factor));
            let ((dys, dy_rest), (xs, x_rest)) = (S::as_simd_f32s(dy), S::as_simd_f32s(x));
            let (scales, scale_rest) = S::as_simd_f32s(scale);
            let (dscales, dscale_rest) = S::as_mut_simd_f32s(dscale);
            let (dbiases, dbias_rest) = S::as_mut_simd_f32s(dbias);
            let (mut level, mut slope) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
            let sums = dscales.iter_mut().zip(dbiases);
            for (((dy, x), scale), (dscale, dbias)) in dys.iter().zip(xs).zip(scales).zip(sums) {
                let unit = simd.mul_f32s(simd.sub_f32s(*x, middle), factors);
                let inner = simd.mul_f32s(*dy, *scale);
                level = simd.add_f32s(level, inner);
                slope = simd.mul_add_f32s(inner, unit, slope);
                *dscale = simd.mul_add_f32s(*dy, unit, *dscale);
                *dbias = simd.add_f32s(*dbias, *dy);
            }
            let (mut level, mut slope) = (simd.reduce_sum_f32s(level), simd.reduce_sum_f32s(slope));
            let sums = dscale_rest.iter_mut().zip(dbias_rest);
            for (((dy, x), scale), (dscale, dbias)) in dy_rest.iter().zip(x_rest).zip(scale_rest).zip(sums) {
                let unit = (x - centre) * factor;
                level += dy * scale;
                slope += dy * scale * unit;
                *dscale += dy * unit;
                *dbias += dy;
            }
            let (level, slope) = (level / width as f32, slope / width as f32);
            let (levels, slopes) = (simd.splat_f32s(level), simd.splat_f32s(slope));
            let (dxs, dx_rest) = S::as_mut_simd_f32s(dx);
            for (((dy, x), scale), dx) in dys.iter().zip(xs).zip(scales).zip(dxs) {
                let unit = simd.mul_f32s(simd.sub_f32s(*x, middle), factors);
                let inner = simd.sub_f32s(simd.mul_f32s(*dy, *scale), levels);
                *dx = simd.mul_f32s(simd.negate_mul_add_f32s(unit, slopes, inner), factors);
            }
            for (((dy, x), scale), dx) in dy_rest.iter().zip(x_rest).zip(scale_rest).zip(dx_rest) {
                let unit = (x - centre) * factor;
                *dx = (dy * scale - level - unit * slope) * factor;
            }
        }
    }
}

struct Sum<'a> {
    x: &'a [f32],
    sum: &'a mut [f32],
}

impl WithSimd for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, sum } = self;
        for row in x.chunks_exact(sum.len()) {
            let (values, rest) = S::as_simd_f32s(row);
            let (sums, sum_rest) = S::as_mut_simd_f32s(sum);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = simd.add_f32s(*sum, *value);
            }
            for (sum, value) in sum_rest.iter_mut().zip(rest) {
                *sum += value;
            }
        }
    }
}
