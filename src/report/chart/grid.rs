//! Lines on a grid of character cells of 2 × 4 dots, and the places where a letter tells which line it is.

use super::{LETTERS, Point, thin::columns};

/// How far from a cell other lines are looked for, in columns; a row counts as two columns.
const SIGHT: i64 = 10;

/// Which dots of which cells each line goes through, as bits of Unicode braille.
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// By line, then by cell, row by row from the top.
    pub(super) dots: Vec<Vec<u8>>,
}

/// Every how many dots one is set where a range is drawn lightly.
const LIGHT: usize = 3;

/// A letter on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) row: usize,
}

impl Grid {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, dots: Vec::new() }
    }

    /// The next line, its points as shares of the width and, from the bottom, of the height.
    pub(super) fn trace(&mut self, points: impl Iterator<Item = Point>) {
        let (right, bottom) = ((2 * self.columns - 1) as f64, (4 * self.rows - 1) as f64);
        let mut cells = vec![0; self.columns * self.rows];
        // Down a column of dots, both ends included.
        let mut fill = |x: i64, from: f64, to: f64| {
            let (top, low) = (from.min(to).round() as usize, from.max(to).round() as usize);
            for y in top..=low {
                cells[y / 4 * self.columns + x as usize / 2] |= bit(x as usize % 2, y % 4);
            }
        };
        let mut before: Option<(i64, f64)> = None;
        for column in columns(points.map(|(x, y)| (x * right, (1.0 - y) * bottom)), 1.0) {
            if let Some((from, start)) = before {
                let gap = (column.at - from) as f64;
                let height = |x: i64| start + (column.first.1 - start) * (x - from) as f64 / gap;
                for x in from + 1..=column.at {
                    // A dot below or above the one before: two side by side would thicken the line.
                    let (last, next) = (height(x - 1).round(), height(x).round());
                    fill(x, last + (next - last).clamp(-1.0, 1.0), next);
                }
            }
            fill(column.at, column.low.1, column.high.1);
            before = Some((column.at, column.last.1));
        }
        self.dots.push(cells);
    }

    /// The next line, which is nothing but points.
    pub(super) fn scatter(&mut self, points: impl Iterator<Item = Point>) {
        let mut cells = vec![0; self.columns * self.rows];
        for point in points {
            let (column, row) = self.cell(point);
            cells[row * self.columns + column] |= 0xff;
        }
        self.dots.push(cells);
    }

    /// The cell of a point, by column and row.
    pub(super) fn cell(&self, (x, y): Point) -> (usize, usize) {
        let place = |share: f64, last: usize| (share * last as f64).round() as usize;
        (place(x, 2 * self.columns - 1) / 2, place(1.0 - y, 4 * self.rows - 1) / 4)
    }

    /// Every third dot of a straight stretch, in cells of their own.
    pub(super) fn dotted(&self, cells: &mut [u8], from: Point, to: Point) {
        let place =
            |(x, y): Point| (x * (2 * self.columns - 1) as f64, (1.0 - y) * (4 * self.rows - 1) as f64);
        let (from, to) = (place(from), place(to));
        let length = (to.0 - from.0).abs().max((to.1 - from.1).abs());
        for dot in 0..=length as usize {
            let share = if length > 0.0 { dot as f64 / length } else { 0.0 };
            let x = (from.0 + share * (to.0 - from.0)).round() as usize;
            let y = (from.1 + share * (to.1 - from.1)).round() as usize;
            let along = if (to.0 - from.0).abs() >= (to.1 - from.1).abs() { x } else { y };
            if along.is_multiple_of(LIGHT) {
                cells[y / 4 * self.columns + x / 2] |= bit(x % 2, y % 4);
            }
        }
    }

    /// These letters, and a few for each other of the first lines, where it is far from the others if it is so
    /// anywhere.
    pub(super) fn marks(&self, taken: Vec<Mark>) -> Vec<Mark> {
        let lines = self.dots.len().min(LETTERS);
        if self.dots.len() < 2 {
            return taken;
        }
        let crowd = self.crowd();
        let is_marked = |line: usize| taken.iter().any(|mark| mark.line == line);
        let clearances: Vec<Vec<_>> = (0..lines)
            .map(|line| if is_marked(line) { Vec::new() } else { self.clearances(line, &crowd) })
            .collect();
        let most = if self.columns < 48 { 2 } else { 3 };
        let wanted = (24 / lines).clamp(1, most);
        let mut marks = taken;
        for turn in 0..wanted {
            for (line, cells) in clearances.iter().enumerate() {
                let share = (turn as f64 + (line as f64 + 0.5) / lines as f64) / wanted as f64;
                let target = share * self.columns as f64;
                let score = |cell: usize, clearance: i64| {
                    clearance as f64
                        - 1.5 * SIGHT as f64 * (column(self, cell) - target).abs() / self.columns as f64
                };
                let free = |cell: usize, gap: i64| self.is_free(line, cell, gap, &marks);
                let best = |gap: i64, least: i64| {
                    let open = cells.iter().filter(|(cell, clear)| *clear >= least && free(*cell, gap));
                    open.max_by(|left, right| score(left.0, left.1).total_cmp(&score(right.0, right.1)))
                };
                // Only a line without any letter takes a place that it shares or that is beside a letter.
                let found = match turn {
                    0 => best(2, 2).or_else(|| best(1, 1)).or_else(|| best(1, 0)).or_else(|| best(0, 0)),
                    _ => best(3, 2),
                };
                marks.extend(found.map(|(cell, _)| Mark {
                    line,
                    column: cell % self.columns,
                    row: cell / self.columns,
                }));
            }
        }
        marks
    }

    /// How many lines go through each cell.
    fn crowd(&self) -> Vec<u32> {
        let mut crowd = vec![0; self.columns * self.rows];
        for cells in &self.dots {
            for (count, dots) in crowd.iter_mut().zip(cells) {
                *count += u32::from(*dots != 0);
            }
        }
        crowd
    }

    /// The cells of a line and how far each is from the other lines.
    fn clearances(&self, line: usize, crowd: &[u32]) -> Vec<(usize, i64)> {
        let own = &self.dots[line];
        let clearance = |cell: usize| {
            let (column, row) = ((cell % self.columns) as i64, (cell / self.columns) as i64);
            let mut least = SIGHT;
            for y in (row - SIGHT / 2).max(0)..=(row + SIGHT / 2).min(self.rows as i64 - 1) {
                for x in (column - SIGHT).max(0)..=(column + SIGHT).min(self.columns as i64 - 1) {
                    let other = y as usize * self.columns + x as usize;
                    if crowd[other] > u32::from(own[other] != 0) {
                        least = least.min((x - column).abs().max(2 * (y - row).abs()));
                    }
                }
            }
            least
        };
        (0..own.len()).filter(|cell| own[*cell] != 0).map(|cell| (cell, clearance(cell))).collect()
    }

    /// Whether no letter is there or beside it, and none of the same line near.
    fn is_free(&self, line: usize, cell: usize, gap: i64, marks: &[Mark]) -> bool {
        let (column, row) = ((cell % self.columns) as i64, (cell / self.columns) as i64);
        marks.iter().all(|mark| {
            let (x, y) = ((mark.column as i64 - column).abs(), (mark.row as i64 - row).abs());
            let is_far = mark.line != line || x > self.columns as i64 / 6 || y > self.rows as i64 / 3;
            is_far && (x > gap || 2 * y > gap)
        })
    }
}

fn column(grid: &Grid, cell: usize) -> f64 {
    (cell % grid.columns) as f64
}

/// The bit of a dot in a character of braille.
fn bit(x: usize, y: usize) -> u8 {
    [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]][x][y]
}
