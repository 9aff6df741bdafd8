//! Dollars, hours and shares as people read them: three significant digits below 1000, whole numbers with separators from
//! there on, never an exponent.

/// Digits after the point that are shown at most; what is less than half of the last is 0.
const MAX_DECIMALS: i32 = 9;

/// `$0.0042`, `$0.42`, `$12.30`, `$123`, `-$12,300`: cents from $1 to $99.99.
#[must_use]
pub fn usd(dollars: f64) -> String {
    let (sign, size) = signed(dollars);
    let cents = format!("{size:.2}");
    let number = number(size);
    let shown = match number.split_once('.') {
        _ if size >= 1.0 && cents.len() > "99.99".len() => number,
        Some((whole, decimals)) if size < 1.0 => format!("{whole}.{decimals:0<2}"),
        _ => cents,
    };
    format!("{}${shown}", sign_of(sign, &shown))
}

/// `0.012 h`, `3.4 h`, `1,234 h`.
#[must_use]
pub fn hours(hours: f64) -> String {
    let (sign, size) = signed(hours);
    let shown = number(size);
    format!("{}{shown} h", sign_of(sign, &shown))
}

/// `1,234`.
#[must_use]
pub fn count(count: u64) -> String {
    separated(&count.to_string())
}

/// A share as `37.2 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let (sign, size) = signed(100.0 * share);
    let shown = number(size);
    format!("{}{shown} %", sign_of(sign, &shown))
}

fn signed(value: f64) -> (&'static str, f64) {
    (if value < 0.0 { "-" } else { "" }, value.abs())
}

/// There is no minus 0.
fn sign_of<'a>(sign: &'a str, shown: &str) -> &'a str {
    if shown.contains(|c| ('1'..='9').contains(&c)) { sign } else { "" }
}

/// A number from 0 on, to three significant digits and without zeros at its end, or whole from 1000 on.
fn number(value: f64) -> String {
    // Rounding may add a digit: 9.996 is 10.0. The exponent of three digits is of the rounded number.
    let rounded = format!("{value:.2e}");
    let exponent: i32 = rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let decimals = (2 - exponent).clamp(0, MAX_DECIMALS) as usize;
    let shown = format!("{value:.decimals$}");
    let (whole, decimals) = shown.split_once('.').unwrap_or((&shown, ""));
    match decimals.trim_end_matches('0') {
        "" => separated(whole),
        decimals => format!("{whole}.{decimals}"),
    }
}

/// `12300` as `12,300`.
fn separated(whole: &str) -> String {
    let mut separated = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            separated.push(',');
        }
        separated.push(digit);
    }
    separated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_read_well() {
        for (dollars, expected) in [
            (0.0, "$0.00"),
            (-0.0, "$0.00"),
            (0.000_000_000_4, "$0.00"),
            (-0.000_000_000_4, "$0.00"),
            (0.000_000_000_6, "$0.000000001"),
            (0.000_002_222, "$0.00000222"),
            (0.0042, "$0.0042"),
            (0.004_249, "$0.00425"),
            (0.05, "$0.05"),
            (0.1, "$0.10"),
            (0.42, "$0.42"),
            (0.4, "$0.40"),
            (0.2524, "$0.252"),
            (0.999, "$0.999"),
            (0.9994, "$0.999"),
            (0.9996, "$1.00"),
            (1.0, "$1.00"),
            (1.006, "$1.01"),
            (12.3, "$12.30"),
            (12.34, "$12.34"),
            (99.99, "$99.99"),
            (99.994, "$99.99"),
            (99.996, "$100"),
            (123.456, "$123"),
            (999.4, "$999"),
            (999.6, "$1,000"),
            (1234.56, "$1,235"),
            (12_300.0, "$12,300"),
            (999_999.6, "$1,000,000"),
            (1_234_567.0, "$1,234,567"),
            (1e15, "$1,000,000,000,000,000"),
            (-12.3, "-$12.30"),
            (-12_300.0, "-$12,300"),
            (-0.0042, "-$0.0042"),
        ] {
            assert_eq!(usd(dollars), expected, "{dollars:e}");
        }
    }

    #[test]
    fn hours_read_well() {
        for (value, expected) in [
            (0.0, "0 h"),
            (-0.0, "0 h"),
            (0.012, "0.012 h"),
            (0.012_345, "0.0123 h"),
            (0.5, "0.5 h"),
            (0.9996, "1 h"),
            (3.4, "3.4 h"),
            (3.456, "3.46 h"),
            (9.994, "9.99 h"),
            (9.996, "10 h"),
            (99.96, "100 h"),
            (100.0, "100 h"),
            (123.4, "123 h"),
            (999.6, "1,000 h"),
            (1234.0, "1,234 h"),
            (1_234_567.8, "1,234,568 h"),
            (-3.4, "-3.4 h"),
            (-1234.4, "-1,234 h"),
        ] {
            assert_eq!(hours(value), expected, "{value:e}");
        }
    }

    #[test]
    fn shares_read_well() {
        for (share, expected) in [
            (0.0, "0 %"),
            (0.000_5, "0.05 %"),
            (0.372, "37.2 %"),
            (0.4, "40 %"),
            (1.0 - 0.6, "40 %"),
            (0.9994, "99.9 %"),
            (0.9996, "100 %"),
            (1.0, "100 %"),
            (12.5, "1,250 %"),
            (-0.2, "-20 %"),
        ] {
            assert_eq!(percent(share), expected, "{share}");
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for exponent in -6..12 {
            for mantissa in 100..1000_u32 {
                let value = f64::from(mantissa) * 10_f64.powi(exponent - 2);
                let shown = hours(value).replace([',', 'h', ' '], "");
                assert!(
                    !shown.contains('e') && (shown.parse::<f64>().unwrap() / value - 1.0).abs() < 1e-9,
                    "{value} {shown}"
                );
            }
        }
        for odd in [f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE] {
            assert!(!usd(odd).is_empty() && !hours(odd).is_empty() && !percent(odd).is_empty());
        }
    }
}
