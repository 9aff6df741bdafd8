//! Rows → text and files: tables and charts for the terminal, SVG, HTML, Markdown, CSV, JSON, Parquet, TensorBoard's event files.
//! Pure: queries nothing, prints nothing.
//!
//! Enter at [`Results::new`] and [`matrix`] for the schedule × budget table, at [`encode`] for any table, at [`Chart`] and
//! [`EventFile`] for curves. Text from outside is escaped here, before it can reach a terminal.

mod chart;
mod columnar;
mod cost;
mod differences;
mod document;
mod escape;
mod findings;
mod matrix;
pub mod python;
mod quote;
mod results;
mod savings;
pub mod schemas;
mod sheet;
mod show;
mod table;
mod tensorboard;
mod words;

use std::str::FromStr;

pub use chart::{
    Chart, KeyNumber, Kind, Matrix, MatrixCell, MatrixRow, Part, Series, Unit, Verdict, html, screen, svg,
};
pub use columnar::parquet;
pub use cost::{cost, cost_sentences, cost_table, cost_table_for_people, price_of};
pub use differences::{Difference, differences};
pub use document::{Block, Document, count_numbers, options_of, picture_of};
pub use escape::escape;
pub use findings::{Findings, as_json};
pub use matrix::{matrix, matrix_markdown};
pub use quote::{Quoted, Source, TrialRow};
pub use results::{Budget, ResultRow, Results, Statistic, Totals};
pub use savings::{answer, method, money_sentences, savings, savings_table, savings_table_for_people};
pub use sheet::{Check, Sheet, State, checks};
pub use show::{show, sparkline};
pub use table::{encode, render, rounded, screen_width};
pub use tensorboard::{EventFile, folders};
pub use words::{about_seconds, about_usd, bytes, scaled, seconds, value_of, wrap};

/// What a table is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Text(Format),
    Parquet,
}

/// What a table is written as, of what people can read.
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

impl FromStr for Encoding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "parquet" => Ok(Self::Parquet),
            name => name
                .parse()
                .map(Self::Text)
                .map_err(|_| "there are `table`, `csv`, `json`, `md` and `parquet`".to_owned()),
        }
    }
}
