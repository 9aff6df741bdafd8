//! What is compared with what: the baseline, the candidates, the margin.

use std::collections::BTreeMap;

use super::{Cells, Group};
use crate::{
    cost::{
        self, Margin,
        noninferiority::Claim,
        pairs::Outcomes,
        racing::{Decision, Race},
        sequence::{Sequence, fixed_sequence},
    },
    spec::{Question, Seeds, named_among},
    store::{Cell, Outcome, SweepRow},
};

/// One minus how often a statement may be wrong, where nobody says.
pub const CONFIDENCE: f64 = 0.95;

/// What a saving is asked of. Names are as people write them; what is left out has a default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    pub question: Question,
    /// All schedules, where there are none.
    pub candidates: Vec<String>,
}

/// A baseline and the cells that may take its place.
#[derive(Debug)]
pub struct Compared<'a> {
    pub baseline: Group<'a>,
    /// By schedule, in the spec's order; the baseline's own among them. Budgets from the largest down, none larger than
    /// the baseline's and without the baseline itself.
    pub candidates: Vec<Vec<Group<'a>>>,
    pub margin: Margin,
    pub claim: Claim,
    pub chosen_by: Option<String>,
}

/// Why there is nothing to compare.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotComparable {
    #[error("no {what} of this sweep is `{asked}`")]
    Unknown { what: &'static str, asked: String, names: Vec<String> },
    #[error("`{schedule}` has several settings at {budget}, and there is no validation set to choose one by")]
    SeveralSettings { schedule: String, budget: String, parameters: Vec<String> },
    #[error("a margin of {margin} is in percentage points, and `{metric}` is no share")]
    Points { margin: Margin, metric: String },
    #[error("no seed of the baseline is done yet")]
    NoBaseline,
    #[error("every seed of the baseline, {schedule} at {budget}, diverged or failed")]
    BaselineLost { schedule: String, budget: String },
    #[error(
        "nothing to compare with {schedule} at {budget}: it has the smallest budget, and no other schedule was trained"
    )]
    NoCandidate { schedule: String, budget: String },
}

impl NotComparable {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let listed =
            |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Unknown { names, .. } => Some(format!("it has {}", listed(names))),
            Self::SeveralSettings { parameters, .. } => {
                let first = parameters.first().map_or("learning_rate", String::as_str);
                Some(format!("pick one with `--setting {first}=…`, or hold out a `validation:` set"))
            }
            Self::Points { .. } => {
                Some("write such as `1%` of the baseline, or `0.1` in its own unit".to_owned())
            }
            Self::NoBaseline => Some("`sweep watch` shows how far it is".to_owned()),
            Self::BaselineLost { .. } => Some("name another with `--baseline`".to_owned()),
            Self::NoCandidate { .. } => None,
        }
    }
}

impl<'a> Compared<'a> {
    /// # Errors
    /// See [`NotComparable`].
    pub fn new(
        sweep: &SweepRow,
        outcomes: &'a [Outcome],
        asked: &Asked,
        seeds: Seeds,
    ) -> Result<Self, NotComparable> {
        let Cells { groups, chosen_by } = Cells::new(sweep, outcomes);
        one_setting(&groups)?;
        let schedules = names(&groups, |cell| &cell.schedule);
        let baseline = baseline(&groups, &schedules, &asked.question)?;
        let wanted: Vec<&str> = match &asked.candidates[..] {
            [] => schedules,
            some => {
                some.iter().map(|asked| named("schedule", asked, &schedules)).collect::<Result<_, _>>()?
            }
        };
        let (schedule, steps) = (&baseline.cell.schedule, baseline.cell.steps);
        let of = |name: &&str| -> Vec<Group<'a>> {
            let its = groups.iter().filter(|group| group.cell.schedule == **name);
            let may_replace = |group: &&Group<'a>| {
                group.cell.steps < steps || group.cell.steps == steps && group.cell.schedule != *schedule
            };
            let mut its: Vec<_> = its.filter(may_replace).cloned().collect();
            its.sort_by_key(|group| std::cmp::Reverse(group.cell.steps));
            its
        };
        let candidates: Vec<_> = wanted.iter().map(of).filter(|its| !its.is_empty()).collect();
        if candidates.is_empty() {
            let (schedule, budget) = (schedule.clone(), baseline.cell.budget.clone());
            return Err(NotComparable::NoCandidate { schedule, budget });
        }
        let margin = asked.question.margin.unwrap_or_else(|| Margin::of(&sweep.metric));
        if !margin.suits(&sweep.metric) {
            return Err(NotComparable::Points { margin, metric: sweep.metric.clone() });
        }
        let claim = Claim {
            maximize: sweep.maximize,
            margin: margin.absolute(reference(&baseline, seeds)?),
            alpha: 1.0 - asked.question.confidence.unwrap_or(CONFIDENCE),
            candidates: candidates.len(),
        };
        Ok(Self { baseline, candidates, margin, claim, chosen_by })
    }
}

impl<'a> Compared<'a> {
    /// The fixed sequence of each candidate schedule, in the order of the candidates.
    #[must_use]
    pub fn sequences(&self) -> Vec<Sequence> {
        let (baseline, candidates) = self.by_seed();
        let sequence =
            |its: &Vec<Outcomes>| fixed_sequence(&baseline, &its.iter().collect::<Vec<_>>(), &self.claim);
        candidates.iter().map(sequence).collect()
    }

    /// The same where results decide on the seeds.
    #[must_use]
    pub fn race(&self, seeds: Seeds) -> Decision {
        let (baseline, candidates) = self.by_seed();
        let candidates: Vec<Vec<&Outcomes>> = candidates.iter().map(|its| its.iter().collect()).collect();
        Race::new(self.claim, seeds.min, seeds.max).decide(&baseline, &candidates)
    }

    fn by_seed(&self) -> (Outcomes, Vec<Vec<Outcomes>>) {
        let candidates = self.candidates.iter().map(|its| its.iter().map(by_seed).collect());
        (by_seed(&self.baseline), candidates.collect())
    }

    /// The baseline and all candidates.
    pub fn groups(&self) -> impl Iterator<Item = &Group<'a>> {
        std::iter::once(&self.baseline).chain(self.candidates.iter().flatten())
    }
}

/// The names of groups, each once, in their order.
fn names<'a>(groups: &[Group<'a>], name: fn(&'a Cell) -> &'a String) -> Vec<&'a str> {
    let mut names: Vec<&'a str> = Vec::new();
    for group in groups {
        let name = name(group.cell);
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

fn named<'a>(what: &'static str, asked: &str, names: &[&'a str]) -> Result<&'a str, NotComparable> {
    named_among(asked, names).ok_or_else(|| NotComparable::Unknown {
        what,
        asked: asked.to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    })
}

/// What is asked for, or cosine, or else the first schedule, at its largest budget.
fn baseline<'a>(
    groups: &[Group<'a>],
    schedules: &[&'a str],
    question: &Question,
) -> Result<Group<'a>, NotComparable> {
    let schedule = match &question.schedule {
        Some(asked) => named("schedule", asked, schedules)?,
        None => named_among("cosine", schedules)
            .or(schedules.first().copied())
            .ok_or(NotComparable::NoBaseline)?,
    };
    let budgets = names(groups, |cell| &cell.budget);
    let budget = question.budget.as_ref().map(|asked| named("budget", asked, &budgets)).transpose()?;
    let its = groups.iter().filter(|group| group.cell.schedule == schedule);
    let its = its.filter(|group| budget.is_none_or(|budget| group.cell.budget == budget));
    its.max_by_key(|group| group.cell.steps).cloned().ok_or(NotComparable::NoBaseline)
}

/// What a relative margin is of. Where results decide how many seeds there are, those that are there in any case: the
/// margin must not move while they come.
fn reference(baseline: &Group<'_>, seeds: Seeds) -> Result<f64, NotComparable> {
    let counts = |seed: u64| seeds.is_fixed() || seed < seeds.min;
    let values = baseline.done().filter(|outcome| counts(outcome.seed)).filter_map(|outcome| outcome.value);
    cost::mean(&values.collect::<Vec<_>>()).ok_or_else(|| match baseline.missing() {
        0 => NotComparable::BaselineLost {
            schedule: baseline.cell.schedule.clone(),
            budget: baseline.cell.budget.clone(),
        },
        _ => NotComparable::NoBaseline,
    })
}

fn one_setting(groups: &[Group<'_>]) -> Result<(), NotComparable> {
    let place = |group: &Group<'_>| (group.cell.schedule.clone(), group.cell.steps);
    match groups.windows(2).find(|pair| place(&pair[0]) == place(&pair[1])) {
        None => Ok(()),
        Some(pair) => Err(NotComparable::SeveralSettings {
            schedule: pair[0].cell.schedule.clone(),
            budget: pair[0].cell.budget.clone(),
            parameters: pair[0].cell.settings.keys().cloned().collect(),
        }),
    }
}

/// A group's seeds as the tests take them: those that are over, by number, with nothing for what diverged or failed.
#[must_use]
pub(super) fn by_seed(group: &Group<'_>) -> Outcomes {
    let over = group.outcomes.iter().filter(|outcome| outcome.end.is_some());
    over.map(|outcome| (outcome.seed, outcome.value.filter(|_| outcome.is_done())))
        .collect::<BTreeMap<_, _>>()
}
