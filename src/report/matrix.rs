//! The schedule × budget table.

use std::collections::HashMap;

use comfy_table::{Attribute, Cell, CellAlignment};

use crate::answer::{MIN_SEEDS, better};

use super::{
    Look, ResultRow, Results, Totals, escape,
    results::Statistic,
    table::{blank, draw, markdown},
    words,
};

/// A cell's lines, and whether it is the best of its budget.
#[derive(Clone)]
struct Text {
    text: String,
    is_best: bool,
}

/// Header and lines; the first column is the schedule.
struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<Text>>,
}

/// The table for a terminal: schedules down, budgets across, in several tables below each other where the screen is
/// too narrow, with what it took and a legend.
#[must_use]
pub fn matrix(results: &Results, totals: &Totals, look: Look) -> String {
    let grid = grid(results);
    let whole = drawn(&grid, 1..grid.header.len(), look);
    // A blank on either side.
    let widths: Vec<usize> =
        whole.column_max_content_widths().into_iter().map(|width| usize::from(width) + 2).collect();
    let mut text = format!("{} (sweep {})\n\n", escape(&results.name), results.sweep);
    let mut start = 1;
    while start < widths.len() {
        let mut end = start + 1;
        while end < widths.len() && widths[0] + widths[start..=end].iter().sum::<usize>() <= look.width {
            end += 1;
        }
        text += &draw(&drawn(&grid, start..end, look));
        text.push('\n');
        start = end;
    }
    text += &words::wrap(&total(totals), look.width);
    if let Some(reason) = &totals.reason {
        text += &words::wrap(&escape(reason), look.width);
    }
    text += &words::wrap(&legend(results), look.width);
    text
}

/// The same in Markdown.
#[must_use]
pub fn matrix_markdown(results: &Results, totals: &Totals) -> String {
    let grid = grid(results);
    let rows = grid.rows.into_iter().map(|row| {
        let cell = |cell: Text| {
            if cell.is_best { format!("**{}**", cell.text) } else { cell.text }
        };
        row.into_iter().map(cell).collect()
    });
    let table = markdown(&grid.header, rows);
    format!("{table}\n{}\n\n{}\n", total(totals), legend(results))
}

fn drawn(grid: &Grid, columns: std::ops::Range<usize>, look: Look) -> comfy_table::Table {
    let mut table = blank(look);
    let right = |cell: Cell| cell.set_alignment(CellAlignment::Right);
    let header = columns.clone().map(|column| right(Cell::new(&grid.header[column])));
    table.set_header(std::iter::once(Cell::new(&grid.header[0])).chain(header));
    for (index, row) in grid.rows.iter().enumerate() {
        if index + 1 == grid.rows.len() {
            // Sets the times apart from the results.
            table.add_row([""]);
        }
        let cells = columns.clone().map(|column| {
            let cell = right(Cell::new(&row[column].text));
            if row[column].is_best { cell.add_attribute(Attribute::Bold) } else { cell }
        });
        table.add_row(std::iter::once(Cell::new(folded(&row[0].text))).chain(cells));
    }
    table
}

/// A long schedule name with a line for each of its parameters, so that three budgets fit 80 columns.
pub(super) fn folded(label: &str) -> String {
    const LONG: usize = 24;
    let fold =
        |line: &str| if line.chars().count() > LONG { line.replace(',', ",\n  ") } else { line.to_owned() };
    label.lines().map(fold).collect::<Vec<_>>().join("\n")
}

fn grid(results: &Results) -> Grid {
    let are_apart = results.are_apart;
    let label = |row: &ResultRow| match are_apart {
        true => format!("{}\n{}", escape(&row.schedule), settings(row)),
        false => escape(&row.schedule),
    };
    let plain = |text: String| Text { text, is_best: false };
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Vec<Text>> = Vec::new();
    let columns: HashMap<u64, usize> =
        (1..).zip(&results.budgets).map(|(column, budget)| (budget.steps, column)).collect();
    let bests: HashMap<u64, Option<f64>> =
        results.budgets.iter().map(|budget| (budget.steps, best(results, budget.steps))).collect();
    for row in &results.rows {
        let label = label(row);
        let line = *lines.entry(label.clone()).or_insert_with(|| {
            let mut line = vec![plain("—".to_owned()); 1 + results.budgets.len()];
            line[0] = plain(label);
            rows.push(line);
            rows.len() - 1
        });
        rows[line][columns[&row.steps]] = cell(row, results, bests[&row.steps]);
    }
    let mut header = vec!["schedule".to_owned()];
    let mut times = vec![plain("time per trial".to_owned())];
    for budget in &results.budgets {
        let steps = format!("{} steps", budget.steps);
        let name = escape(&budget.name);
        header.push(if name == steps { steps } else { format!("{name} · {steps}") });
        times.push(plain(budget.seconds.map_or("—".to_owned(), words::seconds)));
    }
    rows.push(times);
    Grid { header, rows }
}

/// The best mean of a budget among rows that no seed diverged in, if there is a choice. While seeds are missing, the
/// row that has not had its worst seed yet would win.
fn best(results: &Results, steps: u64) -> Option<f64> {
    let rows = results.rows.iter().filter(|row| row.steps == steps);
    if rows.clone().any(|row| row.missing > 0) {
        return None;
    }
    let means: Vec<f64> =
        rows.filter(|row| row.diverged == 0).filter_map(|row| row.center(results.statistic)).collect();
    let best = means.iter().copied().reduce(|a, b| if better(b, a, results.maximize) { b } else { a });
    best.filter(|_| means.len() > 1)
}

fn cell(row: &ResultRow, results: &Results, best: Option<f64>) -> Text {
    let is_best = best.is_some() && row.center(results.statistic) == best && row.diverged == 0;
    let mut lines = Vec::new();
    match (row.center(results.statistic), row.high) {
        (Some(center), _) if results.statistic != Statistic::Mean => {
            lines.push(words::values(&[center], &results.metric));
        }
        (Some(mean), Some(high)) => lines.push(words::mean(mean, high - mean, &results.metric)),
        (Some(_), None) => lines.push(words::values(&row.values, &results.metric)),
        (None, _) => {}
    }
    let problems = [(row.diverged, "diverged"), (row.failed, "failed"), (row.missing, "missing")];
    lines.extend(
        problems.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    if results.chosen_by.is_some() && row.mean.is_some() {
        lines.push(settings(row));
    }
    let star = if is_best { "★ " } else { "" };
    Text { text: format!("{star}{}", lines.join("\n")), is_best }
}

fn settings(row: &ResultRow) -> String {
    let pairs: Vec<_> =
        row.settings.iter().map(|(name, value)| format!("{}={value}", escape(name))).collect();
    pairs.join("\n")
}

fn total(totals: &Totals) -> String {
    let counts = totals.counts;
    let by_status = [
        (counts.done, "done"),
        (counts.diverged, "diverged"),
        (counts.failed, "failed"),
        (counts.running, "running"),
        (counts.queued, "queued"),
        (counts.cancelled, "not run"),
    ];
    let states: Vec<_> = by_status
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let plural = if counts.trials == 1 { "" } else { "s" };
    format!(
        "{} trial{plural}: {} · device time {} · wall time {}",
        counts.trials,
        states.join(", "),
        words::seconds(totals.device_seconds),
        words::seconds(totals.wall_seconds)
    )
}

fn legend(results: &Results) -> String {
    let goal = if results.maximize { "higher" } else { "lower" };
    let mut first = format!("Cells: {}, {goal} is better", escape(&words::metric(&results.metric)));
    let is_mean = results.statistic == Statistic::Mean;
    let with_interval = || {
        let rows = results.rows.iter().filter(|row| if is_mean { row.low.is_some() } else { row.seeds > 0 });
        rows.map(|row| row.seeds)
    };
    if let (Some(fewest), Some(most)) = (with_interval().min(), with_interval().max()) {
        let seeds = if fewest == most { format!("{most}") } else { format!("{fewest} to {most}") };
        first += &match results.statistic {
            Statistic::Mean => {
                format!(
                    "; mean over {seeds} seeds ± half the width of its 95 % confidence interval (Student's t)"
                )
            }
            Statistic::Median => format!("; median over {seeds} seeds"),
            Statistic::Best => {
                format!("; the best of {seeds} seeds, which more seeds make better by themselves")
            }
        };
    }
    let mut sentences = vec![first + "."];
    if is_mean && results.rows.iter().any(|row| row.mean.is_some() && row.low.is_none()) {
        sentences.push(format!("Below {MIN_SEEDS} finished seeds a cell lists their values."));
    }
    if results.rows.iter().any(|row| row.diverged > 0) {
        sentences.push("A diverged seed's loss was not finite; the mean is over the others.".to_owned());
    }
    let tried =
        results.rows.first().map_or(Vec::new(), |row| row.settings.keys().map(|name| escape(name)).collect());
    match &results.chosen_by {
        Some(metric) => sentences.push(format!(
            "Each cell takes the {} with the best mean {}.",
            tried.join(" and "),
            escape(&words::metric(metric))
        )),
        None if results.are_apart => {
            sentences
                .push("Without a validation set to choose settings by, they are listed apart.".to_owned());
        }
        None => {}
    }
    sentences.extend(followed(results));
    if results.budgets.iter().any(|budget| best(results, budget.steps).is_some()) {
        let what = match results.statistic {
            Statistic::Mean => "mean",
            Statistic::Median => "median",
            Statistic::Best => "value",
        };
        sentences.push(format!("★ best {what} of its budget."));
    }
    sentences.join(" ")
}

/// Which schedule was followed at which budget, where the spec left that open.
fn followed(results: &Results) -> Vec<String> {
    let open: Vec<_> = results.rows.iter().filter(|row| row.followed.is_some()).collect();
    let mut named: Vec<&str> = open.iter().map(|row| row.schedule.as_str()).collect();
    named.dedup();
    let sentence = |name: &&str| {
        let mut budgets: Vec<(&str, Vec<&str>)> = Vec::new();
        for row in open.iter().filter(|row| row.schedule == *name) {
            let followed = row.followed.as_deref().unwrap_or_default();
            match budgets.iter_mut().find(|(known, _)| *known == followed) {
                Some((_, at)) if at.contains(&row.budget.as_str()) => {}
                Some((_, at)) => at.push(&row.budget),
                None => budgets.push((followed, vec![&row.budget])),
            }
        }
        let each = budgets.iter().map(|(followed, at)| format!("{followed} at {}", at.join(", ")));
        let each: Vec<String> = each.collect();
        escape(&format!("{name} is {}; `sweep why TRIAL` tells why.", each.join(" and ")))
    };
    named.iter().map(sentence).collect()
}
