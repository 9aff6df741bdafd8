//! `parameters:`, spelled as in W&B sweeps as far as they list values.

use std::collections::HashMap;

use super::{
    cursor::{Cursor, Map},
    error::{Fault, printable},
    form::PARAMETER,
    keys::{ANY_NUMBER, Bound::*, FROM_0, FROM_0_BELOW_1, Key, Keys, Kind, Kind::*, Names, key},
    optimizer, scalar,
    types::Parameters,
    yaml::Node,
};

/// What W&B writes under the name of a parameter; ranges are known, to be refused in words of their own.
macro_rules! swept {
    ($each:expr) => {
        Keys::of(&[
            key("values", List(1, MAX_VALUES, &$each), "Values, each of which is tried"),
            key("value", $each, "The one value"),
            key("min", Refused, "Ranges are not supported yet: list values"),
            key("max", Refused, "Ranges are not supported yet: list values"),
            key(
                "distribution",
                Choice(&["constant", "categorical"]),
                "What W&B calls a value, or a list of them",
            ),
        ])
        .later(&["probabilities", "mu", "sigma", "q", "parameters"])
        .exactly_one(&["value", "values"])
    };
}

const RATE: Kind = Number(Beyond(0.0), At(MAX_RATE));
static RATES: Keys = swept!(RATE);
static DECAYS: Keys = swept!(FROM_0);
static MOMENTA: Keys = swept!(FROM_0_BELOW_1);
static NUMBERS: Keys = swept!(ANY_NUMBER);

pub(super) static OF_MODEL: Keys = Keys::of(&[
    LEARNING_RATE,
    key("weight_decay", Any(&[Each(MAX_VALUES, &FROM_0), Map(&DECAYS)]), "Instead of the optimizer's"),
    key("momentum", Any(&[Each(MAX_VALUES, &FROM_0_BELOW_1), Map(&MOMENTA)]), "Instead of the optimizer's"),
])
.later(&["batch_size", "warmup", "optimizer", "nesterov", "eta_min"]);
pub(super) static OF_PROGRAM: Names = Names {
    pattern: PARAMETER,
    least: 1,
    most: MAX_PARAMETERS,
    known: &[LEARNING_RATE],
    each: Any(&[Each(MAX_VALUES, &ANY_NUMBER), Map(&NUMBERS)]),
};
static LEARNING_RATES: [Kind; 2] = [Each(MAX_VALUES, &RATE), Map(&RATES)];
const LEARNING_RATE: Key = key(
    "learning_rate",
    Any(&LEARNING_RATES),
    "Peaks; each schedule takes the one that is best on the validation set",
)
.needed(EXAMPLE);

const DISTRIBUTIONS: [&str; 15] = [
    "constant",
    "categorical",
    "uniform",
    "int_uniform",
    "q_uniform",
    "log_uniform",
    "log_uniform_values",
    "inv_log_uniform",
    "inv_log_uniform_values",
    "q_log_uniform",
    "q_log_uniform_values",
    "normal",
    "q_normal",
    "log_normal",
    "q_log_normal",
];

const LIST_THEM: &str = "list what to try, such as `values: [0.01, 0.03, 0.1]`";

const EXAMPLE: &str = "{values: [0.05, 0.1]}";
const NUMBER: &str = "a number, as all parameters are for now";

/// Parameters of a program, and characters of the name of each.
pub(super) const MAX_PARAMETERS: usize = 100;
pub(super) const MAX_NAME: usize = 100;

/// Values of one parameter.
const MAX_VALUES: usize = 10_000;
/// The largest learning rate.
const MAX_RATE: f64 = 1e6;

/// Of a model: those of its optimizer.
pub(super) fn of_model(at: &Cursor<'_>) -> Result<Parameters, Fault> {
    let map = at.map(&OF_MODEL)?;
    let learning_rate = rates(&map.required("learning_rate")?)?;
    let mut others = Vec::new();
    if let Some(at) = map.get("weight_decay") {
        let values = values(&at, &DECAYS, optimizer::WEIGHT_DECAY, optimizer::is_weight_decay)?;
        others.push(("weight_decay".to_owned(), values));
    }
    if let Some(at) = map.get("momentum") {
        let values = values(&at, &MOMENTA, optimizer::MOMENTUM, optimizer::is_momentum)?;
        others.push(("momentum".to_owned(), values));
    }
    Ok(Parameters { learning_rate, others })
}

/// Of a program: whatever it calls its own.
pub(super) fn of_program(at: &Cursor<'_>) -> Result<Parameters, Fault> {
    let entries = at.entries()?;
    if entries.len() > MAX_PARAMETERS {
        return Err(at.fault(format!("{} has more than {MAX_PARAMETERS} parameters", at.label())));
    }
    let (mut learning_rate, mut others) = (None, Vec::new());
    for (name, at) in entries {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if !plain || name.is_empty() || name.len() > MAX_NAME || name.starts_with(['-', '.']) {
            let message = format!("`{}` cannot be the name of a parameter", printable(name));
            let hint = format!("1 to {MAX_NAME} letters, digits, `_`, `-` and `.`, the last two not first");
            return Err(at.fault(message).at_key().hint(hint));
        }
        match name {
            "learning_rate" => learning_rate = Some(rates(&at)?),
            _ => others.push((name.to_owned(), values(&at, &NUMBERS, NUMBER, |_| true)?)),
        }
    }
    let missing = || {
        let fault = at.fault(format!("missing key `learning_rate` in {}", at.label()));
        fault.hint(format!("the peak of the schedule, such as `learning_rate: {EXAMPLE}`"))
    };
    Ok(Parameters { learning_rate: learning_rate.ok_or_else(missing)?, others })
}

fn rates(at: &Cursor<'_>) -> Result<Vec<f64>, Fault> {
    // As a worker reads it: in 32 bits.
    values(at, &RATES, "a number above 0, at most 1e6", |rate| rate as f32 > 0.0 && rate <= MAX_RATE)
}

/// `0.1`, `[0.05, 0.1]`, `{value: 0.1}` or `{values: [0.05, 0.1]}`; no value twice.
fn values(
    at: &Cursor<'_>,
    keys: &'static Keys,
    what: &str,
    ok: impl Fn(f64) -> bool,
) -> Result<Vec<f64>, Fault> {
    let listed = if matches!(at.node(), Node::Map(_)) { under_key(at, keys)? } else { at.clone() };
    let items = listed.items()?;
    if items.len() > MAX_VALUES {
        return Err(listed.fault(format!("{} has more than {MAX_VALUES} values", listed.label())));
    }
    let mut first: HashMap<u64, &Cursor<'_>> = HashMap::new();
    let mut values = Vec::new();
    for item in &items {
        let value = scalar::number(item, what, &ok)?;
        // Adding 0 makes −0 and 0 one value.
        if let Some(first) = first.insert((value + 0.0).to_bits(), item) {
            let message = format!("{} lists `{value}` twice", at.label());
            return Err(item.fault(message).hint("leave one of them out").other(first.path()));
        }
        values.push(value);
    }
    Ok(values)
}

/// What stands under `value` or `values`; a range is refused.
fn under_key<'a>(at: &Cursor<'a>, keys: &'static Keys) -> Result<Cursor<'a>, Fault> {
    let map = at.map(keys)?;
    let names = DISTRIBUTIONS.map(|name| (name, name));
    let distribution = map.get("distribution").map(|at| Ok((at.choice(&names, &[])?, at))).transpose()?;
    if let Some(range) = map.get("min").or_else(|| map.get("max")) {
        return Err(range_refused(&map, distribution.map(|(name, _)| name), &range)?);
    }
    if let Some((name, at)) = distribution.filter(|(name, _)| !["constant", "categorical"].contains(name)) {
        return Err(at.fault(format!("distribution `{name}` is not supported yet")).hint(LIST_THEM));
    }
    match (map.get("values"), map.get("value")) {
        (Some(_), Some(value)) => {
            Err(value.fault("`value` and `values` exclude each other").at_key().hint("keep `values`"))
        }
        (Some(values), None) => match values.node() {
            Node::List(_) => Ok(values),
            _ => Err(values.expected("a list").hint("one value is `value: …`, several are `values: [ … ]`")),
        },
        (None, Some(value)) => match value.node() {
            Node::List(_) => Err(value.expected("a number").hint("several values are `values: [ … ]`")),
            _ => Ok(value),
        },
        (None, None) => {
            let message = format!("missing key `values` in {}", at.label());
            Err(at.fault(message).hint("such as `values: [0.05, 0.1]`"))
        }
    }
}

/// Why this range is refused; what is wrong with it by itself comes first.
fn range_refused(map: &Map<'_>, distribution: Option<&str>, range: &Cursor<'_>) -> Result<Fault, Fault> {
    let bound =
        |key: &str| map.get(key).map(|at| Ok((scalar::number(&at, "a number", |_| true)?, at))).transpose();
    let (min, max) = (bound("min")?, bound("max")?);
    if let (Some(name), Some((min, at))) = (distribution.filter(|name| name.contains("log_uniform")), &min)
        && *min < 0.0
    {
        let message = format!("{} is negative, and `{name}` is for values above 0", at.label());
        let hint =
            format!("W&B's `log_uniform` takes exponents, where {min} means {:.1e}; {LIST_THEM}", min.exp());
        return Ok(at.fault(message).hint(hint));
    }
    if let (Some((min, at)), Some((max, above))) = (&min, &max)
        && min > max
    {
        let message = format!("{} is `{min}`, above {}, which is `{max}`", at.label(), above.label());
        return Ok(at.fault(message).hint(format!("ranges are not supported yet; {LIST_THEM}")));
    }
    Ok(range.fault(format!("{} spans a range, which is not supported yet", map.at().label())).hint(LIST_THEM))
}
