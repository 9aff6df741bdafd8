//! Areas, points with bars and fronts.

use std::collections::HashSet;

use super::*;

fn with(name: &str, points: &[Point], kind: Kind) -> Series {
    Series { name: name.to_owned(), points: points.to_vec(), kind }
}

fn dots(name: &str, points: &[Point]) -> Series {
    with(name, points, Kind::Points { y: Vec::new(), x: Vec::new() })
}

/// The values of an attribute of those elements that have the class.
fn all<'a>(document: &'a Document<'_>, class: &str, attribute: &str) -> Vec<&'a str> {
    let has_class = |names: &str| names.split(' ').any(|name| name == class);
    let nodes = document.descendants().filter(|node| node.attribute("class").is_some_and(has_class));
    nodes.filter_map(|node| node.attribute(attribute)).collect()
}

/// The numbers of a path or a list of points.
fn numbers(text: &str) -> Vec<f64> {
    let text = text.replace('-', " -");
    let parts = text.split(|it: char| it.is_ascii_alphabetic() || it == ' ' || it == ',');
    parts.filter(|part| !part.is_empty()).map(|part| part.parse().expect("a number")).collect()
}

#[test]
fn no_kind_of_series_breaks_a_renderer() {
    let ends = [0.0, -1.0, 2.0, 1e300, f64::MIN, f64::NAN, f64::INFINITY];
    let ranges: Vec<Point> = ends.iter().flat_map(|low| ends.iter().map(move |high| (*low, *high))).collect();
    let kinds = [
        Kind::Band(ranges.clone()),
        Kind::Points { y: ranges.clone(), x: ranges[20..].to_vec() },
        Kind::Points { y: Vec::new(), x: Vec::new() },
        Kind::Front,
    ];
    for chart in nasty() {
        for (kind, log_x) in kinds.iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            let few = |series: &Series| Series {
                points: series.points.iter().step_by(40).copied().collect(),
                kind: kind.clone(),
                ..series.clone()
            };
            let series = chart.series.iter().map(few).collect();
            let chart =
                Chart { series, log_x, y_unit: Unit::Percent, x_unit: Unit::Before("$"), ..chart.clone() };
            check_drawings(&chart, &[0, 12, 80], &[2, 12]);
        }
    }
}

#[test]
fn an_area_lies_between_its_ranges() {
    let points: Vec<Point> = (0..=10).map(|x| (f64::from(x), 0.5)).collect();
    let ranges: Vec<Point> = (0..=10).map(|x| (0.0, f64::from(x) / 10.0)).collect();
    let svg = chart(vec![with("one", &points, Kind::Band(ranges))]).svg();
    let document = Document::parse(&svg).expect("XML");
    let areas = all(&document, "band", "d");
    let corners = numbers(areas[0]);
    // The axis goes from 0 to 1 over 300 pixels: a triangle that rises to the right, given from its upper edge.
    let bottom = corners[1];
    assert_eq!(corners.len(), 8, "straight edges need no more corners: {corners:?}");
    assert_eq!((corners[3], corners[5], corners[7]), (bottom - 300.0, bottom, bottom), "{corners:?}");
    let line = numbers(all(&document, "line0", "points")[0]);
    assert_eq!((line[1], line[0], line[2]), (bottom - 150.0, corners[0], corners[2]));
}

#[test]
fn ranges_stay_with_their_points_and_the_rest_have_none() {
    // Out of order, one not finite, and one too few.
    let points = [(3.0, 3.0), (1.0, 1.0), (2.0, 2.0), (f64::NAN, 0.0), (4.0, 4.0)];
    let ranges = vec![(2.5, 3.5), (1.5, 0.5), (f64::NAN, 9.0), (-50.0, 50.0)];
    let chart = chart(vec![with("one", &points, Kind::Band(ranges))]);
    let data = chart.data();
    assert_eq!(data.lines[0].bands(), [vec![(1.0, (0.5, 1.5))], vec![(3.0, (2.5, 3.5))]]);
    assert_eq!(data.ranges, Some(((1.0, 4.0), (0.5, 4.0))));
    // An area of a single point has no width: a bar shows it.
    let svg = chart.svg();
    let document = Document::parse(&svg).expect("XML");
    assert_eq!(all(&document, "bars", "d")[0].matches('V').count(), 2, "{svg}");
}

#[test]
fn bars_reach_from_lowest_to_highest() {
    let kind = Kind::Points { y: vec![(0.0, 1.0)], x: vec![(1.0, 9.0)] };
    let scattered = chart(vec![with("one", &[(5.0, 0.5)], kind)]);
    let svg = scattered.svg();
    let document = Document::parse(&svg).expect("XML");
    let bars = all(&document, "bars", "d");
    let [up, across] = bars[0].split('M').skip(1).collect::<Vec<_>>()[..] else { panic!("{bars:?}") };
    let (low, high) = (numbers(up)[1], numbers(up.split('V').nth(1).expect("up"))[0]);
    assert_eq!(low - high, 300.0, "{up}");
    let grid = all(&document, "grid", "x2");
    let right: f64 = grid[0].parse().expect("a number");
    let (from, to) = (numbers(across)[0], numbers(across.split('H').nth(1).expect("across"))[0]);
    assert!(from < to && to <= right, "{across}");
    // On a log scale a bar that begins at 0 begins where the axis does.
    let kind = Kind::Points { y: Vec::new(), x: vec![(0.0, 100.0)] };
    let logarithmic = Chart { log_x: true, ..chart(vec![with("one", &[(10.0, 0.5)], kind)]) };
    let svg = logarithmic.svg();
    let document = Document::parse(&svg).expect("XML");
    let from = numbers(all(&document, "bars", "d")[0])[0];
    assert_eq!(from, all(&document, "grid", "x1")[0].parse::<f64>().expect("a number"));
}

#[test]
fn a_front_is_made_of_steps_and_rings() {
    let front = [(1.0, 0.5), (2.0, 0.7), (8.0, 0.9)];
    let chart = chart(vec![with("front", &front, Kind::Front)]);
    let steps = [(1.0, 0.5), (2.0, 0.5), (2.0, 0.7), (8.0, 0.7), (8.0, 0.9)];
    assert_eq!(chart.data().lines[0].steps(), steps);
    let svg = chart.svg();
    let document = Document::parse(&svg).expect("XML");
    let line = numbers(all(&document, "line-front", "points")[0]);
    let corners: Vec<_> = line.chunks(2).collect();
    assert_eq!(corners.len(), 5);
    for pair in corners.windows(2) {
        assert!(pair[0][0] == pair[1][0] || pair[0][1] == pair[1][1], "{corners:?}");
    }
    let rings: usize = all(&document, "ring", "d").iter().map(|d| d.matches('z').count()).sum();
    assert_eq!(rings, 3 + 1, "one for each point and one in the legend");
}

#[test]
fn marks_differ_in_shape_and_those_of_a_color_in_it_too() {
    let shape = |line: usize| marks::mark(line, (100.0, 100.0));
    let shapes: HashSet<String> = (0..8).map(shape).collect();
    assert_eq!(shapes.len(), 8);
    let pairs: HashSet<(usize, String)> = (0..64).map(|line| (line % 8, shape(line))).collect();
    assert_eq!(pairs.len(), 64);
    let chart = chart((0..8).map(|index| dots("x", &[(1.0, f64::from(index)), (2.0, 0.0)])).collect());
    let svg = chart.svg();
    let document = Document::parse(&svg).expect("XML");
    assert_eq!(all(&document, "mark", "d").len(), 2 * 8, "in the drawing and in the legend");
}

#[test]
fn points_are_letters_on_a_screen_and_capitals_on_a_front() {
    let (one, two) = ([(1.0, 1.0), (5.0, 5.0), (9.0, 9.0)], [(2.0, 0.0), (9.0, 4.0)]);
    let front = [(1.0, 1.0), (7.0, 8.0)];
    let chart = chart(vec![dots("one", &one), dots("two", &two), with("best", &front, Kind::Front)]);
    let text = plain(&chart, 80, 20);
    let cells = drawing(&text).concat();
    let count = |letter: char| cells.iter().filter(|cell| **cell == letter).count();
    assert_eq!((count('a'), count('A'), count('b'), count('B'), count('C')), (2, 1, 2, 0, 1), "{text}");
    assert!(text.contains("c best (points in capitals)") && !text.contains("several points"), "{text}");
    // A single series needs no letters.
    let alone = plain(&self::chart(vec![dots("one", &one)]), 80, 20);
    assert_eq!(drawing(&alone).concat().iter().filter(|cell| **cell == '•').count(), 3, "{alone}");
}

#[test]
fn points_that_share_a_place_say_so() {
    let text =
        plain(&chart(vec![dots("one", &[(1.0, 1.0), (2.0, 2.0)]), dots("two", &[(1.0, 1.0)])]), 80, 12);
    assert_eq!(drawing(&text).concat().iter().filter(|cell| **cell == '*').count(), 1, "{text}");
    assert!(text.contains("* several points in one place"), "{text}");
}

#[test]
fn ranges_are_dotted_on_a_screen_unless_they_hide_each_other() {
    let points: Vec<Point> = (0..=20).map(|x| (f64::from(x), 5.0)).collect();
    let band = |low: f64, high: f64| Kind::Band(vec![(low, high); 21]);
    let text = plain(&chart(vec![with("one", &points, band(2.0, 8.0))]), 80, 20);
    let rows = drawing(&text);
    let used: Vec<usize> = (0..20).filter(|row| rows[*row].iter().any(|cell| *cell != ' ')).collect();
    assert_eq!(used.len(), 3, "two edges and the line:\n{text}");
    assert!(used[2] - used[1] > 4 && used[1] - used[0] > 4, "{text}");
    let crowd = (0..6).map(|_| with("same", &points, band(2.0, 8.0))).collect();
    let text = plain(&chart(crowd), 80, 20);
    let rows = drawing(&text);
    assert_eq!(rows.iter().filter(|row| row.iter().any(|cell| *cell != ' ')).count(), 1, "{text}");
    // Half of the dotted places may be shared, but no more.
    let at =
        |y: f64| with("x", &(0..=20).map(|x| (f64::from(x), y)).collect::<Vec<_>>(), band(y - 1.0, y + 1.0));
    for (heights, is_crowded) in [(vec![2.0, 9.0, 9.0], false), (vec![2.0, 9.0, 9.0, 16.0, 16.0], true)] {
        let text = plain(&chart(heights.into_iter().map(at).collect()), 80, 60);
        assert_eq!(text.contains("the ranges around points are left out"), is_crowded, "{text}");
    }
}

#[test]
fn letters_stand_beside_points_and_on_no_other_mark() {
    let names = ["one", "two", "three", "four"];
    let near = |index: usize| -> Vec<Point> {
        (0..4).map(|x| (f64::from(x) + 0.06 * index as f64, f64::from(x) - 0.1 * index as f64)).collect()
    };
    let chart = chart(names.iter().enumerate().map(|(index, name)| dots(name, &near(index))).collect());
    let svg = chart.svg();
    let document = Document::parse(&svg).expect("XML");
    let place = |name: &str| -> Vec<f64> {
        all(&document, "letter", name).iter().map(|text| text.parse().expect("a number")).collect()
    };
    let letters: Vec<Point> = place("x").into_iter().zip(place("y")).collect();
    assert!(letters.len() > 2 * names.len(), "more than those of the legend");
    let data = chart.data();
    let plot = plot::Plot::new(&chart, &data, data.ranges.expect("there are points"));
    let top = all(&document, "grid", "y1").iter().map(|y| numbers(y)[0]).fold(f64::MAX, f64::min);
    for (x, y) in &letters[names.len()..] {
        let away = plot.paths.iter().flatten().map(|point| (point.0 - x).hypot(point.1 + top - (y - 4.0)));
        assert!(away.fold(f64::MAX, f64::min) > 8.0, "{x} {y}");
    }
}
