//! A report as what it is made of, whatever it is written as.

use serde_json::Value;

use super::{
    Chart, KeyNumber, Look, Matrix, Part,
    findings::{Findings, cost_chart, learning, matrix, numbers},
    html,
    savings::{self, answer},
    screen, svg,
};
use crate::store::{Table, plain};

/// What a report says, in order.
#[derive(Debug, Clone)]
pub struct Document {
    pub title: String,
    pub blocks: Vec<Block>,
    /// How it was asked for, so that it can be made again.
    pub options: Value,
}

/// A piece of it.
#[derive(Debug, Clone)]
pub enum Block {
    Heading(String),
    Paragraph(String),
    Note(String),
    Numbers(Vec<KeyNumber>),
    Chart(Chart),
    Matrix(Matrix),
    Table { caption: String, header: Vec<String>, rows: Vec<Vec<String>> },
}

/// The element that holds how a page was asked for.
const DATA: &str = "sweep-report";

impl Document {
    #[must_use]
    pub fn new(found: &Findings<'_>, options: Value) -> Self {
        let mut blocks = Vec::new();
        blocks.extend(found.sweep.description.clone().map(Block::Paragraph));
        match &found.savings {
            Ok(savings) => {
                blocks.push(Block::Heading("The answer".to_owned()));
                blocks.extend(answer(savings).into_iter().map(Block::Paragraph));
                blocks.push(Block::Numbers(numbers(savings)));
                blocks.extend(savings::money_sentences(savings).into_iter().map(Block::Paragraph));
                blocks.extend(savings::cautions(savings).into_iter().map(Block::Note));
            }
            Err(why) => blocks.push(Block::Note(format!("No saving can be told: {why}."))),
        }
        blocks.push(Block::Heading("What a budget costs in quality".to_owned()));
        blocks.push(Block::Chart(cost_chart(found)));
        blocks.push(Block::Matrix(matrix(found)));
        if let Ok(savings) = &found.savings {
            blocks.push(Block::Heading("How sure that is".to_owned()));
            let table = savings::savings_table_for_people(savings);
            blocks
                .push(text_table("Each schedule against the baseline, from its largest budget down", &table));
            blocks.extend(savings::method(savings).into_iter().map(Block::Paragraph));
        }
        blocks.push(Block::Heading("How training went".to_owned()));
        blocks.extend(found.bands.iter().map(|(metric, bands)| Block::Chart(learning(metric, bands))));
        blocks.extend(found.rates.clone().map(Block::Chart));
        blocks.push(Block::Heading("What the sweep cost".to_owned()));
        blocks.push(text_table("Device time by schedule and budget", &found.cost.0));
        blocks.extend(found.cost.1.iter().cloned().map(Block::Paragraph));
        Self { title: format!("{} (sweep {})", found.sweep.name, found.sweep.sweep), blocks, options }
    }

    /// A page that is one file.
    #[must_use]
    pub fn html(&self) -> String {
        let mut parts = self.parts();
        parts.push(Part::Data { id: DATA, json: &self.options });
        html(&self.title, &parts)
    }

    /// Text for a screen.
    #[must_use]
    pub fn screen(&self, look: Look) -> String {
        screen(&self.title, &self.parts(), look)
    }

    /// Its charts, below each other.
    #[must_use]
    pub fn svg(&self) -> String {
        let charts = self.blocks.iter().filter_map(|block| match block {
            Block::Chart(chart) => Some(chart),
            _ => None,
        });
        format!("{}{}\n", svg(&charts.collect::<Vec<_>>()), self.comment())
    }

    /// Markdown, whose charts are in an SVG file of this name beside it.
    #[must_use]
    pub fn markdown(&self, picture: &str) -> String {
        let mut text = format!("# {}\n", prose(&self.title));
        let mut is_shown = false;
        for block in &self.blocks {
            let part = match block {
                Block::Heading(heading) => format!("## {heading}\n"),
                Block::Paragraph(paragraph) => format!("{}\n", prose(paragraph)),
                Block::Note(note) => format!("> {}\n", prose(note)),
                Block::Numbers(numbers) => numbers
                    .iter()
                    .map(|KeyNumber { value, label, explanation }| {
                        format!("- **{}** {}. {}\n", prose(value), prose(label), prose(explanation))
                    })
                    .collect(),
                // All of them are in one picture.
                Block::Chart(_) if is_shown => continue,
                Block::Chart(_) => {
                    is_shown = true;
                    format!("{PICTURE}{picture})\n")
                }
                Block::Matrix(matrix) => matrix.markdown(),
                Block::Table { caption, header, rows } => {
                    let rows = rows.iter().map(|row| row.iter().map(|cell| prose(cell)).collect());
                    format!("{}:\n\n{}", prose(caption), super::table::markdown(header, rows))
                }
            };
            text += &format!("\n{part}");
        }
        format!("{text}\n{}\n", self.comment())
    }

    /// How it was asked for, where markup has comments; these end with two hyphens.
    fn comment(&self) -> String {
        let options = self.options.to_string().replace("--", "-\\u002d");
        format!("<!-- {DATA} {options} -->")
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.blocks.iter().map(Block::part).collect()
    }
}

impl Block {
    fn part(&self) -> Part<'_> {
        match self {
            Self::Heading(text) => Part::Heading(text),
            Self::Paragraph(text) => Part::Paragraph(text),
            Self::Note(text) => Part::Note(text),
            Self::Numbers(numbers) => Part::Numbers(numbers),
            Self::Chart(chart) => Part::Chart(chart),
            Self::Matrix(matrix) => Part::Matrix(matrix),
            Self::Table { caption, header, rows } => Part::Table { caption, header, rows },
        }
    }
}

/// Text that Markdown shows as it is: markup in it is no markup.
fn prose(text: &str) -> String {
    super::escape(text).replace('&', "&amp;").replace('<', "&lt;").replace('`', "\\`")
}

/// How a page was asked for, or another report, from its text; none where it does not say.
#[must_use]
pub fn options_of(report: &str, is_page: bool) -> Option<Value> {
    let json = if is_page {
        let start = report.find(&format!("<script type=\"application/json\" id=\"{DATA}\">"))?;
        report[start..].split_once('>')?.1.split_once("</script>")?.0
    } else {
        report.rsplit_once(&format!("<!-- {DATA} "))?.1.split_once(" -->")?.0
    };
    serde_json::from_str(json.trim()).ok()
}

/// The name of the picture that a Markdown report shows.
#[must_use]
pub fn picture_of(report: &str) -> Option<&str> {
    report.split_once(PICTURE)?.1.split_once(')').map(|(name, _)| name)
}

/// What stands before its name.
const PICTURE: &str = "![Charts of this report](";

fn text_table(caption: &str, table: &Table) -> Block {
    Block::Table {
        caption: caption.to_owned(),
        header: table.columns.clone(),
        rows: table.rows.iter().map(|row| row.iter().map(plain).collect()).collect(),
    }
}

/// How many numbers a report holds, for people who check it.
#[must_use]
pub fn count_numbers(text: &str) -> usize {
    let mut count = 0;
    let mut inside = false;
    for character in text.chars() {
        let is_digit = character.is_ascii_digit();
        count += usize::from(is_digit && !inside);
        inside = is_digit || inside && (character == '.' || character == ',');
    }
    count
}
