//! A worker is asked about a job before anything is written: how it is started, and what became of it.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use sweep_wire::Device;

use super::Failure;
use crate::{executor::InspectError, spec::SpecError};

/// The program that speaks the worker protocol for jobs of a device: this one.
pub(super) fn worker_for(device: Device) -> Result<Vec<OsString>, Failure> {
    let mut command = worker_command()?;
    if !device.is_cpu() {
        command.push("--cuda".into());
    }
    Ok(command)
}

/// The program that speaks the worker protocol.
pub(super) fn worker_command() -> Result<Vec<OsString>, Failure> {
    let executable = std::env::current_exe()
        .map_err(|error| Failure::internal(format!("cannot find this executable: {error}")))?;
    Ok(vec![executable.into_os_string(), "worker".into()])
}

/// What a worker answered, or what is wrong at its place in the spec; its log is read where it failed, and removed.
pub(super) fn explained<T>(
    answer: Result<T, InspectError>,
    log: &Path,
    text: &str,
    file: &Path,
) -> Result<T, Failure> {
    let said = fs::read_to_string(log).unwrap_or_default();
    let _ = fs::remove_file(log); // it may not exist
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

/// Where a worker that is asked something prints.
pub(super) fn scratch_log(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("sweep-{what}-{}.log", std::process::id()))
}
