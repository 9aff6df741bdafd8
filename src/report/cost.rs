//! What a sweep cost, in words and as a table.

use serde_json::{Value, json};

use super::{
    Format, Look, escape, render,
    words::{self, wrap},
};
use crate::{
    answer::{Elsewhere, Price, Priced, PricedUses},
    cost::{Offer, money},
    store::Table,
};

/// The table for people, with what it is priced at and what went where.
#[must_use]
pub fn cost(priced: &Priced, format: Format, look: Look) -> String {
    let table = render(&cost_table_for_people(priced), format, look);
    let lines: Vec<String> =
        cost_sentences(priced).iter().map(|sentence| wrap(sentence, look.width)).collect();
    match format {
        Format::Markdown => format!("{table}\n{}", cost_sentences(priced).join("\n\n") + "\n"),
        _ => format!("{} (sweep {})\n\n{table}\n{}", escape(&priced.name), priced.sweep, lines.concat()),
    }
}

/// Numbers in full, one line per schedule and budget.
#[must_use]
pub fn cost_table(priced: &Priced) -> Table {
    let mut table = Table::new(&[
        "schedule",
        "budget",
        "steps",
        "trials",
        "hours",
        "results_hours",
        "diverged_hours",
        "lost_hours",
        "unfinished_hours",
        "usd",
        "kwh",
    ]);
    for row in &priced.rows {
        let PricedUses { results, diverged, lost, unfinished, all } = row.uses;
        let mut line = vec![json!(row.schedule), json!(row.budget), json!(row.steps), json!(row.trials)];
        line.extend([all, results, diverged, lost, unfinished].map(|price| json!(price.hours)));
        line.extend([json!(all.usd), json!(all.kwh)]);
        table.rows.push(line);
    }
    table
}

/// What people read of it: times that are short in seconds and minutes.
#[must_use]
pub fn cost_table_for_people(priced: &Priced) -> Table {
    let is_priced = priced.offer.is_some();
    let has_energy = priced.total.all.kwh.is_some();
    let mut columns = vec!["schedule", "budget", "trials", unit(priced), "of which lost"];
    columns.extend(is_priced.then_some("dollars"));
    columns.extend(has_energy.then_some("kWh"));
    let mut table = Table::new(&columns);
    let mut push = |head: [Value; 3], uses: &PricedUses| {
        let lost = uses.lost.hours / uses.all.hours;
        let lost = if lost > 0.0 { money::percent(lost) } else { "—".to_owned() };
        let mut line: Vec<Value> = head.into();
        line.extend([json!(words::hours(uses.all.hours)), json!(lost)]);
        line.extend(uses.all.usd.map(|usd| json!(money::usd(usd))));
        line.extend(has_energy.then(|| json!(uses.all.kwh.map(|kwh| format!("{kwh:.3}")))));
        table.rows.push(line);
    };
    for row in &priced.rows {
        push([json!(row.schedule), json!(row.budget), json!(row.trials)], &row.uses);
    }
    push([json!("all"), json!(""), json!("")], &priced.total);
    table
}

/// What an hour is of.
fn unit(priced: &Priced) -> &'static str {
    match &priced.offer {
        Some(offer) if offer.gpus > 0 => "GPU time",
        _ => "machine time",
    }
}

/// Where the time went, and what it was priced with.
#[must_use]
pub fn cost_sentences(priced: &Priced) -> Vec<String> {
    let PricedUses { results, diverged, lost, unfinished, all } = priced.total;
    let share = |part: Price| money::percent(part.hours / all.hours.max(f64::MIN_POSITIVE));
    let mut parts = vec![format!("{} went into results", share(results))];
    for (part, what) in [
        (diverged, "into trials that diverged"),
        (lost, "was lost to failures and interruptions"),
        (unfinished, "into trials that are not over"),
    ] {
        if part.hours > 0.0 {
            parts.push(format!("{} {what}", share(part)));
        }
    }
    let mut sentences = vec![format!("Of {} in all, {}.", said(all), parts.join(", "))];
    if priced.taken_over.hours > 0.0 {
        sentences.push(format!(
            "Of that, {} are results that earlier sweeps paid for; this one paid for {}.",
            said(priced.taken_over),
            said(priced.paid)
        ));
    }
    match &priced.offer {
        None => sentences.push(
            "No price is known: `--usd-per-hour`, `--as OFFER` or `pricing:` in the spec give dollars."
                .to_owned(),
        ),
        Some(offer) => sentences.push(price_of(offer)),
    }
    if let Some(Elsewhere { speedup, devices }) = priced.elsewhere {
        let here = match devices {
            1 => "this machine".to_owned(),
            count => format!("one of the {count} devices of this machine"),
        };
        sentences.push(format!(
            "An hour of {here} is taken for {} of one device there; how much faster it really is, only a trial there \
             tells (`--speedup`).",
            words::hours(1.0 / speedup)
        ));
    }
    if let Some(usd) = priced.billed_usd {
        sentences.push(match priced.elsewhere {
            Some(_) => format!(
                "Rented whole, with all of its devices at work for {}, it is billed {}.",
                words::hours(priced.wall_hours),
                money::usd(usd)
            ),
            None => format!(
                "The machine was at it for {}; rented for as long it is billed {}.",
                words::hours(priced.wall_hours),
                money::usd(usd)
            ),
        });
    }
    sentences
}

fn said(price: Price) -> String {
    let usd = price.usd.map(|usd| format!(" ({})", money::usd(usd))).unwrap_or_default();
    format!("{}{usd}", words::hours(price.hours))
}

/// What an offer says, with where that is from.
#[must_use]
pub fn price_of(offer: &Offer) -> String {
    let gpus = match offer.gpus {
        0 => String::new(),
        count => format!(", {count} × {}", escape(&offer.gpu)),
    };
    let region = if offer.region.is_empty() { String::new() } else { format!(", {}", escape(&offer.region)) };
    let date = offer.checked_at.map(|date| format!(" on {date}")).unwrap_or_default();
    let source =
        if offer.source.is_empty() { "nobody says where from".to_owned() } else { escape(&offer.source) };
    format!(
        "Priced as {}{gpus}{region}, {}, {} an hour ({source}{date}).",
        escape(&offer.to_string()),
        offer.provisioning.name().replace('_', " "),
        money::usd(offer.usd_per_hour)
    )
}
