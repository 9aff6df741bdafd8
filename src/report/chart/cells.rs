//! The characters of a chart's drawing: lines as braille, points as letters, ranges lightly dotted.

use super::{
    Chart, Kind, Point, Series,
    data::{Data, Line},
    grid::{Grid, Mark},
};

/// Stands where several series have a point.
const SEVERAL: char = '*';
/// Stands where a series without a letter has a point.
const POINT: char = '•';

/// Which series a character belongs to, and whether it is one of its ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Nothing,
    Full(usize),
    Light(usize),
}

pub(super) type Cell = (char, Ink);

/// The characters of the drawing.
pub(super) struct Cells {
    pub(super) grid: Grid,
    /// Row by row from the top.
    pub(super) cells: Vec<Cell>,
    /// What must be said of the drawing.
    pub(super) notes: Vec<String>,
}

impl Cells {
    pub(super) fn new(
        chart: &Chart,
        data: &Data,
        (columns, rows): (usize, usize),
        place: &impl Fn(Point) -> Point,
    ) -> Self {
        let mut grid = Grid::new(columns, rows);
        for (series, line) in chart.series.iter().zip(&data.lines) {
            let points = line.points.iter().copied();
            match series.kind {
                Kind::Line | Kind::Band(_) => grid.trace(points.map(place)),
                Kind::Points { .. } => grid.scatter(points.map(place)),
                Kind::Front => grid.trace(line.steps().into_iter().map(place)),
            }
        }
        let mut drawing = Self { cells: lines(chart, &grid), grid, notes: Vec::new() };
        drawing.ranges(chart, data, place);
        drawing.letters(chart, data, place);
        drawing
    }

    /// The ranges around points, dotted beside the lines, unless they hide each other.
    fn ranges(&mut self, chart: &Chart, data: &Data, place: &impl Fn(Point) -> Point) {
        let layer = |(series, line): (&Series, &Line)| ranges(&series.kind, line, &self.grid, place);
        let layers: Vec<Vec<u8>> = chart.series.iter().zip(&data.lines).map(layer).collect();
        let here = |cell: usize| layers.iter().filter(|layer| layer[cell] != 0).count();
        let all = (0..self.cells.len()).filter(|cell| here(*cell) > 0).count();
        let is_alone = |cell: &usize| here(*cell) == 1 && self.cells[*cell].1 == Ink::Nothing;
        let alone = (0..self.cells.len()).filter(is_alone).count();
        if 2 * alone < all {
            self.notes
                .push("the ranges around points are left out: the screen has no room for them".to_owned());
            return;
        }
        for (line, layer) in layers.iter().enumerate() {
            for (cell, dots) in self.cells.iter_mut().zip(layer) {
                if *dots != 0 && cell.1 == Ink::Nothing {
                    *cell = (braille(*dots), Ink::Light(line));
                }
            }
        }
    }

    /// Points, and the letters of lines.
    fn letters(&mut self, chart: &Chart, data: &Data, place: &impl Fn(Point) -> Point) {
        let mut taken: Vec<Mark> = Vec::new();
        let mut fronts = Vec::new();
        for (line, series) in chart.series.iter().enumerate() {
            let cells = data.lines[line].points.iter().map(|point| self.grid.cell(place(*point)));
            match series.kind {
                Kind::Points { .. } => taken.extend(cells.map(|(column, row)| Mark { line, column, row })),
                Kind::Front => fronts.extend(cells.map(|(column, row)| Mark { line, column, row })),
                Kind::Line | Kind::Band(_) => {}
            }
        }
        let is_at = |mark: &Mark, other: &Mark| (mark.column, mark.row) == (other.column, other.row);
        let bare = fronts.iter().filter(|front| !taken.iter().any(|mark| is_at(mark, front)));
        let bare: Vec<Mark> = bare.copied().collect();
        taken.extend(bare);
        let is_shared = |mark: &Mark| taken.iter().any(|other| is_at(mark, other) && other.line != mark.line);
        let shared: Vec<Mark> = taken.iter().filter(|mark| is_shared(mark)).copied().collect();
        for mark in self.grid.marks(taken) {
            let is_on_front = fronts.iter().any(|front| is_at(&mark, front));
            let key = chart.key(mark.line).unwrap_or(POINT);
            let character = match shared.iter().any(|other| is_at(&mark, other)) {
                true => SEVERAL,
                false if is_on_front => key.to_ascii_uppercase(),
                false => key,
            };
            self.cells[mark.row * self.grid.columns + mark.column] = (character, Ink::Full(mark.line));
        }
        if !shared.is_empty() {
            self.notes.push(format!("{SEVERAL} several points in one place"));
        }
    }
}

/// The lines alone.
fn lines(chart: &Chart, grid: &Grid) -> Vec<Cell> {
    let is_line = |line: &usize| !matches!(chart.series[*line].kind, Kind::Points { .. });
    let drawn: Vec<usize> = (0..grid.dots.len()).filter(is_line).collect();
    let cell = |cell: usize| {
        let dots = drawn.iter().fold(0, |all, line| all | grid.dots[*line][cell]);
        if dots == 0 {
            return (' ', Ink::Nothing);
        }
        // Lines that share cells take turns, in stretches of two columns.
        let count = |line: &usize| grid.dots[*line][cell].count_ones();
        let most = drawn.iter().map(count).max().unwrap_or(0);
        let lines: Vec<usize> = drawn.iter().copied().filter(|line| 2 * count(line) > most).collect();
        let turn = cell % grid.columns / 2 % lines.len();
        (braille(dots), Ink::Full(lines[turn]))
    };
    (0..grid.columns * grid.rows).map(cell).collect()
}

/// The dots of a series' ranges: the edges of an area, or bars.
fn ranges(kind: &Kind, line: &Line, grid: &Grid, place: &impl Fn(Point) -> Point) -> Vec<u8> {
    let mut cells = vec![0; grid.columns * grid.rows];
    let mut dotted = |from: Point, to: Point| grid.dotted(&mut cells, place(from), place(to));
    if matches!(kind, Kind::Band(_)) {
        for stretch in line.bands() {
            for pair in stretch.windows(2) {
                let ((from, (low, high)), (to, (next_low, next_high))) = (pair[0], pair[1]);
                dotted((from, low), (to, next_low));
                dotted((from, high), (to, next_high));
            }
        }
        return cells;
    }
    for ((x, y), spread) in line.points.iter().zip(&line.spreads) {
        if let Some((low, high)) = spread.y {
            dotted((*x, low), (*x, high));
        }
        if let Some((low, high)) = spread.x {
            dotted((low, *y), (high, *y));
        }
    }
    cells
}

fn braille(dots: u8) -> char {
    char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ')
}
