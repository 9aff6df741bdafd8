//! Any table in any format.

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{
    Encoding, Format, Look,
    columnar::parquet,
    escape::{escape, escape_but},
};
use crate::store::{Table, plain};

/// A line below the header and nothing else.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// The table without digits that nobody reads: four decimals.
#[must_use]
pub fn rounded(table: &Table) -> Table {
    let short = |value: &Value| match value.as_f64() {
        Some(number) if value.is_f64() => ((number * 1e4).round() / 1e4).into(),
        _ => value.clone(),
    };
    let rows = table.rows.iter().map(|row| row.iter().map(short).collect());
    Table { columns: table.columns.clone(), rows: rows.collect() }
}

/// The width of the terminal that standard output is, if it is one.
#[must_use]
pub fn screen_width() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from)
}

/// The table as text that ends in a line feed. JSON is an array of one object per row, in the order of columns.
#[must_use]
pub fn render(table: &Table, format: Format, look: Look) -> String {
    match format {
        Format::Table => columns(table, look),
        Format::Csv => csv(table),
        Format::Json => json(table),
        Format::Markdown => markdown(
            &table.columns.iter().map(|column| escape(column)).collect::<Vec<_>>(),
            table.rows.iter().map(|row| row.iter().map(|value| escape(&plain(value))).collect()),
        ),
    }
}

/// The table as bytes: those of [`render`], or of [`parquet()`].
#[must_use]
pub fn encode(table: &Table, encoding: Encoding, look: Look) -> Vec<u8> {
    match encoding {
        Encoding::Text(format) => render(table, format, look).into_bytes(),
        Encoding::Parquet => parquet(table),
    }
}

/// A table without anything in it, drawn our way.
pub(super) fn blank(look: Look) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(STYLE).force_no_tty();
    if look.color {
        table.enforce_styling();
    }
    table
}

/// The lines without the blanks at their ends.
pub(super) fn draw(table: &comfy_table::Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn columns(table: &Table, look: Look) -> String {
    let mut drawn = blank(look);
    if look.folds {
        let width = u16::try_from(look.width).unwrap_or(u16::MAX);
        drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    drawn.set_header(table.columns.iter().map(|column| escape(column)));
    for row in &table.rows {
        drawn.add_row(row.iter().map(|value| Cell::new(escape(&plain(value)))));
    }
    for (index, column) in drawn.column_iter_mut().enumerate() {
        let is_number = |row: &Vec<Value>| row[index].is_number() || row[index].is_null();
        if !table.rows.is_empty() && table.rows.iter().all(is_number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    draw(&drawn)
}

fn csv(table: &Table) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let text = |text: &str| escape_but(text, &['\n', '\t']);
    let records =
        table.rows.iter().map(|row| row.iter().map(|value| text(&plain(value))).collect::<Vec<_>>());
    for record in std::iter::once(table.columns.iter().map(|column| text(column)).collect()).chain(records) {
        writer.write_record(record).expect("rows are as wide as the header and memory does not fail");
    }
    let bytes = writer.into_inner().expect("memory does not fail");
    String::from_utf8(bytes).expect("made of strings")
}

/// A row as an object, its keys in the order of the columns.
struct Object<'a>(&'a [String], &'a [Value]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (column, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}

fn json(table: &Table) -> String {
    if table.rows.is_empty() {
        return "[]\n".to_owned();
    }
    let rows: Vec<_> = table
        .rows
        .iter()
        .map(|row| serde_json::to_string(&Object(&table.columns, row)).expect("keys are strings"))
        .collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

/// A table of GitHub's kind, of cells without control characters but for line feeds.
pub(super) fn markdown(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| {
                let cell = cell.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|");
                cell.replace('\n', "<br>")
            })
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = format!("|{}\n", " --- |".repeat(header.len()));
    line(header) + &rule + &rows.map(|row| line(&row)).collect::<String>()
}
