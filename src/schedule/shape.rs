//! A schedule with what stands around it: warm-up before, a floor below.

use super::Schedule;

/// A schedule, its warm-up and its floor: everything but the peak and the budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub schedule: Schedule,
    /// Share of the trial's own budget, 0 ≤ warmup < 1, rounded to the nearest step.
    pub warmup: f64,
    /// The rate that the factor 0 stands for. Warm-up starts below it where it must.
    pub eta_min: f64,
}

impl Shape {
    /// The learning rate at step t of T = `total`.
    ///
    /// With W = round(warmup · T) warm-up steps it is `peak · (t + 1) / W` for t < W, and
    /// `eta_min + (peak − eta_min) · f((t − W) / (T − W))` afterwards. From T on the last value of f is held.
    ///
    /// ```
    /// use sweep::schedule::{Schedule, Shape};
    /// let shape = Shape { schedule: Schedule::Polynomial { power: 1.0 }, warmup: 0.2, eta_min: 0.0 };
    /// assert_eq!(shape.rate(1.0, 0, 10), 0.5);
    /// assert_eq!(shape.rate(1.0, 1, 10), 1.0);
    /// assert_eq!(shape.rate(1.0, 2, 10), 1.0);
    /// assert_eq!(shape.rate(1.0, 9, 10), 0.125);
    /// ```
    pub fn rate(&self, peak: f64, step: u64, total: u64) -> f64 {
        let warmup = (self.warmup * total as f64).round() as u64;
        if step < warmup {
            return peak * (step + 1) as f64 / warmup as f64;
        }
        let factor = self.schedule.factor(step - warmup, total.saturating_sub(warmup));
        self.eta_min + (peak - self.eta_min) * factor
    }

    /// The rate of each step of a budget, as a worker reads it.
    pub fn table(&self, peak: f64, total: u64) -> Vec<f32> {
        (0..total).map(|step| self.rate(peak, step, total) as f32).collect()
    }
}
