//! From (step, total) to learning rate: one file per family, each with its formula and source.
//!
//! Enter at [`Shape::rate`] or [`Shape::table`]; [`Schedule`] lists the families, [`FAMILIES`] describes them. [`robust`]
//! solves the problem that UBA stands for, [`Properties`] says what can be said of a curve. Nothing here reads a spec, a
//! clock or a file: bad parameters are refused at their place in the spec, never turned into a silent constant.

pub mod constant;
pub mod cosine;
pub mod cyclical;
pub mod d2z;
pub mod exponential;
pub mod expr;
mod families;
pub mod inverse_sqrt;
pub mod join;
mod name;
pub mod one_cycle;
pub mod piecewise;
pub mod polynomial;
pub mod power;
mod properties;
pub mod rex;
pub mod robust;
pub mod sgdr;
mod shape;
mod span;
pub mod step;
mod table;
#[cfg(test)]
mod tests;
pub mod uba;
mod warmup;
pub mod wsd;

pub use cyclical::Cyclical;
pub use exponential::Decay;
pub use expr::Formula;
pub use families::{FAMILIES, Family};
pub use join::Part;
pub(crate) use name::percent;
pub use one_cycle::OneCycle;
pub use piecewise::Interpolation;
pub use properties::{Properties, last_iterate_bound};
pub use robust::Robust;
pub use sgdr::Period;
pub use shape::{Flaw, Shape};
pub use span::Span;
pub use step::Drops;
pub use table::Table;
pub use warmup::{Ramp, Warmup};
pub use wsd::Tail;

use shape::{Stretch, warmed};

/// How the learning rate moves over a budget, for nearly all as a factor of its peak.
///
/// `Display` is the canonical name: equal schedules print alike, such as `uba(phi=1)`, `linear`,
/// `step(milestones=50%/75%,gamma=0.1)`.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Unified budget-aware, φ > 0; see [`uba`].
    Uba { phi: f64 },
    /// The peak throughout; see [`constant`].
    Constant,
    /// Drops by `gamma` (0 < γ < 1) at milestones or every so often; see [`step`](mod@step).
    Step { drops: Drops, gamma: f64 },
    /// Geometric decay; see [`exponential`].
    Exponential(Decay),
    /// `(1 − z)^power`, power > 0; power 1 is called `linear`; see [`polynomial`].
    Polynomial { power: f64 },
    /// Linear to exactly zero, whatever the floor; see [`d2z`].
    D2z,
    /// Half a cosine wave; see [`cosine`].
    Cosine,
    /// Cosine waves with restarts, `t_mult` ≥ 1; see [`sgdr`].
    Sgdr { period: Period, t_mult: f64 },
    /// Up and down; see [`cyclical`].
    Cyclical(Cyclical),
    /// Once up and once down, with the momentum; see [`one_cycle`].
    OneCycle(OneCycle),
    /// Reflected exponential, β > 0; see [`rex`].
    Rex { beta: f64 },
    /// Hold, then decay over the last share `decay` (0 < decay ≤ 1); see [`wsd`].
    Wsd { decay: f64, tail: Tail },
    /// Inverse square root; the time scale is the warm-up's unless given; see [`inverse_sqrt`].
    InverseSqrt { timescale: Option<Span> },
    /// `min(peak, a · n^b)`, a > 0, b < 0; see [`power`].
    Power { a: f64, b: f64 },
    /// Through points (share of the budget, factor), ascending; see [`piecewise`].
    Piecewise { points: Vec<(f64, f64)>, interpolation: Interpolation },
    /// A formula of one's own; see [`expr`].
    Expr(Formula),
    /// The numerical optimum of a robust problem; see [`robust`].
    Robust(Robust),
    /// One after another, at least one; see [`join`].
    Join(Vec<Part>),
    /// Behind a warm-up of its own; see [`Warmup`].
    Warm { warmup: Warmup, then: Box<Schedule> },
}

impl Schedule {
    /// The factor of the peak at step `step` (from 0) of `total`, without warm-up or floor. From `total` on the value at the
    /// end is held.
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        self.rate((1.0, 0.0), Stretch { step, total, before: 0 })
    }

    /// The rate between peak and floor.
    fn rate(&self, (peak, floor): (f64, f64), span: Stretch) -> f64 {
        let Stretch { total, before, .. } = span;
        let step = span.step.min(total);
        let z = if step < total { step as f64 / total as f64 } else { 1.0 };
        let factor = match self {
            Self::Uba { phi } => uba::factor(z, *phi),
            Self::Constant => constant::factor(),
            Self::Step { drops, gamma } => step::factor(step, total, drops, *gamma),
            Self::Exponential(Decay::EndRatio(ratio)) => exponential::to_ratio(z, *ratio),
            Self::Exponential(Decay::PerStep(gamma)) => exponential::per_step(step, *gamma),
            Self::Polynomial { power } => polynomial::factor(z, *power),
            Self::Cosine => cosine::factor(z),
            Self::Sgdr { period, t_mult } => sgdr::factor(step, total, *period, *t_mult),
            Self::Cyclical(cyclical) => cyclical.factor(step, total),
            Self::OneCycle(cycle) => cycle.factor(step, total),
            Self::Rex { beta } => rex::factor(z, *beta),
            Self::Wsd { decay, tail } => wsd::factor(z, *decay, *tail),
            Self::InverseSqrt { timescale } => {
                let scale = timescale.map_or(before.max(1), |span| span.steps(before + total));
                inverse_sqrt::factor(before + step, scale)
            }
            Self::Piecewise { points, interpolation } => piecewise::factor(z, points, *interpolation),
            Self::Expr(formula) => formula.value(step, total),
            Self::Robust(robust) => robust.factor(z),
            // These say the rate itself.
            Self::D2z => return d2z::rate(z, peak),
            Self::Power { a, b } => return power::rate(before + step, peak, *a, *b).max(floor),
            Self::Join(parts) => {
                let (part, start, end) = join::place(step, total, parts);
                let within = Stretch { step, ..span }.inside(start, end);
                return part.schedule.rate((peak * part.peak, floor), within);
            }
            Self::Warm { warmup, then } => return warmed(warmup, then, (peak, floor), span),
        };
        floor + (peak - floor) * factor
    }

    /// Solves what is robust of it now instead of when the first rate is asked for.
    pub fn solve(&self) {
        match self {
            Self::Robust(robust) => {
                let _ = robust.factor(0.0);
            }
            Self::Join(parts) => parts.iter().for_each(|part| part.schedule.solve()),
            Self::Warm { then, .. } => then.solve(),
            _ => {}
        }
    }

    /// Whether it moves the momentum.
    #[must_use]
    pub fn moves_momentum(&self) -> bool {
        match self {
            Self::OneCycle(cycle) => cycle.momentum.is_some(),
            Self::Warm { then, .. } => then.moves_momentum(),
            _ => false,
        }
    }

    /// The momentum at step `step` of `total`, if it moves it.
    #[must_use]
    pub fn momentum(&self, step: u64, total: u64) -> Option<f64> {
        match self {
            Self::OneCycle(cycle) => cycle.momentum(step, total),
            _ => None,
        }
    }

    /// The smallest peak of its parts as a factor of its own.
    #[must_use]
    pub fn lowest_peak(&self) -> f64 {
        match self {
            Self::Join(parts) => {
                parts.iter().map(|part| part.peak * part.schedule.lowest_peak()).fold(1.0, f64::min)
            }
            Self::Warm { then, .. } => then.lowest_peak(),
            _ => 1.0,
        }
    }
}
