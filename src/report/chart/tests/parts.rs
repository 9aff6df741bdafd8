//! What a page is made of, in HTML and on a screen.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;

fn matrix() -> Matrix {
    let cell = |text: &str, verdicts: &[Verdict], shade: Option<f64>| MatrixCell {
        text: text.to_owned(),
        detail: "2.5 h".to_owned(),
        verdicts: verdicts.to_vec(),
        shade,
    };
    let row = |name: &str, cells: Vec<MatrixCell>| MatrixRow { name: name.to_owned(), cells };
    Matrix {
        caption: "Accuracy".to_owned(),
        note: "Margin 0.5 points.".to_owned(),
        corner: "schedule".to_owned(),
        columns: ["50 %", "100 %"].map(|share| (share.to_owned(), "steps".to_owned())).to_vec(),
        rows: vec![
            row(
                "cosine",
                vec![cell("80.1 %", &[], Some(0.0)), cell("85.0 %", &[Verdict::EqualToBest], Some(0.7))],
            ),
            row(
                "step(gamma=0.1)",
                vec![
                    cell("81.0 %", &[Verdict::Best], Some(0.3)),
                    cell("86.0 %", &[Verdict::Best], Some(1.0)),
                ],
            ),
        ],
    }
}

fn body(parts: &[Part<'_>]) -> String {
    let page = html("page", parts);
    let text = page.strip_prefix("<!DOCTYPE html>\n").expect("a page");
    assert!(Document::parse(text).is_ok(), "{text}");
    page.split_once("</h1>\n").expect("a heading").1.to_owned()
}

#[test]
fn a_matrix_names_its_rows_columns_and_marks() {
    let matrix = matrix();
    let page = body(&[Part::Matrix(&matrix)]);
    for expected in [
        "<th scope=\"col\">schedule</th><th scope=\"col\">50 %<small>steps</small></th>",
        "<th scope=\"row\">cosine</th><td>80.1 %<small>2.5 h</small></td>",
        "<th scope=\"row\">step(<wbr/>gamma=<wbr/>0.1)</th><td class=\"t1 best\">\
         <span role=\"img\" aria-label=\"best of its column\">★</span> 81.0 %",
        "<td class=\"t3\">",
        "<td class=\"t4 best\">",
        "<strong>Accuracy.</strong> ★ best of its column, ≈ not told apart from the best of its column, \
         the more colour, the better. Margin 0.5 points.</figcaption>",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains('✓'), "only marks that are there are explained");
    let hostile = Matrix {
        caption: HOSTILE.to_owned(),
        note: HOSTILE.to_owned(),
        corner: HOSTILE.to_owned(),
        ..matrix
    };
    assert!(!body(&[Part::Matrix(&hostile), Part::Matrix(&Matrix::default())]).contains("<script"));
}

#[test]
fn a_matrix_is_folded_to_the_screen() {
    let wide = Matrix {
        columns: (0..9).map(|index| (format!("{index}0 %"), "2000 steps".to_owned())).collect(),
        rows: vec![MatrixRow {
            name: "cosine".to_owned(),
            cells: vec![MatrixCell { text: "80.1 ± 0.3 %".to_owned(), ..MatrixCell::default() }; 9],
        }],
        ..matrix()
    };
    let drawn = |width: usize| screen("page", &[Part::Matrix(&wide)], Look { width, ..Look::default() });
    for (width, tables) in [(200, 1), (80, 2), (40, 5), (1, 9)] {
        let text = drawn(width);
        assert_eq!(text.matches("schedule").count(), tables, "{text}");
        assert_eq!(text.matches("80.1 ± 0.3 %").count(), 9, "{text}");
    }
    for width in 40..160 {
        let text = drawn(width);
        assert!(text.lines().all(|line| text::breadth(line) <= width), "{width}: {text}");
    }
    let text = screen("page", &[Part::Matrix(&matrix())], Look::default());
    assert!(text.contains("★ 81.0 %") && text.contains("★ best of its column"), "{text}");
    assert!(!text.contains("colour") && !text.contains('\x1b'), "{text}");
}

#[test]
fn key_numbers_and_notes_say_all_they_have() {
    let numbers =
        [("43 %", "fewer GPU-hours", "Half is enough."), ("$7", "saved", "<b>At</b> $2.50 an hour.")];
    let numbers = numbers.map(|(value, label, explanation)| KeyNumber {
        value: value.to_owned(),
        label: label.to_owned(),
        explanation: explanation.to_owned(),
    });
    let parts = [Part::Numbers(&numbers), Part::Note("3 seeds <only>")];
    let page = body(&parts);
    assert!(page.contains(
        "<div><dt>fewer GPU-hours</dt><dd class=\"value\">43 %</dd><dd>Half is enough.</dd></div>"
    ));
    assert!(
        page.contains("&lt;b&gt;At") && page.contains("role=\"note\">3 seeds &lt;only&gt;</p>"),
        "{page}"
    );
    let text = screen("page", &parts, Look::default());
    let expected = "page\n\n43 %  fewer GPU-hours\n      Half is enough.\n  $7  saved\n      <b>At</b> $2.50 an hour.\n\n\
                    │ 3 seeds <only>\n";
    assert_eq!(text, expected);
}

#[test]
fn data_can_be_read_back_and_cannot_leave_its_element() {
    let strings = [
        "</script>",
        "<!-- <script>",
        "]]>",
        "&amp;",
        HOSTILE,
        "\u{2028}\u{2029}\u{feff}\u{fffe}\u{85}",
        "\\\"'",
    ];
    for value in strings.iter().map(|text| json!({*text: [text, 1.5, null]})).chain([json!(null), json!([])])
    {
        let page = html("page", &[Part::Data { id: "data", json: &value }]);
        let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("a script");
        let (text, after) = rest.split_once("</script>").expect("its end");
        assert!(
            !text.contains(['<', '>', '&', '\u{2028}', '\u{202e}']) && !after.contains("<script"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), value);
        let page = page.strip_prefix("<!DOCTYPE html>\n").expect("a page");
        let document = Document::parse(page).expect("XML");
        let node = document.descendants().find(|node| node.attribute("id") == Some("data")).expect("there");
        assert_eq!(node.text(), Some(text));
    }
    let hidden = json!(1);
    assert_eq!(screen("page", &[Part::Data { id: "x", json: &hidden }], Look::default()), "page\n");
}

#[test]
fn the_numbers_of_a_chart_can_be_unfolded() {
    let band = Kind::Band(vec![(0.4, 0.6), (0.8, 0.95)]);
    let points = [(1.0, 0.5), (2.0, 0.9)];
    let one = Series { name: "one".to_owned(), points: points.to_vec(), kind: band };
    let check = |series: Vec<Series>, expected: &str| {
        let chart = Chart { y_unit: Unit::Percent, x_unit: Unit::After(" h"), ..chart(series) };
        let page = body(&[Part::Chart(&chart)]);
        assert!(page.contains("<details><summary>Numbers of figure 1</summary>"), "{page}");
        assert!(page.contains(expected), "{expected}: {page}");
    };
    let number = |cells: &[&str]| -> String {
        cells.iter().map(|cell| format!("<td class=\"number\">{cell}</td>")).collect()
    };
    let side_by_side = number(&["2 h", "90 % (80 to 95)", "80 %"]);
    check(vec![one.clone(), series("two", [(1.0, 0.7), (2.0, 0.8)])], &side_by_side);
    let listed = format!("<td>two</td>{}", number(&["4 h", "80 %"]));
    check(vec![one, series("two", [(4.0, 0.8)])], &listed);
    let many = series("many", (0..1001).map(|x| (f64::from(x), if x == 77 { 0.3 } else { 0.5 })));
    let summed =
        format!("<td>many</td>{}", number(&["1001", "50 % at 0 h", "50 % at 1000 h", "30 % at 77 h"]));
    check(vec![many], &summed);
    assert!(!body(&[Part::Chart(&Chart::default())]).contains("<details>"));
}

#[test]
fn a_report_of_large_charts_stays_small() {
    let ranges = |points: &[Point]| points.iter().map(|(_, y)| (y - 0.013, y + 0.017)).collect::<Vec<_>>();
    let of = |kind: &dyn Fn(&[Point]) -> Kind| {
        let series = (0..40).map(|line| {
            let points: Vec<Point> = (0..60)
                .map(|x| (f64::from(x) * 333.3 + f64::from(line), (f64::from(x * line)).sin() / 7.0))
                .collect();
            Series { name: format!("schedule {line}"), kind: kind(&points), points }
        });
        chart(series.collect())
    };
    let charts = [
        of(&|_| Kind::Line),
        of(&|points| Kind::Band(ranges(points))),
        of(&|points| Kind::Points { y: ranges(points), x: ranges(points) }),
    ];
    let parts: Vec<Part<'_>> = charts.iter().map(Part::Chart).collect();
    let size = html("page", &parts).len();
    assert!(size < 700_000, "{size}");
}

#[test]
fn several_charts_are_one_file() {
    let (one, two) = (schedules(), Chart { title: HOSTILE.to_owned(), ..schedules() });
    assert_eq!(svg(&[&one]), one.svg());
    let file = svg(&[&one, &two, &Chart::default()]);
    let document = Document::parse(&file).expect("XML");
    let height = |text: &str| -> f64 {
        let document = Document::parse(text).expect("XML");
        document.root_element().attribute("height").expect("a height").parse().expect("a number")
    };
    let alone = height(&one.svg()) + height(&two.svg()) + height(&Chart::default().svg());
    assert_eq!(height(&file), alone + 2.0 * 14.0);
    let images = document.descendants().filter(|node| node.attribute("role") == Some("img"));
    for image in images.clone() {
        let has = |name: &str| image.children().any(|node| node.tag_name().name() == name);
        assert!(has("title") && has("desc"));
    }
    assert_eq!((images.count(), file.matches("<style>").count()), (3, 1));
    assert!(Document::parse(&svg(&[])).is_ok());
}

/// The ratio of two colours' luminance (WCAG 2.2, "contrast ratio").
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |color: &str| -> f64 {
        let digits = color.trim_start_matches('#');
        let digits = if digits.len() == 3 {
            digits.chars().flat_map(|it| [it, it]).collect()
        } else {
            digits.to_owned()
        };
        let linear = |place: usize| {
            let part = u8::from_str_radix(&digits[place..place + 2], 16).expect("a colour");
            let share = f64::from(part) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(0) + 0.7152 * linear(2) + 0.0722 * linear(4)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn everything_is_readable_in_light_in_dark_and_in_print() {
    let page = html("page", &[]);
    // In the order of the file: light, dark and print, first for charts and then for tables.
    let sets: Vec<&str> =
        page.split(":root{").skip(1).map(|rest| rest.split('}').next().expect("an end")).collect();
    assert_eq!(sets.len(), 6, "{sets:?}");
    for (charts, tables) in sets[..3].iter().zip(&sets[3..]) {
        let colors: HashMap<&str, &str> = [*charts, *tables]
            .into_iter()
            .flat_map(|set| set.split(';'))
            .filter_map(|pair| pair.strip_prefix("--")?.split_once(':'))
            .collect();
        for text in ["ink", "faint"] {
            for paper in ["paper", "tint1", "tint2", "tint3", "tint4"] {
                let found = contrast(colors[text], colors[paper]);
                assert!(found >= 4.5, "{text} on {paper}: {found} {colors:?}");
            }
        }
        for line in 0..8 {
            let found = contrast(colors[format!("line{line}").as_str()], colors["paper"]);
            assert!(found >= 3.0, "line {line}: {found}");
        }
    }
    assert_eq!(contrast("#000", "#ffffff"), 21.0);
}
