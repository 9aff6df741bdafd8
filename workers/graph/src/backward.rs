//! Reverse-mode differentiation: the walk from the seeds to what is asked for. What one operator does is in `grad`.

use crate::GraphError;
use crate::grad::Site;
use crate::graph::{Graph, Value};
use crate::ops;
use std::collections::{HashMap, HashSet};

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
