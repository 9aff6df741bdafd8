//! Tables in HTML: of any texts, and of schedules by budgets.

use super::style::xml;
use crate::report::escape;

/// A table of results: a row for each schedule, say, and a column for each budget.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// What is in the cells.
    pub caption: String,
    /// What the second lines are, and how the marks came about: sentences after those that explain the marks.
    pub note: String,
    /// What the rows are, such as `schedule`.
    pub corner: String,
    /// Two lines for each column; the second may be empty.
    pub columns: Vec<(String, String)>,
    pub rows: Vec<MatrixRow>,
}

/// A row of a [`Matrix`], with a cell for each column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatrixRow {
    pub name: String,
    pub cells: Vec<MatrixCell>,
}

/// A cell of a [`Matrix`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatrixCell {
    pub text: String,
    /// A second, faint line; may be empty.
    pub detail: String,
    pub verdicts: Vec<Verdict>,
    /// From 0, the worst, to 1, the best: the better, the more colour is behind the text.
    pub shade: Option<f64>,
}

/// What was found about a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Best,
    /// Statistically equal to the best.
    EqualToBest,
    NotWorseThanBaseline,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Best, Self::EqualToBest, Self::NotWorseThanBaseline];

    pub(super) fn sign(self) -> char {
        match self {
            Self::Best => '★',
            Self::EqualToBest => '≈',
            Self::NotWorseThanBaseline => '✓',
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Best => "best of its column",
            Self::EqualToBest => "not told apart from the best of its column",
            Self::NotWorseThanBaseline => "shown not to be worse than the baseline",
        }
    }
}

impl Matrix {
    /// What the marks and colours say that are there, and the note.
    pub(super) fn legend(&self, has_colors: bool) -> String {
        let cells = || self.rows.iter().flat_map(|row| &row.cells);
        let is_used = |verdict: &Verdict| cells().any(|cell| cell.verdicts.contains(verdict));
        let mut parts: Vec<String> = Verdict::ALL
            .into_iter()
            .filter(is_used)
            .map(|verdict| format!("{} {}", verdict.sign(), verdict.words()))
            .collect();
        if has_colors && cells().any(|cell| cell.shade.is_some()) {
            parts.push("the more colour, the better".to_owned());
        }
        let mut sentences = vec![parts.join(", ")];
        if !sentences[0].is_empty() {
            sentences[0].push('.');
        }
        sentences.push(self.note.clone());
        sentences.retain(|sentence| !sentence.is_empty());
        sentences.join(" ")
    }

    /// As a table of Markdown, with its caption in front and its legend below.
    pub(in crate::report) fn markdown(&self) -> String {
        let column = |(first, second): &(String, String)| match &second[..] {
            "" => escape(first),
            second => format!("{}, {}", escape(first), escape(second)),
        };
        let header: Vec<String> =
            std::iter::once(escape(&self.corner)).chain(self.columns.iter().map(column)).collect();
        let cell = |cell: &MatrixCell| {
            let signs: String = cell.verdicts.iter().map(|verdict| format!("{} ", verdict.sign())).collect();
            let detail =
                if cell.detail.is_empty() { String::new() } else { format!(" ({})", escape(&cell.detail)) };
            format!("{signs}{}{detail}", escape(&cell.text))
        };
        let rows = self.rows.iter().map(|row| {
            std::iter::once(format!("`{}`", escape(&row.name))).chain(row.cells.iter().map(cell)).collect()
        });
        let table = crate::report::table::markdown(&header, rows);
        format!("{}\n\n{table}\n{}\n", escape(&sentence(&self.caption)), escape(&self.legend(false)))
    }

    pub(super) fn html(&self) -> String {
        let second = |text: &str| match text {
            "" => String::new(),
            text => format!("<small>{}</small>", xml(text)),
        };
        let columns: String = self
            .columns
            .iter()
            .map(|(first, line)| format!("<th scope=\"col\">{}{}</th>", xml(first), second(line)))
            .collect();
        let cell = |cell: &MatrixCell| {
            let signs: String = cell.verdicts.iter().map(|verdict| sign(*verdict)).collect();
            format!("<td{}>{signs}{}{}</td>", class(cell), xml(&cell.text), second(&cell.detail))
        };
        let row = |row: &MatrixRow| {
            let cells: String = row.cells.iter().map(cell).collect();
            // A schedule's name may be broken where its parameters begin and at their values.
            let name = xml(&row.name).replace('(', "(<wbr/>").replace('=', "=<wbr/>");
            format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n")
        };
        format!(
            "<figure class=\"matrix\">\n<figcaption><strong>{}</strong> {}</figcaption>\n\
             <div class=\"scroll\"><table>\n<thead>\n<tr><th scope=\"col\">{}</th>{columns}</tr>\n</thead>\n\
             <tbody>\n{}</tbody>\n</table></div>\n</figure>\n",
            xml(&sentence(&self.caption)),
            xml(&self.legend(true)),
            xml(&self.corner),
            self.rows.iter().map(row).collect::<String>()
        )
    }
}

/// The classes of a cell: its share of colour, and whether it stands out.
fn class(cell: &MatrixCell) -> String {
    let level = cell.shade.map_or(0, |shade| (shade * 5.0).clamp(0.0, 4.0) as usize);
    let tint = if level > 0 { format!("t{level}") } else { String::new() };
    let best = if cell.verdicts.contains(&Verdict::Best) { "best" } else { "" };
    match format!("{tint} {best}").trim() {
        "" => String::new(),
        classes => format!(" class=\"{classes}\""),
    }
}

fn sign(verdict: Verdict) -> String {
    format!("<span role=\"img\" aria-label=\"{}\">{}</span> ", verdict.words(), verdict.sign())
}

/// With a full stop, unless there is something like it.
pub(super) fn sentence(text: &str) -> String {
    let stop = if text.is_empty() || text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{text}{stop}")
}

/// A table as a figure of its own.
pub(super) fn table(caption: &str, header: &[String], rows: &[Vec<String>]) -> String {
    let caption = if caption.is_empty() {
        String::new()
    } else {
        format!("<figcaption>{}</figcaption>\n", xml(caption))
    };
    format!("<figure>\n{caption}<div class=\"scroll\">{}</div>\n</figure>\n", bare(header, rows))
}

/// The table itself.
pub(super) fn bare(header: &[String], rows: &[Vec<String>]) -> String {
    let columns = header.len().max(rows.iter().map(Vec::len).max().unwrap_or(0));
    let are_numbers: Vec<bool> = (0..columns).map(|column| is_numeric(rows, column)).collect();
    let line = |kind: &str, cells: &[String]| -> String {
        let cells = cells.iter().zip(&are_numbers).map(|(cell, is_number)| {
            let class = if *is_number { " class=\"number\"" } else { "" };
            let scope = if kind == "th" { " scope=\"col\"" } else { "" };
            format!("<{kind}{scope}{class}>{}</{kind}>", xml(cell))
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let body: String = rows.iter().map(|row| line("td", row)).collect();
    format!("<table>\n<thead>\n{}</thead>\n<tbody>\n{body}</tbody>\n</table>", line("th", header))
}

/// Whether all cells of a column that hold anything start like numbers.
pub(super) fn is_numeric(rows: &[Vec<String>], column: usize) -> bool {
    let mut cells = rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
    let starts =
        |cell: &String| cell.trim_start_matches(['-', '+', '−', '.', '$']).starts_with(char::is_numeric);
    cells.peek().is_some() && cells.all(starts)
}
