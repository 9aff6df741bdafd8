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
        // A block of channels goes over all positions, so that its weights stay near.
        let mut first = 0;
        while first < self.channels {
            let size = block::<S>(self.channels - first);
            match (size == VECTORS * S::F32_LANES, self.grid.from[1]) {
                (true, 1) => self.grid::<S, 1, VECTORS>(simd, first),
                (true, 2) => self.grid::<S, 2, VECTORS>(simd, first),
                (true, _) => self.grid::<S, 0, VECTORS>(simd, first),
                (false, 1) => self.grid::<S, 1, 1>(simd, first),
                (false, 2) => self.grid::<S, 2, 1>(simd, first),
                (false, _) => self.grid::<S, 0, 1>(simd, first),
            }
            first += size;
        }
    }
}

/// How many columns come together, for a row of so many and so many that are left: as many as registers hold, without a
/// short rest where there is a choice.
fn columns(row: usize, left: usize, registers: usize) -> usize {
    match left {
        // 16 registers hold four positions of two vectors.
        4.. if registers < 32 => 4,
        14.. if !row.is_multiple_of(8) => 14,
        8.. => 8,
        7 => 7,
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}

impl Spread<'_> {
    /// `STEP` is the one along a row, where it is known.
    #[inline(always)]
    fn grid<S: Simd, const STEP: usize, const V: usize>(&mut self, simd: S, first: usize) {
        let width = self.grid.columns;
        let mut row = 0;
        while row < self.grid.rows {
            // Two short rows fill the registers.
            let pair = width == 7 && S::REGISTER_COUNT >= 32 && row + 1 < self.grid.rows;
            if pair {
                self.block::<S, STEP, 2, 7, V>(simd, (row, 0), first);
                row += 2;
                continue;
            }
            let mut column = 0;
            while column < width {
                let size = columns(width, width - column, S::REGISTER_COUNT);
                match size {
                    14 => self.block::<S, STEP, 1, 14, V>(simd, (row, column), first),
                    8 => self.block::<S, STEP, 1, 8, V>(simd, (row, column), first),
                    7 => self.block::<S, STEP, 1, 7, V>(simd, (row, column), first),
                    4 => self.block::<S, STEP, 1, 4, V>(simd, (row, column), first),
                    2 => self.block::<S, STEP, 1, 2, V>(simd, (row, column), first),
                    _ => self.block::<S, STEP, 1, 1, V>(simd, (row, column), first),
                }
                column += size;
            }
            row += 1;
        }
    }

    /// `R` rows of `P` positions of `V` vectors of channels.
    #[inline(always)]
    fn block<S: Simd, const STEP: usize, const R: usize, const P: usize, const V: usize>(
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
        let mut sums = [[[simd.splat_f32s(0.0); V]; P]; R];
        for (offset, weights) in self.offsets.iter().zip(weights.chunks_exact(lanes)) {
            let w = &S::as_simd_f32s(weights).0[..V];
            let x = &self.source[start + offset..][..(R - 1) * from[0] + span];
            for r in 0..R {
                let x = &x[r * from[0]..][..span];
                for p in 0..P {
                    let x = simd.splat_f32s(x[p * step]);
                    for v in 0..V {
                        sums[r][p][v] = simd.mul_add_f32s(x, w[v], sums[r][p][v]);
                    }
                }
            }
        }
        // Vectors across channels become runs along the row.
        for r in 0..R {
            let mut tile = [[0.0_f32; 16 * VECTORS]; P];
            for p in 0..P {
                S::as_mut_simd_f32s(&mut tile[p]).0[..V].copy_from_slice(&sums[r][p]);
            }
            let start = (row + r) * to[0] + column * to[1];
            for channel in 0..lanes.min(self.channels - first) {
                let bias = match self.bias {
                    Some(bias) => bias[first + channel],
                    None => 0.0,
                };
                let out = &mut self.out[(first + channel) * self.stride + start..][..(P - 1) * to[1] + 1];
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
