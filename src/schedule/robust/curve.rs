//! The optimum of a robust problem as a schedule: solved once, then stretched over any budget.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::{Measure, Problem};

/// Steps that a problem has unless told.
pub const HORIZON: usize = 100;

/// A noisy min–max problem in units of its largest curvature, and the curve that solves it.
#[derive(Clone)]
pub struct Robust {
    /// κ ≥ 1: curvatures lie between 1/κ and 1.
    pub condition: f64,
    /// σ² ≥ 0: the variance of the gradient's noise, where the distance to the minimum is 1 at first.
    pub noise: f64,
    /// The largest rate, above 0.
    pub cap: f64,
    /// Heavy-ball momentum, from 0 and below 1.
    pub momentum: f64,
    /// Steps that are solved for, 1 to [`MAX_STEPS`](super::MAX_STEPS).
    pub horizon: usize,
    /// The rates over the largest of them; made when they are first asked for.
    factors: Arc<OnceLock<Vec<f64>>>,
}

impl Robust {
    /// With rates up to 1, without momentum.
    #[must_use]
    pub fn new(condition: f64, noise: f64) -> Self {
        Self { condition, noise, cap: 1.0, momentum: 0.0, horizon: HORIZON, factors: Arc::default() }
    }

    /// The same problem, not solved yet: a copy whose fields were changed must not have the solution of what it was.
    #[must_use]
    pub fn unsolved(self) -> Self {
        Self { factors: Arc::default(), ..self }
    }

    /// The problem in full.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            low: 1.0 / self.condition,
            high: 1.0,
            steps: self.horizon,
            noise: self.noise,
            cap: self.cap,
            momentum: self.momentum,
            measure: Measure::of(self.noise),
        }
    }

    /// The factor at z = t/T: the solution's rates stand in the middle of the steps they were solved for, with straight
    /// lines between, over the largest of them. Takes up to seconds the first time.
    ///
    /// ```
    /// use sweep::schedule::Robust;
    /// let mut robust = Robust::new(5.0, 0.01);
    /// robust.horizon = 10;
    /// assert!(robust.factor(0.0) > robust.factor(0.99));
    /// ```
    #[must_use]
    pub fn factor(&self, z: f64) -> f64 {
        let factors = self.factors.get_or_init(|| {
            let rates = self.problem().solve().rates;
            let largest = rates.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            // A digit more is another on another processor, and would make another trial of it.
            rates.iter().map(|rate| (rate / largest * 1e6).round() / 1e6).collect()
        });
        let place = (z * factors.len() as f64 - 0.5).clamp(0.0, (factors.len() - 1) as f64);
        let (left, share) = (place.floor() as usize, place.fract());
        let right = factors[(left + 1).min(factors.len() - 1)];
        factors[left] + (right - factors[left]) * share
    }
}

impl Measure {
    /// What a problem is measured by unless told: the noise-free one by the distance, as the closed form has it.
    #[must_use]
    pub fn of(noise: f64) -> Self {
        if noise == 0.0 { Self::Distance } else { Self::Loss }
    }
}

impl PartialEq for Robust {
    fn eq(&self, other: &Self) -> bool {
        let all =
            |robust: &Self| (robust.condition, robust.noise, robust.cap, robust.momentum, robust.horizon);
        all(self) == all(other)
    }
}

impl fmt::Debug for Robust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robust")
            .field("condition", &self.condition)
            .field("noise", &self.noise)
            .field("cap", &self.cap)
            .field("momentum", &self.momentum)
            .field("horizon", &self.horizon)
            .finish()
    }
}
