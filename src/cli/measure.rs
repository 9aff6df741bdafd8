//! What has to be measured before a plan can be made: curvature for `phi: auto`, the time of a step for budgets in time or
//! money; and what a quote is made from. It is measured once: the store keeps it with the facts of the sweeps that were
//! planned from it, and a file in the home folder does before.

use std::{io::IsTerminal, path::Path};

use indicatif::ProgressBar;
use sweep_wire::{Curvature, Facts, Job, Measured, Pace};

use super::{
    Failure, Global, OutputMode,
    calibration::{self, Calibration, Paced, Scratch},
    consult::{explained, scratch_log, worker_for},
    failure::say,
    progress::waiting,
};
use crate::{
    daemon,
    device::{self, CpuSlots, Gpus, Machine},
    executor::{self, VISIBLE_GPUS},
    plan,
    process::{Limits, Setup},
    spec::{Budget, Listed, Spec, Work},
    store::{self, StoreError},
};

/// Adds to the facts what this spec needs, from the store or the home folder or by measuring.
pub(super) async fn complete(
    facts: &mut Facts,
    global: &Global,
    (spec, text, file): (&Spec, &str, &Path),
    slots: CpuSlots,
    again: bool,
) -> Result<(), Failure> {
    let Work::Model(model) = &spec.work else { return Ok(()) };
    let is_auto = |listed: &Listed| matches!(listed, Listed::UbaAuto { .. });
    let is_timed = |budget: &Budget| matches!(budget, Budget::Time(_) | Budget::Money(_));
    let (steep, paced) = (spec.schedules.iter().any(is_auto), spec.budgets.iter().any(is_timed));
    if !steep && !paced {
        return Ok(());
    }
    let job = plan::base_job(model, slots.threads, facts.device);
    let key = plan::measured_key(&job, facts, slots.workers);
    let (mut curvature, mut step_seconds) = (None, None);
    let mut kept = calibration::read(&global.home, &key);
    if !again {
        let known = known(&global.home, &key)?;
        // What sweeps were planned from comes first.
        curvature = known.as_ref().and_then(|known| known.curvature).or(kept.curvature);
        step_seconds = known
            .and_then(|known| known.step_seconds)
            .or_else(|| kept.pace.as_ref().map(Paced::step_seconds));
    }
    if steep && curvature.is_none() {
        curvature = Some(measure_curvature(global, &job, text, file).await?);
        kept.curvature = curvature;
        keep(global, &key, &kept);
    }
    if paced && step_seconds.is_none() {
        let measured = measure_pace(global, &job, (spec, text, file), slots, PACE).await?;
        let step = measured.step_seconds();
        if global.output_mode == OutputMode::Cli {
            say(&format!(
                "a step takes {:.3} ms; `--measure-again` measures it anew, should the machine have been busy",
                step * 1e3
            ));
        }
        (step_seconds, kept.pace) = (Some(step), Some(measured));
        keep(global, &key, &kept);
    }
    // What this spec does not need would make other facts of the same plan.
    facts.measured = Some(Measured {
        key,
        curvature: curvature.filter(|_| steep),
        step_seconds: step_seconds.filter(|_| paced),
    });
    Ok(())
}

/// How long the parts of a trial of this job take, from the home folder or measured now.
pub(super) async fn calibrated(
    global: &Global,
    (job, facts): (&Job, &Facts),
    (spec, text, file): (&Spec, &str, &Path),
    slots: CpuSlots,
    again: bool,
) -> Result<Paced, Failure> {
    let key = plan::measured_key(job, facts, slots.workers);
    let mut kept = calibration::read(&global.home, &key);
    if let Some(paced) = kept.pace.clone().filter(|_| !again) {
        return Ok(paced);
    }
    let paced = measure_pace(global, job, (spec, text, file), slots, PACE).await?;
    kept.pace = Some(paced.clone());
    keep(global, &key, &kept);
    Ok(paced)
}

/// What sweeps in the store were planned from.
fn known(home: &Path, key: &str) -> Result<Option<Measured>, Failure> {
    match store::open_reader(home) {
        Ok(reader) => Ok(reader.measured(key)?),
        // There is none yet, or one from before there were measurements.
        Err(StoreError::NothingHere(_) | StoreError::Older { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A home that cannot be written costs the next command the time to measure it again, no more.
pub(super) fn keep(global: &Global, key: &str, calibration: &Calibration) {
    if let Err(error) = calibration::write(&global.home, key, calibration)
        && global.output_mode == OutputMode::Cli
    {
        say(&format!("warning: what was measured is not kept: `{}`: {error}", global.home.display()));
    }
}

async fn measure_curvature(
    global: &Global,
    job: &Job,
    text: &str,
    file: &Path,
) -> Result<Curvature, Failure> {
    let what = "measuring the model's curvature for `phi: auto`";
    let bar = bar(what, global);
    let log = scratch_log("curvature");
    let mut told = |done: u32, of: u32| bar.set_message(format!("{what}: {done} of {of}"));
    let answer = executor::curvature(&worker_for(job.device)?, &log, job.clone(), &mut told).await;
    bar.finish_and_clear();
    explained(answer, &log, text, file)
}

/// What is timed, and what is said meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed<'a> {
    pub(super) what: &'a str,
    /// Whether all else of a trial is timed besides steps.
    pub(super) whole: bool,
}

const PACE: Timed<'static> = Timed {
    what: "measuring the time of a step and all else of a trial: some seconds, 90 at most unless steps are slow",
    whole: true,
};

/// The parts of a trial in as many workers as will share the machine, all at it at once.
pub(super) async fn measure_pace(
    global: &Global,
    job: &Job,
    (spec, text, file): (&Spec, &str, &Path),
    slots: CpuSlots,
    Timed { what, whole }: Timed<'_>,
) -> Result<Paced, Failure> {
    let bar = bar(what, global);
    let load = Machine::load();
    let command = worker_for(job.device)?;
    let gpus = if job.device.is_cpu() { Vec::new() } else { Gpus::open().read() };
    let scratch = Scratch::new(&global.home);
    let mut all = tokio::task::JoinSet::new();
    for (worker, limits) in limits(global, spec, slots).into_iter().enumerate() {
        let (command, job, bar, what) = (command.clone(), job.clone(), bar.clone(), what.to_owned());
        let folder = scratch.path().join(worker.to_string());
        // A worker is told a path that holds wherever it runs.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let gpu = gpus.get(worker % gpus.len().max(1));
        let environment = gpu.map(|gpu| (VISIBLE_GPUS.to_owned(), gpu.uuid.clone().into()));
        let environment = environment.into_iter().collect();
        all.spawn(async move {
            let log = scratch_log(&format!("pace-{worker}"));
            let setup = Setup { log: log.clone(), environment, limits };
            let mut told = |done, of| bar.set_message(format!("{what}: {done} of {of}"));
            let answer = executor::pace(&command, &setup, job, whole.then_some(folder), &mut told).await;
            (answer, log)
        });
    }
    let answers = all.join_all().await;
    bar.finish_and_clear();
    let mut parts = Pace::default();
    for (answer, log) in answers {
        let Pace { loads, starts, steps, evaluations, checkpoints, weights } =
            explained(answer, &log, text, file)?;
        parts.loads.extend(loads);
        parts.starts.extend(starts);
        parts.steps.extend(steps);
        parts.evaluations.extend(evaluations);
        parts.checkpoints.extend(checkpoints);
        parts.weights.extend(weights);
    }
    Ok(Paced { measured_at: daemon::now().unsigned_abs(), load, parts })
}

/// What each worker would be held to in a sweep: on cores of its own, where there are enough that no other home's scheduler
/// has.
fn limits(global: &Global, spec: &Spec, slots: CpuSlots) -> Vec<Limits> {
    let allowed = device::allowed_cores();
    let ours = store::holder(&global.home).ok().flatten().and_then(|holder| holder.pid);
    let claimed = device::claimed_by_others(&allowed).unwrap_or_default();
    let is_taken =
        |core: &u32| claimed.iter().any(|(other, by)| other == core && (by.is_none() || *by != ours));
    let mut free = allowed.into_iter().filter(|core| !is_taken(core));
    let whole = slots.whole_cores(device::cores()).filter(|_| spec.resources.pin);
    let limits = |_| {
        let cores: Vec<u32> = free.by_ref().take(whole.unwrap_or(0) as usize).collect();
        let pins = whole == Some(cores.len() as u32);
        Limits {
            cores: if pins { cores } else { Vec::new() },
            nice: i32::from(spec.resources.nice),
            memory: spec.resources.memory,
        }
    };
    (0..slots.workers).map(limits).collect()
}

/// A bar on a terminal; elsewhere a line that says what is done.
fn bar(what: &str, global: &Global) -> ProgressBar {
    let loud = global.output_mode == OutputMode::Cli;
    if loud && !std::io::stderr().is_terminal() {
        say(what);
    }
    waiting(what, loud)
}
