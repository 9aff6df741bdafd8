//! Einstein sums.

use super::super::{Importer, Mode, Site};
use super::{error, plain, required};
use crate::GraphError;
use crate::einsum::{contract, read};
use crate::graph::Value;
use std::collections::HashMap;

/// Einsum-12: an equation with an arrow and without ellipses, operands that do not broadcast.
pub(super) fn einsum(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    if importer.mode == Mode::Inference {
        return Ok(plain(importer, site, site.op.clone()));
    }
    let mut values = Vec::new();
    for slot in 0..site.inputs.len() {
        values.push(required(importer, site, slot)?);
    }
    let shapes: Vec<Vec<usize>> = values.iter().map(|&value| importer.graph.shape(value).to_vec()).collect();
    let ranks: Vec<usize> = shapes.iter().map(Vec::len).collect();
    let equation = read(site.op.text("equation").unwrap_or_default(), &ranks);
    let mut equation = equation.map_err(|reason| error(importer, site, reason))?;
    let mut extents: HashMap<char, usize> = HashMap::new();
    for (&label, &extent) in equation.operands.iter().flatten().zip(shapes.iter().flatten()) {
        let known = extents.entry(label).or_insert(extent);
        if *known != extent && *known != 1 && extent != 1 {
            let reason = format!("label `{label}` of its equation is {known} and {extent}");
            return Err(error(importer, site, reason));
        }
        *known = if *known == 1 { extent } else { *known };
    }
    // An axis of extent 1 that broadcasts is no axis of the product.
    for ((value, labels), shape) in values.iter_mut().zip(&mut equation.operands).zip(&shapes) {
        let whole = |(label, &extent): (&char, &usize)| extent == extents[label];
        let kept: Vec<bool> = labels.iter().zip(shape).map(whole).collect();
        let mut keep = kept.iter();
        labels.retain(|_| keep.next().copied().unwrap_or(true));
        let narrow: Vec<usize> = labels.iter().map(|label| extents[label]).collect();
        *value = importer.graph.reshape(*value, &narrow);
    }
    let terms: Vec<(Value, &[char])> =
        values.iter().zip(&equation.operands).map(|(&value, labels)| (value, labels.as_slice())).collect();
    let y = contract(&mut importer.graph, &terms, &equation.result, |label| extents[&label]);
    Ok(vec![y])
}
