//! Asks a worker about a job before anything is written.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};

use sweep_wire::{Curvature, Facts, FromWorker, Job, PROTOCOL, Pace, Rejection, ToWorker};

use crate::process::{Output, Process, Setup};

/// How long reading model and data may take, and each part of a measurement.
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

/// What model and data are. A worker is started for it, asked, and ended; its standard error goes to `log`.
///
/// # Errors
/// See [`InspectError`].
pub async fn inspect(command: &[OsString], log: &Path, job: Job) -> Result<Facts, InspectError> {
    let question = ToWorker::Inspect { job: Box::new(job) };
    ask(command, &Setup { log: log.to_owned(), ..Setup::default() }, question, |said| match said {
        FromWorker::Facts(facts) => Some(*facts),
        _ => None,
    })
    .await
}

/// How steep and how noisy the loss is, from a worker as [`inspect`] has one; `told` hears how many parts of how many are
/// done.
///
/// # Errors
/// See [`InspectError`].
pub async fn curvature(
    command: &[OsString],
    log: &Path,
    job: Job,
    told: &mut (dyn FnMut(u32, u32) + Send),
) -> Result<Curvature, InspectError> {
    let question = ToWorker::MeasureCurvature { job: Box::new(job) };
    ask(command, &Setup { log: log.to_owned(), ..Setup::default() }, question, |said| match said {
        FromWorker::Curvature(curvature) => Some(curvature),
        FromWorker::Measuring { done, of } => {
            told(done, of);
            None
        }
        _ => None,
    })
    .await
}

/// How long the parts of a trial take, from a worker that is started as `setup` says; it tries checkpoints in `folder`, and times
/// steps alone without one. `told` hears how many parts of how many are done.
///
/// # Errors
/// See [`InspectError`].
pub async fn pace(
    command: &[OsString],
    setup: &Setup,
    job: Job,
    folder: Option<PathBuf>,
    told: &mut (dyn FnMut(u32, u32) + Send),
) -> Result<Pace, InspectError> {
    let question = ToWorker::MeasurePace { job: Box::new(job), folder };
    ask(command, setup, question, |said| match said {
        FromWorker::Pace(pace) => Some(*pace),
        FromWorker::Measuring { done, of } => {
            told(done, of);
            None
        }
        _ => None,
    })
    .await
}

async fn ask<T>(
    command: &[OsString],
    setup: &Setup,
    question: ToWorker,
    mut take: impl FnMut(FromWorker) -> Option<T>,
) -> Result<T, InspectError> {
    let (tell, mut outputs) = mpsc::channel(16);
    let send = move |output| {
        let tell = tell.clone();
        async move {
            let _ = tell.send(output).await;
        }
    };
    let failed = |problem: String| InspectError::Worker(problem);
    let process = Process::spawn(command, setup, send).map_err(|error| failed(error.to_string()))?;
    process.send(question);
    // A heart beats however long nothing else is said.
    let mut silence = tokio::time::Instant::now() + LIMIT;
    let answer = loop {
        let Ok(output) = timeout(silence - tokio::time::Instant::now(), outputs.recv()).await else {
            break Err(failed(format!("no answer after {} s", LIMIT.as_secs())));
        };
        match output {
            Some(Output::Said(FromWorker::Rejected(rejection))) => {
                break Err(InspectError::Rejected(rejection));
            }
            Some(Output::Said(FromWorker::Hello { protocol, .. })) if protocol != PROTOCOL => {
                break Err(failed(format!("it speaks protocol {protocol}, not {PROTOCOL}")));
            }
            Some(Output::Said(FromWorker::Heartbeat)) => {}
            Some(Output::Said(said)) => {
                silence = tokio::time::Instant::now() + LIMIT;
                if let Some(answer) = take(said) {
                    break Ok(answer);
                }
            }
            Some(Output::Nonsense(problem)) => break Err(failed(problem)),
            Some(Output::Exited(exit)) => break Err(failed(exit.to_string())),
            None => break Err(failed("it ended without an answer".to_owned())),
        }
    };
    process.kill();
    answer
}
