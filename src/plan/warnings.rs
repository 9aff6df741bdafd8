//! What looks wrong with a schedule at a budget though it can be followed.

use sweep_wire::Facts;

use super::{Machine, PlanError, budgets::Budgeted, frame};
use crate::{
    schedule::{Schedule, Shape},
    spec::{Listed, Spec},
};

/// Steps that are looked at, evenly spaced.
const LOOKS: u64 = 2000;

/// A sentence for each schedule that does nothing at some budget, trains nothing, or rises above its peak; at the first
/// peak rate of the spec.
///
/// # Errors
/// As [`super::plan`].
pub fn warnings(spec: &Spec, text: &str, facts: &Facts, machine: Machine) -> Result<Vec<String>, PlanError> {
    let peak = spec.parameters.learning_rate[0];
    let budgets = frame(spec, text, facts, machine)?.budgets;
    let mut all = Vec::new();
    for listed in &spec.schedules {
        let Listed::Given(schedule) = listed else { continue };
        if matches!(schedule, Schedule::Robust(_) | Schedule::Constant) {
            continue;
        }
        let shape = Shape {
            schedule: schedule.clone(),
            warmup: spec.training.warmup,
            eta_min: spec.training.eta_min,
        };
        for Budgeted { name, steps, .. } in &budgets {
            if let Some(problem) = looked_at(&shape, peak, *steps) {
                all.push(format!("schedule `{schedule}` {problem} at budget {name} (steps: {steps})"));
            }
        }
    }
    Ok(all)
}

fn looked_at(shape: &Shape, peak: f64, steps: u64) -> Option<String> {
    let looks: Vec<f64> = (0..steps)
        .step_by(steps.div_ceil(LOOKS) as usize)
        .map(|step| shape.rate(peak, step, steps) / peak)
        .collect();
    let from_peak = || looks.iter().skip_while(|factor| **factor < 1.0);
    let largest = looks.iter().copied().fold(0.0, f64::max);
    // Formulas without a rate are errors, told by the plan.
    if !looks.iter().all(|factor| factor.is_finite()) {
        None
    } else if largest == 0.0 {
        Some("is zero throughout".to_owned())
    } else if largest > 1.0 + 1e-9 {
        Some(format!("rises to {largest:.4} times its peak"))
    } else if from_peak().count() > 1 && from_peak().all(|factor| *factor == 1.0) {
        Some("never leaves its peak".to_owned())
    } else {
        None
    }
}
