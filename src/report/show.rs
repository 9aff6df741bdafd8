//! One trial in full.

use serde_json::Value;

use super::{Look, Sheet, words};
use crate::store::{AttemptRow, TrialDetail, plain};

/// The longest curve, in characters: with its name and values it fits 80.
const WIDTH: usize = 36;

/// Everything about a trial, as text for a terminal; `rates` are its learning rates, if they are known.
#[must_use]
pub fn show(trial: &TrialDetail, rates: &[f32], look: Look) -> String {
    let mut lines = Sheet::new(look);
    lines.heading(&format!("trial {}: {}", trial.trial, trial.status));
    if let Some(reason) = &trial.reason {
        lines.add("reason", reason);
    }
    appearances(trial, &mut lines);
    lines.add("steps", &format!("{}, seed {}", trial.steps, trial.seed));
    trial.settled.iter().for_each(|sentence| lines.add("settled", sentence));
    cost(trial, &mut lines);
    lines.heading("curves");
    curves(trial, rates, &mut lines);
    lines.heading("what was trained");
    for (name, value) in trial.job.as_object().into_iter().flatten().filter(|(_, value)| !is_empty(value)) {
        settings(name, value, &mut lines);
    }
    lines.heading("attempts");
    for attempt in &trial.attempts {
        lines.add(&attempt.attempt.to_string(), &tell(attempt));
    }
    if !trial.checkpoints.is_empty() || !trial.weights.is_empty() {
        lines.heading(&format!("on disk, in checkpoints/{}/", trial.trial));
    }
    for checkpoint in &trial.checkpoints {
        let text = format!("after {} steps, {}", checkpoint.step, words::bytes(checkpoint.bytes));
        lines.add("checkpoint", &text);
    }
    for kept in &trial.weights {
        let text = format!("the {}, after {} steps, {}", kept.which, kept.step, words::bytes(kept.bytes));
        lines.add("weights", &text);
    }
    lines.heading("what decides the numbers");
    lines.add("key", &trial.key);
    // Of a program little is known.
    let known = |value: &Value| value != "" && value != 0;
    let facts = trial.facts.as_ref().and_then(Value::as_object).into_iter().flatten();
    for (name, value) in facts.filter(|(_, value)| known(value)) {
        match (name.as_str(), value) {
            ("contents", Value::Object(hashes)) => {
                let hashes = hashes.iter().filter(|(_, hash)| known(hash));
                hashes.for_each(|(name, hash)| lines.add(&format!("{name} hash"), &plain(hash)));
            }
            ("numerics" | "runtime" | "cpu" | "sweep" | "parameters", value) => {
                lines.add(name, &plain(value))
            }
            _ => {}
        }
    }
    lines.text()
}

fn appearances(trial: &TrialDetail, lines: &mut Sheet) {
    for place in &trial.appearances {
        lines.add("sweep", &format!("{} {}", place.sweep, place.name));
        lines.add("", &format!("{} · {} · {}", place.schedule, place.budget, plain(&place.settings)));
        let Some(value) = place.value else { continue };
        let mut text = format!("{} {}", place.metric, words::value_of(value, &place.metric));
        if let Some(gap) = place.gap {
            text += &format!(", {} better on training samples", words::value_of(gap, &place.metric));
        }
        lines.add("result", &text);
    }
}

fn cost(trial: &TrialDetail, lines: &mut Sheet) {
    let device: f64 = trial.attempts.iter().filter_map(|attempt| attempt.device_seconds).sum();
    let train: f64 = trial.attempts.iter().filter_map(|attempt| attempt.train_seconds).sum();
    if device > 0.0 {
        let share = 100.0 * train / device;
        let text = format!("{} of a device, {share:.0} % of it in training steps", words::seconds(device));
        lines.add("cost", &text);
    }
}

fn curves(trial: &TrialDetail, rates: &[f32], lines: &mut Sheet) {
    let rates: Vec<f64> = rates.iter().map(|rate| f64::from(*rate)).collect();
    if let (Some(first), Some(last)) = (rates.first(), rates.last()) {
        lines.add("learning rate", &format!("{} {first:.3e} → {last:.3e}", sparkline(&thinned(&rates))));
    }
    if let (Some(first), Some(last)) = (trial.losses.first(), trial.losses.last()) {
        let text = format!("{} {first:.4} → {last:.4}", sparkline(&thinned(&trial.losses)));
        lines.add("train/loss", &text);
    }
    for curve in &trial.curves {
        let values: Vec<f64> = curve.points.iter().map(|(_, value)| value.unwrap_or(f64::NAN)).collect();
        let Some(last) = values.last() else { continue };
        let shown = words::value_of(*last, &curve.name);
        let text = match values.len() {
            1 => shown,
            _ => format!("{} {shown}", sparkline(&thinned(&values))),
        };
        lines.add(&curve.name, &text);
    }
}

fn tell(attempt: &AttemptRow) -> String {
    let mut text = format!("{}, {}", attempt.started, attempt.end.as_deref().unwrap_or("running"));
    if let Some(step) = attempt.first_step.filter(|step| *step > 0) {
        text += &format!(", went on from step {step}");
    }
    if let (Some(device), Some(train)) = (attempt.device_seconds, attempt.train_seconds) {
        text += &format!(", {}, {} of it training", words::seconds(device), words::seconds(train));
    }
    text += &format!(", process {}", attempt.pid);
    if let Some(message) = &attempt.message {
        text += &format!(": {message}");
    }
    text
}

/// Whether a setting says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(pairs) => pairs.values().all(is_empty),
        _ => false,
    }
}

/// A setting, or a line for each of those in it.
fn settings(name: &str, value: &Value, lines: &mut Sheet) {
    let Value::Object(pairs) = value else { return lines.add(name, &inline(value)) };
    let mut name = name;
    for (key, value) in pairs.iter().filter(|(_, value)| !is_empty(value)) {
        let text = match (key.as_str(), value.as_u64()) {
            ("memory", Some(count)) => words::bytes(count),
            _ => inline(value),
        };
        lines.add(name, &format!("{key} {text}"));
        name = "";
    }
}

/// Settings in one line, without those that say nothing.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(pairs) => {
            let said = pairs.iter().filter(|(_, value)| !is_empty(value));
            let pairs: Vec<_> = said
                .map(|(key, value)| match value {
                    Value::Object(_) => format!("{key} ({})", inline(value)),
                    _ => format!("{key} {}", inline(value)),
                })
                .collect();
            pairs.join(", ")
        }
        Value::Array(items) => items.iter().map(inline).collect::<Vec<_>>().join(" "),
        other => plain(other),
    }
}

/// A curve of at most [`WIDTH`] values: means of stretches of nearly equal length.
fn thinned(values: &[f64]) -> Vec<f64> {
    let count = values.len().min(WIDTH);
    let stretch = |index: usize| &values[index * values.len() / count..(index + 1) * values.len() / count];
    (0..count).map(|index| stretch(index).iter().sum::<f64>() / stretch(index).len() as f64).collect()
}

/// A curve in one line, one block per value, from the lowest to the highest finite one; others are blank.
#[must_use]
pub fn sparkline(values: &[f64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let block = |value: &f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        if value.is_finite() { BLOCKS[(share * 7.0).round() as usize] } else { ' ' }
    };
    values.iter().map(block).collect()
}
