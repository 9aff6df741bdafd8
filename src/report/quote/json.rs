//! The document that `plan --format json` prints, version 1.

use serde_json::{Value, json};

use super::{Quoted, Source};
use crate::cost::{Estimate, LimitCheck, Line, Part, Quote, Verdict};

impl Quoted {
    pub(super) fn json(&self, with_trials: bool) -> Value {
        let Quote { budgets, total, wall_seconds, limits, seconds } = &self.quote;
        let mut document = json!({
            "version": 1,
            "name": self.name,
            "machine": {"workers": self.workers, "threads": self.threads, "share": self.share},
            "usd_per_hour": self.usd_per_hour,
            "source": self.source_json(),
            "parts": self.parts_json(),
            "budgets": budgets.iter().map(|budget| {
                let mut row = line_json(&budget.line);
                row["budget"] = json!(budget.name);
                row["steps"] = json!(budget.steps);
                row["seconds_per_trial"] = estimate_json(budget.each);
                row
            }).collect::<Vec<_>>(),
            "limits": limits.iter().map(limit_json).collect::<Vec<_>>(),
        });
        let mut whole = line_json(total);
        whole["trials_least"] = json!(self.least);
        whole["wall_seconds"] = estimate_json(*wall_seconds);
        document["total"] = whole;
        if with_trials {
            let rows = self.trials.iter().zip(seconds).map(|(trial, seconds)| {
                json!({
                    "schedule": trial.schedule, "budget": trial.budget, "steps": trial.steps,
                    "settings": trial.settings, "seed": trial.seed, "status": trial.status,
                    "seconds_left": seconds, "key": trial.key,
                })
            });
            document["trials"] = rows.collect();
        }
        document
    }

    fn source_json(&self) -> Value {
        match &self.source {
            Source::Calibration { measured_at, load, cores } => {
                json!({"kind": "calibration", "measured_at": measured_at, "load": load, "cores": cores})
            }
            Source::Trials { count, median } => json!({"kind": "trials", "trials": count, "median": median}),
            Source::Unknown { why } => json!({"kind": "unknown", "why": why}),
        }
    }

    fn parts_json(&self) -> Value {
        let known = Part::ALL.iter().filter_map(|part| {
            let rate = self.rates.get(*part)?;
            let value = json!({"seconds": rate.each, "standard_error": rate.standard_error()});
            Some((part.name().to_owned(), value))
        });
        Value::Object(known.collect())
    }
}

fn line_json(line: &Line) -> Value {
    json!({
        "trials": line.trials, "done": line.done, "left": line.left, "repeated": line.repeated,
        "steps_left": line.steps_left,
        "device_seconds": estimate_json(line.device_seconds), "usd": estimate_json(line.usd),
    })
}

fn estimate_json(estimate: Option<Estimate>) -> Value {
    let Some(estimate) = estimate else { return Value::Null };
    let interval = estimate.interval();
    json!({
        "mean": estimate.mean,
        "low": interval.map(|interval| interval.low),
        "high": interval.map(|interval| interval.high),
    })
}

fn limit_json(check: &LimitCheck) -> Value {
    let verdict = match check.verdict {
        Verdict::Clear => "clear",
        Verdict::Near => "near",
        Verdict::Reached => "reached",
        Verdict::Unknown => "unknown",
    };
    json!({
        "limit": check.name, "value": check.limit, "expected": check.expected, "verdict": verdict,
        "started": check.started,
    })
}
