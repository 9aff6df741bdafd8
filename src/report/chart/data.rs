//! What can be drawn of a chart: its finite points in order, where they are, and what must be said of the others.

use super::{Chart, Kind, LETTERS, Point, Range, Series, axis::Axis, letter, log};

/// How much of its range an axis across gains at each end, so that marks stand inside.
const PADDING: f64 = 0.03;

/// The ranges around a point.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    pub(super) x: Option<Range>,
    pub(super) y: Option<Range>,
}

/// What can be drawn of a series.
pub(super) struct Line {
    /// With x ascending.
    pub(super) points: Vec<Point>,
    /// One for each point, or none at all.
    pub(super) spreads: Vec<Spread>,
}

/// What can be drawn of a chart.
pub(super) struct Data {
    pub(super) lines: Vec<Line>,
    /// How many points are not finite.
    not_finite: usize,
    /// How many a log scale has no place for.
    not_positive: usize,
    /// Where the points are, if there are any.
    pub(super) ranges: Option<(Range, Range)>,
}

impl Line {
    fn of(series: &Series, is_drawn: impl Fn(&Point) -> bool) -> Self {
        let at = |index: usize| series.points[index];
        let mut order: Vec<usize> =
            (0..series.points.len()).filter(|index| is_drawn(&series.points[*index])).collect();
        if !order.is_sorted_by(|left, right| at(*left).0 <= at(*right).0) {
            order.sort_by(|left, right| at(*left).0.total_cmp(&at(*right).0));
        }
        let spread = |index: usize| match &series.kind {
            Kind::Band(y) => Some(Spread { x: None, y: one(y, index) }),
            Kind::Points { y, x } => Some(Spread { x: one(x, index), y: one(y, index) }),
            Kind::Line | Kind::Front => None,
        };
        Self {
            spreads: order.iter().filter_map(|index| spread(*index)).collect(),
            points: order.into_iter().map(at).collect(),
        }
    }

    /// The points and the ends of their ranges, of x or of y.
    pub(super) fn reach<'a>(
        &'a self,
        value: fn(&Point) -> f64,
        range: fn(&Spread) -> Option<Range>,
    ) -> impl Iterator<Item = f64> + 'a {
        let ends = self.spreads.iter().filter_map(range).flat_map(|(low, high)| [low, high]);
        self.points.iter().map(value).chain(ends)
    }

    /// The line through the points of a front: right, then up or down.
    pub(super) fn steps(&self) -> Vec<Point> {
        let corner = |pair: &[Point]| [pair[0], (pair[1].0, pair[0].1)];
        let corners = self.points.windows(2).flat_map(corner);
        corners.chain(self.points.last().copied()).collect()
    }

    /// The stretches of points that have a range of y: x, lowest and highest.
    pub(super) fn bands(&self) -> Vec<Vec<(f64, Range)>> {
        let points = self.points.iter().zip(&self.spreads).map(|(point, spread)| (point.0, spread.y));
        let mut stretches = vec![Vec::new()];
        for (x, range) in points {
            match (range, stretches.last_mut()) {
                (Some(range), Some(stretch)) => stretch.push((x, range)),
                _ => stretches.push(Vec::new()),
            }
        }
        stretches.retain(|stretch| !stretch.is_empty());
        stretches
    }
}

/// The finite range of a point.
fn one(ranges: &[Range], index: usize) -> Option<Range> {
    let is_finite = |range: &&Range| range.0.is_finite() && range.1.is_finite();
    ranges.get(index).filter(is_finite).map(|(low, high)| (low.min(*high), low.max(*high)))
}

impl Chart {
    pub(super) fn data(&self) -> Data {
        let is_finite = |point: &Point| point.0.is_finite() && point.1.is_finite();
        let is_drawn = |point: &Point| is_finite(point) && (!self.log_x || point.0 > 0.0);
        let lines: Vec<Line> = self.series.iter().map(|series| Line::of(series, is_drawn)).collect();
        let points = || self.series.iter().flat_map(|series| &series.points);
        let not_finite = points().filter(|point| !is_finite(point)).count();
        let skipped = points().count() - lines.iter().map(|line| line.points.len()).sum::<usize>();
        let has_place = |x: &f64| !self.log_x || *x > 0.0;
        let x = lines.iter().flat_map(|line| line.reach(|point| point.0, |spread| spread.x));
        let y = lines.iter().flat_map(|line| line.reach(|point| point.1, |spread| spread.y));
        let ranges = range(x.filter(has_place)).zip(range(y));
        Data { lines, not_finite, not_positive: skipped - not_finite, ranges }
    }

    /// The axis across, with at most so many steps between ticks.
    pub(super) fn across(&self, range: Range, most: usize) -> Axis {
        let has_marks =
            self.series.iter().any(|series| matches!(series.kind, Kind::Points { .. } | Kind::Front));
        let range = if has_marks { padded(range, self.log_x) } else { range };
        let axis = if self.log_x { log::across(range, most) } else { Axis::across(range, most) };
        axis.in_unit(self.x_unit)
    }

    /// The axis up, with at most so many steps between ticks.
    pub(super) fn up(&self, range: Range, most: usize) -> Axis {
        Axis::up(range, most).in_unit(self.y_unit)
    }

    /// What stands below the axis across.
    pub(super) fn x_title(&self) -> String {
        match (self.log_x, self.x_label.is_empty()) {
            (true, true) => "log scale".to_owned(),
            (true, false) => format!("{} (log scale)", self.x_label),
            (false, _) => self.x_label.clone(),
        }
    }

    /// The sentences below the chart.
    pub(super) fn notes(&self, data: &Data) -> Vec<String> {
        let mut notes: Vec<String> = self.note.iter().map(|note| crate::report::escape(note)).collect();
        match data.not_finite {
            0 => {}
            1 => notes.push("1 point is not finite and left out".to_owned()),
            count => notes.push(format!("{count} points are not finite and left out")),
        }
        match data.not_positive {
            0 => {}
            1 => notes.push("1 point at or below 0 has no place on a log scale and is left out".to_owned()),
            count => notes
                .push(format!("{count} points at or below 0 have no place on a log scale and are left out")),
        }
        let unlettered = self.series.len().saturating_sub(LETTERS);
        if unlettered > 0 && data.ranges.is_some() {
            let (lines, have) = if unlettered == 1 { ("line", "has") } else { ("lines", "have") };
            notes
                .push(format!("the last {unlettered} {lines} {have} no letter: there are {LETTERS} letters"));
        }
        notes.retain(|note| !note.is_empty());
        notes
    }

    /// The letter of a series where there are several.
    pub(super) fn key(&self, line: usize) -> Option<char> {
        letter(line).filter(|_| self.series.len() > 1)
    }

    pub(super) fn is_front(&self, line: usize) -> bool {
        self.series[line].kind == Kind::Front
    }
}

/// A little wider, but not beyond 0.
fn padded((low, high): Range, is_log: bool) -> Range {
    if is_log {
        let factor = ((high.ln() - low.ln()) * PADDING).exp();
        return ((low / factor).max(f64::MIN_POSITIVE), (high * factor).min(f64::MAX));
    }
    let more = high * PADDING - low * PADDING;
    let below = if low >= 0.0 { (low - more).max(0.0) } else { low - more };
    let above = if high <= 0.0 { (high + more).min(0.0) } else { high + more };
    (below.max(f64::MIN), above.min(f64::MAX))
}

/// The lowest and the highest.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<Range> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}
