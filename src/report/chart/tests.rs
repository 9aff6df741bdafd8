mod kinds;
mod parts;
mod scales;

use std::f64::consts::PI;

use roxmltree::Document;

use super::{axis::Axis, *};
use crate::report::Look;

const HOSTILE: &str = "</svg><script>alert(1)</script> & \"quoted\" 'x' \u{1b}[31m \u{202e}\u{ffff}\0\n";

fn series(name: &str, points: impl IntoIterator<Item = Point>) -> Series {
    Series { name: name.to_owned(), points: points.into_iter().collect(), ..Series::default() }
}

fn chart(series: Vec<Series>) -> Chart {
    Chart {
        title: "Learning rate".to_owned(),
        x_label: "step".to_owned(),
        y_label: "learning rate".to_owned(),
        series,
        ..Chart::default()
    }
}

fn line(name: &str, rate: impl Fn(f64) -> f64) -> Series {
    series(name, (0..1000).map(|step| (f64::from(step), 0.1 * rate(f64::from(step) / 1000.0))))
}

fn schedules() -> Chart {
    chart(vec![
        line("cosine", |z| 0.5 + 0.5 * (PI * z).cos()),
        line("linear", |z| 1.0 - z),
        line("step", |z| if z < 0.5 { 1.0 } else { 0.1 }),
        line("wsd", |z| ((1.0 - z) / 0.2).min(0.9)),
    ])
}

/// What may come: each of these must be drawn somehow.
fn nasty() -> Vec<Chart> {
    let points: [&[Point]; 17] = [
        &[],
        &[(0.0, 0.0)],
        &[(5.0, 0.1)],
        &[(0.0, 0.0), (1.0, 0.0)],
        &[(3.0, 2.0), (3.0, 2.0), (3.0, 2.0)],
        &[(3.0, 2.0), (3.0, -2.0)],
        &[(f64::NAN, 1.0), (1.0, f64::NAN)],
        &[(0.0, 1.0), (1.0, f64::INFINITY), (f64::NEG_INFINITY, 0.0), (2.0, 3.0)],
        &[(-1.0, -5.0), (0.0, -7.0)],
        &[(-2.0, -0.1), (2.0, 0.3)],
        &[(0.0, f64::MIN), (1.0, f64::MAX)],
        &[(f64::MIN, 0.0), (f64::MAX, 1.0)],
        &[(f64::MAX, f64::MAX), (f64::MAX, f64::MAX)],
        &[(0.0, 5e-324), (5e-324, 0.0)],
        &[(0.0, 1e-320), (1.0, 1e300)],
        &[(1e15, 1.0), (1e15 + 1.0, 1.0 + 1e-15)],
        &[(3.0, 1.0), (1.0, 2.0), (2.0, 0.5)],
    ];
    let mut charts: Vec<_> = points.iter().map(|line| chart(vec![series("one", line.to_vec())])).collect();
    charts.push(chart(points.iter().map(|line| series("", line.to_vec())).collect()));
    charts.push(chart((0..40).map(|index| line(HOSTILE, move |z| z * f64::from(index))).collect()));
    charts.push(chart(vec![series("語".repeat(90).as_str(), [(0.0, 1.0), (1.0, 0.0)]), line("b", |_| 0.1)]));
    charts.push(Chart { series: vec![series("x", [(0.0, 1.0)])], ..Chart::default() });
    charts.push(Chart {
        title: HOSTILE.repeat(20),
        x_label: HOSTILE.repeat(20),
        y_label: HOSTILE.repeat(20),
        note: Some(HOSTILE.repeat(20)),
        ..schedules()
    });
    charts.push(Chart::default());
    charts
}

fn plain(chart: &Chart, width: usize, height: usize) -> String {
    chart.terminal(Look { color: false, width, folds: false }, height)
}

/// The text without the codes of colours.
fn bare(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('m').expect("a code of colour").1)
}

/// The cells of the drawing, row by row.
fn drawing(text: &str) -> Vec<Vec<char>> {
    text.lines().filter_map(|line| line.split_once(['┤', '│'])).map(|row| row.1.chars().collect()).collect()
}

fn parsed(label: &str) -> f64 {
    let number = label.replace('k', "e3").replace('M', "e6");
    number.parse().unwrap_or_else(|error| panic!("{label}: {error}"))
}

#[test]
fn ticks_are_round_and_their_labels_are_exact() {
    let sizes =
        [1e-300, 3.3e-9, 1e-4, 0.013, 0.1, 0.37, 1.0, 7.0, 64.0, 999.0, 12_345.0, 1e6, 7.7e8, 2e12, 1e300];
    for (low, most) in [-1.0, -0.3, 0.0, 0.1, 0.93].into_iter().flat_map(|low| [(low, 3), (low, 5), (low, 9)])
    {
        for size in sizes {
            let range = (low * size, size);
            for axis in [Axis::across(range, most), Axis::up(range, most)] {
                assert!((2..=most + 3).contains(&axis.ticks.len()), "{range:?} {most} {axis:?}");
                for pair in axis.ticks.windows(2) {
                    let step = pair[1].at - pair[0].at;
                    let mantissa = step / 10_f64.powf(step.log10().floor());
                    let is_round = [1.0, 2.0, 2.5, 5.0, 10.0].iter().any(|it| (it - mantissa).abs() < 1e-3);
                    assert!(is_round, "{range:?} {step}");
                    assert_ne!(pair[0].label, pair[1].label);
                }
                for tick in &axis.ticks {
                    assert_eq!(parsed(&tick.label), tick.at, "{range:?} {tick:?}");
                    assert!((axis.low..=axis.high).contains(&tick.at), "{axis:?}");
                    assert!(tick.label.len() < 9, "{tick:?}");
                }
                assert_eq!((axis.share(axis.low), axis.share(axis.high)), (0.0, 1.0));
            }
        }
    }
}

#[test]
fn labels_are_those_that_people_write() {
    let check = |axis: Axis, expected: &str| {
        let labels: Vec<_> = axis.ticks.into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels.join(" "), expected);
    };
    check(Axis::across((0.0, 999.0), 5), "0 200 400 600 800 1000");
    check(Axis::across((0.0, 1000.0), 4), "0 250 500 750 1000");
    check(Axis::across((1.0, 20.0), 4), "0 5 10 15 20");
    check(Axis::across((0.0, 1e6), 4), "0 250k 500k 750k 1M");
    check(Axis::across((0.0, 3e6), 6), "0 500k 1M 1.5M 2M 2.5M 3M");
    check(Axis::across((4.0, 4.0), 4), "2 3 4 5 6");
    check(Axis::up((0.0, 0.1), 5), "0 0.02 0.04 0.06 0.08 0.10");
    check(Axis::up((0.0, 0.1), 2), "0 0.05 0.10");
    check(Axis::up((1e-4, 1e-4), 3), "0 5e-5 1e-4");
    check(Axis::up((0.0, 3e-4), 3), "0 1e-4 2e-4 3e-4");
    check(Axis::up((0.0, 0.0), 2), "0 0.5 1.0");
    check(Axis::up((91.2, 93.9), 3), "91 92 93 94");
    check(Axis::up((-0.1, 0.3), 4), "-0.1 0 0.1 0.2 0.3");
    check(Axis::up((0.0, 1e12), 2), "0 5e11 1e12");
    check(Axis::up((f64::MIN, f64::MAX), 4), "-1e308 0 1e308");
}

/// Draws a chart in every way, and checks what must hold of any drawing.
fn check_drawings(chart: &Chart, widths: &[usize], heights: &[usize]) {
    for (width, height) in widths.iter().flat_map(|width| heights.iter().map(|height| (*width, *height))) {
        let text = plain(chart, width, height);
        for line in text.lines() {
            assert!(text::breadth(line) <= width, "{width}: {line}");
            assert!(!line.contains(|it: char| it.is_control() || it == '\u{202e}'), "{line:?}");
        }
        let colored = chart.terminal(Look { color: true, width, folds: false }, height);
        assert_eq!(
            bare(&colored).lines().map(str::trim_end).collect::<Vec<_>>(),
            text.lines().collect::<Vec<_>>()
        );
    }
    let svg = chart.svg();
    let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    for node in document.descendants() {
        assert_ne!(node.tag_name().name(), "script");
        for name in ["x", "x1", "x2", "width"] {
            let place = node.attribute(name).and_then(|text| text.parse::<f64>().ok());
            assert!(place.is_none_or(|place| (0.0..=760.0).contains(&place)), "{node:?}");
        }
        let moves = node.attribute("d").unwrap_or_default().split('M').skip(1);
        for x in moves.filter_map(|rest| rest.split(' ').next()) {
            let x: f64 = x.parse().expect("a path starts at a number");
            assert!((0.0..=760.0).contains(&x), "{node:?}");
        }
    }
    let page = html(HOSTILE, &[Part::Chart(chart), Part::Paragraph(HOSTILE)]);
    let page = page.strip_prefix("<!DOCTYPE html>\n").expect("a page");
    assert!(Document::parse(page).is_ok() && !page.contains("<script"), "{page}");
}

#[test]
fn nothing_that_may_come_breaks_a_renderer() {
    for chart in nasty() {
        check_drawings(&chart, &[0, 1, 7, 12, 19, 40, 60, 80, 133, 200], &[0, 1, 2, 8, 40]);
    }
}

#[test]
fn points_that_are_not_finite_are_left_out_and_counted() {
    let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, f64::INFINITY), (f64::NAN, 1.0), (3.0, 2.0)];
    let chart = chart(vec![series("loss", points), series("other", [])]);
    for text in [plain(&chart, 80, 8), chart.svg(), html("", &[Part::Chart(&chart)])] {
        assert!(text.contains("3 points are not finite and left out"), "{text}");
        assert!(text.contains("other (no points)"), "{text}");
    }
    assert!(plain(&Chart::default(), 80, 8).contains("there are no points to draw"));
}

#[test]
fn letters_tell_lines_apart_without_color() {
    for (width, height) in [(40, 8), (60, 12), (80, 16), (120, 30), (200, 40)] {
        let chart = schedules();
        let text = plain(&chart, width, height);
        assert!(!text.contains('\x1b'));
        let cells: Vec<char> = drawing(&text).concat();
        for (letter, series) in ('a'..).zip(&chart.series) {
            assert!(cells.contains(&letter), "{letter} at {width} × {height}:\n{text}");
            assert!(text.contains(&format!("{letter} {}", series.name)), "{text}");
        }
        let strange = cells.iter().find(|it| it.is_ascii_alphabetic() && !('a'..='d').contains(it));
        assert_eq!(strange, None, "{text}");
    }
}

#[test]
fn a_letter_stands_on_its_own_line_where_that_is_alone() {
    let heights = [0.9, 0.6, 0.3];
    let chart = chart(heights.iter().map(|height| line("flat", move |_| *height)).collect());
    let rows = drawing(&plain(&chart, 80, 20));
    for letter in ['a', 'b', 'c'] {
        let with = rows.iter().filter(|row| row.contains(&letter)).count();
        assert_eq!(with, 1, "{letter}");
    }
    let first = |letter| rows.iter().position(|row| row.contains(&letter));
    assert!(first('a') < first('b') && first('b') < first('c'));
}

#[test]
fn a_line_hidden_by_another_says_so() {
    let text =
        plain(&chart(vec![line("one", |z| z), line("two", |z| z), line("three", |z| 1.0 - z)]), 80, 12);
    assert!(text.contains("b two (drawn as a)") && !text.contains("c three ("), "{text}");
}

#[test]
fn a_single_line_needs_no_letter() {
    let text = plain(&chart(vec![line("cosine", |z| 1.0 - z)]), 80, 12);
    assert!(text.lines().any(|line| line == "cosine"), "{text}");
    assert!(!drawing(&text).concat().contains(&'a'), "{text}");
}

#[test]
fn there_are_as_many_letters_as_the_alphabet_has() {
    let chart = chart((0..30).map(|index| line("line", move |z| z * f64::from(index))).collect());
    for text in [plain(&chart, 120, 30), chart.svg()] {
        assert!(text.contains("the last 4 lines have no letter: there are 26 letters"), "{text}");
    }
    assert!(plain(&chart, 120, 30).contains("z line\nline   line   line   line\n"));
}

#[test]
fn constants_are_flat_and_drops_are_upright() {
    let rows = drawing(&plain(&chart(vec![line("constant", |_| 1.0)]), 80, 10));
    let used = rows.iter().filter(|row| row.iter().any(|cell| *cell != ' ')).count();
    assert_eq!(used, 1);
    let rows = drawing(&plain(&chart(vec![line("step", |z| if z < 0.5 { 1.0 } else { 0.0 })]), 80, 10));
    let inner = &rows[1..rows.len() - 1];
    let places: Vec<_> = inner.iter().map(|row| row.iter().position(|cell| *cell != ' ')).collect();
    assert!(places[0].is_some() && places.iter().all(|place| *place == places[0]), "{places:?}");
    assert!(inner.iter().all(|row| row.iter().filter(|cell| **cell != ' ').count() == 1), "{rows:?}");
}

/// A million points, and what they are at one of them.
fn spiked(at: usize, value: f64) -> Vec<Point> {
    (0..1_000_000).map(|step| (step as f64, if step == at { value } else { 0.5 })).collect()
}

#[test]
fn a_spike_of_one_point_in_a_million_survives() {
    for (at, value) in [(0, 1.0), (1, 0.0), (333_333, 1.0), (777_777, 0.0), (999_999, 1.0)] {
        let chart =
            chart(vec![series("spike", spiked(at, value)), series("limits", [(0.0, 0.0), (0.0, 1.0)])]);
        let text = plain(&chart, 80, 20);
        let rows = drawing(&text);
        let edge = text.lines().find_map(|line| line.split_once('└')).expect("an axis").1.chars().count();
        let column = at * edge / 1_000_000;
        let upright = rows
            .iter()
            .filter(|row| row.iter().skip(column.saturating_sub(1)).take(3).any(|cell| *cell != ' '));
        assert!(upright.count() >= 10, "{at}");
        let svg = chart.svg();
        let document = Document::parse(&svg).expect("XML");
        let line = document.descendants().find(|node| node.tag_name().name() == "polyline").expect("a line");
        let heights: Vec<f64> = line
            .attribute("points")
            .expect("points")
            .split([' ', ','])
            .skip(1)
            .step_by(2)
            .map(|text| text.parse().expect("a number"))
            .collect();
        let (low, high) = data::range(heights.into_iter()).expect("there are points");
        assert!((high - low - 150.0).abs() < 0.1, "{at}: {low} {high}");
    }
}

#[test]
fn millions_of_points_make_a_small_file() {
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64
    };
    let lines = (0..5).map(|_| series("noise", (0..1_000_000).map(|step| (f64::from(step), noise()))));
    let chart = chart(lines.collect());
    let svg = chart.svg();
    assert!(svg.len() < 200_000, "{}", svg.len());
    let page = html("noise", &[Part::Chart(&chart)]);
    assert!(page.len() < 200_000, "{}", page.len());
    assert!(schedules().svg().len() < 16_000, "smooth lines need few points: {}", schedules().svg().len());
}

#[test]
fn lines_that_end_apart_are_named_there_and_others_in_a_legend() {
    let apart = chart(vec![line("upper", |z| 1.0 - 0.2 * z), line("lower", |z| 1.0 - 0.8 * z)]).svg();
    assert!(apart.contains("leader") && !apart.contains("class=\"letter"), "{apart}");
    let together = schedules().svg();
    assert!(!together.contains("class=\"leader") && together.contains("class=\"sample"), "{together}");
    for letter in ["a", "b", "c", "d"] {
        assert!(together.matches(&format!(">{letter}</text>")).count() >= 2, "in the legend and on the line");
    }
}

#[test]
fn a_drawing_tells_what_it_is_and_suits_light_and_dark() {
    let svg = Chart { title: HOSTILE.to_owned(), ..schedules() }.svg();
    let document = Document::parse(&svg).expect("XML");
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    assert!(root.attribute("viewBox").is_some());
    let text = |name: &str| {
        root.children().find(|node| node.tag_name().name() == name).and_then(|node| node.text()).expect(name)
    };
    assert!(text("title").starts_with("</svg><script>") && text("title").contains("\\u{1b}[31m"));
    assert!(
        text("desc").contains("4 lines: cosine, linear, step, wsd. step goes from 0 to 999"),
        "{}",
        text("desc")
    );
    assert!(text("style").contains("prefers-color-scheme:dark") && text("style").contains("@media print"));
    assert!(!svg.contains("http://www.w3.org/1999") && svg.matches("http").count() == 1, "nothing is loaded");
}

#[test]
fn a_page_is_one_file_with_captions_and_tables() {
    let schedules = schedules();
    let header = ["schedule", "10 %"].map(str::to_owned);
    let rows = [vec!["<b>cosine".to_owned(), "57.0 ± 0.6".to_owned()], vec!["rex".to_owned(), String::new()]];
    let table = Part::Table { caption: "Accuracy", header: &header, rows: &rows };
    let parts = [Part::Heading("Results"), table, Part::Chart(&schedules), Part::Chart(&schedules)];
    let page = html("A & B", &parts);
    for expected in [
        "<html lang=\"en\">",
        "<title>A &amp; B</title>",
        "name=\"viewport\"",
        "name=\"color-scheme\"",
        "@media print",
        "<td>&lt;b&gt;cosine</td><td class=\"number\">57.0 ± 0.6</td>",
        "<strong>Figure 1.</strong> Learning rate.",
        "<strong>Figure 2.</strong> Learning rate.",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert_eq!(page.matches("<style>").count(), 1);
    assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("url("));
}
