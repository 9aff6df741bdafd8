//! What `run` and `submit` share: a spec is read, its model and data are looked at, and what is wrong is said before
//! anything is written.

use std::{fs, path::Path};

use sweep_trainer::runtime;
use sweep_wire::Facts;

use super::{
    Failure, Global, OutputMode,
    consult::{explained, scratch_log, worker_command},
    failure::say,
    inputs, measure, price,
};
use crate::{
    daemon::{Order, protocol::Accepted},
    device::{CpuSlots, cores, cpu_slots},
    executor,
    plan::{self, Machine, PlanError},
    spec::{self, Spec, SpecError, Work},
};

/// Whether measurements that are there count.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Again {
    /// Measure anew what `phi: auto` and budgets in time or money were made from; other steps are other trials
    #[arg(long)]
    pub(super) measure_again: bool,
}

/// Reads a spec and what it names; warnings are said. What has to be measured is measured `again` or taken from the store.
pub(super) async fn order(global: &Global, path: &Path, again: bool) -> Result<Order, Failure> {
    let text = read_spec(path)?;
    let spec = spec::parse(&text, path)?;
    if spec.program().is_none() {
        runtime::ensure(&mut |line| say(line)).map_err(super::runtime::failure)?;
    }
    let slots = cpu_slots(cores(), spec.resources.workers, spec.resources.threads);
    let mut facts = inspect(&spec, &text, path, slots).await?;
    // What does not go together is said before there is anything to clean up, and before anything is measured.
    let price = price::of(&spec, &text, path, global.output_mode == OutputMode::Cli)?;
    let usd_per_hour = price.as_ref().map(|price| price.usd_per_hour);
    let machine = Machine { threads: slots.threads, share: slots.share(cores()), usd_per_hour };
    let wrong = |error: PlanError| SpecError::at(path, &text, error.at(), error.to_string(), error.hint());
    match plan::check(&spec, &text, &facts, machine) {
        Err(PlanError::NotMeasured { .. }) | Ok(()) => {}
        Err(error) => return Err(wrong(error).into()),
    }
    measure::complete(&mut facts, global, (&spec, &text, path), slots, again).await?;
    let odd = plan::warnings(&spec, &text, &facts, machine).map_err(wrong)?;
    if global.output_mode == OutputMode::Cli {
        facts.warnings.iter().chain(&odd).for_each(|warning| say(&format!("warning: {warning}")));
    }
    Ok(Order { file: path.to_owned(), text, spec, facts, price })
}

pub(super) fn read_spec(path: &Path) -> Result<String, Failure> {
    let unreadable = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let metadata = fs::metadata(path).map_err(|error| unreadable(format!("cannot be opened: {error}")))?;
    if !metadata.is_file() {
        return Err(unreadable("is not a file".to_owned()));
    }
    if metadata.len() > spec::MAX_BYTES as u64 {
        return Err(unreadable(format!(
            "is larger than {} MiB, the most a spec can be",
            spec::MAX_BYTES >> 20
        )));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| unreadable("is not UTF-8 text".to_owned()))
}

/// Has a worker look at model and data, or looks at a program's files; what is wrong is shown at its place in the
/// spec.
async fn inspect(spec: &Spec, text: &str, file: &Path, slots: CpuSlots) -> Result<Facts, Failure> {
    let model = match &spec.work {
        Work::Model(model) => model,
        Work::Program(program) => return Ok(plan::program_facts(inputs::hash(program, text, file)?)),
    };
    let log = scratch_log("inspect");
    let answer = executor::inspect(&worker_command()?, &log, plan::base_job(model, slots.threads)).await;
    explained(answer, &log, text, file)
}

/// What there is to do, in one or two lines.
pub(super) fn headline(accepted: &Accepted) -> String {
    let count = |number: usize, name: &str| match number {
        1 => format!("1 {name}"),
        _ => format!("{number} {name}s"),
    };
    let Accepted { name, trials, factors, left, steps, workers, threads, .. } = accepted;
    let work = match (*left, trials - left.min(trials)) {
        (0, _) => "all have results, nothing to train".to_owned(),
        (_, 0) => format!("{steps} steps"),
        (left, reused) => format!("{reused} have results, {left} to train, {steps} steps"),
    };
    let place = match (*left, *workers) {
        (0, _) => String::new(),
        // As many as the GPUs take.
        (_, u32::MAX) => String::new(),
        (_, workers) => {
            format!("\n{} of {}", count(workers as usize, "worker"), count(*threads as usize, "thread"))
        }
    };
    format!("{name}: {} ({factors}), {work}{place}", count(*trials, "trial"))
}
