//! Rows → text: tables and charts for the terminal, SVG, HTML, Markdown, CSV, JSON. Pure: queries nothing, prints nothing.
//!
//! Enter at [`Results::new`] and [`matrix`] for the schedule × budget table, at [`render`] for any table, at [`Chart`] for curves. Text
//! from outside is escaped here, before it can reach a terminal.

mod chart;
mod escape;
mod matrix;
pub mod python;
mod quote;
mod results;
mod sheet;
mod show;
mod table;
mod words;

use std::str::FromStr;

pub use chart::{Chart, Part, Series, html};
pub use escape::escape;
pub use matrix::{matrix, matrix_markdown};
pub use quote::{Quoted, Source, TrialRow};
pub use results::{Budget, ResultRow, Results, Totals};
pub use sheet::{Check, Sheet, State, checks};
pub use show::{show, sparkline};
pub use table::{render, screen_width};
pub use words::{about_seconds, about_usd, bytes, scaled, seconds, value_of, wrap};

/// What a table is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns for people.
    Table,
    Csv,
    Json,
    Markdown,
}

/// How a screen shows things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub color: bool,
    /// In characters.
    pub width: usize,
    /// Whether it is a screen: the cells of a table that is wider than one are folded.
    pub folds: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { color: false, width: 80, folds: false }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            "md" => Ok(Self::Markdown),
            _ => Err("there are `table`, `csv`, `json` and `md`".to_owned()),
        }
    }
}
