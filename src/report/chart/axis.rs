//! Axes with round ticks.
//!
//! A tick is a whole number of steps of 1, 2, 25 or 5 times a power of ten, and is kept as digits and exponent:
//! its label is exact, and its place the nearest number there is. What a log scale has instead is in [`super::log`].

use super::{Range, unit::Unit};

/// Below this share of the numbers themselves a range is as good as a single number.
const FLAT: f64 = 1e-12;
/// What is smaller than this is as good as 0.
const LEAST: f64 = 1e-290;

/// How much of its range an axis across may gain at each end.
pub(super) const REACH: f64 = 0.06;

/// A range of numbers and the round ones among them.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<Tick>,
    /// Whether equal ratios are equally wide.
    pub(super) is_log: bool,
}

#[derive(Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
    digits: i128,
    exponent: i32,
}

impl Tick {
    /// At `digits · 10^exponent`, without a label yet.
    pub(super) fn new(digits: i128, exponent: i32) -> Self {
        let at = format!("{digits}e{exponent}").parse().expect("digits and an exponent are a number");
        Self { at, label: String::new(), digits, exponent }
    }
}

/// `mantissa · 10^exponent`.
#[derive(Clone, Copy)]
struct Step {
    mantissa: i64,
    exponent: i32,
}

impl Step {
    /// So many steps.
    fn tick(self, count: i64) -> Tick {
        Tick::new(i128::from(count) * i128::from(self.mantissa), self.exponent)
    }

    /// So many steps, as a number.
    fn times(self, count: i64) -> f64 {
        self.tick(count).at
    }
}

impl Axis {
    /// An axis across, with at most so many steps between ticks. An end within 6 % of a tick moves to it.
    pub(super) fn across(range: Range, most: usize) -> Self {
        let (low, high) = if is_flat(range) {
            let half = (range.0.abs() / 2.0).max(0.5);
            ((range.0 - half).max(f64::MIN), (range.1 + half).min(f64::MAX))
        } else {
            range
        };
        let mut axis = Self::new((low, high), most, REACH);
        // A range that lies badly may hold a single tick.
        for more in most + 1..=2 * most.max(2) {
            if axis.ticks.len() > 1 {
                break;
            }
            axis = Self::new((low, high), more, REACH);
        }
        axis
    }

    /// An axis up, which ends in ticks, and starts at 0 unless that costs the lines much of the height.
    pub(super) fn up((low, high): Range, most: usize) -> Self {
        let range = match (low, high) {
            (low, high) if low.abs().max(high.abs()) < LEAST => (0.0, 1.0),
            (low, high) if is_flat((low, high)) => (low.min(0.0), high.max(0.0)),
            (low, high) if low > 0.0 && low < 0.4 * high => (0.0, high),
            (low, high) if high < 0.0 && high > 0.4 * low => (low, 0.0),
            range => range,
        };
        Self::new(range, most, 1.0)
    }

    /// Each end moves to the next tick if that is at most `reach` (a share of the range) away.
    fn new((low, high): Range, most: usize, reach: f64) -> Self {
        let step = step((low, high), most.max(2));
        let size = step.times(1);
        let span = high / 2.0 - low / 2.0;
        let near = |end: f64, tick: f64| {
            tick.is_finite() && (end / 2.0 - tick / 2.0).abs() <= span * reach.max(1e-9)
        };
        let (below, above) = ((low / size).floor() as i64, (high / size).ceil() as i64);
        let first = if near(low, step.times(below)) { below } else { below + 1 };
        let last = if near(high, step.times(above)) { above } else { above - 1 };
        let ticks: Vec<_> =
            (first..=last).map(|count| step.tick(count)).filter(|tick| tick.at.is_finite()).collect();
        let ends = |end: f64, tick: Option<&Tick>, pick: fn(f64, f64) -> f64| {
            tick.map_or(end, |tick| pick(end, tick.at))
        };
        Self {
            low: ends(low, ticks.first(), f64::min),
            high: ends(high, ticks.last(), f64::max),
            ticks,
            is_log: false,
        }
        .in_unit(Unit::None)
    }

    /// With labels in this unit.
    pub(super) fn in_unit(mut self, unit: Unit) -> Self {
        let shown = |tick: &Tick| tick.at.abs() * 10_f64.powi(unit.shift());
        let largest = Style::of(self.ticks.iter().map(shown).fold(0.0, f64::max));
        for tick in &mut self.ticks {
            let style = if self.is_log { Style::alone(shown(tick)) } else { largest };
            tick.label = unit.around(&style.label(tick.digits, tick.exponent + unit.shift()));
        }
        self
    }

    /// How far along the axis a number is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.is_log {
            let (low, high) = (self.low.ln(), self.high.ln());
            // Nothing at or below 0 is anywhere else than at the beginning.
            return ((value.max(0.0).ln() - low) / (high - low)).clamp(0.0, 1.0);
        }
        // Halves, because the whole range may be too large for a number.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        share.clamp(0.0, 1.0)
    }
}

/// Whether there is as good as a single number in the range.
pub(super) fn is_flat((low, high): Range) -> bool {
    let span = high / 2.0 - low / 2.0;
    span <= FLAT * low.abs().max(high.abs()) || span < LEAST
}

/// The smallest round step of which at most `most` span the range.
fn step((low, high): Range, most: usize) -> Step {
    let wanted = high / most as f64 - low / most as f64;
    let exponent = wanted.log10().floor() as i32;
    let steps = |exponent: i32| {
        // 250 reads well, 0.25 beside 0.5 does not.
        let quarter = if exponent > 0 { (25, exponent - 1) } else { (5, exponent) };
        [(1, exponent), (2, exponent), quarter, (5, exponent)]
    };
    [exponent - 1, exponent, exponent + 1]
        .into_iter()
        .flat_map(steps)
        .map(|(mantissa, exponent)| Step { mantissa, exponent })
        .filter(|step| step.times(1).is_finite())
        .find(|step| step.times(1) >= wanted * (1.0 - 1e-9))
        .unwrap_or(Step { mantissa: 1, exponent })
}

/// How the labels of an axis are written: all of them in the same way, but for those of a log scale.
#[derive(Clone, Copy)]
enum Style {
    /// `0.05`, `1000`.
    Plain,
    /// `250k`, `1.5M`.
    Thousands,
    /// `2.5e-4`.
    Scientific,
}

impl Style {
    fn of(largest: f64) -> Self {
        match largest {
            1e-3..1e5 => Self::Plain,
            1e5..1e9 => Self::Thousands,
            _ => Self::Scientific,
        }
    }

    /// Of a label on a log scale, where each has a size of its own.
    fn alone(size: f64) -> Self {
        if (1e4..1e5).contains(&size) { Self::Thousands } else { Self::of(size) }
    }

    fn label(self, digits: i128, exponent: i32) -> String {
        let size = digits.unsigned_abs();
        let sign = if digits < 0 { "-" } else { "" };
        if size == 0 {
            return "0".to_owned();
        }
        match self {
            Self::Plain => format!("{sign}{}", decimal(size, exponent)),
            Self::Thousands => {
                let whole = if exponent < 0 { size / 10_u128.pow(exponent.unsigned_abs()) } else { size };
                let places = whole.to_string().len() as i32 + exponent.max(0);
                let (shift, unit) = match places {
                    7.. => (6, "M"),
                    4.. => (3, "k"),
                    _ => (0, ""),
                };
                format!("{sign}{}{unit}", trimmed(&decimal(size, exponent - shift)))
            }
            Self::Scientific => {
                let text = size.to_string();
                let places = text.len() as i32 - 1;
                format!("{sign}{}e{}", trimmed(&decimal(size, -places)), exponent + places)
            }
        }
    }
}

/// `digits · 10^exponent` in full.
fn decimal(digits: u128, exponent: i32) -> String {
    let text = digits.to_string();
    let places = exponent.unsigned_abs() as usize;
    if exponent >= 0 {
        return text + &"0".repeat(places);
    }
    let text = format!("{text:0>width$}", width = places + 1);
    let (whole, fraction) = text.split_at(text.len() - places);
    format!("{whole}.{fraction}")
}

/// Without the zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}
