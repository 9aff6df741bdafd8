//! Reverse-mode differentiation. `backward` walks the path from the seeds to what is asked for; each family's file says
//! how one operator hands gradients on. Rules append nodes and never look at provider or opset: that is `lower`'s.

pub(crate) mod activation;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod reduce;
pub(crate) mod shape;
pub(crate) mod softmax;

use crate::GraphError;
use crate::graph::{Fact, Graph, Node, Op, Value};
use crate::ops;
use std::collections::{HashMap, HashSet};

/// The gradient of each input of a node, in order; `None` for those that nobody asked for or that have none.
pub(crate) type Grads = Vec<Option<Value>>;

/// Hands the gradients of a node's outputs on to its inputs. A gradient has the extents of its value.
pub(crate) type Rule = fn(&mut Graph, &Site) -> Result<Grads, GraphError>;

/// A node whose outputs have gradients.
pub(crate) struct Site {
    pub(crate) node: Node<Fact>,
    index: usize,
    dys: Vec<Option<Value>>,
    wants: Vec<bool>,
}

impl Site {
    pub(crate) fn op(&self) -> &Op {
        self.node.op().expect("only operators are differentiated")
    }

    /// Input `slot`, which the canonical form of the operator has.
    pub(crate) fn x(&self, slot: usize) -> Value {
        self.node.input(slot).expect("a canonical operator has all its inputs")
    }

    /// Output `slot`.
    pub(crate) fn y(&self, slot: usize) -> Value {
        Value { node: self.index, slot }
    }

    /// The gradient of the first output, the only one that is differentiated in all operators so far.
    pub(crate) fn dy(&self) -> Result<Value, GraphError> {
        self.dys[0].ok_or_else(|| self.node.error("the loss depends on an output that has no gradient"))
    }

    /// Whether anything needs the gradient of input `slot`.
    pub(crate) fn wants(&self, slot: usize) -> bool {
        self.wants.get(slot).copied().unwrap_or(false)
    }
}

/// Appends the backward pass: `seeds` pairs values with their gradients; the result has the gradient of each value of
/// `wrt` that the seeds depend on. Only nodes between the two are visited.
pub(crate) fn backward(
    graph: &mut Graph,
    seeds: &[(Value, Value)],
    wrt: &[Value],
) -> Result<HashMap<Value, Value>, GraphError> {
    let wanted: HashSet<Value> = wrt.iter().copied().collect();
    let mut dependent = vec![false; graph.nodes().len()];
    for index in 0..dependent.len() {
        let depends = |value: &Value| wanted.contains(value) || dependent[value.node];
        dependent[index] = graph.node(index).inputs.iter().flatten().any(depends);
    }
    let mut found: HashMap<Value, Vec<Value>> = HashMap::new();
    for &(value, gradient) in seeds {
        found.entry(value).or_default().push(gradient);
    }
    for index in (0..dependent.len()).rev().filter(|&index| dependent[index]) {
        let node = graph.node(index).clone();
        graph.origin.clone_from(&node.name);
        let outputs = (0..node.outputs.len()).map(|slot| Value { node: index, slot });
        let dys: Vec<Option<Value>> = outputs.map(|value| total(graph, &mut found, value)).collect();
        if dys.iter().all(Option::is_none) {
            continue;
        }
        let Some(rule) = ops::gradient(&node)? else {
            continue;
        };
        let wants = |input: &Option<Value>| input.is_some_and(|v| wanted.contains(&v) || dependent[v.node]);
        let site = Site { index, dys, wants: node.inputs.iter().map(wants).collect(), node };
        let grads = rule(graph, &site)?;
        for (slot, gradient) in grads.into_iter().enumerate() {
            if let (Some(input), Some(gradient), true) = (site.node.input(slot), gradient, site.wants(slot)) {
                debug_assert_eq!(graph.shape(input), graph.shape(gradient), "`{}`", site.node.name);
                found.entry(input).or_default().push(gradient);
            }
        }
    }
    graph.origin.clear();
    Ok(wrt.iter().filter_map(|&value| Some((value, total(graph, &mut found, value)?))).collect())
}

/// The sum of the gradients that reached `value`.
fn total(graph: &mut Graph, found: &mut HashMap<Value, Vec<Value>>, value: Value) -> Option<Value> {
    let parts = found.get_mut(&value)?;
    let mut sum = parts[0];
    for &part in &parts[1..] {
        sum = graph.add(sum, part);
    }
    *parts = vec![sum];
    Some(sum)
}
