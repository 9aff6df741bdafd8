//! `sweep worker`: this executable as a worker. Not for people.

use std::{io, process::ExitCode};

use sweep_trainer::{Engine, run_worker, runtime};

use super::{Failure, failure::say};
use crate::process;

pub(super) fn run() -> Result<ExitCode, Failure> {
    let library = runtime::ensure(&mut |line| say(line))
        .map_err(|error| Failure::internal(&error).hint(error.hint()))?;
    let engine = Engine::load(&library).map_err(Failure::internal)?;
    // A scheduler that has gone away is how a worker's life usually ends.
    let _ = run_worker(&engine, io::stdin(), io::stdout(), process::end_this);
    Ok(ExitCode::SUCCESS)
}
