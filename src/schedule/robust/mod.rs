//! The min–max problem that UBA stands for, solved by number: the rates that are best against the worst
//! curvature of a range, under gradient noise, a bound on the rate and momentum.
//!
//! Enter at [`Problem`] for the optimum and what a shape loses to it, at [`choose_phi`] for the rule behind
//! `phi: auto`, at [`Robust`] for the optimum as a schedule. Curves come in as numbers or closures.
//!
//! Source: Tang et al., "Stepsize anything: A unified learning rate schedule for budgeted-iteration
//! training", arXiv 2505.24452, for the noise-free problem; noise, bound, momentum and rule are ours.

mod curve;
mod moments;
mod phi;
mod problem;
mod search;
mod solve;
#[cfg(test)]
mod tests;

pub use curve::{HORIZON, Robust};
pub use phi::{Choice, PHIS, choose_phi};
pub use problem::{Measure, Nearest, Problem, Scaled, Solution};

/// The most steps that [`Problem::solve`] takes.
pub const MAX_STEPS: usize = 200;
