//! `sweep schedule show NAME`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::pick::{Around, Curve, HEIGHT, One, chart, curve_of, format, single};
use crate::{
    cli::{Failure, Global, OutputMode, failure::print, results::look},
    report::{self, Format},
    schedule::{FAMILIES, Properties},
    store::Table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    one: One,
    /// `table` or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

/// The shares of the budget that values are shown at, in tenths.
const TENTHS: u64 = 10;

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let curve = curve_of(&args.one)?;
    let found = Properties::of(&curve.table.rates);
    match (global.output_mode, format(global, args.format)) {
        (OutputMode::Quiet, _) => {}
        (_, Format::Json) => print(&format!("{:#}\n", as_json(&curve, &found, &args.one.around)))?,
        (_, Format::Table) => print(&as_text(&curve, &found, args, global))?,
        (_, format) => print(&report::render(&values(&curve), format, look(global)))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows at each tenth of the budget, and the last.
fn rows(curve: &Curve) -> Vec<(u64, f64, f32, Option<f32>)> {
    let steps = curve.table.rates.len() as u64;
    let mut places: Vec<u64> = (0..TENTHS).map(|tenth| tenth * steps / TENTHS).chain([steps - 1]).collect();
    places.dedup();
    let row = |step: u64| {
        let momentum = curve.table.momenta.as_ref().map(|momenta| momenta[step as usize]);
        (step, step as f64 / steps as f64, curve.table.rates[step as usize], momentum)
    };
    places.into_iter().map(row).collect()
}

fn values(curve: &Curve) -> Table {
    let moves = curve.table.momenta.is_some();
    let mut table = Table::new(match moves {
        true => &["step", "share", "learning_rate", "momentum"],
        false => &["step", "share", "learning_rate"],
    });
    for (step, share, rate, momentum) in rows(curve) {
        let mut row = vec![json!(step), json!(format!("{:.4} %", share * 100.0)), json!(single(rate))];
        row.extend(momentum.map(|momentum| json!(single(momentum))));
        table.rows.push(row);
    }
    table
}

fn as_text(curve: &Curve, found: &Properties, args: &Args, global: &Global) -> String {
    let family = curve.name.split('(').next().unwrap_or_default();
    let mut text = chart(std::slice::from_ref(curve), &args.one.around).terminal(look(global), HEIGHT);
    text += "\n";
    if let Some(family) = FAMILIES.iter().find(|known| known.name == family) {
        text += &format!("formula     {}\nsource      {}\n", family.formula, family.source);
    }
    text += &format!("mean        {:.4} of the largest rate\n", found.mean);
    match found.half_life {
        Some(share) => text += &format!("half-life   {:.2} % of the budget\n", share * 100.0),
        None => text += "half-life   it never falls to half\n",
    }
    text += &format!("area        {:.6} (sum of all rates)\n", found.area);
    let [first, largest, last] = [found.first, found.largest, found.last].map(|rate| single(rate as f32));
    text += &format!("first       {first}\nlargest     {largest}\nlast        {last:e}\n");
    if let Some(bound) = found.bound {
        text +=
            &format!("bound       {bound:.4} of linear's (last iterate, convex, each at its best peak)\n");
    }
    text + "\n" + &report::render(&values(curve), Format::Table, look(global))
}

fn as_json(curve: &Curve, found: &Properties, around: &Around) -> Value {
    let values: Vec<Value> = rows(curve)
        .into_iter()
        .map(|(step, share, rate, momentum)| {
            let mut value = json!({"step": step, "share": share, "learning_rate": json!(single(rate))});
            if let Some(momentum) = momentum {
                value["momentum"] = json!(single(momentum));
            }
            value
        })
        .collect();
    json!({
        "version": 1,
        "schedule": curve.name,
        "steps": around.steps,
        "peak": around.peak,
        "mean": found.mean,
        "half_life": found.half_life,
        "area": found.area,
        "first": found.first,
        "largest": found.largest,
        "last": found.last,
        "bound": found.bound,
        "values": values,
    })
}
