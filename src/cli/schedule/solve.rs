//! `sweep schedule solve`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::pick::{HEIGHT, digits, format, not_negative, positive};
use crate::{
    cli::{Failure, Global, OutputMode, failure::print, progress::waiting, results::look},
    report::{self, Chart, Format, Series},
    schedule::{
        Drops, Schedule, Span,
        robust::{MAX_STEPS, Measure, Nearest, Problem, Solution},
        uba,
    },
    store::Table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The condition number: curvatures lie between 1/κ and 1
    #[arg(long, value_name = "KAPPA", value_parser = from_one, conflicts_with_all = ["low", "high"], required_unless_present = "low")]
    condition: Option<f64>,
    /// The smallest curvature, instead of a condition number
    #[arg(long, value_name = "CURVATURE", value_parser = positive, requires = "high")]
    low: Option<f64>,
    /// The largest
    #[arg(long, value_name = "CURVATURE", value_parser = positive, requires = "low")]
    high: Option<f64>,
    /// Steps of the horizon, at most 200; `robust:` in a spec stretches the solution over any budget
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_STEPS as u64))]
    steps: u64,
    /// Variance σ² of the gradient's noise; the squared distance to the minimum is 1 at first
    #[arg(long, default_value_t = 0.0, value_name = "VARIANCE", value_parser = not_negative)]
    noise: f64,
    /// The largest rate; unless given 1/high with noise, 1/low without
    #[arg(long, value_name = "RATE", value_parser = positive)]
    cap: Option<f64>,
    /// Heavy-ball momentum, from 0 and below 1
    #[arg(long, default_value_t = 0.0, value_name = "MU", value_parser = below_one)]
    momentum: f64,
    /// `table` or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

/// How a curve fares: its name, its rates at its best peak, its worst case.
struct Fared {
    name: String,
    rates: Vec<f64>,
    peak: f64,
    worst: f64,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let problem = problem(args)?;
    let bar = waiting("solving", global.output_mode == OutputMode::Cli);
    let solution = problem.solve();
    let nearest = problem.nearest_phi(&solution, uba::factor);
    let fared = fared(&problem, &solution, &nearest);
    bar.finish_and_clear();
    match (global.output_mode, format(global, args.format)) {
        (OutputMode::Quiet, _) => {}
        (_, Format::Json) => print(&format!("{:#}\n", as_json(&problem, &solution, &nearest, &fared)))?,
        (_, Format::Table) => print(&as_text(&problem, &nearest, &fared, global))?,
        (_, format) => print(&report::render(&table(&fared), format, look(global)))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The largest rate, over that of one step to the minimum where the curvature is largest.
const MAX_CAP: f64 = 1e6;

fn problem(args: &Args) -> Result<Problem, Failure> {
    let (low, high) = match (args.low, args.high, args.condition) {
        (Some(low), Some(high), _) => (low, high),
        (_, _, condition) => (1.0 / condition.unwrap_or(1.0), 1.0),
    };
    if low > high {
        return Err(Failure::usage(format!("`--low {low}` is above `--high {high}`")));
    }
    // A rounding below the limit.
    let largest = MAX_CAP / high * (1.0 - 1e-12);
    let cap = args.cap.unwrap_or(if args.noise > 0.0 { 1.0 / high } else { (1.0 / low).min(largest) });
    if cap > largest {
        return Err(Failure::usage(format!(
            "`--cap {cap}` is more than {MAX_CAP} over the largest curvature"
        ))
        .hint("rates above 2 over the curvature lead away from the minimum"));
    }
    Ok(Problem {
        low,
        high,
        steps: args.steps as usize,
        noise: args.noise,
        cap,
        momentum: args.momentum,
        measure: Measure::of(args.noise),
    })
}

/// The optimum first, then the UBA curve nearest to it, then what people use.
fn fared(problem: &Problem, solution: &Solution, nearest: &Nearest) -> Vec<Fared> {
    let steps = problem.steps as u64;
    let curve = |schedule: &Schedule| -> Vec<f64> { (0..steps).map(|t| schedule.factor(t, steps)).collect() };
    let largest = solution.rates.iter().copied().fold(0.0, f64::max);
    let mut all = vec![Fared {
        name: "optimum".to_owned(),
        rates: solution.rates.clone(),
        peak: largest,
        worst: solution.worst,
    }];
    let uba: Vec<f64> =
        (0..steps).map(|t| nearest.peak * uba::factor(t as f64 / steps as f64, nearest.phi)).collect();
    let name = format!("uba(phi={})", (nearest.phi * 1e3).round() / 1e3);
    all.push(Fared { name, rates: uba, peak: nearest.peak, worst: nearest.worst });
    let step = Schedule::Step { drops: Drops::At(vec![Span::Share(0.5), Span::Share(0.75)]), gamma: 0.1 };
    let (linear, rex) = (Schedule::Polynomial { power: 1.0 }, Schedule::Rex { beta: 0.5 });
    for schedule in [Schedule::Cosine, linear, rex, step, Schedule::Constant] {
        let shape = curve(&schedule);
        let scaled = problem.best_scale(&shape);
        let rates = shape.iter().map(|factor| factor * scaled.peak).collect();
        all.push(Fared { name: schedule.to_string(), rates, peak: scaled.peak, worst: scaled.worst });
    }
    all
}

fn table(fared: &[Fared]) -> Table {
    let mut table = Table::new(&["schedule", "best_peak", "worst_case", "times_optimum"]);
    let optimum = fared.first().map_or(f64::NAN, |best| best.worst);
    for Fared { name, peak, worst, .. } in fared {
        // Where the optimum is 0 there is nothing to compare with.
        let ratio = Some(worst / optimum).filter(|ratio| ratio.is_finite());
        table.rows.push(vec![json!(name), digits(*peak), digits(*worst), ratio.map_or(Value::Null, digits)]);
    }
    table
}

fn as_text(problem: &Problem, nearest: &Nearest, fared: &[Fared], global: &Global) -> String {
    let series = fared.iter().take(3).map(|one| Series {
        name: one.name.clone(),
        points: one.rates.iter().enumerate().map(|(t, rate)| (t as f64, *rate)).collect(),
        ..Series::default()
    });
    let measure = match problem.measure {
        Measure::Distance => "squared distance to the minimum",
        Measure::Loss => "loss (curvature times squared distance)",
    };
    let note = format!(
        "curvature {:.4} to {:.4}, {} steps, noise {}, rates up to {}, momentum {}",
        problem.low, problem.high, problem.steps, problem.noise, problem.cap, problem.momentum
    );
    let chart = Chart {
        title: "Rates that are best against the worst curvature".to_owned(),
        x_label: "step".to_owned(),
        y_label: "rate".to_owned(),
        series: series.collect(),
        note: Some(note),
        ..Chart::default()
    };
    let mut text = chart.terminal(look(global), HEIGHT) + "\n";
    text += &report::render(&table(fared), Format::Table, look(global));
    text += &format!(
        "\nworst case: expected {measure} at the end,\nwhere the curvature is worst for it; each schedule at its best peak.\n"
    );
    text += &nearest_in_words(nearest);
    match problem.closed_form() {
        Some(0.0) => text += "closed form: 0; a step of 1/curvature leads to the minimum.\n",
        Some(exact) => {
            let ratio = fared[0].worst / exact;
            text += &format!(
                "closed form (Chebyshev): {exact:.6e}; the solver's is {ratio:.6} of it. Without\nnoise any order of its rates is as good, \
                 so they are shown from the largest down.\n"
            );
        }
        None => {}
    }
    text
}

/// Which φ comes nearest to the optimum, where one does.
fn nearest_in_words(nearest: &Nearest) -> String {
    let phi = (nearest.phi * 1e3).round() / 1e3;
    match nearest.phi {
        ..1.1e-3 => {
            "nearest phi: the smallest that is tried, 0.001: this problem wants the rate held.\n".to_owned()
        }
        900.0.. => "nearest phi: the largest that is tried, 1000.\n".to_owned(),
        _ => format!("nearest phi: {phi}; its worst case is {:.3} times the optimum's.\n", nearest.ratio),
    }
}

fn as_json(problem: &Problem, solution: &Solution, nearest: &Nearest, fared: &[Fared]) -> Value {
    let others: Vec<Value> = fared
        .iter()
        .skip(1)
        .map(|one| {
            let ratio = one.worst / solution.worst;
            json!({"schedule": one.name, "peak": one.peak, "worst_case": one.worst, "times_optimum": ratio})
        })
        .collect();
    json!({
        "version": 1,
        "low": problem.low,
        "high": problem.high,
        "steps": problem.steps,
        "noise": problem.noise,
        "cap": problem.cap,
        "momentum": problem.momentum,
        "measure": match problem.measure { Measure::Distance => "distance", Measure::Loss => "loss" },
        "rates": solution.rates,
        "worst_case": solution.worst,
        "closed_form": problem.closed_form(),
        "phi": nearest.phi,
        "others": others,
    })
}

fn from_one(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|value| (1.0..=1e9).contains(value))
        .ok_or_else(|| "a number from 1 to 1e9".to_owned())
}

fn below_one(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|value| (0.0..=0.999).contains(value))
        .ok_or_else(|| "a number from 0 to 0.999".to_owned())
}
