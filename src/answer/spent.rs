//! What a sweep took: device time, money and energy, per schedule and budget, and how much of it led to results.

use std::{
    collections::{HashMap, HashSet},
    ops::AddAssign,
};

use serde::Serialize;

use crate::{
    engine::TrialId,
    store::{Outcome, Span, SweepRow, TrialStatus},
};

/// Time and energy, of any number of attempts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spent {
    /// How long slots were held.
    pub device_seconds: f64,
    /// The same, each weighted with its share of the machine: what a price per hour is multiplied with.
    pub machine_seconds: f64,
    /// Of GPUs; 0 where nobody measures it.
    pub joules: f64,
}

/// What became of what was spent. The parts are disjoint; together they are all of it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Uses {
    /// In steps that results are made of.
    pub results: Spent,
    /// On trials that diverged, which is a result too.
    pub diverged: Spent,
    /// On steps that were made again after a failure or an interruption, and on trials that failed.
    pub lost: Spent,
    /// On trials that are not over.
    pub unfinished: Spent,
}

/// A schedule at a budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpentRow {
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    /// Started ones.
    pub trials: usize,
    #[serde(flatten)]
    pub uses: Uses,
}

/// A sweep's whole account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Account {
    /// In the plan's order of schedules, budgets ascending. A trial that stands in several rows counts in each.
    pub rows: Vec<SpentRow>,
    /// Each trial once.
    pub total: Uses,
    /// Of the total: attempts from before the sweep was there, whose results it took over and did not pay for.
    pub taken_over: Spent,
    /// How long at least one of its attempts ran, without those that were taken over.
    pub wall_seconds: f64,
}

impl Uses {
    #[must_use]
    pub fn all(self) -> Spent {
        let mut all = self.results;
        [self.diverged, self.lost, self.unfinished].into_iter().for_each(|part| all += part);
        all
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.device_seconds += other.device_seconds;
        self.machine_seconds += other.machine_seconds;
        self.joules += other.joules;
    }
}

impl AddAssign for Uses {
    fn add_assign(&mut self, other: Self) {
        self.results += other.results;
        self.diverged += other.diverged;
        self.lost += other.lost;
        self.unfinished += other.unfinished;
    }
}

impl Account {
    /// From a sweep's trials in the plan's order, and their attempts in the order in which they were made.
    #[must_use]
    pub fn new(sweep: &SweepRow, outcomes: &[Outcome], spans: &[Span]) -> Self {
        let mut attempts: HashMap<TrialId, Vec<&Span>> = HashMap::new();
        for span in spans {
            attempts.entry(span.trial).or_default().push(span);
        }
        let mut rows: Vec<SpentRow> = Vec::new();
        let mut places: HashMap<(&str, u64), usize> = HashMap::new();
        // In the plan's order: sums of the same numbers are the same.
        let (mut counted, mut total) = (HashSet::new(), Uses::default());
        for outcome in outcomes {
            let Some(its) = attempts.get(&outcome.trial) else { continue };
            let uses = uses(outcome, its);
            let cell = &outcome.cell;
            let place = *places.entry((&cell.schedule, cell.steps)).or_insert_with(|| {
                let (schedule, budget) = (cell.schedule.clone(), cell.budget.clone());
                rows.push(SpentRow { schedule, budget, steps: cell.steps, trials: 0, uses: Uses::default() });
                rows.len() - 1
            });
            rows[place].trials += 1;
            rows[place].uses += uses;
            if counted.insert(outcome.trial) {
                total += uses;
            }
        }
        let mut order: HashMap<String, usize> = HashMap::new();
        for row in &rows {
            let next = order.len();
            order.entry(row.schedule.clone()).or_insert(next);
        }
        rows.sort_by_key(|row| (order[&row.schedule], row.steps));
        let is_earlier = |span: &&Span| span.ended_at.is_some_and(|ended| ended <= sweep.created_at);
        let mut taken_over = Spent::default();
        spans.iter().filter(is_earlier).for_each(|span| taken_over += spent(span, 1.0));
        let own = spans.iter().filter(|span| !is_earlier(span));
        let covered = crate::cost::covered(own.filter_map(|span| Some((span.started_at, span.ended_at?))));
        Self { rows, total, taken_over, wall_seconds: covered as f64 / 1000.0 }
    }

    /// What the sweep itself paid for.
    #[must_use]
    pub fn paid(&self) -> Spent {
        let (all, earlier) = (self.total.all(), self.taken_over);
        Spent {
            device_seconds: all.device_seconds - earlier.device_seconds,
            machine_seconds: all.machine_seconds - earlier.machine_seconds,
            joules: all.joules - earlier.joules,
        }
    }
}

/// What a trial's attempts went into.
fn uses(outcome: &Outcome, attempts: &[&Span]) -> Uses {
    let mut uses = Uses::default();
    let whole = attempts.iter().fold(Spent::default(), |mut whole, span| {
        whole += spent(span, 1.0);
        whole
    });
    match outcome.end {
        None | Some(TrialStatus::Queued | TrialStatus::Running | TrialStatus::Cancelled) => {
            uses.unfinished = whole
        }
        Some(TrialStatus::Failed) => uses.lost = whole,
        Some(TrialStatus::Diverged) => uses.diverged = whole,
        Some(TrialStatus::Done) => {
            for (index, span) in attempts.iter().enumerate() {
                let kept = kept(attempts, index, outcome.cell.steps);
                uses.results += spent(span, kept);
                uses.lost += spent(span, 1.0 - kept);
            }
        }
    }
    uses
}

/// The share of an attempt that its trial's result is made of: all of the last one, and of an earlier one the steps up to
/// where the next went on, each taking as long as the last one's, evaluations included.
fn kept(attempts: &[&Span], index: usize, steps: u64) -> f64 {
    let Some(last) = attempts.last().filter(|_| index + 1 < attempts.len()) else { return 1.0 };
    let started = |span: &Span| span.first_step.unwrap_or(0);
    let seconds = |span: &Span| span.device_seconds.unwrap_or(0.0);
    // The attempt that next got as far as to begin.
    let next = attempts[index + 1..].iter().find_map(|span| span.first_step).unwrap_or(0);
    let kept_steps = next.saturating_sub(started(attempts[index])) as f64;
    let pace = seconds(last) / steps.saturating_sub(started(last)) as f64;
    let all = seconds(attempts[index]);
    if kept_steps == 0.0 || all <= 0.0 {
        return 0.0;
    }
    // One that went on from the very end has no pace.
    if pace.is_finite() { (kept_steps * pace / all).min(1.0) } else { 1.0 }
}

fn spent(span: &Span, share: f64) -> Spent {
    let device_seconds = span.device_seconds.unwrap_or(0.0) * share;
    // Stores of before shares were kept hold sweeps of workers that shared a machine in unknown ways.
    let machine_seconds = device_seconds * span.share.unwrap_or(1.0);
    Spent { device_seconds, machine_seconds, joules: span.joules.unwrap_or(0.0) * share }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::store::{Cell, Counts};

    fn sweep() -> SweepRow {
        SweepRow {
            sweep: 1,
            name: "s".to_owned(),
            description: None,
            metric: "test/accuracy".to_owned(),
            selection_metric: None,
            maximize: true,
            created_at: 1000,
            created: String::new(),
            state: "done".to_owned(),
            state_reason: None,
            counts: Counts::default(),
        }
    }

    fn outcome(trial: TrialId, steps: u64, end: Option<TrialStatus>) -> Outcome {
        let cell = Cell {
            id: 1,
            schedule: "cosine".to_owned(),
            budget: "100%".to_owned(),
            steps,
            settings: BTreeMap::new(),
            followed: None,
        };
        let cell = Arc::new(cell);
        Outcome { trial, seed: 0, cell, end, value: None, selection: None, gap: None, device_seconds: None }
    }

    fn span(trial: TrialId, first_step: Option<u64>, started: i64, seconds: f64) -> Span {
        Span {
            trial,
            started_at: started,
            ended_at: Some(started + (seconds * 1000.0) as i64),
            first_step,
            device_seconds: Some(seconds),
            train_seconds: None,
            share: Some(0.5),
            joules: Some(seconds * 100.0),
        }
    }

    #[track_caller]
    fn check(end: Option<TrialStatus>, spans: &[Span], [results, diverged, lost, unfinished]: [f64; 4]) {
        let account = Account::new(&sweep(), &[outcome(1, 100, end)], spans);
        let seconds = [
            account.total.results.device_seconds,
            account.total.diverged.device_seconds,
            account.total.lost.device_seconds,
            account.total.unfinished.device_seconds,
        ];
        let expected = [results, diverged, lost, unfinished];
        assert!(
            seconds.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9),
            "{seconds:?}"
        );
        let all = account.total.all();
        let held: f64 = spans.iter().filter_map(|span| span.device_seconds).sum();
        assert!((all.device_seconds - held).abs() < 1e-9, "nothing is counted twice or left out");
        assert!((all.machine_seconds - held / 2.0).abs() < 1e-9 && (all.joules - held * 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_attempts_went_into() {
        use TrialStatus::{Diverged, Done, Failed};
        check(Some(Done), &[span(1, Some(0), 2000, 50.0)], [50.0, 0.0, 0.0, 0.0]);
        // Half of it was made again: 60 s for 40 steps that stayed, at half a second each.
        let resumed = [span(1, Some(0), 2000, 60.0), span(1, Some(40), 70_000, 30.0)];
        check(Some(Done), &resumed, [50.0, 0.0, 40.0, 0.0]);
        // From the start again, and an attempt that did not begin.
        let again =
            [span(1, Some(0), 2000, 60.0), span(1, None, 70_000, 1.0), span(1, Some(0), 80_000, 50.0)];
        check(Some(Done), &again, [50.0, 0.0, 61.0, 0.0]);
        // Interrupted after its last step, before its last evaluation.
        check(
            Some(Done),
            &[span(1, Some(0), 2000, 60.0), span(1, Some(100), 70_000, 2.0)],
            [62.0, 0.0, 0.0, 0.0],
        );
        check(Some(Diverged), &[span(1, Some(0), 2000, 5.0)], [0.0, 5.0, 0.0, 0.0]);
        check(Some(Failed), &[span(1, Some(0), 2000, 5.0)], [0.0, 0.0, 5.0, 0.0]);
        check(None, &[span(1, Some(0), 2000, 5.0)], [0.0, 0.0, 0.0, 5.0]);
    }

    #[test]
    fn what_was_there_before_is_not_paid_again() {
        let outcomes = [outcome(1, 100, Some(TrialStatus::Done)), outcome(2, 100, Some(TrialStatus::Done))];
        let spans = [span(1, Some(0), -60_000, 50.0), span(2, Some(0), 2000, 40.0)];
        let account = Account::new(&sweep(), &outcomes, &spans);
        assert_eq!((account.total.all().device_seconds, account.taken_over.device_seconds), (90.0, 50.0));
        assert_eq!((account.paid().device_seconds, account.paid().machine_seconds), (40.0, 20.0));
        assert_eq!((account.wall_seconds, account.rows[0].trials), (40.0, 2));
        // A trial that stands twice in the plan is paid once.
        let twice = [outcomes[0].clone(), outcome(1, 50, Some(TrialStatus::Done))];
        let account = Account::new(&sweep(), &twice, &spans[..1]);
        assert_eq!((account.rows.len(), account.total.all().device_seconds), (2, 50.0));
    }
}
