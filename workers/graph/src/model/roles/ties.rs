//! Which readers of equal tensors share one parameter.
//!
//! Exporters merge equal constants, so two layers that start out equal end up reading one initialiser; and they store a
//! tied matrix twice, once transposed. What tells the two apart is where a reader stands in the model: layers of
//! different modules have parameters of their own, an embedding and the product that shares its table are different
//! operators.

use super::role::Known;
use super::values::made_up;
use super::{Fresh, Site};
use crate::graph::Node;
use std::collections::HashMap;

/// A place where a constant is read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) site: Site,
    /// The operator and slot.
    kind: (String, usize),
    node: String,
    /// The path of the module it was exported from, such as `encoder.layers.0.norm1`, if the file says so.
    module: Option<String>,
    /// Which of several calls of that module.
    call: String,
    /// The name of the constant.
    source: String,
}

impl Reader {
    pub(super) fn new(
        nodes: &[Node<String>],
        scopes: &HashMap<usize, String>,
        site: Site,
        source: &str,
    ) -> Reader {
        let node = &nodes[site.0];
        // PyTorch's older exporter puts the module into the node's name: `/encoder/layers.0/norm1/Add`.
        let spelled =
            || node.name.strip_prefix('/')?.rsplit_once('/').map(|(path, _)| path.replace('/', "."));
        let path = scopes.get(&site.0).cloned().or_else(spelled);
        // A module that is called again has its path with `@1`, `@2`, ….
        let calls = |part: &str| part.split_once('@').map_or(part, |(name, _)| name).to_owned();
        let module = path.as_ref().map(|path| path.split('.').map(calls).collect::<Vec<_>>().join("."));
        Reader {
            site,
            kind: (node.standard().to_owned(), site.1),
            node: node.name.clone(),
            module,
            call: path.unwrap_or_default(),
            source: source.to_owned(),
        }
    }

    /// Whether two readers of equal, not constant-valued tensors read the same parameter. Layers that start out equal
    /// keep their names, but no two of them are each other's transpose.
    pub(super) fn tied(&self, other: &Reader, transposed: bool) -> bool {
        let named = !made_up(&self.source) && !made_up(&other.source);
        if self.source != other.source && named && !transposed {
            return false;
        }
        match (&self.module, &other.module) {
            (Some(a), Some(b)) => a == b || self.kind != other.kind,
            _ => true,
        }
    }

    /// Whether two readers of one constant-valued tensor read the same parameter: a module that is called twice.
    fn repeats(&self, other: &Reader) -> bool {
        self.module.is_some()
            && self.module == other.module
            && self.kind == other.kind
            && self.call != other.call
    }

    /// What the parameter is called in this reader's module, if `source` is another module's: the module's path with the
    /// last part of the constant's name.
    pub(super) fn name(&self, source: &str) -> String {
        match &self.module {
            Some(module) if !module.is_empty() => {
                if source.strip_prefix(module.as_str()).is_some_and(|rest| rest.starts_with('.')) {
                    return source.to_owned();
                }
                // Modules of one kind have paths of one length.
                let depth = module.split('.').count();
                let parts: Vec<&str> = source.split('.').collect();
                let leaf = if made_up(source) {
                    self.leaf().to_owned()
                } else if parts.len() > depth {
                    parts[depth..].join(".")
                } else {
                    parts[parts.len() - 1].to_owned()
                };
                format!("{module}.{leaf}")
            }
            _ => format!("{source}@{}", self.node),
        }
    }

    /// `source`, or the name in the module where an exporter made it up.
    pub(super) fn restored(&self, source: &str) -> String {
        match &self.module {
            Some(module) if made_up(source) && !module.is_empty() => format!("{module}.{}", self.leaf()),
            _ => source.to_owned(),
        }
    }

    /// What modules call the parameter in this place.
    fn leaf(&self) -> &'static str {
        match (self.kind.0.as_str(), self.kind.1) {
            ("Add", _) | (_, 2) => "bias",
            _ => "weight",
        }
    }
}

/// Which reader's view of a parameter counts: that of a place of a weight, then that of a table, then the name's.
pub(super) fn rank(known: &Known) -> u8 {
    match known.fresh {
        Fresh::AsExported => 2,
        Fresh::Embedding => 1,
        _ => 0,
    }
}

/// The readers of one constant, by parameter; each group has a reader, the one whose view counts first.
pub(super) fn groups(readers: Vec<(Reader, Known)>, flat: bool) -> Vec<Vec<(Reader, Known)>> {
    let mut groups: Vec<Vec<(Reader, Known)>> = Vec::new();
    for (reader, known) in readers {
        let same = |(other, _): &(Reader, Known)| {
            if flat { reader.repeats(other) } else { reader.tied(other, false) }
        };
        match groups.iter_mut().find(|group| group.iter().any(same)) {
            Some(group) => group.push((reader, known)),
            None => groups.push(vec![(reader, known)]),
        }
    }
    for group in &mut groups {
        group.sort_by_key(|(_, known)| rank(known));
    }
    groups
}
