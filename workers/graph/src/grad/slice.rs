//! Operators that cut and surround, in canonical form: Slice-13 with constant bounds inside the input and one step per
//! axis, Pad-18 with a constant pad, never negative, for every axis.

use super::{Grads, Site};
use crate::GraphError;
use crate::graph::{Graph, Value};

/// The content of input `slot`, which canonical forms have constant where they can.
fn numbers(graph: &Graph, site: &Site, slot: usize) -> Result<Vec<i64>, GraphError> {
    let content =
        site.node.input(slot).and_then(|value| graph.content(value)).and_then(|tensor| tensor.to_i64());
    content.ok_or_else(|| site.node.error("its bounds are not constant"))
}

/// dy at its place among zeros: turned where the step is negative, spaced out where it is not 1.
pub(crate) fn slice(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.x(0)).to_vec();
    let [starts, axes, steps] = [1, 3, 4].map(|slot| numbers(graph, site, slot));
    let (starts, axes, steps) = (starts?, axes?, steps?);
    let mut dx = site.dy()?;
    if graph.shape(dx).contains(&0) {
        return Ok(vec![Some(graph.zeros(&shape))]);
    }
    let (mut before, mut after) = (vec![0; shape.len()], vec![0; shape.len()]);
    for ((&axis, &start), &step) in axes.iter().zip(&starts).zip(&steps) {
        let axis = axis as usize;
        let (count, last) = (graph.shape(dx)[axis], graph.shape(dx)[axis] as i64 - 1);
        let first = if step < 0 { start + step * last } else { start };
        if step < 0 {
            dx = graph.slice(dx, &[axis], &[last], &[-1], &[count]);
        }
        dx = spaced(graph, dx, axis, step.unsigned_abs() as usize);
        before[axis] = first as usize;
        after[axis] = shape[axis] - before[axis] - graph.shape(dx)[axis];
    }
    Ok(vec![Some(graph.pad(dx, &before, &after))])
}

/// `x` with `step − 1` zeros between the elements of `axis`.
fn spaced(graph: &mut Graph, x: Value, axis: usize, step: usize) -> Value {
    if step == 1 {
        return x;
    }
    let mut shape = graph.shape(x).to_vec();
    let count = shape[axis];
    shape.insert(axis + 1, 1);
    let column = graph.reshape(x, &shape);
    let mut after = vec![0; shape.len()];
    after[axis + 1] = step - 1;
    let wide = graph.pad(column, &vec![0; shape.len()], &after);
    shape.remove(axis + 1);
    shape[axis] = count * step;
    let flat = graph.reshape(wide, &shape);
    graph.slice(flat, &[axis], &[0], &[1], &[(count - 1) * step + 1])
}

/// The inner part, and what the mode copied from where; the constant itself does not train.
pub(crate) fn pad(graph: &mut Graph, site: &Site) -> Result<Grads, GraphError> {
    let shape = graph.shape(site.x(0)).to_vec();
    let pads: Vec<usize> = numbers(graph, site, 1)?.into_iter().map(|pad| pad as usize).collect();
    let (before, after) = pads.split_at(shape.len());
    let mut dx = site.dy()?;
    for axis in (0..shape.len()).filter(|&axis| before[axis] + after[axis] > 0) {
        dx =
            unpad(graph, dx, axis, [before[axis], after[axis]], site.op().text("mode").unwrap_or("constant"));
    }
    Ok(vec![Some(dx)])
}

/// The gradient before padding one axis.
fn unpad(graph: &mut Graph, dy: Value, axis: usize, [before, after]: [usize; 2], mode: &str) -> Value {
    let rank = graph.shape(dy).len();
    let extent = graph.shape(dy)[axis] - before - after;
    let mut sum = graph.slice(dy, &[axis], &[before as i64], &[1], &[extent]);
    // Of each end: where it starts, how many there are, and where its copies came from, first and step.
    let (tail, last) = ((before + extent) as i64, extent.saturating_sub(1));
    let ends = match mode {
        "reflect" => {
            [(before as i64 - 1, before, 1), (tail + after as i64 - 1, after, last.saturating_sub(after))]
        }
        "wrap" => [(0, before, extent.saturating_sub(before)), (tail, after, 0)],
        "edge" => [(0, before, 0), (tail, after, last)],
        _ => return sum,
    };
    for (start, count, to) in ends.into_iter().filter(|end| end.1 > 0) {
        let step = if mode == "reflect" { -1 } else { 1 };
        let mut end = graph.slice(dy, &[axis], &[start], &[step], &[count]);
        if mode == "edge" {
            end = graph.reduce("ReduceSum", end, &[axis], true);
        }
        let (mut lead, mut rest) = (vec![0; rank], vec![0; rank]);
        lead[axis] = to;
        rest[axis] = extent - to - graph.shape(end)[axis];
        let placed = graph.pad(end, &lead, &rest);
        sum = graph.add(sum, placed);
    }
    sum
}
