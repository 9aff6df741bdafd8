//! Attempts in child processes, one worker per slot.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

use sweep_wire::{Attempt, Contents, Keep, Run, ToWorker};

use crate::{
    engine::{Event, TrialId, WorkerRef},
    plan::{PlannedTrial, Task, trial_file},
    process::{Output, Process, Setup},
};

/// The folder of a home that holds rate tables, by [`PlannedTrial::table_name`].
pub const TABLES: &str = "tables";
/// The folder of a home that holds a folder for each trial's checkpoints and weights.
pub const CHECKPOINTS: &str = "checkpoints";
/// How long a program may take to end after TERM, in milliseconds.
const GRACE_MS: u64 = 10_000;

/// The workers of one scheduler.
pub struct Local {
    /// The program that speaks the worker protocol, with its arguments.
    command: Vec<OsString>,
    logs: PathBuf,
    tables: PathBuf,
    checkpoints: PathBuf,
    events: mpsc::Sender<Event>,
    processes: HashMap<WorkerRef, Process>,
    /// What model and data were when the trials were planned.
    contents: Contents,
}

impl Local {
    /// Logs, rate tables and checkpoints go into `home`; what workers say goes to `events`.
    ///
    /// # Errors
    /// The folders cannot be made.
    pub fn new(
        command: Vec<OsString>,
        home: &Path,
        contents: Contents,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let folder = |name: &str| {
            let folder = home.join(name);
            fs::create_dir_all(&folder)?;
            fs::canonicalize(folder)
        };
        let (logs, tables) = (folder("logs")?, folder(TABLES)?);
        let checkpoints = folder(CHECKPOINTS)?;
        Ok(Self { command, logs, tables, checkpoints, events, processes: HashMap::new(), contents })
    }

    /// Starts a worker and says how that went.
    pub fn spawn(&mut self, worker: WorkerRef) -> Event {
        let events = self.events.clone();
        let tell = move |output| {
            let events = events.clone();
            async move {
                let event = match output {
                    Output::Said(message) => Event::Said { worker, message },
                    Output::Nonsense(problem) => Event::Nonsense { worker, problem },
                    Output::Exited(exit) => Event::Exited { worker, how: exit.to_string() },
                };
                // A closed channel means that the scheduler has ended.
                let _ = events.send(event).await;
            }
        };
        let setup = Setup { log: self.log(worker), ..Setup::default() };
        match Process::spawn(&self.command, &setup, tell) {
            Ok(process) => {
                let pid = process.pid;
                self.processes.insert(worker, process);
                Event::Spawned { worker, pid }
            }
            Err(error) => {
                let program = self.command.first().map(|program| program.to_string_lossy().into_owned());
                let message = format!("`{}` cannot be started: {error}", program.unwrap_or_default());
                Event::SpawnFailed { worker, message }
            }
        }
    }

    /// Where a worker's standard error is kept.
    #[must_use]
    pub fn log(&self, worker: WorkerRef) -> PathBuf {
        self.logs.join(format!("{}-worker-{}-{}.log", std::process::id(), worker.slot, worker.incarnation))
    }

    /// Hands an attempt to a worker; it may go on from the checkpoints at these steps.
    ///
    /// # Errors
    /// The rate table cannot be written.
    pub fn assign(
        &mut self,
        worker: WorkerRef,
        attempt: Attempt,
        (id, trial): (TrialId, &PlannedTrial),
        resume: Vec<u64>,
    ) -> io::Result<()> {
        let table = self.table(trial)?;
        let Some(process) = self.processes.get(&worker) else { return Ok(()) };
        process.send(match &*trial.task {
            Task::Train(job) => {
                let (job, expected) = (Box::new(job.clone()), self.contents.clone());
                let run = Box::new(run(trial, table, self.folder(id), resume));
                ToWorker::Assign { attempt, job, expected, run }
            }
            Task::Program(program) => ToWorker::Launch {
                attempt,
                program: Box::new(program.clone()),
                trial: Box::new(trial_file(trial, id, attempt)),
                table,
                folder: self.folder(id),
                grace_ms: GRACE_MS,
            },
        });
        Ok(())
    }

    /// Deletes checkpoints; one that stays for whatever reason is nobody's and does no harm.
    pub fn discard(&self, trial: TrialId, steps: &[u64]) {
        let folder = self.folder(trial);
        for step in steps {
            let _ = fs::remove_file(folder.join(format!("{step}.safetensors")));
        }
        let _ = fs::remove_dir(folder); // only if it is empty
    }

    /// Where a trial keeps its checkpoints and weights.
    fn folder(&self, trial: TrialId) -> PathBuf {
        self.checkpoints.join(trial.to_string())
    }

    /// Writes a rate table unless it is there, whole; equal tables share a file.
    fn table(&self, trial: &PlannedTrial) -> io::Result<PathBuf> {
        let bytes = trial.table_bytes();
        let path = self.tables.join(format!("{}.f32", trial.table_name()));
        if fs::read(&path).ok().as_ref() != Some(&bytes) {
            let partial = path.with_extension("partial");
            fs::write(&partial, &bytes)?;
            fs::rename(&partial, &path)?;
        }
        fs::canonicalize(path)
    }

    /// Asks a worker to give up its attempt.
    pub fn stop(&self, worker: WorkerRef, attempt: Attempt) {
        if let Some(process) = self.processes.get(&worker) {
            process.send(ToWorker::Stop { attempt });
        }
    }

    /// Closes a worker's input, so that it ends.
    pub fn release(&mut self, worker: WorkerRef) {
        if let Some(process) = self.processes.get_mut(&worker) {
            process.close();
        }
    }

    /// Ends a worker and all that it started.
    pub fn kill(&self, worker: WorkerRef) {
        if let Some(process) = self.processes.get(&worker) {
            process.kill();
        }
    }

    /// The worker's end was told.
    pub fn forget(&mut self, worker: WorkerRef) {
        self.processes.remove(&worker);
    }
}

/// The training of a trial that keeps its files in `folder` and may go on from the checkpoints at these steps.
fn run(trial: &PlannedTrial, table: PathBuf, folder: PathBuf, resume: Vec<u64>) -> Run {
    let keep = Keep {
        folder,
        key: trial.key.clone(),
        every: trial.keep.every,
        resume,
        weights: trial.keep.weights,
        best: trial.keep.best.clone(),
    };
    Run {
        seed: trial.seed,
        steps: trial.steps,
        table,
        log_every: trial.log_every,
        evaluate: trial.evaluate.clone(),
        keep: Some(keep),
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.processes.values().for_each(Process::kill);
    }
}
