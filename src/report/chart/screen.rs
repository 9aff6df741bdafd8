//! A page for the terminal: the same parts in characters.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement};

use super::{
    KeyNumber, Matrix, MatrixCell, Part, Verdict,
    table::{is_numeric, sentence},
    text::{BOLD, FAINT, Pen, breadth, wrap},
};
use crate::report::{
    Look, escape,
    matrix::folded,
    table::{blank, draw},
};

/// Rows of a chart's drawing.
const HEIGHT: usize = 18;

/// The page, no wider than the screen where that can be helped. Data for programs is left out.
#[must_use]
pub fn screen(title: &str, parts: &[Part<'_>], look: Look) -> String {
    let pen = Pen { look };
    let mut text = lines(&wrap(&escape(title), look.width), pen, BOLD);
    for part in parts {
        let part = match part {
            Part::Heading(text) => lines(&wrap(&escape(text), look.width), pen, BOLD),
            Part::Paragraph(text) => lines(&wrap(&escape(text), look.width), pen, ""),
            Part::Note(text) => note(text, pen),
            Part::Numbers(numbers) => key_numbers(numbers, pen),
            Part::Chart(chart) => chart.terminal(look, HEIGHT),
            Part::Matrix(matrix) => matrix.terminal(pen),
            Part::Table { caption, header, rows } => table(caption, header, rows, pen),
            Part::Data { .. } => continue,
        };
        text += &format!("\n{part}");
    }
    text
}

fn lines(lines: &[String], pen: Pen, code: &str) -> String {
    let paint = |line: &String| if code.is_empty() { line.clone() } else { pen.paint(line, code) };
    lines.iter().map(|line| paint(line) + "\n").collect()
}

/// With a bar at the left.
fn note(text: &str, pen: Pen) -> String {
    let wrapped = wrap(&escape(text), pen.look.width.saturating_sub(2));
    let barred: Vec<String> = wrapped.iter().map(|line| format!("│ {line}")).collect();
    lines(&barred, pen, FAINT)
}

/// A number a line, the labels below each other.
fn key_numbers(numbers: &[KeyNumber], pen: Pen) -> String {
    let widest = numbers.iter().map(|number| breadth(&escape(&number.value))).max().unwrap_or(0);
    let margin = widest + 2;
    let room = pen.look.width.saturating_sub(margin);
    let mut text = String::new();
    for number in numbers {
        let value = escape(&number.value);
        let blanks = widest - breadth(&value);
        let mut start = format!("{:blanks$}{}  ", "", pen.paint(&value, BOLD));
        let label = wrap(&escape(&number.label), room).into_iter().map(|line| (line, BOLD));
        let explanation = wrap(&escape(&number.explanation), room).into_iter().map(|line| (line, FAINT));
        for (line, code) in label.chain(explanation) {
            text += &format!("{start}{}\n", pen.paint(&line, code));
            start = " ".repeat(margin);
        }
    }
    text
}

fn table(caption: &str, header: &[String], rows: &[Vec<String>], pen: Pen) -> String {
    let mut drawn = blank(pen.look);
    if pen.look.folds {
        let width = u16::try_from(pen.look.width).unwrap_or(u16::MAX);
        drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    drawn.set_header(header.iter().map(|cell| escape(cell)));
    for row in rows {
        drawn.add_row(row.iter().map(|cell| Cell::new(escape(cell))));
    }
    for (index, column) in drawn.column_iter_mut().enumerate() {
        if is_numeric(rows, index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    lines(&wrap(&escape(caption), pen.look.width), pen, "") + &draw(&drawn)
}

impl Matrix {
    /// In several tables below each other where the screen is too narrow.
    fn terminal(&self, pen: Pen) -> String {
        let width = pen.look.width;
        let all: Vec<usize> = (0..self.columns.len()).collect();
        // A blank on either side.
        let widths: Vec<usize> = self
            .drawn(&all, pen.look)
            .column_max_content_widths()
            .into_iter()
            .map(|width| usize::from(width) + 2)
            .collect();
        let mut text = lines(&wrap(&escape(&sentence(&self.caption)), width), pen, BOLD);
        let mut columns = all.as_slice();
        while !columns.is_empty() {
            let mut used = widths[0];
            let fitting = columns.iter().take_while(|column| {
                used += widths[**column + 1];
                used <= width
            });
            let (now, later) = columns.split_at(fitting.count().max(1));
            text += &format!("{}\n", draw(&self.drawn(now, pen.look)));
            columns = later;
        }
        text + &lines(&wrap(&escape(&self.legend(false)), width), pen, FAINT)
    }

    fn drawn(&self, columns: &[usize], look: Look) -> comfy_table::Table {
        let mut table = blank(look);
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let header = columns.iter().map(|column| {
            let (first, second) = &self.columns[*column];
            right(two(&escape(first), &escape(second)))
        });
        table.set_header(std::iter::once(Cell::new(escape(&self.corner))).chain(header));
        for row in &self.rows {
            let cell = |column: &usize| {
                let Some(cell) = row.cells.get(*column) else { return Cell::new("") };
                let drawn = right(text(cell));
                let is_best = cell.verdicts.contains(&Verdict::Best);
                if is_best { drawn.add_attribute(Attribute::Bold) } else { drawn }
            };
            table.add_row(
                std::iter::once(Cell::new(folded(&escape(&row.name)))).chain(columns.iter().map(cell)),
            );
        }
        table
    }
}

fn text(cell: &MatrixCell) -> String {
    let signs: String = cell.verdicts.iter().map(|verdict| format!("{} ", verdict.sign())).collect();
    two(&(signs + &escape(&cell.text)), &escape(&cell.detail))
}

/// Two lines, or one if the second is empty.
fn two(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}\n{second}") }
}
