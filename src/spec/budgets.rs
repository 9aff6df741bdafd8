//! `budgets:`.

use super::{
    cursor::Cursor,
    error::Fault,
    scalar::{self, Part},
    types::{Budget, Length},
};

/// The largest share of the full budget: 1000 %.
const MAX_SHARE: f64 = 10.0;

const MAX_BUDGETS: usize = 1000;

/// Budgets in the order of the text. Two that are the same once `full` is known are refused, as far as
/// that can be told without the length of an epoch.
pub(super) fn budgets(at: &Cursor<'_>, full: Length) -> Result<Vec<Budget>, Fault> {
    let items = at.items()?;
    if items.len() > MAX_BUDGETS {
        return Err(at.fault(format!("more than {MAX_BUDGETS} budgets")));
    }
    let mut budgets: Vec<Budget> = Vec::new();
    for item in &items {
        let budget = match scalar::part(item, MAX_SHARE)? {
            Part::Share(share) => Budget::Share(share),
            Part::Length(length) => Budget::Length(length),
        };
        if let Some(first) = budgets.iter().position(|known| same(*known, budget, full)) {
            let message = match budgets[first].to_string() {
                known if known == budget.to_string() => format!("budget `{known}` is listed twice"),
                known => format!("budget `{budget}` is the same as `{known}`"),
            };
            return Err(item.fault(message).hint("leave one of them out").other(items[first].path()));
        }
        budgets.push(budget);
    }
    Ok(budgets)
}

fn same(left: Budget, right: Budget, full: Length) -> bool {
    match (length(left, full), length(right, full)) {
        (Length::Steps(left), Length::Steps(right)) => left == right,
        (Length::Epochs(left), Length::Epochs(right)) => (left - right).abs() <= 1e-9 * left,
        _ => false,
    }
}

fn length(budget: Budget, full: Length) -> Length {
    match (budget, full) {
        (Budget::Share(share), Length::Epochs(epochs)) => Length::Epochs(share * epochs),
        (Budget::Share(_), Length::Steps(_)) => Length::Steps(budget.steps(full, 1)),
        (Budget::Length(length), _) => length,
    }
}
