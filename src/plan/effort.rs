//! How much of what a trial is made of, and which trials take as long as others.

use sweep_wire::{Every, Facts, Job, Program};

use super::{Course, Task, key::measured_key, program::spelled};

/// What is to be done for a trial, or is left of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    pub steps: u64,
    /// Batches of all evaluations.
    pub batches: u64,
    /// Files of trained weights.
    pub weights: u64,
    /// When checkpoints are written; a program's are its own.
    every: Option<Every>,
}

impl Effort {
    /// How many checkpoints are written where a step takes so long, evaluations not counted.
    #[must_use]
    pub fn checkpoints(&self, step_seconds: f64) -> u64 {
        match self.every {
            None => 0,
            // None after the last step.
            Some(Every::Steps(every)) => self.steps.saturating_sub(1) / every.max(1),
            Some(Every::Seconds(every)) => (self.steps as f64 * step_seconds / every).floor() as u64,
        }
    }
}

/// The effort of a trial of so many steps that goes on from step `from`.
#[must_use]
pub fn effort(task: &Task, steps: u64, course: &Course, facts: &Facts, from: u64) -> Effort {
    let left = steps.saturating_sub(from);
    let Task::Train(job) = task else {
        return Effort { steps: left, batches: 0, weights: 0, every: None };
    };
    let batches = |samples: u64| samples.div_ceil(job.batch_size.max(1));
    let (validation, test) = (facts.validation_samples, facts.test_samples);
    let held_out = if test > 0 { test } else { validation };
    // On the way one set is looked at, at the end all are, and as many training samples.
    let on_the_way = batches(if validation > 0 { validation } else { test });
    let at_the_end = batches(validation) + batches(test) + batches(held_out.min(facts.train_samples));
    let looks = course.evaluate.iter().filter(|step| (from..steps).contains(step)).count() as u64;
    let sets = if course.keep.best.is_some() { 2 } else { 1 };
    Effort {
        steps: left,
        batches: looks * on_the_way + at_the_end,
        weights: if course.keep.weights { sets } else { 0 },
        every: Some(course.keep.every),
    }
}

/// Whether steps and evaluations of two jobs take as long: they differ in paths and in numbers of the optimiser alone.
#[must_use]
pub fn are_alike((one, facts): (&Job, &Facts), (other, others): (&Job, &Facts)) -> bool {
    let same_kind = std::mem::discriminant(&one.optimizer) == std::mem::discriminant(&other.optimizer);
    let one = Job { optimizer: other.optimizer, ..one.clone() };
    same_kind && measured_key(&one, facts, 1) == measured_key(other, others, 1)
}

/// Whether two programs are run with the same words and variables, wherever they lie.
#[must_use]
pub fn are_same_program(one: &Program, other: &Program) -> bool {
    spelled(one) == spelled(other) && one.environment == other.environment
}
