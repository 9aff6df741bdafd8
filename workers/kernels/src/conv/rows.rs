//! Copies of short rows, which a call of `memcpy` for each would double the time of.

use pulp::{Simd, WithSimd};

/// `rows` rows of `width` elements, from one stride to another, and zeros in what is left of each row of `to`, which ends with
/// the last of them.
pub(super) struct Rows<'a> {
    pub(super) from: &'a [f32],
    pub(super) from_stride: usize,
    /// Every how many elements of a row is taken.
    pub(super) step: usize,
    pub(super) to: &'a mut [f32],
    pub(super) to_stride: usize,
    pub(super) width: usize,
    pub(super) rows: usize,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        match (self.step, self.width.div_ceil(S::F32_LANES)) {
            (1, 1) => self.vectors::<S, 1>(),
            (1, 2) => self.vectors::<S, 2>(),
            (1, 3) => self.vectors::<S, 3>(),
            (1, 4) => self.vectors::<S, 4>(),
            _ => self.each(0),
        }
    }
}

impl Rows<'_> {
    /// Rows of `N` vectors at most, whole vectors at a time as long as there is room for them: what is written behind a row
    /// is its own zeros or the next row's to overwrite.
    #[inline(always)]
    fn vectors<S: Simd, const N: usize>(&mut self) {
        let span = N * S::F32_LANES;
        let fitting = |length: usize, stride: usize| match length.checked_sub(span) {
            Some(rest) => rest / stride.max(1) + 1,
            None => 0,
        };
        let whole = fitting(self.from.len(), self.from_stride)
            .min(fitting(self.to.len(), self.to_stride))
            .min(self.rows);
        let gap = self.width..self.to_stride.max(self.width);
        for row in 0..whole {
            let from = S::as_simd_f32s(&self.from[row * self.from_stride..][..span]).0;
            let to = &mut self.to[row * self.to_stride..];
            S::as_mut_simd_f32s(&mut to[..span]).0[..N].copy_from_slice(&from[..N]);
            for place in gap.clone() {
                if let Some(place) = to.get_mut(place) {
                    *place = 0.0;
                }
            }
        }
        self.each(whole);
    }

    /// The rows from `first` on, element by element.
    #[inline(always)]
    fn each(&mut self, first: usize) {
        for row in first..self.rows {
            let from = &self.from[row * self.from_stride..];
            let (start, end) = (row * self.to_stride, ((row + 1) * self.to_stride).min(self.to.len()));
            let to = &mut self.to[start..start + self.width];
            if self.step == 2 {
                let (pairs, rest) = from.as_chunks::<2>();
                for (to, pair) in to.iter_mut().zip(pairs) {
                    *to = pair[0];
                }
                if let (true, Some(to), [last]) = (pairs.len() < self.width, to.last_mut(), rest) {
                    *to = *last;
                }
            } else {
                to.iter_mut().zip(from.iter().step_by(self.step)).for_each(|(to, from)| *to = *from);
            }
            for place in &mut self.to[start + self.width..end] {
                *place = 0.0;
            }
        }
    }

    /// On whatever the processor has.
    pub(super) fn copy(self) {
        pulp::Arch::new().dispatch(self);
    }
}
