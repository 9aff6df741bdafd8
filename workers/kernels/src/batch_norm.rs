//! Batch normalisation over `[N, C, …]` with the batch's own statistics (ONNX BatchNormalization-15 in training mode), alone or
//! with the ReLU behind it. Sums are taken by one task for each channel, then whole samples are written one after another.

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};

use crate::{
    elementwise::PIECE,
    pool::{Parts, Pool},
};

/// How the values of a channel lie in a tensor.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub batch: usize,
    pub channels: usize,
    /// Values of one channel of one sample.
    pub inner: usize,
}

/// What is done besides.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub epsilon: f32,
    /// Whether `max(·, 0)` follows.
    pub relu: bool,
}

impl Layout {
    fn count(&self) -> f64 {
        (self.batch * self.inner) as f64
    }

    /// The values of a channel of a sample.
    fn row<'a>(&self, values: &'a [f32], sample: usize, channel: usize) -> &'a [f32] {
        &values[(sample * self.channels + channel) * self.inner..][..self.inner]
    }

    /// Hands out whole samples of a tensor to be written, each time where they start and their values.
    fn write(&self, pool: &dyn Pool, values: &mut [f32], task: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        let sample = self.channels * self.inner;
        let piece = sample * (PIECE / sample).max(1);
        let count = values.len().div_ceil(piece);
        let parts = Parts::new(values, piece);
        pool.each(count, &|index| task(index * piece, &mut parts.take(index)));
    }
}

/// `y = (x − mean)·factor + bias` as one product and one sum.
#[derive(Clone, Copy)]
struct Line {
    slope: f32,
    offset: f32,
}

impl Line {
    fn new(scale: f32, bias: f32, mean: f32, var: f32, epsilon: f32) -> Self {
        let slope = scale / (var + epsilon).sqrt();
        Self { slope, offset: (-mean).mul_add(slope, bias) }
    }
}

/// `x`, `scale`, `bias` → `y`, the mean and the variance (divisor n) of each channel. `added`, of the extents of x, is added
/// before the ReLU.
pub fn batch_norm(
    pool: &dyn Pool,
    (layout, options): (Layout, Options),
    [x, scale, bias]: [&[f32]; 3],
    added: Option<&[f32]>,
    y: &mut [f32],
    (mean, var): (&mut [f32], &mut [f32]),
) {
    let statistics: Vec<_> = mean.iter_mut().zip(&mut *var).map(Mutex::new).collect();
    pool.each(layout.channels, &|channel| {
        let sum = |centre| Arch::new().dispatch(Sum { layout, channel, x, centre });
        let centre = (sum(0.0)[0] / layout.count()) as f32;
        let spread = (sum(centre)[1] / layout.count()) as f32;
        let mut room = statistics[channel].lock().unwrap_or_else(PoisonError::into_inner);
        (*room.0, *room.1) = (centre, spread);
    });
    let line = |channel: usize| {
        Line::new(scale[channel], bias[channel], mean[channel], var[channel], options.epsilon)
    };
    let lines: Vec<Line> = (0..layout.channels).map(line).collect();
    layout.write(pool, y, &|from, out| {
        let range = from..from + out.len();
        let (x, added) = (&x[range.clone()], added.map(|added| &added[range]));
        Arch::new().dispatch(Along { layout, x, added, out, lines: &lines, relu: options.relu });
    });
}

/// With x̂ = (x − mean) / √(var + ε) over m values per channel, and dy where the ReLU let y through:
/// `dbias = Σ dy`, `dscale = Σ dy·x̂`, `dx = scale / √(var + ε) · (dy − dbias/m − x̂·dscale/m)`.
/// `inputs` are dy, x, scale, bias, mean and var; `sums` get dscale and dbias.
pub fn batch_norm_grad(
    pool: &dyn Pool,
    (layout, options): (Layout, Options),
    [dy, x, scale, bias, mean, var]: [&[f32]; 6],
    dx: &mut [f32],
    (dscale, dbias): (&mut [f32], &mut [f32]),
) {
    let line = |channel: usize| {
        Line::new(scale[channel], bias[channel], mean[channel], var[channel], options.epsilon)
    };
    let gates: Option<Vec<Line>> = options.relu.then(|| (0..layout.channels).map(line).collect());
    let mut terms = vec![[0.0; 3]; layout.channels];
    let rooms: Vec<_> = dscale.iter_mut().zip(dbias).zip(&mut terms).map(Mutex::new).collect();
    pool.each(layout.channels, &|channel| {
        let centre = mean[channel];
        let gate = gates.as_ref().map(|gates| gates[channel]);
        let [total, moment] = Arch::new().dispatch(Moments { layout, channel, dy, x, centre, gate });
        let inverse = 1.0 / (f64::from(var[channel]) + f64::from(options.epsilon)).sqrt();
        let slope = f64::from(scale[channel]) * inverse;
        // dx = slope·dy + from_x·x + level
        let from_x = -slope * moment * inverse * inverse / layout.count();
        let level = -slope * total / layout.count() - from_x * f64::from(centre);
        let mut room = rooms[channel].lock().unwrap_or_else(PoisonError::into_inner);
        let ((dscale, dbias), terms) = &mut *room;
        (**dscale, **dbias) = ((moment * inverse) as f32, total as f32);
        **terms = [slope, from_x, level].map(|term| term as f32);
    });
    drop(rooms);
    layout.write(pool, dx, &|from, out| {
        let (dy, x) = (&dy[from..from + out.len()], &x[from..from + out.len()]);
        Arch::new().dispatch(Back { layout, dy, x, out, terms: &terms, gates: gates.as_deref() });
    });
}

/// Rows after which sums in single precision are added up in double precision.
const FLUSH: usize = 4;

/// Σ (x − centre) and Σ (x − centre)² of a channel.
struct Sum<'a> {
    layout: Layout,
    channel: usize,
    x: &'a [f32],
    centre: f32,
}

impl WithSimd for Sum<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
        let Self { layout, channel, x, centre } = self;
        let middle = simd.splat_f32s(centre);
        let mut out = [0.0; 2];
        for first in (0..layout.batch).step_by(FLUSH) {
            let mut sums = [[simd.splat_f32s(0.0); 2]; 4];
            for sample in first..(first + FLUSH).min(layout.batch) {
                let (whole, rest) = S::as_simd_f32s(layout.row(x, sample, channel));
                let (fours, ones) = whole.as_chunks::<4>();
                for four in fours {
                    for i in 0..4 {
                        let x = simd.sub_f32s(four[i], middle);
                        sums[i][0] = simd.add_f32s(sums[i][0], x);
                        sums[i][1] = simd.mul_add_f32s(x, x, sums[i][1]);
                    }
                }
                for (i, x) in ones.iter().enumerate() {
                    let x = simd.sub_f32s(*x, middle);
                    sums[i][0] = simd.add_f32s(sums[i][0], x);
                    sums[i][1] = simd.mul_add_f32s(x, x, sums[i][1]);
                }
                for x in rest {
                    let x = x - centre;
                    out[0] += f64::from(x);
                    out[1] += f64::from(x * x);
                }
            }
            for i in 0..2 {
                let pairs = [simd.add_f32s(sums[0][i], sums[1][i]), simd.add_f32s(sums[2][i], sums[3][i])];
                out[i] += f64::from(simd.reduce_sum_f32s(simd.add_f32s(pairs[0], pairs[1])));
            }
        }
        out
    }
}

/// Samples through each channel's line, something added, and a ReLU, if there are any.
struct Along<'a, 'b> {
    layout: Layout,
    x: &'a [f32],
    added: Option<&'a [f32]>,
    out: &'b mut [f32],
    lines: &'a [Line],
    relu: bool,
}

impl WithSimd for Along<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layout, x, added, out, lines, relu } = self;
        let inner = layout.inner;
        // A floor that nothing is below is none.
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        let low = simd.splat_f32s(floor);
        let rows = x.chunks_exact(inner).zip(out.chunks_exact_mut(inner));
        for (row, ((x, out), line)) in rows.zip(lines.iter().cycle()).enumerate() {
            let [slope, offset] = [simd.splat_f32s(line.slope), simd.splat_f32s(line.offset)];
            let ((xs, x_rest), (outs, out_rest)) = (S::as_simd_f32s(x), S::as_mut_simd_f32s(out));
            let Some(added) = added else {
                for (x, out) in xs.iter().zip(outs) {
                    // In this order a NaN stays one.
                    *out = simd.max_f32s(low, simd.mul_add_f32s(*x, slope, offset));
                }
                for (x, out) in x_rest.iter().zip(out_rest) {
                    let y = x.mul_add(line.slope, line.offset);
                    *out = if y < floor { floor } else { y };
                }
                continue;
            };
            let (added, added_rest) = S::as_simd_f32s(&added[row * inner..][..inner]);
            for ((x, added), out) in xs.iter().zip(added).zip(outs) {
                let y = simd.add_f32s(simd.mul_add_f32s(*x, slope, offset), *added);
                *out = simd.max_f32s(low, y);
            }
            for ((x, added), out) in x_rest.iter().zip(added_rest).zip(out_rest) {
                let y = x.mul_add(line.slope, line.offset) + added;
                *out = if y < floor { floor } else { y };
            }
        }
    }
}

/// dy where the forward pass was above 0.
#[inline(always)]
fn gated<S: Simd>(simd: S, gate: Option<[S::f32s; 2]>, dy: S::f32s, x: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    match gate {
        None => dy,
        Some([slope, offset]) => {
            let open = simd.less_than_f32s(zero, simd.mul_add_f32s(x, slope, offset));
            simd.select_f32s(open, dy, zero)
        }
    }
}

#[inline(always)]
fn gated_one(gate: Option<Line>, dy: f32, x: f32) -> f32 {
    match gate {
        None => dy,
        Some(line) => {
            if x.mul_add(line.slope, line.offset) > 0.0 {
                dy
            } else {
                0.0
            }
        }
    }
}

/// Σ dy and Σ dy·(x − centre) of a channel, of dy that the gate lets through.
struct Moments<'a> {
    layout: Layout,
    channel: usize,
    dy: &'a [f32],
    x: &'a [f32],
    centre: f32,
    gate: Option<Line>,
}

impl WithSimd for Moments<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
        let Self { layout, channel, dy, x, centre, gate } = self;
        let middle = simd.splat_f32s(centre);
        let lines = match gate {
            None => None,
            Some(line) => Some([simd.splat_f32s(line.slope), simd.splat_f32s(line.offset)]),
        };
        let mut out = [0.0; 2];
        for first in (0..layout.batch).step_by(FLUSH) {
            let mut sums = [[simd.splat_f32s(0.0); 2]; 2];
            for sample in first..(first + FLUSH).min(layout.batch) {
                let (dys, dy_rest) = S::as_simd_f32s(layout.row(dy, sample, channel));
                let (xs, x_rest) = S::as_simd_f32s(layout.row(x, sample, channel));
                let (dy_pairs, dy_one) = dys.as_chunks::<2>();
                let (x_pairs, x_one) = xs.as_chunks::<2>();
                for (dy, x) in dy_pairs.iter().zip(x_pairs) {
                    for i in 0..2 {
                        let dy = gated(simd, lines, dy[i], x[i]);
                        sums[i][0] = simd.add_f32s(sums[i][0], dy);
                        sums[i][1] = simd.mul_add_f32s(dy, simd.sub_f32s(x[i], middle), sums[i][1]);
                    }
                }
                for (dy, x) in dy_one.iter().zip(x_one) {
                    let dy = gated(simd, lines, *dy, *x);
                    sums[0][0] = simd.add_f32s(sums[0][0], dy);
                    sums[0][1] = simd.mul_add_f32s(dy, simd.sub_f32s(*x, middle), sums[0][1]);
                }
                for (dy, x) in dy_rest.iter().zip(x_rest) {
                    let dy = gated_one(gate, *dy, *x);
                    out[0] += f64::from(dy);
                    out[1] += f64::from(dy * (x - centre));
                }
            }
            for i in 0..2 {
                out[i] += f64::from(simd.reduce_sum_f32s(simd.add_f32s(sums[0][i], sums[1][i])));
            }
        }
        out
    }
}

/// `terms[0]·dy + terms[1]·x + terms[2]` of each channel, of dy that its gate lets through.
struct Back<'a, 'b> {
    layout: Layout,
    dy: &'a [f32],
    x: &'a [f32],
    out: &'b mut [f32],
    terms: &'a [[f32; 3]],
    gates: Option<&'a [Line]>,
}

impl WithSimd for Back<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layout, dy, x, out, terms, gates } = self;
        let inner = layout.inner;
        let rows = dy.chunks_exact(inner).zip(x.chunks_exact(inner)).zip(out.chunks_exact_mut(inner));
        for (row, ((dy, x), out)) in rows.enumerate() {
            let channel = row % layout.channels;
            let terms = &terms[channel];
            let gate = match gates {
                None => None,
                Some(gates) => Some(gates[channel]),
            };
            let (dys, dy_rest) = S::as_simd_f32s(dy);
            let (xs, x_rest) = S::as_simd_f32s(x);
            let (outs, out_rest) = S::as_mut_simd_f32s(out);
            let (slope, from_x) = (simd.splat_f32s(terms[0]), simd.splat_f32s(terms[1]));
            let level = simd.splat_f32s(terms[2]);
            let lines = match gate {
                None => None,
                Some(line) => Some([simd.splat_f32s(line.slope), simd.splat_f32s(line.offset)]),
            };
            for ((dy, x), out) in dys.iter().zip(xs).zip(outs) {
                let dy = gated(simd, lines, *dy, *x);
                *out = simd.mul_add_f32s(dy, slope, simd.mul_add_f32s(*x, from_x, level));
            }
            for ((dy, x), out) in dy_rest.iter().zip(x_rest).zip(out_rest) {
                *out = gated_one(gate, *dy, *x).mul_add(terms[0], x.mul_add(terms[1], terms[2]));
            }
        }
    }
}
