//! A chart as SVG: text stays text, and light, dark and paper are told apart by style alone.
//!
//! Lines that end apart carry their names there; otherwise letters on the lines and a legend name them.

use super::{
    Chart, Data, Point,
    axis::Axis,
    grid::Grid,
    letter,
    style::{color, dash, style, xml},
    terminal::{breadth, fit},
    thin::{simplified, thinned},
};
use crate::report::escape;

const WIDTH: f64 = 760.0;
/// The height of the drawing itself.
const HEIGHT: f64 = 300.0;
/// Where the drawing ends if nothing stands beside it.
const RIGHT: f64 = WIDTH - 24.0;
/// A character of text; a little more than most are wide.
const CHARACTER: f64 = 6.9;
/// From one line of text to the next.
const LINE: f64 = 18.0;
/// A line of no more points than these shows each of them.
const FEW: usize = 24;
/// A line that keeps more points than these is noise.
const PEAKS: usize = 400;
/// How far from the line the thinned one may be.
const TOLERANCE: f64 = 0.06;

impl Chart {
    /// A file of SVG that needs nothing else.
    #[must_use]
    pub fn svg(&self) -> String {
        self.drawing(true)
    }

    /// The `svg` element; `alone`, it carries its style and its title and can be a file.
    pub(super) fn drawing(&self, alone: bool) -> String {
        let data = self.data();
        let mut canvas = Canvas { body: String::new(), y: 8.0 };
        if alone && !self.title.is_empty() {
            let title = fit(&escape(&self.title), ((WIDTH - 32.0) / (1.25 * CHARACTER)) as usize);
            canvas.y += 24.0;
            canvas.text("heading", (16.0, canvas.y - 6.0), &title);
        }
        match data.ranges {
            Some(ranges) => Plot::new(self, &data, ranges).draw(&mut canvas),
            None => {
                canvas.y += LINE;
                canvas.text("faint", (16.0, canvas.y - 4.0), "There are no points to draw.");
            }
        }
        if alone {
            for note in self.notes(&data) {
                canvas.y += LINE;
                let note = fit(&note, ((WIDTH - 32.0) / CHARACTER) as usize);
                canvas.text("faint", (16.0, canvas.y - 4.0), &note);
            }
        }
        let height = canvas.y + 10.0;
        let style = if alone { format!("<style>\n{}</style>\n", style()) } else { String::new() };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" style=\"max-width:100%;height:auto\">\n\
             <title>{}</title>\n<desc>{}</desc>\n{style}\
             <rect class=\"paper\" fill=\"#fff\" width=\"{WIDTH}\" height=\"{height}\"/>\n{}</svg>\n",
            xml(&self.title),
            xml(&self.description(&data)),
            canvas.body
        )
    }

    /// The chart in a sentence or two, for those who do not see it.
    fn description(&self, data: &Data) -> String {
        let Some((x, y)) = data.ranges else { return "There are no points to draw.".to_owned() };
        let or =
            |label: &str, other: &str| if label.is_empty() { other.to_owned() } else { label.to_owned() };
        let names: Vec<_> = self.series.iter().map(|series| series.name.as_str()).collect();
        let lines = if names.len() == 1 { "line" } else { "lines" };
        format!(
            "A chart of {} by {}, with {} {lines}: {}. {} goes from {} to {}, {} from {} to {}.",
            or(&self.y_label, "y"),
            or(&self.x_label, "x"),
            names.len(),
            names.join(", "),
            or(&self.x_label, "x"),
            x.0,
            x.1,
            or(&self.y_label, "y"),
            y.0,
            y.1
        )
    }
}

/// What has been drawn, and how far down it reaches.
struct Canvas {
    body: String,
    y: f64,
}

impl Canvas {
    fn text(&mut self, class: &str, (x, y): Point, text: &str) {
        self.body +=
            &format!("<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>\n", short(x), short(y), xml(text));
    }

    fn anchored(&mut self, anchor: &str, at: Point, text: &str) {
        let (x, y) = (short(at.0), short(at.1));
        self.body += &format!(
            "<text class=\"faint ticks\" text-anchor=\"{anchor}\" x=\"{x}\" y=\"{y}\">{}</text>\n",
            xml(text)
        );
    }

    fn line(&mut self, class: &str, from: Point, to: Point) {
        let (x1, y1, x2, y2) = (short(from.0), short(from.1), short(to.0), short(to.1));
        self.body += &format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n");
    }
}

struct Plot<'a> {
    chart: &'a Chart,
    data: &'a Data,
    across: Axis,
    up: Axis,
    left: f64,
    right: f64,
    top: f64,
    /// The lines as they are drawn, from the top of the drawing.
    paths: Vec<Vec<Point>>,
    /// Where the names stand beside the ends of their lines, if they fit there.
    ends: Option<Vec<f64>>,
}

impl<'a> Plot<'a> {
    fn new(chart: &'a Chart, data: &'a Data, (x, y): ((f64, f64), (f64, f64))) -> Self {
        let up = Axis::up(y, 6);
        let labels = up.ticks.iter().map(|tick| tick.label.len()).max().unwrap_or(0);
        let left = 24.0 + labels as f64 * CHARACTER;
        let across = Axis::across(x, 8);
        let mut plot =
            Self { chart, data, across, up, left, right: RIGHT, top: 0.0, paths: Vec::new(), ends: None };
        plot.ends = plot.places();
        if plot.ends.is_some() {
            let longest = chart.series.iter().map(|series| breadth(&escape(&series.name))).max().unwrap_or(0);
            plot.right = WIDTH - 30.0 - longest as f64 * CHARACTER;
            let most = ((plot.right - left) / 80.0) as usize;
            plot.across = Axis::across(x, most);
        }
        let path = |line: &Vec<Point>| {
            let place = |point: &Point| (plot.x(point.0), plot.y(point.1));
            simplified(&thinned(line.iter().map(place), 1.0), TOLERANCE)
        };
        plot.paths = data.lines.iter().map(path).collect();
        plot
    }

    /// Where to write the names beside the line ends, from the top: pushed apart, if they need to be pushed little.
    fn places(&self) -> Option<Vec<f64>> {
        const GAP: f64 = 16.0;
        let x = |line: &Vec<Point>| line.last().map(|last| self.across.share(last.0));
        let longest = self.chart.series.iter().map(|series| breadth(&escape(&series.name))).max()?;
        let fits = longest > 0 && longest as f64 * CHARACTER < 190.0 && self.data.lines.len() <= 14;
        if !fits || !self.data.lines.iter().all(|line| x(line).is_some_and(|share| share > 0.97)) {
            return None;
        }
        let ends: Vec<f64> =
            self.data.lines.iter().filter_map(|line| line.last()).map(|last| self.y(last.1)).collect();
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

    fn draw(mut self, canvas: &mut Canvas) {
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
            self.line(line, canvas);
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
        if !self.chart.x_label.is_empty() {
            canvas.y += LINE;
            let label = fit(&escape(&self.chart.x_label), 100);
            canvas.anchored("middle", ((self.left + self.right) / 2.0, canvas.y - 3.0), &label);
        }
        canvas.y += 4.0;
    }

    fn line(&self, line: usize, canvas: &mut Canvas) {
        let points = &self.data.lines[line];
        let name = xml(&self.chart.series[line].name);
        let place = |point: &Point| (self.x(point.0), self.y(point.1));
        let path = &self.paths[line];
        let text: Vec<_> =
            path.iter().map(|(x, y)| format!("{},{}", short(*x), short(self.top + y))).collect();
        if path.len() > 1 {
            canvas.body += &format!(
                "<polyline class=\"{}\"{} points=\"{}\"><title>{name}</title></polyline>\n",
                color("line", line),
                self.dash(line),
                text.join(" ")
            );
        }
        if points.len() <= FEW {
            for (x, y) in points.iter().map(place) {
                let (class, x, y) = (color("fill", line), short(x), short(y));
                canvas.body += &format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>\n");
            }
        }
    }

    /// Dashes tear lines that are nothing but peaks.
    fn dash(&self, line: usize) -> String {
        if self.paths[line].len() > PEAKS { String::new() } else { dash(line) }
    }

    /// Names beside the ends of the lines.
    fn names(&self, places: &[f64], canvas: &mut Canvas) {
        for ((line, series), place) in self.chart.series.iter().enumerate().zip(places) {
            let Some(end) = self.data.lines[line].last() else { continue };
            let (x, y) = (self.x(end.0), self.top + place);
            let class = format!("leader {}", color("line", line));
            canvas.line(&class, (x + 4.0, self.y(end.1)), (self.right + 14.0, y));
            canvas.text("name", (self.right + 18.0, y + 4.0), &escape(&series.name));
        }
    }

    /// A letter on each line at a few places, over a gap in the line.
    fn letters(&self, canvas: &mut Canvas) {
        let (columns, rows) = (((self.right - self.left) / 10.0) as usize, (HEIGHT / 18.0) as usize);
        let mut grid = Grid::new(columns, rows);
        for line in &self.data.lines {
            grid.trace(line.iter().map(|point| (self.across.share(point.0), self.up.share(point.1))));
        }
        for mark in grid.marks() {
            let share = (mark.column as f64 + 0.5) / columns as f64;
            let x = self.left + share * (self.right - self.left);
            // The line's own height there, as far as the cell reaches: a line may cross a column many times.
            let cell = HEIGHT / rows as f64;
            let top = mark.row as f64 * cell;
            let y = self.top + height(&self.paths[mark.line], x).unwrap_or(top).clamp(top, top + cell);
            let text = letter(mark.line).map(String::from).unwrap_or_default();
            canvas.text(&format!("letter {}", color("fill", mark.line)), (x, y + 4.0), &text);
        }
    }

    fn legend(&self, canvas: &mut Canvas) {
        let left = 16.0;
        let mut x = left;
        canvas.y += LINE;
        for (line, series) in self.chart.series.iter().enumerate() {
            let key = letter(line).filter(|_| self.chart.series.len() > 1);
            let empty = if self.data.lines[line].is_empty() { " (no points)" } else { "" };
            let name = fit(&escape(&series.name), 80) + empty;
            let text = 30.0 + if key.is_some() { 14.0 } else { 0.0 };
            let width = text + (breadth(&name) as f64) * CHARACTER;
            if x > left && x + width > WIDTH - 16.0 {
                x = left;
                canvas.y += LINE;
            }
            let middle = canvas.y - 8.0;
            canvas.body += &format!(
                "<line class=\"sample {}\"{} x1=\"{}\" y1=\"{middle}\" x2=\"{}\" y2=\"{middle}\"/>\n",
                color("line", line),
                self.dash(line),
                short(x),
                short(x + 24.0)
            );
            if let Some(key) = key {
                let class = format!("letter {}", color("fill", line));
                canvas.text(&class, (x + 34.0, canvas.y - 4.0), &key.to_string());
            }
            canvas.text("name", (x + text, canvas.y - 4.0), &name);
            x += width + 18.0;
        }
        canvas.y += 6.0;
    }
}

/// How high a line is at a place, or at its end nearest to it.
fn height(path: &[Point], x: f64) -> Option<f64> {
    let next = path.partition_point(|point| point.0 < x);
    let (before, after) = (path.get(next.saturating_sub(1))?, path.get(next).or(path.last())?);
    let width = after.0 - before.0;
    let share = if width > 0.0 { ((x - before.0) / width).clamp(0.0, 1.0) } else { 0.0 };
    Some(before.1 + share * (after.1 - before.1))
}

/// A number with at most two decimals.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
