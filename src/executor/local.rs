//! Attempts in child processes, one per worker.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

use sweep_wire::{
    Attempt, FailureKind, FromWorker, Keep, PROGRAM_FOLDER, Run, TRIAL_FILE, ToWorker, TrialFile,
};

use super::{
    owners::Owners,
    tables::{self, TABLES},
};
use crate::{
    engine::{Event, Exit, Kind, Lease, Need, TrialId, WorkerRef},
    plan::{Assignment, Task},
    process::{self, Limits, Output, Process, Setup},
};

/// The folder of a home that holds a folder for each trial's checkpoints and weights.
pub const CHECKPOINTS: &str = "checkpoints";
/// The variable that says which GPUs CUDA shows a process.
pub const VISIBLE_GPUS: &str = "CUDA_VISIBLE_DEVICES";
/// How long a program may take to end after TERM, in milliseconds; less than the engine waits for its worker.
const GRACE_MS: u64 = 8_000;

/// The workers of one scheduler.
pub struct Local {
    /// The program that speaks the worker protocol, with its arguments.
    command: Vec<OsString>,
    home: PathBuf,
    logs: PathBuf,
    tables: PathBuf,
    checkpoints: PathBuf,
    events: mpsc::Sender<Event>,
    processes: HashMap<WorkerRef, Process>,
    owners: Owners,
}

/// What of a home's files an attempt printed is kept in.
#[must_use]
pub fn attempt_log(home: &Path, attempt: Attempt) -> PathBuf {
    home.join("logs").join(format!("attempt-{attempt}.log"))
}

impl Local {
    /// Logs, rate tables and checkpoints go into `home`; what workers say goes to `events`.
    ///
    /// # Errors
    /// The folders cannot be made.
    pub fn new(command: Vec<OsString>, home: &Path, events: mpsc::Sender<Event>) -> io::Result<Self> {
        let home = fs::canonicalize(home)?;
        let folder = |name: &str| {
            let folder = home.join(name);
            fs::create_dir_all(&folder)?;
            Ok::<_, io::Error>(folder)
        };
        let (logs, tables, checkpoints) = (folder("logs")?, folder(TABLES)?, folder(CHECKPOINTS)?);
        let (processes, owners) = (HashMap::new(), Owners::new(&home));
        Ok(Self { command, home, logs, tables, checkpoints, events, processes, owners })
    }

    /// Starts a worker and says how that went.
    pub fn spawn(&mut self, worker: WorkerRef, need: &Need, lease: &Lease) -> Event {
        let events = self.events.clone();
        let tell = move |output| {
            let events = events.clone();
            async move {
                let event = match output {
                    Output::Said(message) => Event::Said { worker, message },
                    Output::Nonsense(problem) => Event::Nonsense { worker, problem },
                    Output::Exited(exit) => {
                        let exit = Exit { how: exit.to_string(), out_of_memory: exit.oom.is_some() };
                        Event::Exited { worker, exit }
                    }
                };
                // A closed channel means that the scheduler has ended.
                let _ = events.send(event).await;
            }
        };
        let mut command = self.command.clone();
        match need.kind {
            Kind::Program => command.push("--programs".into()),
            Kind::Trainer if need.gpu.is_some() => command.push("--cuda".into()),
            Kind::Trainer => {}
        }
        match Process::spawn(&command, &self.setup(worker, need, lease), tell) {
            Ok(process) => {
                let pid = process.pid;
                self.processes.insert(worker, process);
                self.owners.add(worker, pid);
                Event::Spawned { worker, pid, process: process::start_time(pid).unwrap_or_default() }
            }
            Err(error) => {
                let program = command.first().map(|program| program.to_string_lossy().into_owned());
                let message = format!("`{}` cannot be started: {error}", program.unwrap_or_default());
                Event::SpawnFailed { worker, message }
            }
        }
    }

    fn setup(&self, worker: WorkerRef, need: &Need, lease: &Lease) -> Setup {
        let mut environment = vec![(process::WORKER_OF.to_owned(), self.home.clone().into_os_string())];
        // None is none: what was given no GPU must not take one.
        let visible = lease.gpu.as_ref().map_or("", |gpu| &gpu.uuid);
        environment.push((VISIBLE_GPUS.to_owned(), visible.into()));
        if need.kind == Kind::Program {
            let threads = (need.cpu / crate::engine::WHOLE).max(1);
            for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
                if std::env::var_os(name).is_none() {
                    environment.push((name.to_owned(), threads.to_string().into()));
                }
            }
        }
        let name = format!("{}-worker-{}-{}.log", std::process::id(), worker.slot, worker.incarnation);
        let limits = Limits { cores: lease.cores.clone(), nice: need.nice, memory: need.memory };
        Setup { log: self.logs.join(name), environment, limits }
    }

    /// Hands an attempt to a worker; it may go on from the checkpoints at these steps. What the worker prints from here
    /// on is in [`attempt_log`].
    ///
    /// # Errors
    /// The rate table is gone.
    pub fn assign(
        &mut self,
        worker: WorkerRef,
        attempt: Attempt,
        id: TrialId,
        trial: Assignment,
        resume: Vec<u64>,
    ) -> io::Result<()> {
        let table = tables::find(&self.tables, &trial.rates)?;
        let folder = self.folder(id);
        let Some(process) = self.processes.get(&worker) else { return Ok(()) };
        process.log_to(&attempt_log(&self.home, attempt));
        process.send(match trial.task {
            Task::Train(job) => {
                let keep = Keep {
                    folder,
                    key: trial.key,
                    every: trial.course.keep.every,
                    resume,
                    weights: trial.course.keep.weights,
                    best: trial.course.keep.best,
                };
                let run = Run {
                    seed: trial.seed,
                    steps: trial.steps,
                    table,
                    log_every: trial.course.log_every,
                    evaluate: trial.course.evaluate,
                    keep: Some(keep),
                };
                let (job, run) = (Box::new(job), Box::new(run));
                ToWorker::Assign { attempt, job, expected: trial.expected, run }
            }
            Task::Program(program) => {
                let file = TrialFile {
                    version: 1,
                    trial: id,
                    attempt,
                    schedule: trial.schedule,
                    budget: trial.budget,
                    steps: trial.steps,
                    seed: trial.seed,
                    parameters: trial.settings,
                    checkpoints: resume,
                };
                let (program, trial) = (Box::new(program), Box::new(file));
                ToWorker::Launch { attempt, program, trial, table, folder, grace_ms: GRACE_MS }
            }
        });
        Ok(())
    }

    /// What a worker said, with what its log adds: why a program failed, and that memory ran out, is said only there.
    pub fn explained(&self, worker: WorkerRef, mut message: FromWorker) -> FromWorker {
        if let FromWorker::Failed { kind: kind @ FailureKind::Transient, message, .. } = &mut message
            && let Some(process) = self.processes.get(&worker)
        {
            if process.oom_in_log().is_some() {
                *kind = FailureKind::OutOfMemory;
            }
            message.push_str(&process.last_line().map_or(String::new(), |line| format!(": {line}")));
        }
        message
    }

    /// Deletes checkpoints; one that stays for whatever reason is nobody's and does no harm.
    pub fn discard(&self, trial: TrialId, steps: &[u64]) {
        let folder = self.folder(trial);
        for step in steps {
            let _ = fs::remove_file(folder.join(format!("{step}.safetensors")));
        }
        let _ = fs::remove_dir(folder); // only if it is empty
    }

    /// Deletes what a trial that has a result kept to go on from.
    pub fn discard_all(&self, trial: TrialId) {
        let folder = self.folder(trial);
        let Ok(entries) = fs::read_dir(&folder) else { return };
        let _ = fs::remove_dir_all(folder.join(PROGRAM_FOLDER));
        let _ = fs::remove_file(folder.join(TRIAL_FILE));
        let step = |entry: io::Result<fs::DirEntry>| entry.ok()?.path().file_stem()?.to_str()?.parse().ok();
        self.discard(trial, &entries.filter_map(step).collect::<Vec<u64>>());
    }

    /// Where a trial keeps its checkpoints and weights.
    fn folder(&self, trial: TrialId) -> PathBuf {
        self.checkpoints.join(trial.to_string())
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

    /// The worker's end was told; what it left behind is ended, and named.
    pub fn forget(&mut self, worker: WorkerRef) -> Vec<String> {
        self.processes.remove(&worker);
        self.owners.remove(worker);
        let strays = process::orphans(&self.home);
        strays
            .iter()
            .map(|stray| {
                format!("process {} (`{}`) outlived its worker and was ended", stray.pid, stray.name)
            })
            .collect()
    }

    /// Who of the processes on a GPU belongs to whom.
    #[must_use]
    pub fn owners(&self) -> Owners {
        self.owners.clone()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.processes.values().for_each(Process::kill);
    }
}
