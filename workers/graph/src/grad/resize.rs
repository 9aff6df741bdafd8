//! Resizing (ONNX Resize-11 to -19 in canonical form). It is linear and works along one axis after the other, so the
//! gradient is a product with each axis's weights.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Op, Value};
use crate::tensor::Tensor;

/// Along each axis with weights `W [out, in]`, `dx = Wᵀ·dy`.
pub(crate) fn resize(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let mut dx = site.dy()?;
    let (from, to) = (graph.shape(site.x(0)).to_vec(), graph.shape(dx).to_vec());
    let scales = site.node.input(2).and_then(|scales| graph.content(scales)).and_then(Tensor::as_f32);
    let scales = scales.map(<[f32]>::to_vec);
    for axis in (0..from.len()).rev() {
        let scale = scales.as_ref().map_or(to[axis] as f32 / from[axis] as f32, |scales| scales[axis]);
        if from[axis] == to[axis] && scale == 1.0 {
            continue;
        }
        let along = Along { from: from[axis], to: to[axis], scale };
        let weights = weights(site.op(), &along)
            .ok_or_else(|| site.node.error("this way of interpolating is not supported"))?;
        dx = transposed(graph, dx, axis, &along, weights);
    }
    Ok(vec![Some(dx)])
}

/// Multiplies an axis of `dy` by the transposed weights.
fn transposed(graph: &mut Graph, dy: Value, axis: usize, along: &Along, weights: Vec<f32>) -> Value {
    let mut shape = graph.shape(dy).to_vec();
    let (lead, trail): (usize, usize) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
    shape[axis] = along.from;
    let dx = match along.repeats(&weights) {
        Some(factor) => {
            let split = graph.reshape(dy, &[lead, along.from, factor, trail]);
            graph.sum(split, &[2])
        }
        None => {
            let weights = graph.constant(Tensor::f32(&[along.to, along.from], weights));
            if trail == 1 {
                let rows = graph.reshape(dy, &[lead, along.to]);
                graph.matmul(rows, weights, false, false)
            } else {
                let rows = graph.reshape(dy, &[lead, along.to, trail]);
                graph.matmul(weights, rows, true, false)
            }
        }
    };
    graph.reshape(dx, &shape)
}

/// One axis: extents before and after, and what coordinates are divided by.
struct Along {
    from: usize,
    to: usize,
    scale: f32,
}

impl Along {
    /// How often each element is repeated, where that is all that happens.
    fn repeats(&self, weights: &[f32]) -> Option<usize> {
        let factor = self.to / self.from;
        let repeated = |(index, &weight): (usize, &f32)| {
            weight == f32::from(index / self.from / factor == index % self.from)
        };
        (factor * self.from == self.to && weights.iter().enumerate().all(repeated)).then_some(factor)
    }

    /// Where in the input an output element lies, in float32 and in this order as the runtime computes it.
    fn origin(&self, mode: &str, index: usize) -> Option<f32> {
        let (from, to, index) = (self.from as f32, self.to as f32, index as f32);
        let half = (index + 0.5) / self.scale - 0.5;
        Some(match mode {
            "half_pixel" => half,
            "pytorch_half_pixel" => {
                if self.to > 1 {
                    half
                } else {
                    0.0
                }
            }
            "half_pixel_symmetric" => {
                let adjusted = to / (self.scale * from);
                from / 2.0 * (1.0 - adjusted) + half
            }
            "align_corners" => {
                if self.to > 1 {
                    index * (from - 1.0) / (to - 1.0)
                } else {
                    0.0
                }
            }
            "asymmetric" => index / self.scale,
            "tf_half_pixel_for_nn" => (index + 0.5) / self.scale,
            _ => return None,
        })
    }
}

/// The weights `[to, from]` of an axis, row-major; nothing for a mode that is not known.
fn weights(op: &Op, along: &Along) -> Option<Vec<f32>> {
    let coordinates = op.text("coordinate_transformation_mode").unwrap_or("half_pixel");
    let mode = op.text("mode").unwrap_or("nearest");
    let last = along.from - 1;
    let mut weights = vec![0.0; along.to * along.from];
    for (index, row) in weights.chunks_exact_mut(along.from).enumerate() {
        let origin = along.origin(coordinates, index)?;
        match mode {
            "nearest" => {
                let nearest = nearest(op.text("nearest_mode").unwrap_or("round_prefer_floor"), origin)?;
                row[(nearest.max(0.0) as usize).min(last)] = 1.0;
            }
            "linear" => {
                let origin = origin.clamp(0.0, last as f32);
                let low = origin as usize;
                let share = origin - low as f32;
                row[low] += 1.0 - share;
                row[(low + 1).min(last)] += share;
            }
            "cubic" => cubic(op, row, origin),
            _ => return None,
        }
    }
    Some(weights)
}

fn nearest(mode: &str, origin: f32) -> Option<f32> {
    Some(match mode {
        "round_prefer_floor" if origin == origin.floor() + 0.5 => origin.floor(),
        "round_prefer_floor" | "round_prefer_ceil" => origin.round(),
        "floor" => origin.floor(),
        "ceil" => origin.ceil(),
        _ => return None,
    })
}

/// Keys' cubic convolution over four neighbours with coefficient `cubic_coeff_a`; those outside count as the edge, or
/// not at all with `exclude_outside`.
fn cubic(op: &Op, row: &mut [f32], origin: f32) {
    let a = op.float("cubic_coeff_a", -0.75);
    let exclude = op.int("exclude_outside", 0) != 0;
    let last = row.len() as i64 - 1;
    let (low, share) = (origin.floor(), origin - origin.floor());
    let near = |d: f32| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    let far = |d: f32| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
    let taps = [far(share + 1.0), near(share), near(1.0 - share), far(2.0 - share)];
    let positions = [-1, 0, 1, 2].map(|offset| low as i64 + offset);
    let counts = positions.map(|position| !exclude || (0..=last).contains(&position));
    let total: f32 = taps.iter().zip(counts).map(|(tap, counts)| if counts { *tap } else { 0.0 }).sum();
    let total = if exclude { total } else { 1.0 };
    for ((tap, position), _) in taps.iter().zip(positions).zip(counts).filter(|(_, counts)| *counts) {
        row[position.clamp(0, last) as usize] += tap / total;
    }
}
