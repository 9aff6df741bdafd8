//! What commands ask of a scheduler, and what they are answered.

use tokio::sync::mpsc;

use super::{
    Order, Scheduler, SchedulerError, now,
    protocol::{Reply, Request},
    server::{Asked, Call},
    view::Watcher,
};
use crate::{
    engine::{Drain, Event, Stage, SweepId, TrialId, Why},
    spec::SpecError,
};

/// "Not found", as every command exits with.
const NOT_FOUND: u8 = 102;

impl Scheduler {
    /// Takes in a request; what it changes comes back as events.
    pub(super) fn answer(&mut self, call: Call) -> Vec<Event> {
        let Call { asked, by, reply } = call;
        let request = match asked {
            Asked::Submit(order) => {
                let (answer, events) = self.take_in(order.map(|order| *order));
                self.owed.push((reply, answer));
                return events;
            }
            Asked::Request(request) => request,
        };
        let (answer, events) = match request {
            Request::Status => (Reply::Status(Box::new(self.status())), vec![]),
            Request::Watch { sweep } => {
                self.watch(sweep, reply);
                return vec![];
            }
            Request::Why { trial } => (Reply::Why { lines: self.why(trial) }, vec![]),
            Request::Submit { file, text, facts, price } => {
                self.take_in(Order::new(file.into(), text, *facts, price))
            }
            Request::Cancel { sweep } => {
                self.change(sweep, "is being cancelled", Event::Cancel { sweep, by })
            }
            Request::Pause { sweep, stop } => {
                let what =
                    if stop { "is paused; what runs is stopped" } else { "is paused; what runs may end" };
                self.change(sweep, what, Event::Pause { sweep, by, stop })
            }
            Request::Resume { sweep } => self.change(sweep, "goes on", Event::Resume { sweep, by }),
            Request::Retry { sweep, trials } => self.retry(sweep, trials.as_deref()),
            Request::Stop { now } => {
                let message = "it is ending".to_owned();
                let again = now && self.state.drain != Drain::Stop;
                let events =
                    if again { vec![Event::Terminated, Event::Terminated] } else { vec![Event::Terminated] };
                self.told.push(format!("asked to end by {by}"));
                (Reply::Done { message }, events)
            }
        };
        self.owed.push((reply, answer));
        events
    }

    fn watch(&mut self, sweep: SweepId, reply: mpsc::Sender<Reply>) {
        // One that is over may have been brought again.
        if !self.state.sweeps.contains_key(&sweep) {
            let over = self.over.get(&sweep).cloned();
            let _ = reply.try_send(Reply::Over { over });
            return;
        }
        self.watchers.push(Watcher { sweep, reply, told: Vec::new() });
    }

    fn change(&self, sweep: SweepId, what: &str, event: Event) -> (Reply, Vec<Event>) {
        match self.state.sweeps.get(&sweep).map(|sweep| &sweep.stage) {
            None => {
                let message = format!("sweep {sweep} is over, or nobody submitted it to this scheduler");
                (
                    Reply::Error {
                        message,
                        hint: Some("`sweep list` shows them".to_owned()),
                        code: NOT_FOUND,
                    },
                    vec![],
                )
            }
            Some(Stage::Stopping(over)) => {
                let message = format!("sweep {sweep} is ending: {over}");
                (Reply::Error { message, hint: None, code: 2 }, vec![])
            }
            Some(Stage::Open) if matches!(event, Event::Resume { .. }) => {
                (Reply::Done { message: format!("sweep {sweep} is not paused") }, vec![])
            }
            Some(_) => (Reply::Done { message: format!("sweep {sweep} {what}") }, vec![event]),
        }
    }

    fn take_in(&mut self, order: Result<Order, SpecError>) -> (Reply, Vec<Event>) {
        let refused = if self.setup.daemon { None } else { Some(SchedulerError::Busy) };
        match refused.map_or_else(|| self.submit(order?), Err) {
            Ok((accepted, event)) => {
                self.unsynced = true;
                let (sweep, name) = (accepted.sweep, &accepted.name);
                self.told.push(format!("sweep {sweep} ({name}): {} trials to train", accepted.left));
                (Reply::Submitted(accepted), vec![event])
            }
            Err(error) => (refusal(&error), vec![]),
        }
    }

    fn retry(&mut self, sweep: SweepId, trials: Option<&[TrialId]>) -> (Reply, Vec<Event>) {
        let retried = match self.store.retry(sweep, trials, now()) {
            Ok(retried) => retried,
            Err(error) => return (refusal(&error.into()), vec![]),
        };
        let message = match retried {
            0 => "nothing to try again: no trial of it has failed".to_owned(),
            1 => format!("1 trial of sweep {sweep} waits again"),
            _ => format!("{retried} trials of sweep {sweep} wait again"),
        };
        if retried == 0 || !self.setup.daemon && !self.state.sweeps.contains_key(&sweep) {
            return (Reply::Done { message }, vec![]);
        }
        match self.resumption(sweep) {
            Ok(event) => (Reply::Done { message }, vec![event]),
            Err(error) => (refusal(&error), vec![]),
        }
    }

    /// Why a trial does not run, or that it does; nothing where the engine does not have it.
    fn why(&self, trial: TrialId) -> Vec<String> {
        let at = now();
        let Some(why) = self.state.why(at, trial) else { return Vec::new() };
        let again = |last: &str| format!("its last attempt failed: {last}");
        match why {
            Why::Running { slot, attempt, step, steps, since, stopping } => {
                let seconds = (at - since) / 1000;
                let mut lines = vec![format!(
                    "runs: attempt {attempt} in slot {slot} for {seconds} s, step {step} of {steps}"
                )];
                lines.extend(stopping.map(|why| format!("was asked to stop: {why}")));
                lines
            }
            Why::Delayed { until, failures, last } => {
                let seconds = ((until - at).max(0) as f64 / 1000.0).ceil();
                vec![format!("waits {seconds} s before its retry number {failures}"), again(&last)]
            }
            Why::Waiting { sweeps, last } => {
                let mut lines = Vec::new();
                for (sweep, ahead, blocker) in sweeps {
                    let place = match ahead {
                        0 => "is next".to_owned(),
                        1 => "is after 1 other trial".to_owned(),
                        _ => format!("is after {ahead} other trials"),
                    };
                    lines.push(format!("waits, and {place} in sweep {sweep}"));
                    lines.push(match blocker {
                        Some(blocker) => format!("sweep {sweep} starts nothing now: {blocker}"),
                        None => format!("sweep {sweep} is about to start one"),
                    });
                }
                lines.extend(last.as_deref().map(again));
                lines
            }
        }
    }
}

/// Why a request was not carried out. Nothing of it is kept; a store that can keep nothing more ends the scheduler with its
/// next commit.
fn refusal(error: &SchedulerError) -> Reply {
    let (hint, code) = match error {
        SchedulerError::Spec(_) => (None, 2),
        SchedulerError::Busy => {
            let hint = "wait until it has ended, or start `sweep daemon start` instead, which takes many";
            (Some(hint.to_owned()), 1)
        }
        SchedulerError::Store(error) => (error.hint(), error.exit_code()),
        SchedulerError::Home(_) => (None, 1),
    };
    Reply::Error { message: error.to_string(), hint, code }
}
