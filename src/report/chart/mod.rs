//! Charts and pages, as text for a terminal, as SVG and as HTML. Pure: text out, nothing printed or read.
//!
//! Enter at [`Chart`] and [`svg()`] for pictures, at [`Part`], [`html()`] and [`screen()`] for pages. Lines of millions of points
//! are thinned to what can be seen, and the lowest and highest point of every column of pixels stay, so that no
//! spike is lost. All renderers name the series by the same letters: a chart must be readable without colour.

mod axis;
mod cells;
mod data;
mod figure;
mod grid;
mod html;
mod legend;
mod log;
mod marks;
mod plot;
mod screen;
mod style;
mod svg;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod thin;
mod unit;

pub use html::{KeyNumber, Part, html};
pub use screen::screen;
pub use svg::svg;
pub use table::{Matrix, MatrixCell, MatrixRow, Verdict};
pub use unit::Unit;

/// Points of one name, and how they are shown; lines have their x ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub kind: Kind,
}

/// How the points of a series are shown. A range is (lowest, highest) and belongs to the point of the same index;
/// points beyond the last range, or whose range is not finite, have none.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Kind {
    /// A line through them.
    #[default]
    Line,
    /// A line, and the area between the ranges of y.
    Band(Vec<(f64, f64)>),
    /// A mark for each, with a bar over its range of y and one over its range of x.
    Points { y: Vec<(f64, f64)>, x: Vec<(f64, f64)> },
    /// A front, such as Pareto's: each y holds until the next point's x, and a ring is around each point.
    Front,
}

impl Series {
    /// The lowest and the highest point of each stretch of x so wide, and both ends: of more points than a picture can
    /// show, those that it needs.
    #[must_use]
    pub fn thinned(name: String, points: impl Iterator<Item = (f64, f64)>, width: f64) -> Self {
        Self { name, points: thin::thinned(points, width), kind: Kind::Line }
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
    /// Equal ratios of x are equally wide; points with an x of 0 or below are left out and counted.
    pub log_x: bool,
    pub x_unit: Unit,
    pub y_unit: Unit,
}

/// From lowest to highest.
type Range = (f64, f64);

/// A point, in the unit of whoever draws.
type Point = (f64, f64);

/// How many series can be told apart by a letter.
const LETTERS: usize = 26;

/// The letter of a series, if there is one left for it.
fn letter(line: usize) -> Option<char> {
    (line < LETTERS).then(|| char::from(b'a' + line as u8))
}
