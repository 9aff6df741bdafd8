//! Sequences of tensors, which exporters leave where a model splits and picks: followed here, so that no graph has them.

use super::super::{Importer, Site};
use super::shape::{even, parts};
use super::{absolute, axis, error};
use crate::GraphError;
use crate::graph::Value;
use crate::tensor::{Tensor, TensorData};

/// The outputs of one sequence operator.
pub(in super::super) enum Outcome {
    Tensor(Value),
    Sequence(Vec<Value>),
}

/// Evaluates an operator on sequences (SequenceConstruct-11, SplitToSequence-11, SequenceAt-11, SequenceInsert-11,
/// SequenceLength-11, ConcatFromSequence-11) if `site` is one. `list` is the sequence that input 0 reads, if it does.
pub(in super::super) fn sequence(
    importer: &mut Importer,
    site: &Site,
    list: Option<Vec<Value>>,
) -> Result<Outcome, GraphError> {
    let missing = |importer: &Importer| error(importer, site, "its sequence is not known");
    let kind = site.op.kind.as_str();
    match kind {
        "SequenceEmpty" => return Ok(Outcome::Sequence(vec![])),
        "SequenceConstruct" => return Ok(Outcome::Sequence(site.inputs.iter().copied().flatten().collect())),
        "SplitToSequence" => return split(importer, site).map(Outcome::Sequence),
        _ => {}
    }
    let mut list = list.ok_or_else(|| missing(importer))?;
    match kind {
        "SequenceLength" => {
            let length = Tensor { shape: vec![], data: TensorData::I64(vec![list.len() as i64]) };
            Ok(Outcome::Tensor(importer.graph.constant(length)))
        }
        "SequenceAt" => {
            let place = place(importer, site, 1, list.len())?;
            Ok(Outcome::Tensor(list[place]))
        }
        "SequenceInsert" => {
            let place =
                if site.input(2).is_some() { place(importer, site, 2, list.len() + 1)? } else { list.len() };
            let tensor = super::required(importer, site, 1)?;
            list.insert(place, tensor);
            Ok(Outcome::Sequence(list))
        }
        "ConcatFromSequence" => concat(importer, site, list).map(Outcome::Tensor),
        _ => Err(error(importer, site, "this operator on sequences is not supported")),
    }
}

/// The constant position at input `slot`, below `end`.
fn place(importer: &Importer, site: &Site, slot: usize, end: usize) -> Result<usize, GraphError> {
    let known = super::known(importer, site, slot);
    match known.as_deref() {
        Some(&[place]) => {
            absolute(place, end).ok_or_else(|| error(importer, site, "its position is out of range"))
        }
        _ => Err(error(importer, site, "its position is not constant")),
    }
}

/// Parts of the given extents, of one given extent, or of 1, which then drop the axis unless `keepdims` says otherwise.
fn split(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = super::required(importer, site, 0)?;
    let shape = importer.graph.shape(x).to_vec();
    let axis = axis(importer, site, 0, shape.len())?;
    let sizes = match site.input(1) {
        None => vec![1; shape[axis]],
        Some(sizes) => {
            let scalar = importer.graph.shape(sizes).is_empty();
            let sizes = super::known(importer, site, 1)
                .ok_or_else(|| error(importer, site, "the extents of its parts are not constant"))?;
            match sizes.as_slice() {
                &[size] if scalar => {
                    let size = usize::try_from(size).unwrap_or(0).max(1);
                    even(shape[axis], size, shape[axis].div_ceil(size))
                }
                _ => sizes,
            }
        }
    };
    let split = parts(importer, x, axis, &sizes);
    let mut parts = split.ok_or_else(|| error(importer, site, "its parts do not add up to its input"))?;
    if site.input(1).is_none() && site.op.int("keepdims", 1) == 0 {
        let mut shape = shape;
        shape.remove(axis);
        parts = parts.into_iter().map(|part| importer.graph.reshape(part, &shape)).collect();
    }
    Ok(parts)
}

/// The elements along an axis they have, or along a new one.
fn concat(importer: &mut Importer, site: &Site, mut list: Vec<Value>) -> Result<Value, GraphError> {
    let first = *list.first().ok_or_else(|| error(importer, site, "its sequence is empty"))?;
    let new = usize::from(site.op.int("new_axis", 0) != 0);
    let axis = axis(importer, site, 0, importer.graph.shape(first).len() + new)?;
    if new == 1 {
        for value in &mut list {
            let mut shape = importer.graph.shape(*value).to_vec();
            shape.insert(axis.min(shape.len()), 1);
            *value = importer.graph.reshape(*value, &shape);
        }
    }
    let rank = importer.graph.shape(list[0]).len();
    if list.iter().any(|&value| importer.graph.shape(value).len() != rank) {
        return Err(error(importer, site, "its sequence has tensors of several ranks"));
    }
    Ok(importer.graph.concat(&list, axis))
}
