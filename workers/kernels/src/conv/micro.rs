//! The two inner loops of a convolution, on vectors along a plane: some rows of the output from many shifted rows, and
//! products of some rows with many shifted rows. Accumulators fill the registers.

use pulp::{Simd, WithSimd};

/// Output rows of one block where there are 32 registers, else half as many.
pub(super) const ROWS: usize = 8;
/// Vectors of a block along the plane.
const ALONG: usize = 3;
/// The most elements past the end of a plane that a block of [`Gather`] reads and writes.
pub(super) const VECTOR: usize = 16 * ALONG;
/// Shifted rows of one block of [`Products`].
const SHIFTS: usize = 6;

/// How many rows come together, for `rows` that are left.
fn block<S: Simd>(rows: usize) -> usize {
    let most = if S::REGISTER_COUNT >= 32 { ROWS } else { ROWS / 2 };
    // A power of two that fits.
    (0..=3).map(|power| 1 << power).take_while(|&block| block <= rows.min(most)).last().unwrap_or(1)
}

/// Packs weights `[rows, terms]` as [`Gather`] takes them: blocks of rows, in each of them term by term.
pub(super) struct Pack<'a> {
    pub(super) rows: usize,
    pub(super) terms: usize,
    pub(super) weight: &'a dyn Fn(usize, usize) -> f32,
    pub(super) packed: &'a mut Vec<f32>,
}

impl WithSimd for Pack<'_> {
    type Output = ();

    fn with_simd<S: Simd>(self, _: S) {
        let Pack { rows, terms, weight, packed } = self;
        let mut first = 0;
        while first < rows {
            let size = block::<S>(rows - first);
            for term in 0..terms {
                packed.extend((first..first + size).map(|row| weight(row, term)));
            }
            first += size;
        }
    }
}

/// `out[row][i] = Σ weight[row][term] · source[offsets[term] + i]` for `i` below `length`; rows of `out` are `stride` apart
/// and whole vectors of them are written.
pub(super) struct Gather<'a> {
    pub(super) source: &'a [f32],
    pub(super) offsets: &'a [usize],
    /// As [`Pack`] leaves them.
    pub(super) weights: &'a [f32],
    pub(super) rows: usize,
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) length: usize,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut at = 0;
        while at < self.length {
            let vectors = (self.length - at).div_ceil(S::F32_LANES).min(ALONG);
            match vectors {
                3 => self.column::<S, 3>(simd, at),
                2 => self.column::<S, 2>(simd, at),
                _ => self.column::<S, 1>(simd, at),
            }
            at += vectors * S::F32_LANES;
        }
    }
}

impl Gather<'_> {
    #[inline(always)]
    fn column<S: Simd, const V: usize>(&mut self, simd: S, at: usize) {
        let mut row = 0;
        while row < self.rows {
            let size = block::<S>(self.rows - row);
            match size {
                8 => self.block::<S, 8, V>(simd, row, at),
                4 => self.block::<S, 4, V>(simd, row, at),
                2 => self.block::<S, 2, V>(simd, row, at),
                _ => self.block::<S, 1, V>(simd, row, at),
            }
            row += size;
        }
    }

    #[inline(always)]
    fn block<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, at: usize) {
        let span = V * S::F32_LANES;
        let terms = self.offsets.len();
        let weights = &self.weights[row * terms..][..R * terms];
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for (offset, weights) in self.offsets.iter().zip(weights.chunks_exact(R)) {
            let x = &S::as_simd_f32s(&self.source[offset + at..][..span]).0[..V];
            for r in 0..R {
                let weight = simd.splat_f32s(weights[r]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_f32s(weight, x[v], sums[r][v]);
                }
            }
        }
        for r in 0..R {
            let out = &mut self.out[(row + r) * self.stride + at..][..span];
            S::as_mut_simd_f32s(out).0[..V].copy_from_slice(&sums[r]);
        }
    }
}

/// `out[row][term] += Σ a[row][i] · b[offsets[term] + i]` for `i` below `length`, which is whole vectors of any width; rows
/// of `a` are `stride` apart.
pub(super) struct Products<'a> {
    pub(super) a: &'a [f32],
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) b: &'a [f32],
    pub(super) offsets: &'a [usize],
    pub(super) length: usize,
    pub(super) out: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let most = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
        let mut row = 0;
        while row < self.rows {
            let size = if self.rows - row >= most { most } else { 1 };
            match size {
                4 => self.rows::<S, 4>(simd, row),
                2 => self.rows::<S, 2>(simd, row),
                _ => self.rows::<S, 1>(simd, row),
            }
            row += size;
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        let terms = self.offsets.len();
        let mut term = 0;
        while term + SHIFTS <= terms {
            self.block::<S, R, SHIFTS>(simd, row, term);
            term += SHIFTS;
        }
        while term < terms {
            self.block::<S, R, 1>(simd, row, term);
            term += 1;
        }
    }

    #[inline(always)]
    fn block<S: Simd, const R: usize, const T: usize>(&mut self, simd: S, row: usize, term: usize) {
        let count = self.length / S::F32_LANES;
        // Loops and no closures: what is not inlined is compiled for any processor.
        let mut a: [&[S::f32s]; R] = [&[]; R];
        for r in 0..R {
            a[r] = &S::as_simd_f32s(&self.a[(row + r) * self.stride..][..self.length]).0[..count];
        }
        let mut b: [&[S::f32s]; T] = [&[]; T];
        for t in 0..T {
            b[t] = &S::as_simd_f32s(&self.b[self.offsets[term + t]..][..self.length]).0[..count];
        }
        let mut sums = [[simd.splat_f32s(0.0); T]; R];
        for v in 0..count {
            let mut x = [simd.splat_f32s(0.0); R];
            for r in 0..R {
                x[r] = a[r][v];
            }
            for t in 0..T {
                let y = b[t][v];
                for r in 0..R {
                    sums[r][t] = simd.mul_add_f32s(x[r], y, sums[r][t]);
                }
            }
        }
        for r in 0..R {
            let out = &mut self.out[(row + r) * self.offsets.len() + term..][..T];
            for t in 0..T {
                out[t] += simd.reduce_sum_f32s(sums[r][t]);
            }
        }
    }
}
