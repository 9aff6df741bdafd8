//! What the numbers of an axis are counted in, and how they are written.

/// What stands at the numbers of an axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unit {
    #[default]
    None,
    /// The numbers are shares, of which 0.85 is shown as `85 %`.
    Percent,
    /// Stands before each number, such as `$`.
    Before(&'static str),
    /// Stands after each number, such as ` h`.
    After(&'static str),
}

impl Unit {
    /// By how many powers of ten what is shown is larger than what is meant.
    pub(super) fn shift(self) -> i32 {
        if self == Self::Percent { 2 } else { 0 }
    }

    /// With the unit, which comes after a sign.
    pub(super) fn around(self, number: &str) -> String {
        match self {
            Self::None => number.to_owned(),
            Self::Percent => format!("{number} %"),
            Self::After(unit) => format!("{number}{unit}"),
            Self::Before(unit) => match number.strip_prefix('-') {
                Some(size) => format!("-{unit}{size}"),
                None => format!("{unit}{number}"),
            },
        }
    }

    /// How many decimals show four digits of the largest of some values, if that shows enough of the smallest and they
    /// are not all whole.
    pub(super) fn decimals(self, values: impl Iterator<Item = f64>) -> Option<usize> {
        let (mut low, mut high, mut are_whole) = (f64::MAX, 0.0_f64, true);
        for shown in values.map(|value| value.abs() * 10_f64.powi(self.shift())) {
            (low, high) = (low.min(shown), high.max(shown));
            are_whole &= shown.fract() == 0.0;
        }
        let is_even = low >= high / 100.0 && (1e-3..1e9).contains(&high) && !are_whole;
        is_even.then(|| (3 - high.log10().floor() as i32).max(0) as usize)
    }

    /// A value with this many decimals, or as [`Unit::bare`] if it is none, without the unit itself.
    pub(super) fn fixed(self, value: f64, decimals: Option<usize>) -> String {
        match decimals {
            Some(decimals) => format!("{:.decimals$}", value * 10_f64.powi(self.shift())),
            None => self.bare(value),
        }
    }

    /// A value with four digits, or with all of its whole ones.
    pub(super) fn value(self, value: f64) -> String {
        self.around(&self.bare(value))
    }

    /// As [`Unit::value`], without the unit itself.
    pub(super) fn bare(self, value: f64) -> String {
        let shown = value * 10_f64.powi(self.shift());
        let size = shown.abs();
        if value == 0.0 {
            return "0".to_owned();
        }
        if (1e3..1e9).contains(&size) {
            return format!("{shown:.0}");
        }
        // Rounded as digits: 1e-4 stays 1e-4.
        let digits = format!("{value:.3e}");
        let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
        let exponent = exponent.parse::<i32>().unwrap_or(0) + self.shift();
        if (1e-3..1e9).contains(&size) {
            let rounded = format!("{mantissa}e{exponent}").parse::<f64>();
            return rounded.map_or(digits, |rounded| rounded.to_string());
        }
        format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
    }
}
