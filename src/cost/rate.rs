//! How long each of something takes, from some of it that were timed, and what so many more will take.
//!
//! The model is a line through the origin whose noise grows with the count: `seconds = each · count + e`, the variance of e
//! being `noise · count`. Its estimator is the ratio of sums, and what it says of a total not seen yet is Royall's ("On
//! finite population sampling theory under certain linear regression models", Biometrika 57, 1970).

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Interval, median};

/// Seconds for each of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub each: f64,
    /// Variance per count.
    noise: f64,
    /// How many were timed.
    seen: f64,
    /// Degrees of freedom; 0 where it was timed once, which says nothing of its spread.
    freedom: f64,
}

/// What something is expected to take, in seconds or in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    pub mean: f64,
    variance: f64,
    /// The sum of `variance² / freedom` of independent parts, by which Welch and Satterthwaite tell the freedom of the whole.
    squares: f64,
    /// Whether the spread of any part is known.
    spread: bool,
}

impl Rate {
    /// The ratio of sums of (count, seconds); pairs without a count say nothing. None of nothing.
    #[must_use]
    pub fn of(timed: &[(f64, f64)]) -> Option<Self> {
        let timed: Vec<_> = timed.iter().copied().filter(|(count, _)| *count > 0.0).collect();
        let [seen, seconds] = timed.iter().fold([0.0, 0.0], |sum, (x, y)| [sum[0] + x, sum[1] + y]);
        (seen > 0.0).then(|| Self::around(seconds / seen, &timed))
    }

    /// The median of the ratios, for what differs more than noise explains.
    #[must_use]
    pub fn by_median(timed: &[(f64, f64)]) -> Option<Self> {
        let timed: Vec<_> = timed.iter().copied().filter(|(count, _)| *count > 0.0).collect();
        let ratios: Vec<f64> = timed.iter().map(|(count, seconds)| seconds / count).collect();
        median(&ratios).map(|each| Self::around(each, &timed))
    }

    fn around(each: f64, timed: &[(f64, f64)]) -> Self {
        let freedom = timed.len() as f64 - 1.0;
        let squares: f64 = timed.iter().map(|(x, y)| (y - each * x).powi(2) / x).sum();
        let noise = if freedom > 0.0 { squares / freedom } else { 0.0 };
        Self { each, noise, seen: timed.iter().map(|(count, _)| count).sum(), freedom }
    }

    /// Of [`Rate::each`]; none where it was timed once.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        (self.freedom > 0.0).then(|| (self.noise / self.seen).sqrt())
    }

    /// What `count` more take: the mean may be off, and they have noise of their own.
    #[must_use]
    pub fn predict(&self, count: f64) -> Estimate {
        let variance = self.noise * count * (1.0 + count / self.seen);
        let spread = self.freedom > 0.0;
        let squares = if spread { variance * variance / self.freedom } else { 0.0 };
        Estimate { mean: self.each * count, variance, squares, spread }
    }
}

impl Estimate {
    /// Both together; they are independent.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            mean: self.mean + other.mean,
            variance: self.variance + other.variance,
            squares: self.squares + other.squares,
            spread: self.spread || other.spread,
        }
    }

    /// In another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            mean: self.mean * factor,
            variance: self.variance * factor.powi(2),
            squares: self.squares * factor.powi(4),
            ..self
        }
    }

    /// Student's two-sided interval at 95 %, not below 0. A part that was timed once adds its time and no spread; none where
    /// every part was.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let half = self.half()?;
        Some(Interval { mean: self.mean, low: (self.mean - half).max(0.0), high: self.mean + half })
    }

    /// Half the width of that interval, where it is not cut off.
    #[must_use]
    pub fn half(&self) -> Option<f64> {
        if !self.spread {
            return None;
        }
        if self.variance <= 0.0 {
            return Some(0.0);
        }
        let freedom = self.variance * self.variance / self.squares;
        Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975) * self.variance.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1e-9), "{found} is not {expected}");
    }

    /// A prediction of `count` more from what was timed: its mean, and half its interval.
    fn check(timed: &[(f64, f64)], count: f64, expected: (f64, Option<f64>)) {
        let estimate = Rate::of(timed).unwrap().predict(count);
        close(estimate.mean, expected.0);
        assert_eq!(estimate.half().is_some(), expected.1.is_some(), "{timed:?}");
        if let (Some(found), Some(expected)) = (estimate.half(), expected.1) {
            close(found, expected);
        }
    }

    #[test]
    fn equal_counts_give_the_textbooks_prediction_interval() {
        // Of five values with mean 3 and s = √2.5 the next is within t(0.975, 4) · s · √(1 + 1/5), and t is 2.776445.
        let five: Vec<_> = (1..=5).map(|value| (1.0, f64::from(value))).collect();
        let t = 2.776_445_105;
        check(&five, 1.0, (3.0, Some(t * (2.5_f64 * 1.2).sqrt())));
        // The sum of ten more: ten times the mean's error, and the noise of ten.
        check(&five, 10.0, (30.0, Some(t * (2.5_f64 * (10.0 + 100.0 / 5.0)).sqrt())));
        close(Rate::of(&five).unwrap().standard_error().unwrap(), (2.5_f64 / 5.0).sqrt());
    }

    #[test]
    fn counts_weigh() {
        // The ratio of sums is 2. Residuals 1 and −1 over counts 1 and 4: noise = 1/1 + 1/4.
        let timed = [(1.0, 3.0), (4.0, 7.0)];
        let t = 12.706_204_736;
        check(&timed, 5.0, (10.0, Some(t * (1.25_f64 * 5.0 * 2.0).sqrt())));
        check(&[(10.0, 20.0), (20.0, 40.0)], 7.0, (14.0, Some(0.0)));
        check(&[(0.0, 5.0), (2.0, 4.0)], 1.0, (2.0, None));
        check(&[(5.0, 10.0)], 3.0, (6.0, None));
        assert_eq!(Rate::of(&[]), None);
        assert_eq!(Rate::of(&[(0.0, 1.0)]), None);
    }

    #[test]
    fn a_median_is_not_moved_by_one_that_stood_still() {
        let timed = [(10.0, 10.0), (10.0, 11.0), (10.0, 900.0)];
        close(Rate::by_median(&timed).unwrap().each, 1.1);
        assert_eq!(Rate::by_median(&[]), None);
    }

    #[test]
    fn parts_add_up_with_the_freedom_that_welch_and_satterthwaite_give() {
        let part = |values: &[f64]| {
            let timed: Vec<_> = values.iter().map(|value| (1.0, *value)).collect();
            Rate::of(&timed).unwrap().predict(1.0)
        };
        // Variances 1.2·2.5 = 3 with 4 degrees and 1.5·0.5 = 0.75 with 1: 3.75² / (9/4 + 0.5625) = 5, and t is 2.570582.
        let sum = part(&[1.0, 2.0, 3.0, 4.0, 5.0]).plus(part(&[1.0, 2.0]));
        close(sum.mean, 4.5);
        close(sum.half().unwrap(), 2.570_581_836 * 3.75_f64.sqrt());
        // Hours and dollars have the same freedom.
        close(sum.times(0.25).half().unwrap(), 2.570_581_836 * 3.75_f64.sqrt() / 4.0);
        // What was timed once adds its time alone.
        let with_one = sum.plus(part(&[7.0]));
        close(with_one.mean, 11.5);
        close(with_one.half().unwrap(), sum.half().unwrap());
        let low = sum.plus(part(&[0.0, -4.0])).interval().unwrap().low;
        assert!(low >= 0.0, "nothing takes less than no time: {low}");
        assert_eq!(Estimate::default().interval(), None);
    }
}
