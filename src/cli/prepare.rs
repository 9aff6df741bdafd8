//! What `run` and `submit` share: a spec is read, its model and data are looked at, and what is wrong is said before
//! anything is written.

use std::{fs, path::Path};

use sweep_trainer::runtime;
use sweep_wire::{Device, Facts, Precision};

use super::{
    Failure, Global, OutputMode,
    consult::{explained, scratch_log, worker_for},
    division,
    failure::say,
    inputs, measure, price,
};
use crate::{
    daemon::{Order, divide, no_gpu, protocol::Accepted},
    device::{Gpus, cores},
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
    let gpus = Gpus::open();
    let device = device(&spec, &text, path, &gpus)?;
    if spec.program().is_none() && device.is_cpu() {
        runtime::ensure(&mut |line| say(line)).map_err(super::runtime::failure)?;
    }
    let mut facts = inspect(&spec, &text, path, device).await?;
    let on_gpus = (!device.is_cpu()).then(|| gpus.read().len());
    // What does not go together is said before there is anything to clean up, and before anything is measured.
    let price = price::of(&spec, &text, path, global.output_mode == OutputMode::Cli)?;
    let usd_per_hour = price.as_ref().map(|price| price.usd_per_hour);
    let (slots, share) = divide(&spec, &facts, cores(), on_gpus);
    let mut machine = Machine { threads: slots.threads, share, usd_per_hour };
    let wrong = |error: PlanError| SpecError::at(path, &text, error.at(), error.to_string(), error.hint());
    match plan::check(&spec, &text, &facts, machine) {
        Err(PlanError::NotMeasured { .. }) | Ok(()) => {}
        Err(error) => return Err(wrong(error).into()),
    }
    if division::complete(&mut facts, global, (&spec, &text, path), (machine, again)).await? {
        let (slots, share) = divide(&spec, &facts, cores(), on_gpus);
        machine = Machine { threads: slots.threads, share, usd_per_hour };
    }
    let slots = divide(&spec, &facts, cores(), on_gpus).0;
    measure::complete(&mut facts, global, (&spec, &text, path), slots, again).await?;
    let odd = plan::warnings(&spec, &text, &facts, machine).map_err(wrong)?;
    if global.output_mode == OutputMode::Cli {
        facts.warnings.iter().chain(&odd).for_each(|warning| say(&format!("warning: {warning}")));
    }
    Ok(Order { file: path.to_owned(), text, spec, facts, price })
}

/// What trains. `auto` looks whether there is a GPU and the CUDA build of ONNX Runtime, not whether they work: what somebody
/// installed for CUDA and cannot be used should not go unnoticed.
fn device(spec: &Spec, text: &str, file: &Path, gpus: &Gpus) -> Result<Device, Failure> {
    let Work::Model(model) = &spec.work else { return Ok(Device::Cpu) };
    let precision = model.updates.precision;
    let is_there = || !gpus.read().is_empty();
    let can_be_had = match spec.resources.device {
        spec::Device::Cpu => false,
        spec::Device::Auto => is_there() && runtime::cuda().is_ok(),
        spec::Device::Cuda => {
            if !is_there() {
                return Err(no_gpu(file, text, gpus).into());
            }
            runtime::cuda().map_err(super::runtime::failure)?;
            true
        }
    };
    if !can_be_had && precision == Precision::Tf32 {
        let message = "`tf32` is for GPUs, and this would be trained on processors".to_owned();
        let hint = "with `resources: {device: cuda}` it is said what CUDA lacks here".to_owned();
        return Err(SpecError::at(file, text, "training.precision", message, Some(hint)).into());
    }
    Ok(if can_be_had { Device::Cuda(precision) } else { Device::Cpu })
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
async fn inspect(spec: &Spec, text: &str, file: &Path, device: Device) -> Result<Facts, Failure> {
    let model = match &spec.work {
        Work::Model(model) => model,
        Work::Program(program) => return Ok(plan::program_facts(inputs::hash(program, text, file)?)),
    };
    let log = scratch_log("inspect");
    let job = plan::base_job(model, 1, device);
    let answer = executor::inspect(&worker_for(device)?, &log, job).await;
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
