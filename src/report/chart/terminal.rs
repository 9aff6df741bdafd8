//! A chart in characters: lines of braille, with letters on them; points are letters.

use super::{
    Chart, Point, Range,
    axis::{Axis, Tick},
    cells::{Cell, Cells, Ink},
    data::Data,
    grid::Grid,
    letter,
    text::{BOLD, FAINT, Pen, breadth, fit, wrap},
};
use crate::report::{Look, escape};

/// Fewer columns than these show no line.
const NARROWEST: usize = 10;

/// The colours of Okabe and Ito, as near as 256 colours come on both dark and light screens.
const COLORS: [u8; 8] = [32, 202, 36, 175, 214, 74, 246, 185];

impl Chart {
    /// The chart in `height` lines, and a few more for its title, its axis and what the letters stand for. No line
    /// is wider than the screen.
    #[must_use]
    pub fn terminal(&self, look: Look, height: usize) -> String {
        let pen = Pen { look };
        let data = self.data();
        let mut lines = Vec::new();
        if !self.title.is_empty() {
            lines.push(pen.paint(&fit(&escape(&self.title), look.width), BOLD));
        }
        let mut notes = self.notes(&data);
        match data.ranges {
            None => notes.insert(0, "there are no points to draw".to_owned()),
            Some(ranges) => match self.picture(&data, ranges, pen, height.max(2)) {
                Some((picture, more)) => {
                    lines.extend(picture);
                    notes.extend(more);
                }
                None => notes.insert(0, "the screen is too narrow for a chart".to_owned()),
            },
        }
        lines
            .extend(notes.iter().flat_map(|note| wrap(note, look.width)).map(|line| pen.paint(&line, FAINT)));
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// The drawing, its axes and its legend, if there is room, and what must be said of it.
    fn picture(
        &self,
        data: &Data,
        (x, y): (Range, Range),
        pen: Pen,
        height: usize,
    ) -> Option<(Vec<String>, Vec<String>)> {
        let up = self.up(y, (2 * height / 5).clamp(2, 10));
        let margin = up.ticks.iter().map(|tick| breadth(&tick.label)).max().unwrap_or(0) + 2;
        let columns = pen.look.width.checked_sub(margin).filter(|columns| *columns >= NARROWEST)?;
        let (across, labels) = self.labels(x, margin, columns);
        let place = |(x, y): Point| (across.share(x), up.share(y));
        let drawing = Cells::new(self, data, (columns, height), &place);
        let mut lines = Vec::new();
        if !self.y_label.is_empty() {
            lines.push(fit(&escape(&self.y_label), pen.look.width));
        }
        for (row, cells) in drawing.cells.chunks(columns).enumerate() {
            let is_here = |tick: &&Tick| drawing.grid.cell((0.0, up.share(tick.at))).1 == row;
            let tick = up.ticks.iter().rev().find(is_here).map(|tick| &tick.label);
            let label = tick.map_or("", String::as_str);
            let edge = if tick.is_some() { '┤' } else { '│' };
            let axis = pen.paint(&format!("{label:>width$} {edge}", width = margin - 2), FAINT);
            lines.push(axis + &self.painted(cells, pen));
        }
        let mut edge = vec!['─'; columns];
        for tick in &across.ticks {
            edge[column_of(&across, tick.at, columns)] = '┬';
        }
        let edge: String = edge.into_iter().collect();
        lines.push(pen.paint(&format!("{:margin$}└{edge}", "", margin = margin - 1), FAINT));
        lines.push(pen.paint(&labels, FAINT));
        let label = fit(&escape(&self.x_title()), columns);
        if !label.is_empty() {
            lines.push(format!("{:width$}{label}", "", width = margin + (columns - breadth(&label)) / 2));
        }
        lines.extend(self.legend(data, &drawing.grid, pen));
        Some((lines, drawing.notes))
    }

    /// The axis across with as many ticks as there is room for, and the line of its labels.
    fn labels(&self, range: Range, margin: usize, columns: usize) -> (Axis, String) {
        for most in (2..=(columns / 10).clamp(2, 12)).rev() {
            let axis = self.across(range, most);
            if let Some(labels) = labels(&axis, margin, columns) {
                return (axis, labels);
            }
        }
        let mut axis = self.across(range, 2);
        axis.ticks.truncate(1);
        let labels = labels(&axis, margin, columns).unwrap_or_default();
        (axis, labels)
    }

    /// Which letter and colour each line has, in as few lines as they fit.
    fn legend(&self, data: &Data, grid: &Grid, pen: Pen) -> Vec<String> {
        const GAP: usize = 3;
        let mut lines = vec![String::new()];
        let mut used = 0;
        for (line, series) in self.series.iter().enumerate() {
            let key = self.key(line).map_or(String::new(), |letter| format!("{letter} "));
            let remark = match grid.dots[..line].iter().position(|other| *other == grid.dots[line]) {
                _ if data.lines[line].points.is_empty() => " (no points)".to_owned(),
                _ if self.is_front(line) && !key.is_empty() => " (points in capitals)".to_owned(),
                Some(twin) => letter(twin).map_or(String::new(), |twin| format!(" (drawn as {twin})")),
                None => String::new(),
            };
            let room = pen.look.width.saturating_sub(breadth(&key) + breadth(&remark));
            let name = fit(&escape(&series.name), room) + &remark;
            let width = breadth(&key) + breadth(&name);
            if used > 0 && used + GAP + width > pen.look.width {
                lines.push(String::new());
                used = 0;
            }
            if used > 0 {
                *lines.last_mut().expect("there is one") += &" ".repeat(GAP);
                used += GAP;
            }
            // Without a letter the name itself has the colour.
            let (painted, plain) =
                if key.is_empty() { (name.as_str(), "") } else { (key.as_str(), name.as_str()) };
            *lines.last_mut().expect("there is one") += &(pen.paint(painted, &self.color(line)) + plain);
            used += width;
        }
        lines
    }

    fn color(&self, line: usize) -> String {
        if self.is_front(line) { BOLD.to_owned() } else { format!("38;5;{}", COLORS[line % COLORS.len()]) }
    }

    /// Characters, with one stretch of colour for those that share it.
    fn painted(&self, cells: &[Cell], pen: Pen) -> String {
        let end = cells.iter().rposition(|cell| cell.1 != Ink::Nothing).map_or(0, |last| last + 1);
        let stretches = cells[..end].chunk_by(|left, right| left.1 == right.1);
        let paint = |stretch: &[Cell]| {
            let text: String = stretch.iter().map(|cell| cell.0).collect();
            match stretch[0].1 {
                Ink::Nothing => text,
                Ink::Full(line) => pen.paint(&text, &self.color(line)),
                Ink::Light(line) => pen.paint(&text, &format!("{FAINT};{}", self.color(line))),
            }
        };
        stretches.map(paint).collect()
    }
}

/// Labels centred below their ticks, unless they would touch.
fn labels(axis: &Axis, margin: usize, columns: usize) -> Option<String> {
    let mut line = String::new();
    for tick in &axis.ticks {
        let centre = margin + column_of(axis, tick.at, columns);
        let width = breadth(&tick.label);
        let room = (margin + columns).checked_sub(width)?;
        let start = centre.saturating_sub((width - 1) / 2).min(room);
        let used = breadth(&line);
        let gap = start.checked_sub(used).filter(|gap| *gap >= 2 || used == 0)?;
        line += &" ".repeat(gap);
        line += &tick.label;
    }
    Some(line)
}

fn column_of(axis: &Axis, value: f64, columns: usize) -> usize {
    (axis.share(value) * (2 * columns - 1) as f64).round() as usize / 2
}
