//! A plan with its quote: a table of budgets or of trials, sentences; one JSON document in `json`.

mod json;

use std::collections::BTreeMap;

use serde_json::json;

use super::{Format, Look, escape, render, words};
use crate::{
    cost::{Estimate, LimitCheck, Line, Part, Quote, Rates, Verdict},
    store::Table,
};

/// How many characters of a key tell trials apart for people.
const SHORT_KEY: usize = 12;

/// Of a machine's cores, as many as this share at work make what is timed longer.
const BUSY: f64 = 0.5;
/// Parts in the order in which people ask for them.
const TOLD: [Part; 6] =
    [Part::Step, Part::Evaluation, Part::Load, Part::Start, Part::Weights, Part::Checkpoint];

/// A planned sweep and what it will take.
#[derive(Debug, Clone, PartialEq)]
pub struct Quoted {
    pub name: String,
    /// Such as `4 schedules × 3 budgets × 3 seeds`.
    pub factors: String,
    /// Workers at one time, the threads of each, and what each takes of the machine.
    pub workers: u32,
    pub threads: u32,
    pub share: f64,
    pub usd_per_hour: Option<f64>,
    pub source: Source,
    pub rates: Rates,
    /// How many trials are trained whatever comes out; the others only if they are needed.
    pub least: u64,
    pub quote: Quote,
    /// In the plan's order.
    pub trials: Vec<TrialRow>,
}

/// Where times come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Parts of trials that were timed then, when so many threads wanted a processor of this machine's cores.
    Calibration { measured_at: String, load: Option<f64>, cores: u32 },
    /// So many trials that are done; of programs their median time per step.
    Trials { count: usize, median: bool },
    /// Nobody knows, and why.
    Unknown { why: String },
}

/// A planned trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRow {
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    pub settings: BTreeMap<String, f64>,
    pub seed: u64,
    /// As the store has it; `new` where it has it not, `repeated` where it is the same as one before it.
    pub status: String,
    pub key: String,
}

impl Quoted {
    /// The budgets, or each trial; of a table for people with sentences below. JSON holds the trials beside all else.
    #[must_use]
    pub fn render(&self, format: Format, with_trials: bool, look: Look) -> String {
        let for_people = matches!(format, Format::Table | Format::Markdown);
        if format == Format::Json {
            return format!("{:#}\n", self.json(with_trials));
        }
        let table = match (with_trials, for_people) {
            (true, true) => self.trial_table(true),
            (false, true) => self.budgets_for_people(),
            (_, false) => self.table(with_trials),
        };
        let table = render(&table, format, look);
        match format {
            Format::Table => format!("{table}\n{}", self.sentences(look.width)),
            _ => table,
        }
    }

    /// The budgets, or each trial, with numbers in full.
    #[must_use]
    pub fn table(&self, with_trials: bool) -> Table {
        if with_trials { self.trial_table(false) } else { self.budget_table() }
    }

    /// What a limit will do, where it does something, and why times may be wrong.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let limits = self.quote.limits.iter().filter_map(|check| self.warning(check));
        limits.chain(self.busy()).collect()
    }

    fn busy(&self) -> Option<String> {
        let Source::Calibration { load: Some(load), cores, .. } = self.source else { return None };
        (load >= BUSY * f64::from(cores)).then(|| {
            format!(
                "the machine was at work when times were measured (a load of {load:.1} on {}); `--measure-again` measures \
                 them anew once the machine rests",
                count(cores.into(), "core")
            )
        })
    }

    fn warning(&self, check: &LimitCheck) -> Option<String> {
        let said = |value: f64| match check.name {
            "cost_usd" => words::about_usd(value, None),
            "wall_clock" => words::seconds(value),
            _ => format!("{value}"),
        };
        let (name, limit) = (check.name, said(check.limit));
        let expected = check.expected.map(said).unwrap_or_default();
        let what = if name == "trials" {
            format!("the plan has {expected}")
        } else {
            format!("about {expected} are expected")
        };
        let verdict = match check.verdict {
            Verdict::Clear => return None,
            Verdict::Reached => format!(
                "will be reached, since {what}: about {} of {} trials will be started",
                check.started, self.quote.total.left
            ),
            Verdict::Near => format!("may be reached, since {what}, give or take"),
            Verdict::Unknown => "may be reached: how long trials take is not known".to_owned(),
        };
        Some(format!("the limit `{name}` of {limit} {verdict}"))
    }

    fn budgets_for_people(&self) -> Table {
        let total = &self.quote.total;
        let (repeats, is_priced) = (total.repeated > 0, total.usd.is_some());
        let mut columns = vec!["budget", "trials", "done", "left"];
        columns.extend(repeats.then_some("repeated"));
        columns.extend(["time per trial", "device time"]);
        columns.extend(is_priced.then_some("cost"));
        let mut table = Table::new(&columns);
        let mut add = |name: String, each: Option<Estimate>, line: &Line| {
            let mut row = vec![json!(name), json!(line.trials), json!(line.done), json!(line.left)];
            row.extend(repeats.then(|| json!(line.repeated)));
            row.push(json!(each.map(time)));
            row.push(json!(line.device_seconds.filter(|_| line.left > 0).map(time)));
            row.extend(is_priced.then(|| json!(line.usd.filter(|_| line.left > 0).map(money))));
            table.rows.push(row);
        };
        for budget in &self.quote.budgets {
            add(format!("{} · {}", budget.name, count(budget.steps, "step")), budget.each, &budget.line);
        }
        add("total".to_owned(), None, total);
        table
    }

    /// A row per budget, in numbers.
    fn budget_table(&self) -> Table {
        let mut columns = vec!["budget".to_owned()];
        columns.extend(["steps", "trials", "done", "left", "repeated", "steps_left"].map(str::to_owned));
        for name in ["seconds_per_trial", "device_seconds", "usd"] {
            columns.extend([name.to_owned(), format!("{name}_low"), format!("{name}_high")]);
        }
        let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
        for budget in &self.quote.budgets {
            let line = &budget.line;
            let mut row = vec![json!(budget.name)];
            row.extend(
                [budget.steps, line.trials, line.done, line.left, line.repeated, line.steps_left]
                    .map(|count| json!(count)),
            );
            for estimate in [budget.each, line.device_seconds, line.usd] {
                let interval = estimate.and_then(|estimate| estimate.interval());
                row.push(json!(estimate.map(|estimate| estimate.mean)));
                row.push(json!(interval.map(|interval| interval.low)));
                row.push(json!(interval.map(|interval| interval.high)));
            }
            table.rows.push(row);
        }
        table
    }

    fn trial_table(&self, for_people: bool) -> Table {
        let columns = ["schedule", "budget", "steps", "settings", "seed", "status", "seconds_left", "key"];
        let mut table = Table::new(&columns);
        for (trial, seconds) in self.trials.iter().zip(&self.quote.seconds) {
            let key: String = match for_people {
                true => trial.key.chars().take(SHORT_KEY).collect(),
                false => trial.key.clone(),
            };
            let seconds =
                seconds.map(|seconds| if for_people { (seconds * 1e3).round() / 1e3 } else { seconds });
            let row = [
                json!(trial.schedule),
                json!(trial.budget),
                json!(trial.steps),
                json!(trial.settings),
                json!(trial.seed),
                json!(trial.status),
                json!(seconds),
                json!(key),
            ];
            table.rows.push(row.to_vec());
        }
        table
    }

    fn sentences(&self, width: usize) -> String {
        let Quote { total, wall_seconds, .. } = &self.quote;
        let (done, least) = (total.done, self.least);
        let trials = between(least, total.trials, "trial");
        // What is trained only if it is needed is in all of these figures.
        let most = if least < total.trials { "at most " } else { "" };
        let mut counts = format!("{trials} ({}): ", escape(&self.factors));
        if done > 0 {
            counts += &format!("{done} done already, ");
        }
        counts += &match total.left {
            0 => "nothing to train".to_owned(),
            left => format!("{most}{left} to train, {}", count(total.steps_left, "step")),
        };
        let mut lines = vec![counts];
        if let (Some(device), Some(wall)) = (total.device_seconds.filter(|_| total.left > 0), wall_seconds) {
            let mut times = format!("{most}device time {} · wall time {}", time(device), time(*wall));
            times += &total.usd.map_or(String::new(), |usd| format!(" · {}", money(usd)));
            lines.push(times);
        }
        lines.push(self.division());
        let mut text = lines.join("\n") + "\n";
        for paragraph in self.source_in_words() {
            text += &words::wrap(&paragraph, width.min(100));
        }
        text
    }

    fn division(&self) -> String {
        match self.workers {
            u32::MAX => "as many workers as the GPUs take".to_owned(),
            workers => {
                let (workers, threads) =
                    (count(workers.into(), "worker"), count(self.threads.into(), "thread"));
                format!("{workers} of {threads}, each {:.0} % of the machine", self.share * 100.0)
            }
        }
    }

    /// Where the numbers are from, and what they leave out.
    fn source_in_words(&self) -> Vec<String> {
        let from = match &self.source {
            Source::Unknown { why } => return vec![format!("Hours are unknown: {}.", escape(why))],
            Source::Trials { count: trials, median } => {
                let trials = count(*trials as u64, "trial");
                let how = if *median { ", of which the median time per step is taken" } else { "" };
                format!("Times are those of {trials} of this kind that are done{how}")
            }
            Source::Calibration { measured_at, .. } => {
                format!("Times are those of a calibration at {measured_at}")
            }
        };
        let parts: Vec<_> = TOLD.iter().filter_map(|part| self.part_in_words(*part)).collect();
        let from = format!("{from}, mean ± standard error: {}.", parts.join(", "));
        let has_interval = self.quote.total.device_seconds.and_then(|estimate| estimate.half()).is_some();
        let interval = if has_interval {
            "Above, ± is half the width of the 95 % interval (Student's t) that follows from their spread. "
        } else {
            "There is no interval, since nothing was timed twice. "
        };
        let beyond =
            "Not covered: other load on the machine than there was then, failures and what is tried again.";
        vec![from, format!("{interval}{beyond}")]
    }

    fn part_in_words(&self, part: Part) -> Option<String> {
        let rate = self.rates.get(part)?;
        let name = match (part, &self.source) {
            (Part::Evaluation | Part::Start, Source::Trials { .. }) => {
                "all else for each batch of evaluation"
            }
            (Part::Load, _) => "start-up of a worker",
            (Part::Start, _) => "first weights",
            (Part::Step, _) => "a step",
            (Part::Evaluation, _) => "a batch of evaluation",
            (Part::Checkpoint, _) => "a checkpoint",
            (Part::Weights, _) => "writing weights",
        };
        Some(format!("{name} {}", words::precise_seconds(rate.each, rate.standard_error())))
    }
}

/// So many, or between so many and so many where that is not settled beforehand.
fn between(least: u64, most: u64, name: &str) -> String {
    match least < most {
        true => format!("between {least} and {}", count(most, name)),
        false => count(most, name),
    }
}

fn count(number: u64, name: &str) -> String {
    if number == 1 { format!("1 {name}") } else { format!("{number} {name}s") }
}

fn time(estimate: Estimate) -> String {
    words::about_seconds(estimate.mean, estimate.half())
}

fn money(estimate: Estimate) -> String {
    words::about_usd(estimate.mean, estimate.half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_trials_there_will_be_may_be_open() {
        assert_eq!(between(36, 36, "trial"), "36 trials");
        assert_eq!(between(12, 36, "trial"), "between 12 and 36 trials");
        assert_eq!(between(1, 1, "trial"), "1 trial");
    }
}
