//! The forward pass.

use std::ops::Range;

use pulp::Arch;

use super::{
    Conv, band,
    geometry::Planes,
    lanes::{Grid, PackLanes, Spread},
    micro::{Gather, Pack, VECTOR},
    rows::Rows,
    wants_lanes,
};
use crate::pool::{Parts, Pool, with_scratch, with_shared};

/// A convolution and what it keeps from call to call.
#[derive(Debug)]
pub struct Forward {
    conv: Conv,
    /// Whether vectors run along channels, not along rows.
    lanes: bool,
    /// Rows of the output that are computed together.
    band: usize,
    planes: Planes,
    offsets: Vec<usize>,
}

impl Forward {
    #[must_use]
    pub fn new(conv: Conv) -> Self {
        let lanes = wants_lanes(conv.outer, conv.output[1], conv.stride);
        let read = if lanes { conv.dense() } else { conv };
        let whole = Planes::new(&read, read.output[0], 1);
        let row = conv.inner * whole.phases() * whole.width * if lanes { conv.stride[0] } else { 1 };
        let out = if lanes { 0 } else { conv.outer * whole.width };
        let band = band(conv.output[0], row.max(out), whole.axes[0].reach);
        let rows = if lanes { (band - 1) * conv.stride[0] + 1 } else { band };
        let planes = Planes::new(&read, rows, 1);
        Self { conv, lanes, band, planes, offsets: planes.offsets(&read) }
    }

    #[must_use]
    pub fn conv(&self) -> &Conv {
        &self.conv
    }

    /// `x [N, group·inner, H, W]`, `w [group·outer, inner, kernel]`, a bias per output channel → `y [N, group·outer, H', W']`.
    pub fn run(&self, pool: &dyn Pool, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
        with_shared(|packed| {
            self.pack(w, packed);
            self.run_packed(pool, x, (packed, bias), y);
        });
    }

    fn run_packed(
        &self,
        pool: &dyn Pool,
        x: &[f32],
        (packed, bias): (&[f32], Option<&[f32]>),
        y: &mut [f32],
    ) {
        let this = self;
        let conv = &this.conv;
        let [image_in, _] = conv.image();
        let bands = conv.output[0].div_ceil(this.band);
        // A task is a group of an image: what it writes lies together.
        let area = conv.output[0] * conv.output[1];
        let parts = Parts::new(y, conv.outer * area);
        let stride = if this.lanes { 0 } else { (this.band * this.planes.width).next_multiple_of(VECTOR) };
        let room = this.planes.room(conv.inner, VECTOR);
        let size = packed.len() / conv.group;
        pool.each(x.len() / image_in * conv.group, &|task| {
            let (image, group) = (task / conv.group, task % conv.group);
            let share = image_in / conv.group;
            let channels = &x[image * image_in + group * share..][..share];
            let bias = bias.map(|bias| &bias[group * conv.outer..][..conv.outer]);
            let weights = &packed[group * size..][..size];
            let mut y = parts.take(task);
            with_scratch(room, conv.outer * stride, |source, out| {
                for number in 0..bands {
                    let rows = number * this.band..((number + 1) * this.band).min(conv.output[0]);
                    if this.lanes {
                        this.along_channels(source, channels, rows, (weights, bias), &mut y);
                    } else {
                        this.along_rows((source, out, stride), channels, rows, (weights, bias), &mut y);
                    }
                }
            });
        });
    }

    fn pack(&self, w: &[f32], packed: &mut Vec<f32>) {
        let (conv, terms) = (self.conv, self.offsets.len());
        packed.clear();
        for group in 0..conv.group {
            let weight = |row: usize, term: usize| w[(group * conv.outer + row) * terms + term];
            let (weight, packed) = (&weight as &dyn Fn(usize, usize) -> f32, &mut *packed);
            if self.lanes {
                Arch::new().dispatch(PackLanes { channels: conv.outer, terms, weight, packed });
            } else {
                Arch::new().dispatch(Pack { rows: conv.outer, terms, weight, packed });
            }
        }
    }

    fn along_channels(
        &self,
        source: &mut [f32],
        channels: &[f32],
        rows: Range<usize>,
        (weights, bias): (&[f32], Option<&[f32]>),
        y: &mut [f32],
    ) {
        let Self { conv, planes, offsets, .. } = self;
        let stride = conv.stride;
        self.planes.fill(source, 0, rows.start * stride[0]..(rows.end - 1) * stride[0] + 1, channels);
        let width = conv.output[1];
        let grid = Grid {
            rows: rows.len(),
            columns: width,
            from: [stride[0] * planes.width, stride[1]],
            to: [width, 1],
        };
        let (out, stride) = (&mut y[rows.start * width..], conv.output[0] * width);
        Arch::new().dispatch(Spread {
            source,
            offsets,
            weights,
            channels: conv.outer,
            bias,
            grid,
            out,
            stride,
        });
    }

    fn along_rows(
        &self,
        (source, out, stride): (&mut [f32], &mut [f32], usize),
        channels: &[f32],
        rows: Range<usize>,
        (weights, bias): (&[f32], Option<&[f32]>),
        y: &mut [f32],
    ) {
        let Self { conv, planes, offsets, .. } = self;
        planes.fill(source, 0, rows.clone(), channels);
        let width = conv.output[1];
        let length = (rows.len() - 1) * planes.width + width;
        Arch::new().dispatch(Gather { source, offsets, weights, rows: conv.outer, out, stride, length });
        for channel in 0..conv.outer {
            let from = &out[channel * stride..];
            let y = &mut y[channel * conv.output[0] * width..][rows.start * width..rows.end * width];
            let (from_stride, to_stride) = (planes.width, width);
            Rows { from, from_stride, step: 1, to: y, to_stride, width, rows: rows.len() }.copy();
            if let Some(bias) = bias {
                y.iter_mut().for_each(|y| *y += bias[channel]);
            }
        }
    }
}
