//! A chart in characters: lines of braille, with letters on them.

use super::{Chart, Data, Range, axis::Axis, grid::Grid, letter};
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
            lines.push(pen.paint(&fit(&escape(&self.title), look.width), "1"));
        }
        let mut notes = self.notes(&data);
        match data.ranges {
            None => notes.insert(0, "there are no points to draw".to_owned()),
            Some(ranges) => match self.picture(&data, ranges, pen, height.max(2)) {
                Some(picture) => lines.extend(picture),
                None => notes.insert(0, "the screen is too narrow for a chart".to_owned()),
            },
        }
        lines.extend(notes.iter().flat_map(|note| wrap(note, look.width)).map(|line| pen.paint(&line, "2")));
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// The drawing, its axes and its legend, if there is room.
    fn picture(&self, data: &Data, (x, y): (Range, Range), pen: Pen, height: usize) -> Option<Vec<String>> {
        let up = Axis::up(y, (2 * height / 5).clamp(2, 10));
        let margin = up.ticks.iter().map(|tick| breadth(&tick.label)).max().unwrap_or(0) + 2;
        let columns = pen.look.width.checked_sub(margin).filter(|columns| *columns >= NARROWEST)?;
        let (across, labels) = across(x, margin, columns);
        let mut grid = Grid::new(columns, height);
        for line in &data.lines {
            grid.trace(line.iter().map(|point| (across.share(point.0), up.share(point.1))));
        }
        let mut lines = Vec::new();
        if !self.y_label.is_empty() {
            lines.push(fit(&escape(&self.y_label), pen.look.width));
        }
        let cells = cells(&grid);
        for (row, cells) in cells.chunks(columns).enumerate() {
            let tick = up
                .ticks
                .iter()
                .rev()
                .find(|tick| row_of(&up, tick.at, height) == row)
                .map(|tick| &tick.label);
            let label = tick.map_or("", String::as_str);
            let edge = if tick.is_some() { '┤' } else { '│' };
            let axis = pen.paint(&format!("{label:>width$} {edge}", width = margin - 2), "2");
            lines.push(axis + &pen.cells(cells));
        }
        let mut edge = vec!['─'; columns];
        for tick in &across.ticks {
            edge[column_of(&across, tick.at, columns)] = '┬';
        }
        let edge: String = edge.into_iter().collect();
        lines.push(pen.paint(&format!("{:margin$}└{edge}", "", margin = margin - 1), "2"));
        lines.push(pen.paint(&labels, "2"));
        let label = fit(&escape(&self.x_label), columns);
        if !label.is_empty() {
            lines.push(format!("{:width$}{label}", "", width = margin + (columns - breadth(&label)) / 2));
        }
        lines.extend(self.legend(data, &grid, pen));
        Some(lines)
    }

    /// Which letter and colour each line has, in as few lines as they fit.
    fn legend(&self, data: &Data, grid: &Grid, pen: Pen) -> Vec<String> {
        const GAP: usize = 3;
        let mut lines = vec![String::new()];
        let mut used = 0;
        for (line, series) in self.series.iter().enumerate() {
            let alone = self.series.len() == 1;
            let key = letter(line).filter(|_| !alone).map_or(String::new(), |letter| format!("{letter} "));
            let remark = match grid.dots[..line].iter().position(|other| *other == grid.dots[line]) {
                _ if data.lines[line].is_empty() => " (no points)".to_owned(),
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
            *lines.last_mut().expect("there is one") += &(pen.paint(painted, &color(line)) + plain);
            used += width;
        }
        lines
    }
}

/// The axis across with as many ticks as there is room for, and the line of its labels.
fn across(range: Range, margin: usize, columns: usize) -> (Axis, String) {
    for most in (2..=(columns / 10).clamp(2, 12)).rev() {
        let axis = Axis::across(range, most);
        if let Some(labels) = labels(&axis, margin, columns) {
            return (axis, labels);
        }
    }
    let mut axis = Axis::across(range, 2);
    axis.ticks.truncate(1);
    let labels = labels(&axis, margin, columns).unwrap_or_default();
    (axis, labels)
}

/// Labels centred below their ticks, unless they would touch.
fn labels(axis: &Axis, margin: usize, columns: usize) -> Option<String> {
    let mut line = String::new();
    for tick in &axis.ticks {
        let centre = margin + column_of(axis, tick.at, columns);
        let room = (margin + columns).checked_sub(tick.label.len())?;
        let start = centre.saturating_sub((tick.label.len() - 1) / 2).min(room);
        let gap = start.checked_sub(line.len()).filter(|gap| *gap >= 2 || line.is_empty())?;
        line += &" ".repeat(gap);
        line += &tick.label;
    }
    Some(line)
}

/// A character and the line whose colour it has.
type Cell = (char, Option<usize>);

fn cells(grid: &Grid) -> Vec<Cell> {
    let mut cells: Vec<Cell> = (0..grid.columns * grid.rows)
        .map(|cell| {
            let dots = grid.dots.iter().fold(0, |all, line| all | line[cell]);
            if dots == 0 {
                return (' ', None);
            }
            // Lines that share cells take turns, in stretches of two columns.
            let count = |line: &usize| grid.dots[*line][cell].count_ones();
            let most = (0..grid.dots.len()).map(|line| count(&line)).max().unwrap_or(0);
            let lines: Vec<usize> = (0..grid.dots.len()).filter(|line| 2 * count(line) > most).collect();
            let turn = cell % grid.columns / 2 % lines.len();
            (char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '), Some(lines[turn]))
        })
        .collect();
    for mark in grid.marks() {
        let letter = letter(mark.line).unwrap_or(' ');
        cells[mark.row * grid.columns + mark.column] = (letter, Some(mark.line));
    }
    cells
}

fn column_of(axis: &Axis, value: f64, columns: usize) -> usize {
    (axis.share(value) * (2 * columns - 1) as f64).round() as usize / 2
}

fn row_of(axis: &Axis, value: f64, rows: usize) -> usize {
    ((1.0 - axis.share(value)) * (4 * rows - 1) as f64).round() as usize / 4
}

fn color(line: usize) -> String {
    format!("38;5;{}", COLORS[line % COLORS.len()])
}

/// Puts colour on text, if the screen is for it.
#[derive(Clone, Copy)]
struct Pen {
    look: Look,
}

impl Pen {
    fn paint(self, text: &str, code: &str) -> String {
        let text = if self.look.color { text } else { return text.to_owned() };
        if text.trim().is_empty() { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
    }

    /// Characters, with one stretch of colour for those that share it.
    fn cells(self, cells: &[Cell]) -> String {
        let end = cells.iter().rposition(|cell| cell.1.is_some()).map_or(0, |last| last + 1);
        let stretches = cells[..end].chunk_by(|left, right| left.1 == right.1);
        let paint = |stretch: &[Cell]| {
            let text: String = stretch.iter().map(|cell| cell.0).collect();
            stretch[0].1.map_or(text.clone(), |line| self.paint(&text, &color(line)))
        };
        stretches.map(paint).collect()
    }
}

/// How many columns a text takes, at most: some scripts take two for each character.
pub(super) fn breadth(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(character: char) -> usize {
    match character {
        '\u{1100}'..='\u{115f}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' => 2,
        '\u{2e80}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' => 2,
        '\u{f900}'..='\u{faff}' | '\u{fe10}'..='\u{fe6f}' | '\u{ff00}'..='\u{ffe6}' => 2,
        '\u{231a}'..='\u{23ff}' | '\u{16fe0}'..='\u{1b2ff}' | '\u{1f000}'.. => 2,
        _ => 1,
    }
}

/// The text, or its beginning and an ellipsis.
pub(super) fn fit(text: &str, room: usize) -> String {
    if breadth(text) <= room {
        return text.to_owned();
    }
    let mut used = 0;
    let kept = text.chars().take_while(|character| {
        used += width(*character);
        used < room
    });
    kept.collect::<String>() + if room > 0 { "…" } else { "" }
}

/// The text in lines, broken between words; a word wider than a line is cut.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').map(|word| fit(word, room)) {
        match lines.last_mut().filter(|line| breadth(line) + 1 + breadth(&word) <= room) {
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word),
        }
    }
    lines
}
