//! The drawing of a chart in SVG: axes, areas, bars, lines and marks.
//!
//! Lines that end apart carry their names there; otherwise letters on the lines and a legend name them.

use super::{
    Chart, Kind, Point, Range,
    axis::Axis,
    data::{Data, Line},
    marks::{bar_across, bar_up, mark, ring},
    style::{color, dash, xml},
    svg::{CHARACTER, Canvas, LINE, WIDTH, short},
    text::{breadth, fit},
    thin::{simplified, thinned},
};
use crate::report::escape;

/// The height of the drawing itself.
pub(super) const HEIGHT: f64 = 300.0;
/// Where the drawing ends if nothing stands beside it.
const RIGHT: f64 = WIDTH - 24.0;
/// A line of no more points than these shows each of them.
const FEW: usize = 24;
/// A line that keeps more points than these is noise.
const PEAKS: usize = 400;
/// How far from the line the thinned one may be.
const TOLERANCE: f64 = 0.06;

pub(super) struct Plot<'a> {
    pub(super) chart: &'a Chart,
    pub(super) data: &'a Data,
    pub(super) across: Axis,
    pub(super) up: Axis,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    /// The lines as they are drawn, from the top of the drawing; of points, the points.
    pub(super) paths: Vec<Vec<Point>>,
    /// Where the names stand beside the ends of their lines, if they fit there.
    ends: Option<Vec<f64>>,
}

impl<'a> Plot<'a> {
    pub(super) fn new(chart: &'a Chart, data: &'a Data, (x, y): (Range, Range)) -> Self {
        let up = chart.up(y, 6);
        let labels = up.ticks.iter().map(|tick| breadth(&tick.label)).max().unwrap_or(0);
        let left = 24.0 + labels as f64 * CHARACTER;
        let across = chart.across(x, 8);
        let mut plot =
            Self { chart, data, across, up, left, right: RIGHT, top: 0.0, paths: Vec::new(), ends: None };
        plot.ends = plot.places();
        if plot.ends.is_some() {
            let longest = chart.series.iter().map(|series| breadth(&escape(&series.name))).max().unwrap_or(0);
            plot.right = WIDTH - 30.0 - longest as f64 * CHARACTER;
            let most = ((plot.right - left) / 80.0) as usize;
            plot.across = chart.across(x, most);
        }
        let path = |(line, data): (usize, &Line)| match chart.series[line].kind {
            Kind::Points { .. } => data.points.iter().map(|point| plot.place(*point)).collect(),
            Kind::Front => plot.path(data.steps().into_iter()),
            Kind::Line | Kind::Band(_) => plot.path(data.points.iter().copied()),
        };
        plot.paths = data.lines.iter().enumerate().map(path).collect();
        plot
    }

    /// Where to write the names beside the line ends, from the top: pushed apart, if they need to be pushed little.
    fn places(&self) -> Option<Vec<f64>> {
        const GAP: f64 = 16.0;
        let is_line = |kind: &Kind| matches!(kind, Kind::Line | Kind::Band(_));
        let x = |line: &Line| line.points.last().map(|last| self.across.share(last.0));
        let longest = self.chart.series.iter().map(|series| breadth(&escape(&series.name))).max()?;
        let fits = longest > 0 && longest as f64 * CHARACTER < 190.0 && self.data.lines.len() <= 14;
        if !fits
            || !self.chart.series.iter().all(|series| is_line(&series.kind))
            || !self.data.lines.iter().all(|line| x(line).is_some_and(|share| share > 0.97))
        {
            return None;
        }
        let ends: Vec<f64> =
            self.data.lines.iter().filter_map(|line| line.points.last()).map(|last| self.y(last.1)).collect();
        let mut order: Vec<usize> = (0..ends.len()).collect();
        order.sort_by(|left, right| ends[*left].total_cmp(&ends[*right]));
        if order.windows(2).any(|pair| ends[pair[1]] - ends[pair[0]] < 5.0) {
            return None;
        }
        let mut places = ends.clone();
        for _ in 0..200 {
            for pair in order.windows(2) {
                let short = GAP - (places[pair[1]] - places[pair[0]]);
                if short > 0.0 {
                    places[pair[0]] -= short / 2.0;
                    places[pair[1]] += short / 2.0;
                }
            }
        }
        let is_near = |(place, end): (&f64, &f64)| (place - end).abs() < 1.5 * GAP;
        places.iter().zip(&ends).all(is_near).then_some(places)
    }

    fn x(&self, value: f64) -> f64 {
        self.left + self.across.share(value) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.up.share(value)) * HEIGHT
    }

    pub(super) fn place(&self, (x, y): Point) -> Point {
        (self.x(x), self.y(y))
    }

    /// The points of a line that show.
    fn path(&self, points: impl Iterator<Item = Point>) -> Vec<Point> {
        simplified(&thinned(points.map(|point| self.place(point)), 1.0), TOLERANCE)
    }

    pub(super) fn draw(mut self, canvas: &mut Canvas) {
        if self.ends.is_none() {
            self.legend(canvas);
        }
        if !self.chart.y_label.is_empty() {
            canvas.y += LINE;
            let label = fit(&escape(&self.chart.y_label), 100);
            canvas.text("faint", (16.0, canvas.y - 2.0), &label);
        }
        self.top = canvas.y + 10.0;
        self.axes(canvas);
        for line in 0..self.data.lines.len() {
            self.ranges(line, canvas);
        }
        for line in 0..self.data.lines.len() {
            self.line(line, canvas);
        }
        for line in 0..self.data.lines.len() {
            self.marks(line, canvas);
        }
        match &self.ends {
            Some(places) => self.names(places, canvas),
            None => self.letters(canvas),
        }
    }

    fn axes(&self, canvas: &mut Canvas) {
        let bottom = self.top + HEIGHT;
        for tick in &self.up.ticks {
            let y = self.y(tick.at);
            canvas.line("grid", (self.left, y), (self.right, y));
            canvas.anchored("end", (self.left - 8.0, y + 4.0), &tick.label);
        }
        for tick in &self.across.ticks {
            let x = self.x(tick.at);
            canvas.line("grid", (x, self.top), (x, bottom));
            canvas.line("axis", (x, bottom), (x, bottom + 5.0));
            canvas.anchored("middle", (x, bottom + 19.0), &tick.label);
        }
        let zero = if self.up.low <= 0.0 && 0.0 <= self.up.high { self.y(0.0) } else { bottom };
        canvas.line("axis", (self.left, zero), (self.right, zero));
        canvas.y = bottom + 24.0;
        let label = self.chart.x_title();
        if !label.is_empty() {
            canvas.y += LINE;
            let label = fit(&escape(&label), 100);
            canvas.anchored("middle", ((self.left + self.right) / 2.0, canvas.y - 3.0), &label);
        }
        canvas.y += 4.0;
    }

    /// The area or the bars of a series' ranges.
    fn ranges(&self, line: usize, canvas: &mut Canvas) {
        let (series, data) = (&self.chart.series[line], &self.data.lines[line]);
        let (mut areas, mut bars) = (String::new(), String::new());
        if matches!(series.kind, Kind::Band(_)) {
            for stretch in data.bands() {
                match stretch[..] {
                    [(x, (low, high))] => bars += &bar_up(self.x(x), self.y(low), self.y(high)),
                    _ => areas += &self.area(&stretch),
                }
            }
        } else {
            for ((x, y), spread) in data.points.iter().zip(&data.spreads) {
                if let Some((low, high)) = spread.y {
                    bars += &bar_up(self.x(*x), self.y(low), self.y(high));
                }
                if let Some((low, high)) = spread.x {
                    bars += &bar_across(self.y(*y), self.x(low), self.x(high));
                }
            }
        }
        canvas.path(&format!("band {}", self.color("fill", line)), Some(&series.name), &areas);
        canvas.path(&format!("bars {}", self.color("line", line)), Some(&series.name), &bars);
    }

    /// The outline of an area: its upper edge to the right, its lower one back.
    fn area(&self, stretch: &[(f64, Range)]) -> String {
        let edge = |pick: fn(&Range) -> f64| self.path(stretch.iter().map(|(x, range)| (*x, pick(range))));
        let (above, mut below) = (edge(|range| range.1), edge(|range| range.0));
        below.reverse();
        let corners: Vec<_> =
            above.iter().chain(&below).map(|(x, y)| format!("{} {}", short(*x), short(*y))).collect();
        format!("M{}z", corners.join("L"))
    }

    fn line(&self, line: usize, canvas: &mut Canvas) {
        let series = &self.chart.series[line];
        let path = &self.paths[line];
        if path.len() < 2 || matches!(series.kind, Kind::Points { .. }) {
            return;
        }
        let text: Vec<_> =
            path.iter().map(|(x, y)| format!("{},{}", short(*x), short(self.top + y))).collect();
        canvas.body += &format!(
            "<polyline class=\"{}\"{} points=\"{}\"><title>{}</title></polyline>\n",
            self.color("line", line),
            self.dash(line),
            text.join(" "),
            xml(&series.name)
        );
    }

    /// The points themselves, where they are few or what matters.
    fn marks(&self, line: usize, canvas: &mut Canvas) {
        let (series, points) = (&self.chart.series[line], &self.data.lines[line].points);
        let places = points.iter().map(|point| self.place(*point));
        match series.kind {
            Kind::Front => {
                let rings: String = places.map(ring).collect();
                canvas.path(&format!("ring {}", self.color("line", line)), Some(&series.name), &rings);
            }
            Kind::Line | Kind::Band(_) if points.len() > FEW => {}
            Kind::Line | Kind::Band(_) | Kind::Points { .. } => {
                let marks: String = places.map(|place| mark(line, place)).collect();
                canvas.path(&format!("mark {}", self.color("fill", line)), Some(&series.name), &marks);
            }
        }
    }

    /// Whether each point of a series has a mark.
    pub(super) fn has_marks(&self, line: usize) -> bool {
        let is_scattered = matches!(self.chart.series[line].kind, Kind::Points { .. });
        is_scattered || !self.chart.is_front(line) && self.data.lines[line].points.len() <= FEW
    }

    /// The class that gives a series its colour.
    pub(super) fn color(&self, kind: &str, line: usize) -> String {
        if self.chart.is_front(line) { format!("{kind}-front") } else { color(kind, line) }
    }

    /// Dashes tear lines that are nothing but peaks; a front has none.
    pub(super) fn dash(&self, line: usize) -> String {
        let is_whole = self.paths[line].len() > PEAKS || self.chart.is_front(line);
        if is_whole { String::new() } else { dash(line) }
    }

    /// Names beside the ends of the lines.
    fn names(&self, places: &[f64], canvas: &mut Canvas) {
        for ((line, series), place) in self.chart.series.iter().enumerate().zip(places) {
            let Some(end) = self.data.lines[line].points.last() else { continue };
            let (x, y) = (self.x(end.0), self.top + place);
            let class = format!("leader {}", self.color("line", line));
            canvas.line(&class, (x + 4.0, self.y(end.1)), (self.right + 14.0, y));
            canvas.text("name", (self.right + 18.0, y + 4.0), &escape(&series.name));
        }
    }
}
