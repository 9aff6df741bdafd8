//! The inner loops with channels along the vectors: no position is computed that is not wanted, and none is loaded across
//! two lines of the cache. Single values of the other operand are spread over a vector.

use pulp::{Simd, WithSimd};

/// Vectors of output channels in one block.
const VECTORS: usize = 2;

/// How many channels the packed weights of a block have: whole vectors.
fn block<S: Simd>(channels: usize) -> usize {
    channels.next_multiple_of(S::F32_LANES).min(VECTORS * S::F32_LANES)
}

/// Packs weights `[channels, terms]` as [`Spread`] takes them: blocks of channels, in each of them term by term.
pub(super) struct PackLanes<'a> {
    pub(super) channels: usize,
    pub(super) terms: usize,
    pub(super) weight: &'a dyn Fn(usize, usize) -> f32,
    pub(super) packed: &'a mut Vec<f32>,
}

impl WithSimd for PackLanes<'_> {
    type Output = ();

    fn with_simd<S: Simd>(self, _: S) {
        let Self { channels, terms, weight, packed } = self;
        let mut first = 0;
        while first < channels {
            let size = block::<S>(channels - first);
            for term in 0..terms {
                let of = |channel: usize| if channel < channels { weight(channel, term) } else { 0.0 };
                packed.extend((first..first + size).map(of));
            }
            first += size;
        }
    }
}

/// Elements of the packed weights of so many channels.
pub(super) struct Packed {
    pub(super) channels: usize,
    pub(super) terms: usize,
}

impl WithSimd for Packed {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        self.channels.next_multiple_of(S::F32_LANES) * self.terms
    }
}

/// A grid of positions: where its rows and columns are in what is read and in what is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Elements from one row, and from one column, to the next.
    pub(super) from: [usize; 2],
    pub(super) to: [usize; 2],
}

/// `out[channel][to(position)] = Σ weight[channel][term] · source[offsets[term] + from(position)]`, plus `bias[channel]`;
/// channels of `out` are `stride` apart.
pub(super) struct Spread<'a> {
    pub(super) source: &'a [f32],
    pub(super) offsets: &'a [usize],
    /// As [`PackLanes`] leaves them.
    pub(super) weights: &'a [f32],
    pub(super) channels: usize,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) grid: Grid,
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
}

impl WithSimd for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match self.grid.from[1] {
            1 => self.steps::<S, 1>(simd),
            2 => self.steps::<S, 2>(simd),
            _ => self.steps::<S, 0>(simd),
        }
    }
}

impl Spread<'_> {
    /// `STEP` is the one along a row, where it is known.
    #[inline(always)]
    fn steps<S: Simd, const STEP: usize>(&mut self, simd: S) {
        for row in 0..self.grid.rows {
            let mut column = 0;
            while column < self.grid.columns {
                let left = self.grid.columns - column;
                let many = S::REGISTER_COUNT >= 32;
                let size = match left {
                    14.. if many => 14,
                    8.. if many => 8,
                    7 if many => 7,
                    4.. => 4,
                    2.. => 2,
                    _ => 1,
                };
                match size {
                    14 => self.columns::<S, STEP, 14>(simd, row, column),
                    8 => self.columns::<S, STEP, 8>(simd, row, column),
                    7 => self.columns::<S, STEP, 7>(simd, row, column),
                    4 => self.columns::<S, STEP, 4>(simd, row, column),
                    2 => self.columns::<S, STEP, 2>(simd, row, column),
                    _ => self.columns::<S, STEP, 1>(simd, row, column),
                }
                column += size;
            }
        }
    }

    #[inline(always)]
    fn columns<S: Simd, const STEP: usize, const P: usize>(&mut self, simd: S, row: usize, column: usize) {
        let mut first = 0;
        while first < self.channels {
            let size = block::<S>(self.channels - first);
            if size == VECTORS * S::F32_LANES {
                self.block::<S, STEP, P, VECTORS>(simd, (row, column), first);
            } else {
                self.block::<S, STEP, P, 1>(simd, (row, column), first);
            }
            first += size;
        }
    }

    #[inline(always)]
    fn block<S: Simd, const STEP: usize, const P: usize, const V: usize>(
        &mut self,
        simd: S,
        (row, column): (usize, usize),
        first: usize,
    ) {
        let Grid { from, to, .. } = self.grid;
        let step = if STEP == 0 { from[1] } else { STEP };
        let (start, span) = (row * from[0] + column * from[1], (P - 1) * step + 1);
        let lanes = V * S::F32_LANES;
        let weights = &self.weights[first * self.offsets.len()..][..lanes * self.offsets.len()];
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        for (offset, weights) in self.offsets.iter().zip(weights.chunks_exact(lanes)) {
            let w = &S::as_simd_f32s(weights).0[..V];
            let x = &self.source[start + offset..][..span];
            for p in 0..P {
                let x = simd.splat_f32s(x[p * step]);
                for v in 0..V {
                    sums[p][v] = simd.mul_add_f32s(x, w[v], sums[p][v]);
                }
            }
        }
        // Vectors across channels become runs along the row.
        let mut tile = [[0.0_f32; 16 * VECTORS]; P];
        for p in 0..P {
            S::as_mut_simd_f32s(&mut tile[p]).0[..V].copy_from_slice(&sums[p]);
        }
        let start = row * to[0] + column * to[1];
        for channel in 0..lanes.min(self.channels - first) {
            let bias = match self.bias {
                Some(bias) => bias[first + channel],
                None => 0.0,
            };
            let out = &mut self.out[(first + channel) * self.stride + start..][..(P - 1) * to[1] + 1];
            if to[1] == 1 {
                for p in 0..P {
                    out[p] = tile[p][channel] + bias;
                }
            } else {
                for p in 0..P {
                    out[p * to[1]] = tile[p][channel] + bias;
                }
            }
        }
    }
}

/// Output channels, and taps of one row, of one block of [`Outer`].
pub(super) const ROWS: usize = 8;
const TAPS: usize = 3;

/// `out[row][tap][lane] += Σ a[position][row] · b[from(position) + tap][lane]`: products of the gradient of the output,
/// [`ROWS`] channels of it, with a vector of channels of the input. Positions of `a` are `ROWS` apart, those of `b` and the
/// taps of `out` `lanes`.
pub(super) struct Outer<'a> {
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    /// The taps of a row of the kernel: the first, the distance to the next, in positions of `b`, and how many there are.
    pub(super) taps: (usize, usize, usize),
    /// Positions: rows are `from[0]`, columns `from[1]` apart in `b`, and follow one another in `a`.
    pub(super) grid: Grid,
    pub(super) out: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut tap = 0;
        while tap < self.taps.2 {
            let left = self.taps.2 - tap;
            // 16 registers hold a tap at a time.
            let size = if S::REGISTER_COUNT >= 32 { left.min(TAPS) } else { 1 };
            match size {
                3 => self.block::<S, 3>(simd, tap),
                2 => self.block::<S, 2>(simd, tap),
                _ => self.block::<S, 1>(simd, tap),
            }
            tap += size;
        }
    }
}

/// Lanes of the vectors in [`Outer`]'s layouts, whatever the processor has.
pub(super) const LANES: usize = 16;

impl Outer<'_> {
    #[inline(always)]
    fn block<S: Simd, const T: usize>(&mut self, simd: S, tap: usize) {
        let Grid { rows, columns, from, .. } = self.grid;
        let (first, spacing, taps) = self.taps;
        for part in 0..LANES / S::F32_LANES {
            let lane = part * S::F32_LANES;
            let mut sums = [[simd.splat_f32s(0.0); T]; ROWS];
            for row in 0..rows {
                let a = &self.a[row * columns * ROWS..][..columns * ROWS];
                let mut b: [&[f32]; T] = [&[]; T];
                for t in 0..T {
                    let start = (row * from[0] + first + (tap + t) * spacing) * LANES + lane;
                    b[t] = &self.b[start..][..(columns - 1) * from[1] * LANES + S::F32_LANES];
                }
                let mut at = 0;
                for a in a.as_chunks::<ROWS>().0 {
                    let mut x = [simd.splat_f32s(0.0); T];
                    for t in 0..T {
                        x[t] = S::as_simd_f32s(&b[t][at..][..S::F32_LANES]).0[0];
                    }
                    at += from[1] * LANES;
                    for r in 0..ROWS {
                        let dy = simd.splat_f32s(a[r]);
                        for t in 0..T {
                            sums[r][t] = simd.mul_add_f32s(dy, x[t], sums[r][t]);
                        }
                    }
                }
            }
            for r in 0..ROWS {
                for t in 0..T {
                    let out = &mut self.out[(r * taps + tap + t) * LANES + lane..][..S::F32_LANES];
                    let out = &mut S::as_mut_simd_f32s(out).0[0];
                    *out = simd.add_f32s(*out, sums[r][t]);
                }
            }
        }
    }
}
