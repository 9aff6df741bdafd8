//! A problem, the worst case of rates in it, and what a given shape can reach. Enter at [`Problem`].

use std::f64::consts::{FRAC_PI_2, PI};

use super::moments::{HeavyBall, LANES, Lanes, Plain, Rule, Trace, log_square};
use super::search::LogSearch;

/// What the worst curvature is judged by, after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// v_T, the mean square of the distance to the minimum; v_0 = 1.
    Distance,
    /// λ·v_T, twice the loss above the minimum.
    Loss,
}

/// The best rates that were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// One a step, in (0, cap]. Without noise and momentum any order is as good: then largest first.
    pub rates: Vec<f64>,
    /// Their worst case, as [`Problem::worst`] says it.
    pub worst: f64,
    /// How often the smoothed objective and its gradient were computed.
    pub evaluations: usize,
}

/// Gradient descent from w_0 = 1 on quadratics of curvature λ ∈ [low, high], seen through noisy gradients:
///
/// `m' = μm + λw + ξ`, `w' = w − ηm'`, `Var ξ = σ²`, `v = E w²`; with μ = 0 that is
/// `v_t = (1 − η_t·λ)²·v_{t−1} + σ²·η_t²`.
///
/// Rates are absolute. Preconditions, checked in debug builds: 0 < low ≤ high, noise ≥ 0, cap > 0,
/// 0 ≤ momentum < 1, all finite, cap · high ≤ 1e6.
///
/// ```
/// use sweep::schedule::robust::{Measure, Problem};
/// let problem = Problem {
///     low: 1.0, high: 5.0, steps: 4, noise: 0.0, cap: 1.0, momentum: 0.0, measure: Measure::Distance,
/// };
/// // One rate of 1/3 takes either end of [1, 5] two thirds past the minimum or towards it.
/// assert!((problem.worst(&[1.0 / 3.0]) - 4.0 / 9.0).abs() < 1e-12);
/// let best = problem.closed_form().unwrap();
/// assert!((problem.solve().worst / best - 1.0).abs() < 1e-3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Problem {
    /// The smallest curvature.
    pub low: f64,
    /// The largest curvature.
    pub high: f64,
    /// T ∈ [1, [`MAX_STEPS`](super::MAX_STEPS)], the number of rates to find.
    pub steps: usize,
    /// σ² ≥ 0, the variance of the gradient's noise.
    pub noise: f64,
    /// The largest rate allowed.
    pub cap: f64,
    /// μ ∈ [0, 1) of the heavy ball; 0 for plain descent.
    pub momentum: f64,
    pub measure: Measure,
}

/// A shape at its best peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled {
    pub peak: f64,
    /// The worst case there.
    pub worst: f64,
}

/// The UBA curve that comes closest to an optimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    pub phi: f64,
    pub peak: f64,
    /// The worst case of the curve at that peak.
    pub worst: f64,
    /// `worst` over the optimum's: 1 or more, up to rounding. 1 where both are zero.
    pub ratio: f64,
}

/// Searching compares like with like and can do with fewer curvatures than the last word.
pub(super) const SEARCH: usize = 4;
pub(super) const FINE: usize = 16;

impl Problem {
    /// The worst case of `rates` (any number of them) over [low, high].
    ///
    /// Curvatures stand closer than the T + 1 peaks of the best polynomial, with a parabola through the top of
    /// each high one. 0 where the value is below the range of `f64`, infinite above it.
    pub fn worst(&self, rates: &[f64]) -> f64 {
        self.log_worst(rates, &self.curvatures(rates.len(), FINE)).exp()
    }

    /// The peak in [1e-6·cap, cap] at which `peak · shape` has the smallest worst case.
    ///
    /// Factors of the shape are ≥ 0 and finite, one a step; its length need not be [`Self::steps`].
    pub fn best_scale(&self, shape: &[f64]) -> Scaled {
        let peak = self.best_peak(shape).0;
        Scaled { peak, worst: self.worst(&scaled(shape, peak)) }
    }

    /// The optimum of v_T where it is known: no noise, no momentum, [`Measure::Distance`], and `cap` not
    /// below the largest Chebyshev rate.
    ///
    /// `1 / cosh²(T·acosh((κ + 1)/(κ − 1)))` with κ = high/low; 0 at κ = 1.
    pub fn closed_form(&self) -> Option<f64> {
        self.check();
        let plain = self.noise == 0.0 && self.momentum == 0.0 && self.measure == Measure::Distance;
        let largest = self.chebyshev().into_iter().fold(0.0, f64::max);
        // The rate itself is rounded: a cap that was meant to equal it does not bind.
        if !plain || self.cap < largest * (1.0 - 1e-12) {
            return None;
        }
        // acosh((κ + 1)/(κ − 1)) = ln((√κ + 1)/(√κ − 1)), where κ near 1 costs no digits.
        let (low, high) = (self.low.sqrt(), self.high.sqrt());
        let gap = (self.high - self.low) / (low + high);
        let decay = self.steps as f64 * (gap / (low + high)).ln();
        let root = 2.0 * decay.exp() / (1.0 + (2.0 * decay).exp());
        Some(root * root)
    }

    /// The φ ∈ [1e-3, 1e3] whose UBA curve, at its own best peak, has the smallest worst case.
    ///
    /// `uba(z, φ)` is the factor at z = t/T, the share of the budget gone before step t = 0, 1, …, T − 1.
    pub fn nearest_phi(&self, solution: &Solution, uba: impl Fn(f64, f64) -> f64) -> Nearest {
        let steps = solution.rates.len();
        let curve =
            |phi: f64| -> Vec<f64> { (0..steps).map(|t| uba(t as f64 / steps as f64, phi)).collect() };
        let search = LogSearch { low: 1e-3, high: 1e3, points: 31, sections: 16 };
        let value = |phi| self.best_peak(&curve(phi)).1;
        let phi = search.minimise(value).at;
        let Scaled { peak, worst } = self.best_scale(&curve(phi));
        let ratio = if worst == solution.worst { 1.0 } else { worst / solution.worst };
        Nearest { phi, peak, worst, ratio }
    }

    /// The rates 1/(c − r·cos θ_t), θ_t = (2t − 1)π/(2T), largest first.
    pub(super) fn chebyshev(&self) -> Vec<f64> {
        let width = self.high - self.low;
        let half = |t| PI * (2 * t + 1) as f64 / (4 * self.steps) as f64;
        (0..self.steps).map(|t| 1.0 / (self.low + width * f64::sin(half(t)).powi(2))).collect()
    }

    /// The best peak of a shape and ln of its worst case, both by the fewer curvatures.
    pub(super) fn best_peak(&self, shape: &[f64]) -> (f64, f64) {
        self.check();
        let curvatures = self.curvatures(shape.len(), SEARCH);
        let value = |peak| self.log_worst(&scaled(shape, peak), &curvatures);
        let search = LogSearch { low: 1e-6 * self.cap, high: self.cap, points: 49, sections: 24 };
        let found = search.minimise(value);
        (found.at, found.value)
    }

    /// Ascending curvatures for T steps, ends included: in λ, those of the tops of the best polynomial and
    /// `per_step` − 1 between two of them; in ln λ, half as many.
    pub(super) fn curvatures(&self, steps: usize, per_step: usize) -> Vec<f64> {
        let cells = per_step * steps.max(8);
        let share = |index: usize, cells: usize| (FRAC_PI_2 * index as f64 / cells as f64).sin().powi(2);
        let (low, width, condition) = (self.low, self.high - self.low, self.high / self.low);
        let linear = (0..=cells).map(|index| low + width * share(index, cells));
        let log = (0..=cells / 2).map(|index| low * condition.powf(share(index, cells / 2)));
        let mut all: Vec<f64> = linear.chain(log).map(|lambda| lambda.clamp(low, self.high)).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    /// ln of the measure for each curvature, in their order.
    pub(super) fn logs(&self, rates: &[f64], curvatures: &[f64]) -> Vec<f64> {
        if self.momentum == 0.0 {
            self.logs_by(&Plain, rates, curvatures)
        } else {
            self.logs_by(&HeavyBall(self.momentum), rates, curvatures)
        }
    }

    fn logs_by<R: Rule>(&self, rule: &R, rates: &[f64], curvatures: &[f64]) -> Vec<f64> {
        let mut trace = Trace::new();
        let mut logs = Vec::with_capacity(curvatures.len());
        for chunk in curvatures.chunks(LANES) {
            let lambda = padded(chunk);
            let squares = log_square(rule, rates, &lambda, self.noise, &mut trace);
            logs.extend(chunk.iter().zip(squares).map(|(lambda, log)| log + self.log_weight(*lambda)));
        }
        logs
    }

    /// ln of what the measure multiplies v by.
    pub(super) fn log_weight(&self, lambda: f64) -> f64 {
        match self.measure {
            Measure::Distance => 0.0,
            Measure::Loss => lambda.ln(),
        }
    }

    /// ln of the worst case by these ascending curvatures and the tops between them.
    pub(super) fn log_worst(&self, rates: &[f64], curvatures: &[f64]) -> f64 {
        self.check();
        peak_of(curvatures, |curvatures| self.logs(rates, curvatures))
    }

    pub(super) fn check(&self) {
        debug_assert!(self.low > 0.0 && self.low <= self.high && self.high.is_finite(), "{self:?}");
        debug_assert!(self.noise >= 0.0 && self.noise.is_finite(), "{self:?}");
        debug_assert!(self.cap > 0.0 && self.cap * self.high <= 1e6, "{self:?}");
        debug_assert!((0.0..1.0).contains(&self.momentum), "{self:?}");
    }
}

fn scaled(shape: &[f64], peak: f64) -> Vec<f64> {
    shape.iter().map(|factor| peak * factor).collect()
}

/// A chunk of 1 to [`LANES`] curvatures with the last one repeated.
pub(super) fn padded(chunk: &[f64]) -> Lanes {
    std::array::from_fn(|lane| chunk[lane.min(chunk.len() - 1)])
}

/// The largest value of a function of ascending points: the largest on them, or at one of their [`tops`].
/// Infinite if a value is NaN.
pub(super) fn peak_of(points: &[f64], values: impl Fn(&[f64]) -> Vec<f64>) -> f64 {
    let on_grid = values(points);
    let above = values(&tops(points, &on_grid));
    above.into_iter().chain(on_grid).fold(f64::NEG_INFINITY, nan_max)
}

/// Where a function of ascending points is likely to be largest: the tops of the parabolas through each high
/// inner peak and its neighbours. `logs` are logarithms of it.
pub(super) fn tops(points: &[f64], logs: &[f64]) -> Vec<f64> {
    let highest = logs.iter().copied().fold(f64::NEG_INFINITY, nan_max);
    (1..logs.len().max(2) - 1)
        // Four points a peak, the fewest here, can miss a sixth of its height.
        .filter(|at| logs[*at] >= logs[at - 1].max(logs[at + 1]).max(highest - 0.5))
        .filter_map(|at| vertex(&points[at - 1..=at + 1], &logs[at - 1..=at + 1]))
        .collect()
}

/// `f64::max` hides NaN, which here means that the rates blew up.
fn nan_max(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::INFINITY } else { left.max(right) }
}

/// Where the parabola through three points has its top, if it has one.
fn vertex(x: &[f64], y: &[f64]) -> Option<f64> {
    let (left, right) = (x[1] - x[0], x[2] - x[1]);
    let (rise, fall) = ((y[1] - y[0]) / left, (y[2] - y[1]) / right);
    let curve = (fall - rise) / (left + right);
    let at = x[1] - (rise * right + fall * left) / (left + right) / (2.0 * curve);
    (curve < 0.0 && at > x[0] && at < x[2]).then_some(at)
}
