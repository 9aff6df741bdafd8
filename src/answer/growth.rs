//! Which seeds a sweep still needs, where results decide.

use super::{Asked, Compared, Group, NotComparable};
use crate::{
    spec::Spec,
    store::{CellId, Outcome, SweepRow},
};

/// The cells of a sweep that want more seeds than they have, each with how many: those whose comparison with the
/// baseline is open, and the baseline; none where all is decided.
///
/// # Errors
/// There is nothing to compare.
pub fn wanted(
    sweep: &SweepRow,
    outcomes: &[Outcome],
    spec: &Spec,
) -> Result<Vec<(CellId, u64)>, NotComparable> {
    let asked = Asked { question: spec.question.clone(), candidates: Vec::new() };
    let compared = Compared::new(sweep, outcomes, &asked, spec.seeds)?;
    let decision = compared.race(spec.seeds);
    let seeds = std::iter::once(decision.baseline).chain(decision.wanted.into_iter().flatten());
    let lacks = |(group, seeds): (&Group<'_>, u64)| {
        (group.outcomes.len() < seeds as usize).then_some((group.cell.id, seeds))
    };
    Ok(compared.groups().zip(seeds).filter_map(lacks).collect())
}
