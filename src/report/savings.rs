//! What a smaller budget would save, in sentences that claim no more than was tested, and as a table.

use serde_json::json;

use super::{
    Format, Look, escape, render,
    words::{self, wrap},
};
use crate::{
    answer::{Budget, Compete, Saves, Savings, Verdict},
    cost::{equal::Steps, money},
    store::Table,
};

/// Of what is below a budget that is not shown.
const NOT_TESTED: &str = "—";

/// Below this many pairs an answer carries a warning.
const FEW: usize = 5;

/// The answer for people.
#[must_use]
pub fn savings(savings: &Savings, format: Format, look: Look) -> String {
    let table = render(&savings_table_for_people(savings), format, look);
    let lines = |sentences: Vec<String>| match format {
        Format::Markdown => sentences.iter().map(|sentence| format!("{sentence}\n\n")).collect::<String>(),
        _ => sentences.iter().map(|sentence| wrap(sentence, look.width)).collect(),
    };
    let title = match format {
        Format::Markdown => String::new(),
        _ => format!("{} (sweep {})\n\n", escape(&savings.name), savings.sweep),
    };
    let answer = lines(answer(savings).into_iter().chain(cautions(savings)).collect());
    let money = lines(money_sentences(savings));
    let method = lines(method(savings));
    let gap = if format == Format::Markdown { "" } else { "\n" };
    format!("{title}{answer}{gap}{table}\n{money}{gap}{method}")
}

/// Every number, a line per comparison.
#[must_use]
pub fn savings_table(savings: &Savings) -> Table {
    let mut table = Table::new(&[
        "schedule",
        "budget",
        "steps",
        "seeds",
        "mean",
        "verdict",
        "pairs",
        "difference",
        "lower",
        "upper",
        "level",
        "p",
        "seeds_needed",
        "time_ratio",
        "steps_ratio",
    ]);
    for budget in savings.schedules.iter().flat_map(|schedule| &schedule.budgets) {
        let Budget { cell, verdict, test, time_ratio, steps_ratio } = budget;
        let verdict = serde_json::to_value(verdict).unwrap_or_default();
        let of_test =
            |number: fn(&crate::cost::noninferiority::PairedTest) -> f64| json!(test.as_ref().map(number));
        table.rows.push(vec![
            json!(cell.schedule),
            json!(cell.budget),
            json!(cell.steps),
            json!(cell.seeds),
            json!(cell.mean),
            verdict["verdict"].clone(),
            json!(test.map(|test| test.pairs)),
            of_test(|test| test.mean),
            of_test(|test| test.lower),
            of_test(|test| test.upper),
            of_test(|test| test.level),
            of_test(|test| test.p),
            verdict["seeds_needed"].clone(),
            json!(time_ratio),
            json!(steps_ratio),
        ]);
    }
    table
}

/// A line per comparison, with words for its verdict.
#[must_use]
pub fn savings_table_for_people(savings: &Savings) -> Table {
    let mut table = Table::new(&["schedule", "budget", "mean", "better by", "at worst", "time", "as good?"]);
    let metric = &savings.metric;
    for schedule in &savings.schedules {
        for budget in &schedule.budgets {
            let Budget { cell, test, time_ratio, .. } = budget;
            table.rows.push(vec![
                json!(schedule.schedule),
                json!(cell.budget),
                json!(cell.mean.map(|mean| words::value_of(mean, metric))),
                json!(test.map(|test| words::difference(test.mean, metric))),
                json!(test.map(|test| words::difference(test.lower, metric))),
                json!(time_ratio.map(money::percent)),
                json!(verdict(budget)),
            ]);
        }
    }
    table
}

fn verdict(budget: &Budget) -> String {
    let pairs = budget.test.map_or(budget.cell.seeds, |test| test.pairs);
    match budget.verdict {
        Verdict::Shown => "✓ yes".to_owned(),
        Verdict::Worse => "✗ worse".to_owned(),
        Verdict::NotShown { seeds_needed: Some(seeds) } => {
            format!("not shown with {pairs} seeds, about {seeds} would do")
        }
        Verdict::NotShown { seeds_needed: None } => format!("not shown with {pairs} seeds"),
        Verdict::Open => format!("open after {pairs} seeds"),
        Verdict::Futile => format!("given up after {pairs} seeds"),
        Verdict::TooFewPairs => "needs 2 seeds or more".to_owned(),
        Verdict::NoVariance => "seeds do not differ, which proves nothing".to_owned(),
        Verdict::Overflow => "values too large to compare".to_owned(),
        Verdict::Lost => format!("no: {} of its seeds diverged or failed", budget.cell.lost),
        Verdict::NotReached => NOT_TESTED.to_owned(),
    }
}

/// The answer in a sentence or two, which is what is read when nothing else is.
#[must_use]
pub fn answer(savings: &Savings) -> Vec<String> {
    let base = &savings.baseline;
    let full = format!("{} at {} ({} steps)", escape(&base.schedule), escape(&base.budget), base.steps);
    let margin = margin(savings);
    let Some((schedule, budget, saves)) = savings.best() else {
        let mut sentences =
            vec![format!("No smaller budget was shown to be as good as {full}, within {margin}.")];
        sentences.extend(closest(savings));
        return sentences;
    };
    let cell = &budget.cell;
    let test = budget.test.map_or(String::new(), |test| {
        format!(
            " It is {} than the baseline, at worst {} ({} paired seeds).",
            words::better_or_worse(test.mean, &savings.metric),
            words::difference(test.lower, &savings.metric),
            test.pairs
        )
    });
    vec![format!(
        "{} at {} ({} steps) is as good as {full}, within {margin}, with {} confidence: {} less device time.{test}",
        escape(&schedule.schedule),
        escape(&cell.budget),
        cell.steps,
        percent(savings.confidence),
        percent(saves.share),
    )]
}

/// What came nearest to being shown.
fn closest(savings: &Savings) -> Option<String> {
    let budgets = savings.schedules.iter().flat_map(|schedule| &schedule.budgets);
    let (budget, seeds) = budgets
        .filter_map(|budget| match budget.verdict {
            Verdict::NotShown { seeds_needed: Some(seeds) } => Some((budget, seeds)),
            _ => None,
        })
        .min_by_key(|(_, seeds)| *seeds)?;
    let pairs = budget.test.map_or(0, |test| test.pairs);
    Some(format!(
        "Nearest is {} at {}: not shown with {pairs} seeds, about {seeds} would do if it is as good as it looks.",
        escape(&budget.cell.schedule),
        escape(&budget.cell.budget)
    ))
}

/// Hours, share and dollars, for this training and the reader's own; what the sweep took.
#[must_use]
pub fn money_sentences(savings: &Savings) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some((_, _, saves)) = savings.best() {
        let usd = saves.usd.map(|usd| format!(", {}", money::usd(usd))).unwrap_or_default();
        sentences.push(format!(
            "Each training of this size saves {}, {}{usd}; that is of undisturbed ones, the fastest of each budget.",
            words::hours(saves.hours),
            percent(saves.share)
        ));
        sentences.extend(yours(saves));
        sentences.push(format!(
            "That holds at equal prices: it turns round where an hour of the full training costs less than {} of an hour of \
             the smaller one.",
            percent(saves.flips_below)
        ));
    }
    let cost = savings.sweep_cost;
    let usd = cost.usd.map(|usd| format!(", {}", money::usd(usd))).unwrap_or_default();
    let baselines =
        cost.baselines.map(|count| format!(", as much as {count:.1} full trainings")).unwrap_or_default();
    let paid = savings.best().and_then(|(_, _, saves)| saves.pays_after);
    let paid =
        paid.map(|count| format!("; it has paid for itself after {}", trainings(count))).unwrap_or_default();
    sentences.push(format!("Finding this out took {}{usd}{baselines}{paid}.", words::hours(cost.hours)));
    sentences
}

fn yours(saves: &Saves) -> Option<String> {
    let yours = saves.yours?;
    let year = match (yours.trainings_per_year, yours.usd_per_year) {
        (Some(count), Some(usd)) => format!(", {} a year at {}", money::usd(usd), trainings_of(count)),
        _ => String::new(),
    };
    let paid =
        yours.pays_after.map(|count| format!("; the sweep has paid for itself after {}", trainings(count)));
    Some(format!(
        "Of a training that costs {} it would be {}{year}{}, if yours behaves like this one.",
        money::usd(yours.full_cost),
        money::usd(yours.usd),
        paid.unwrap_or_default()
    ))
}

fn trainings(count: u64) -> String {
    if count == 1 { "1 training".to_owned() } else { format!("{count} trainings") }
}

fn trainings_of(count: f64) -> String {
    format!("{count} trainings")
}

/// What was tested and how, with what it does not cover.
#[must_use]
pub fn method(savings: &Savings) -> Vec<String> {
    let base = &savings.baseline;
    let metric = escape(&words::metric(&savings.metric));
    let mut sentences = vec![format!(
        "Tested: {metric}, {} is better. Baseline: {} at {}, {}.",
        if savings.maximize { "higher" } else { "lower" },
        escape(&base.schedule),
        escape(&base.budget),
        measured(base, &savings.metric)
    )];
    if let Some(chosen_by) = &savings.chosen_by {
        let names: Vec<String> = base.settings.keys().map(|name| escape(name)).collect();
        sentences.push(format!(
            "Every schedule took its {} at each budget by the {}.",
            names.join(" and "),
            escape(&words::metric(chosen_by))
        ));
    }
    sentences.extend(restricted(savings));
    let schedules = match savings.candidates {
        1 => "one schedule".to_owned(),
        count => format!("{count} schedules together"),
    };
    let looks = match savings.adaptive {
        None => String::new(),
        Some((min, max)) => format!(
            " Seeds were added one by one where the answer was open, from {min} to at most {max}; the error is spent over \
             these looks."
        ),
    };
    let fixed = match savings.margin.ends_with('%') {
        true => ", and the baseline's mean, which the margin is a share of, for exact",
        false => "",
    };
    sentences.push(format!(
        "Each schedule was compared from its largest budget down, until the first that is not shown, by a one-sided paired t \
         test over seeds at {} each, so that what is said of {schedules} is wrong at most {} of the time; “—” was not tested any more. The test takes differences between paired seeds for normal{fixed}.{looks}",
        percent(savings.level),
        percent(1.0 - savings.confidence)
    ));
    if let (Some(samples), Some(error)) = (savings.test_samples, savings.test_error) {
        sentences.push(format!(
            "Beside that: another {} of {} samples would move such an accuracy by about ±{:.1} points (one standard error), \
             for baseline and candidates much alike.",
            savings.metric.split('/').next().map_or("set".to_owned(), |set| format!("{} set", escape(set))),
            money::count(samples),
            100.0 * error
        ));
    }
    sentences.extend(meets(savings));
    sentences.push(
        "It holds for this model, these data and these settings; elsewhere it is a guess worth testing."
            .to_owned(),
    );
    sentences
}

/// What whoever asked left out.
fn restricted(savings: &Savings) -> Vec<String> {
    let mut sentences = Vec::new();
    if !savings.settings.is_empty() {
        let settings: Vec<String> =
            savings.settings.iter().map(|(name, value)| format!("{}={value}", escape(name))).collect();
        sentences.push(format!("Only trials with {} were looked at.", settings.join(" and ")));
    }
    if !savings.asked_candidates.is_empty() {
        sentences.push(
            "Only the schedules that were asked for were compared; to ask for them after a look at these results is to \
             err more often than is said."
                .to_owned(),
        );
    }
    sentences
}

/// What an answer has to be taken with.
pub(super) fn cautions(savings: &Savings) -> Vec<String> {
    let mut cautions = Vec::new();
    if let Some(pairs) = savings.pairs().filter(|pairs| *pairs < FEW) {
        cautions.push(format!(
            "Careful: with {pairs} seeds the spread between seeds is itself hardly known; {FEW} or more are better."
        ));
    }
    if savings.missing > 0 && savings.adaptive.is_none() {
        cautions.push(format!(
            "So far: {} of the trials that are compared have no result yet. To stop once an answer pleases is to err more \
             often than is said; `seeds: {{min: …, max: …, decide: savings}}` looks early without that.",
            savings.missing
        ));
    }
    if savings.same_set {
        cautions.push(
            "Careful: settings were chosen by the very values that are compared, which makes them look better than they \
             are; a test set of its own would not."
                .to_owned(),
        );
    }
    cautions
}

/// Where each curve meets the baseline.
fn meets(savings: &Savings) -> Vec<String> {
    let steps = |steps: Steps| match steps {
        Steps::AtMost(steps) => format!("{steps:.0} or fewer"),
        Steps::At(steps) => format!("{steps:.0}"),
        Steps::MoreThan(steps) => format!("more than {steps:.0}"),
    };
    let share = |at: Steps| match at {
        Steps::At(steps) => {
            format!(" steps ({} of the baseline's)", percent(steps / savings.baseline.steps as f64))
        }
        _ => " steps".to_owned(),
    };
    let sentence = |schedule: &crate::answer::Schedule| {
        let equal = schedule.equal?;
        // From the smallest budget or less to more than the largest: nothing is known.
        if matches!((equal.low, equal.high), (Steps::AtMost(_), Steps::MoreThan(_))) {
            return None;
        }
        Some(format!(
            "{} equals the baseline at {}{}, with {} confidence between {} and {} steps (interpolated over log steps; all \
             schedules together).",
            escape(&schedule.schedule),
            steps(equal.estimate),
            share(equal.estimate),
            percent(savings.confidence),
            steps(equal.low),
            steps(equal.high)
        ))
    };
    savings.schedules.iter().filter_map(sentence).collect()
}

fn measured(cell: &Compete, metric: &str) -> String {
    match (cell.mean, cell.high) {
        (Some(mean), Some(high)) => {
            format!("{} over {} seeds", words::mean(mean, high - mean, metric), cell.seeds)
        }
        (Some(mean), None) => format!("{} over {} seeds", words::value_of(mean, metric), cell.seeds),
        (None, _) => "without a finished seed".to_owned(),
    }
}

fn margin(savings: &Savings) -> String {
    let absolute = words::difference(savings.margin_absolute, &savings.metric);
    let absolute = absolute.trim_start_matches('+');
    match savings.margin.strip_suffix('%') {
        Some(share) => format!("{share} % ({absolute})"),
        None => absolute.to_owned(),
    }
}

/// A share whose number stays with its unit.
fn percent(share: f64) -> String {
    money::percent(share).replace(' ', "\u{a0}")
}
