//! Where a convolution reads: the planes that the passes work on, and every tap as one distance within them.
//!
//! An image's channel is copied into a plane with its padding, rows laid end to end, so that a tap is one shift of the
//! whole plane. With a stride there is a plane for each remainder of a padded coordinate divided by it: then again every
//! tap is a shift of one of them. Rows share the zeros between them.

use std::ops::Range;

use super::rows::Rows;

/// A two-dimensional convolution, `y[o][i] = Σ w[o][c][k]·x[c][i·stride + k·dilation − before]`; axes are height, width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    pub group: usize,
    /// Channels of the input per group.
    pub inner: usize,
    /// Channels of the output per group.
    pub outer: usize,
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Zeros in front of the input; those behind it follow from the other extents.
    pub before: [usize; 2],
}

impl Conv {
    pub(crate) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Elements of one image of the input and of the output, all groups.
    pub(crate) fn image(&self) -> [usize; 2] {
        let area = |extents: [usize; 2]| extents[0] * extents[1];
        [self.group * self.inner * area(self.input), self.group * self.outer * area(self.output)]
    }

    /// The same with every position of the output between the first and the last.
    pub(crate) fn dense(&self) -> Self {
        let output = [0, 1].map(|axis| (self.output[axis] - 1) * self.stride[axis] + 1);
        Self { output, stride: [1; 2], ..*self }
    }

    /// Elements of the weight.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.group * self.outer * self.inner * self.taps()
    }

    /// Whether a padded image starts before the padding ends, which all but odd exports do.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        let extents = [self.input, self.output, self.kernel, self.stride, self.dilation];
        self.group * self.inner * self.outer > 0 && extents.iter().flatten().all(|&extent| extent > 0)
    }
}

/// One axis of the planes that are read with the kernel's taps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    input: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    /// The farthest any tap reaches, in steps of the output.
    pub(super) reach: usize,
    /// Zeros that neighbouring rows, or images below each other, have in common.
    pub(super) shared: usize,
}

impl Axis {
    pub(super) fn new(conv: &Conv, axis: usize) -> Self {
        let (input, stride, dilation) = (conv.input[axis], conv.stride[axis], conv.dilation[axis]);
        let before = conv.before[axis];
        let reach = (conv.kernel[axis] - 1) * dilation / stride;
        let extent = conv.output[axis] + reach;
        // Rows of the output share nothing, so a row stays as long as one of them.
        let shared = before.min(extent.saturating_sub(before + input)).min(reach);
        let shared = if stride == 1 { shared } else { 0 };
        Self { input, stride, dilation, before, reach, shared }
    }

    /// The plane and the shift of a tap.
    pub(super) fn tap(&self, tap: usize) -> (usize, usize) {
        let distance = tap * self.dilation;
        (distance % self.stride, distance / self.stride)
    }

    /// The input's coordinates in a plane's `places`: where among them the first is, which it is, and how many there are.
    pub(super) fn within(&self, plane: usize, places: Range<usize>) -> (usize, usize, usize) {
        let first = self.before.saturating_sub(plane).div_ceil(self.stride).max(places.start);
        let end = (self.before + self.input).saturating_sub(plane).div_ceil(self.stride).min(places.end);
        if first >= end {
            return (0, 0, 0);
        }
        (first - places.start, first * self.stride + plane - self.before, end - first)
    }
}

/// Planes of all channels of a group, of one image or of several, of some rows of the output or of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub(super) axes: [Axis; 2],
    stride: [usize; 2],
    input: [usize; 2],
    /// Elements from one row to the next.
    pub(super) width: usize,
    /// Elements from one image to the next.
    pub(super) image: usize,
    /// Elements from one plane to the next.
    pub(super) plane: usize,
    /// Of each axis, up to which remainder of a coordinate taps read.
    phases: [usize; 2],
}

impl Planes {
    /// Of so many rows of the output, of so many images.
    pub(super) fn new(conv: &Conv, rows: usize, images: usize) -> Self {
        let axes = [Axis::new(conv, 0), Axis::new(conv, 1)];
        let width = conv.output[1] + axes[1].reach - axes[1].shared;
        let height = rows + axes[0].reach;
        // Several images are whole ones.
        let image = if images > 1 { (height - axes[0].shared) * width } else { height * width };
        let plane = (images - 1) * image + height * width + axes[1].shared;
        let phases = [0, 1].map(|axis| {
            let taps = 0..conv.kernel[axis];
            taps.map(|tap| axes[axis].tap(tap).0 + 1).max().unwrap_or(1)
        });
        let plane = plane.next_multiple_of(16);
        Self { axes, stride: conv.stride, input: conv.input, width, image, plane, phases }
    }

    /// Planes of a channel.
    pub(super) fn phases(&self) -> usize {
        self.phases[0] * self.phases[1]
    }

    /// Elements for so many channels, and for a vector that starts within the last plane.
    pub(super) fn room(&self, channels: usize, vector: usize) -> usize {
        channels * self.phases() * self.plane + vector
    }

    /// How far each element of the kernel is from the output's, channels first, row by row.
    pub(super) fn offsets(&self, conv: &Conv) -> Vec<usize> {
        let tap = |channel: usize, tap: usize| {
            let (row_plane, row) = self.axes[0].tap(tap / conv.kernel[1]);
            let (column_plane, column) = self.axes[1].tap(tap % conv.kernel[1]);
            let plane = (channel * self.phases[0] + row_plane) * self.phases[1] + column_plane;
            plane * self.plane + row * self.width + column
        };
        (0..conv.inner).flat_map(|channel| (0..conv.taps()).map(move |number| tap(channel, number))).collect()
    }

    /// Fills the planes of image number `place`, for the output's `rows`, from the channels of one image.
    pub(super) fn fill(&self, room: &mut [f32], place: usize, rows: Range<usize>, channels: &[f32]) {
        let area = self.input[0] * self.input[1];
        for (channel, values) in channels.chunks_exact(area).enumerate() {
            for phase in 0..self.phases() {
                let plane = &mut room[(channel * self.phases() + phase) * self.plane..][..self.plane];
                self.fill_plane(&mut plane[place * self.image..], phase, rows.clone(), values);
            }
        }
    }

    fn fill_plane(&self, plane: &mut [f32], phase: usize, rows: Range<usize>, values: &[f32]) {
        let (row_phase, column_phase) = (phase / self.phases[1], phase % self.phases[1]);
        let [across, along] = self.axes;
        let columns = self.width + along.shared;
        let height = rows.len() + across.reach;
        let (top, row, count) = across.within(row_phase, rows.start..rows.start + height);
        let (left, column, wide) = along.within(column_phase, 0..columns);
        let end = (height * self.width + along.shared).min(plane.len());
        if count == 0 || wide == 0 {
            plane[..end].fill(0.0);
            return;
        }
        let start = top * self.width + left;
        plane[..start].fill(0.0);
        let after = (start + count * self.width).min(end);
        Rows {
            from: &values[row * self.input[1] + column..],
            from_stride: self.stride[0] * self.input[1],
            step: self.stride[1],
            to: &mut plane[start..after],
            to_stride: self.width,
            width: wide,
            rows: count,
        }
        .copy();
        plane[after..end].fill(0.0);
    }
}
