//! What trains: which initialisers are parameters or running statistics, how a fresh start fills them, and why.
//!
//! `role`: what one constant is to one reader. `values`: tensors that are computed, not learnt. `ties`: which readers share
//! one parameter, and its name. `warnings`: what an exporter seems to have lost.

mod role;
mod ties;
mod values;
mod warnings;

pub(super) use values::transposed;
pub(super) use warnings::warnings;

use super::Selection;
use crate::GraphError;
use crate::graph::{Kind, Node, Value};
use crate::names::Patterns;
use crate::state::{Fresh, StateKind};
use crate::tensor::Tensor;
use role::{Role, Scope};
use std::collections::{HashMap, HashSet};
use ties::Reader;

/// A tensor of the model that training changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// The constant that holds its exported value.
    pub(crate) source: Value,
    pub(crate) kind: StateKind,
    pub(crate) fresh: Fresh,
    /// Why it is taken for one.
    pub(crate) why: &'static str,
}

/// A float32 tensor of the model that stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) source: Value,
    pub(crate) why: &'static str,
}

/// How a node's input reads a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// Index among the model's parameters.
    pub(crate) parameter: usize,
    /// The node wants it transposed: the exporter stored a tied matrix twice.
    pub(crate) transposed: bool,
}

/// Node and slot that read a value.
type Site = (usize, usize);
type Uses = HashMap<Site, Use>;

/// What is known of all float32 constants that somebody reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles {
    pub(crate) parameters: Vec<Parameter>,
    /// Which input slots of which nodes read a parameter or running statistic.
    pub(crate) uses: Uses,
    pub(crate) kept: Vec<Kept>,
}

/// Finds every parameter and running statistic and who reads it. `scopes` has the module that each node was exported
/// from, where the exporter says so.
pub(super) fn assign(
    nodes: &[Node<String>],
    scopes: &HashMap<usize, String>,
    selection: &Selection,
) -> Result<Roles, GraphError> {
    let mut readers: HashMap<usize, Vec<Site>> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for (slot, value) in node.inputs.iter().enumerate() {
            if let Some(value) = value {
                readers.entry(value.node).or_default().push((index, slot));
            }
        }
    }
    let constants: Vec<(usize, &Tensor)> = (nodes.iter().enumerate())
        .filter(|(index, _)| readers.contains_key(index))
        .filter_map(|(index, node)| match &node.kind {
            Kind::Constant(tensor) if tensor.as_f32().is_some_and(|data| !data.is_empty()) => {
                Some((index, tensor.as_ref()))
            }
            _ => None,
        })
        .collect();
    let names: Vec<&str> = constants.iter().map(|(index, _)| nodes[*index].outputs[0].as_str()).collect();
    let forced = Patterns::new("trainable", &selection.trainable).matches(&names)?;
    let mut found = Found { nodes, scopes, roles: Roles::default(), seen: HashMap::new() };
    for ((index, tensor), forced) in constants.into_iter().zip(forced) {
        let scope = Scope { nodes, readers: &readers, name: &nodes[index].outputs[0], forced };
        let sites = &readers[&index];
        let roles: Vec<Role> = sites.iter().map(|&site| scope.role(site, tensor, &tensor.shape, 0)).collect();
        found.constant(index, tensor, sites, &roles);
    }
    let mut roles = found.roles;
    freeze(nodes, &mut roles, &selection.frozen)?;
    Ok(roles)
}

/// Takes what `patterns` name, by its own name or by that in the file, out of the parameters.
fn freeze(nodes: &[Node<String>], roles: &mut Roles, patterns: &[String]) -> Result<(), GraphError> {
    let source = |parameter: &Parameter| nodes[parameter.source.node].outputs[0].as_str();
    let both = roles.parameters.iter().flat_map(|parameter| [parameter.name.as_str(), source(parameter)]);
    let matched = Patterns::new("frozen", patterns).matches(&both.collect::<Vec<_>>())?;
    let matched = matched.chunks(2).map(|pair| pair[0] || pair[1]);
    let trains = roles.parameters.iter().map(|parameter| parameter.kind == StateKind::Parameter);
    let frozen: HashSet<usize> = matched
        .zip(trains)
        .enumerate()
        .filter(|(_, (hit, trains))| *hit && *trains)
        .map(|(index, _)| index)
        .collect();
    let mut moved = HashMap::new();
    let parameters = std::mem::take(&mut roles.parameters);
    for (index, parameter) in parameters.into_iter().enumerate() {
        if frozen.contains(&index) {
            roles.kept.push(Kept { source: parameter.source, why: "named by `frozen`" });
        } else {
            moved.insert(index, roles.parameters.len());
            roles.parameters.push(parameter);
        }
    }
    roles.uses = std::mem::take(&mut roles.uses)
        .into_iter()
        .filter_map(|(site, used)| Some((site, Use { parameter: *moved.get(&used.parameter)?, ..used })))
        .collect();
    Ok(())
}

/// Tensors that may be tied: extents and bits.
type Content = (Vec<usize>, Vec<u32>);

struct Found<'a> {
    nodes: &'a [Node<String>],
    scopes: &'a HashMap<usize, String>,
    roles: Roles,
    /// Parameters that are not constant-valued, by content, with one of their readers each.
    seen: HashMap<Content, Vec<(usize, Reader)>>,
}

impl Found<'_> {
    /// Makes parameters of one constant: one for all its readers, or several where an exporter merged equal tensors.
    fn constant(&mut self, index: usize, tensor: &Tensor, sites: &[Site], roles: &[Role]) {
        let source = Value { node: index, slot: 0 };
        let Some(known) = roles.iter().filter_map(|role| role.ok()).min_by_key(ties::rank) else {
            let why = roles.iter().find_map(|role| role.err()).unwrap_or("nothing reads it");
            self.roles.kept.push(Kept { source, why });
            return;
        };
        let name = self.nodes[index].outputs[0].as_str();
        let data = tensor.as_f32().unwrap_or_default();
        let flat = data.iter().all(|v| v.to_bits() == data[0].to_bits());
        if known.kind != StateKind::Parameter {
            self.add(name.to_owned(), source, known, sites);
            return;
        }
        let reader = |site: Site| Reader::new(self.nodes, self.scopes, site, name);
        // Readers to which it is no parameter share it with those to which it is, unless it is a mere number.
        let sites: Vec<(Site, Role)> = sites.iter().copied().zip(roles.iter().copied()).collect();
        let trained: Vec<(Reader, role::Known)> = sites
            .iter()
            .filter_map(|(site, role)| Some((reader(*site), role.as_ref().ok().copied()?)))
            .collect();
        let groups = ties::groups(trained, flat);
        let single = groups.len() == 1;
        for group in groups {
            let first = group[0].clone();
            let mut places: Vec<Site> = group.iter().map(|(reader, _)| reader.site).collect();
            if single && !flat {
                places = sites.iter().map(|(site, _)| *site).collect();
            }
            if !flat && self.tie(tensor, &first.0, &places) {
                continue;
            }
            let name = if single { name.to_owned() } else { first.0.name(name) };
            let name = if single { first.0.restored(&name) } else { name };
            if !flat {
                let parameter = self.roles.parameters.len();
                self.seen.entry(content(tensor)).or_default().push((parameter, first.0));
            }
            self.add(name, source, first.1, &places);
        }
    }

    /// Lets `sites` read a parameter that was found before, if it has the same content and is the same tensor.
    fn tie(&mut self, tensor: &Tensor, reader: &Reader, sites: &[Site]) -> bool {
        let turned = values::transposed(tensor);
        let candidates = [(Some(tensor), false), (turned.as_ref(), true)];
        for (tensor, transposed) in
            candidates.into_iter().filter_map(|(tensor, turned)| Some((tensor?, turned)))
        {
            let Some(known) = self.seen.get(&content(tensor)) else { continue };
            if let Some((parameter, _)) = known.iter().find(|(_, other)| reader.tied(other, transposed)) {
                let used = Use { parameter: *parameter, transposed };
                self.roles.uses.extend(sites.iter().map(|&site| (site, used)));
                return true;
            }
        }
        false
    }

    fn add(&mut self, name: String, source: Value, known: role::Known, sites: &[Site]) {
        let tied = Use { parameter: self.roles.parameters.len(), transposed: false };
        self.roles.uses.extend(sites.iter().map(|&site| (site, tied)));
        let role::Known { kind, fresh, why } = known;
        self.roles.parameters.push(Parameter { name, source, kind, fresh, why });
    }
}

fn content(tensor: &Tensor) -> Content {
    (tensor.shape.clone(), tensor.as_f32().unwrap_or_default().iter().map(|v| v.to_bits()).collect())
}
