//! What a spec leaves open about a schedule, settled for a budget: the φ of `phi: auto`.

use sweep_wire::{Curvature, Facts};

use super::PlanError;
use crate::{
    schedule::{Schedule, Shape, robust, uba},
    spec::{Listed, Spec, Work},
};

/// The schedule of a budget with what stands around it.
pub(super) struct Settled {
    pub(super) shape: Shape,
    /// The schedule's name, where the spec left open which it is.
    pub(super) followed: Option<String>,
    /// How that was settled.
    pub(super) sentences: Vec<String>,
}

/// The schedule of a budget of so many steps.
pub(super) fn shape(spec: &Spec, listed: &Listed, steps: u64, facts: &Facts) -> Result<Settled, PlanError> {
    let (warmup, eta_min) = (spec.training.warmup, spec.training.eta_min);
    let own = match listed {
        Listed::Given(schedule) => {
            let shape = Shape { schedule: schedule.clone(), warmup, eta_min };
            return Ok(Settled { shape, followed: None, sentences: Vec::new() });
        }
        Listed::UbaAuto { warmup } => *warmup,
    };
    let measured = facts.measured.as_ref().and_then(|measured| measured.curvature.as_ref());
    let curvature =
        measured.ok_or(PlanError::NotMeasured { at: "schedules", what: "the model's curvature" })?;
    let passes = match &spec.work {
        Work::Model(model) => f64::from(model.updates.accumulate),
        Work::Program(_) => 1.0,
    };
    // What warm-up takes is not the schedule's.
    let left = (steps - own.unwrap_or(warmup).steps(steps).min(steps)).max(1);
    let (phi, sentences) = phi(curvature, left, passes);
    let schedule = match own {
        Some(warmup) => Schedule::Warm { warmup, then: Box::new(Schedule::Uba { phi }) },
        None => Schedule::Uba { phi },
    };
    let followed = Some(schedule.to_string());
    Ok(Settled { shape: Shape { schedule, warmup, eta_min }, followed, sentences })
}

/// The φ of the grid that is best on the noisy robust problem of these steps, and why, in words.
fn phi(curvature: &Curvature, steps: u64, passes: f64) -> (f64, Vec<String>) {
    let condition = (curvature.top / curvature.low).clamp(1.0, 1e9);
    let noise = (curvature.noise() / passes).clamp(0.0, 1e6);
    let choice = robust::choose_phi(steps, condition, noise, uba::factor);
    let best = choice.worst.iter().map(|(_, worst)| *worst).fold(f64::INFINITY, f64::min);
    let others: Vec<String> =
        choice.worst.iter().map(|(phi, worst)| format!("{phi} ×{:.3}", worst / best)).collect();
    let mut chosen = format!(
        "phi = {}: the smallest worst case on the noisy robust problem of {steps} steps after warm-up; by phi: {}",
        choice.phi,
        others.join(", ")
    );
    if choice.phi == robust::PHIS[0] {
        chosen += "; it is the smallest of the list: so few steps for such curvatures want the rate held";
    }
    let measured = format!(
        "curvature from {:.2e} to {:.2e} (condition number {condition:.3e}) and noise {noise:.2e}, measured once at the \
         initial weights of seed {}; choosing by them is a hint of ours, not the paper's",
        curvature.low, curvature.top, curvature.seed,
    );
    (choice.phi, vec![chosen, measured])
}
