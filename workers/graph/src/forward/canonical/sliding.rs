//! Convolutions and pools.

use super::super::{Importer, Site};
use super::{error, required};
use crate::GraphError;
use crate::graph::{Attr, Fact, Kind, Op, Value};
use crate::tensor::{DType, Tensor};
use crate::window::Window;

/// Conv-11: explicit padding, no bias of zeros.
pub(super) fn conv(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let (x, w) = (required(importer, site, 0)?, required(importer, site, 1)?);
    let (input, weight) = (importer.graph.shape(x).to_vec(), importer.graph.shape(w).to_vec());
    let window = if input.len() > 2 && weight.len() == input.len() {
        Window::read(site.op, Some(&weight[2..]), &input[2..])
    } else {
        None
    };
    let window = window.ok_or_else(|| error(importer, site, "its attributes do not fit its input"))?;
    let group = Attr::Int(site.op.int("group", 1).max(1));
    let op = window.write(Op::new("Conv")).with("group", group);
    let zero = |bias: Value| {
        importer.graph.content(bias).and_then(|t| t.as_f32()).is_some_and(|v| v.iter().all(|&v| v == 0.0))
    };
    let bias = site.input(2).filter(|&bias| !zero(bias));
    let inputs: Vec<Value> = [Some(x), Some(w), bias].into_iter().flatten().collect();
    Ok(vec![importer.graph.op(op, &inputs, &site.facts[0].shape)])
}

/// MaxPool-12 and AveragePool-11 to -22: explicit padding, also for what ceiling mode reaches beyond it, because shape
/// inference and kernels disagree there; MaxPool always with Indices, which its gradient needs.
pub(super) fn pool(importer: &mut Importer, site: &Site) -> Result<Vec<Value>, GraphError> {
    let x = required(importer, site, 0)?;
    let input = importer.graph.shape(x).to_vec();
    let fact = site.facts[0].clone();
    let given = (input.len() > 2).then(|| Window::read(site.op, None, &input[2..])).flatten();
    let given = given.filter(|_| fact.shape.len() == input.len());
    let given = given.ok_or_else(|| error(importer, site, "its attributes do not fit its input"))?;
    let output = &fact.shape[2..];
    let mut window = given.clone();
    if site.op.int("ceil_mode", 0) != 0 {
        for (axis, reach) in window.reach(output).into_iter().enumerate() {
            window.after[axis] = reach.saturating_sub(window.before[axis] + input[2 + axis]);
        }
    }
    let mut op = window.write(Op::new(&site.op.kind));
    if op.kind == "MaxPool" {
        let indices = Fact { dtype: DType::I64, ..fact.clone() };
        let node = importer.graph.push(Kind::Op(op), vec![Some(x)], vec![fact, indices]);
        return Ok(vec![Value { node, slot: 0 }, Value { node, slot: 1 }]);
    }
    let include = site.op.int("count_include_pad", 0) != 0;
    op = op.with("count_include_pad", Attr::Int(i64::from(include)));
    // AveragePool has no dilations before opset 19.
    if window.dilation.iter().all(|&d| d == 1) {
        op.attrs.remove("dilations");
    }
    let y = importer.graph.op(op, &[x], &fact.shape);
    // What ceiling mode adds to the padding must not be counted.
    let [wanted, counted] = [&given, &window].map(|window| window.counts(&input[2..], output, include));
    if wanted == counted {
        return Ok(vec![y]);
    }
    let ratio = wanted.iter().zip(&counted).map(|(wanted, counted)| counted / wanted).collect();
    let ratio = importer.graph.constant(Tensor::f32(output, ratio));
    Ok(vec![importer.graph.mul(y, ratio)])
}
