//! What rows of a table must be like, such as `value>=0.9`.

use std::{cmp::Ordering, str::FromStr};

use serde_json::Value;

use super::plain;

/// A column compared with a value. Both are compared as numbers where they are, otherwise as texts, character by
/// character. Where a row has nothing it matches `COLUMN=` alone, and does not match `COLUMN!=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub column: String,
    comparison: Comparison,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// As they are written; where one begins as another does, the longer one first.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("!=", Comparison::Unequal),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Condition {
    /// Whether a row with this value in the column is meant.
    pub(super) fn holds(&self, there: &Value) -> bool {
        if there.is_null() {
            return self.comparison == Comparison::Equal && self.value.is_empty();
        }
        let order = self.order(there);
        match self.comparison {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
        }
    }

    /// How what is there stands to the value.
    fn order(&self, there: &Value) -> Ordering {
        // Seeds may have more digits than a real number.
        if let (Some(there), Ok(value)) = (there.as_i64(), self.value.parse()) {
            return there.cmp(&value);
        }
        let numbers = there.as_f64().zip(self.value.parse().ok());
        numbers
            .and_then(|(there, value)| there.partial_cmp(&value))
            .unwrap_or_else(|| plain(there).as_str().cmp(&self.value))
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "a condition is written `COLUMN=VALUE`, or with `!=`, `<`, `<=`, `>` or `>=`";
        let at = text.find(['=', '!', '<', '>']).ok_or(form)?;
        let (column, rest) = text.split_at(at);
        let known = COMPARISONS.iter().find_map(|(sign, known)| Some((*known, rest.strip_prefix(sign)?)));
        let (comparison, value) = known.ok_or(form)?;
        let (column, value) = (column.trim(), value.trim());
        if column.is_empty() {
            return Err(format!("`{text}` names no column: {form}"));
        }
        if value.starts_with('=') {
            return Err(format!(
                "there is no comparison `{}`: {form}",
                &rest[..rest.len() - value.len() + 1]
            ));
        }
        let is_order = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
        if value.is_empty() && is_order {
            return Err(format!(
                "`{text}` compares with nothing; `{column}!=` keeps the rows that have a value"
            ));
        }
        Ok(Self { column: column.to_owned(), comparison, value: value.to_owned() })
    }
}
