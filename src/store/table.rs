//! Rows of named columns: what a query gives, and what reports print.

use std::{cmp::Ordering, collections::BTreeSet};

use serde_json::Value;

use super::{Condition, StoreError};

/// Each row has one value per column; a value is null, a number, a text, or an object of settings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&column| column.to_owned()).collect(), rows: Vec::new() }
    }

    /// Keeps the rows for which a condition holds.
    ///
    /// # Errors
    /// No such column.
    pub fn keep(&mut self, condition: &Condition) -> Result<(), StoreError> {
        let index = self.index(&condition.column)?;
        self.rows.retain(|row| condition.holds(&row[index]));
        Ok(())
    }

    /// Gives the objects in a column columns of their own beside it: `COLUMN.KEY` for each key that any of them has,
    /// sorted, with null in the rows without it.
    ///
    /// # Errors
    /// No such column.
    pub fn spread(&mut self, column: &str) -> Result<(), StoreError> {
        let index = self.index(column)?;
        let objects = self.rows.iter().filter_map(|row| row[index].as_object());
        let keys: BTreeSet<String> = objects.flat_map(|object| object.keys().cloned()).collect();
        for row in &mut self.rows {
            let values: Vec<Value> = keys.iter().map(|key| row[index][key.as_str()].clone()).collect();
            row.splice(index + 1..index + 1, values);
        }
        self.columns.splice(index + 1..index + 1, keys.iter().map(|key| format!("{column}.{key}")));
        Ok(())
    }

    /// Sorts by a column, `-column` for the largest first; numbers before texts, nulls always last. Rows that are
    /// equal keep their order.
    ///
    /// # Errors
    /// No such column.
    pub fn sort(&mut self, column: &str) -> Result<(), StoreError> {
        let (column, descending) = column.strip_prefix('-').map_or((column, false), |column| (column, true));
        let index = self.index(column)?;
        self.rows.sort_by(|a, b| {
            let (a, b) = (&a[index], &b[index]);
            let order = order(a, b);
            if descending && !a.is_null() && !b.is_null() { order.reverse() } else { order }
        });
        Ok(())
    }

    /// Keeps these columns, in this order.
    ///
    /// # Errors
    /// No such column.
    pub fn select(&mut self, columns: &[String]) -> Result<(), StoreError> {
        let places = columns.iter().map(|column| self.index(column)).collect::<Result<Vec<_>, _>>()?;
        for row in &mut self.rows {
            *row = places.iter().map(|place| row[*place].clone()).collect();
        }
        self.columns = columns.to_vec();
        Ok(())
    }

    fn index(&self, column: &str) -> Result<usize, StoreError> {
        self.columns.iter().position(|known| known == column).ok_or_else(|| StoreError::NoColumn {
            column: column.to_owned(),
            columns: self.columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", "),
        })
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => (a.is_null(), !a.is_number(), plain(a)).cmp(&(b.is_null(), !b.is_number(), plain(b))),
    }
}

/// A value as text: an object as `key=value` pairs, null as nothing.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(pairs) => {
            pairs.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
