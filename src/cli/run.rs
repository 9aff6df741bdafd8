//! `sweep run SPEC`: plan, train what has no result yet, print the answer.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use sweep_trainer::runtime;
use sweep_wire::Facts;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{Failure, Global, OutputMode, failure::say, inputs, progress::Progress, results};
use crate::{
    daemon::{Scheduler, now},
    device::{CpuSlots, cores, cpu_slots},
    engine::{Drain, Policy, TrialId},
    executor::{self, InspectError},
    plan::{self, Plan, PlannedTrial},
    process,
    report::seconds,
    spec::{self, Spec, SpecError, Work},
    store::{Store, TrialStatus},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The sweep's YAML file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
}

/// Exit codes beside success: 100 some trials failed, 130 interrupted.
const SOME_FAILED: u8 = 100;
const INTERRUPTED: u8 = 130;

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let text = read_spec(&args.spec)?;
    let mut spec = spec::parse(&text, &args.spec)?;
    let slots = cpu_slots(cores(), spec.resources.workers, spec.resources.threads);
    if spec.program().is_none() {
        runtime::ensure(&mut |line| say(line)).map_err(super::runtime::failure)?;
    }
    let executable = std::env::current_exe()
        .map_err(|error| Failure::internal(format!("cannot find this executable: {error}")))?;
    let command = vec![executable.into_os_string(), "worker".into()];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let mut interrupts = interrupts()?;
        let facts = tokio::select! {
            facts = inspect(&command, &spec, &text, &args.spec, slots) => facts?,
            Some(()) = interrupts.recv() => return Ok(ExitCode::from(INTERRUPTED)),
        };
        let loud = global.output_mode == OutputMode::Cli;
        for warning in facts.warnings.iter().filter(|_| loud) {
            say(&format!("warning: {warning}"));
        }
        make_absolute(&mut spec.work);
        // Nobody knows what an unlisted file holds, so each run of such a program is new.
        let nonce = u64::try_from(now()).ok();
        let plan = plan::plan(&spec, &text, &facts, slots.threads, nonce)
            .map_err(|error| SpecError::at(&args.spec, &text, error.at(), error.to_string(), error.hint()))?;
        let mut store = Store::open_writer_on(&global.home, process::file_system)?;
        let submission = store.submit(&plan.info, &plan.trials, now())?;
        let todo = todo(&plan, &submission.trials);
        if loud {
            say(&headline(&spec, &plan, &todo, slots));
        }
        let mut drain = None;
        if !todo.is_empty() {
            let workers = slots.workers.min(u32::try_from(todo.len()).unwrap_or(u32::MAX));
            let policy = Policy {
                max_retries: spec.retry.max,
                max_checkpoints: spec.checkpoint.keep as usize,
                ..Policy::default()
            };
            let scheduler = Scheduler::new(store, &global.home, command, policy, workers, facts.contents)?;
            drain = Some(train(scheduler, workers, loud, interrupts, todo).await?);
        }
        finish(global, submission.sweep, drain, started)
    })
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

/// Trials name their model, and programs their folder, wherever they are asked for later.
fn make_absolute(work: &mut Work) {
    let path = match work {
        Work::Model(model) => &mut model.model.onnx,
        Work::Program(program) => &mut program.folder,
    };
    // The folder of a spec here is empty, which is no path.
    let named = if path.as_os_str().is_empty() { Path::new(".") } else { path.as_path() };
    if let Ok(absolute) = std::path::absolute(named) {
        *path = absolute;
    }
}

/// Has a worker look at model and data, or looks at a program's files; what is wrong is shown at its place in the
/// spec.
async fn inspect(
    command: &[OsString],
    spec: &Spec,
    text: &str,
    file: &Path,
    slots: CpuSlots,
) -> Result<Facts, Failure> {
    let model = match &spec.work {
        Work::Model(model) => model,
        Work::Program(program) => return Ok(plan::program_facts(inputs::hash(program, text, file)?)),
    };
    let log = std::env::temp_dir().join(format!("sweep-inspect-{}.log", std::process::id()));
    let answer = executor::inspect(command, &log, plan::base_job(model, slots.threads)).await;
    let said = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(&log); // it may not exist
    answer.map_err(|error| match error {
        InspectError::Rejected(rejection) => {
            SpecError::at(file, text, &rejection.at, rejection.message, rejection.hint).into()
        }
        error @ InspectError::Worker(_) => {
            let last: Vec<_> = said.lines().rev().take(5).collect();
            let failure = Failure::internal(error);
            match last.is_empty() {
                true => failure,
                false => failure
                    .hint(format!("it said: {}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))),
            }
        }
    })
}

/// What has no result yet, each trial once, in the plan's order.
fn todo(plan: &Plan, submitted: &[(TrialId, TrialStatus)]) -> Vec<(TrialId, PlannedTrial)> {
    let mut seen = std::collections::HashSet::new();
    let waiting = submitted.iter().zip(&plan.trials).filter(|((id, status), _)| {
        !matches!(status, TrialStatus::Done | TrialStatus::Diverged) && seen.insert(*id)
    });
    waiting.map(|((id, _), trial)| (*id, trial.clone())).collect()
}

fn headline(spec: &Spec, plan: &Plan, todo: &[(TrialId, PlannedTrial)], slots: CpuSlots) -> String {
    let count = |number: usize, name: &str| match number {
        1 => format!("1 {name}"),
        _ => format!("{number} {name}s"),
    };
    let mut factors = vec![
        count(spec.schedules.len(), "schedule"),
        count(spec.budgets.len(), "budget"),
        count(spec.seeds as usize, "seed"),
    ];
    let settings = plan.trials.len() / (spec.schedules.len() * spec.budgets.len() * spec.seeds as usize);
    if settings > 1 {
        factors.insert(2, count(settings, "setting"));
    }
    let steps: u64 = todo.iter().map(|(_, trial)| trial.steps).sum();
    let reused = plan.trials.len() - todo.len();
    let work = match (todo.len(), reused) {
        (0, _) => "all have results, nothing to train".to_owned(),
        (_, 0) => format!("{steps} steps"),
        (left, reused) => format!("{reused} have results, {left} to train, {steps} steps"),
    };
    let place = match todo.is_empty() {
        true => String::new(),
        false => {
            let workers = count(slots.workers as usize, "worker");
            format!("\n{workers} of {}", count(slots.threads as usize, "thread"))
        }
    };
    format!(
        "{}: {} ({}), {work}{place}",
        plan.info.name,
        count(plan.trials.len(), "trial"),
        factors.join(" × ")
    )
}

/// Trains, showing how far it is; gives back how the scheduler ended.
async fn train(
    scheduler: Scheduler,
    workers: u32,
    loud: bool,
    interrupts: mpsc::Receiver<()>,
    todo: Vec<(TrialId, PlannedTrial)>,
) -> Result<Drain, Failure> {
    let label = |trial: &PlannedTrial| format!("{} · {} · seed {}", trial.schedule, trial.budget, trial.seed);
    let labels: HashMap<_, _> = todo.iter().map(|(id, trial)| (*id, (label(trial), trial.steps))).collect();
    let mut progress = Progress::new(labels, workers, !loud);
    let ended = scheduler.run(todo, interrupts, &mut |state, told| progress.show(state, told)).await;
    progress.finish();
    let (state, _store) = ended?;
    Ok(state.drain)
}

/// One message for each SIGINT, SIGTERM or SIGHUP.
fn interrupts() -> Result<mpsc::Receiver<()>, Failure> {
    let (tell, interrupts) = mpsc::channel(8);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals =
            signal(kind).map_err(|error| Failure::internal(format!("cannot handle signals: {error}")))?;
        let tell = tell.clone();
        tokio::spawn(async move { while signals.recv().await.is_some() && tell.send(()).await.is_ok() {} });
    }
    Ok(interrupts)
}

/// The answer, and the exit code that goes with it.
fn finish(global: &Global, sweep: i64, drain: Option<Drain>, started: Instant) -> Result<ExitCode, Failure> {
    let failed = results::print_sweep(global, sweep)?;
    let logs = global.home.join("logs");
    match drain {
        Some(Drain::Broken { reason }) => {
            Err(Failure::internal(reason).hint(format!("what workers printed is in {}", logs.display())))
        }
        Some(Drain::NoNewTrials | Drain::Stop) => {
            say("interrupted; the same command goes on where this stopped");
            Ok(ExitCode::from(INTERRUPTED))
        }
        _ => {
            if global.output_mode == OutputMode::Cli {
                say(&format!("finished in {}", seconds(started.elapsed().as_secs_f64())));
            }
            Ok(ExitCode::from(if failed > 0 { SOME_FAILED } else { 0 }))
        }
    }
}
