//! Normalisations within a sample: one composite over rows, then scale and bias as ordinary operators.

use super::super::{Importer, Mode, Site};
use super::{absolute, error, plain, required};
use crate::GraphError;
use crate::graph::{Attr, Op, Value};

/// Normalises `x`, seen as `[rows, count]`, and returns it as `[rows, count]`.
fn normalize(
    importer: &mut Importer,
    site: &Site,
    x: Value,
    layout: [usize; 2],
    centre: bool,
    epsilon: f32,
) -> Result<Value, GraphError> {
    if layout.contains(&0) {
        return Err(error(importer, site, "its input is empty"));
    }
    let flat = importer.graph.reshape(x, &layout);
    let op = Op::composite("Normalize")
        .with("centre", Attr::Int(i64::from(centre)))
        .with("epsilon", Attr::Float(epsilon));
    Ok(importer.graph.multi(op, &[flat], &[&layout, &[layout[0], 1]])[0])
}

/// Multiplies by the scale and adds the bias, each broadcast from `shape` if one is given.
fn affine(
    importer: &mut Importer,
    site: &Site,
    mut y: Value,
    shape: Option<&[usize]>,
) -> Result<Value, GraphError> {
    let full = importer.graph.shape(y).to_vec();
    for (slot, kind) in [(1, "Mul"), (2, "Add")] {
        let Some(mut value) = site.input(slot) else { continue };
        if let Some(shape) = shape {
            if importer.graph.shape(value).iter().product::<usize>() != shape.iter().product() {
                return Err(error(importer, site, format!("input {slot} does not fit the channels")));
            }
            value = importer.graph.reshape(value, shape);
        }
        let extents = importer.graph.shape(value);
        let fits = |(own, whole): (&usize, &usize)| own == whole || *own == 1;
        if extents.len() > full.len() || !extents.iter().rev().zip(full.iter().rev()).all(fits) {
            return Err(error(importer, site, format!("input {slot} does not fit the input")));
        }
        y = importer.graph.binary(kind, y, value);
    }
    Ok(y)
}

/// Scale and bias as rows, where there are both, each with an element for each of those that are normalised together.
fn affine_rows(importer: &mut Importer, site: &Site, extents: &[usize]) -> Option<[Value; 2]> {
    let (scale, bias) = (site.input(1)?, site.input(2)?);
    let count = extents.iter().product();
    let fits = |value| importer.graph.shape(value) == extents && count > 0;
    (fits(scale) && fits(bias)).then(|| [scale, bias].map(|value| importer.graph.reshape(value, &[count])))
}

/// LayerNormalization-17 and RMSNormalization-23: statistics over all axes from `axis` on.
pub(super) fn layer(importer: &mut Importer, site: &Site, centre: bool) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let axis = absolute(site.op.int("axis", -1), shape.len());
    let axis = axis.ok_or_else(|| error(importer, site, "its axis is out of range"))?;
    if importer.mode == Mode::Inference {
        return Ok(plain(importer, site, site.op.clone()));
    }
    let layout = [shape[..axis].iter().product(), shape[axis..].iter().product()];
    if let (true, Some([scale, bias])) =
        (centre && !layout.contains(&0), affine_rows(importer, site, &shape[axis..]))
    {
        let flat = importer.graph.reshape(x, &layout);
        let op = Op::composite("LayerNorm").with("epsilon", Attr::Float(site.op.float("epsilon", 1e-5)));
        let column = [layout[0], 1];
        let y = importer.graph.multi(op, &[flat, scale, bias], &[&layout, &column, &column])[0];
        return Ok(vec![importer.graph.reshape(y, &shape)]);
    }
    let y = normalize(importer, site, x, layout, centre, site.op.float("epsilon", 1e-5))?;
    let y = importer.graph.reshape(y, &shape);
    Ok(vec![affine(importer, site, y, None)?])
}

/// InstanceNormalization-6, -22 and GroupNormalization-18, -21: statistics over each channel's or group's elements.
/// Scale and bias have one element per channel, in GroupNormalization-18 one per group.
pub(super) fn group(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let &[batch, channels, ref inner @ ..] = shape.as_slice() else {
        return Err(error(importer, site, "its input has no channel axis"));
    };
    if importer.mode == Mode::Inference {
        return Ok(plain(importer, site, site.op.clone()));
    }
    let instance = site.op.kind == "InstanceNormalization";
    let groups = if instance { Some(channels) } else { usize::try_from(site.op.int("num_groups", 0)).ok() };
    let groups = groups.filter(|&groups| groups > 0 && channels.is_multiple_of(groups));
    let groups = groups.ok_or_else(|| error(importer, site, "its groups do not divide its channels"))?;
    let count = channels / groups * inner.iter().product::<usize>();
    let y = normalize(importer, site, x, [batch * groups, count], true, site.op.float("epsilon", 1e-5))?;
    if !instance && importer.model.opset < 21 {
        let y = importer.graph.reshape(y, &[batch, groups, count]);
        let y = affine(importer, site, y, Some(&[groups, 1]))?;
        return Ok(vec![importer.graph.reshape(y, &shape)]);
    }
    let y = importer.graph.reshape(y, &shape);
    let channel = [&[channels], vec![1; inner.len()].as_slice()].concat();
    Ok(vec![affine(importer, site, y, Some(&channel))?])
}

/// MeanVarianceNormalization-13: statistics over `axes`, which are brought to the end.
pub(super) fn mean_variance(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let axes = site.op.list("axes").unwrap_or(&[0, 2, 3]);
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| absolute(axis, shape.len())).collect();
    let axes = axes.ok_or_else(|| error(importer, site, "its axes are out of range"))?;
    if importer.mode == Mode::Inference {
        return Ok(plain(importer, site, site.op.clone()));
    }
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.sort_by_key(|axis| axes.contains(axis));
    let moved = importer.graph.transpose(x, &order);
    let extents = importer.graph.shape(moved).to_vec();
    let (rows, columns) = extents.split_at(order.iter().filter(|axis| !axes.contains(axis)).count());
    let layout = [rows.iter().product(), columns.iter().product()];
    let y = normalize(importer, site, moved, layout, true, 1e-9)?;
    let y = importer.graph.reshape(y, &extents);
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
    Ok(vec![importer.graph.transpose(y, &back)])
}

/// LpNormalization-1, -22: an axis counted from the front.
pub(super) fn unit_length(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let axis = absolute(site.op.int("axis", -1), importer.graph.shape(x).len());
    let axis = axis.ok_or_else(|| error(importer, site, "its axis is out of range"))?;
    let p = site.op.int("p", 2);
    if ![1, 2].contains(&p) {
        return Err(error(importer, site, format!("its norm {p} is neither 1 nor 2")));
    }
    let op = site.op.clone().with("axis", Attr::Int(axis as i64));
    Ok(plain(importer, site, op))
}

/// LRN-13: an input with channels.
pub(super) fn local_response(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    if importer.graph.shape(x).len() < 3 {
        return Err(error(importer, site, "its input has no channel axis"));
    }
    Ok(plain(importer, site, site.op.clone()))
}
