//! Numbers and amounts: `1e-3`, `1_000`, `50%`, `500 steps`, `2 epochs`.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{MAX_STEPS, cursor::Cursor, error::Fault, types::Length, yaml::Node};

/// Epochs beyond this are a slip of the keyboard.
const MAX_EPOCHS: f64 = 1e6;

/// A number as people write it: YAML 1.1's `1_000` too, but no leading zeros, which YAML 1.1 reads as octal.
fn parse(text: &str) -> Option<f64> {
    let digits = text.trim();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-._eE".contains(&byte));
    let bytes = digits.trim_start_matches(['+', '-']).as_bytes();
    let octal = bytes.len() > 1 && bytes[0] == b'0' && bytes[1].is_ascii_digit();
    // An underscore stands between two digits or the whole is a name.
    let grouped = digits.split('_').collect::<Vec<_>>();
    let between = grouped.windows(2).all(|pair| {
        pair[0].ends_with(|c: char| c.is_ascii_digit()) && pair[1].starts_with(|c: char| c.is_ascii_digit())
    });
    if !plain || octal || !between { None } else { digits.replace('_', "").parse().ok() }
}

/// What a value says about an amount.
enum Amount {
    Plain(f64),
    Percent(f64),
    Steps(f64),
    Epochs(f64),
}

/// How a unit is spelled, and what it makes of a number.
type Unit = (&'static str, fn(f64) -> Amount);

fn amount(at: &Cursor<'_>) -> Option<Amount> {
    match at.node() {
        Node::Whole(value) => Some(Amount::Plain(*value as f64)),
        Node::Number(value) => Some(Amount::Plain(*value)),
        Node::Text(text) => {
            let units: [Unit; 5] = [
                ("%", Amount::Percent),
                ("steps", Amount::Steps),
                ("step", Amount::Steps),
                ("epochs", Amount::Epochs),
                ("epoch", Amount::Epochs),
            ];
            let text = text.trim();
            let with_unit = units.iter().find_map(|(unit, make)| Some((text.strip_suffix(unit)?, make)));
            match with_unit {
                Some((number, make)) => parse(number).map(make),
                None => parse(text).map(Amount::Plain),
            }
        }
        _ => None,
    }
}

/// A finite number that is `ok`; `what` says in words which numbers are.
pub(super) fn number(at: &Cursor<'_>, what: &str, ok: impl Fn(f64) -> bool) -> Result<f64, Fault> {
    match amount(at) {
        Some(Amount::Plain(value)) if value.is_finite() && ok(value) => Ok(value),
        Some(Amount::Percent(value)) => {
            Err(at.expected(what).hint(format!("not a percentage here: write `{}`", value / 100.0)))
        }
        Some(Amount::Plain(value)) if !value.is_finite() => {
            Err(at.expected(what).hint("it has to be finite"))
        }
        Some(Amount::Plain(value))
            if [0.0, 1.0, f32::INFINITY].contains(&(value as f32)) && !is_single(value) =>
        {
            Err(at.expected(what).hint(format!("in the 32 bits of training it is `{}`", value as f32)))
        }
        _ => Err(at.expected(what)),
    }
}

/// Whether 32 bits hold exactly this number.
fn is_single(value: f64) -> bool {
    f64::from(value as f32) == value
}

pub(super) const POSITIVE: &str = "a number above 0";

/// As a worker reads it: in 32 bits.
pub(super) fn is_positive(value: f64) -> bool {
    value as f32 > 0.0 && (value as f32).is_finite()
}

/// The index of a class or token, which may be negative.
pub(super) fn index(at: &Cursor<'_>) -> Result<i64, Fault> {
    integer(at, i32::MIN..=i32::MAX).map(i64::from)
}

/// A whole number within bounds that may be negative.
pub(super) fn integer(at: &Cursor<'_>, bounds: RangeInclusive<i32>) -> Result<i32, Fault> {
    let wide = f64::from(*bounds.start())..=f64::from(*bounds.end());
    match amount(at) {
        Some(Amount::Plain(value)) if value.fract() == 0.0 && wide.contains(&value) => Ok(value as i32),
        _ => Err(at.expected(&format!("a whole number from {} to {}", bounds.start(), bounds.end()))),
    }
}

/// A path; relative ones start in `folder`.
pub(super) fn path(at: &Cursor<'_>, folder: &Path) -> Result<PathBuf, Fault> {
    Ok(folder.join(at.text()?))
}

/// A whole number within bounds; `1e3` and `1_000` are whole.
pub(super) fn whole(at: &Cursor<'_>, bounds: RangeInclusive<u64>) -> Result<u64, Fault> {
    let value = match at.node() {
        Node::Whole(value) => Some(*value),
        // Beyond 2^53 a float no longer says which whole number was meant.
        _ => match amount(at) {
            Some(Amount::Plain(value)) if value.fract() == 0.0 && (0.0..=2f64.powi(53)).contains(&value) => {
                Some(value as u64)
            }
            _ => None,
        },
    };
    let what = match *bounds.end() {
        u64::MAX => format!("a whole number from {}", bounds.start()),
        end => format!("a whole number from {} to {end}", bounds.start()),
    };
    value.filter(|value| bounds.contains(value)).ok_or_else(|| at.expected(&what))
}

/// A share written with its percent sign, as a fraction; `what` says in words which are `ok`.
pub(super) fn share(at: &Cursor<'_>, what: &str, ok: impl Fn(f64) -> bool) -> Result<f64, Fault> {
    match amount(at) {
        Some(Amount::Percent(value)) if ok(value / 100.0) => Ok(value / 100.0),
        // Nothing is nothing in any unit.
        Some(Amount::Plain(0.0)) if ok(0.0) => Ok(0.0),
        Some(Amount::Plain(value)) => Err(at.expected(what).hint(with_sign(value))),
        Some(Amount::Steps(_) | Amount::Epochs(_)) => {
            Err(at.expected(what).hint("steps and epochs are not supported here, a share of the budget is"))
        }
        _ => Err(at.expected(what)),
    }
}

/// A share or a length, as far as the unit tells.
pub(super) enum Part {
    Share(f64),
    Length(Length),
}

/// `50%`, `500 steps` or `2 epochs`, above 0, the share at most `most`.
pub(super) fn part(at: &Cursor<'_>, most: f64) -> Result<Part, Fault> {
    part_or(at, most, "an amount such as `50%`, `500 steps` or `2 epochs`")
}

/// The same; `what` says in words what there is.
pub(super) fn part_or(at: &Cursor<'_>, most: f64, what: &str) -> Result<Part, Fault> {
    match amount(at) {
        Some(Amount::Percent(value)) => {
            let value = value / 100.0;
            if value > 0.0 && value <= most {
                return Ok(Part::Share(value));
            }
            Err(at.expected(&format!("a share above 0% and at most {}%", most * 100.0)))
        }
        Some(Amount::Plain(value)) => {
            let message = format!("{} has no unit: `{value}` of what?", at.label());
            Err(at.fault(message).hint(with_unit(value)))
        }
        Some(amount) => length_of(at, amount).map(Part::Length),
        None => Err(at.expected(what)),
    }
}

/// `500 steps` or `2 epochs`, above 0.
pub(super) fn length(at: &Cursor<'_>) -> Result<Length, Fault> {
    match amount(at) {
        Some(Amount::Percent(_)) => Err(at
            .expected("a number of steps or epochs")
            .hint("this is what 100% means: write `3000 steps` or `8 epochs`")),
        Some(Amount::Plain(value)) => {
            let message = format!("{} has no unit: `{value}` of what?", at.label());
            Err(at.fault(message).hint(format!("write `{value} steps` or `{value} epochs`")))
        }
        Some(amount) => length_of(at, amount),
        None => Err(at.expected("an amount such as `3000 steps` or `8 epochs`")),
    }
}

fn length_of(at: &Cursor<'_>, amount: Amount) -> Result<Length, Fault> {
    match amount {
        Amount::Steps(value) if value >= 1.0 && value <= MAX_STEPS as f64 && value.fract() == 0.0 => {
            Ok(Length::Steps(value as u64))
        }
        Amount::Epochs(value) if value > 0.0 && value <= MAX_EPOCHS => Ok(Length::Epochs(value)),
        Amount::Epochs(_) => Err(at.expected(&format!("above 0 and at most {MAX_EPOCHS} epochs"))),
        _ => Err(at.expected(&format!("a whole number of steps from 1 to {MAX_STEPS}"))),
    }
}

fn with_sign(value: f64) -> String {
    let percent = if value.abs() < 1.0 { value * 100.0 } else { value };
    format!("write `{}%`", (percent * 1e9).round() / 1e9)
}

fn with_unit(value: f64) -> String {
    if value.fract() != 0.0 {
        return format!("{} for a share, or such as `500 steps`", with_sign(value));
    }
    format!("write `{value}%` for a share, `{value} steps` or `{value} epochs`")
}
