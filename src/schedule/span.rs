//! A length inside a schedule: a share of the steps that the schedule has, or steps.

use std::fmt;

use super::percent;

/// A length. `Display` is `25%`, `7 steps`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// Of the steps that the schedule has, above 0 and at most 1.
    Share(f64),
    /// At least 1.
    Steps(u64),
}

impl Span {
    /// In steps of a schedule that has `total`, rounded to the nearest, at least 1.
    ///
    /// ```
    /// use sweep::schedule::Span;
    /// assert_eq!(Span::Share(0.29).steps(100), 29);
    /// assert_eq!(Span::Share(0.001).steps(100), 1);
    /// assert_eq!(Span::Steps(7).steps(100), 7);
    /// ```
    pub fn steps(self, total: u64) -> u64 {
        match self {
            Self::Share(share) => ((share * total as f64).round() as u64).max(1),
            Self::Steps(steps) => steps,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => f.write_str(&percent(*share)),
            Self::Steps(1) => f.write_str("1 step"),
            Self::Steps(steps) => write!(f, "{steps} steps"),
        }
    }
}
