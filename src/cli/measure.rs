//! What has to be measured before a plan can be made: curvature for `phi: auto`, the time of a step for budgets in time or
//! money. It is measured once; the store keeps it with the facts of the sweeps that were planned from it.

use std::{io::IsTerminal, path::Path};

use indicatif::ProgressBar;
use sweep_wire::{Curvature, Facts, Job, Measured};

use super::{
    Failure, Global, OutputMode,
    consult::{explained, scratch_log, worker_command},
    failure::say,
    progress::waiting,
};
use crate::{
    device::CpuSlots,
    executor, plan,
    spec::{Budget, Listed, Spec, Work},
    store::{self, StoreError},
};

/// Adds to the facts what this spec needs, from the store or by measuring.
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
    let job = plan::base_job(model, slots.threads);
    let key = plan::measured_key(&job, facts, slots.workers);
    let known = match store::open_reader(&global.home) {
        Ok(_) if again => None,
        Ok(reader) => reader.measured(&key)?,
        // There is none yet, or one from before there were measurements.
        Err(StoreError::NothingHere(_) | StoreError::Older { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let mut measured = known.unwrap_or(Measured { key, curvature: None, step_seconds: None });
    let loud = global.output_mode == OutputMode::Cli;
    if steep && measured.curvature.is_none() {
        measured.curvature = Some(curvature(&job, text, file, loud).await?);
    }
    if paced && measured.step_seconds.is_none() {
        let seconds = pace(&job, text, file, slots.workers, loud).await?;
        if loud {
            let step = seconds * 1e3;
            say(&format!(
                "a step takes {step:.3} ms; `--measure-again` measures it anew, should the machine have been busy"
            ));
        }
        measured.step_seconds = Some(seconds);
    }
    // What this spec does not need would make other facts of the same plan.
    facts.measured = Some(Measured {
        curvature: measured.curvature.filter(|_| steep),
        step_seconds: measured.step_seconds.filter(|_| paced),
        ..measured
    });
    Ok(())
}

async fn curvature(job: &Job, text: &str, file: &Path, loud: bool) -> Result<Curvature, Failure> {
    let what = "measuring the model's curvature for `phi: auto`";
    let bar = bar(what, loud);
    let log = scratch_log("curvature");
    let mut told = |done: u32, of: u32| bar.set_message(format!("{what}: {done} of {of}"));
    let answer = executor::curvature(&worker_command()?, &log, job.clone(), &mut told).await;
    bar.finish_and_clear();
    explained(answer, &log, text, file)
}

/// The mean over as many workers as will share the machine, all at it at once.
async fn pace(job: &Job, text: &str, file: &Path, workers: u32, loud: bool) -> Result<f64, Failure> {
    let bar = bar("measuring the time of a step, with all workers at work", loud);
    let command = worker_command()?;
    let mut all = tokio::task::JoinSet::new();
    for worker in 0..workers {
        let (command, job) = (command.clone(), job.clone());
        all.spawn(async move {
            let log = scratch_log(&format!("pace-{worker}"));
            let answer = executor::pace(&command, &log, job).await;
            (answer, log)
        });
    }
    let answers = all.join_all().await;
    bar.finish_and_clear();
    let mut total = 0.0;
    for (answer, log) in answers {
        total += explained(answer, &log, text, file)?;
    }
    Ok(total / f64::from(workers))
}

/// A bar on a terminal; elsewhere a line that says what is done.
fn bar(what: &str, loud: bool) -> ProgressBar {
    if loud && !std::io::stderr().is_terminal() {
        say(what);
    }
    waiting(what, loud)
}
