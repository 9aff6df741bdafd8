//! From (step, total) to learning rate: one file per family, each with its formula and source.
//!
//! Enter at [`Shape::rate`] or [`Shape::table`]; [`Schedule`] lists the families. Nothing here reads a
//! spec, a clock or a file: bad parameters are refused at their place in the spec, never turned into a
//! silent constant.

pub mod constant;
pub mod cosine;
pub mod exponential;
pub mod polynomial;
pub mod rex;
mod shape;
pub mod step;
#[cfg(test)]
mod tests;
pub mod uba;
pub mod wsd;

use std::fmt;

pub use exponential::Decay;
pub use shape::Shape;
pub use wsd::Tail;

/// How the learning rate falls from its peak over a budget, as a factor of the peak.
///
/// `Display` is the canonical name: equal schedules print alike, such as `uba(phi=1)`, `linear`,
/// `step(milestones=50%/75%,gamma=0.1)`.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Unified budget-aware, φ > 0; see [`uba`].
    Uba { phi: f64 },
    /// The peak throughout; see [`constant`].
    Constant,
    /// Drops by `gamma` (0 < γ < 1) at each milestone, a share of the budget; see [`step`](mod@step).
    Step { milestones: Vec<f64>, gamma: f64 },
    /// Geometric decay; see [`exponential`].
    Exponential(Decay),
    /// `(1 − z)^power`, power > 0; power 1 is called `linear`; see [`polynomial`].
    Polynomial { power: f64 },
    /// Half a cosine wave; see [`cosine`].
    Cosine,
    /// Reflected exponential, β > 0; see [`rex`].
    Rex { beta: f64 },
    /// Hold, then decay over the last share `decay` (0 < decay ≤ 1); see [`wsd`].
    Wsd { decay: f64, tail: Tail },
}

impl Schedule {
    /// The factor f ∈ [0, 1] at step `step` (from 0) of `total`. From `total` on the value at the end is held.
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        let z = if step < total { step as f64 / total as f64 } else { 1.0 };
        match self {
            Self::Uba { phi } => uba::factor(z, *phi),
            Self::Constant => constant::factor(),
            Self::Step { milestones, gamma } => step::factor(step, total, milestones, *gamma),
            Self::Exponential(Decay::EndRatio(ratio)) => exponential::to_ratio(z, *ratio),
            Self::Exponential(Decay::PerStep(gamma)) => exponential::per_step(step.min(total), *gamma),
            Self::Polynomial { power } => polynomial::factor(z, *power),
            Self::Cosine => cosine::factor(z),
            Self::Rex { beta } => rex::factor(z, *beta),
            Self::Wsd { decay, tail } => wsd::factor(z, *decay, *tail),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uba { phi } => write!(f, "uba(phi={phi})"),
            Self::Constant => f.write_str("constant"),
            Self::Step { milestones, gamma } => {
                let milestones: Vec<String> = milestones.iter().map(|share| percent(*share)).collect();
                write!(f, "step(milestones={},gamma={gamma})", milestones.join("/"))
            }
            Self::Exponential(Decay::EndRatio(ratio)) => write!(f, "exponential(end_ratio={ratio})"),
            Self::Exponential(Decay::PerStep(gamma)) => write!(f, "exponential(gamma={gamma})"),
            Self::Polynomial { power: 1.0 } => f.write_str("linear"),
            Self::Polynomial { power } => write!(f, "polynomial(power={power})"),
            Self::Cosine => f.write_str("cosine"),
            Self::Rex { beta } => write!(f, "rex(beta={beta})"),
            Self::Wsd { decay, tail } => write!(f, "wsd(decay={},shape={})", percent(*decay), tail.name()),
        }
    }
}

/// A share as people write it: 0.07 is `7%`. Rounded where binary fractions would show.
pub(crate) fn percent(share: f64) -> String {
    format!("{}%", (share * 1e11).round() / 1e9)
}
