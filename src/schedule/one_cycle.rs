//! The one-cycle policy: once up and once down, the momentum moving the other way.
//!
//! Source: Smith and Topin, "Super-convergence: Very fast training of neural networks using large learning rates",
//! arXiv 1708.07120; PyTorch's `OneCycleLR`, whose definition ends at step T − 1.

use std::f64::consts::PI;

/// The parameters of a one-cycle schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneCycle {
    /// Share of the budget in which the rate climbs, above 0 and below 1; PyTorch's `pct_start`. At most ½ with three
    /// phases.
    pub up: f64,
    /// The peak is so many times the first rate, at least 1; PyTorch's `div_factor`.
    pub start: f64,
    /// The first rate is so many times the last one, at least 1; PyTorch's `final_div_factor`.
    pub end: f64,
    pub anneal: Anneal,
    /// Whether the way down stops at the first rate and a third phase leads to the last one.
    pub three_phase: bool,
    pub momentum: Option<Momentum>,
}

/// The curve of each phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anneal {
    Cosine,
    Linear,
}

/// Between what the momentum moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Momentum {
    /// Where the rate is at its peak, from 0 and below 1.
    pub base: f64,
    /// Where it is low.
    pub max: f64,
}

impl Default for OneCycle {
    /// As PyTorch has it.
    fn default() -> Self {
        Self {
            up: 0.3,
            start: 25.0,
            end: 1e4,
            anneal: Anneal::Cosine,
            three_phase: false,
            momentum: Some(Momentum { base: 0.85, max: 0.95 }),
        }
    }
}

impl OneCycle {
    /// From 1/start at step 0 to 1 at step up·T − 1, to 1/(start·end) at step T − 1, each phase half a cosine wave or a
    /// straight line; with three phases back to 1/start at 2·up·T − 2 first.
    ///
    /// ```
    /// use sweep::schedule::one_cycle::OneCycle;
    /// let cycle = OneCycle::default();
    /// assert!((cycle.factor(0, 100) - 0.04).abs() < 1e-15);
    /// assert_eq!(cycle.factor(29, 100), 1.0);
    /// assert!((cycle.factor(99, 100) - 0.04 / 1e4).abs() < 1e-15);
    /// assert_eq!(cycle.momentum(29, 100), Some(0.85));
    /// ```
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        let (low, last) = (1.0 / self.start, 1.0 / self.start / self.end);
        self.moved(step, total, [low, 1.0, if self.three_phase { low } else { last }, last])
    }

    /// The momentum at step t of T, if it moves.
    pub fn momentum(&self, step: u64, total: u64) -> Option<f64> {
        let Momentum { base, max } = self.momentum?;
        Some(self.moved(step, total, [max, base, max, max]))
    }

    /// What moves from the first value to the last, phase by phase.
    fn moved(&self, step: u64, total: u64, values: [f64; 4]) -> f64 {
        // Warm-up has taken all there was.
        if total == 0 {
            return values[0];
        }
        let total = total as f64;
        let (up, end) = (self.up * total - 1.0, total - 1.0);
        let ends = if self.three_phase { [up, 2.0 * up, end] } else { [up, end, end] };
        let t = (step as f64).min(end);
        let phase = ends.iter().position(|end| t <= *end).unwrap_or(2);
        let from = if phase == 0 { 0.0 } else { ends[phase - 1] };
        // Of a budget of one step nothing is between.
        let share = if ends[phase] > from { (t - from) / (ends[phase] - from) } else { 1.0 };
        let (first, last) = (values[phase], values[phase + 1]);
        match self.anneal {
            Anneal::Cosine => last + (first - last) / 2.0 * ((PI * share).cos() + 1.0),
            Anneal::Linear => first + (last - first) * share,
        }
    }
}
