//! What a command is asked about a sweep: baselines, margins, names of schedules and metrics as people write them.

use super::Failure;
use crate::{
    cost::{Margin, confidence},
    spec::{Question, named_among},
    store::{Reader, SweepRow},
};

/// What is compared with what; what is left out is as the spec's `savings:` has it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Baseline {
    /// What is to be replaced, such as `schedule=cosine,budget=100%`; unless told the spec's, or cosine at the largest
    #[arg(long, value_name = "schedule=NAME,budget=BUDGET", value_parser = pairs)]
    baseline: Option<Pairs>,
    /// What may replace it, such as `schedule=uba`; all schedules unless told. May be repeated
    #[arg(long, value_name = "schedule=NAME", value_parser = pairs)]
    candidate: Vec<Pairs>,
    /// How much worse is still as good: `0.5pp` (points of an accuracy), `1%` (of the baseline) or `0.02`
    #[arg(long, value_name = "MARGIN")]
    margin: Option<Margin>,
    /// How sure the answer is to be, above 50% and below 100%
    #[arg(long, value_name = "SHARE", value_parser = confidence)]
    confidence: Option<f64>,
    /// Only trials with this value of a swept parameter, such as `learning_rate=0.1`; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    setting: Vec<(String, f64)>,
}

/// `key=value` pairs.
#[derive(Debug, Clone, PartialEq)]
struct Pairs(Vec<(String, String)>);

/// A name may have commas, `=` and brackets of its own: `schedule=uba(phi=1),budget=50%`.
fn pairs(text: &str) -> Result<Pairs, String> {
    let wrong = || "it is written `schedule=cosine,budget=100%`".to_owned();
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().ok_or_else(wrong)?.push(character);
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in parts {
        let (key, value) = part.split_once('=').ok_or_else(wrong)?;
        let (key, value) = (key.trim(), value.trim());
        if !["schedule", "budget"].contains(&key)
            || value.is_empty()
            || pairs.iter().any(|(known, _)| known == key)
        {
            return Err(wrong());
        }
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(Pairs(pairs))
}

impl Pairs {
    fn get(&self, key: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }
}

fn setting(text: &str) -> Result<(String, f64), String> {
    let wrong = "it is written `learning_rate=0.1`";
    let (name, value) = text.split_once('=').ok_or(wrong)?;
    Ok((name.trim().to_owned(), value.trim().parse().map_err(|_| wrong)?))
}

impl Baseline {
    /// What is asked here, and otherwise by the spec.
    pub(super) fn question(&self, spec: Question) -> Question {
        let asked = |key| self.baseline.as_ref().and_then(|pairs| pairs.get(key));
        Question {
            schedule: asked("schedule").or(spec.schedule),
            budget: asked("budget").or(spec.budget),
            margin: self.margin.or(spec.margin),
            confidence: self.confidence.or(spec.confidence),
        }
    }

    pub(super) fn candidates(&self) -> Result<Vec<String>, Failure> {
        let schedule = |pairs: &Pairs| match (pairs.get("schedule"), pairs.get("budget")) {
            (Some(schedule), None) => Ok(schedule),
            _ => Err(Failure::usage("a candidate is a schedule, whose budgets are all tried")
                .hint("such as `--candidate schedule=uba`")),
        };
        self.candidate.iter().map(schedule).collect()
    }

    /// Values of swept parameters that are asked for.
    pub(super) fn settings(&self) -> Vec<(String, f64)> {
        self.setting.clone()
    }
}

/// The one of these names that is meant, such as `uba(phi=1)` by `uba` where it is the only one.
pub(super) fn named(what: &str, asked: &str, names: &[String]) -> Result<String, Failure> {
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = named_among(asked, &known);
    found.map(str::to_owned).ok_or_else(|| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        Failure::usage(format!("no {what} of this sweep is `{asked}`"))
            .hint(format!("it has {}", names.join(", ")))
    })
}

/// Nothing of a sweep was measured under this name.
pub(super) fn no_metric(reader: &Reader, sweep: &SweepRow, metric: &str) -> Result<Failure, Failure> {
    let measured = reader.metrics_of(sweep.sweep)?;
    let failure = Failure::usage(format!("sweep {} has no `{metric}`", sweep.sweep));
    Ok(match measured.is_empty() {
        true => failure.hint("no trial of it is done"),
        false => failure.hint(format!("it has `{}`", measured.join("`, `"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_are_read() {
        for (text, schedule, budget) in [
            ("schedule=cosine,budget=100%", Some("cosine"), Some("100%")),
            ("budget=500 steps", None, Some("500 steps")),
            ("schedule=uba(phi=1), budget=50%", Some("uba(phi=1)"), Some("50%")),
            ("schedule=wsd(decay=20%,shape=linear)", Some("wsd(decay=20%,shape=linear)"), None),
        ] {
            let pairs = pairs(text).unwrap();
            assert_eq!(
                (pairs.get("schedule").as_deref(), pairs.get("budget").as_deref()),
                (schedule, budget)
            );
        }
        for text in ["", "cosine", "schedule=", "schedule=a,schedule=b", "shedule=cosine", "schedule=a,"] {
            assert!(pairs(text).is_err(), "{text}");
        }
    }
}
