//! What tells the series of a drawing apart where their names do not stand beside them: a legend, and letters.

use super::{
    Kind, Point,
    grid::Grid,
    letter,
    marks::{mark, ring},
    plot::{HEIGHT, Plot},
    svg::{CHARACTER, Canvas, LINE, WIDTH, short},
    text::{breadth, fit},
};
use crate::report::escape;

/// How far a letter stands from what it belongs to; farther from other things is no better.
const ROOM: f64 = 11.0;
/// About half of what a mark takes.
const MARK: f64 = 4.0;
/// How wide the sample of a line is.
const SAMPLE: f64 = 24.0;

impl Plot<'_> {
    /// A letter on each line at a few places, over a gap in the line, or beside a point.
    pub(super) fn letters(&self, canvas: &mut Canvas) {
        let (columns, rows) = (((self.right - self.left) / 10.0) as usize, (HEIGHT / 18.0) as usize);
        let mut grid = Grid::new(columns, rows);
        let place = |(x, y): Point| (self.across.share(x), self.up.share(y));
        for (series, line) in self.chart.series.iter().zip(&self.data.lines) {
            match series.kind {
                Kind::Line | Kind::Band(_) => grid.trace(line.points.iter().copied().map(place)),
                Kind::Points { .. } => grid.scatter(line.points.iter().copied().map(place)),
                Kind::Front => grid.trace(line.steps().into_iter().map(place)),
            }
        }
        let drawn = self.drawn();
        let mut placed: Vec<Point> = Vec::new();
        for found in grid.marks(Vec::new()) {
            let share = (found.column as f64 + 0.5) / columns as f64;
            let x = self.left + share * (self.right - self.left);
            // The line's own height there, as far as the cell reaches: a line may cross a column many times.
            let cell = HEIGHT / rows as f64;
            let top = found.row as f64 * cell;
            let at = match self.chart.series[found.line].kind {
                Kind::Points { .. } => self.beside(found.line, (x, top + cell / 2.0), |place| {
                    let others = drawn.iter().chain(&placed);
                    others.map(|other| distance(*other, place)).fold(ROOM, f64::min)
                }),
                _ => (x, height(&self.paths[found.line], x).unwrap_or(top).clamp(top, top + cell)),
            };
            placed.push(at);
            let text = letter(found.line).map(String::from).unwrap_or_default();
            canvas.text("letter", (at.0, self.top + at.1 + 4.0), &text);
        }
    }

    /// A point in the drawing, from its top.
    fn spot(&self, point: Point) -> Point {
        let (x, y) = self.place(point);
        (x, y - self.top)
    }

    /// Places that marks, bars and fronts go through, close enough to each other to keep letters away.
    fn drawn(&self) -> Vec<Point> {
        const STEP: f64 = 5.0;
        let mut places = Vec::new();
        let mut along = |from: Point, to: Point| {
            let steps = (distance(from, to) / STEP).ceil().max(1.0);
            places.extend((0..=steps as usize).map(|step| {
                let share = step as f64 / steps;
                (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
            }));
        };
        for (line, data) in self.data.lines.iter().enumerate() {
            if self.chart.is_front(line) {
                self.paths[line].windows(2).for_each(|pair| along(pair[0], pair[1]));
            } else if self.has_marks(line) {
                data.points.iter().for_each(|point| along(self.spot(*point), self.spot(*point)));
            }
            for (point, spread) in data.points.iter().zip(&data.spreads) {
                if let Some((low, high)) = spread.y {
                    along(self.spot((point.0, low)), self.spot((point.0, high)));
                }
                if let Some((low, high)) = spread.x {
                    along(self.spot((low, point.1)), self.spot((high, point.1)));
                }
            }
        }
        places
    }

    /// Of the places for a letter around a series' point that is nearest to somewhere, the one with the most `room`.
    fn beside(&self, line: usize, target: Point, room: impl Fn(Point) -> f64) -> Point {
        let data = &self.data.lines[line];
        let nearest = (0..data.points.len()).min_by(|left, right| {
            let away = |index: usize| distance(self.paths[line][index], target);
            away(*left).total_cmp(&away(*right))
        });
        let Some(index) = nearest else { return target };
        let (x, y) = self.paths[line][index];
        let range = data.spreads.get(index).and_then(|spread| spread.y);
        let (above, below) = match range {
            Some((low, high)) => (self.spot((0.0, high)).1, self.spot((0.0, low)).1),
            None => (y - MARK, y + MARK),
        };
        let places = [
            (x, above - ROOM),
            (x, below + ROOM),
            (x + ROOM, y - ROOM),
            (x - ROOM, y - ROOM),
            (x + ROOM, y + ROOM),
            (x - ROOM, y + ROOM),
        ];
        let is_inside = |place: &Point| {
            (self.left + 5.0..self.right).contains(&place.0) && (5.0..HEIGHT - 5.0).contains(&place.1)
        };
        // The first of those that are as good.
        let best = places
            .into_iter()
            .rev()
            .filter(is_inside)
            .max_by(|left, right| room(*left).total_cmp(&room(*right)));
        best.unwrap_or(places[0])
    }

    /// A sample, the letter and the name of each series.
    pub(super) fn legend(&self, canvas: &mut Canvas) {
        let left = 16.0;
        let mut x = left;
        canvas.y += LINE;
        for (line, series) in self.chart.series.iter().enumerate() {
            let key = self.chart.key(line);
            let empty = if self.data.lines[line].points.is_empty() { " (no points)" } else { "" };
            let name = fit(&escape(&series.name), 80) + empty;
            let text = SAMPLE + 6.0 + if key.is_some() { 14.0 } else { 0.0 };
            let width = text + (breadth(&name) as f64) * CHARACTER;
            if x > left && x + width > WIDTH - 16.0 {
                x = left;
                canvas.y += LINE;
            }
            self.sample(line, (x, canvas.y - 8.0), canvas);
            if let Some(key) = key {
                canvas.text("letter", (x + SAMPLE + 10.0, canvas.y - 4.0), &key.to_string());
            }
            canvas.text("name", (x + text, canvas.y - 4.0), &name);
            x += width + 18.0;
        }
        canvas.y += 6.0;
    }

    /// What a series looks like, in a line of text.
    fn sample(&self, line: usize, (x, y): Point, canvas: &mut Canvas) {
        let series = &self.chart.series[line];
        let centre = (x + SAMPLE / 2.0, y);
        if matches!(series.kind, Kind::Band(_)) {
            let class = format!("band {}", self.color("fill", line));
            canvas.path(&class, None, &format!("M{} {}h{SAMPLE}v12h-{SAMPLE}z", short(x), short(y - 6.0)));
        }
        if !matches!(series.kind, Kind::Points { .. }) {
            canvas.body += &format!(
                "<line class=\"sample {}\"{} x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n",
                self.color("line", line),
                self.dash(line),
                short(x),
                short(y),
                short(x + SAMPLE),
                short(y)
            );
        }
        if self.chart.is_front(line) {
            canvas.path(&format!("ring {}", self.color("line", line)), None, &ring(centre));
        } else if self.has_marks(line) {
            canvas.path(&format!("mark {}", self.color("fill", line)), None, &mark(line, centre));
        }
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

fn distance(one: Point, other: Point) -> f64 {
    (one.0 - other.0).hypot(one.1 - other.1)
}
