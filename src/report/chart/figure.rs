//! A chart in a page: the drawing, its caption, and its numbers to unfold.

use super::{
    Chart, Range, Unit,
    data::{Data, Line},
    style::xml,
    table::{bare, sentence},
};

/// Charts of more points than these are summed up: their numbers would outweigh the page.
const MOST_POINTS: usize = 1000;

pub(super) fn figure(chart: &Chart, number: usize) -> String {
    let data = chart.data();
    let mut caption = format!("<strong>Figure {number}.</strong>");
    let sentences = [chart.title.clone()].into_iter().chain(chart.notes(&data));
    for text in sentences.filter(|text| !text.is_empty()) {
        caption += &format!(" {}", xml(&sentence(&text)));
    }
    let (header, rows) = numbers(chart, &data);
    let unfold = if rows.is_empty() {
        String::new()
    } else {
        format!(
            "<details><summary>Numbers of figure {number}</summary>\n<div class=\"scroll\">{}</div>\n</details>\n",
            bare(&header, &rows)
        )
    };
    format!(
        "<figure>\n<div class=\"drawing\">\n<div class=\"scroll\">\n{}</div>\n<figcaption>{caption}</figcaption>\n</div>\n\
         {unfold}</figure>\n",
        chart.drawing(false)
    )
}

type Table = (Vec<String>, Vec<Vec<String>>);

/// The chart as a table: a column for each series if all have the same x, a row for each point otherwise, or a row
/// for each series of many points.
fn numbers(chart: &Chart, data: &Data) -> Table {
    let count: usize = data.lines.iter().map(|line| line.points.len()).sum();
    let x = |line: &Line| line.points.iter().map(|point| point.0).collect::<Vec<_>>();
    match count {
        0 => (Vec::new(), Vec::new()),
        _ if count > MOST_POINTS => summary(chart, data),
        _ if data.lines.windows(2).all(|pair| x(&pair[0]) == x(&pair[1])) => side_by_side(chart, data),
        _ => listed(chart, data),
    }
}

fn side_by_side(chart: &Chart, data: &Data) -> Table {
    let names = chart.series.iter().map(|series| series.name.clone());
    let header = std::iter::once(or(&chart.x_label, "x")).chain(names).collect();
    let words = Words::of(chart, data);
    let row = |point: usize| {
        let x = words.x(&data.lines[0], point);
        std::iter::once(x).chain(data.lines.iter().map(|line| words.y(line, point))).collect()
    };
    (header, (0..data.lines[0].points.len()).map(row).collect())
}

fn listed(chart: &Chart, data: &Data) -> Table {
    let header = vec!["series".to_owned(), or(&chart.x_label, "x"), or(&chart.y_label, "y")];
    let words = &Words::of(chart, data);
    let rows = chart.series.iter().zip(&data.lines).flat_map(|(series, line)| {
        (0..line.points.len())
            .map(move |point| vec![series.name.clone(), words.x(line, point), words.y(line, point)])
    });
    (header, rows.collect())
}

fn summary(chart: &Chart, data: &Data) -> Table {
    let header = ["series", "points", "first", "last", "lowest", "highest"].map(str::to_owned);
    let at = |point: Option<&(f64, f64)>| {
        let place = |point: &(f64, f64)| {
            format!("{} at {}", chart.y_unit.value(point.1), chart.x_unit.value(point.0))
        };
        point.map(place).unwrap_or_default()
    };
    let rows = chart.series.iter().zip(&data.lines).map(|(series, line)| {
        let points = &line.points;
        vec![
            series.name.clone(),
            points.len().to_string(),
            at(points.first()),
            at(points.last()),
            at(points.iter().min_by(|left, right| left.1.total_cmp(&right.1))),
            at(points.iter().max_by(|left, right| left.1.total_cmp(&right.1))),
        ]
    });
    (header.to_vec(), rows.collect())
}

/// How the numbers of a chart are written: those of one axis alike.
struct Words {
    units: (Unit, Unit),
    decimals: (Option<usize>, Option<usize>),
}

impl Words {
    fn of(chart: &Chart, data: &Data) -> Self {
        let x = data.lines.iter().flat_map(|line| line.reach(|point| point.0, |spread| spread.x));
        let y = data.lines.iter().flat_map(|line| line.reach(|point| point.1, |spread| spread.y));
        Self {
            units: (chart.x_unit, chart.y_unit),
            decimals: (chart.x_unit.decimals(x), chart.y_unit.decimals(y)),
        }
    }

    fn x(&self, line: &Line, point: usize) -> String {
        let range = line.spreads.get(point).and_then(|spread| spread.x);
        with_range(self.units.0, self.decimals.0, line.points[point].0, range)
    }

    fn y(&self, line: &Line, point: usize) -> String {
        let range = line.spreads.get(point).and_then(|spread| spread.y);
        with_range(self.units.1, self.decimals.1, line.points[point].1, range)
    }
}

fn with_range(unit: Unit, decimals: Option<usize>, value: f64, range: Option<Range>) -> String {
    let fixed = |value: f64| unit.fixed(value, decimals);
    match range {
        Some((low, high)) => format!("{} ({} to {})", unit.around(&fixed(value)), fixed(low), fixed(high)),
        None => unit.around(&fixed(value)),
    }
}

fn or(label: &str, other: &str) -> String {
    if label.is_empty() { other.to_owned() } else { label.to_owned() }
}
