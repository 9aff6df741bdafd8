//! What a spec says once it has been read.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use sweep_wire::{Data, Kernels, Model, Optimizer, Precision};

use super::{
    machine::{Limits, Resources, Retry},
    savings::{Pricing, Question, Seeds},
    schedules::Listed,
};
use crate::schedule::{Warmup, percent};

/// A sweep: one model and its data, or one program, trained under every schedule at every budget with every
/// setting of the parameters, once per seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub name: String,
    pub description: Option<String>,
    pub work: Work,
    pub training: Training,
    /// At least one; none of them the same.
    pub budgets: Vec<Budget>,
    /// At least one, lists expanded; none of them the same.
    pub schedules: Vec<Listed>,
    pub parameters: Parameters,
    pub seeds: Seeds,
    /// What the results are to answer.
    pub question: Question,
    pub resources: Resources,
    pub retry: Retry,
    /// The default for programs, which write checkpoints of their own.
    pub checkpoint: Checkpoint,
    pub limits: Limits,
    pub pricing: Option<Pricing>,
    /// −100 to 100; sweeps with a larger one go first.
    pub priority: i32,
}

/// What a trial runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    Model(Box<ModelWork>),
    Program(ProgramWork),
}

/// A model that `sweep` trains itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelWork {
    pub model: Model,
    pub data: Data,
    pub updates: Updates,
    /// What to judge by; `None` is what goes with the loss and the model's output.
    pub metric: Option<Metric>,
}

/// A program of the user's own.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramWork {
    /// At least one.
    pub command: Vec<Word>,
    /// The spec's folder, as far as the spec's path names it: where the program runs and relative paths start.
    pub folder: PathBuf,
    /// Variables beside those of the machine.
    pub environment: BTreeMap<String, String>,
    /// The files and folders whose content decides the result, as spelled; `None` if nobody says.
    pub inputs: Option<Vec<PathBuf>>,
    /// What it reports and is judged by, such as `test/accuracy`.
    pub metric: String,
    /// Whether more of the metric is better.
    pub maximize: bool,
}

/// A word of a command line, or what stands for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    Text(String),
    /// `${program}`: this path, a file even where it has no slash.
    Program(String),
    /// `${args}`: `--name=value` for each swept parameter.
    Args,
    /// `${args_no_hyphens}`: `name=value` for each.
    ArgsNoHyphens,
    /// `${args_json}`: all of them as one JSON object.
    ArgsJson,
}

/// How long training takes, and what stands around the schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// What a budget of 100 % means; steps for programs.
    pub full_budget: Length,
    /// A share of each trial's own budget.
    pub warmup: Warmup,
    /// The rate below which schedules do not go, at most the smallest peak.
    pub eta_min: f64,
}

/// How a step of a model is made, and how often it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Updates {
    /// Samples per pass through the model, at least 1.
    pub batch_size: u64,
    /// Passes per step, at least 1.
    pub accumulate: u32,
    /// Momentum and weight decay are those of trials for which [`Parameters`] has no others.
    pub optimizer: Optimizer,
    /// Patterns of parameters that weight decay leaves alone.
    pub no_decay: Vec<String>,
    /// The largest norm of a step's gradient, above 0.
    pub clip_norm: Option<f64>,
    /// Decay of the moving average that is evaluated, above 0 and below 1.
    pub ema: Option<f64>,
    /// Between two points of the training loss; never [`Interval::End`].
    pub log_every: Interval,
    /// Between two evaluations; there is one at the end whatever this says.
    pub evaluate: Interval,
    /// How a GPU multiplies; processors always in 32 bits.
    pub precision: Precision,
    /// What a processor computes a step with.
    pub kernels: Kernels,
}

/// Values to be tried, each combination of them; none of them twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Peak learning rates, at least one, each > 0 and finite as `f32`.
    pub learning_rate: Vec<f64>,
    /// Other parameters with at least one value each. Of a model `weight_decay` (≥ 0) and `momentum` (from 0 and
    /// below 1), in this order, instead of the optimizer's; of a program any, in the order of the text.
    pub others: Vec<(String, Vec<f64>)>,
}

/// An amount of training; above 0. `Display` is `500 steps`, `1 epoch`, `2.5 epochs`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    Steps(u64),
    Epochs(f64),
}

/// The budget of a trial. `Display` is `50%`, `500 steps`, `2 epochs`, `10 min`, `$0.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// Of the full budget, above 0 and at most 10.
    Share(f64),
    Length(Length),
    /// Seconds of training by one worker, above 0.
    Time(f64),
    /// US dollars for a worker's share of the machine, above 0; only with a [`Pricing`].
    Money(f64),
}

/// How far apart points are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interval {
    /// Of the trial's own budget, above 0 and at most 1.
    Share(f64),
    Length(Length),
    /// Only at the end.
    End,
}

/// What trials leave on disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checkpoint {
    pub every: Checkpoints,
    /// How many of a trial's checkpoints are kept while it is not over, the newest ones; at least 1.
    pub keep: u32,
    /// Whether finished trials leave their weights; `None` is if all of them together are small.
    pub weights: Option<bool>,
}

/// When checkpoints are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Checkpoints {
    /// Never [`Interval::End`].
    Every(Interval),
    /// Above 0.
    Seconds(f64),
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { every: Checkpoints::Seconds(30.0), keep: 2, weights: None }
    }
}

/// What trials are judged by; each set has its own, such as `test/accuracy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Share of samples whose class, or of tokens or outputs whose value, is the most probable one.
    Accuracy,
    /// Share of samples or tokens whose class is among the five most probable.
    Top5Accuracy,
    /// Share of pixels whose class is the most probable one.
    PixelAccuracy,
    Loss,
    /// e to the loss.
    Perplexity,
    /// Mean absolute error.
    Mae,
}

impl Spec {
    /// Solves the robust schedules now instead of when their first rate is asked for; takes up to seconds each.
    pub fn solve(&self) {
        for listed in &self.schedules {
            if let Listed::Given(schedule) = listed {
                schedule.solve();
            }
        }
    }

    /// The program that it runs, if it trains no model.
    #[must_use]
    pub fn program(&self) -> Option<&ProgramWork> {
        match &self.work {
            Work::Model(_) => None,
            Work::Program(program) => Some(program),
        }
    }
}

impl Parameters {
    /// The values of a parameter other than the learning rate.
    #[must_use]
    pub fn other(&self, name: &str) -> Option<&[f64]> {
        self.others.iter().find(|(known, _)| known == name).map(|(_, values)| &values[..])
    }

    /// How many settings there are; saturating.
    #[must_use]
    pub fn settings(&self) -> u64 {
        let counts = self.others.iter().map(|(_, values)| values.len());
        counts.chain([self.learning_rate.len()]).fold(1, |all, count| all.saturating_mul(count as u64))
    }
}

impl Updates {
    /// Samples that one step takes.
    #[must_use]
    pub fn samples_per_step(&self) -> u64 {
        self.batch_size * u64::from(self.accumulate)
    }
}

impl Length {
    /// In steps, rounded to the nearest, at least 1.
    pub fn steps(self, steps_per_epoch: u64) -> u64 {
        match self {
            Self::Steps(steps) => steps,
            Self::Epochs(epochs) => nearest(epochs * steps_per_epoch as f64),
        }
    }

    /// A share of it in steps, rounded to the nearest, at least 1.
    pub fn part(self, share: f64, steps_per_epoch: u64) -> u64 {
        nearest(share * self.steps(steps_per_epoch) as f64)
    }
}

impl Interval {
    /// In steps of a trial that has `total`, rounded to the nearest, at least 1.
    pub fn steps(self, total: u64, steps_per_epoch: u64) -> u64 {
        match self {
            Self::Share(share) => nearest(share * total as f64),
            Self::Length(length) => length.steps(steps_per_epoch),
            Self::End => total,
        }
    }
}

fn nearest(steps: f64) -> u64 {
    steps.round().max(1.0) as u64
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(1) => f.write_str("1 step"),
            Self::Steps(steps) => write!(f, "{steps} steps"),
            Self::Epochs(1.0) => f.write_str("1 epoch"),
            Self::Epochs(epochs) => write!(f, "{epochs} epochs"),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => f.write_str(&percent(*share)),
            Self::Length(length) => length.fmt(f),
            Self::Time(seconds) => {
                // The largest unit in which it is a whole number.
                let units = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
                match units.iter().find(|(unit, _)| seconds % unit == 0.0) {
                    Some((unit, name)) => write!(f, "{} {name}", seconds / unit),
                    None => write!(f, "{seconds} s"),
                }
            }
            Self::Money(usd) => write!(f, "${usd}"),
        }
    }
}

impl Metric {
    pub const ALL: [Self; 6] =
        [Self::Accuracy, Self::Top5Accuracy, Self::PixelAccuracy, Self::Loss, Self::Perplexity, Self::Mae];

    /// As specs and workers spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Top5Accuracy => "top5_accuracy",
            Self::PixelAccuracy => "pixel_accuracy",
            Self::Loss => "loss",
            Self::Perplexity => "perplexity",
            Self::Mae => "mae",
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn maximize(self) -> bool {
        match self {
            Self::Accuracy | Self::Top5Accuracy | Self::PixelAccuracy => true,
            Self::Loss | Self::Perplexity | Self::Mae => false,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
