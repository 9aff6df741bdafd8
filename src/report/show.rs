//! One trial in full.

use super::{escape, words};
use crate::store::{TrialDetail, plain};

/// Everything about a trial, as text for a terminal.
#[must_use]
pub fn show(trial: &TrialDetail) -> String {
    let status = match &trial.reason {
        Some(reason) => format!("{}: {reason}", trial.status),
        None => trial.status.clone(),
    };
    let mut lines = vec![
        ("trial", trial.trial.to_string()),
        ("status", status),
        ("steps", trial.steps.to_string()),
        ("seed", trial.seed.to_string()),
        ("key", trial.key.clone()),
        ("job", trial.job.to_string()),
    ];
    for place in &trial.appearances {
        let settings = plain(&place.settings);
        let text =
            format!("{} {} · {} · {} · {settings}", place.sweep, place.name, place.schedule, place.budget);
        lines.push(("sweep", text));
    }
    for metric in &trial.metrics {
        let value =
            metric.value.map_or("not a number".to_owned(), |value| words::values(&[value], &metric.name));
        lines.push(("metric", format!("{} {value} at step {}", metric.name, metric.step)));
    }
    if trial.losses.len() > 1 {
        lines.push(("loss", sparkline(&trial.losses)));
    }
    for attempt in &trial.attempts {
        let mut text = format!("{} from {}, process {}", attempt.attempt, attempt.started, attempt.pid);
        text += &format!(", {}", attempt.end.as_deref().unwrap_or("running"));
        if let Some(message) = &attempt.message {
            text += &format!(" ({message})");
        }
        if let (Some(device), Some(train)) = (attempt.device_seconds, attempt.train_seconds) {
            text += &format!(", {}, {} of it training", words::seconds(device), words::seconds(train));
        }
        lines.push(("attempt", text));
    }
    lines.iter().map(|(name, text)| format!("{name:<8} {}\n", escape(text))).collect()
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
