//! A page of charts, tables and text that is one file: no network, no script.

use serde_json::Value;

use super::{
    Chart,
    figure::figure,
    style::{style, xml},
    table::{Matrix, table},
};

/// What a page is made of, from the top. Texts are escaped here.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<'a> {
    Heading(&'a str),
    Paragraph(&'a str),
    /// Stands aside, such as a warning.
    Note(&'a str),
    /// Two to four numbers that stand out.
    Numbers(&'a [KeyNumber]),
    /// With its title and notes as caption, and its numbers to unfold.
    Chart(&'a Chart),
    Matrix(&'a Matrix),
    /// A column of numbers is aligned at the right.
    Table {
        caption: &'a str,
        header: &'a [String],
        rows: &'a [Vec<String>],
    },
    /// What a program can read from the page: it is not shown. `id` is its element's, once on a page.
    Data {
        id: &'a str,
        json: &'a Value,
    },
}

/// A number that stands out, what it is, and a sentence about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyNumber {
    /// Such as `43 %`.
    pub value: String,
    pub label: String,
    pub explanation: String,
}

/// Nothing runs and nothing is loaded, whatever a text may hold.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page as a file.
#[must_use]
pub fn html(title: &str, parts: &[Part<'_>]) -> String {
    let mut figures = 0;
    let body: String = parts
        .iter()
        .map(|part| match part {
            Part::Heading(text) => format!("<h2>{}</h2>\n", xml(text)),
            Part::Paragraph(text) => format!("<p>{}</p>\n", xml(text)),
            Part::Note(text) => format!("<p class=\"note\" role=\"note\">{}</p>\n", xml(text)),
            Part::Numbers(numbers) => key_numbers(numbers),
            Part::Chart(chart) => {
                figures += 1;
                figure(chart, figures)
            }
            Part::Matrix(matrix) => matrix.html(),
            Part::Table { caption, header, rows } => table(caption, header, rows),
            Part::Data { id, json } => {
                format!("<script type=\"application/json\" id=\"{}\">{}</script>\n", xml(id), inert(json))
            }
        })
        .collect();
    let title = xml(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}</title>\n<style>\n{}{}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n",
        style(),
        include_str!("page.css")
    )
}

fn key_numbers(numbers: &[KeyNumber]) -> String {
    let one = |number: &KeyNumber| {
        format!(
            "<div><dt>{}</dt><dd class=\"value\">{}</dd><dd>{}</dd></div>\n",
            xml(&number.label),
            xml(&number.value),
            xml(&number.explanation)
        )
    };
    format!("<dl class=\"numbers\">\n{}</dl>\n", numbers.iter().map(one).collect::<String>())
}

/// JSON without any character that means something in HTML or XML. Those can only be inside its strings, where an
/// escape says the same.
fn inert(json: &Value) -> String {
    let text = json.to_string();
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let means_something = matches!(
            character,
            '<' | '>' | '&' | '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}'
        );
        if means_something {
            safe += &format!("\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}
