//! A page of charts, tables and text that is one file: no network, no script.

use super::{
    Chart,
    style::{style, xml},
};

/// What a page is made of, from the top. Texts are escaped here.
#[derive(Debug, Clone, PartialEq)]
pub enum Part<'a> {
    Heading(&'a str),
    Paragraph(&'a str),
    Chart(&'a Chart),
    /// A column of numbers is aligned at the right.
    Table {
        caption: &'a str,
        header: &'a [String],
        rows: &'a [Vec<String>],
    },
}

const STYLE: &str = "\
:root{color-scheme:light dark}
body{margin:0 auto;max-width:52rem;padding:1.5rem 1.25rem 3rem;background:var(--paper);color:var(--ink);\
font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem}
h2{font-size:1.2rem;line-height:1.3;margin:2.5rem 0 .5rem}
h1,h2,p,figcaption{overflow-wrap:anywhere}
p{max-width:42rem}
figure{margin:1.5rem 0 2rem}
figure svg{display:block;width:100%;min-width:34rem;height:auto}
figcaption{color:var(--faint);font-size:.9rem}
figcaption strong{color:var(--ink)}
.scroll{overflow-x:auto}
table{margin-top:.4rem;border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--grid);text-align:left;vertical-align:top}
th{border-bottom-color:var(--axis);font-weight:600}
th.number,td.number{text-align:right;white-space:nowrap}
@page{margin:16mm}
@media print{:root{color-scheme:light}
body{max-width:none;padding:0;font-size:11pt}
h1,h2{break-after:avoid}
.drawing,tr{break-inside:avoid}
figure svg{min-width:0}
thead{display:table-header-group}
.scroll{overflow:visible}}
";

/// The page as a file.
#[must_use]
pub fn html(title: &str, parts: &[Part<'_>]) -> String {
    let mut figures = 0;
    let body: String = parts
        .iter()
        .map(|part| match part {
            Part::Heading(text) => format!("<h2>{}</h2>\n", xml(text)),
            Part::Paragraph(text) => format!("<p>{}</p>\n", xml(text)),
            Part::Chart(chart) => {
                figures += 1;
                figure(chart, figures)
            }
            Part::Table { caption, header, rows } => table(caption, header, rows),
        })
        .collect();
    let title = xml(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}</title>\n<style>\n{}{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n",
        style()
    )
}

fn figure(chart: &Chart, number: usize) -> String {
    let mut caption = format!("<strong>Figure {number}.</strong>");
    let sentences = [chart.title.clone()].into_iter().chain(chart.notes(&chart.data()));
    for sentence in sentences.filter(|sentence| !sentence.is_empty()) {
        let stop = if sentence.ends_with(['.', '!', '?']) { "" } else { "." };
        caption += &format!(" {}{stop}", xml(&sentence));
    }
    format!(
        "<figure class=\"drawing\">\n<div class=\"scroll\">\n{}</div>\n<figcaption>{caption}</figcaption>\n</figure>\n",
        chart.drawing(false)
    )
}

fn table(caption: &str, header: &[String], rows: &[Vec<String>]) -> String {
    let is_number = |column: usize| {
        let mut cells =
            rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
        let starts =
            |cell: &String| cell.trim_start_matches(['-', '+', '−', '.']).starts_with(char::is_numeric);
        cells.peek().is_some() && cells.all(starts)
    };
    let line = |kind: &str, cells: &[String]| -> String {
        let cells = cells.iter().enumerate().map(|(column, cell)| {
            let class = if is_number(column) { " class=\"number\"" } else { "" };
            let scope = if kind == "th" { " scope=\"col\"" } else { "" };
            format!("<{kind}{scope}{class}>{}</{kind}>", xml(cell))
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let caption = if caption.is_empty() {
        String::new()
    } else {
        format!("<figcaption>{}</figcaption>\n", xml(caption))
    };
    let body: String = rows.iter().map(|row| line("td", row)).collect();
    format!(
        "<figure>\n{caption}<div class=\"scroll\"><table>\n<thead>\n{}</thead>\n<tbody>\n{body}</tbody>\n\
         </table></div>\n</figure>\n",
        line("th", header)
    )
}
