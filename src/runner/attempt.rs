//! One attempt: a program from its start until nothing of it is left.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use sweep_wire::{
    Attempt, FailureKind, FromWorker, PROGRAM_FOLDER, Program, TRIAL_FILE, TablePath, TrialFile,
};

use crate::process::{self, Launch, Stray, Watch};

use super::{
    Scheduler,
    batch::{Batch, Rates},
    lines::{Lines, too_long},
    refused::cannot_start,
    report::Report,
};

/// How long what a program leaves behind may take to end by itself.
const STRAGGLERS: Duration = Duration::from_millis(500);
/// How long a program may take to end after it reported that it diverged.
const DIVERGED_GRACE: Duration = Duration::from_secs(2);
/// How long after a KILL the next one follows, for what was started meanwhile.
const KILL_AGAIN: Duration = Duration::from_millis(50);
/// The most that is read after a program's end, which somebody it left behind may go on writing.
const MAX_REST: usize = 4 << 20;
/// The most notes of one attempt, and the most characters of one.
const MAX_NOTES: u32 = 20;
const MAX_NOTE: usize = 1000;
/// The most metrics of one attempt.
const MAX_METRICS: usize = 1000;

const TOO_LONG: &str = "the program reported a line longer than 1 MiB";

/// A program that runs, or of which something is left.
pub(super) struct Running {
    pub(super) attempt: Attempt,
    pub(super) trial: TrialFile,
    pub(super) metric: String,
    pub(super) folder: PathBuf,
    grace: Duration,
    pub(super) program: process::Program,
    pub(super) began: Instant,
    /// The pipe for reports has not ended.
    open: bool,
    lines: Lines,
    rates: Rates,
    /// There after the first report.
    pub(super) batch: Option<Batch>,
    /// The last value of the metric.
    pub(super) result: Option<(u64, Option<f64>)>,
    pub(super) names: BTreeSet<String>,
    notes: u32,
    /// What the attempt comes to, whatever its exit code.
    pub(super) verdict: Option<Verdict>,
    /// When all that still runs is killed.
    kill_at: Option<Instant>,
    /// What the program left behind was told.
    told_left: bool,
    ended: Option<ExitStatus>,
}

/// How an attempt ends, known before its program has.
pub(super) enum Verdict {
    Stopped,
    Nonsense(String),
    Diverged(u64),
}

impl Running {
    /// Starts the program.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub(super) fn start(
        attempt: Attempt,
        program: Program,
        trial: TrialFile,
        table: TablePath,
        folder: PathBuf,
        grace: Duration,
    ) -> Result<Self, (FailureKind, String)> {
        let steps = trial.steps;
        let (description, checkpoint) = (description(&folder), checkpoint(&folder));
        let prepare = || {
            fs::create_dir_all(&checkpoint)?;
            fs::write(&description, serde_json::to_vec(&trial)?)
        };
        prepare().map_err(|error: io::Error| {
            (FailureKind::Transient, format!("`{}` cannot be written to: {error}", folder.display()))
        })?;
        let own = program.environment.iter().map(|(name, value)| (name.as_str(), OsString::from(value)));
        let environment = own.chain([
            ("SWEEP_TRIAL", description.clone().into_os_string()),
            ("SWEEP_LR", table.clone().into_os_string()),
            ("SWEEP_CHECKPOINT", checkpoint.into_os_string()),
        ]);
        let started = process::Program::start(Launch {
            command: &program.command,
            folder: &program.folder,
            environment: environment.collect(),
            reports: "SWEEP_REPORT_FD",
        });
        let started = started.map_err(|error| cannot_start(&program, &error))?;
        Ok(Self {
            attempt,
            trial,
            metric: program.metric,
            folder,
            grace,
            program: started,
            began: Instant::now(),
            open: true,
            lines: Lines::default(),
            rates: Rates::new(table, steps),
            batch: None,
            result: None,
            names: BTreeSet::new(),
            notes: 0,
            verdict: None,
            kill_at: None,
            told_left: false,
            ended: None,
        })
    }

    pub(super) fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// What is to be read, while it can.
    pub(super) fn reports(&self) -> Option<BorrowedFd<'_>> {
        self.open.then(|| self.program.reports.as_fd())
    }

    /// When [`Self::advance`] has something to do, whatever happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.batch.as_ref().and_then(Batch::due);
        [due, self.kill_at].into_iter().flatten().min()
    }

    /// The attempt is to be given up; whether TERM is due.
    pub(super) fn stop(&mut self, now: Instant, grace: Option<Duration>) -> bool {
        if self.ended.is_some() {
            return false; // what it came to is known, and told soon
        }
        self.kill_by(now + grace.unwrap_or(self.grace));
        self.verdict.get_or_insert(Verdict::Stopped);
        true
    }

    /// Reads once.
    pub(super) fn read(&mut self, scheduler: &mut Scheduler) -> usize {
        let count = match self.lines.fill(&mut self.program.reports) {
            Ok(count) => {
                self.open = count > 0;
                count
            }
            Err(error) => {
                self.open = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
                0
            }
        };
        let mut lines = std::mem::take(&mut self.lines);
        while let Some(line) = lines.next() {
            self.take(line, scheduler);
        }
        if too_long(lines.rest()) {
            self.nonsense(TOO_LONG.to_owned());
            lines = Lines::default();
        }
        self.lines = lines;
        count
    }

    /// Does what is due. Answers with the attempt's end once nothing of the program is left.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        watch: &Watch,
        scheduler: &mut Scheduler,
    ) -> Option<FromWorker> {
        let reaped = watch.reap();
        let end = reaped.ended.iter().find(|(pid, _)| *pid == self.program.pid);
        if let (None, Some((_, status))) = (self.ended, end) {
            self.ended = Some(*status);
            self.read_rest(scheduler);
            self.kill_by(now + STRAGGLERS);
        }
        if self.batch.as_ref().and_then(Batch::due).is_some_and(|due| due <= now) {
            self.flush(now, scheduler);
        }
        match self.ended {
            Some(status) if reaped.none_left => return Some(self.end(now, status, scheduler)),
            Some(_) | None => {}
        }
        if self.kill_at.is_some_and(|due| due <= now) {
            let killed = watch.kill_descendants();
            if self.verdict.is_none() && !self.told_left {
                self.told_left = true;
                self.tell_left(&killed, scheduler);
            }
            self.kill_at = Some(now + KILL_AGAIN);
        }
        None
    }

    /// Reads what the program wrote before it ended; a last line may lack its end.
    fn read_rest(&mut self, scheduler: &mut Scheduler) {
        let mut left = MAX_REST;
        while self.open && left > 0 {
            match self.read(scheduler) {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        let lines = std::mem::take(&mut self.lines);
        if !lines.rest().is_empty() && self.ended.is_some_and(|status| status.success()) {
            self.take(lines.rest(), scheduler);
        }
    }

    fn take(&mut self, line: &[u8], scheduler: &mut Scheduler) {
        if matches!(self.verdict, Some(Verdict::Nonsense(_) | Verdict::Diverged(_))) {
            return;
        }
        if too_long(line) {
            return self.nonsense(TOO_LONG.to_owned());
        }
        match Report::read(line, self.trial.steps) {
            Ok(report) => self.on_report(report, scheduler),
            Err(problem) => self.nonsense(problem),
        }
    }

    fn on_report(&mut self, report: Report, scheduler: &mut Scheduler) {
        let (attempt, now) = (self.attempt, Instant::now());
        let first = self.batch.is_none();
        if first {
            let step = if let Report::Start(step) = report { step } else { 0 };
            scheduler.tell(&FromWorker::Started { attempt, step, state_bytes: 0, damaged: vec![] });
        }
        let from = if let Report::Start(step) = report { step } else { 0 };
        let batch = self.batch.get_or_insert_with(|| Batch::new(self.began, from));
        match report {
            Report::Values { step, values } => {
                for (name, value) in &values {
                    if *name == self.metric {
                        self.result = Some((step, *value));
                    }
                    if !self.names.contains(name) {
                        self.names.insert(name.clone());
                    }
                }
                if self.names.len() > MAX_METRICS {
                    return self.nonsense(format!("the program reported more than {MAX_METRICS} metrics"));
                }
                batch.add(now, step, values);
                if batch.due().is_some_and(|due| due <= now) {
                    self.flush(now, scheduler);
                }
            }
            Report::Start(_) if first => {}
            Report::Start(step) => {
                self.nonsense(format!(
                    "the program reported `start` at {step} after other things, not first"
                ));
            }
            Report::Checkpoint(step) => {
                self.flush(now, scheduler);
                let bytes = size(&checkpoint(&self.folder));
                scheduler.tell(&FromWorker::Checkpoint { attempt, step, bytes });
            }
            Report::Diverged(step) => {
                self.verdict.get_or_insert(Verdict::Diverged(step));
                self.kill_by(now + DIVERGED_GRACE);
            }
            Report::Note(text) => self.note(text, scheduler),
        }
    }

    fn note(&mut self, text: String, scheduler: &mut Scheduler) {
        self.notes += 1;
        let message = match self.notes {
            ..MAX_NOTES => text.chars().take(MAX_NOTE).collect(),
            MAX_NOTES => "it had more to say, which was dropped".to_owned(),
            _ => return,
        };
        scheduler.tell(&FromWorker::Note { attempt: self.attempt, message });
    }

    fn tell_left(&self, left: &[Stray], scheduler: &mut Scheduler) {
        let named: Vec<_> =
            left.iter().take(5).map(|stray| format!("{} (`{}`)", stray.pid, stray.name)).collect();
        let message = match left {
            [] => return,
            [_] => format!("it left process {} behind, which was ended", named.join(", ")),
            [..] if left.len() == named.len() => {
                format!("it left processes {} behind, which were ended", named.join(", "))
            }
            [..] => {
                let more = left.len() - named.len();
                format!("it left processes {} and {more} more behind, which were ended", named.join(", "))
            }
        };
        scheduler.tell(&FromWorker::Note { attempt: self.attempt, message });
    }

    /// The attempt has failed by what it reported.
    fn nonsense(&mut self, problem: String) {
        self.verdict.get_or_insert(Verdict::Nonsense(problem));
        self.kill_by(Instant::now());
    }

    fn kill_by(&mut self, time: Instant) {
        self.kill_at = Some(self.kill_at.map_or(time, |earlier| earlier.min(time)));
    }

    pub(super) fn flush(&mut self, now: Instant, scheduler: &mut Scheduler) {
        let taken = self.batch.as_mut().and_then(|batch| batch.take(now, self.attempt, &mut self.rates));
        if let Some(progress) = taken {
            scheduler.tell(&FromWorker::Progress(progress));
        }
    }
}

/// The file that tells the program of its trial.
fn description(folder: &Path) -> PathBuf {
    folder.join(TRIAL_FILE)
}

/// The folder that is the program's own until its trial has a result, when the scheduler deletes it.
fn checkpoint(folder: &Path) -> PathBuf {
    folder.join(PROGRAM_FOLDER)
}

/// About what a folder takes, in bytes; only its first files are looked at.
fn size(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_path_buf()];
    let (mut bytes, mut looks) = (0, 10_000);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            looks -= 1;
            match entry.metadata() {
                _ if looks == 0 => return bytes,
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
