//! The gradient of the weight, `dw[o][c][k] = Σ dy[n][o][i] · x[n][c][i at k]`. Where channels fill vectors, by outer products at
//! each position (`outer`), else by products of planes with shifted planes (here).

use pulp::Arch;

use super::{Conv, Work, geometry::Planes, micro::Products, outer, rows::Rows};
use crate::pool::{Parts, Pool, with_scratch, with_shared};

/// Elements of a plane, at which the rows that one block reads fit the first-level cache.
const PLANE: usize = 1536;
/// Parts that images are split into at most. They are the same for any number of threads, as is the sum over them.
const PARTS: usize = 16;
/// Elements of all partial sums.
const PARTIAL: usize = 1 << 21;
/// Vectors may be as wide as this.
const LANES: usize = 16;

/// The gradient of a convolution's weight, and what it keeps from call to call.
#[derive(Debug)]
pub struct WeightGrad {
    conv: Conv,
    /// Whether vectors run along the channels of the input.
    lanes: bool,
    /// Images of one piece, or rows of one image.
    images: usize,
    rows: usize,
}

impl WeightGrad {
    #[must_use]
    pub fn new(conv: Conv) -> Self {
        let lanes = conv.inner >= outer::LANES && conv.outer >= 4;
        let whole = Planes::new(&conv, conv.output[0], 1);
        let (images, rows) = if lanes {
            outer::piece(&conv)
        } else {
            let images = (PLANE / whole.plane.max(1)).max(1);
            let fitting = (PLANE / whole.width).saturating_sub(whole.axes[0].reach);
            let some = fitting.clamp(conv.output[0].min(4), conv.output[0]);
            (images, if images > 1 { conv.output[0] } else { some })
        };
        Self { conv, lanes, images, rows }
    }

    #[must_use]
    pub fn conv(&self) -> &Conv {
        &self.conv
    }

    /// `x [N, group·inner, H, W]`, `dy [N, group·outer, H', W']` → `dw [group·outer, inner, kernel]`.
    pub fn run(&self, pool: &dyn Pool, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        with_shared(|partial| self.sum(pool, (x, dy), partial, dw));
    }

    fn sum(&self, pool: &dyn Pool, (x, dy): (&[f32], &[f32]), partial: &mut Vec<f32>, dw: &mut [f32]) {
        let Self { conv, lanes, images, rows } = self;
        let [image_in, image_out] = conv.image();
        let count = x.len() / image_in;
        let pieces = count.div_ceil(*images);
        let parts = (PARTIAL / conv.weights()).clamp(1, PARTS).min(pieces.max(1));
        let size = conv.weights() / conv.group;
        if partial.len() < parts * conv.weights() {
            partial.resize(parts * conv.weights(), 0.0);
        }
        let partial = &mut partial[..parts * conv.weights()];
        // Where there are few parts, the channels of the output are shared out as well.
        let shares = if parts * conv.group < PARTS {
            (PARTS / (parts * conv.group)).min(conv.outer.div_ceil(8))
        } else {
            1
        };
        let share = conv.outer.div_ceil(shares);
        let (images, rows, lanes) = (*images, *rows, *lanes);
        let work = Work { conv, images, rows, x, dy };
        let each = conv.outer.div_ceil(share);
        {
            let room = split(partial, size, share * conv.inner * conv.taps());
            pool.each(parts * conv.group * each, &|task| {
                let (part, rest) = (task / (conv.group * each), task % (conv.group * each));
                let (group, number) = (rest / each, rest % each);
                let channels = number * share..((number + 1) * share).min(conv.outer);
                let mine = part * pieces / parts..(part + 1) * pieces / parts;
                let images = mine.start * images..(mine.end * images).min(count);
                let mut out = room.take(task);
                out.fill(0.0);
                if lanes {
                    outer::part(&work, images, group, channels, &mut out);
                } else {
                    work.part(images, group, channels, &mut out);
                }
            });
        }
        dw.copy_from_slice(&partial[..dw.len()]);
        for part in partial.chunks_exact(dw.len()).skip(1) {
            dw.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        debug_assert_eq!(dy.len() / image_out, count);
    }
}

/// Parts of `length` within each piece of `size`.
fn split(partial: &mut [f32], size: usize, length: usize) -> Parts<'_> {
    Parts::of(partial.chunks_exact_mut(size).flat_map(|piece| piece.chunks_mut(length)))
}

impl Work<'_> {
    /// Adds what these images give to the weights of these channels of a group.
    fn part(
        &self,
        images: std::ops::Range<usize>,
        group: usize,
        channels: std::ops::Range<usize>,
        out: &mut [f32],
    ) {
        let Self { conv, x, dy, .. } = self;
        let [image_in, image_out] = conv.image();
        let area = conv.output[0] * conv.output[1];
        let planes = Planes::new(conv, self.rows, self.images);
        let offsets = planes.offsets(conv);
        // What is behind the last row of dy meets what is behind that of x: zeros, up to the width of a vector.
        let stride = ((self.images - 1) * planes.image + self.rows * planes.width).next_multiple_of(LANES);
        // The last tap of the last channel reaches so far past its plane.
        let room = planes.room(conv.inner, planes.axes[1].reach + 2 * LANES);
        with_scratch(room, channels.len() * stride, |source, planes_out| {
            // What is behind a plane is multiplied by zeros, which leaves no trace of it unless it is not finite.
            source.fill(0.0);
            for first in images.clone().step_by(self.images) {
                let count = self.images.min(images.end - first);
                for start in (0..conv.output[0]).step_by(self.rows) {
                    let rows = start..(start + self.rows).min(conv.output[0]);
                    if count < self.images {
                        source.fill(0.0);
                        planes_out.fill(0.0);
                    }
                    for place in 0..count {
                        let share = image_in / conv.group;
                        let channels_in = &x[(first + place) * image_in + group * share..][..share];
                        planes.fill(source, place, rows.clone(), channels_in);
                        let dy =
                            &dy[(first + place) * image_out + (group * conv.outer + channels.start) * area..];
                        let from = &dy[..channels.len() * area];
                        let to = (place * planes.image, planes.width, stride);
                        spread(planes_out, to, from, (area, conv.output[1]), rows.clone());
                    }
                    let length =
                        ((count - 1) * planes.image + rows.len() * planes.width).next_multiple_of(LANES);
                    let products = Products {
                        a: planes_out,
                        stride,
                        rows: channels.len(),
                        b: source,
                        offsets: &offsets,
                        length,
                        out,
                    };
                    Arch::new().dispatch(products);
                }
            }
        });
    }
}

/// Copies rows of each channel into planes that are wider, with zeros between them.
fn spread(
    to: &mut [f32],
    (start, width, stride): (usize, usize, usize),
    from: &[f32],
    (area, narrow): (usize, usize),
    rows: std::ops::Range<usize>,
) {
    for (plane, values) in to.chunks_exact_mut(stride).zip(from.chunks_exact(area)) {
        let from = &values[rows.start * narrow..rows.end * narrow];
        let (place, behind) = plane[start..].split_at_mut(rows.len() * width);
        Rows {
            from,
            from_stride: narrow,
            step: 1,
            to: place,
            to_stride: width,
            width: narrow,
            rows: rows.len(),
        }
        .copy();
        behind.fill(0.0);
    }
}
