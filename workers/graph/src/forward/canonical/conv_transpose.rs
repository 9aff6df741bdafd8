//! Transposed convolutions.

use super::super::{Importer, Site};
use super::{error, required};
use crate::GraphError;
use crate::graph::{Attr, Op, Value};
use crate::window::Window;

/// ConvTranspose-1, -11, -22: `output_shape` and `auto_pad` as explicit padding, so that with stride s, kernel k and
/// dilation d each output extent is `s·(n − 1) + output_padding + d·(k − 1) + 1 − before − after`; the runtime sees to it
/// that output_padding is smaller than s.
pub(super) fn conv_transpose(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let (x, w) = (required(importer, site, 0)?, required(importer, site, 1)?);
    let (input, weight) = (importer.graph.shape(x).to_vec(), importer.graph.shape(w).to_vec());
    let output = site.facts[0].shape.clone();
    let misfit = || error(importer, site, "its attributes do not fit its input");
    if input.len() < 3 || weight.len() != input.len() || output.len() != input.len() {
        return Err(misfit());
    }
    let rank = input.len() - 2;
    // What `auto_pad` means here hangs on the output, not on the input as for Conv.
    let mut plain = site.op.clone();
    let automatic = plain.attrs.remove("auto_pad");
    let mut window = Window::read(&plain, Some(&weight[2..]), &input[2..]).ok_or_else(misfit)?;
    let automatic = match &automatic {
        Some(Attr::Text(text)) => text.as_str(),
        _ => "NOTSET",
    };
    if automatic == "VALID" {
        window.before = vec![0; rank];
    }
    let extra = site.op.list("output_padding").unwrap_or(&[]);
    let reach = window.reach(&input[2..]);
    let mut rest = Vec::new();
    for axis in 0..rank {
        let extra = extra.get(axis).copied().unwrap_or(0);
        let full = reach[axis] + usize::try_from(extra).map_err(|_| misfit())?;
        if automatic.starts_with("SAME") || site.op.list("output_shape").is_some() {
            let total = full.saturating_sub(output[2 + axis]);
            window.before[axis] = if automatic == "SAME_UPPER" { total / 2 } else { total - total / 2 };
        }
        let end = window.before[axis] + output[2 + axis];
        window.after[axis] = reach[axis].saturating_sub(end);
        rest.push(end.saturating_sub(reach[axis]));
    }
    let op = window.write(Op::new("ConvTranspose")).ints("output_padding", &rest);
    let op = op.with("group", Attr::Int(site.op.int("group", 1).max(1)));
    let inputs: Vec<Value> = [Some(x), Some(w), site.input(2)].into_iter().flatten().collect();
    Ok(vec![importer.graph.op(op, &inputs, &output)])
}
