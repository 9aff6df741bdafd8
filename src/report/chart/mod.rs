//! Line charts, as text for a terminal, as SVG and in a page of HTML. Pure: text out, nothing printed or read.
//!
//! Enter at [`Chart`] and [`html()`]. Lines of millions of points are thinned to what can be seen, and the lowest
//! and highest point of every column of pixels stay, so that no spike is lost. Both renderers name the lines by
//! the same letters: a chart must be readable without colour.

mod axis;
mod grid;
mod html;
mod style;
mod svg;
mod terminal;
#[cfg(test)]
mod tests;
mod thin;

pub use html::{Part, html};

/// A line: its points with x ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// The lowest and the highest point of each stretch of x so wide, and both ends: of more points than a picture can
    /// show, those that it needs.
    #[must_use]
    pub fn thinned(name: String, points: impl Iterator<Item = (f64, f64)>, width: f64) -> Self {
        Self { name, points: thin::thinned(points, width) }
    }
}

/// A chart; each text is shown with its control characters escaped, and an empty one is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub series: Vec<Series>,
    /// A sentence below.
    pub note: Option<String>,
}

/// From lowest to highest.
type Range = (f64, f64);

/// A point, in the unit of whoever draws.
type Point = (f64, f64);

/// What can be drawn of a chart.
struct Data {
    /// The finite points of every series, with x ascending.
    lines: Vec<Vec<Point>>,
    /// How many points are not finite.
    skipped: usize,
    /// Where the points are, if there are any.
    ranges: Option<(Range, Range)>,
}

impl Chart {
    fn data(&self) -> Data {
        let is_finite = |point: &Point| point.0.is_finite() && point.1.is_finite();
        let mut lines = Vec::with_capacity(self.series.len());
        let mut skipped = 0;
        for series in &self.series {
            let mut line: Vec<Point> = series.points.iter().copied().filter(is_finite).collect();
            skipped += series.points.len() - line.len();
            if !line.is_sorted_by(|left, right| left.0 <= right.0) {
                line.sort_by(|left, right| left.0.total_cmp(&right.0));
            }
            lines.push(line);
        }
        let x = range(lines.iter().flatten().map(|point| point.0));
        let y = range(lines.iter().flatten().map(|point| point.1));
        Data { lines, skipped, ranges: x.zip(y) }
    }

    /// The sentences below the chart.
    fn notes(&self, data: &Data) -> Vec<String> {
        let mut notes = Vec::new();
        match data.skipped {
            0 => {}
            1 => notes.push("1 point is not finite and left out".to_owned()),
            count => notes.push(format!("{count} points are not finite and left out")),
        }
        let unlettered = self.series.len().saturating_sub(LETTERS);
        if unlettered > 0 && data.ranges.is_some() {
            let (lines, have) = if unlettered == 1 { ("line", "has") } else { ("lines", "have") };
            notes
                .push(format!("the last {unlettered} {lines} {have} no letter: there are {LETTERS} letters"));
        }
        notes.extend(self.note.iter().filter(|note| !note.is_empty()).map(|note| super::escape(note)));
        notes
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<Range> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// How many lines can be told apart by a letter.
const LETTERS: usize = 26;

/// The letter of a line, if there is one left for it.
fn letter(line: usize) -> Option<char> {
    (line < LETTERS).then(|| char::from(b'a' + line as u8))
}
