//! Asks a worker about a job before anything is written.

use std::{ffi::OsString, path::Path, time::Duration};

use tokio::sync::mpsc;

use sweep_wire::{Facts, FromWorker, Job, PROTOCOL, Rejection, ToWorker};

use crate::process::{Output, Process, Setup};

/// How long reading model and data may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Why there are no facts.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The job cannot be trained.
    #[error("{}", .0.message)]
    Rejected(Rejection),
    /// The worker failed.
    #[error("the worker that was to look at the model and the data failed: {0}")]
    Worker(String),
}

/// Starts a worker, asks, and ends it; its standard error goes to `log`.
///
/// # Errors
/// See [`InspectError`].
pub async fn inspect(command: &[OsString], log: &Path, job: Job) -> Result<Facts, InspectError> {
    let (tell, mut outputs) = mpsc::channel(16);
    let send = move |output| {
        let tell = tell.clone();
        async move {
            let _ = tell.send(output).await;
        }
    };
    let failed = |problem: String| InspectError::Worker(problem);
    let setup = Setup { log: log.to_path_buf(), ..Setup::default() };
    let process = Process::spawn(command, &setup, send).map_err(|error| failed(error.to_string()))?;
    process.send(ToWorker::Inspect { job: Box::new(job) });
    let answer = async {
        while let Some(output) = outputs.recv().await {
            match output {
                Output::Said(FromWorker::Facts(facts)) => return Ok(facts),
                Output::Said(FromWorker::Rejected(rejection)) => {
                    return Err(InspectError::Rejected(rejection));
                }
                Output::Said(FromWorker::Hello { protocol, .. }) if protocol != PROTOCOL => {
                    return Err(failed(format!("it speaks protocol {protocol}, not {PROTOCOL}")));
                }
                Output::Said(_) => {}
                Output::Nonsense(problem) => return Err(failed(problem)),
                Output::Exited(exit) => return Err(failed(exit.to_string())),
            }
        }
        Err(failed("it ended without an answer".to_owned()))
    };
    let answer = tokio::time::timeout(LIMIT, answer).await;
    process.kill();
    answer.unwrap_or_else(|_| Err(failed(format!("no answer after {} s", LIMIT.as_secs()))))
}
