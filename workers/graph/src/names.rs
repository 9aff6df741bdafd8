//! Patterns over the names of parameters: `*` stands for any characters, `?` for one.

use crate::GraphError;
use wildmatch::WildMatch;

/// The patterns of one key of a spec.
pub(crate) struct Patterns<'a> {
    key: &'static str,
    patterns: &'a [String],
}

impl<'a> Patterns<'a> {
    pub(crate) fn new(key: &'static str, patterns: &'a [String]) -> Patterns<'a> {
        Patterns { key, patterns }
    }

    /// Whether each name matches one of the patterns. A pattern that matches nothing is an error: it is misspelt.
    pub(crate) fn matches(&self, names: &[&str]) -> Result<Vec<bool>, GraphError> {
        let mut found = vec![false; names.len()];
        for pattern in self.patterns {
            let wild = WildMatch::new(pattern);
            let mut any = false;
            for (name, found) in names.iter().zip(&mut found) {
                let fits = wild.matches(name);
                any |= fits;
                *found |= fits;
            }
            if !any {
                let (key, pattern) = (self.key, pattern.clone());
                return Err(GraphError::NoMatch {
                    key,
                    pattern,
                    example: names.first().map(|&n| n.to_owned()),
                });
            }
        }
        Ok(found)
    }
}
