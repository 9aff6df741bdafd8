//! Budgets in steps: whatever a budget is given in, a trial trains so many steps and its schedule is made for them.

use sweep_wire::Facts;

use super::{Machine, PlanError};
use crate::spec::{Budget, MAX_STEPS, Spec};

/// A budget as printed and in steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Budgeted {
    pub(super) name: String,
    pub(super) steps: u64,
    /// How its steps came about, where that took a measurement.
    pub(super) settled: Option<String>,
}

/// The longest first.
pub(super) fn budgets(
    spec: &Spec,
    per_epoch: u64,
    facts: &Facts,
    machine: Machine,
) -> Result<Vec<Budgeted>, PlanError> {
    let mut budgets = Vec::new();
    for budget in &spec.budgets {
        let (steps, settled) = match *budget {
            Budget::Share(share) => (spec.training.full_budget.part(share, per_epoch), None),
            Budget::Length(length) => (length.steps(per_epoch), None),
            Budget::Time(seconds) => timed(*budget, seconds, facts)?,
            Budget::Money(usd) => paid(*budget, usd, facts, machine)?,
        };
        let name = budget.to_string();
        if steps > MAX_STEPS {
            return Err(PlanError::TooManySteps { budget: name, steps });
        }
        if let Some(same) = budgets.iter().find(|known: &&Budgeted| known.steps == steps) {
            return Err(PlanError::Same { budget: same.name.clone(), other: name, steps });
        }
        budgets.push(Budgeted { name, steps, settled });
    }
    budgets.sort_by_key(|budget| std::cmp::Reverse(budget.steps));
    Ok(budgets)
}

/// The whole steps that fit the time.
fn timed(budget: Budget, seconds: f64, facts: &Facts) -> Result<(u64, Option<String>), PlanError> {
    let step = step_seconds(facts)?;
    let steps = fitting(budget, seconds, step)?;
    Ok((steps, Some(format!("{budget} are {steps} steps, at {} each: {MEASURED}", milliseconds(step)))))
}

/// The whole steps that fit the price of a worker's share of the machine.
fn paid(
    budget: Budget,
    usd: f64,
    facts: &Facts,
    Machine { share, usd_per_hour, .. }: Machine,
) -> Result<(u64, Option<String>), PlanError> {
    let Some(usd_per_hour) = usd_per_hour else {
        return Err(PlanError::NotMeasured { at: "budgets", what: "what the machine costs" });
    };
    let step = step_seconds(facts)?;
    let seconds = usd / (usd_per_hour * share) * 3600.0;
    let steps = fitting(budget, seconds, step)?;
    let words = format!(
        "{budget} are {steps} steps, at ${} an hour for the machine, of which a worker takes {:.3}, and {} a step: {MEASURED}",
        usd_per_hour,
        share,
        milliseconds(step)
    );
    Ok((steps, Some(words)))
}

const MEASURED: &str = "measured here with all workers at work, evaluations not counted";

fn step_seconds(facts: &Facts) -> Result<f64, PlanError> {
    let measured = facts.measured.as_ref().and_then(|measured| measured.step_seconds);
    measured.ok_or(PlanError::NotMeasured { at: "budgets", what: "the time of a step" })
}

fn fitting(budget: Budget, seconds: f64, step: f64) -> Result<u64, PlanError> {
    match (seconds / step).floor() {
        steps if steps >= 1.0 => Ok(steps as u64),
        _ => Err(PlanError::LessThanAStep { budget: budget.to_string(), step: milliseconds(step) }),
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1e3)
}
