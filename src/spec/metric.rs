//! `metric:`.

use sweep_wire::Loss;

use super::{
    cursor::Cursor,
    error::{Fault, listed, nearest, printable},
    form::METRIC_NAME,
    keys::{Keys, Kind, Kind::*, choices, key, words},
    types::Metric,
    yaml::Node,
};

const GOALS: [(&str, bool); 2] = [("maximize", true), ("minimize", false)];
const METRICS: [(&str, Metric); Metric::ALL.len()] = choices!(Metric);

/// Of a model: a name, or these.
pub(super) static OF_MODEL: Keys = Keys::of(&[
    key("name", METRIC, "What trials are judged by; each set has its own").needed("accuracy"),
    key("goal", Choice(&words(GOALS)), "Whether more of it is better; the name says it anyway"),
])
.later(&["target"]);
pub(super) static OF_PROGRAM: Keys = Keys::of(&[
    key("name", Form(&METRIC_NAME), "What the program reports and is judged by").needed("test/accuracy"),
    key("goal", Choice(&words(GOALS)), "Whether more of it is better").needed("maximize"),
])
.later(&["target"]);
pub(super) const METRIC: Kind = Choice(&words(METRICS));

/// Characters of the name of a program's metric.
const MAX_NAME: usize = 100;

/// The sets that other tools name in front of a metric.
const SETS: [&str; 6] = ["validation", "valid", "val", "test", "train", "eval"];

/// A metric that models with this loss are measured by, as far as the loss tells.
pub(super) fn of_model(at: &Cursor<'_>, loss: &Loss) -> Result<Metric, Fault> {
    if matches!(at.node(), Node::Text(_)) {
        return named(at, loss);
    }
    let map = at.map(&OF_MODEL)?;
    let metric = named(&map.required("name")?, loss)?;
    if let Some(at) = map.get("goal")
        && at.choice(&GOALS, &[])? != metric.maximize()
    {
        let message = format!("this goal would rank the worst {metric} first");
        return Err(at.fault(message).hint("leave `goal` out, the metric's name says it"));
    }
    Ok(metric)
}

/// What a program reports and is judged by, and whether more of it is better.
pub(super) fn of_program(at: &Cursor<'_>) -> Result<(String, bool), Fault> {
    if !matches!(at.node(), Node::Map(_)) {
        return Err(at.expected("a mapping").hint("such as `metric: {name: test/accuracy, goal: maximize}`"));
    }
    let map = at.map(&OF_PROGRAM)?;
    let name_at = map.required("name")?;
    let name = name_at.text()?.trim();
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let message = format!("`{}` cannot be the name of a metric", printable(name));
        let hint = format!("it has 1 to {MAX_NAME} characters, no control characters among them");
        return Err(name_at.fault(message).hint(hint));
    }
    Ok((name.to_owned(), map.required("goal")?.choice(&GOALS, &[])?))
}

fn named(at: &Cursor<'_>, loss: &Loss) -> Result<Metric, Fault> {
    let metric = at.choice(&METRICS, &[]).map_err(|fault| match without_set(at.node()) {
        Some(meant) => fault.hint(format!(
            "did you mean `{meant}`? metrics are measured on the validation and test sets by themselves"
        )),
        None => fault,
    })?;
    let measured = measured(loss);
    if measured.contains(&metric) {
        return Ok(metric);
    }
    let names: Vec<&str> = measured.iter().map(|metric| metric.name()).collect();
    Err(at.fault(format!("`model.loss` gives no `{metric}`")).hint(format!("it gives {}", listed(&names))))
}

/// `loss` for `val_loss`.
fn without_set(node: &Node) -> Option<&'static str> {
    let Node::Text(text) = node else { return None };
    let rest = SETS.iter().find_map(|set| text.strip_prefix(set)?.strip_prefix(['_', '/', '-', '.', ' ']))?;
    nearest(rest, Metric::ALL.iter().map(|metric| metric.name()))
}

/// What a model with this loss may be measured by; whether there are classes enough or a label per pixel is for
/// the worker to say.
fn measured(loss: &Loss) -> &'static [Metric] {
    match loss {
        Loss::CrossEntropy(_) => {
            &[Metric::Loss, Metric::Accuracy, Metric::PixelAccuracy, Metric::Top5Accuracy]
        }
        Loss::TokenCrossEntropy(_) => {
            &[Metric::Loss, Metric::Perplexity, Metric::Accuracy, Metric::Top5Accuracy]
        }
        Loss::Mse | Loss::L1 | Loss::Huber { .. } => &[Metric::Loss, Metric::Mae],
        Loss::BceWithLogits(_) => &[Metric::Loss, Metric::Accuracy],
    }
}
