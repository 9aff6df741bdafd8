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
    fn with_simd<S: Simd>(self, _: S) {
        for row in 0..self.rows {
            let from = &self.from[row * self.from_stride..];
            let (start, end) = (row * self.to_stride, ((row + 1) * self.to_stride).min(self.to.len()));
            match self.step {
                1 => copy::<S>(from, &mut self.to[start..], self.width),
                2 => {
                    let (pairs, rest) = from.as_chunks::<2>();
                    let to = &mut self.to[start..start + self.width];
                    for (to, pair) in to.iter_mut().zip(pairs) {
                        *to = pair[0];
                    }
                    if let (true, Some(to), [last]) = (pairs.len() < self.width, to.last_mut(), rest) {
                        *to = *last;
                    }
                }
                step => {
                    let to = &mut self.to[start..start + self.width];
                    to.iter_mut().zip(from.iter().step_by(step)).for_each(|(to, from)| *to = *from);
                }
            }
            for place in &mut self.to[start + self.width..end] {
                *place = 0.0;
            }
        }
    }
}

impl Rows<'_> {
    /// On whatever the processor has.
    pub(super) fn copy(self) {
        pulp::Arch::new().dispatch(self);
    }
}

/// Whole vectors where there is room for them: what is written behind the row is its own zeros or the next row's to
/// overwrite.
#[inline(always)]
fn copy<S: Simd>(from: &[f32], to: &mut [f32], width: usize) {
    let whole = width.next_multiple_of(S::F32_LANES);
    if from.len() >= whole && to.len() >= whole {
        let from = S::as_simd_f32s(&from[..whole]).0;
        let to = S::as_mut_simd_f32s(&mut to[..whole]).0;
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    } else {
        for (to, from) in to[..width].iter_mut().zip(&from[..width]) {
            *to = *from;
        }
    }
}
