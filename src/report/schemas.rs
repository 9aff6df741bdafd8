//! JSON Schemas (draft 2020-12) of what verbs print with `--format json`.

/// Of [`super::Results`].
pub const RESULTS: &str = include_str!("schemas/results.json");
/// Of the table of trials.
pub const TRIALS: &str = include_str!("schemas/trials.json");
/// Of a query's rows.
pub const SQL: &str = include_str!("schemas/sql.json");
