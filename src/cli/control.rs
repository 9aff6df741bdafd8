//! `cancel`, `pause`, `resume`, `retry`: change what is scheduled. Where nothing schedules the home, the store is
//! changed, and the next scheduler finds it so.

use std::process::ExitCode;

use super::{Failure, Global, OutputMode, ask, failure::print};
use crate::{
    daemon::{
        now, open_store,
        protocol::{Reply, Request},
    },
    engine::{Change, Over, Record, TrialId},
    process,
    store::SweepRow,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP")]
    sweep: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    sweep: Args,
    /// Stop what runs too, with a checkpoint; without, it may end
    #[arg(long)]
    stop: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct RetryArgs {
    /// Trials that failed
    #[arg(value_name = "TRIAL", required_unless_present = "failed", conflicts_with = "failed")]
    trials: Vec<TrialId>,
    /// All that failed
    #[arg(long)]
    failed: bool,
    /// Of this sweep: `last`, a number, or a name
    #[arg(long, value_name = "SWEEP", default_value = "last")]
    sweep: String,
}

pub(super) fn cancel(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let sweep = ask::find(global, &args.sweep)?;
    let change = |by| Change::Over(Over::Cancelled { by });
    request(global, &sweep, Request::Cancel { sweep: sweep.sweep }, change, "is cancelled")
}

pub(super) fn pause(global: &Global, args: &PauseArgs) -> Result<ExitCode, Failure> {
    let sweep = ask::find(global, &args.sweep.sweep)?;
    let asked = Request::Pause { sweep: sweep.sweep, stop: args.stop };
    request(global, &sweep, asked, |by| Change::Paused { by }, "is paused")
}

pub(super) fn resume(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let sweep = ask::find(global, &args.sweep)?;
    let asked = Request::Resume { sweep: sweep.sweep };
    request(global, &sweep, asked, |by| Change::Resumed { by }, "goes on with the next scheduler")
}

pub(super) fn retry(global: &Global, args: &RetryArgs) -> Result<ExitCode, Failure> {
    let sweep = ask::find(global, &args.sweep)?.sweep;
    let trials = (!args.failed).then(|| args.trials.clone());
    if let Some(client) = ask::scheduler(&global.home)? {
        return done(global, ask::answer(client, Request::Retry { sweep, trials })?);
    }
    let retried = open_store(&global.home)?.retry(sweep, trials.as_deref(), now())?;
    let message = match retried {
        0 => "nothing to try again: no trial of it has failed".to_owned(),
        1 => format!("1 trial of sweep {sweep} waits for the next scheduler"),
        _ => format!("{retried} trials of sweep {sweep} wait for the next scheduler"),
    };
    done(global, Reply::Done { message })
}

fn request(
    global: &Global,
    sweep: &SweepRow,
    request: Request,
    change: impl FnOnce(String) -> Change,
    what: &str,
) -> Result<ExitCode, Failure> {
    if let Some(client) = ask::scheduler(&global.home)? {
        return done(global, ask::answer(client, request)?);
    }
    let id = sweep.sweep;
    if !matches!(sweep.state.as_str(), "open" | "paused") {
        let reason = sweep.state_reason.as_deref().unwrap_or("every trial has ended");
        return Err(Failure::usage(format!("sweep {id} is over: {reason}"))
            .hint("running its spec again goes on where it was"));
    }
    let by = process::user_name(process::user());
    let record = Record::SweepChanged { sweep: id, change: change(by), at: now() };
    let mut store = open_store(&global.home)?;
    store.apply(&[record])?;
    store.sync()?;
    done(global, Reply::Done { message: format!("sweep {id} {what}") })
}

fn done(global: &Global, reply: Reply) -> Result<ExitCode, Failure> {
    let Reply::Done { message } = reply else { return Err(ask::unexpected()) };
    match global.output_mode {
        OutputMode::Cli => print(&format!("{message}\n"))?,
        OutputMode::Json => {
            print(&format!("{:#}\n", serde_json::json!({"version": 1, "message": message})))?;
        }
        OutputMode::Quiet => {}
    }
    Ok(ExitCode::SUCCESS)
}
