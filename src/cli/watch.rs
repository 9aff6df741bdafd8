//! `sweep watch [SWEEP]` shows a sweep until it is over; `sweep wait [SWEEP]` only waits, and its exit code says how it
//! ended.

use std::{process::ExitCode, time::Instant};

use super::{
    Failure, Global, OutputMode,
    ask::{self, Watched},
    failure::say,
    progress::Progress,
    results,
    run::{CANCELLED, LIMIT_REACHED, SOME_FAILED, STILL_RUNNING, end_of},
};
use crate::{engine::Over, store::SweepRow};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct WaitArgs {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    /// Give up after this time, such as `30s`, `10min` or `2h`, with exit code 101
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<std::time::Duration>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let sweep = ask::find(global, &args.sweep)?;
    let silent = global.output_mode != OutputMode::Cli;
    let watched = ask::watch(&global.home, sweep.sweep, Progress::new(silent), None)?;
    let failed = results::print_sweep(global, sweep.sweep)?;
    end(global, &sweep, watched, failed)
}

pub(super) fn wait(global: &Global, args: &WaitArgs) -> Result<ExitCode, Failure> {
    let sweep = ask::find(global, &args.sweep)?;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let watched = ask::watch(&global.home, sweep.sweep, Progress::new(true), deadline)?;
    let failed = ask::find(global, &sweep.sweep.to_string())?.counts.failed;
    end(global, &sweep, watched, failed)
}

fn end(global: &Global, sweep: &SweepRow, watched: Watched, failed: u64) -> Result<ExitCode, Failure> {
    let over = match watched {
        Watched::Over(Some(over)) => return Ok(ExitCode::from(end_of(global, &over, failed)?)),
        Watched::TimedOut => {
            say(&format!("sweep {} still runs", sweep.sweep));
            return Ok(ExitCode::from(STILL_RUNNING));
        }
        Watched::Over(None) => ask::find(global, &sweep.sweep.to_string())?,
    };
    let reason = over.state_reason.clone().unwrap_or_default();
    let code = match over.state.as_str() {
        "done" => u8::from(failed > 0) * SOME_FAILED,
        "cancelled" => CANCELLED,
        "limited" => LIMIT_REACHED,
        "broken" => return end_of(global, &Over::Broken { reason }, failed).map(ExitCode::from),
        _ => {
            say(&format!("nothing schedules sweep {}; `sweep daemon start` goes on with it", sweep.sweep));
            STILL_RUNNING
        }
    };
    if matches!(code, CANCELLED | LIMIT_REACHED) {
        say(&reason);
    }
    Ok(ExitCode::from(code))
}
