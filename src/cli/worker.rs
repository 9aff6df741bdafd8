//! `sweep worker`: this executable as a worker. Not for people.

use std::{io, process::ExitCode};

use sweep_trainer::{Engine, Interrupt, run_worker, runtime};

use super::{Failure, failure::say};
use crate::{process, runner};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run programs instead of training models; needs no ONNX Runtime
    #[arg(long)]
    programs: bool,
    /// Train on a GPU, with the CUDA build of ONNX Runtime
    #[arg(long, conflicts_with = "programs")]
    cuda: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    if let Some(warning) = process::settle(args.programs).map_err(Failure::internal)? {
        say(&warning);
    }
    if args.programs {
        runner::run().map_err(|error| Failure::internal(format!("cannot run programs: {error}")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let found = if args.cuda { runtime::cuda() } else { runtime::ensure(&mut |line| say(line)) };
    let library = found.map_err(|error| Failure::internal(&error).hint(error.hint()))?;
    let interrupt = Interrupt::default();
    let asked = interrupt.clone();
    // Before the library starts threads of its own: they inherit what is blocked.
    process::on_terminate(move || {
        if !asked.request() {
            process::end_this();
        }
    })
    .map_err(|error| Failure::internal(format!("cannot handle signals: {error}")))?;
    let engine = Engine::load(&library).map_err(Failure::internal)?;
    // A scheduler that has gone away is how a worker's life usually ends.
    let _ = run_worker(&engine, io::stdin(), io::stdout(), process::end_this, interrupt);
    Ok(ExitCode::SUCCESS)
}
