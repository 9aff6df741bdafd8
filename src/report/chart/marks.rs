//! The shapes of points: eight outlines of about the same area, which are told apart without colour.

use super::{Point, svg::short};

/// Where an outline starts beside its point, and the rest of it.
const SHAPES: [(Point, &str); 8] = [
    // A disc, a square, a triangle, a diamond, a triangle on its tip, a plus, a cross and a star.
    ((-3.6, 0.0), "a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z"),
    ((-3.2, -3.2), "h6.4v6.4h-6.4z"),
    ((0.0, -4.6), "l4.3 7.5h-8.6z"),
    ((0.0, -4.8), "l4.8 4.8-4.8 4.8-4.8-4.8z"),
    ((-4.3, -2.9), "h8.6l-4.3 7.5z"),
    ((-1.5, -4.5), "h3v3h3v3h-3v3h-3v-3h-3v-3h3z"),
    (
        (0.0, -2.1),
        "l2.1-2.1 2.1 2.1-2.1 2.1 2.1 2.1-2.1 2.1-2.1-2.1-2.1 2.1-2.1-2.1 2.1-2.1-2.1-2.1 2.1-2.1z",
    ),
    ((0.0, -5.5), "l1.5 4 4 1.5-4 1.5-1.5 4-1.5-4-4-1.5 4-1.5z"),
];

/// The outline of a series' mark at a point, as a piece of an SVG path. Series of the same colour differ in it.
pub(super) fn mark(line: usize, (x, y): Point) -> String {
    let ((left, above), rest) = SHAPES[(line + line / SHAPES.len()) % SHAPES.len()];
    format!("M{} {}{rest}", short(x + left), short(y + above))
}

/// A ring around a point.
pub(super) fn ring((x, y): Point) -> String {
    format!("M{} {}a7.5 7.5 0 1 0 15 0a7.5 7.5 0 1 0-15 0z", short(x - 7.5), short(y))
}

/// A bar up from `low` to `high`, with a short stroke at both ends.
pub(super) fn bar_up(x: f64, low: f64, high: f64) -> String {
    let (left, low, high) = (short(x - 3.0), short(low), short(high));
    format!("M{left} {low}h6m-3 0V{high}m-3 0h6")
}

/// A bar across.
pub(super) fn bar_across(y: f64, low: f64, high: f64) -> String {
    let (top, low, high) = (short(y - 3.0), short(low), short(high));
    format!("M{low} {top}v6m0-3H{high}m0-3v6")
}
