//! A schedule with what stands around it: warm-up before, a floor below.

use std::fmt;

use super::{Schedule, Table, Warmup};

/// A schedule, its warm-up and its floor: everything but the peak and the budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub schedule: Schedule,
    /// What stands in front unless the schedule has a [`Schedule::Warm`] of its own.
    pub warmup: Warmup,
    /// The rate that the factor 0 stands for. Warm-up starts below it where it must.
    pub eta_min: f64,
}

/// Where a formula gives no rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flaw {
    pub step: u64,
    /// The rate: negative, infinite in 32 bits, or not a number.
    pub rate: f64,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rate {:.3e} at step {}", self.rate, self.step)
    }
}

impl Shape {
    /// The learning rate at step t of T = `total`.
    ///
    /// With W warm-up steps it is, for t < W, the schedule's first rate times [`Warmup::factor`], and that first rate is the
    /// peak for nearly all; afterwards it is `eta_min + (peak − eta_min) · f` at step t − W of T − W. From T on the last value of
    /// f is held.
    ///
    /// ```
    /// use sweep::schedule::{Schedule, Shape, Warmup};
    /// let schedule = Schedule::Polynomial { power: 1.0 };
    /// let shape = Shape { schedule, warmup: Warmup::linear(0.2), eta_min: 0.0 };
    /// assert_eq!(shape.rate(1.0, 0, 10), 0.5);
    /// assert_eq!(shape.rate(1.0, 1, 10), 1.0);
    /// assert_eq!(shape.rate(1.0, 2, 10), 1.0);
    /// assert_eq!(shape.rate(1.0, 9, 10), 0.125);
    /// ```
    pub fn rate(&self, peak: f64, step: u64, total: u64) -> f64 {
        let span = Stretch { step, total, before: 0 };
        let (warmup, schedule) = self.parts();
        warmed(warmup, schedule, (peak, self.eta_min), span)
    }

    /// The rate of each step of a budget, and the momentum where it moves, as a worker reads them.
    ///
    /// # Errors
    /// A formula has no rate at some step; all other schedules have one at every step.
    pub fn table(&self, peak: f64, total: u64) -> Result<Table, Flaw> {
        let mut rates = Vec::with_capacity(usize::try_from(total).unwrap_or(usize::MAX));
        for step in 0..total {
            let rate = self.rate(peak, step, total);
            if !(rate as f32).is_finite() || rate < 0.0 {
                return Err(Flaw { step, rate });
            }
            rates.push(rate as f32);
        }
        let (warmup, schedule) = self.parts();
        let before = warmup.steps(total);
        let momenta = schedule.moves_momentum().then(|| {
            let of = |step: u64| schedule.momentum(step.saturating_sub(before), total.saturating_sub(before));
            (0..total).map(|step| of(step).unwrap_or_default() as f32).collect()
        });
        Ok(Table { rates, momenta })
    }

    /// The warm-up that counts, and what comes after it.
    fn parts(&self) -> (&Warmup, &Schedule) {
        match &self.schedule {
            Schedule::Warm { warmup, then } => (warmup, then),
            schedule => (&self.warmup, schedule),
        }
    }
}

/// Where in a trial a schedule is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Counted from the schedule's own start.
    pub(super) step: u64,
    /// The steps it has.
    pub(super) total: u64,
    /// The steps of the trial before it.
    pub(super) before: u64,
}

impl Stretch {
    /// From `start` to before `end`, counted as this one is.
    pub(super) fn inside(self, start: u64, end: u64) -> Self {
        Self { step: self.step - start, total: end - start, before: self.before + start }
    }
}

/// The rate of a schedule behind its warm-up; `heights` are the peak and the floor.
pub(super) fn warmed(warmup: &Warmup, then: &Schedule, heights: (f64, f64), span: Stretch) -> f64 {
    let steps = warmup.steps(span.total);
    if span.step >= steps {
        return then.rate(heights, span.inside(steps, span.total.max(steps)));
    }
    // Where warm-up takes all there is, it leads to the peak.
    let first = match steps < span.total {
        true => then.rate(heights, Stretch { step: steps, ..span }.inside(steps, span.total)),
        false => heights.0,
    };
    first * warmup.factor(span.step, steps)
}
