//! The smallest budget at which a schedule is shown not to be worse: budgets tested in a fixed sequence.

use serde::Serialize;

use super::{
    noninferiority::{Claim, PairedTest, Undecidable, Verdict, paired_test},
    pairs::{Outcomes, differences, lost},
};

/// What the sequence made of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Tested(PairedTest),
    Undecidable(Undecidable),
    /// Seeds of the candidate that diverged or failed, of those that ended. Whatever the others say, that is not as
    /// good as a baseline that trains.
    Lost {
        lost: usize,
        of: usize,
    },
    /// A larger budget was not shown.
    NotReached,
}

impl Step {
    fn is_shown(&self) -> bool {
        matches!(self, Self::Tested(test) if test.verdict == Verdict::Shown)
    }
}

/// One schedule's budgets in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sequence {
    pub steps: Vec<Step>,
    /// The place of the smallest budget that is shown; none where not even the largest is.
    pub smallest: Option<usize>,
}

/// Tests one schedule's `budgets`, from the largest down, until one is not shown, each at [`Claim::level`].
///
/// Within a schedule no correction is needed: a wrong claim needs the first true hypothesis of the sequence to be
/// rejected, which happens with at most the level of one test (Maurer, Hothorn & Lehmacher 1995). Bonferroni's
/// inequality adds up the schedules, which may share the baseline's trials: the probability of any wrong claim is at
/// most alpha. The seeds must not have been chosen by looking at the results; for that there is [`super::racing`]. The
/// baseline's own cell is none of the budgets: it would stop them, as nothing can be estimated of it.
#[must_use]
pub fn fixed_sequence(baseline: &Outcomes, budgets: &[&Outcomes], claim: &Claim) -> Sequence {
    let mut is_open = true;
    let step = |budget: &&Outcomes| {
        let step = if is_open { test(baseline, budget, claim) } else { Step::NotReached };
        is_open = step.is_shown();
        step
    };
    let steps: Vec<_> = budgets.iter().map(step).collect();
    let smallest = steps.iter().rposition(Step::is_shown);
    Sequence { steps, smallest }
}

fn test(baseline: &Outcomes, candidate: &Outcomes, claim: &Claim) -> Step {
    let lost = lost(candidate);
    if lost > 0 {
        return Step::Lost { lost, of: candidate.len() };
    }
    let differences = differences(candidate, baseline, claim.maximize);
    paired_test(&differences, claim.margin, claim.level()).map_or_else(Step::Undecidable, Step::Tested)
}
