//! `sweep plan SPEC`: the trials of a spec, which of them are done, and what the rest will take in hours and dollars.
//! Trains nothing and takes no lock: the store is read beside whatever scheduler has it.

mod rates;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use super::{
    Failure, Global, OutputMode, failure::say, output::Output, prepare, progress::waiting, run::event_loop,
};
use crate::{
    cost::{AskedLimits, Conditions, Demand, Part, Quote, QuotedBudget, QuotedTrial, Rates, Stage},
    daemon::{self, Order},
    device::{self, Gpus},
    engine::{Pool, Terms, WHOLE},
    plan::{self, Machine, Plan, PlannedTrial, Recipe},
    report::{self, Encoding, Quoted, TrialRow},
    spec::SpecError,
    store::{self, KnownTrial, Reader, StoreError},
};
use rates::Wanted;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Times come from trials of this model and batch size that are done, where there are three of them, and from a calibration
otherwise: some steps and evaluations, with all workers at work. It is kept in the home folder.")]
pub(super) struct Args {
    /// The sweep's YAML file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// List each trial
    #[arg(long)]
    trials: bool,
    /// Time steps and evaluations anew, whatever is known of them
    #[arg(long)]
    measure_again: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let quoted = event_loop()?.block_on(quoted(global, args))?;
    if global.output_mode == OutputMode::Cli {
        quoted.warnings().iter().for_each(|warning| say(&format!("warning: {warning}")));
    }
    args.output.emit(global, |encoding, look| match encoding {
        Encoding::Text(format) => Ok(quoted.render(format, args.trials, look).into_bytes()),
        Encoding::Parquet => Ok(report::parquet(&quoted.table(args.trials))),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn quoted(global: &Global, args: &Args) -> Result<Quoted, Failure> {
    let order = prepare::order(global, &args.spec, false).await?;
    let bar = waiting("solving robust schedules", global.output_mode == OutputMode::Cli);
    order.spec.solve();
    bar.finish_and_clear();
    let gpus = Gpus::open();
    let count = if order.is_on_gpus() { gpus.read().len() } else { 0 };
    let terms = daemon::terms(&order, device::cores(), (&gpus, count))?;
    let share = share(&terms, count);
    let reader = reader(global)?;
    let on_gpus = order.is_on_gpus().then_some(count);
    let (slots, part) = daemon::divide(&order.spec, &order.facts, device::cores(), on_gpus);
    let plan = planned(&order, (slots.threads, part), reader.as_ref())?;
    let known = plan.trials.iter().map(|trial| match &reader {
        Some(reader) => reader.known(&trial.key),
        None => Ok(None),
    });
    let known: Vec<Option<KnownTrial>> = known.collect::<Result<_, _>>()?;
    let wanted = Wanted { order: &order, plan: &plan, slots, share, workers: terms.max_workers };
    let found = reader.as_ref().map(|reader| wanted.in_store(reader, args.measure_again));
    // A snapshot that is held keeps a scheduler's log from being shortened, and measuring takes a while.
    drop(reader);
    let (rates, source) = match found.transpose()?.flatten() {
        Some(found) => found,
        None => wanted.measured(global, args.measure_again).await?,
    };
    let limits = AskedLimits {
        trials: order.spec.limits.trials,
        wall_clock_s: order.spec.limits.wall_clock_s,
        usd: order.spec.limits.cost_usd,
    };
    let usd_per_hour = order.price.as_ref().map(|price| price.usd_per_hour);
    let conditions = Conditions {
        workers: workers(&terms, count),
        share,
        usd_per_hour,
        machine_seconds: spent(&plan, &known),
        limits,
    };
    let (budgets, places) = budgets(&plan, &rates);
    let (trials, rows) = trials(&plan, &known, &places, &rates, conditions.workers);
    let quote = Quote::new(budgets, &trials, &rates, &conditions);
    Ok(Quoted {
        name: plan.info.name.clone(),
        factors: daemon::factors(&order.spec, &plan),
        workers: conditions.workers,
        threads: slots.threads,
        share,
        usd_per_hour,
        source,
        rates,
        least: plan.trials.iter().filter(|trial| !trial.held).count() as u64,
        quote,
        trials: rows,
    })
}

/// The store, if there is one that can be read.
fn reader(global: &Global) -> Result<Option<Reader>, Failure> {
    match store::open_reader(&global.home) {
        Ok(reader) => Ok(Some(reader)),
        Err(StoreError::NothingHere(_)) => Ok(None),
        Err(error @ StoreError::Older { .. }) => {
            if global.output_mode == OutputMode::Cli {
                say(&format!("warning: which trials are done is not known: {error}"));
            }
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The plan that a scheduler would make now.
fn planned(order: &Order, (threads, share): (u32, f64), reader: Option<&Reader>) -> Result<Plan, Failure> {
    let Order { file, text, spec, facts, price } = order;
    let usd_per_hour = price.as_ref().map(|price| price.usd_per_hour);
    let machine = Machine { threads, share, usd_per_hour };
    let finished = reader.map_or(Ok(0), |reader| reader.finished(&spec.name, text))?;
    let plan = plan::plan(spec, text, facts, machine, Some(finished));
    Ok(plan.map_err(|error| SpecError::at(file, text, error.at(), error.to_string(), error.hint()))?)
}

/// What a worker takes of the machine.
fn share(terms: &Terms, gpus: usize) -> f64 {
    match terms.need.gpu {
        Some(gpu) => f64::from(gpu.share) / f64::from(WHOLE) / gpus.max(1) as f64,
        None => Pool::new(device::cores(), Vec::new()).share(&terms.need),
    }
}

/// As many as there can be at one time.
fn workers(terms: &Terms, gpus: usize) -> u32 {
    let Some(gpu) = terms.need.gpu else { return terms.max_workers };
    let on_gpus = u32::try_from(gpus).unwrap_or(u32::MAX).saturating_mul(WHOLE / gpu.share.max(1));
    terms.max_workers.min(on_gpus)
}

/// Machine seconds of attempts at these trials.
fn spent(plan: &Plan, known: &[Option<KnownTrial>]) -> f64 {
    let by_key: HashMap<&str, f64> = plan
        .trials
        .iter()
        .zip(known)
        .filter_map(|(trial, known)| Some((trial.key.as_str(), known.as_ref()?.machine_seconds)))
        .collect();
    by_key.values().sum()
}

/// The budgets, smallest first, and the place of each by its steps.
fn budgets(plan: &Plan, rates: &Rates) -> (Vec<QuotedBudget>, BTreeMap<u64, usize>) {
    let by_steps: BTreeMap<u64, &PlannedTrial> =
        plan.trials.iter().map(|trial| (trial.steps, trial)).collect();
    let budget = |(steps, trial): (&u64, &&PlannedTrial)| QuotedBudget {
        name: trial.budget.clone(),
        steps: *steps,
        whole: demand(plan, trial, rates, 0),
    };
    let budgets = by_steps.iter().map(budget).collect();
    (budgets, by_steps.keys().enumerate().map(|(place, steps)| (*steps, place)).collect())
}

/// What is left of each trial.
fn trials(
    plan: &Plan,
    known: &[Option<KnownTrial>],
    places: &BTreeMap<u64, usize>,
    rates: &Rates,
    workers: u32,
) -> (Vec<QuotedTrial>, Vec<TrialRow>) {
    let switching = switching(plan);
    let mut seen: HashSet<&str> = HashSet::new();
    let mut whole: HashMap<*const Recipe, Demand> = HashMap::new();
    let (mut trials, mut rows, mut open) = (Vec::new(), Vec::new(), 0_u32);
    for (trial, known) in plan.trials.iter().zip(known) {
        let is_new = seen.insert(&trial.key);
        let status = known.as_ref().map_or("new", |known| &known.status);
        let stage = match status {
            "done" | "diverged" => Stage::Done,
            _ if !is_new => Stage::Repeated,
            _ => {
                let from = known.as_ref().map_or(0, |known| known.checkpoint);
                let left = match from {
                    0 => *whole
                        .entry(Arc::as_ptr(&trial.recipe))
                        .or_insert_with(|| demand(plan, trial, rates, 0)),
                    _ => demand(plan, trial, rates, from),
                };
                let load = if open < workers { 1.0 } else { switching };
                open = open.saturating_add(1);
                Stage::Open { steps: trial.steps.saturating_sub(from), left: left.with(Part::Load, load) }
            }
        };
        let status = if stage == Stage::Repeated { "repeated" } else { status };
        trials.push(QuotedTrial { budget: places[&trial.steps], stage });
        rows.push(TrialRow {
            schedule: trial.schedule.clone(),
            budget: trial.budget.clone(),
            steps: trial.steps,
            settings: trial.settings.clone(),
            seed: trial.seed,
            status: status.to_owned(),
            key: trial.key.clone(),
        });
    }
    (trials, rows)
}

/// What a trial takes from step `from` on, by a worker that has loaded model and data.
fn demand(plan: &Plan, trial: &PlannedTrial, rates: &Rates, from: u64) -> Demand {
    let Some(facts) = &plan.info.facts else { return Demand::default() };
    let effort = plan::effort(&trial.task, trial.steps, &trial.course(), facts, from);
    let step_seconds = rates.get(Part::Step).map_or(0.0, |rate| rate.each);
    Demand::default()
        .with(Part::Start, 1.0)
        .with(Part::Step, effort.steps as f64)
        .with(Part::Evaluation, effort.batches as f64)
        .with(Part::Checkpoint, effort.checkpoints(step_seconds) as f64)
        .with(Part::Weights, effort.weights as f64)
}

/// How often a worker's next trial is of another job than its last: that makes it load anew. Among k jobs in turn a worker
/// gets any of them next.
fn switching(plan: &Plan) -> f64 {
    let tasks = plan.tasks().into_iter().filter_map(|task| serde_json::to_string(task).ok());
    let distinct: HashSet<String> = tasks.collect();
    1.0 - 1.0 / distinct.len().max(1) as f64
}
