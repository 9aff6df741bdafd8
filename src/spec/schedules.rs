//! `schedules:`, with lists of parameters expanded.

use crate::schedule::{Decay, Schedule, Tail};

use super::{
    cursor::{Cursor, Keys, Map},
    error::Fault,
    scalar,
    yaml::Node,
};

const FAMILIES: [&str; 9] =
    ["uba", "constant", "step", "exponential", "polynomial", "linear", "cosine", "rex", "wsd"];
const LATER: [&str; 9] =
    ["cyclical", "d2z", "inverse_sqrt", "multi_phase", "multistep", "one_cycle", "power", "sgdr", "custom"];

const FRACTION: &str = "a number above 0 and below 1";

/// What φ and β may be; beyond this the curve is a corner and its name a row of zeros.
const SHAPE: &str = "a number above 0, from 1e-6 to 1e6";

fn is_shape(value: f64) -> bool {
    (1e-6..=1e6).contains(&value)
}

/// Schedules in one spec, and values in one list of a parameter.
const MAX_SCHEDULES: usize = 1000;

/// A value and where it stands in the spec.
type Placed<'a, T> = (T, Cursor<'a>);

/// Schedules in the order of the text, lists expanded in theirs; two that are the same are refused.
pub(super) fn schedules(at: &Cursor<'_>) -> Result<Vec<Schedule>, Fault> {
    let mut placed: Vec<Placed<'_, Schedule>> = Vec::new();
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
fn expand<'a>(item: &Cursor<'a>) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
    let (name, under) = item.named(&FAMILIES, &LATER)?;
    let family = Family { item, name, under };
    match name {
        "uba" => family.uba(),
        "step" => family.step(),
        "exponential" => family.exponential(),
        "polynomial" => family.polynomial(),
        "rex" => family.rex(),
        "wsd" => family.wsd(),
        "cosine" => family.bare(Schedule::Cosine),
        "linear" => family.bare(Schedule::Polynomial { power: 1.0 }),
        _ => family.bare(Schedule::Constant),
    }
}

/// An item of the list: its name and the parameters under it.
struct Family<'s, 'a> {
    item: &'s Cursor<'a>,
    name: &'a str,
    under: Option<Cursor<'a>>,
}

impl<'a> Family<'_, 'a> {
    fn bare(&self, schedule: Schedule) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
        match &self.under {
            None => Ok(vec![(schedule, self.item.clone())]),
            Some(under) => {
                let message = format!("schedule `{}` takes no parameters", self.name);
                Err(under.fault(message).hint(format!("write `{}`", self.name)))
            }
        }
    }

    fn uba(&self) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
        let map = self.parameters(&Keys { known: &["phi"], later: &["phases"] })?;
        let phis = self.values(&map, "phi", None, |at| match at.node() {
            Node::Text(text) if text == "auto" => Err(at
                .fault("`phi: auto` is not supported yet")
                .hint("list some, such as `phi: [0.5, 1, 5]`")),
            _ => scalar::number(at, SHAPE, is_shape),
        })?;
        if phis.is_empty() {
            return Err(self.needs("`phi`", "phi: 1"));
        }
        Ok(phis.into_iter().map(|(phi, at)| (Schedule::Uba { phi }, at)).collect())
    }

    fn step(&self) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
        let map = self.parameters(&Keys { known: &["milestones", "gamma"], later: &[] })?;
        let sets = match map.as_ref().and_then(|map| map.get("milestones")) {
            None => vec![(vec![0.5, 0.75], self.item.clone())],
            Some(at) if is_list_of_lists(&at) => {
                let sets = bounded(&at)?.into_iter();
                sets.map(|set| Ok((milestones(&set)?, set))).collect::<Result<_, Fault>>()?
            }
            Some(at) => vec![(milestones(&at)?, at)],
        };
        let gammas = self.values(&map, "gamma", Some(0.1), fraction)?;
        Ok(product(&sets, &gammas, |milestones, gamma| Schedule::Step {
            milestones: milestones.clone(),
            gamma: *gamma,
        }))
    }

    fn exponential(&self) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
        let map = self.parameters(&Keys { known: &["end_ratio", "gamma"], later: &[] })?;
        let ratios = self.values(&map, "end_ratio", None, fraction)?;
        let gammas = self.values(&map, "gamma", None, fraction)?;
        match (ratios.is_empty(), gammas.first()) {
            (true, None) => Err(self.needs("`end_ratio` or `gamma`", "end_ratio: 0.01")),
            (false, Some((_, at))) => {
                let hint = "`end_ratio` is the factor at the end of the budget, `gamma` the one of each step";
                Err(at.fault("`gamma` and `end_ratio` exclude each other").hint(hint))
            }
            _ => {
                let ratios = ratios.into_iter().map(|(ratio, at)| (Decay::EndRatio(ratio), at));
                let decays = ratios.chain(gammas.into_iter().map(|(gamma, at)| (Decay::PerStep(gamma), at)));
                Ok(decays.map(|(decay, at)| (Schedule::Exponential(decay), at)).collect())
            }
        }
    }

    fn polynomial(&self) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
        let map = self.parameters(&Keys { known: &["power"], later: &[] })?;
        let what = "a number above 0 and at most 1000";
        let read = |at: &Cursor<'_>| scalar::number(at, what, |power| power > 0.0 && power <= 1000.0);
        let powers = self.values(&map, "power", None, read)?;
        if powers.is_empty() {
            return Err(self.needs("`power`", "power: 2"));
        }
        Ok(powers.into_iter().map(|(power, at)| (Schedule::Polynomial { power }, at)).collect())
    }

    fn rex(&self) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
        let map = self.parameters(&Keys { known: &["beta"], later: &[] })?;
        let betas = self.values(&map, "beta", Some(0.5), |at| scalar::number(at, SHAPE, is_shape))?;
        Ok(betas.into_iter().map(|(beta, at)| (Schedule::Rex { beta }, at)).collect())
    }

    fn wsd(&self) -> Result<Vec<Placed<'a, Schedule>>, Fault> {
        let map = self.parameters(&Keys { known: &["decay", "shape"], later: &[] })?;
        let what = "a share of the budget above 0% and at most 100%";
        let read = |at: &Cursor<'_>| scalar::share(at, what, |share| share > 0.0 && share <= 1.0);
        let decays = self.values(&map, "decay", Some(0.2), read)?;
        let shapes = Tail::ALL.map(|tail| (tail.name(), tail));
        let tails = self.values(&map, "shape", Some(Tail::Linear), |at| at.choice(&shapes, &[]))?;
        Ok(product(&decays, &tails, |decay, tail| Schedule::Wsd { decay: *decay, tail: *tail }))
    }

    fn parameters(&self, keys: &Keys) -> Result<Option<Map<'a>>, Fault> {
        self.under.as_ref().map(|under| under.map(keys)).transpose()
    }

    /// The values of a parameter, a list being several; without the key the default, if there is one.
    fn values<T>(
        &self,
        map: &Option<Map<'a>>,
        key: &str,
        default: Option<T>,
        read: impl Fn(&Cursor<'a>) -> Result<T, Fault>,
    ) -> Result<Vec<Placed<'a, T>>, Fault> {
        match map.as_ref().and_then(|map| map.get(key)) {
            Some(at) => bounded(&at)?.into_iter().map(|item| Ok((read(&item)?, item))).collect(),
            None => Ok(default.map(|value| (value, self.item.clone())).into_iter().collect()),
        }
    }

    fn needs(&self, what: &str, example: &str) -> Fault {
        let at = self.under.as_ref().unwrap_or(self.item);
        let message = format!("schedule `{}` needs {what}", self.name);
        at.fault(message).hint(format!("such as `{}: {{{example}}}`", self.name))
    }
}

fn fraction(at: &Cursor<'_>) -> Result<f64, Fault> {
    scalar::number(at, FRACTION, |value| value > 0.0 && value < 1.0)
}

fn is_list_of_lists(at: &Cursor<'_>) -> bool {
    matches!(at.node(), Node::List(items) if items.iter().any(|item| matches!(item, Node::List(_))))
}

fn milestones(at: &Cursor<'_>) -> Result<Vec<f64>, Fault> {
    let mut shares: Vec<f64> = Vec::new();
    for item in bounded(at)? {
        let what = "a share of the budget between 0% and 100%";
        let share = scalar::share(&item, what, |share| share > 0.0 && share < 1.0)?;
        if shares.last().is_some_and(|last| share <= *last) {
            let message = format!("{} is not after the milestone before it", item.label());
            return Err(item.fault(message).hint("list milestones in ascending order"));
        }
        shares.push(share);
    }
    Ok(shares)
}

fn bounded<'a>(at: &Cursor<'a>) -> Result<Vec<Cursor<'a>>, Fault> {
    let items = at.items()?;
    if items.len() > MAX_SCHEDULES {
        return Err(at.fault(format!("{} has more than {MAX_SCHEDULES} values", at.label())));
    }
    Ok(items)
}

/// All pairs, the first varying slowest; a pair stands where the list stands that made it several.
fn product<'a, A, B>(
    outer: &[Placed<'a, A>],
    inner: &[Placed<'a, B>],
    make: impl Fn(&A, &B) -> Schedule,
) -> Vec<Placed<'a, Schedule>> {
    let pairs = outer.iter().flat_map(|left| inner.iter().map(move |right| (left, right)));
    pairs
        .take(MAX_SCHEDULES + 1)
        .map(|((left, at), (right, inner_at))| {
            (make(left, right), if inner.len() > 1 { inner_at.clone() } else { at.clone() })
        })
        .collect()
}
