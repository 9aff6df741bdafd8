//! Sliding windows: the geometry that convolutions and pools share, with padding made explicit.

use crate::graph::{Graph, Op, Value};

/// How a window slides over the spatial axes of `[N, C, …]`; each list has one entry per spatial axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) kernel: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) dilation: Vec<usize>,
    /// Padding before and after each axis, as written; a pool in ceiling mode may reach beyond `after`.
    pub(crate) before: Vec<usize>,
    pub(crate) after: Vec<usize>,
}

impl Window {
    /// Reads `kernel_shape` (or `kernel`, where the operator infers it from its weight), `strides`, `dilations`,
    /// `pads` and `auto_pad` for input extents `input` (ONNX Conv-11, MaxPool-12). Nothing where they do not fit.
    pub(crate) fn read(op: &Op, kernel: Option<&[usize]>, input: &[usize]) -> Option<Window> {
        let rank = input.len();
        let list = |name: &str, default: usize, count: usize| -> Option<Vec<usize>> {
            let Some(values) = op.list(name) else {
                return Some(vec![default; count]);
            };
            let values: Option<Vec<usize>> = values.iter().map(|&v| usize::try_from(v).ok()).collect();
            values.filter(|values| values.len() == count)
        };
        let kernel = match kernel {
            Some(kernel) => kernel.to_vec(),
            None => list("kernel_shape", 1, rank)?,
        };
        let (stride, dilation) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
        let pads = list("pads", 0, 2 * rank)?;
        let (mut before, mut after) = (pads[..rank].to_vec(), pads[rank..].to_vec());
        let positive = |values: &[usize]| values.iter().all(|&v| v > 0);
        if kernel.len() != rank || !positive(&kernel) || !positive(&stride) || !positive(&dilation) {
            return None;
        }
        match op.text("auto_pad") {
            Some("VALID") => (before, after) = (vec![0; rank], vec![0; rank]),
            Some(same @ ("SAME_UPPER" | "SAME_LOWER")) => {
                for axis in 0..rank {
                    let output = input[axis].div_ceil(stride[axis]);
                    let reach =
                        (output.saturating_sub(1)) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
                    let total = reach.saturating_sub(input[axis]);
                    let (small, large) = (total / 2, total - total / 2);
                    let upper = same == "SAME_UPPER";
                    (before[axis], after[axis]) = if upper { (small, large) } else { (large, small) };
                }
            }
            _ => {}
        }
        Some(Window { kernel, stride, dilation, before, after })
    }

    /// Reads back what [`Window::write`] wrote.
    pub(crate) fn written(op: &Op, rank: usize) -> Window {
        Window::read(op, None, &vec![0; rank])
            .unwrap_or_else(|| unreachable!("a canonical window is complete"))
    }

    /// Replaces every window attribute of `op` by this one's.
    pub(crate) fn write(&self, mut op: Op) -> Op {
        op.attrs.remove("auto_pad");
        let pads = [self.before.as_slice(), &self.after].concat();
        op.ints("kernel_shape", &self.kernel)
            .ints("strides", &self.stride)
            .ints("dilations", &self.dilation)
            .ints("pads", &pads)
    }

    /// The number of spatial axes.
    pub(crate) fn rank(&self) -> usize {
        self.kernel.len()
    }

    /// How far the last window reaches, from the first padded element, for output extents `output`.
    pub(crate) fn reach(&self, output: &[usize]) -> Vec<usize> {
        let along = |i: usize| {
            output[i].saturating_sub(1) * self.stride[i] + (self.kernel[i] - 1) * self.dilation[i] + 1
        };
        (0..self.rank()).map(along).collect()
    }

    /// Surrounds `x` with zeros so that windows at `output` positions fit exactly; what no window reaches is cut.
    pub(crate) fn pad(&self, graph: &mut Graph, x: Value, output: &[usize]) -> Value {
        let input = graph.shape(x)[2..].to_vec();
        let reach = self.reach(output);
        let mut before = vec![0, 0];
        let mut after = vec![0, 0];
        let mut keep = Vec::new();
        for axis in 0..self.rank() {
            before.push(self.before[axis]);
            let wanted = reach[axis].saturating_sub(self.before[axis]);
            keep.push(wanted.min(input[axis]));
            after.push(wanted.saturating_sub(input[axis]));
        }
        let axes: Vec<usize> = (2..2 + self.rank()).collect();
        let (zeros, ones) = (vec![0; self.rank()], vec![1; self.rank()]);
        let cut = graph.slice(x, &axes, &zeros, &ones, &keep);
        graph.pad(cut, &before, &after)
    }

    /// How many elements an average over each window counts, row-major over `output` positions: those of the input, and
    /// with `include_pad` those of the padding, but nothing beyond it.
    pub(crate) fn counts(&self, input: &[usize], output: &[usize], include_pad: bool) -> Vec<f32> {
        let mut counts = vec![1.0];
        for axis in 0..self.rank() {
            let (before, end) = (self.before[axis], self.before[axis] + input[axis]);
            let within = if include_pad { 0..end + self.after[axis] } else { before..end };
            let along: Vec<f32> = (0..output[axis])
                .map(|i| {
                    let start = i * self.stride[axis];
                    let taps = (0..self.kernel[axis]).map(|tap| start + tap * self.dilation[axis]);
                    taps.filter(|position| within.contains(position)).count().max(1) as f32
                })
                .collect();
            counts = counts.iter().flat_map(|&outer| along.iter().map(move |inner| outer * inner)).collect();
        }
        counts
    }
}
