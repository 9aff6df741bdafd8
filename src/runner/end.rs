//! What an attempt comes to.

use std::{process::ExitStatus, time::Instant};

use sweep_wire::{FailureKind, FromWorker};

use super::{
    Scheduler,
    attempt::{Running, Verdict},
};

impl Running {
    /// Says all that is still to be said before the end, and answers with the end.
    pub(super) fn end(&mut self, now: Instant, status: ExitStatus, scheduler: &mut Scheduler) -> FromWorker {
        self.flush(now, scheduler);
        let attempt = self.attempt;
        let train_seconds = now.duration_since(self.began).as_secs_f64();
        let failed = |kind, message| FromWorker::Failed { attempt, kind, message };
        let diverged = |step| FromWorker::Diverged { attempt, step, train_seconds };
        match (self.verdict.take(), self.result) {
            (Some(Verdict::Stopped), _) => failed(FailureKind::Stopped, "stopped on request".to_owned()),
            (Some(Verdict::Nonsense(problem)), _) => failed(FailureKind::Transient, problem),
            (Some(Verdict::Diverged(step)), _) => diverged(step),
            (None, _) if !status.success() => self.failure(status),
            (None, None) => failed(FailureKind::Permanent, self.lacks_metric()),
            (None, Some((step, None))) => diverged(step),
            (None, Some((_, Some(_)))) => {
                let steps = self.trial.steps;
                if let Some(batch) = self.batch.as_mut().filter(|batch| batch.step() < steps) {
                    batch.add(now, steps, vec![]);
                    self.flush(now, scheduler);
                }
                FromWorker::Done { attempt, steps, train_seconds }
            }
        }
    }

    fn failure(&self, status: ExitStatus) -> FromWorker {
        let exit = self.program.exit(status);
        let (how, trial) = (&exit.how, self.trial.trial);
        let (kind, message) = match status.code() {
            _ if exit.oom.is_some() => (
                FailureKind::OutOfMemory,
                format!("the program was {how} because the machine was out of memory"),
            ),
            // What shells and `env` answer with.
            Some(126 | 127) if self.batch.is_none() => {
                let message =
                    format!("the program cannot be started: {how}; `sweep logs {trial}` shows its output");
                (FailureKind::Transient, message)
            }
            code => {
                let ended = if code.is_some() { "ended with" } else { "was" };
                let message = format!("the program {ended} {how}; `sweep logs {trial}` shows its output");
                (FailureKind::Transient, message)
            }
        };
        FromWorker::Failed { attempt: self.attempt, kind, message }
    }

    fn lacks_metric(&self) -> String {
        let reported: Vec<_> = self.names.iter().take(10).map(|name| format!("`{name}`")).collect();
        let reported = match reported.as_slice() {
            [] => "nothing".to_owned(),
            names if names.len() == self.names.len() => names.join(", "),
            names => format!("{}, …", names.join(", ")),
        };
        format!("the program ended without reporting `{}`; it reported {reported}", self.metric)
    }
}
