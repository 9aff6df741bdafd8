//! What was found about a sweep, and the figures that show it.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{
    Chart, KeyNumber, Kind, Matrix, MatrixCell, MatrixRow, ResultRow, Results, Series, Unit, Verdict, words,
};
use crate::{
    answer::{self, Band, Savings, Standing},
    cost::{is_share, money},
    store::{SweepRow, Table},
};

/// What was found, for a report to say.
#[derive(Debug)]
pub struct Findings<'a> {
    pub sweep: &'a SweepRow,
    pub results: &'a Results,
    /// One for each row of the results.
    pub standings: &'a [Standing],
    /// Or why nothing can be compared.
    pub savings: Result<&'a Savings, String>,
    /// By metric: what is drawn of each schedule at the largest budget.
    pub bands: &'a [(String, Vec<Band>)],
    /// The learning rates of each schedule.
    pub rates: Option<Chart>,
    /// What it cost, a line per schedule and budget, and sentences about it.
    pub cost: (Table, Vec<String>),
}

/// The numbers that stand out.
pub(super) fn numbers(savings: &Savings) -> Vec<KeyNumber> {
    let number = |value: String, label: &str, explanation: String| KeyNumber {
        value,
        label: label.to_owned(),
        explanation,
    };
    let confidence = number(
        money::percent(savings.confidence),
        "confidence",
        format!(
            "How sure the answer is, over {} paired seeds; what it means is below.",
            savings.pairs().unwrap_or(0)
        ),
    );
    let Some((schedule, budget, saves)) = savings.best() else {
        let none = "None of the smaller budgets was shown to be as good as today's.".to_owned();
        return vec![number("0 %".to_owned(), "shown to be saved", none), confidence];
    };
    let mut numbers = vec![number(
        money::percent(saves.share),
        "less device time",
        format!("With {} at {} instead of today's training.", schedule.schedule, budget.cell.budget),
    )];
    if let Some(yours) = saves.yours {
        let explanation = match yours.usd_per_year {
            Some(usd) => format!("{} a year.", money::usd(usd)),
            None => "If your training behaves like this one.".to_owned(),
        };
        numbers.push(number(money::usd(yours.usd), "saved by each of your trainings", explanation));
    }
    if let Some(test) = budget.test {
        numbers.push(number(
            words::difference(test.mean, &savings.metric),
            "measured difference",
            format!(
                "At worst {}, against a margin of {}.",
                words::difference(test.lower, &savings.metric),
                savings.margin
            ),
        ));
    }
    numbers.push(confidence);
    numbers
}

fn unit(metric: &str) -> Unit {
    if is_share(metric) { Unit::Percent } else { Unit::None }
}

/// Series that a chart can tell apart well.
const MAX_SERIES: usize = 12;

fn beyond(left_out: usize) -> String {
    if left_out == 0 { String::new() } else { format!(" {left_out} more are in the table and not drawn.") }
}

/// Device time against the metric.
pub(super) fn cost_chart(found: &Findings<'_>) -> Chart {
    let Findings { results, standings, .. } = found;
    let longest = standings.iter().filter_map(|standing| standing.seconds).fold(0.0, f64::max);
    // Hours where trainings take some, otherwise seconds.
    let (scale, x_unit) =
        if longest >= 3600.0 { (3600.0, Unit::After(" h")) } else { (1.0, Unit::After(" s")) };
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut series: Vec<Series> = Vec::new();
    let mut on_front: Vec<(f64, f64)> = Vec::new();
    let mut shares: Vec<(f64, String)> = Vec::new();
    for (row, standing) in results.rows.iter().zip(*standings) {
        let (Some(x), Some(mean)) = (standing.seconds.map(|seconds| seconds / scale), row.mean) else {
            continue;
        };
        let name = results.label(row);
        let index = *names.entry(name.clone()).or_insert_with(|| {
            series.push(Series { name, points: vec![], kind: Kind::Points { y: vec![], x: vec![] } });
            series.len() - 1
        });
        series[index].points.push((x, mean));
        if let Kind::Points { y, .. } = &mut series[index].kind {
            y.push((row.low.unwrap_or(f64::NAN), row.high.unwrap_or(f64::NAN)));
        }
        if let Some(place) = standing.place.filter(|place| place.is_on_front) {
            on_front.push((x, mean));
            shares.extend(place.share.map(|share| {
                (x, format!("{} at {} in {}", series[index].name, row.budget, money::percent(share)))
            }));
        }
    }
    let left_out = series.len().saturating_sub(MAX_SERIES);
    series.truncate(MAX_SERIES);
    on_front.sort_by(|a, b| a.0.total_cmp(&b.0));
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    let shares: Vec<String> = shares.into_iter().map(|(_, share)| share).collect();
    let shares = match shares.is_empty() {
        true => String::new(),
        false => format!(" ({} of what the seeds' spread allows)", shares.join(", ")),
    };
    series.push(Series { name: "Pareto front".to_owned(), points: on_front, kind: Kind::Front });
    Chart {
        title: format!("Cost against {}", words::metric(&results.metric)),
        x_label: "device time of one training, undisturbed".to_owned(),
        y_label: results.metric.clone(),
        series,
        note: Some(format!(
            "Each mark is a schedule at a budget, its bar the 95\u{a0}% interval of the mean over seeds. On the front is \
             what nothing cheaper reaches{shares}; where bars overlap, chance may have put it there.{}",
            beyond(left_out)
        )),
        log_x: true,
        x_unit,
        y_unit: unit(&results.metric),
    }
}

/// Schedules by budgets.
pub(super) fn matrix(found: &Findings<'_>) -> Matrix {
    let Findings { results, standings, .. } = found;
    let metric = &results.metric;
    let budgets =
        found.savings.iter().flat_map(|savings| &savings.schedules).flat_map(|schedule| &schedule.budgets);
    let shown: HashSet<(&str, u64, String)> = budgets
        .filter(|budget| budget.verdict == answer::Verdict::Shown)
        .map(|budget| (&*budget.cell.schedule, budget.cell.steps, format!("{:?}", budget.cell.settings)))
        .collect();
    let means: Vec<f64> = results.rows.iter().filter_map(|row| row.mean).collect();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shade = |mean: f64| {
        let share = if high > low { (mean - low) / (high - low) } else { 0.5 };
        if results.maximize { share } else { 1.0 - share }
    };
    let mut rows: Vec<MatrixRow> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (row, standing) in results.rows.iter().zip(*standings) {
        let name = results.label(row);
        let place = *places.entry(name.clone()).or_insert_with(|| {
            rows.push(MatrixRow { name, cells: vec![MatrixCell::default(); results.budgets.len()] });
            rows.len() - 1
        });
        let column = results.budgets.iter().position(|budget| budget.steps == row.steps).unwrap_or(0);
        let mut verdicts = Vec::new();
        if let Some(rival) = standing.rival {
            verdicts.extend(rival.is_best.then_some(Verdict::Best));
            verdicts.extend((!rival.is_best && rival.is_unbeaten).then_some(Verdict::EqualToBest));
        }
        verdicts.extend(
            shown
                .contains(&(&row.schedule, row.steps, format!("{:?}", row.settings)))
                .then_some(Verdict::NotWorseThanBaseline),
        );
        rows[place].cells[column] = MatrixCell {
            text: match (row.mean, row.high) {
                (Some(mean), Some(high)) => words::mean(mean, high - mean, metric),
                (Some(_), None) => words::values(&row.values, metric),
                (None, _) => "—".to_owned(),
            },
            detail: details(results, row),
            verdicts,
            shade: row.mean.map(shade),
        };
    }
    let columns =
        results.budgets.iter().map(|budget| (budget.name.clone(), format!("{} steps", budget.steps)));
    Matrix {
        caption: format!("{}, mean over seeds ± half its 95\u{a0}% interval", words::metric(metric)),
        note: marks_note(found),
        corner: "schedule".to_owned(),
        columns: columns.collect(),
        rows,
    }
}

fn marks_note(found: &Findings<'_>) -> String {
    let mut sentences = Vec::new();
    if let Some(by) = &found.results.chosen_by {
        sentences
            .push(format!("Each cell took its settings, on the second line, by the {}.", words::metric(by)));
    }
    if found.savings.as_ref().is_ok_and(|savings| savings.adaptive.is_some()) {
        sentences.push(
            "That seeds were added by looking at results, ★ and ≈ do not take into account.".to_owned(),
        );
    }
    sentences.join(" ")
}

fn details(results: &Results, row: &ResultRow) -> String {
    let mut parts = Vec::new();
    if results.chosen_by.is_some() {
        parts.extend(row.settings.iter().map(|(name, value)| format!("{name}={value}")));
    }
    for (count, what) in [(row.diverged, "diverged"), (row.failed, "failed"), (row.missing, "missing")] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(" ")
}

pub(super) fn learning(metric: &str, bands: &[Band]) -> Chart {
    let are_apart = bands.windows(2).any(|pair| pair[0].schedule == pair[1].schedule);
    let series = bands.iter().take(MAX_SERIES).map(|band| {
        let points = band.points.iter().map(|point| (point.step as f64, point.mean)).collect();
        let ranges =
            band.points.iter().map(|point| (point.low.unwrap_or(f64::NAN), point.high.unwrap_or(f64::NAN)));
        let name = if are_apart { band.label() } else { band.schedule.clone() };
        Series { name, points, kind: Kind::Band(ranges.collect()) }
    });
    let budget = bands.first().map(|band| format!(" at {}", band.budget)).unwrap_or_default();
    Chart {
        title: format!("{}{budget}", words::metric(metric)),
        x_label: "step".to_owned(),
        y_label: metric.to_owned(),
        series: series.collect(),
        note: Some(format!(
            "The mean over seeds during training; the area is the 95\u{a0}% interval of the mean.{}",
            beyond(bands.len().saturating_sub(MAX_SERIES))
        )),
        y_unit: unit(metric),
        ..Chart::default()
    }
}

/// What a report is made from, for a program: results with their standings, and the savings.
#[must_use]
pub fn as_json(found: &Findings<'_>, options: &Value) -> Value {
    json!({
        "version": 1,
        "options": options,
        "results": found.results,
        "standings": found.standings,
        "savings": found.savings.as_ref().ok(),
    })
}
