//! Elements that move: axes in another order, and rows back to where a table had them.

use crate::{
    elementwise::PIECE,
    pool::{Parts, Pool},
};

/// The extents of `x` in the order that `order` names them in (ONNX Transpose-13), at most eight axes.
#[derive(Debug)]
pub struct Transpose {
    /// Extents of the output without those of 1, axes that stay together as one, and how far apart their elements are in
    /// the input.
    axes: Vec<(usize, usize)>,
    size: usize,
}

impl Transpose {
    #[must_use]
    pub fn new(extents: &[usize], order: &[usize]) -> Self {
        let stride = |axis: usize| extents[axis + 1..].iter().product::<usize>();
        let mut axes: Vec<(usize, usize)> = Vec::new();
        for &axis in order {
            let (extent, stride) = (extents[axis], stride(axis));
            match axes.last_mut() {
                _ if extent == 1 => {}
                Some((outer, step)) if *step == extent * stride => {
                    (*outer, *step) = (*outer * extent, stride)
                }
                _ => axes.push((extent, stride)),
            }
        }
        Self { axes, size: extents.iter().product() }
    }

    pub fn run(&self, pool: &dyn Pool, x: &[f32], y: &mut [f32]) {
        let Some((&(width, step), outer)) = self.axes.split_last() else {
            y.copy_from_slice(x);
            return;
        };
        debug_assert_eq!(self.size, y.len());
        let rows = (PIECE / width).max(1);
        let count = y.len().div_ceil(rows * width);
        let parts = Parts::new(y, rows * width);
        pool.each(count, &|task| {
            let mut y = parts.take(task);
            for (row, y) in y.chunks_exact_mut(width).enumerate() {
                let mut rest = task * rows + row;
                let mut from = 0;
                for (extent, stride) in outer.iter().rev() {
                    from += rest % extent * stride;
                    rest /= extent;
                }
                if step == 1 {
                    y.copy_from_slice(&x[from..from + width]);
                } else {
                    y.iter_mut().zip(x[from..].iter().step_by(step)).for_each(|(y, x)| *y = *x);
                }
            }
        });
    }
}

/// The gradient of a table of which rows were picked (ONNX Gather-13 along the first axis): each row of `dy` is added to the
/// row of `dx` that `rows` names, a negative number counting from the end.
pub fn gather_grad(pool: &dyn Pool, dy: &[f32], rows: &[i64], dx: &mut [f32]) {
    /// Parts of the table; each task looks for its own.
    const PARTS: usize = 16;
    let width = dy.len() / rows.len().max(1);
    let extent = dx.len() / width.max(1);
    let part = extent.div_ceil(PARTS).max(1);
    let count = extent.div_ceil(part);
    let parts = Parts::new(dx, part * width);
    pool.each(count, &|task| {
        let mut dx = parts.take(task);
        dx.fill(0.0);
        let own = task * part..(task + 1) * part;
        for (row, dy) in rows.iter().zip(dy.chunks_exact(width)) {
            let row = if *row < 0 { row + extent as i64 } else { *row };
            let Ok(row) = usize::try_from(row) else { continue };
            if own.contains(&row) && row < extent {
                let dx = &mut dx[(row - own.start) * width..][..width];
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
            }
        }
    });
}
