//! Operators that cut and surround: bounds become constants inside the input wherever they are known.

use super::super::{Importer, Site};
use super::{absolute, axis, error, known, plain, required};
use crate::GraphError;
use crate::graph::{Attr, Graph, Op, Value};

/// Slice-10 to -13: starts inside the input, one axis and one step each, and ends that keep to the extents.
pub(super) fn slice(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let (x, output) = (required(importer, site, 0)?, site.facts[0].shape.as_slice());
    let shape = importer.graph.shape(x).to_vec();
    let Some(starts) = known(importer, site, 1) else {
        return Ok(plain(importer, site, site.op.clone()));
    };
    let given = |slot, default: &dyn Fn(usize) -> i64| match site.input(slot) {
        Some(_) => known(importer, site, slot),
        None => Some((0..starts.len()).map(default).collect()),
    };
    let (Some(axes), Some(steps)) = (given(3, &|axis| axis as i64), given(4, &|_| 1)) else {
        return Ok(plain(importer, site, site.op.clone()));
    };
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| absolute(axis, shape.len())).collect();
    let bad = || error(importer, site, "its bounds do not fit its input");
    let axes = axes.ok_or_else(bad)?;
    if axes.len() != starts.len() || steps.len() != starts.len() || output.len() != shape.len() {
        return Err(bad());
    }
    let (mut firsts, mut strides, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for ((&axis, &start), &step) in axes.iter().zip(&starts).zip(&steps) {
        let (extent, count) = (shape[axis] as i64, output[axis]);
        let start = if start < 0 { start.saturating_add(extent) } else { start };
        let first = start.clamp(0, if step < 0 { (extent - 1).max(0) } else { extent });
        // The step of a single element says nothing, and may be as large as numbers go.
        let stride = if count > 1 { step } else { 1 };
        let last = stride.checked_mul(count as i64 - 1).and_then(|reach| reach.checked_add(first));
        if count > 0 && !last.is_some_and(|last| (0..extent).contains(&last) && first < extent) {
            return Err(bad());
        }
        firsts.push(first);
        strides.push(stride);
        counts.push(count);
    }
    Ok(vec![importer.graph.slice(x, &axes, &firsts, &strides, &counts)])
}

/// Gather-11: the axis counted from the front. Constant indices that are evenly spaced are a slice, whose gradient needs
/// no scattering.
pub(super) fn gather(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let axis = axis(importer, site, 0, shape.len())?;
    let Some(indices) = known(importer, site, 1).filter(|indices| !indices.is_empty()) else {
        return Ok(plain(importer, site, site.op.clone().with("axis", Attr::Int(axis as i64))));
    };
    let indices: Option<Vec<usize>> = indices.iter().map(|&index| absolute(index, shape[axis])).collect();
    let indices = indices.ok_or_else(|| error(importer, site, "its indices are out of range"))?;
    let step = indices.get(1).map_or(1, |&second| second as i64 - indices[0] as i64);
    let even = indices.windows(2).all(|pair| pair[1] as i64 - pair[0] as i64 == step) && step != 0;
    if !even {
        return Ok(plain(importer, site, site.op.clone().with("axis", Attr::Int(axis as i64))));
    }
    let picked = importer.graph.slice(x, &[axis], &[indices[0] as i64], &[step], &[indices.len()]);
    Ok(vec![importer.graph.reshape(picked, &site.facts[0].shape)])
}

/// Pad-11 to -23: a constant pad for every axis, never negative; what a negative one cuts off is cut first.
pub(super) fn pad(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let mut x = required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let bad = |importer: &Importer| error(importer, site, "its pads do not fit its input");
    let Some(given) = known(importer, site, 1) else {
        return Ok(plain(importer, site, site.op.clone()));
    };
    let axes = match site.input(3) {
        None => (0..shape.len()).collect(),
        Some(_) => {
            let axes =
                known(importer, site, 3).ok_or_else(|| error(importer, site, "its axes are not constant"))?;
            let axes: Option<Vec<usize>> = axes.iter().map(|&axis| absolute(axis, shape.len())).collect();
            axes.ok_or_else(|| bad(importer))?
        }
    };
    if given.len() != 2 * axes.len() || site.facts[0].shape.len() != shape.len() {
        return Err(bad(importer));
    }
    let mut pads = vec![[0i64; 2]; shape.len()];
    for (i, &axis) in axes.iter().enumerate() {
        pads[axis] = [given[i], given[i + axes.len()]];
    }
    x = crop(&mut importer.graph, x, &pads).ok_or_else(|| bad(importer))?;
    let mode = site.op.text("mode").unwrap_or("constant").to_owned();
    for (axis, pad) in pads.iter().enumerate() {
        let extent = importer.graph.shape(x)[axis] as i64;
        let reach = match mode.as_str() {
            "reflect" => extent - 1,
            "wrap" => extent,
            "edge" if extent == 0 => 0,
            _ => i64::MAX,
        };
        if pad.iter().any(|&pad| pad > 0 && pad > reach) {
            return Err(error(importer, site, "it pads further than its input reaches"));
        }
    }
    if pads.iter().flatten().all(|&pad| pad <= 0) {
        return Ok(vec![x]);
    }
    let pads: Vec<i64> =
        [0, 1].into_iter().flat_map(|end| pads.iter().map(move |pad| pad[end].max(0))).collect();
    let pads = importer.graph.ints(&pads);
    let inputs: Vec<Value> = [Some(x), Some(pads), site.input(2)].into_iter().flatten().collect();
    let op = Op::new("Pad").with("mode", Attr::Text(mode));
    Ok(vec![importer.graph.op(op, &inputs, &site.facts[0].shape)])
}

/// Cuts off what negative pads say; nothing where they say too much.
fn crop(graph: &mut Graph, mut x: Value, pads: &[[i64; 2]]) -> Option<Value> {
    for (axis, pad) in pads.iter().enumerate() {
        let [before, after] = pad.map(|pad| pad.min(0).unsigned_abs() as usize);
        let count = graph.shape(x)[axis].checked_sub(before)?.checked_sub(after)?;
        x = graph.slice(x, &[axis], &[before as i64], &[1], &[count]);
    }
    Some(x)
}
