//! The gradient of the weight as a sum of outer products, one at each position: channels of the input along vectors,
//! channels of the output spread over them. Both are laid out anew, in blocks of channels within each position.

use std::ops::Range;

use pulp::Arch;

use super::{
    Conv, PLANES, Work,
    lanes::{Grid, Outer, ROWS},
};
use crate::pool::with_scratch;

pub(super) use super::lanes::LANES;

/// The padded input in blocks of [`LANES`] channels: `[block][row][column][lane]`.
struct Blocks {
    count: usize,
    rows: usize,
    columns: usize,
}

impl Blocks {
    /// For so many rows of the output.
    fn new(conv: &Conv, rows: usize) -> Self {
        let extent = |axis: usize, output: usize| {
            (output - 1) * conv.stride[axis] + (conv.kernel[axis] - 1) * conv.dilation[axis] + 1
        };
        let count = conv.inner.div_ceil(LANES);
        Self { count, rows: extent(0, rows), columns: extent(1, conv.output[1]) }
    }

    fn block(&self) -> usize {
        self.rows * self.columns * LANES
    }

    /// Elements of all blocks of one image.
    fn size(&self) -> usize {
        self.count * self.block()
    }
}

/// How many images, and how many rows of the output, are laid out at a time.
pub(super) fn piece(conv: &Conv) -> (usize, usize) {
    let size = |rows: usize| {
        let outer = conv.outer.next_multiple_of(ROWS);
        Blocks::new(conv, rows).size() + outer * rows * conv.output[1]
    };
    let whole = size(conv.output[0]);
    if whole <= PLANES {
        return (PLANES / whole, conv.output[0]);
    }
    let least = conv.output[0].min(4);
    let rows = (least..=conv.output[0]).take_while(|&rows| size(rows) <= PLANES).last().unwrap_or(least);
    (1, rows)
}

/// Adds what these images give to the weights of these channels of a group: `out [channel][inner][tap]`.
pub(super) fn part(
    work: &Work<'_>,
    images: Range<usize>,
    group: usize,
    channels: Range<usize>,
    out: &mut [f32],
) {
    let conv = work.conv;
    let [image_in, image_out] = conv.image();
    let [area_in, area_out] = [conv.input, conv.output].map(|extents| extents[0] * extents[1]);
    let blocks = Blocks::new(conv, work.rows);
    let groups = channels.len().div_ceil(ROWS);
    let positions = work.rows * conv.output[1];
    let (inputs, outputs) = (work.images * blocks.size(), work.images * groups * positions * ROWS);
    let sums = groups * blocks.count * ROWS * conv.taps() * LANES;
    with_scratch(inputs + sums, outputs, |first, dy| {
        let (sums, x) = first.split_at_mut(sums);
        sums.fill(0.0);
        for start in images.clone().step_by(work.images) {
            let count = work.images.min(images.end - start);
            for row in (0..conv.output[0]).step_by(work.rows) {
                let rows = row..(row + work.rows).min(conv.output[0]);
                for place in 0..count {
                    let share = image_in / conv.group;
                    let from = &work.x[(start + place) * image_in + group * share..][..share];
                    lay_input(&mut x[place * blocks.size()..], &blocks, conv, rows.clone(), from);
                    let from = (start + place) * image_out + (group * conv.outer + channels.start) * area_out;
                    let from = &work.dy[from..][..channels.len() * area_out];
                    let to = &mut dy[place * groups * positions * ROWS..][..groups * positions * ROWS];
                    lay_output(
                        to,
                        positions,
                        from,
                        area_out,
                        rows.start * conv.output[1]..rows.end * conv.output[1],
                    );
                }
                add(sums, (x, &blocks), (dy, groups, positions), (conv, count, rows.len()));
            }
        }
        debug_assert_eq!(image_in, conv.group * conv.inner * area_in);
        gather(sums, conv, blocks.count, channels.len(), out);
    });
}

/// Copies an image into its blocks, zeros around it and in lanes without a channel.
fn lay_input(to: &mut [f32], blocks: &Blocks, conv: &Conv, rows: Range<usize>, from: &[f32]) {
    let [height, width] = conv.input;
    let first = rows.start * conv.stride[0];
    for (number, block) in to[..blocks.size()].chunks_exact_mut(blocks.block()).enumerate() {
        let channels = number * LANES..((number + 1) * LANES).min(conv.inner);
        let planes = &from[channels.start * height * width..channels.end * height * width];
        for (place, row) in block.chunks_exact_mut(blocks.columns * LANES).enumerate() {
            let source = (first + place).checked_sub(conv.before[0]).filter(|&row| row < height);
            let Some(source) = source else {
                row.fill(0.0);
                continue;
            };
            let left = conv.before[1].min(blocks.columns);
            let wide = width.min(blocks.columns - left);
            row[..left * LANES].fill(0.0);
            row[(left + wide) * LANES..].fill(0.0);
            let row = &mut row[left * LANES..(left + wide) * LANES];
            transpose(row, &planes[source * width..], height * width, channels.len());
        }
    }
}

/// Copies positions of the gradient of the output, [`ROWS`] channels together: `[block][position][channel]`.
fn lay_output(to: &mut [f32], positions: usize, from: &[f32], area: usize, taken: Range<usize>) {
    for (number, block) in to.chunks_exact_mut(positions * ROWS).enumerate() {
        let from = &from[number * ROWS * area..];
        let channels = (from.len() / area).min(ROWS);
        transpose_by::<ROWS>(&mut block[..taken.len() * ROWS], &from[taken.start..], area, channels);
    }
}

fn transpose(to: &mut [f32], from: &[f32], stride: usize, channels: usize) {
    transpose_by::<LANES>(to, from, stride, channels);
}

/// `to[position][channel] = from[channel · stride + position]`, 0 for channels that there are not.
fn transpose_by<const N: usize>(to: &mut [f32], from: &[f32], stride: usize, channels: usize) {
    let to = to.as_chunks_mut::<N>().0;
    let count = to.len();
    if channels == N {
        let mut planes: [&[f32]; N] = [&[]; N];
        for (channel, plane) in planes.iter_mut().enumerate() {
            *plane = &from[channel * stride..][..count];
        }
        for (position, to) in to.iter_mut().enumerate() {
            for channel in 0..N {
                to[channel] = planes[channel][position];
            }
        }
        return;
    }
    to.as_flattened_mut().fill(0.0);
    for channel in 0..channels {
        for (to, from) in to.iter_mut().zip(&from[channel * stride..]) {
            to[channel] = *from;
        }
    }
}

/// Adds the outer products of all positions of `count` images.
fn add(
    sums: &mut [f32],
    (x, blocks): (&[f32], &Blocks),
    (dy, groups, positions): (&[f32], usize, usize),
    (conv, count, rows): (&Conv, usize, usize),
) {
    let grid = Grid {
        rows,
        columns: conv.output[1],
        from: [conv.stride[0] * blocks.columns, conv.stride[1]],
        to: [0, 0],
    };
    let line = ROWS * conv.kernel[1] * LANES;
    for (index, sums) in sums.chunks_exact_mut(conv.kernel[0] * line).enumerate() {
        let (group, block) = (index / blocks.count, index % blocks.count);
        for (row, out) in sums.chunks_exact_mut(line).enumerate() {
            let taps = (row * conv.dilation[0] * blocks.columns, conv.dilation[1], conv.kernel[1]);
            for image in 0..count {
                let a = &dy[(image * groups + group) * positions * ROWS..][..positions * ROWS];
                let b = &x[image * blocks.size() + block * blocks.block()..][..blocks.block()];
                Arch::new().dispatch(Outer { a, b, taps, grid, out });
            }
        }
    }
}

/// Adds sums `[group of channels][block][kernel row][channel][tap][lane]` where they belong.
fn gather(sums: &[f32], conv: &Conv, blocks: usize, channels: usize, out: &mut [f32]) {
    let [height, width] = conv.kernel;
    let line = ROWS * width * LANES;
    for channel in 0..channels {
        for inner in 0..conv.inner {
            let block = (channel / ROWS * blocks + inner / LANES) * height * line;
            for row in 0..height {
                for column in 0..width {
                    let at = block + row * line;
                    let at = at + ((channel % ROWS) * width + column) * LANES + inner % LANES;
                    out[(channel * conv.inner + inner) * conv.taps() + row * width + column] += sums[at];
                }
            }
        }
    }
}
