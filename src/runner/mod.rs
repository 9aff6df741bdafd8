//! The worker for programs: runs what the user wrote, one program after another, and says what it reports. One
//! thread that waits for everything at once. Enter at [`run`]. What a result means is not known here.

mod attempt;
mod batch;
mod end;
mod lines;
mod refused;
mod report;

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use sweep_wire::{FailureKind, FromWorker, PROTOCOL, Rejection, ToWorker};

use crate::process::Watch;

use attempt::Running;
use lines::{Lines, too_long};

const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// How long a program of a scheduler that is gone may take to come to its end.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);

/// Where messages go.
struct Scheduler {
    output: File,
    /// It no longer listens.
    gone: bool,
}

impl Scheduler {
    fn tell(&mut self, message: &FromWorker) {
        let Ok(mut line) = serde_json::to_vec(message) else { return };
        line.push(b'\n');
        self.gone = self.gone || self.output.write_all(&line).is_err();
    }
}

/// Serves a scheduler on standard input and output until its input ends or SIGTERM asks it to. To be called before
/// other threads are started.
///
/// # Errors
/// The system refuses something that no worker can do without.
pub fn run() -> io::Result<()> {
    let watch = Watch::new()?;
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let scheduler = Scheduler { output, gone: false };
    let (lines, now) = (Lines::default(), Instant::now());
    Runner { watch, input: Some(input), lines, scheduler, running: None, beat: now, leaving: false }.serve()
}

struct Runner {
    watch: Watch,
    /// Until it ends.
    input: Option<File>,
    lines: Lines,
    scheduler: Scheduler,
    running: Option<Running>,
    /// When the next heartbeat is due.
    beat: Instant,
    /// It takes no more programs.
    leaving: bool,
}

impl Runner {
    fn serve(mut self) -> io::Result<()> {
        let worker = format!("sweep {} for programs", env!("CARGO_PKG_VERSION"));
        self.scheduler.tell(&FromWorker::Hello { protocol: PROTOCOL, worker, pid: std::process::id() });
        loop {
            let now = Instant::now();
            if now >= self.beat {
                self.scheduler.tell(&FromWorker::Heartbeat);
                self.beat = now + HEARTBEAT_EVERY;
            }
            if self.scheduler.gone || self.input.is_none() {
                self.leave(Some(ORPHAN_GRACE))?;
            }
            if let Some(running) = &mut self.running
                && let Some(end) = running.advance(now, &self.watch, &mut self.scheduler)
            {
                self.scheduler.tell(&end);
                self.running = None;
            }
            if self.leaving && self.running.is_none() {
                return Ok(());
            }
            self.wait(now)?;
        }
    }

    /// Waits for whatever comes first, and takes it in.
    fn wait(&mut self, now: Instant) -> io::Result<()> {
        let running = self.running.as_ref();
        let until = running.and_then(Running::deadline).map_or(self.beat, |deadline| deadline.min(self.beat));
        let reports = running.and_then(Running::reports);
        let woken =
            self.watch.wait(self.input.as_ref().map(AsFd::as_fd), reports, until.duration_since(now))?;
        if woken.pipe
            && let Some(running) = &mut self.running
        {
            running.read(&mut self.scheduler);
        }
        if woken.terminate {
            self.leave(None)?;
        }
        if woken.input {
            self.listen()?;
        }
        Ok(())
    }

    /// Takes no more programs; the one that runs gets this grace, else its own.
    fn leave(&mut self, grace: Option<Duration>) -> io::Result<()> {
        if !self.leaving {
            self.leaving = true;
            self.stop(grace)?;
        }
        Ok(())
    }

    fn stop(&mut self, grace: Option<Duration>) -> io::Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.stop(Instant::now(), grace) && self.watch.terminate_others()? {
            self.leaving = true;
        }
        Ok(())
    }

    /// Nothing after the first line that is no message can be trusted.
    fn listen(&mut self) -> io::Result<()> {
        let Some(input) = &mut self.input else { return Ok(()) };
        let ended = match self.lines.fill(input) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::Interrupted,
        };
        let mut messages = Vec::new();
        let mut broken = ended;
        while let Some(line) = self.lines.next() {
            match serde_json::from_slice(line) {
                Ok(message) => messages.push(message),
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        for message in messages {
            self.take(message)?;
        }
        if broken || too_long(self.lines.rest()) {
            self.input = None;
        }
        Ok(())
    }

    fn take(&mut self, message: ToWorker) -> io::Result<()> {
        let failed = |attempt, kind, message: String| FromWorker::Failed { attempt, kind, message };
        match message {
            ToWorker::Inspect { .. } | ToWorker::MeasureCurvature { .. } | ToWorker::MeasurePace { .. } => {
                let message = "a worker for programs knows no models".to_owned();
                let rejection = Rejection { at: "model".to_owned(), message, hint: None };
                self.scheduler.tell(&FromWorker::Rejected(rejection));
            }
            ToWorker::Assign { attempt, .. } => {
                let message = "a worker for programs trains no models".to_owned();
                self.scheduler.tell(&failed(attempt, FailureKind::Permanent, message));
            }
            ToWorker::Launch { attempt, program, trial, table, folder, grace_ms } => {
                if let Some(running) = &self.running {
                    let message = format!("the worker was busy with attempt {}", running.attempt());
                    self.scheduler.tell(&failed(attempt, FailureKind::Transient, message));
                    return Ok(());
                }
                let grace = Duration::from_millis(grace_ms);
                match Running::start(attempt, *program, *trial, table, folder, grace) {
                    Ok(running) => self.running = Some(running),
                    Err((kind, message)) => self.scheduler.tell(&failed(attempt, kind, message)),
                }
            }
            ToWorker::Stop { attempt } => {
                if self.running.as_ref().is_some_and(|running| running.attempt() == attempt) {
                    self.stop(None)?;
                }
            }
        }
        Ok(())
    }
}
