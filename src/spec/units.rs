//! Amounts of time and of memory: `30 s`, `5 min`, `2h`; `512 MiB`, `2 GB`.

use super::{cursor::Cursor, error::Fault, yaml::Node};

/// The longest time that can be meant, in seconds: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Seconds, where the text is a number with a unit of time.
pub(super) fn duration(text: &str) -> Option<f64> {
    let (number, unit) = apart(text)?;
    let seconds = match unit {
        "s" | "sec" | "second" | "seconds" => 1.0,
        "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    Some(number * seconds)
}

/// A time that is `ok`, in seconds; `what` says in words which times are.
pub(super) fn seconds(at: &Cursor<'_>, what: &str, ok: impl Fn(f64) -> bool) -> Result<f64, Fault> {
    let seconds = match at.node() {
        Node::Text(text) => duration(text),
        Node::Whole(_) | Node::Number(_) => {
            return Err(at.expected(what).hint("it has a unit: `s`, `min`, `h` or `d`"));
        }
        _ => None,
    };
    match seconds {
        Some(seconds) if ok(seconds) => Ok(seconds),
        Some(_) => Err(at.expected(what)),
        None => Err(at.expected(what).hint("such as `30 s`, `10 min` or `2 h`")),
    }
}

/// A time above 0 and at most a year, in seconds.
pub(super) fn time(at: &Cursor<'_>) -> Result<f64, Fault> {
    seconds(at, "a time above 0 and at most 366 days", |seconds| seconds > 0.0 && seconds <= MAX_SECONDS)
}

/// An amount of memory with its unit, in bytes.
pub(super) fn memory(at: &Cursor<'_>) -> Result<u64, Fault> {
    let expected = || at.expected("an amount of memory").hint("such as `512 MiB` or `2 GB`");
    let Node::Text(text) = at.node() else { return Err(expected()) };
    let (amount, unit) = apart(text).ok_or_else(expected)?;
    let unit = match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "KiB" => 1024.0,
        "MB" => 1e6,
        "MiB" => 1_048_576.0,
        "GB" => 1e9,
        "GiB" => 1_073_741_824.0,
        "TB" => 1e12,
        "TiB" => 1_099_511_627_776.0,
        _ => return Err(expected()),
    };
    let bytes = amount * unit;
    if (0.0..=1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(expected()) }
}

/// A number and the unit behind it.
fn apart(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    Some((text[..end].trim().parse().ok()?, text[end..].trim()))
}
