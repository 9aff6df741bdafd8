//! How much worse is still as good.

use std::{fmt, str::FromStr};

/// A margin of non-inferiority, above 0. `Display` is how it is written: `0.5pp`, `1%`, `0.02`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// Percentage points of a metric that is a share, such as an accuracy; the number is a share: `0.5pp` is 0.005.
    Points(f64),
    /// Of the baseline's mean; the number is a share: `1%` is 0.01.
    Relative(f64),
    /// In the metric's own unit.
    Absolute(f64),
}

impl Margin {
    /// What goes with a metric where nobody says: half a point of a share, otherwise one percent.
    #[must_use]
    pub fn of(metric: &str) -> Self {
        if is_share(metric) { Self::Points(0.005) } else { Self::Relative(0.01) }
    }

    /// In the metric's unit. A relative one takes the baseline's mean for the true one, whose own error it leaves out.
    #[must_use]
    pub fn absolute(self, baseline: f64) -> f64 {
        match self {
            Self::Points(margin) | Self::Absolute(margin) => margin,
            Self::Relative(share) => share * baseline.abs(),
        }
    }

    /// Whether points of it exist: they do of shares only.
    #[must_use]
    pub fn suits(self, metric: &str) -> bool {
        !matches!(self, Self::Points(_)) || is_share(metric)
    }
}

/// How sure an answer is to be, such as `95%` or `0.95`: a share above ½ and below 1.
///
/// # Errors
/// What it should be.
pub fn confidence(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent.trim(), 100.0));
    let share = number.parse::<f64>().ok().map(|number| number / scale);
    let share = share.filter(|share| *share > 0.5 && *share < 1.0);
    share.ok_or_else(|| "a share above 50% and below 100%, such as `95%`".to_owned())
}

/// Whether a metric such as `test/accuracy` is a share from 0 to 1.
#[must_use]
pub fn is_share(metric: &str) -> bool {
    let name = metric.rsplit('/').next().unwrap_or_default();
    name == "accuracy" || name.ends_with("_accuracy")
}

impl FromStr for Margin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "a margin is written `0.5pp` (percentage points), `1%` (of the baseline) or `0.02`".to_owned();
        let number = |text: &str, most: f64| {
            let number: f64 = text.trim().parse().map_err(|_| wrong())?;
            if number > 0.0 && number <= most { Ok(number) } else { Err(wrong()) }
        };
        let text = text.trim();
        if let Some(points) = text.strip_suffix("pp") {
            return Ok(Self::Points(number(points, 100.0)? / 100.0));
        }
        match text.strip_suffix('%') {
            Some(share) => Ok(Self::Relative(number(share, 100.0)? / 100.0)),
            None => Ok(Self::Absolute(number(text, f64::MAX)?)),
        }
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shares are written with the digits that were read.
        let percent = |share: f64| (share * 1e14).round() / 1e12;
        match *self {
            Self::Points(share) => write!(f, "{}pp", percent(share)),
            Self::Relative(share) => write!(f, "{}%", percent(share)),
            Self::Absolute(margin) => write!(f, "{margin}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_are_read_as_they_are_written() {
        for (text, margin) in [
            ("0.5pp", Margin::Points(0.005)),
            ("100pp", Margin::Points(1.0)),
            ("1%", Margin::Relative(0.01)),
            ("0.25%", Margin::Relative(0.0025)),
            ("0.02", Margin::Absolute(0.02)),
            ("12", Margin::Absolute(12.0)),
        ] {
            assert_eq!(text.parse(), Ok(margin));
            assert_eq!(margin.to_string(), text);
        }
        for text in ["", "pp", "0pp", "-1%", "101pp", "100.1%", "0", "nan", "inf", "1 point", "1e999"] {
            assert!(text.parse::<Margin>().is_err(), "{text}");
        }
    }

    #[test]
    fn shares_of_confidence() {
        for (text, share) in [
            ("95%", Some(0.95)),
            (" 0.9 ", Some(0.9)),
            ("50%", None),
            ("100%", None),
            ("95", None),
            ("x", None),
        ] {
            assert_eq!(confidence(text).ok(), share, "{text}");
        }
    }

    #[test]
    fn a_margin_in_the_metrics_unit() {
        for (margin, metric, baseline, absolute) in [
            ("0.5pp", "test/accuracy", 0.9, 0.005),
            ("1%", "test/loss", 2.5, 0.025),
            ("1%", "test/log_likelihood", -2.5, 0.025),
            ("0.02", "test/loss", 2.5, 0.02),
        ] {
            let margin: Margin = margin.parse().unwrap();
            assert!((margin.absolute(baseline) - absolute).abs() < 1e-15 && margin.suits(metric));
        }
        assert!(!Margin::Points(0.005).suits("test/perplexity"));
        assert_eq!(
            (Margin::of("test/top5_accuracy"), Margin::of("train/loss")),
            (Margin::Points(0.005), Margin::Relative(0.01))
        );
    }
}
