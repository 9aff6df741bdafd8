//! `sweep run SPEC`: plan, train what has no result yet, print the answer. With a daemon on this home it does the work;
//! without, this process is the scheduler, through the same code.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    Failure, Global, OutputMode,
    ask::{self, Watched},
    consult,
    failure::say,
    prepare,
    progress::{Progress, waiting},
    results,
};
use crate::{
    daemon::{Client, Order, Scheduler, Setup, Signal, View, protocol::Snapshot},
    device::{CoreClaims, Gpus, allowed_cores},
    engine::{Over, Policy, SweepId},
    report::seconds,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The sweep's YAML file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    #[command(flatten)]
    again: prepare::Again,
}

/// Exit codes beside success: 100 some trials failed, 101 still running, 103 cancelled, 104 a limit was reached,
/// 130 interrupted.
pub(super) const SOME_FAILED: u8 = 100;
pub(super) const STILL_RUNNING: u8 = 101;
pub(super) const CANCELLED: u8 = 103;
pub(super) const LIMIT_REACHED: u8 = 104;
const INTERRUPTED: u8 = 130;

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let claims = CoreClaims::take(&allowed_cores());
    let runtime = event_loop()?;
    runtime.block_on(async {
        let mut signals = signals()?;
        let order = tokio::select! {
            order = prepare::order(global, &args.spec, args.again.measure_again) => order?,
            Some(_) = signals.recv() => return Ok(ExitCode::from(INTERRUPTED)),
        };
        let daemon = ask::daemon(global)?;
        match daemon {
            Some(daemon) => follow(global, daemon, order, signals, started).await,
            None => schedule(global, order, signals, &claims, started).await,
        }
    })
}

pub(super) fn event_loop() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(|error| Failure::internal(format!("cannot start: {error}")))
}

/// What this machine gives a scheduler.
pub(super) fn setup(global: &Global, daemon: bool, claims: &CoreClaims) -> Result<Setup, Failure> {
    let idle_ms = if daemon { 60_000 } else { 0 };
    Ok(Setup {
        home: global.home.clone(),
        worker: consult::worker_command()?,
        policy: Policy { idle_ms, ..Policy::default() },
        cores: crate::device::cores(),
        pinnable: claims.held().to_vec(),
        gpus: Gpus::open(),
        daemon,
    })
}

/// This process is the scheduler of this one sweep.
async fn schedule(
    global: &Global,
    order: Order,
    signals: mpsc::Receiver<Signal>,
    claims: &CoreClaims,
    started: Instant,
) -> Result<ExitCode, Failure> {
    let loud = global.output_mode == OutputMode::Cli;
    let mut scheduler = Scheduler::open(setup(global, false, claims)?)?;
    let bar = waiting("solving robust schedules", loud);
    order.spec.solve();
    bar.finish_and_clear();
    let (accepted, event) = scheduler.submit(order)?;
    if loud {
        say(&prepare::headline(&accepted));
    }
    let mut progress = Progress::new(!loud);
    let sweep = accepted.sweep;
    let mut show = |view: View<'_>| {
        match view.snapshot {
            Some(snapshot) => progress.show(&Snapshot { told: view.told.to_vec(), ..snapshot }),
            None => view.told.iter().for_each(|line| progress.tell(line)),
        };
    };
    let ended = scheduler.run(vec![event], signals, Some(sweep), &mut show).await;
    progress.finish();
    let mut ended = ended?;
    finish(global, sweep, ended.over.remove(&sweep), started)
}

/// A daemon does the work; Ctrl-C leaves it at it.
async fn follow(
    global: &Global,
    daemon: Client,
    order: Order,
    mut signals: mpsc::Receiver<Signal>,
    started: Instant,
) -> Result<ExitCode, Failure> {
    let loud = global.output_mode == OutputMode::Cli;
    let accepted = ask::submit(daemon, order)?;
    let sweep = accepted.sweep;
    if loud {
        say(&prepare::headline(&accepted));
    }
    let (home, silent) = (global.home.clone(), !loud);
    let watching = tokio::task::spawn_blocking(move || ask::watch(&home, sweep, Progress::new(silent), None));
    let watched = tokio::select! {
        watched = watching => watched.map_err(Failure::internal)??,
        Some(_) = signals.recv() => {
            say(&format!(
                "the daemon goes on with sweep {sweep}; `sweep watch {sweep}` shows it, `sweep cancel {sweep}` ends it"
            ));
            // The watcher's thread waits for a line that nobody needs.
            std::process::exit(INTERRUPTED.into());
        }
    };
    match watched {
        Watched::Over(None) => {
            let failure = Failure::internal(format!("the daemon went away before sweep {sweep} was over"));
            Err(failure.hint("`sweep daemon start` goes on with it, and so does the same command"))
        }
        Watched::Over(over) => finish(global, sweep, over, started),
        Watched::TimedOut => Ok(ExitCode::from(STILL_RUNNING)),
    }
}

/// One message for each SIGINT, SIGTERM or SIGHUP.
fn signals() -> Result<mpsc::Receiver<Signal>, Failure> {
    signal_channel(&[
        (SignalKind::interrupt(), Signal::Interrupt),
        (SignalKind::terminate(), Signal::Interrupt),
        (SignalKind::hangup(), Signal::Interrupt),
    ])
}

/// Turns signals into messages.
pub(super) fn signal_channel(kinds: &[(SignalKind, Signal)]) -> Result<mpsc::Receiver<Signal>, Failure> {
    let (tell, told) = mpsc::channel(8);
    for (kind, meaning) in kinds.iter().copied() {
        let mut signals =
            signal(kind).map_err(|error| Failure::internal(format!("cannot handle signals: {error}")))?;
        let tell = tell.clone();
        tokio::spawn(
            async move { while signals.recv().await.is_some() && tell.send(meaning).await.is_ok() {} },
        );
    }
    Ok(told)
}

/// The answer, and the exit code that goes with it; `None` where the scheduler ended before the sweep.
fn finish(
    global: &Global,
    sweep: SweepId,
    over: Option<Over>,
    started: Instant,
) -> Result<ExitCode, Failure> {
    let failed = results::print_sweep(global, sweep)?;
    match over {
        None => {
            say("interrupted; the same command goes on where this stopped");
            Ok(ExitCode::from(INTERRUPTED))
        }
        Some(over) => {
            let code = end_of(global, &over, failed)?;
            if global.output_mode == OutputMode::Cli && over == Over::Done {
                say(&format!("finished in {}", seconds(started.elapsed().as_secs_f64())));
            }
            Ok(ExitCode::from(code))
        }
    }
}

/// The exit code of a sweep that is over; says why where it is not done.
pub(super) fn end_of(global: &Global, over: &Over, failed: u64) -> Result<u8, Failure> {
    match over {
        Over::Done => Ok(if failed > 0 { SOME_FAILED } else { 0 }),
        Over::Cancelled { .. } => {
            say(&over.to_string());
            Ok(CANCELLED)
        }
        Over::Limited { .. } => {
            say(&format!("{over}\n\nhint: raised, the same command goes on"));
            Ok(LIMIT_REACHED)
        }
        Over::Broken { reason } => {
            let logs = global.home.join("logs");
            Err(Failure::internal(reason).hint(format!("what workers printed is in {}", logs.display())))
        }
    }
}
