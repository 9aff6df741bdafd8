//! What a spec leaves open about a schedule, settled for a budget: the φ of `phi: auto`.

use sweep_wire::{Curvature, Facts};

use super::PlanError;
use crate::{
    schedule::{Schedule, Shape, Warmup, robust, uba},
    spec::{Listed, Spec, Work},
};

/// The schedule of a budget of so many steps with what stands around it, and how it was settled, if it had to be.
pub(super) fn shape(
    spec: &Spec,
    listed: &Listed,
    steps: u64,
    facts: &Facts,
) -> Result<(Shape, Option<String>), PlanError> {
    let around = |schedule| Shape { schedule, warmup: spec.training.warmup, eta_min: spec.training.eta_min };
    let own = match listed {
        Listed::Given(schedule) => return Ok((around(schedule.clone()), None)),
        Listed::UbaAuto { warmup } => *warmup,
    };
    let measured = facts.measured.as_ref().and_then(|measured| measured.curvature.as_ref());
    let curvature =
        measured.ok_or(PlanError::NotMeasured { at: "schedules", what: "the model's curvature" })?;
    let passes = match &spec.work {
        Work::Model(model) => f64::from(model.updates.accumulate),
        Work::Program(_) => 1.0,
    };
    let (phi, words) = phi(curvature, own.unwrap_or(spec.training.warmup), steps, passes);
    let schedule = Schedule::Uba { phi };
    let schedule = match own {
        Some(warmup) => Schedule::Warm { warmup, then: Box::new(schedule) },
        None => schedule,
    };
    Ok((around(schedule), Some(words)))
}

/// The φ of the grid that is best on the noisy robust problem of these steps, and why, in words.
fn phi(curvature: &Curvature, warmup: Warmup, steps: u64, passes: f64) -> (f64, String) {
    let condition = (curvature.top / curvature.low).clamp(1.0, 1e9);
    let noise = (curvature.noise / passes).clamp(0.0, 1e6);
    let left = (steps - warmup.steps(steps).min(steps)).max(1);
    let choice = robust::choose_phi(left, condition, noise, uba::factor);
    let words = format!(
        "phi = {}, the best of {} on the noisy robust problem of {left} steps; curvature from {:.2e} to {:.2e} \
         (condition number {condition:.3e}) and noise {noise:.2e}, measured once at the initial weights of seed {}; a hint \
         of ours, not the paper's",
        choice.phi,
        choice.worst.iter().map(|(phi, _)| phi.to_string()).collect::<Vec<_>>().join(", "),
        curvature.low,
        curvature.top,
        curvature.seed,
    );
    (choice.phi, words)
}
