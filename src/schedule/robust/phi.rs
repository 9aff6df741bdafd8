//! The rule behind `phi: auto`: the φ whose UBA curve has the smallest worst case for a number of steps, a
//! condition number and a noise. Enter at [`choose_phi`]. Ours, not the paper's.

use super::moments::{LANES, Lanes};
use super::problem::{padded, peak_of};
use super::search::LogSearch;

/// The shapes that `phi: auto` chooses among.
pub const PHIS: [f64; 8] = [0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0];

/// What was chosen, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// One of [`PHIS`].
    pub phi: f64,
    /// Each φ of [`PHIS`], in their order, with its worst case at its own best peak.
    pub worst: Vec<(f64, f64)>,
}

/// Longer budgets are followed in this many blocks of one rate each.
const BLOCKS: u64 = 4096;
/// Enough blocks to find the best peak: around it, the worst case hardly changes with the peak.
const ROUGH: u64 = 512;

/// The φ of [`PHIS`] with the smallest max over λ of λ·v_T, its peak being the best one in [1e-6, 1].
///
/// The problem is normalised: λ ∈ [1/κ, 1], v_0 = 1, rates up to 1 (one over the largest curvature), no
/// momentum, v_t = (1 − η_t·λ)²·v_{t−1} + σ²·η_t². In other units `noise` is σ²/(v_0·λ_u²).
/// `uba(z, φ)` is the factor at z = t/T. Values that agree to 1e-9 go to the smaller φ, so do those below the
/// range of `f64`: without noise the smallest φ is the answer. So it is at large κ and few steps.
///
/// Preconditions, checked in debug builds: 1 ≤ steps ≤ 1e9, 1 ≤ κ ≤ 1e12, 0 ≤ noise ≤ 1e12. The cost does
/// not grow beyond 4,096 steps: from there on each of as many
/// blocks has the rate of its middle.
///
/// ```
/// use sweep::schedule::robust::choose_phi;
/// let uba = |z: f64, phi: f64| 1.0 / (1.0 + phi / 2.0 * (std::f64::consts::FRAC_PI_2 * z).tan().powi(2));
/// assert_eq!(choose_phi(20, 1000.0, 1e-3, uba).phi, 0.25);
/// assert!(choose_phi(10_000, 100.0, 1e-3, uba).phi > 1.0);
/// ```
pub fn choose_phi(steps: u64, condition: f64, noise: f64, uba: impl Fn(f64, f64) -> f64) -> Choice {
    debug_assert!((1..=1_000_000_000).contains(&steps), "steps {steps}");
    debug_assert!((1.0..=1e12).contains(&condition), "condition number {condition}");
    debug_assert!((0.0..=1e12).contains(&noise), "noise {noise}");
    let curvatures = curvatures(condition);
    let search = LogSearch { low: 1e-6, high: 1.0, points: 37, sections: 12 };
    let worst = PHIS.map(|phi| {
        let rough = Blocks::new(steps, ROUGH, |z| uba(z, phi));
        let value = |peak| rough.worst(peak, noise, &curvatures);
        let peak = search.minimise(value).at;
        (phi, Blocks::new(steps, BLOCKS, |z| uba(z, phi)).worst(peak, noise, &curvatures))
    });
    let mut best = worst[0];
    for (phi, value) in worst {
        if value < best.1 * (1.0 - 1e-9) {
            best = (phi, value);
        }
    }
    Choice { phi: best.0, worst: worst.to_vec() }
}

/// Ascending, both ends included. Rates stay below 1/λ, so that v has no zeros and ln v bends slowly.
fn curvatures(condition: f64) -> Vec<f64> {
    let points = LANES * (3 + (condition.ln() / 4.0) as usize).min(6);
    let log = |index: usize| condition.ln() * (index as f64 / (points - 1) as f64 - 1.0);
    (0..points).map(|index| log(index).exp()).collect()
}

/// Runs of equal rates: (how many steps, factor).
pub(super) struct Blocks(Vec<(u64, f64)>);

impl Blocks {
    /// `steps` in at most `most` blocks; with no more steps than that, the exact curve.
    ///
    /// Blocks shorten towards the end, where the rate falls to zero and v remembers longest.
    pub(super) fn new(steps: u64, most: u64, factor: impl Fn(f64) -> f64) -> Self {
        let blocks = most.min(steps);
        let left = |index: u64| match (blocks - index) as f64 / blocks as f64 {
            share if blocks == steps => (share * steps as f64).round() as u64,
            share => (share * share * steps as f64).round() as u64,
        };
        let block = |index: u64| {
            let (length, start) = (left(index) - left(index + 1), steps - left(index));
            let middle = start as f64 + length.saturating_sub(1) as f64 / 2.0;
            (length, factor(middle / steps as f64))
        };
        Self((0..blocks).map(block).filter(|(length, _)| *length > 0).collect())
    }

    /// The largest λ·v_T at this peak, with a parabola through the top of the grid.
    pub(super) fn worst(&self, peak: f64, noise: f64, curvatures: &[f64]) -> f64 {
        let log = peak_of(curvatures, |curvatures| {
            let chunks =
                curvatures.chunks(LANES).map(|chunk| (chunk, self.squares(peak, noise, &padded(chunk))));
            chunks
                .flat_map(|(chunk, squares)| chunk.iter().zip(squares))
                .map(|(lambda, square)| lambda.ln() + square.ln())
                .collect()
        });
        log.exp()
    }

    /// v_T for each λ, from v_0 = 1.
    pub(super) fn squares(&self, peak: f64, noise: f64, lambda: &Lanes) -> Lanes {
        let mut squares = [1.0; LANES];
        for (length, factor) in &self.0 {
            let eta = peak * factor;
            let (power, sum) = powers(lambda.map(|lambda| (1.0 - eta * lambda).powi(2)), *length);
            let noise = noise * eta * eta;
            squares = std::array::from_fn(|i| power[i] * squares[i] + sum[i] * noise);
        }
        squares
    }
}

/// q^n and 1 + q + … + q^(n−1) for n ≥ 1, by doubling: nothing is subtracted, so that q near 1 costs no digits.
pub(super) fn powers(q: Lanes, n: u64) -> (Lanes, Lanes) {
    let (mut power, mut sum) = (q, [1.0; LANES]);
    for bit in (0..n.ilog2()).rev() {
        sum = std::array::from_fn(|i| sum[i] * (1.0 + power[i]));
        power = power.map(|power| power * power);
        if n >> bit & 1 == 1 {
            sum = std::array::from_fn(|i| sum[i] * q[i] + 1.0);
            power = std::array::from_fn(|i| power[i] * q[i]);
        }
    }
    (power, sum)
}
