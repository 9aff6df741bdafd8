//! The gradient of the input: what was read by a tap gets it back from there. The padded input falls apart into planes by
//! the remainder of its coordinates divided by the stride, and each is a convolution of the output's gradient with the
//! taps that read it.

use std::ops::Range;

use pulp::Arch;

use super::{
    Conv, band,
    lanes::{Grid, PackLanes, Spread},
    micro::{Gather, Pack, VECTOR},
    rows::Rows,
    wants_lanes,
};
use crate::pool::{Parts, Pool, with_scratch, with_shared};

/// The gradient of a convolution's input, and what it keeps from call to call.
#[derive(Debug)]
pub struct InputGrad {
    conv: Conv,
    axes: [Axis; 2],
    /// Rows of a phase that are computed together.
    band: usize,
    /// Whether vectors run along channels, not along rows.
    lanes: bool,
    /// Elements from one row of the output's gradient to the next.
    width: usize,
    /// Elements from one of its planes to the next.
    plane: usize,
    phases: Vec<Phase>,
}

/// One axis: which coordinates there are, and how far the output's gradient is padded.
#[derive(Debug)]
struct Axis {
    stride: usize,
    before: usize,
    /// Zeros in front of the output's gradient, and behind it.
    margins: [usize; 2],
    /// For each remainder the first quotient within the input and how many follow.
    places: Vec<(usize, usize)>,
}

/// The part of the input whose coordinates have the same remainders.
#[derive(Debug)]
struct Phase {
    remainders: [usize; 2],
    /// Of the taps that read it: their numbers, and how far from an element of it they find theirs.
    taps: Vec<(usize, usize)>,
    offsets: Vec<usize>,
}

impl Axis {
    fn new(conv: &Conv, axis: usize) -> Self {
        let (stride, before, input) = (conv.stride[axis], conv.before[axis], conv.input[axis]);
        let place = |remainder: usize| {
            let first = before.saturating_sub(remainder).div_ceil(stride);
            (first, (before + input).saturating_sub(remainder).div_ceil(stride).saturating_sub(first))
        };
        let places: Vec<_> = (0..stride).map(place).collect();
        let mut margins = [0; 2];
        for tap in 0..conv.kernel[axis] {
            let (shift, remainder) = (tap * conv.dilation[axis] / stride, tap * conv.dilation[axis] % stride);
            let (first, count) = places[remainder];
            margins[0] = margins[0].max(shift.saturating_sub(first));
            margins[1] = margins[1].max((first + count).saturating_sub(shift + conv.output[axis]));
        }
        Self { stride, before, margins, places }
    }

    /// The remainder of a tap, and how far behind its place in a phase it finds the output's gradient, margin included.
    fn tap(&self, tap: usize, dilation: usize) -> (usize, usize) {
        let distance = tap * dilation;
        let remainder = distance % self.stride;
        let (first, count) = self.places[remainder];
        // Nothing of a phase without elements is read.
        let place = if count == 0 { 0 } else { first + self.margins[0] - distance / self.stride };
        (remainder, place)
    }
}

impl InputGrad {
    #[must_use]
    pub fn new(conv: Conv) -> Self {
        let axes = [Axis::new(&conv, 0), Axis::new(&conv, 1)];
        let [before, behind] = axes[1].margins;
        // Rows share the zeros between them; the longest row of a phase must fit.
        let longest = axes[1].places.iter().map(|place| place.1).max().unwrap_or(1);
        let width = (conv.output[1] + before.max(behind)).max(longest);
        let rows = axes[0].places.iter().map(|place| place.1).max().unwrap_or(1).max(1);
        let reach = (0..conv.kernel[0]).map(|tap| axes[0].tap(tap, conv.dilation[0]).1).max().unwrap_or(0);
        let band = band(rows, conv.outer.max(conv.inner) * width, reach);
        let plane = ((band + reach) * width + before + behind).next_multiple_of(16);
        let mut phases = Vec::new();
        for row in 0..conv.stride[0] {
            for column in 0..conv.stride[1] {
                let mut phase = Phase { remainders: [row, column], taps: vec![], offsets: vec![] };
                for tap in 0..conv.taps() {
                    let (r, down) = axes[0].tap(tap / conv.kernel[1], conv.dilation[0]);
                    let (c, right) = axes[1].tap(tap % conv.kernel[1], conv.dilation[1]);
                    if [r, c] == [row, column] {
                        phase.taps.push((tap, down * width + right));
                    }
                }
                let channels = 0..conv.outer;
                phase.offsets =
                    channels.flat_map(|c| phase.taps.iter().map(move |(_, at)| c * plane + at)).collect();
                phases.push(phase);
            }
        }
        let lanes = wants_lanes(conv.inner, longest, [1; 2]);
        Self { conv, axes, band, lanes, width, plane, phases }
    }

    #[must_use]
    pub fn conv(&self) -> &Conv {
        &self.conv
    }

    /// `w [group·outer, inner, kernel]`, `dy [N, group·outer, H', W']` → `dx [N, group·inner, H, W]`.
    pub fn run(&self, pool: &dyn Pool, w: &[f32], dy: &[f32], dx: &mut [f32]) {
        with_shared(|packed| {
            let phases = self.pack(w, packed);
            self.run_packed(pool, (packed, &phases), dy, dx);
        });
    }

    /// `phases` are where the weights of each end.
    fn run_packed(&self, pool: &dyn Pool, (packed, phases): (&[f32], &[usize]), dy: &[f32], dx: &mut [f32]) {
        let this = self;
        let conv = &this.conv;
        let [image_in, image_out] = conv.image();
        let area = conv.input[0] * conv.input[1];
        let parts = Parts::new(dx, conv.inner * area);
        let longest = this.axes[1].places.iter().map(|place| place.1).max().unwrap_or(0);
        let stride = (this.band * this.width + longest).next_multiple_of(VECTOR);
        let room = conv.outer * this.plane + VECTOR;
        let bands = this.rows().div_ceil(this.band);
        pool.each(dy.len() / image_out * conv.group, &|task| {
            let (image, group) = (task / conv.group, task % conv.group);
            let share = image_out / conv.group;
            let channels = &dy[image * image_out + group * share..][..share];
            let mut dx = parts.take(task);
            debug_assert_eq!(dx.len() * conv.group, image_in);
            with_scratch(room, conv.inner * stride, |source, out| {
                for number in 0..bands {
                    let rows = number * this.band..(number + 1) * this.band;
                    this.fill(source, rows.start, channels);
                    let mut start = 0;
                    for (phase, end) in this.phases.iter().zip(phases) {
                        let size = (end - start) / conv.group;
                        let weights = &packed[start + group * size..][..size];
                        this.phase(phase, weights, (source, out, stride), rows.clone(), &mut dx);
                        start = *end;
                    }
                }
            });
        });
    }

    /// Rows of the tallest phase.
    fn rows(&self) -> usize {
        self.axes[0].places.iter().map(|place| place.1).max().unwrap_or(0)
    }

    fn pack(&self, w: &[f32], packed: &mut Vec<f32>) -> Vec<usize> {
        let conv = self.conv;
        packed.clear();
        let mut ends = Vec::with_capacity(self.phases.len());
        for phase in &self.phases {
            let (taps, terms) = (&phase.taps, phase.offsets.len());
            for group in 0..conv.group {
                let weight = |row: usize, term: usize| {
                    let (outer, tap) = (term / taps.len(), taps[term % taps.len()].0);
                    w[((group * conv.outer + outer) * conv.inner + row) * conv.taps() + tap]
                };
                let (weight, packed) = (&weight as &dyn Fn(usize, usize) -> f32, &mut *packed);
                if self.lanes {
                    Arch::new().dispatch(PackLanes { channels: conv.inner, terms, weight, packed });
                } else {
                    Arch::new().dispatch(Pack { rows: conv.inner, terms, weight, packed });
                }
            }
            ends.push(packed.len());
        }
        ends
    }

    /// Copies the rows of the output's gradient that rows of a phase from `first` on need, with zeros round them.
    fn fill(&self, room: &mut [f32], first: usize, channels: &[f32]) {
        let [height, width] = self.conv.output;
        let [above, before] = [self.axes[0].margins[0], self.axes[1].margins[0]];
        let row = first.saturating_sub(above);
        let start = (above + row - first) * self.width + before;
        let rows = (self.plane - start.min(self.plane)) / self.width;
        let rows = rows.min(height.saturating_sub(row));
        for (channel, values) in channels.chunks_exact(height * width).enumerate() {
            let plane = &mut room[channel * self.plane..][..self.plane];
            let (front, rest) = plane.split_at_mut(start.min(self.plane));
            front.fill(0.0);
            let (to, behind) = rest.split_at_mut((rows * self.width).min(rest.len()));
            if rows > 0 {
                let from = &values[row * width..];
                Rows { from, from_stride: width, step: 1, to, to_stride: self.width, width, rows }.copy();
            }
            behind.fill(0.0);
        }
    }

    /// Computes some rows of a phase and puts them where they belong.
    fn phase(
        &self,
        phase: &Phase,
        weights: &[f32],
        (source, out, stride): (&[f32], &mut [f32], usize),
        rows: Range<usize>,
        dx: &mut [f32],
    ) {
        let [across, along] = &self.axes;
        let (top, height) = across.places[phase.remainders[0]];
        let (left, width) = along.places[phase.remainders[1]];
        let rows = rows.start..rows.end.min(height);
        if rows.is_empty() || width == 0 {
            return;
        }
        let inner = self.conv.inner;
        let [full_height, full_width] = self.conv.input;
        let first_column = left * along.stride + phase.remainders[1] - along.before;
        if self.lanes && !phase.taps.is_empty() {
            let first_row = (top + rows.start) * across.stride + phase.remainders[0] - across.before;
            let grid = Grid {
                rows: rows.len(),
                columns: width,
                from: [self.width, 1],
                to: [across.stride * full_width, along.stride],
            };
            let offsets = phase.offsets.as_slice();
            let out = &mut dx[first_row * full_width + first_column..];
            let stride = full_height * full_width;
            Arch::new().dispatch(Spread {
                source,
                offsets,
                weights,
                channels: inner,
                bias: None,
                grid,
                out,
                stride,
            });
            return;
        }
        if phase.taps.is_empty() {
            out[..inner * stride].fill(0.0);
        } else {
            let length = (rows.len() - 1) * self.width + width;
            let offsets = phase.offsets.as_slice();
            Arch::new().dispatch(Gather { source, offsets, weights, rows: inner, out, stride, length });
        }
        for channel in 0..inner {
            let dx = &mut dx[channel * full_height * full_width..][..full_height * full_width];
            let out = &out[channel * stride..];
            if along.stride == 1 && across.stride == 1 {
                let start = (top + rows.start - across.before) * full_width;
                let to = &mut dx[start..][..rows.len() * full_width];
                let (from_stride, to_stride) = (self.width, full_width);
                Rows { from: out, from_stride, step: 1, to, to_stride, width, rows: rows.len() }.copy();
                continue;
            }
            for (place, row) in rows.clone().enumerate() {
                let row = (top + row) * across.stride + phase.remainders[0] - across.before;
                let to = &mut dx[row * full_width + first_column..(row + 1) * full_width];
                let from = &out[place * self.width..][..width];
                to.iter_mut().step_by(along.stride).zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    }
}
