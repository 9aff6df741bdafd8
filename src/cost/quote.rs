//! What a sweep will take before anything of it is trained: time and money, and the limits that they reach.
//!
//! Enter at [`Quote::new`]. A trial is so many parts of some kinds, each kind with a [`Rate`]; times add up, so those of the
//! trials add up to those of their budgets and these to the whole. Intervals do not: all of them hang on the same rates.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    Estimate, Rate,
    limits::{AskedLimits, Checks, LimitCheck},
};

/// What a trial's time is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Reading model and data, before a worker's first trial of a job.
    Load,
    /// First weights.
    Start,
    Step,
    /// A batch of an evaluation.
    Evaluation,
    Checkpoint,
    /// Writing trained weights.
    Weights,
}

impl Part {
    pub const ALL: [Self; 6] =
        [Self::Load, Self::Start, Self::Step, Self::Evaluation, Self::Checkpoint, Self::Weights];

    /// As JSON spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Start => "start",
            Self::Step => "step",
            Self::Evaluation => "evaluation_batch",
            Self::Checkpoint => "checkpoint",
            Self::Weights => "weights",
        }
    }
}

/// How many of each part, in the order of [`Part::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Demand(pub [f64; Part::ALL.len()]);

/// The rate of each part, in the order of [`Part::ALL`]; a part without one takes no time, or is counted with another.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates(pub [Option<Rate>; Part::ALL.len()]);

/// A budget, and what one whole trial of it takes in a worker that has loaded model and data.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotedBudget {
    pub name: String,
    pub steps: u64,
    pub whole: Demand,
}

/// A trial in the plan's order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotedTrial {
    /// Its place among the budgets.
    pub budget: usize,
    pub stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// It has a result.
    Done,
    /// It is the same as one before it in the plan, and is trained once.
    Repeated,
    /// So many steps and all else of it are left.
    Open { steps: u64, left: Demand },
}

/// What trials run on and what is asked of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Trials at one time, at least 1.
    pub workers: u32,
    /// What each worker takes of the machine, from 0 to 1.
    pub share: f64,
    /// Of the whole machine.
    pub usd_per_hour: Option<f64>,
    /// Device seconds of attempts so far, each weighted with its share of the machine.
    pub machine_seconds: f64,
    pub limits: AskedLimits,
}

/// Of one budget, or of all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Places in the plan.
    pub trials: u64,
    pub done: u64,
    /// Those to be trained.
    pub left: u64,
    pub repeated: u64,
    /// Of those that are left.
    pub steps_left: u64,
    /// Of all that is left, one after another; none where nobody knows.
    pub device_seconds: Option<Estimate>,
    pub usd: Option<Estimate>,
}

/// A budget with what it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetLine {
    pub name: String,
    pub steps: u64,
    /// One whole trial in a worker that has loaded model and data.
    pub each: Option<Estimate>,
    pub line: Line,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    /// As they were given.
    pub budgets: Vec<BudgetLine>,
    /// Mean seconds of what is left of each trial, in the plan's order.
    pub seconds: Vec<Option<f64>>,
    pub total: Line,
    /// While at least one trial runs, nobody else being at work.
    pub wall_seconds: Option<Estimate>,
    pub limits: Vec<LimitCheck>,
}

impl Demand {
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
        self
    }

    /// With so many of a part.
    #[must_use]
    pub fn with(mut self, part: Part, count: f64) -> Self {
        self.0[part as usize] = count;
        self
    }
}

impl Rates {
    #[must_use]
    pub fn get(&self, part: Part) -> Option<Rate> {
        self.0[part as usize]
    }

    #[must_use]
    pub fn with(mut self, part: Part, rate: Option<Rate>) -> Self {
        self.0[part as usize] = rate;
        self
    }

    /// What this takes; none where no step was ever timed.
    #[must_use]
    pub fn predict(&self, demand: Demand) -> Option<Estimate> {
        self.get(Part::Step)?;
        let known = self.0.iter().zip(demand.0).filter_map(|(rate, count)| Some((rate.as_ref()?, count)));
        Some(known.fold(Estimate::default(), |sum, (rate, count)| sum.plus(rate.predict(count))))
    }
}

/// What so many seconds of a share of a machine cost.
#[must_use]
pub fn dollars(device_seconds: Estimate, share: f64, usd_per_hour: f64) -> Estimate {
    device_seconds.times(share / 3600.0 * usd_per_hour)
}

impl Quote {
    /// The quote for trials of these budgets.
    #[must_use]
    pub fn new(
        budgets: Vec<QuotedBudget>,
        trials: &[QuotedTrial],
        rates: &Rates,
        conditions: &Conditions,
    ) -> Self {
        let mut sums = vec![(Line::default(), Demand::default()); budgets.len()];
        let (mut total, mut all) = (Line::default(), Demand::default());
        let mut open = Vec::new();
        let mut seconds = Vec::with_capacity(trials.len());
        for trial in trials {
            let (line, demand) = &mut sums[trial.budget];
            line.count(trial.stage);
            total.count(trial.stage);
            let left = if let Stage::Open { left, .. } = trial.stage { left } else { Demand::default() };
            *demand = demand.plus(left);
            all = all.plus(left);
            let mean = rates.predict(left).map(|estimate| estimate.mean);
            seconds.push(mean);
            if matches!(trial.stage, Stage::Open { .. }) {
                open.push((left, mean));
            }
        }
        let priced = |demand| {
            let device = rates.predict(demand);
            let usd = device.zip(conditions.usd_per_hour);
            (device, usd.map(|(device, price)| dollars(device, conditions.share, price)))
        };
        let lines = sums.into_iter().zip(budgets).map(|((mut line, demand), budget)| {
            (line.device_seconds, line.usd) = priced(demand);
            let QuotedBudget { name, steps, whole } = budget;
            BudgetLine { name, steps, each: rates.predict(whole), line }
        });
        let budgets = lines.collect();
        (total.device_seconds, total.usd) = priced(all);
        let (longest, starts) = divide(&open, conditions.workers);
        let wall_seconds = rates.predict(longest);
        let means: Vec<Option<f64>> = open.iter().map(|(_, mean)| *mean).collect();
        let checks = Checks { total: &total, wall_seconds, means: &means, starts: &starts, conditions };
        Self { limits: checks.all(), budgets, seconds, total, wall_seconds }
    }
}

impl Line {
    fn count(&mut self, stage: Stage) {
        self.trials += 1;
        match stage {
            Stage::Done => self.done += 1,
            Stage::Repeated => self.repeated += 1,
            Stage::Open { steps, .. } => {
                self.left += 1;
                self.steps_left += steps;
            }
        }
    }
}

/// Gives trials to whichever worker is free first, in their order: what the last to end has done, and when each trial is
/// started.
fn divide(open: &[(Demand, Option<f64>)], workers: u32) -> (Demand, Vec<f64>) {
    let workers = (workers as usize).clamp(1, open.len().max(1));
    let mut done = vec![(0.0, Demand::default()); workers];
    // Times are not negative, so their bits have their order.
    let mut free: BinaryHeap<Reverse<(u64, usize)>> =
        (0..workers).map(|worker| Reverse((0, worker))).collect();
    let mut starts = Vec::with_capacity(open.len());
    for (demand, seconds) in open {
        let Some(Reverse((_, worker))) = free.pop() else { break };
        let (time, sum) = &mut done[worker];
        starts.push(*time);
        *time += seconds.unwrap_or(0.0);
        *sum = sum.plus(*demand);
        free.push(Reverse((time.to_bits(), worker)));
    }
    let longest = done.into_iter().max_by(|one, other| one.0.total_cmp(&other.0));
    (longest.map_or(Demand::default(), |(_, sum)| sum), starts)
}

#[cfg(test)]
mod tests;
