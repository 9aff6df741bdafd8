//! Days of the calendar, without clocks and time zones.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const MS_PER_DAY: i64 = 86_400_000;

/// A day of the Gregorian calendar, written and kept as `2026-11-09`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    /// Since 1970-01-01.
    days: i64,
}

impl Date {
    /// The day, in UTC, of a moment given in milliseconds since 1970-01-01.
    #[must_use]
    pub fn of_unix_ms(ms: i64) -> Self {
        Self { days: ms.div_euclid(MS_PER_DAY) }
    }

    /// Days from an earlier day to this one; negative where that one is later.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        self.days - earlier.days
    }
}

/// Days from 1970-01-01 to a day. Years are taken from March on, so that the leap day is the last of its year, and in
/// eras of 400 years, which all have 146,097 days; after Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
}

/// Year, month and day; the inverse of [`days`], Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

impl FromStr for Date {
    /// What it should have been.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a day such as `2026-11-09`";
        let bytes = text.as_bytes();
        let shape =
            |(at, byte): (usize, &u8)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() };
        if bytes.len() != 10 || !bytes.iter().enumerate().all(shape) {
            return Err(EXPECTED);
        }
        let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().map_err(|_| EXPECTED);
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let found = Self { days: days(year, month, day) };
        // There is no 2026-02-30, and what it would come to is another day.
        if civil(found.days) == (year, month, day) { Ok(found) } else { Err(EXPECTED) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.days);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl TryFrom<String> for Date {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        // By Python's `date.toordinal`, less that of 1970-01-01.
        for (text, expected) in [
            ("1970-01-01", 0),
            ("0001-01-01", -719_162),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2024-02-29", 19_782),
            ("2026-11-09", 20_766),
            ("2100-02-28", 47_540),
            ("2100-03-01", 47_541),
            ("9999-12-31", 2_932_896),
        ] {
            let date: Date = text.parse().unwrap();
            assert_eq!((date.days, date.to_string().as_str()), (expected, text));
        }
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(day("2026-03-01").days_since(day("2026-02-01")), 28);
        assert_eq!(day("2026-02-01").days_since(day("2026-03-01")), -28);
    }

    #[test]
    fn every_day_is_the_day_after_the_one_before() {
        let mut before = civil(-150_000);
        for number in -149_999..300_000 {
            let (year, month, day) = civil(number);
            assert_eq!(days(year, month, day), number);
            assert!((year, month, day) > before && (day == before.2 + 1 || day == 1), "{before:?}");
            before = (year, month, day);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11",
            "2026-11-9",
            "2026-1-09",
            "2026-11-091",
            "26-11-09",
            "2026/11/09",
            "09.11.2026",
            "2026-00-09",
            "2026-13-09",
            "2026-11-00",
            "2026-11-31",
            "2026-02-29",
            "2100-02-29",
            "+026-11-09",
            "2026-11-0９",
            " 2026-11-09",
            "2026-11-09T00:00:00Z",
            "today",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_on_its_day_in_utc() {
        for (ms, day) in [
            (0, "1970-01-01"),
            (86_399_999, "1970-01-01"),
            (86_400_000, "1970-01-02"),
            (-1, "1969-12-31"),
            (1_795_651_199_999, "2026-11-25"),
            (1_795_651_200_000, "2026-11-26"),
        ] {
            assert_eq!(Date::of_unix_ms(ms).to_string(), day, "{ms}");
        }
    }
}
