//! `budgets:`.

use super::{
    cursor::{Cursor, Map},
    error::Fault,
    scalar::{self, Part},
    training::EPOCHS,
    types::{Budget, Length},
    units,
    yaml::Node,
};

/// The largest share of the full budget: 1000 %.
const MAX_SHARE: f64 = 10.0;

pub(super) const MAX_BUDGETS: usize = 1000;

const AMOUNTS: &str = "an amount such as `50%`, `500 steps`, `2 epochs`, `10 min` or `$0.50`";

/// The most dollars that one trial may cost.
const MAX_USD: f64 = 1e9;

/// Budgets in the order of the text. Two that are the same once `full` is known are refused, as far as
/// that can be told without the length of an epoch.
pub(super) fn budgets(at: &Cursor<'_>, full: Length) -> Result<Vec<Budget>, Fault> {
    let items = at.items()?;
    if items.len() > MAX_BUDGETS {
        return Err(at.fault(format!("more than {MAX_BUDGETS} budgets")));
    }
    let mut budgets: Vec<Budget> = Vec::new();
    for item in &items {
        let budget = match in_other_units(item)? {
            Some(budget) => budget,
            None => match scalar::part_or(item, MAX_SHARE, AMOUNTS)? {
                Part::Share(share) => Budget::Share(share),
                Part::Length(length) => Budget::Length(length),
            },
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

/// `10 min` and `2 h`; `$0.5` and `0.5 usd`.
fn in_other_units(item: &Cursor<'_>) -> Result<Option<Budget>, Fault> {
    let Node::Text(text) = item.node() else { return Ok(None) };
    let text = text.trim();
    let amount =
        text.strip_prefix('$').or_else(|| text.strip_suffix("usd")).or_else(|| text.strip_suffix("USD"));
    if let Some(amount) = amount {
        let usd = amount.trim().parse().ok().filter(|usd| *usd > 0.0 && *usd <= MAX_USD);
        let usd = usd.ok_or_else(|| {
            item.expected(&format!("an amount of money above $0 and at most ${MAX_USD}"))
                .hint("such as `$0.5`")
        })?;
        return Ok(Some(Budget::Money(usd)));
    }
    if units::duration(text).is_some() {
        units::time(item).map(|seconds| Some(Budget::Time(seconds)))
    } else {
        Ok(None)
    }
}

/// What a program's trials cannot have, and money without a price.
pub(super) fn can_be_had(map: &Map<'_>, budgets: &[Budget], is_program: bool) -> Result<(), Fault> {
    let Some(at) = map.get("budgets") else { return Ok(()) };
    for (item, budget) in at.items()?.iter().zip(budgets) {
        match budget {
            Budget::Length(Length::Epochs(_)) if is_program => {
                return Err(item.expected("a share or a number of steps").hint(EPOCHS));
            }
            Budget::Time(_) | Budget::Money(_) if is_program => {
                let hint = "the time of a step is measured for models only: write such as `500 steps`";
                return Err(item.expected("a share or a number of steps").hint(hint));
            }
            Budget::Money(_) if map.get("pricing").is_none() => {
                let fault =
                    item.fault(format!("{} is money, and nothing says what the machine costs", item.label()));
                return Err(fault.hint("such as `pricing: {usd_per_hour: 0.80}`"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn same(left: Budget, right: Budget, full: Length) -> bool {
    if left == right {
        return true;
    }
    match (length(left, full), length(right, full)) {
        (Some(Length::Steps(left)), Some(Length::Steps(right))) => left == right,
        (Some(Length::Epochs(left)), Some(Length::Epochs(right))) => (left - right).abs() <= 1e-9 * left,
        _ => false,
    }
}

/// As far as it can be told before anything is measured.
fn length(budget: Budget, full: Length) -> Option<Length> {
    match (budget, full) {
        (Budget::Share(share), Length::Epochs(epochs)) => Some(Length::Epochs(share * epochs)),
        (Budget::Share(share), Length::Steps(_)) => Some(Length::Steps(full.part(share, 1))),
        (Budget::Length(length), _) => Some(length),
        (Budget::Time(_) | Budget::Money(_), _) => None,
    }
}
