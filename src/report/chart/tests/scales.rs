//! Scales and units: what stands at an axis.

use super::*;

#[test]
fn labels_carry_their_unit() {
    let check = |axis: Axis, unit: Unit, expected: &str| {
        let labels: Vec<_> = axis.in_unit(unit).ticks.into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels.join(" | "), expected);
    };
    check(Axis::up((0.0, 1.0), 5), Unit::Percent, "0 % | 20 % | 40 % | 60 % | 80 % | 100 %");
    check(Axis::up((0.73, 0.86), 4), Unit::Percent, "70 % | 75 % | 80 % | 85 % | 90 %");
    check(Axis::up((0.851, 0.864), 4), Unit::Percent, "85.0 % | 85.5 % | 86.0 % | 86.5 %");
    check(Axis::up((1e-5, 4e-5), 4), Unit::Percent, "0 % | 0.001 % | 0.002 % | 0.003 % | 0.004 %");
    check(Axis::up((-0.02, 0.02), 4), Unit::Percent, "-2 % | -1 % | 0 % | 1 % | 2 %");
    check(Axis::across((0.0, 3.0), 3), Unit::Before("$"), "$0 | $1 | $2 | $3");
    check(Axis::across((-1.0, 1.0), 4), Unit::Before("$"), "-$1.0 | -$0.5 | $0 | $0.5 | $1.0");
    check(Axis::across((0.0, 4e5), 4), Unit::After(" h"), "0 h | 100k h | 200k h | 300k h | 400k h");
}

#[test]
fn values_have_four_digits_or_all_whole_ones() {
    let check = |unit: Unit, value: f64, expected: &str| assert_eq!(unit.value(value), expected);
    check(Unit::None, 0.0, "0");
    check(Unit::None, 999.0, "999");
    check(Unit::None, 999.96, "1000");
    check(Unit::None, 1234.5678, "1235");
    check(Unit::None, 123_456_789.0, "123456789");
    check(Unit::None, 1e9, "1e9");
    check(Unit::None, 0.1 + 0.2, "0.3");
    check(Unit::None, 0.012_345_6, "0.01235");
    check(Unit::None, 0.001, "0.001");
    check(Unit::None, 0.000_999, "9.99e-4");
    check(Unit::None, -2.5e-7, "-2.5e-7");
    check(Unit::None, f64::MAX, "1.798e308");
    check(Unit::None, 5e-324, "4.941e-324");
    check(Unit::Percent, 0.853_249, "85.32 %");
    check(Unit::Percent, 0.29, "29 %");
    check(Unit::Before("$"), 2.5, "$2.5");
    check(Unit::Before("$"), -2.5, "-$2.5");
    check(Unit::After(" h"), 0.01, "0.01 h");
}

#[test]
fn numbers_of_a_column_have_the_same_decimals_where_that_shows_enough() {
    let check = |unit: Unit, values: &[f64], expected: &str| {
        let decimals = unit.decimals(values.iter().copied());
        let texts: Vec<_> = values.iter().map(|value| unit.fixed(*value, decimals)).collect();
        assert_eq!(texts.join(" "), expected);
    };
    check(Unit::Percent, &[0.813, 0.8278, 0.82], "81.30 82.78 82.00");
    check(Unit::After(" h"), &[0.58, 2.9, 5.8], "0.580 2.900 5.800");
    check(Unit::Before("$"), &[12.5, 1250.5], "12.5 1250");
    check(Unit::Before("$"), &[12.6, 1250.5], "13 1250");
    check(Unit::None, &[1.0, 20.0, 300.0], "1 20 300");
    check(Unit::None, &[0.001, 0.5, 10.0], "0.001 0.5 10");
    check(Unit::None, &[-0.25, 1.5], "-0.250 1.500");
    check(Unit::None, &[0.0, 0.25], "0 0.25");
    check(Unit::None, &[1e-7, 2e-7], "1e-7 2e-7");
    check(Unit::None, &[], "");
}

#[test]
fn a_log_scale_has_ticks_at_1_2_5_as_far_as_there_is_room() {
    let check = |range: Range, most: usize, unit: Unit, expected: &str| {
        let axis = log::across(range, most).in_unit(unit);
        let labels: Vec<_> = axis.ticks.into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels.join(" | "), expected, "{range:?} {most}");
    };
    check((0.01, 0.1), 8, Unit::After(" h"), "0.01 h | 0.02 h | 0.05 h | 0.1 h");
    check((1.3, 18.0), 8, Unit::Before("$"), "$2 | $5 | $10 | $20");
    check((100.0, 20_000.0), 8, Unit::None, "100 | 200 | 500 | 1000 | 2000 | 5000 | 10k | 20k");
    check((100.0, 20_000.0), 4, Unit::None, "100 | 1000 | 10k");
    check((1e-4, 1e4), 8, Unit::None, "1e-4 | 0.001 | 0.01 | 0.1 | 1 | 10 | 100 | 1000 | 10k");
    check((1e-4, 1e4), 4, Unit::None, "1e-4 | 0.01 | 1 | 100 | 10k");
    check((1e5, 1e9), 8, Unit::None, "100k | 1M | 10M | 100M | 1e9");
    check((2.0, 80.0), 2, Unit::None, "2 | 10 | 50");
    check((0.01, 1.0), 8, Unit::Percent, "1 % | 2 % | 5 % | 10 % | 20 % | 50 % | 100 %");
    // Where 1, 2 and 5 are too few, as on a linear scale.
    check((3.0, 9.0), 4, Unit::None, "4 | 6 | 8");
    check((7.0, 7.0), 4, Unit::None, "2 | 5 | 10 | 20");
}

#[test]
fn a_log_scale_is_even_in_ratios_and_its_labels_are_exact() {
    let sizes = [5e-324, 1e-300, 3.3e-9, 0.013, 0.37, 1.0, 7.0, 999.0, 12_345.0, 7.7e8, 2e12, 1e308];
    for (low, high) in sizes.iter().flat_map(|low| sizes.iter().map(move |high| (*low, *high))) {
        if low > high {
            continue;
        }
        for most in [2, 3, 5, 9] {
            let axis = log::across((low, high), most).in_unit(Unit::None);
            assert!(axis.low > 0.0 && axis.low < axis.high, "{axis:?}");
            assert!((2..=most + 3).contains(&axis.ticks.len()), "{low} {high} {most} {axis:?}");
            for tick in &axis.ticks {
                assert_eq!(parsed(&tick.label), tick.at, "{tick:?}");
                assert!((axis.low..=axis.high).contains(&tick.at), "{axis:?}");
            }
            let middle = axis.low.sqrt() * axis.high.sqrt();
            assert!((axis.share(middle) - 0.5).abs() < 1e-9, "{axis:?}");
            assert_eq!((axis.share(axis.low), axis.share(axis.high), axis.share(0.0)), (0.0, 1.0, 0.0));
        }
    }
}

#[test]
fn what_a_log_scale_has_no_place_for_is_left_out_and_counted() {
    let points = [(0.0, 1.0), (-3.0, 2.0), (1.0, 3.0), (10.0, 4.0), (f64::NAN, 5.0)];
    let chart = Chart { log_x: true, ..chart(vec![series("cost", points)]) };
    let texts = |chart: &Chart| [plain(chart, 100, 8), chart.svg(), html("", &[Part::Chart(chart)])];
    for text in texts(&chart) {
        assert!(text.contains("2 points at or below 0 have no place on a log scale"), "{text}");
        assert!(text.contains("1 point is not finite and left out"), "{text}");
        assert!(text.contains("step (log scale)"), "{text}");
    }
    let one = Chart { log_x: true, ..self::chart(vec![series("cost", [(0.0, 1.0), (1.0, 3.0)])]) };
    for text in texts(&one) {
        assert!(text.contains("1 point at or below 0 has no place on a log scale and is left out"), "{text}");
    }
    let none = Chart { log_x: true, ..self::chart(vec![series("cost", [(0.0, 1.0)])]) };
    assert!(plain(&none, 100, 8).contains("there are no points to draw"));
}

#[test]
fn marks_stand_inside_the_drawing_and_no_scale_goes_below_zero_for_them() {
    let scattered = |points: &[Point], log_x: bool| {
        let kind = Kind::Points { y: Vec::new(), x: Vec::new() };
        let series = vec![Series { kind, ..series("one", points.to_vec()) }];
        let chart = Chart { log_x, ..chart(series) };
        let (x, _) = chart.data().ranges.expect("there are points");
        chart.across(x, 8)
    };
    for log_x in [false, true] {
        let axis = scattered(&[(3.0, 1.0), (41.0, 2.0)], log_x);
        assert!(axis.share(3.0) > 0.02 && axis.share(41.0) < 0.98, "{axis:?}");
        assert!(axis.low >= 0.0, "{axis:?}");
    }
    assert_eq!(scattered(&[(0.0, 1.0), (41.0, 2.0)], false).low, 0.0);
}

#[test]
fn units_reach_every_rendering() {
    let chart = Chart {
        x_unit: Unit::Before("$"),
        y_unit: Unit::Percent,
        log_x: true,
        ..chart(vec![series("one", [(1.0, 0.5), (100.0, 0.9)])])
    };
    for text in [plain(&chart, 80, 12), chart.svg()] {
        assert!(text.contains("$10") && text.contains("80 %"), "{text}");
    }
    let svg = chart.svg();
    assert!(svg.contains("goes from $1 to $100, learning rate from 50 % to 90 %"), "{svg}");
    let page = html("", &[Part::Chart(&chart)]);
    assert!(page.contains("<td class=\"number\">$100</td><td class=\"number\">90 %</td>"), "{page}");
}
