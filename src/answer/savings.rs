//! Which smaller budget is as good as the baseline, how sure that is, and what it saves.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Compared, Group, Priced, Summary, Times, compared::by_seed};
use crate::{
    cost::{
        self,
        equal::{EqualBudget, equal_budget},
        noninferiority::{PairedTest, Undecidable},
        pairs::{Outcomes, lost},
        payback::{self, Saving},
        racing::Standing,
        sequence::{Sequence, Step},
    },
    spec::Seeds,
    store::{Outcome, SweepRow},
};

/// The answer, as JSON has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Savings {
    /// Of this object's shape.
    pub version: u32,
    pub sweep: i64,
    pub name: String,
    pub metric: String,
    pub maximize: bool,
    /// The metric that settings were chosen by, where several were tried.
    pub chosen_by: Option<String>,
    pub baseline: Compete,
    /// As it was asked for, such as `0.5pp`.
    pub margin: String,
    /// In the metric's unit.
    pub margin_absolute: f64,
    pub confidence: f64,
    /// Schedules over which the statement is corrected, and the level of each of their tests.
    pub candidates: usize,
    pub level: f64,
    /// What the comparison was restricted to by whoever asked: values of parameters, and schedules; all, where none.
    pub settings: Vec<(String, f64)>,
    pub asked_candidates: Vec<String>,
    /// Trials of the cells that were compared which have no result yet.
    pub missing: usize,
    /// Whether settings were chosen by the values that are compared.
    pub same_set: bool,
    /// The fewest and the most seeds, where results decided: each look at them has a level of its own.
    pub adaptive: Option<(u64, u64)>,
    /// What is chosen by which samples are in the test set: one standard error of the baseline's accuracy.
    pub test_samples: Option<u64>,
    pub test_error: Option<f64>,
    pub schedules: Vec<Schedule>,
    pub sweep_cost: SweepCost,
}

/// A schedule at a budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compete {
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    pub settings: BTreeMap<String, f64>,
    /// Seeds that are done with a value, and those that diverged, failed or have none.
    pub seeds: usize,
    pub lost: usize,
    pub mean: Option<f64>,
    /// Student's 95 % interval; none below three seeds.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Of one training: see [`Times`].
    pub seconds: Option<f64>,
}

/// What became of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Not worse by more than the margin.
    Shown,
    /// Worse by more than the margin.
    Worse,
    NotShown {
        /// Pairs that would show it with a probability of 80 %, were mean and spread what they seem.
        seeds_needed: Option<u64>,
    },
    /// Seeds are being added to it.
    Open,
    /// Given up before all seeds: they would hardly show it.
    Futile,
    TooFewPairs,
    NoVariance,
    /// Values too large to take differences of.
    Overflow,
    Lost,
    NotReached,
}

/// One budget of a candidate against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Budget {
    #[serde(flatten)]
    pub cell: Compete,
    #[serde(flatten)]
    pub verdict: Verdict,
    pub test: Option<PairedTest>,
    /// Of the baseline's device time.
    pub time_ratio: Option<f64>,
    pub steps_ratio: f64,
}

/// A candidate schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    pub schedule: String,
    /// From the largest budget down.
    pub budgets: Vec<Budget>,
    /// The place of the smallest budget that is shown.
    pub smallest: Option<usize>,
    /// Where its curve meets the baseline.
    pub equal: Option<EqualBudget>,
    /// What the smallest budget saves at each training.
    pub saves: Option<Saves>,
}

/// What is saved by taking a smaller budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Saves {
    /// Of the baseline's device time.
    pub share: f64,
    /// Per training of this sweep's size: GPU-hours or machine-hours, and dollars.
    pub hours: f64,
    pub usd: Option<f64>,
    /// Trainings of this sweep's size after which the sweep has paid for itself.
    pub pays_after: Option<u64>,
    /// An hour of the full budget's hardware may cost this share of an hour of the smaller one's before nothing is saved.
    pub flips_below: f64,
    pub yours: Option<Yours>,
}

/// The same for a training whose cost the reader gave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Yours {
    /// Dollars of one full training.
    pub full_cost: f64,
    pub usd: f64,
    pub trainings_per_year: Option<f64>,
    pub usd_per_year: Option<f64>,
    /// Of them; none where the sweep's own cost in dollars is not known.
    pub pays_after: Option<u64>,
}

/// What finding this out took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SweepCost {
    pub hours: f64,
    pub usd: Option<f64>,
    /// In trainings of the baseline.
    pub baselines: Option<f64>,
}

/// A training that the reader has in mind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scale {
    /// Dollars of one full training.
    pub full_cost: Option<f64>,
    pub trainings_per_year: Option<f64>,
}

/// What an answer is made from.
#[derive(Debug)]
pub struct Evidence<'a> {
    pub sweep: &'a SweepRow,
    pub outcomes: &'a [Outcome],
    pub priced: &'a Priced,
    /// Of all its attempts, which is what it is priced for.
    pub device_seconds: f64,
    pub seeds: Seeds,
    /// Of the test set, where the metric is of one.
    pub test_samples: Option<u64>,
    pub scale: Scale,
}

impl Savings {
    #[must_use]
    pub fn new(compared: &Compared<'_>, evidence: &Evidence<'_>) -> Self {
        let times = Times::new(evidence.outcomes);
        let baseline = compete(&compared.baseline, &times);
        let is_open = matches!(evidence.sweep.state.as_str(), "open" | "paused");
        let verdicts = verdicts(compared, evidence.seeds, is_open);
        let by_baseline = by_seed(&compared.baseline);
        let schedules = compared.candidates.iter().zip(verdicts).map(|(groups, verdicts)| {
            let budgets: Vec<Budget> = groups
                .iter()
                .zip(verdicts)
                .map(|(group, (verdict, test))| budget(group, &baseline, &times, verdict, test))
                .collect();
            let smallest = budgets.iter().rposition(|budget| budget.verdict == Verdict::Shown);
            let is_own = groups[0].cell.schedule == baseline.schedule;
            let saves = smallest.and_then(|place| saves(&budgets[place], &baseline, evidence));
            // Its interval is of seeds that nobody looked at before.
            let may_meet = !is_own && evidence.seeds.is_fixed();
            let equal = may_meet.then(|| equal(compared, groups, &by_baseline)).flatten();
            Schedule { schedule: groups[0].cell.schedule.clone(), budgets, smallest, equal, saves }
        });
        // Other shares are of pixels, or of what else a sample has many of.
        let name = evidence.sweep.metric.rsplit('/').next();
        let share = baseline.mean.filter(|_| matches!(name, Some("accuracy" | "top5_accuracy")));
        let error = share.zip(evidence.test_samples).map(|(share, samples)| cost::test_error(share, samples));
        let all = evidence.priced.total.all;
        let baselines = baseline.seconds.map(|seconds| evidence.device_seconds / seconds);
        Self {
            version: 1,
            sweep: evidence.sweep.sweep,
            name: evidence.sweep.name.clone(),
            metric: evidence.sweep.metric.clone(),
            maximize: evidence.sweep.maximize,
            chosen_by: compared.chosen_by.clone(),
            margin: compared.margin.to_string(),
            margin_absolute: compared.claim.margin,
            // Without the last digit that the subtraction left.
            confidence: ((1.0 - compared.claim.alpha) * 1e12).round() / 1e12,
            candidates: compared.claim.candidates,
            level: compared.claim.level(),
            settings: Vec::new(),
            asked_candidates: Vec::new(),
            missing: compared.groups().map(Group::missing).sum(),
            same_set: compared.chosen_by.as_ref() == Some(&evidence.sweep.metric),
            adaptive: (!evidence.seeds.is_fixed()).then_some((evidence.seeds.min, evidence.seeds.max)),
            test_samples: evidence.test_samples,
            test_error: error,
            schedules: schedules.collect(),
            sweep_cost: SweepCost { hours: all.hours, usd: all.usd, baselines },
            baseline,
        }
    }

    /// The schedule and budget that save most of the device time, of all that are shown; of several that take the same the
    /// one with the best mean difference.
    #[must_use]
    pub fn best(&self) -> Option<(&Schedule, &Budget, &Saves)> {
        let shown = self.schedules.iter().filter_map(|schedule| {
            Some((schedule, &schedule.budgets[schedule.smallest?], schedule.saves.as_ref()?))
        });
        let difference = |budget: &Budget| budget.test.map_or(f64::NEG_INFINITY, |test| test.mean);
        shown
            .filter(|(.., saves)| saves.share > 0.0)
            .max_by(|a, b| a.2.share.total_cmp(&b.2.share).then(difference(a.1).total_cmp(&difference(b.1))))
    }

    /// The pairs that the answer is of; without one the fewest of any test.
    #[must_use]
    pub fn pairs(&self) -> Option<usize> {
        if let Some((_, budget, _)) = self.best() {
            return budget.test.map(|test| test.pairs);
        }
        let budgets = self.schedules.iter().flat_map(|schedule| &schedule.budgets);
        budgets.filter_map(|budget| budget.test.map(|test| test.pairs)).min()
    }
}

type Tested = (Verdict, Option<PairedTest>);

fn verdicts(compared: &Compared<'_>, seeds: Seeds, is_open: bool) -> Vec<Vec<Tested>> {
    if seeds.is_fixed() {
        let tested = |sequence: Sequence| sequence.steps.into_iter().map(of_step).collect();
        return compared.sequences().into_iter().map(tested).collect();
    }
    let tested = |comparison: cost::racing::Comparison| {
        let verdict = match comparison.standing {
            Standing::NotReached => Verdict::NotReached,
            Standing::Open if is_open => Verdict::Open,
            Standing::Open => Verdict::NotShown { seeds_needed: None },
            Standing::Shown => Verdict::Shown,
            Standing::Futile => Verdict::Futile,
            Standing::NotShown => Verdict::NotShown { seeds_needed: None },
            Standing::Lost => Verdict::Lost,
        };
        (verdict, comparison.test)
    };
    compared.race(seeds).comparisons.into_iter().map(|its| its.into_iter().map(tested).collect()).collect()
}

fn of_step(step: Step) -> Tested {
    match step {
        Step::Tested(test) => {
            let verdict = match test.verdict {
                cost::noninferiority::Verdict::Shown => Verdict::Shown,
                cost::noninferiority::Verdict::Worse => Verdict::Worse,
                cost::noninferiority::Verdict::NotShown => {
                    Verdict::NotShown { seeds_needed: test.seeds_needed() }
                }
            };
            (verdict, Some(test))
        }
        Step::Undecidable(Undecidable::TooFewPairs) => (Verdict::TooFewPairs, None),
        Step::Undecidable(Undecidable::NoVariance) => (Verdict::NoVariance, None),
        Step::Undecidable(Undecidable::Overflow) => (Verdict::Overflow, None),
        Step::Lost { .. } => (Verdict::Lost, None),
        Step::NotReached => (Verdict::NotReached, None),
    }
}

/// Where a schedule's curve over its budgets meets the baseline, if that can be told.
fn equal(compared: &Compared<'_>, groups: &[Group<'_>], baseline: &Outcomes) -> Option<EqualBudget> {
    let curve: Vec<(u64, Outcomes)> =
        groups.iter().rev().map(|group| (group.cell.steps, by_seed(group))).collect();
    let curve: Vec<(u64, &Outcomes)> = curve.iter().map(|(steps, seeds)| (*steps, seeds)).collect();
    equal_budget(baseline, &curve, compared.claim.maximize, compared.claim.level()).ok()
}

fn compete(group: &Group<'_>, times: &Times) -> Compete {
    let values = group.values();
    // Which way is better does not matter to what is read of it.
    let Summary { mean, low, high, .. } = Summary::new(&values, true);
    Compete {
        schedule: group.cell.schedule.clone(),
        budget: group.cell.budget.clone(),
        steps: group.cell.steps,
        settings: group.cell.settings.clone(),
        seeds: values.len(),
        lost: lost(&by_seed(group)),
        mean,
        low,
        high,
        seconds: times.of(group.cell),
    }
}

fn budget(
    group: &Group<'_>,
    baseline: &Compete,
    times: &Times,
    verdict: Verdict,
    test: Option<PairedTest>,
) -> Budget {
    let cell = compete(group, times);
    let time_ratio = cell.seconds.zip(baseline.seconds).map(|(its, baselines)| its / baselines);
    let steps_ratio = cell.steps as f64 / baseline.steps as f64;
    Budget { cell, verdict, test, time_ratio, steps_ratio }
}

fn saves(budget: &Budget, baseline: &Compete, evidence: &Evidence<'_>) -> Option<Saves> {
    let ratio = budget.time_ratio?;
    let all = evidence.priced.total.all;
    // What a second of a slot came to in this sweep, in hours and dollars of its machine.
    let part = baseline.seconds? / evidence.device_seconds;
    let per_training = Saving::per_training(all.hours * part, all.usd.unwrap_or(0.0) * part, ratio);
    let in_trainings = Saving { usd: per_training.share, ..per_training };
    let yours = evidence.scale.full_cost.map(|full_cost| {
        let saving = Saving::per_training(0.0, full_cost, ratio);
        let per_year = evidence.scale.trainings_per_year;
        Yours {
            full_cost,
            usd: saving.usd,
            trainings_per_year: per_year,
            usd_per_year: per_year.map(|count| saving.yearly(count).usd),
            pays_after: all.usd.and_then(|usd| saving.pays_after(usd)),
        }
    });
    Some(Saves {
        share: per_training.share,
        hours: per_training.hours,
        usd: all.usd.map(|_| per_training.usd),
        // In units of a baseline's training, whatever that costs.
        pays_after: in_trainings.pays_after(1.0 / part),
        flips_below: payback::flips_below(ratio, 1.0),
        yours,
    })
}
