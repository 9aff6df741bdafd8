//! `seeds:`, `savings:` and `pricing:`: how often a setting is trained, what the results are to answer, and at which price.

use std::path::{Path, PathBuf};

use super::{
    MAX_SEEDS,
    cursor::{Cursor, Map},
    error::{Fault, listed},
    form::{BUDGET, MARGIN, SHARE},
    keys::{ABOVE_0, Bound::*, Keys, Kind, Kind::*, key, words},
    machine::{USD, usd},
    scalar,
    types::Spec,
    yaml::Node,
};
use crate::cost::{self, Margin, Provisioning};

const PROVISIONING: [(&str, Provisioning); 3] = [
    ("on_demand", Provisioning::OnDemand),
    ("spot", Provisioning::Spot),
    ("reserved", Provisioning::Reserved),
];

pub(super) const COUNT: Kind = Any(&[Whole(1, MAX_SEEDS), Map(&SEEDS)]);
static SEEDS: Keys = Keys::of(&[
    key("min", Whole(2, MAX_SEEDS), "As many in any case").needed("3"),
    key("max", Whole(2, MAX_SEEDS), "At most so many").needed("10"),
    key("decide", Choice(&["savings"]), "What decides: seeds are added where that comparison is open")
        .needed("savings"),
]);
pub(super) static SAVINGS: Keys = Keys::of(&[
    key("baseline", Map(&BASELINE), "What is to be replaced").or("{}"),
    key("margin", Any(&[ABOVE_0, Form(&MARGIN)]), "How much worse is still as good"),
    key(
        "confidence",
        Any(&[Number(Beyond(0.5), Beyond(1.0)), Form(&SHARE)]),
        "How sure the answer is to be; 95% unless told",
    ),
]);
static BASELINE: Keys = Keys::of(&[
    key("schedule", Text, "As results print it, such as `uba(phi=1)`; cosine unless told"),
    key("budget", Any(&[Form(&BUDGET), Text]), "One of `budgets`; the largest unless told"),
]);
pub(super) static PRICING: Keys = Keys::of(&[
    key("usd_per_hour", USD, "Dollars per hour of the machine"),
    key("sku", Text, "An offer that `sweep prices` lists, such as `aws:g6.xlarge`"),
    key("provisioning", Choice(&words(PROVISIONING)), "How it is rented").or("on_demand"),
    key("prices", Text, "A CSV file of prices of your own, which goes first"),
])
.exactly_one(&["usd_per_hour", "sku"]);

/// How often each setting is trained: seeds 0 to `max` − 1. Where `min` is less, results decide beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    pub min: u64,
    pub max: u64,
}

impl Seeds {
    /// As many, whatever the results.
    #[must_use]
    pub fn fixed(count: u64) -> Self {
        Self { min: count, max: count }
    }

    #[must_use]
    pub fn is_fixed(self) -> bool {
        self.min == self.max
    }
}

/// What is to be compared with what, as far as the spec says; names are as results print them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Question {
    pub schedule: Option<String>,
    pub budget: Option<String>,
    pub margin: Option<Margin>,
    /// Above 0.5 and below 1.
    pub confidence: Option<f64>,
}

/// What the machine costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Pricing {
    /// The whole machine, in dollars per hour.
    UsdPerHour(f64),
    /// An offer in a table of prices.
    Offer { sku: String, provisioning: Provisioning, prices: Option<PathBuf> },
}

pub(super) fn seeds(at: &Cursor<'_>) -> Result<Seeds, Fault> {
    if !matches!(at.node(), Node::Map(_)) {
        return scalar::whole(at, 1..=MAX_SEEDS).map(Seeds::fixed);
    }
    let map = at.map(&SEEDS)?;
    // An interval needs two.
    let min = scalar::whole(&map.required("min")?, 2..=MAX_SEEDS)?;
    let max_at = map.required("max")?;
    let max = scalar::whole(&max_at, 2..=MAX_SEEDS)?;
    map.required("decide")?.choice(&[("savings", ())], &[])?;
    if max <= min {
        return Err(max_at
            .expected(&format!("more than `min`, which is {min}"))
            .hint("for as many in any case write `seeds: 5`"));
    }
    Ok(Seeds { min, max })
}

pub(super) fn question(at: &Cursor<'_>) -> Result<Question, Fault> {
    let map = at.map(&SAVINGS)?;
    let baseline = map.get("baseline").map(|at| at.map(&BASELINE)).transpose()?;
    let name = |key: &str| match &baseline {
        Some(baseline) => baseline.or(key, None, |at| text(at).map(Some)),
        None => Ok(None),
    };
    let margin = |at: &Cursor<'_>| {
        text(at)?
            .parse()
            .map(Some)
            .map_err(|expected: String| at.fault(format!("{} is no margin", at.label())).hint(expected))
    };
    Ok(Question {
        schedule: name("schedule")?,
        budget: name("budget")?,
        margin: map.or("margin", None, margin)?,
        confidence: map.or("confidence", None, |at| confidence(at).map(Some))?,
    })
}

fn text(at: &Cursor<'_>) -> Result<String, Fault> {
    match at.node() {
        Node::Whole(number) => Ok(number.to_string()),
        Node::Number(number) => Ok(number.to_string()),
        _ => at.text().map(|text| text.trim().to_owned()),
    }
}

fn confidence(at: &Cursor<'_>) -> Result<f64, Fault> {
    let wrong = || at.expected("a share above 50% and below 100%").hint("such as `95%`");
    match at.node() {
        Node::Text(text) => cost::confidence(text).map_err(|_| wrong()),
        Node::Number(number) if *number > 0.5 && *number < 1.0 => Ok(*number),
        _ => Err(wrong()),
    }
}

/// The baseline is among what is trained.
pub(super) fn is_trained(top: &Map<'_>, spec: &Spec) -> Result<(), Fault> {
    let known = [
        (
            "schedule",
            &spec.question.schedule,
            spec.schedules.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ),
        ("budget", &spec.question.budget, spec.budgets.iter().map(ToString::to_string).collect()),
    ];
    for (key, named, names) in known {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(named) = named.as_ref().filter(|named| named_among(named, &names).is_none()) else {
            continue;
        };
        let message = format!("`savings.baseline.{key}` is `{named}`, which this spec does not train");
        return Err(top
            .inner(&["savings", "baseline", key], message)
            .hint(format!("it trains {}", listed(&names))));
    }
    Ok(())
}

/// The one of these names that is meant: the same, or the only one with this in front of its parameters.
#[must_use]
pub fn named_among<'a>(named: &str, names: &[&'a str]) -> Option<&'a str> {
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let named = bare(named);
    if let Some(same) = names.iter().find(|name| bare(name) == named) {
        return Some(same);
    }
    let mut family = names.iter().filter(|name| name.split('(').next() == Some(named.as_str()));
    family.next().filter(|_| family.next().is_none()).copied()
}

pub(super) fn pricing(at: &Cursor<'_>, folder: &Path) -> Result<Pricing, Fault> {
    let map = at.map(&PRICING)?;
    let others = ["provisioning", "prices"].into_iter().find_map(|key| Some((key, map.get(key)?)));
    match (map.get("usd_per_hour"), map.get("sku"), others) {
        (Some(_), Some(sku), _) => Err(sku
            .fault("`usd_per_hour` and `sku` exclude each other")
            .at_key()
            .hint("a number of your own, or an offer of a table: keep one of them")),
        (Some(_), None, Some((key, other))) => Err(other
            .fault(format!("`{key}` is about a `sku`, and the price is a number"))
            .at_key()
            .hint("leave it out")),
        (Some(at), None, None) => Ok(Pricing::UsdPerHour(usd(&at)?)),
        (None, Some(sku), _) => Ok(Pricing::Offer {
            sku: sku.text()?.trim().to_owned(),
            provisioning: map
                .or("provisioning", Provisioning::OnDemand, |at| at.choice(&PROVISIONING, &[]))?,
            prices: map.or("prices", None, |at| scalar::path(at, folder).map(Some))?,
        }),
        (None, None, _) => Err(map
            .at()
            .fault(format!("missing key `usd_per_hour` or `sku` in {}", map.at().label()))
            .hint("such as `usd_per_hour: 0.80`, or `sku: aws:g6.xlarge` from `sweep prices`")),
    }
}
