//! At which level to look after each further pair, so that all looks together err no more often than one test would.
//!
//! Testing at 5 % after each of 3 to 10 pairs errs 14.6 % of the time. Enter at [`levels`].

use std::f64::consts::{FRAC_PI_2, TAU};

use super::student;

/// The exponent of the spending function.
const RHO: i32 = 2;

/// Points of the grid and of the integral, which leave the levels exact to 0.3 %.
const POINTS: usize = 256;

/// The nominal one-sided level of a t test at each number of pairs from `min` to `max`, of which a true hypothesis is
/// rejected at any with probability `alpha`, if it is tested at all of them.
///
/// Lan & DeMets (1983): by the look at n pairs, alpha·(n/max)² is spent (the power family, Kim & DeMets 1987).
/// Simulated with 3 to 10 pairs at 5 and 1.7 %, that costs up to 0.10 of the power of a single test of 10. ρ = 3 and
/// O'Brien and Fleming's shape cost 0.06 and 0.05, but half a seed more where the case is clear; ρ = 1 and Pocock's
/// cost 0.18 and 0.24, and save half a seed there.
///
/// Levels for normal statistics (Jennison & Turnbull 2000, section 19.2), applied to the t test's p values, would err
/// 13 to 25 % too often here, as t statistics of so few pairs depend less on each other. These are exact for normal
/// data, by the recursion of Jennison & Turnbull (1991, Biometrika 78:133–141) in the form that `Walk` tells.
///
/// # Panics
/// Unless 2 ≤ min ≤ max and 0 < alpha < ½.
#[must_use]
pub fn levels(min: usize, max: usize, alpha: f64) -> Vec<f64> {
    assert!(2 <= min && min <= max && 0.0 < alpha && alpha < 0.5, "{min} to {max} pairs at {alpha}");
    let spent = |pairs: usize| alpha * (pairs as f64 / max as f64).powi(RHO);
    let mut walk = Walk::new(min);
    let mut levels = Vec::with_capacity(max - min + 1);
    for pairs in min..=max {
        let spend = spent(pairs) - if pairs == min { 0.0 } else { spent(pairs - 1) };
        let psi = walk.bound(spend);
        levels.push(walk.level(psi));
        walk.stop_above(psi);
    }
    levels
}

/// All sequences of t statistics, under a true mean of 0, that no look has stopped yet.
///
/// With T and Q the sums of n values and of their squares, R = T/√Q = √n·sin ψ, where √(n − 1)·tan ψ is the t
/// statistic. All R up to n are independent of Q (Basu), so with tan φ = x/√Q for the next value x, φ is independent
/// of them, has a density in proportion to cosⁿ⁻¹ φ, and R′ = R·cos φ + sin φ: one number's walk, whatever the
/// variance is.
pub(super) struct Walk {
    pairs: usize,
    before: Option<Tails>,
    /// φ before the present look: its sine, its cosine, its probability.
    turns: Vec<(f64, f64, f64)>,
}

/// How likely a sequence was not stopped and has its ψ above points at equal distances, the last of which stops it.
struct Tails {
    low: f64,
    step: f64,
    values: Vec<f64>,
}

impl Walk {
    /// Before the first look.
    pub(super) fn new(pairs: usize) -> Self {
        Self { pairs, before: None, turns: Vec::new() }
    }

    /// The t test's level that rejects above ψ.
    pub(super) fn level(&self, psi: f64) -> f64 {
        let freedom = (self.pairs - 1) as f64;
        student::upper_tail(freedom.sqrt() * psi.tan(), freedom)
    }

    /// How likely a sequence comes to this look and has its ψ above this.
    pub(super) fn tail(&self, psi: f64) -> f64 {
        let Some(before) = &self.before else { return self.level(psi) };
        let now = psi.sin() * (self.pairs as f64).sqrt();
        let root = ((self.pairs - 1) as f64).sqrt();
        let above = |&(sine, cosine, weight): &(f64, f64, f64)| {
            weight * before.above(((now - sine) / cosine / root).clamp(-1.0, 1.0).asin())
        };
        self.turns.iter().map(above).sum()
    }

    /// The ψ above which a sequence comes with this probability, below ½.
    pub(super) fn bound(&self, probability: f64) -> f64 {
        let (mut low, mut high) = (0.0, FRAC_PI_2);
        // Until neighbouring numbers are reached.
        for _ in 0..f64::MANTISSA_DIGITS {
            let middle = f64::midpoint(low, high);
            if self.tail(middle) > probability { low = middle } else { high = middle }
        }
        high
    }

    /// Stops what lies above ψ, and goes on to the next look.
    pub(super) fn stop_above(&mut self, psi: f64) {
        let low = -widest(self.pairs);
        let step = (psi.min(-low) - low) / (POINTS - 1) as f64;
        let stopped = self.tail(psi);
        let at = |k: usize| self.tail(low + k as f64 * step) - stopped;
        let values = (0..POINTS - 1).map(at).chain([0.0]).collect();
        self.before = Some(Tails { low, step, values });
        let width = widest(self.pairs) / POINTS as f64;
        let turn = |k: usize| {
            let (sine, cosine) = ((2 * k + 1) as f64).mul_add(width, -widest(self.pairs)).sin_cos();
            (sine, cosine, cosine.powi(self.pairs as i32 - 1))
        };
        self.turns = (0..POINTS).map(turn).collect();
        let whole: f64 = self.turns.iter().map(|(_, _, weight)| weight).sum();
        self.turns.iter_mut().for_each(|(_, _, weight)| *weight /= whole);
        self.pairs += 1;
    }
}

impl Tails {
    /// By the cubic through the four nearest points; straight lines would widen the walk at each step.
    fn above(&self, psi: f64) -> f64 {
        let place = ((psi - self.low) / self.step).max(0.0);
        if place >= (POINTS - 1) as f64 {
            return 0.0;
        }
        let first = (place as usize).saturating_sub(1).min(POINTS - 4);
        let (x, values) = (place - first as f64, &self.values[first..first + 4]);
        let (a, b, c, d) = (x, x - 1.0, x - 2.0, x - 3.0);
        (a * b * c * values[3] - b * c * d * values[0]) / 6.0
            + (a * c * d * values[1] - a * b * d * values[2]) / 2.0
    }
}

/// Beyond this angle lies nothing that counts: both angles have a standard deviation of about 1/√n.
fn widest(pairs: usize) -> f64 {
    FRAC_PI_2.min(TAU / (pairs as f64).sqrt())
}
