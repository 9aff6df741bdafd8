//! Which limits of a sweep its quote reaches.

use super::{Conditions, Estimate, Line};

/// At which no new trial is started.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AskedLimits {
    pub trials: Option<u64>,
    pub wall_clock_s: Option<f64>,
    pub usd: Option<f64>,
}

/// What a limit will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Clear,
    /// The interval reaches it.
    Near,
    Reached,
    /// Nobody knows how long trials take.
    Unknown,
}

/// A limit beside what is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitCheck {
    /// As the spec spells it.
    pub name: &'static str,
    pub limit: f64,
    /// In the limit's unit, with what was spent already.
    pub expected: Option<f64>,
    pub verdict: Verdict,
    /// About how many of the trials that are left are started before it is reached.
    pub started: u64,
}

/// What limits are held against.
pub(super) struct Checks<'a> {
    pub(super) total: &'a Line,
    pub(super) wall_seconds: Option<Estimate>,
    /// Seconds of each trial that is left, in the plan's order, and when it is started.
    pub(super) means: &'a [Option<f64>],
    pub(super) starts: &'a [f64],
    pub(super) conditions: &'a Conditions,
}

impl Checks<'_> {
    pub(super) fn all(&self) -> Vec<LimitCheck> {
        let AskedLimits { trials, wall_clock_s, usd } = self.conditions.limits;
        let checks = [
            trials.map(|limit| self.trials(limit)),
            wall_clock_s.map(|limit| self.wall_clock(limit)),
            usd.map(|limit| self.usd(limit)),
        ];
        checks.into_iter().flatten().collect()
    }

    fn trials(&self, limit: u64) -> LimitCheck {
        let expected = self.total.done + self.total.left;
        let verdict = if expected > limit { Verdict::Reached } else { Verdict::Clear };
        let started = limit.saturating_sub(self.total.done).min(self.total.left);
        LimitCheck { name: "trials", limit: limit as f64, expected: Some(expected as f64), verdict, started }
    }

    fn wall_clock(&self, limit: f64) -> LimitCheck {
        let started = self.starts.iter().filter(|start| **start < limit).count() as u64;
        let (expected, verdict) = judge(limit, self.wall_seconds, 0.0);
        LimitCheck { name: "wall_clock", limit, expected, verdict, started }
    }

    fn usd(&self, limit: f64) -> LimitCheck {
        let Conditions { share, usd_per_hour, machine_seconds, .. } = *self.conditions;
        let a_second = usd_per_hour.unwrap_or(0.0) / 3600.0;
        let mut sum = machine_seconds * a_second;
        let (expected, verdict) = judge(limit, self.total.usd, sum);
        let affordable = self.means.iter().take_while(|seconds| {
            sum += seconds.unwrap_or(0.0) * share * a_second;
            sum <= limit
        });
        let started = affordable.count() as u64;
        LimitCheck { name: "cost_usd", limit, expected, verdict, started }
    }
}

/// What is expected with what was spent before, and what the limit does then.
fn judge(limit: f64, estimate: Option<Estimate>, before: f64) -> (Option<f64>, Verdict) {
    let Some(estimate) = estimate else { return (None, Verdict::Unknown) };
    let expected = before + estimate.mean;
    let highest = before + estimate.interval().map_or(estimate.mean, |interval| interval.high);
    let verdict = match (expected > limit, highest > limit) {
        (true, _) => Verdict::Reached,
        (false, true) => Verdict::Near,
        (false, false) => Verdict::Clear,
    };
    (Some(expected), verdict)
}
