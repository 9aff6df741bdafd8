//! Lines of any number of points → those that can be seen.

use super::Point;

/// What a column of pixels shows of a line.
pub(super) struct Column {
    pub(super) at: i64,
    pub(super) first: Point,
    pub(super) last: Point,
    pub(super) low: Point,
    pub(super) high: Point,
    /// Whether the lowest point comes before the highest.
    falls_last: bool,
}

/// The line by columns so wide, from the left: each column's centre is a whole number of widths.
pub(super) fn columns(points: impl Iterator<Item = Point>, width: f64) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for point in points {
        let at = (point.0 / width).round() as i64;
        match columns.last_mut().filter(|column| column.at == at) {
            Some(column) => {
                column.last = point;
                if point.1 < column.low.1 {
                    (column.low, column.falls_last) = (point, true);
                }
                if point.1 > column.high.1 {
                    (column.high, column.falls_last) = (point, false);
                }
            }
            None => columns.push(Column {
                at,
                first: point,
                last: point,
                low: point,
                high: point,
                falls_last: false,
            }),
        }
    }
    columns
}

/// Of each column the lowest and the highest point, and both ends of the line.
pub(super) fn thinned(points: impl Iterator<Item = Point>, width: f64) -> Vec<Point> {
    let columns = columns(points, width);
    let mut kept: Vec<Point> = columns.first().map(|column| column.first).into_iter().collect();
    for column in &columns {
        let (one, other) =
            if column.falls_last { (column.high, column.low) } else { (column.low, column.high) };
        kept.extend([one, other]);
    }
    kept.extend(columns.last().map(|column| column.last));
    kept.dedup();
    kept
}

/// The line without the points that are at most `tolerance` away from it (Ramer, Douglas and Peucker).
pub(super) fn simplified(points: &[Point], tolerance: f64) -> Vec<Point> {
    let Some(last) = points.len().checked_sub(1) else { return Vec::new() };
    let mut is_kept = vec![false; points.len()];
    (is_kept[0], is_kept[last]) = (true, true);
    let mut stretches = vec![(0, last)];
    while let Some((start, end)) = stretches.pop() {
        let inside =
            (start + 1..end).map(|index| (index, distance(points[index], points[start], points[end])));
        let farthest = inside.max_by(|left, right| left.1.total_cmp(&right.1));
        if let Some((index, _)) = farthest.filter(|(_, distance)| *distance > tolerance) {
            is_kept[index] = true;
            stretches.extend([(start, index), (index, end)]);
        }
    }
    points.iter().zip(is_kept).filter_map(|(point, is_kept)| is_kept.then_some(*point)).collect()
}

/// From a point to a stretch of line.
fn distance(point: Point, start: Point, end: Point) -> f64 {
    let (x, y) = (end.0 - start.0, end.1 - start.1);
    let square = x * x + y * y;
    let along = if square > 0.0 { ((point.0 - start.0) * x + (point.1 - start.1) * y) / square } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (point.0 - start.0 - along * x).hypot(point.1 - start.1 - along * y)
}
