//! Numbers, durations and metrics as people read them.

use crate::cost::{is_share, money};

/// Values of a metric, with their unit at the end.
pub(super) fn values(values: &[f64], metric: &str) -> String {
    let numbers: Vec<_> = values.iter().map(|value| number(*value, metric)).collect();
    numbers.join(", ") + unit(metric)
}

/// A mean and half the width of its interval.
pub(super) fn mean(mean: f64, half: f64, metric: &str) -> String {
    format!("{} ± {}{}", number(mean, metric), number(half, metric), unit(metric))
}

/// One value of a metric, with its unit.
#[must_use]
pub fn value_of(value: f64, metric: &str) -> String {
    values(&[value], metric)
}

/// By how much a metric differs, with its sign: in points where it is a share.
pub(super) fn difference(value: f64, metric: &str) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    let size = match is_share(metric) {
        true => format!("{:.2} points", 100.0 * value.abs()),
        false => number(value.abs(), metric),
    };
    format!("{sign}{size}")
}

/// "0.12 points better", from a difference that is positive where it is better.
pub(super) fn better_or_worse(value: f64, metric: &str) -> String {
    let size = difference(value.abs(), metric);
    format!("{} {}", size.trim_start_matches('+'), if value < 0.0 { "worse" } else { "better" })
}

/// Hours for a bill, or less where it is seconds and minutes.
pub(super) fn hours(hours: f64) -> String {
    if hours.abs() < 1.0 { seconds(hours * 3600.0) } else { money::hours(hours) }
}

/// Bytes, with about three digits.
#[must_use]
pub fn bytes(count: u64) -> String {
    scaled(count as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A number in the largest unit that leaves it above 1; each unit is `step` times the one before.
#[must_use]
pub fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= step && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 100.0 { 0 } else { 1 };
    format!("{value:.digits$} {}", units[unit])
}

fn number(value: f64, metric: &str) -> String {
    match value.abs() {
        _ if is_share(metric) => format!("{:.1}", 100.0 * value),
        size if size != 0.0 && !(0.001..10_000.0).contains(&size) => format!("{value:.2e}"),
        _ => format!("{value:.4}"),
    }
}

fn unit(metric: &str) -> &'static str {
    if is_share(metric) { " %" } else { "" }
}

/// A metric in words, such as `accuracy on the test set`.
pub(super) fn metric(name: &str) -> String {
    match name.split_once('/') {
        Some(("seen", what)) => format!("{} on training samples", bare(what)),
        Some(("train", what)) => format!("{} of the last training batch", bare(what)),
        Some((set, what)) => format!("{} on the {set} set", bare(what)),
        None => bare(name).to_owned(),
    }
}

/// A metric in words, without its set.
fn bare(name: &str) -> &str {
    match name {
        "mae" => "mean absolute error",
        "pixel_accuracy" => "pixel accuracy",
        "top5_accuracy" => "top-5 accuracy",
        name => name,
    }
}

/// A duration, with about two digits.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{seconds:.2} s"),
        seconds if seconds < 10.0 => format!("{seconds:.1} s"),
        seconds if seconds < 100.0 => format!("{seconds:.0} s"),
        seconds if seconds < 600.0 => format!("{:.1} min", seconds / 60.0),
        seconds if seconds < 6000.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// A duration with half the width of its interval, where that is known, such as `9.6 ± 0.5 min`.
#[must_use]
pub fn about_seconds(mean: f64, half: Option<f64>) -> String {
    let Some(half) = half else { return seconds(mean) };
    let (size, unit) = match mean {
        mean if mean < 1.0 => (1e-3, "ms"),
        mean if mean < 100.0 => (1.0, "s"),
        mean if mean < 6000.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    };
    format!("{} {unit}", about(mean / size, half / size, 2))
}

/// A duration with three digits, and its standard error where that is known.
pub(super) fn precise_seconds(seconds: f64, error: Option<f64>) -> String {
    let (size, unit) = match seconds {
        seconds if seconds < 1e-3 => (1e-6, "µs"),
        seconds if seconds < 1.0 => (1e-3, "ms"),
        seconds if seconds < 100.0 => (1.0, "s"),
        _ => (60.0, "min"),
    };
    let value = seconds / size;
    let digits = [1.0, 10.0, 100.0].iter().filter(|bound| value < **bound).count();
    match error {
        Some(error) => format!("{value:.digits$} ± {:.digits$} {unit}", error / size),
        None => format!("{value:.digits$} {unit}"),
    }
}

/// Dollars with half the width of their interval, where that is known.
#[must_use]
pub fn about_usd(mean: f64, half: Option<f64>) -> String {
    let digits = if mean < 0.095 { 4 } else { 2 };
    match half {
        None => format!("${mean:.digits$}"),
        Some(half) => format!("${mean:.digits$} ± {half:.digits$}"),
    }
}

/// With one digit of the half that is not 0, and of `most` places at most.
fn about(mean: f64, half: f64, most: usize) -> String {
    let digits = (0..most).find(|digits| half * 10_f64.powi(*digits as i32) >= 0.95).unwrap_or(most);
    format!("{mean:.digits$} ± {half:.digits$}")
}

/// The text in lines of at most this many characters, broken between words.
#[must_use]
pub fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped += word;
        column += length;
    }
    wrapped + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_accuracy_are_shares_and_the_rest_are_numbers() {
        for name in ["test/accuracy", "validation/top5_accuracy", "test/pixel_accuracy"] {
            assert_eq!(values(&[0.5, 0.25], name), "50.0, 25.0 %", "{name}");
        }
        for name in ["test/loss", "test/perplexity", "test/mae", "test/inaccuracy"] {
            assert_eq!(mean(12.5, 0.25, name), "12.5000 ± 0.2500", "{name}");
        }
    }

    #[test]
    fn durations_are_as_exact_as_they_are_known() {
        let check = |mean, half, expected: &str| assert_eq!(about_seconds(mean, half), expected);
        check(0.0002134, Some(0.00000004), "0.21 ± 0.00 ms");
        check(0.213, Some(0.0016), "213 ± 2 ms");
        check(16.23, Some(0.44), "16.2 ± 0.4 s");
        check(16.23, Some(0.96), "16 ± 1 s");
        check(577.0, Some(30.0), "9.6 ± 0.5 min");
        check(577.0, Some(300.0), "10 ± 5 min");
        check(72_000.0, Some(36.0), "20.00 ± 0.01 h");
        check(72_000.0, None, "20.0 h");
        check(0.0, Some(0.0), "0.00 ± 0.00 ms");
        let precise = |seconds, error, expected: &str| assert_eq!(precise_seconds(seconds, error), expected);
        precise(0.000_021_34, Some(0.000_000_5), "21.3 ± 0.5 µs");
        precise(0.213_4, Some(0.001_6), "213 ± 2 ms");
        precise(2.134, Some(0.0), "2.13 ± 0.00 s");
        precise(577.0, None, "9.62 min");
        let usd = |mean, half, expected: &str| assert_eq!(about_usd(mean, half), expected);
        usd(0.25, Some(0.013), "$0.25 ± 0.01");
        usd(0.0123, Some(0.0005), "$0.0123 ± 0.0005");
        usd(12.5, None, "$12.50");
    }

    #[test]
    fn metrics_are_named_in_words() {
        assert_eq!(metric("test/top5_accuracy"), "top-5 accuracy on the test set");
        assert_eq!(metric("validation/pixel_accuracy"), "pixel accuracy on the validation set");
        assert_eq!(metric("test/mae"), "mean absolute error on the test set");
        assert_eq!(metric("test/perplexity"), "perplexity on the test set");
        assert_eq!(metric("train/loss"), "loss of the last training batch");
    }
}
