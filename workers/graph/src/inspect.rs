//! What can be said of a graph without running it: floating-point work, and which operators have a gradient.

use crate::forward::{Forward, Mode, forward};
use crate::graph::{Graph, Node, Op};
use crate::state::StateKind;
use crate::{GraphError, Model, Probe, ops};
use std::collections::{BTreeMap, HashMap};

/// An operator of a model and whether training can go through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorUse {
    /// Its name, with the domain where it is not the standard one.
    pub operator: String,
    /// How many nodes the output depends on.
    pub count: usize,
    /// Whether it has a gradient.
    pub gradient: Gradient,
    /// The nodes between a parameter and the output that stop training.
    pub stops: Vec<String>,
}

/// Whether an operator has a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gradient {
    /// It has one.
    Yes,
    /// It is zero by nature, or nothing that trains comes before it.
    Zero,
    /// It has none here.
    No,
}

/// The operators that the output needs, by name. `probe` must come from [`Model::probe`].
pub fn operators(model: &Model, probe: &Probe) -> Result<Vec<OperatorUse>, GraphError> {
    let Forward { graph, held, .. } = forward(model, probe, Mode::Training)?;
    let trained: Vec<usize> =
        held.iter().filter(|held| held.kind == StateKind::Parameter).map(|held| held.value.node).collect();
    let mut dependent = vec![false; graph.nodes().len()];
    let mut found: HashMap<&str, Gradient> = HashMap::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        dependent[index] =
            trained.contains(&index) || node.inputs.iter().flatten().any(|value| dependent[value.node]);
        if node.op().is_none() {
            continue;
        }
        let gradient = match ops::gradient(node) {
            Err(_) if dependent[index] => Gradient::No,
            Ok(Some(_)) => Gradient::Yes,
            _ => Gradient::Zero,
        };
        let known = found.entry(node.name.as_str()).or_insert(gradient);
        // One node may have become several: it stops where one of them does, and passes where one of them does.
        *known = match (*known, gradient) {
            (Gradient::No, _) | (_, Gradient::No) => Gradient::No,
            (Gradient::Yes, _) | (_, Gradient::Yes) => Gradient::Yes,
            _ => Gradient::Zero,
        };
    }
    let mut uses: BTreeMap<String, OperatorUse> = BTreeMap::new();
    for index in model.live() {
        let node = &model.nodes[index];
        let Some(operator) = node.op().map(Op::title) else { continue };
        // What is not in the graph passed its input on, or was known beforehand.
        let moved = if model.varies(index) { Gradient::Yes } else { Gradient::Zero };
        let gradient = found.get(node.name.as_str()).copied().unwrap_or(moved);
        let entry = uses.entry(operator.clone()).or_insert(OperatorUse {
            operator,
            count: 0,
            gradient: Gradient::Zero,
            stops: vec![],
        });
        entry.count += 1;
        match gradient {
            Gradient::No => {
                entry.gradient = Gradient::No;
                entry.stops.push(node.name.clone());
            }
            Gradient::Yes if entry.gradient == Gradient::Zero => entry.gradient = Gradient::Yes,
            _ => {}
        }
    }
    Ok(uses.into_values().collect())
}

/// Floating-point operations of one run, a multiply-add counted as two: convolutions, matrix products, attention,
/// recurrent operators and Einsum. What works element by element is not counted.
pub(crate) fn work(graph: &Graph) -> u64 {
    graph.nodes().iter().fold(0, |sum: u64, node| sum.saturating_add(node_work(graph, node)))
}

/// Elements of a tensor of these extents, as far as they can be counted.
fn elements<'a>(extents: impl IntoIterator<Item = &'a usize>) -> u64 {
    extents.into_iter().fold(1, |product: u64, extent| product.saturating_mul(*extent as u64))
}

fn node_work(graph: &Graph, node: &Node<crate::graph::Fact>) -> u64 {
    let Some(op) = node.op() else { return 0 };
    let shape = |slot: usize| node.input(slot).map_or(&[][..], |value| graph.shape(value));
    let size = |slot: usize| elements(shape(slot));
    let output = node.outputs.first().map_or(0, |fact| elements(&fact.shape));
    let multiplied = match op.kind.as_str() {
        "Conv" => output.saturating_mul(elements(shape(1).iter().skip(1))),
        "ConvTranspose" => size(0).saturating_mul(elements(shape(1).iter().skip(1))),
        "MatMul" | "FusedMatMul" | "Gemm" => {
            let left = shape(0);
            let turned = op.int("transA", 0) != 0;
            let summed = match (left.len(), turned) {
                (0, _) => 0,
                (1, _) | (_, false) => left[left.len() - 1],
                (_, true) => left[left.len() - 2],
            };
            output.saturating_mul(summed as u64)
        }
        // Scores of each query with each key, then their sums of values.
        "Attention" => {
            let keys = shape(1).iter().rev().nth(1).copied().unwrap_or(0);
            size(0).saturating_add(output).saturating_mul(keys as u64)
        }
        "LSTM" | "GRU" | "RNN" => {
            elements(shape(0).iter().take(2)).saturating_mul(size(1).saturating_add(size(2)))
        }
        "Einsum" => einsum(op, node.inputs.len(), shape),
        _ => 0,
    };
    multiplied.saturating_mul(2)
}

/// A product over all labels of an equation; those that an ellipsis stands for are counted from the right.
fn einsum<'a>(op: &Op, operands: usize, shape: impl Fn(usize) -> &'a [usize]) -> u64 {
    let Some(terms) = op.text("equation").and_then(|equation| equation.split("->").next()) else { return 0 };
    let mut extents: BTreeMap<(char, usize), usize> = BTreeMap::new();
    for (slot, term) in terms.split(',').enumerate() {
        let term: String = term.chars().filter(|c| !c.is_whitespace()).collect();
        let named = term.chars().filter(|c| *c != '.').count();
        let Some(hidden) = shape(slot).len().checked_sub(named) else { return 0 };
        let (before, after) = term.split_once("...").unwrap_or((&term, ""));
        let dots = (0..hidden).rev().map(|place| ('.', place));
        let labels = before.chars().map(|c| (c, 0)).chain(dots).chain(after.chars().map(|c| (c, 0)));
        for (label, extent) in labels.zip(shape(slot)) {
            // What is repeated over another operand has an extent of one here.
            let known = extents.entry(label).or_insert(1);
            *known = (*known).max(*extent);
        }
    }
    if operands < 2 { 0 } else { elements(extents.values()) }
}
