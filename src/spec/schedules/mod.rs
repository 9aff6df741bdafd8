//! `schedules:`, with lists of parameters expanded. Families are read in files by their kind; what they share is here.

mod cycles;
mod decays;
mod own;
mod tables;
mod typed;
mod warmup;

use std::fmt;

use crate::schedule::{Schedule, Span, Warmup};

use super::{
    cursor::{Cursor, Map},
    error::{Fault, Segment},
    keys::{Name, Under},
    scalar::{self, Part},
    types::Length,
    yaml::Node,
};

pub(super) use tables::{MAX_SCHEDULES, SCHEDULE};
pub use typed::{Misread, typed};
pub(super) use warmup::{WARMUP, warmup};

/// A schedule that a spec asks for. `Display` is its name in tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed {
    Given(Schedule),
    /// UBA, its φ chosen for each model and budget.
    UbaAuto {
        /// In place of the training's.
        warmup: Option<Warmup>,
    },
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(schedule) => schedule.fmt(f),
            Self::UbaAuto { warmup: None } => f.write_str("uba(phi=auto)"),
            Self::UbaAuto { warmup: Some(warmup) } => write!(f, "uba(phi=auto,warmup={warmup})"),
        }
    }
}

/// A value and where it stands in the spec.
type Placed<'a, T> = (T, Cursor<'a>);
type Expanded<'a> = Result<Vec<Placed<'a, Schedule>>, Fault>;

/// Schedules in the order of the text, lists expanded in theirs; two that are the same are refused.
pub(super) fn schedules(at: &Cursor<'_>) -> Result<Vec<Listed>, Fault> {
    let mut placed: Vec<Placed<'_, Listed>> = Vec::new();
    for item in at.items()? {
        for (schedule, at) in expand(&item)? {
            if let Some((_, first)) = placed.iter().find(|(known, _)| *known == schedule) {
                let message = format!("schedule `{schedule}` is listed twice");
                return Err(at.fault(message).hint("leave one of them out").other(first.path()));
            }
            if placed.len() == MAX_SCHEDULES {
                return Err(at.fault(format!("more than {MAX_SCHEDULES} schedules")));
            }
            placed.push((schedule, at));
        }
    }
    Ok(placed.into_iter().map(|(schedule, _)| schedule).collect())
}

/// What one item stands for: one schedule, or several where a parameter is a list.
fn expand<'a>(item: &Cursor<'a>) -> Result<Vec<Placed<'a, Listed>>, Fault> {
    let family = Family::of(item)?;
    if let Some((warmup, at)) = family.auto()? {
        return Ok(vec![(Listed::UbaAuto { warmup }, at)]);
    }
    let all = family.schedules()?;
    Ok(all.into_iter().map(|(schedule, at)| (Listed::Given(schedule), at)).collect())
}

/// An item of the list: its name and the parameters under it.
struct Family<'s, 'a> {
    item: &'s Cursor<'a>,
    name: &'static str,
    takes: Under,
    under: Option<Cursor<'a>>,
}

impl<'s, 'a> Family<'s, 'a> {
    fn of(item: &'s Cursor<'a>) -> Result<Self, Fault> {
        let (&Name { name, under: takes, .. }, under) = item.named(&tables::NAMES, &[])?;
        Ok(Self { item, name, takes, under })
    }

    /// All that the item stands for, behind its warm-up where it has one.
    fn schedules(&self) -> Expanded<'a> {
        let all = match self.name {
            "uba" => self.uba(),
            "linear" => self.bare(Schedule::Polynomial { power: 1.0 }),
            "polynomial" => self.polynomial(),
            "d2z" => self.bare(Schedule::D2z),
            "cosine" => self.bare(Schedule::Cosine),
            "rex" => self.rex(),
            "wsd" => self.wsd(),
            "robust" => self.robust(),
            "step" | "multistep" => self.step(),
            "exponential" => self.exponential(),
            "sgdr" => self.sgdr(),
            "cyclical" => self.cyclical(),
            "one_cycle" => self.one_cycle(),
            "inverse_sqrt" => self.inverse_sqrt(),
            "power" => self.power(),
            "piecewise" => self.piecewise(),
            "expr" => self.expr(),
            "join" => self.join(),
            _ => self.bare(Schedule::Constant),
        }?;
        let Some(warmup) = self.own_warmup()? else { return Ok(all) };
        let behind = |(schedule, at)| (Schedule::Warm { warmup, then: Box::new(schedule) }, at);
        Ok(all.into_iter().map(behind).collect())
    }

    /// The warm-up that the item has itself.
    fn own_warmup(&self) -> Result<Option<Warmup>, Fault> {
        let entries = self.under.as_ref().and_then(|under| under.entries().ok()).unwrap_or_default();
        let found = entries.into_iter().find(|(key, _)| *key == "warmup");
        found.map(|(_, at)| warmup(&at)).transpose()
    }

    fn bare(&self, schedule: Schedule) -> Expanded<'a> {
        self.parameters()?;
        Ok(vec![(schedule, self.item.clone())])
    }

    /// The family's own.
    fn parameters(&self) -> Result<Option<Map<'a>>, Fault> {
        let (Some(under), Under::Keys(keys)) = (&self.under, self.takes) else { return Ok(None) };
        let example = keys.known[0].name;
        match under.node() {
            Node::Map(_) => under.map(keys).map(Some),
            _ => Err(under
                .expected("a mapping of parameters")
                .hint(format!("such as `{}: {{{example}: …}}`", self.name))),
        }
    }

    /// The one value of a parameter that is never a list of alternatives.
    fn given<T>(
        &self,
        map: &Option<Map<'a>>,
        key: &str,
        read: impl Fn(&Cursor<'a>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        map.as_ref().and_then(|map| map.get(key)).map(|at| read(&at)).transpose()
    }

    /// The values of a parameter, a list being several; none without the key.
    fn values<T>(
        &self,
        map: &Option<Map<'a>>,
        key: &str,
        read: impl Fn(&Cursor<'a>) -> Result<T, Fault>,
    ) -> Result<Vec<Placed<'a, T>>, Fault> {
        match map.as_ref().and_then(|map| map.get(key)) {
            Some(at) if matches!(at.node(), Node::Map(_)) => {
                Err(at.expected("a value, or a list of values to try").hint("such as `[1, 5]`"))
            }
            Some(at) => bounded(&at)?.into_iter().map(|item| Ok((read(&item)?, item))).collect(),
            None => Ok(Vec::new()),
        }
    }

    /// The values of a parameter that has no default.
    fn needed<T>(
        &self,
        map: &Option<Map<'a>>,
        key: &str,
        example: &str,
        read: impl Fn(&Cursor<'a>) -> Result<T, Fault>,
    ) -> Result<Vec<Placed<'a, T>>, Fault> {
        let values = self.values(map, key, read)?;
        if values.is_empty() { Err(self.needs(&format!("`{key}`"), example)) } else { Ok(values) }
    }

    fn needs(&self, what: &str, example: &str) -> Fault {
        let at = self.under.as_ref().unwrap_or(self.item);
        let message = format!("schedule `{}` needs {what}", self.name);
        at.fault(message).hint(format!("such as `{}: {{{example}}}`", self.name))
    }

    /// What all parameters start from.
    fn start<T>(&self, value: T) -> Vec<Placed<'a, T>> {
        vec![(value, self.item.clone())]
    }
}

/// Everything so far with each of the values, which vary fastest; nothing changes where there is none. A combination stands
/// where the last list stands that made it several.
fn cross<'a, T: Clone, V>(
    all: Vec<Placed<'a, T>>,
    values: &[Placed<'a, V>],
    set: impl Fn(&mut T, &V),
) -> Vec<Placed<'a, T>> {
    if values.is_empty() {
        return all;
    }
    let each = |(base, at): &Placed<'a, T>, (value, here): &Placed<'a, V>| {
        let mut made = base.clone();
        set(&mut made, value);
        (made, if values.len() > 1 || all.len() == 1 { here.clone() } else { at.clone() })
    };
    let pairs = all.iter().flat_map(|base| values.iter().map(move |value| (base, value)));
    pairs.take(MAX_SCHEDULES + 1).map(|(base, value)| each(base, value)).collect()
}

fn schedules_of<'a, T>(all: Vec<Placed<'a, T>>, make: impl Fn(T) -> Schedule) -> Vec<Placed<'a, Schedule>> {
    all.into_iter().map(|(value, at)| (make(value), at)).collect()
}

fn fraction(at: &Cursor<'_>) -> Result<f64, Fault> {
    scalar::number(at, "a number above 0 and below 1", |value| value > 0.0 && value < 1.0)
}

/// `25%` or `7 steps`.
fn span(at: &Cursor<'_>) -> Result<Span, Fault> {
    match scalar::part(at, 1.0)? {
        Part::Share(share) => Ok(Span::Share(share)),
        Part::Length(Length::Steps(steps)) => Ok(Span::Steps(steps)),
        Part::Length(Length::Epochs(_)) => Err(at
            .expected("a share of the budget or a number of steps")
            .hint("such as `25%` or `100 steps`")),
    }
}

fn bounded<'a>(at: &Cursor<'a>) -> Result<Vec<Cursor<'a>>, Fault> {
    let items = at.items()?;
    if items.len() > MAX_SCHEDULES {
        return Err(at.fault(format!("{} has more than {MAX_SCHEDULES} values", at.label())));
    }
    Ok(items)
}

/// The pairs of a mapping from shares of the budget to values, such as `{50%: 1, 100%: 0.5}`: shares ascend, and are above
/// 0 % unless `from_start`. What stands under `beside` is no pair.
fn by_share<'a>(
    at: &Cursor<'a>,
    from_start: bool,
    beside: Option<&str>,
) -> Result<Vec<(f64, Cursor<'a>)>, Fault> {
    let mut entries = at.entries().map_err(|fault| fault.hint("such as `{50%: …, 100%: …}`"))?;
    entries.retain(|(key, _)| Some(*key) != beside);
    if entries.is_empty() || entries.len() > MAX_SCHEDULES {
        return Err(at.fault(format!("{} should have 1 to {MAX_SCHEDULES} entries", at.label())));
    }
    let mut shares: Vec<(f64, Cursor<'a>)> = Vec::new();
    for (key, value) in entries {
        let share = key.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        let share = share
            .map(|percent| percent / 100.0)
            .filter(|share| (0.0..=1.0).contains(share) && (from_start || *share > 0.0));
        let Some(share) = share else {
            let least = if from_start { "from" } else { "above" };
            let message = format!("{} should be a share {least} 0% and at most 100%", value.label());
            let hint = match key.trim().parse::<f64>() {
                Ok(part) if part > 0.0 && part <= 1.0 => format!("write `{}%`", (part * 1e11).round() / 1e9),
                Ok(percent) if percent > 0.0 && percent <= 100.0 => format!("write `{percent}%`"),
                _ => "such as `50%`, a share of the budget".to_owned(),
            };
            return Err(value.fault(message).at_key().hint(hint));
        };
        if shares.last().is_some_and(|(last, _)| share <= *last) {
            let message = format!("{} is not after the share before it", value.label());
            return Err(value.fault(message).at_key().hint("list shares in ascending order"));
        }
        shares.push((share, value));
    }
    Ok(shares)
}

/// The key that a path ends with.
fn last_key<'c>(at: &'c Cursor<'_>) -> &'c str {
    match at.path().last() {
        Some(Segment::Key(key)) => key,
        _ => "",
    }
}
