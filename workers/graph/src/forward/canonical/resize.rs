//! Resizing.

use super::super::{Importer, Site};
use super::{absolute, error, required};
use crate::GraphError;
use crate::graph::{Fact, Kind, Op, Value};
use crate::tensor::Tensor;

/// The attributes that say how elements are interpolated.
const KEPT: [&str; 5] =
    ["mode", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside"];
/// The most pairs of an input and an output element along one axis: 64 MiB of weights.
const PAIRS: usize = 1 << 24;

/// Resize-11 to -19: scales or sizes for every axis, no region, no filter against aliasing.
pub(super) fn resize(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let (shape, output) = (importer.graph.shape(x).to_vec(), site.facts[0].shape.clone());
    let refuse = |reason: &str| Err(error(importer, site, reason));
    if site.op.int("antialias", 0) != 0 {
        return refuse("a filter against aliasing is not supported: export with `antialias=False`");
    }
    if site.op.text("coordinate_transformation_mode") == Some("tf_crop_and_resize") {
        return refuse("resizing a region of its input is not supported");
    }
    if site.op.text("keep_aspect_ratio_policy").is_some_and(|policy| policy != "stretch") {
        return refuse("keeping the aspect ratio is not supported: export with the sizes wanted");
    }
    if output.len() != shape.len() || shape.iter().chain(&output).any(|&extent| extent == 0) {
        return refuse("its input or output is empty");
    }
    if shape.iter().zip(&output).any(|(&from, &to)| from.saturating_mul(to) > PAIRS) {
        return refuse("its axes are too long");
    }
    // The runtime copies then, even where the scales are not quite 1.
    if shape == output {
        return Ok(vec![x]);
    }
    let axes: Option<Vec<usize>> = match site.op.list("axes") {
        Some(axes) => axes.iter().map(|&axis| absolute(axis, shape.len())).collect(),
        None => Some((0..shape.len()).collect()),
    };
    let content = |slot: usize| site.input(slot).and_then(|value| importer.graph.content(value));
    let scales = content(2).and_then(Tensor::as_f32).filter(|scales| !scales.is_empty());
    let (Some(axes), true) = (axes, scales.is_some() || content(3).is_some()) else {
        return refuse("its scales or sizes are not constant");
    };
    let inputs = match scales {
        Some(scales) if scales.len() == axes.len() && scales.iter().all(|scale| *scale > 0.0) => {
            let mut full = vec![1.0; shape.len()];
            axes.iter().zip(scales).for_each(|(&axis, &scale)| full[axis] = scale);
            let scales = importer.graph.constant(Tensor::f32(&[full.len()], full));
            vec![Some(x), None, Some(scales)]
        }
        Some(_) => return refuse("its scales do not fit its input"),
        None => vec![Some(x), None, None, Some(importer.graph.ints(&output))],
    };
    let mut op = Op::new("Resize");
    for name in KEPT {
        op.attrs.extend(site.op.attrs.get(name).map(|attr| (name.to_owned(), attr.clone())));
    }
    let fact = Fact { shape: output, ..site.facts[0].clone() };
    let node = importer.graph.push(Kind::Op(op), inputs, vec![fact]);
    Ok(vec![Value { node, slot: 0 }])
}
