//! Patterns of parameters' names, such as `"*.bias"`.

use super::{cursor::Cursor, error::Fault, keys::Kind, yaml::Node};

/// Patterns in one list.
pub(super) const MAX_PATTERNS: usize = 100;

/// Characters of one pattern.
pub(super) const MAX_LENGTH: usize = 200;

pub(super) const PATTERNS: Kind = Kind::Any(&[Kind::Text, Kind::List(0, MAX_PATTERNS, &Kind::Text)]);

/// One pattern or a list of them, which may be empty.
pub(super) fn patterns(at: &Cursor<'_>) -> Result<Vec<String>, Fault> {
    if matches!(at.node(), Node::List(items) if items.is_empty()) {
        return Ok(Vec::new());
    }
    let items = at.items()?;
    if items.len() > MAX_PATTERNS {
        return Err(at.fault(format!("{} has more than {MAX_PATTERNS} patterns", at.label())));
    }
    items.iter().map(pattern).collect()
}

fn pattern(at: &Cursor<'_>) -> Result<String, Fault> {
    let text = at.text()?;
    if text.chars().count() > MAX_LENGTH {
        return Err(at.fault(format!("{} has more than {MAX_LENGTH} characters", at.label())));
    }
    Ok(text.to_owned())
}
