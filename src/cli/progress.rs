//! What a running sweep looks like: bars on a terminal, a line now and then elsewhere.

use std::{
    collections::HashMap,
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::say;
use crate::{
    engine::{Running, State, TrialId},
    report::{escape, seconds},
};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// No pace is derived from less than this.
const PACE_AFTER: Duration = Duration::from_secs(3);

/// Watches one run.
pub(super) struct Progress {
    labels: HashMap<TrialId, (String, u64)>,
    trials: u64,
    steps: u64,
    /// When the first steps were seen, and how many: what comes before them is loading.
    first: Option<(Instant, u64)>,
    /// Whether the first estimate was given.
    estimated: bool,
    view: View,
}

enum View {
    Silent,
    Lines { last: Instant, ended: u64 },
    Bars { all: MultiProgress, sweep: ProgressBar, workers: Vec<ProgressBar> },
}

impl Progress {
    /// For these trials, each with a label and its steps; `silent` shows nothing but what is told.
    pub(super) fn new(labels: HashMap<TrialId, (String, u64)>, workers: u32, silent: bool) -> Self {
        let trials = labels.len() as u64;
        let steps = labels.values().map(|(_, steps)| steps).sum();
        let view = if silent {
            View::Silent
        } else if std::io::stderr().is_terminal() {
            bars(steps, workers)
        } else {
            View::Lines { last: Instant::now(), ended: 0 }
        };
        Self { labels, trials, steps, first: None, estimated: false, view }
    }

    /// Shows where the run is.
    pub(super) fn show(&mut self, state: &State, told: &[String]) {
        for line in told {
            self.tell(line);
        }
        let counts = state.counts;
        let ended = counts.done + counts.diverged + counts.failed;
        let done = counts.steps + state.running().map(|(_, running)| running.step).sum::<u64>();
        let left = self.left(done);
        if let (Some(left), false) = (left, self.estimated) {
            self.estimated = true;
            self.announce(left, state);
        }
        match &mut self.view {
            View::Silent => {}
            View::Lines { last, ended: before } => {
                if ended == self.trials
                    || *before == ended && last.elapsed() < LINE_EVERY
                    || last.elapsed() < LINE_EVERY / 5
                {
                    return;
                }
                (*last, *before) = (Instant::now(), ended);
                let share = 100 * done / self.steps.max(1);
                let left = left
                    .map_or(String::new(), |left| format!(", about {} left", seconds(left.as_secs_f64())));
                say(&format!("{ended} of {} trials, {share}% of the steps{left}", self.trials));
            }
            View::Bars { sweep, workers, .. } => {
                sweep.set_position(done);
                let left = left
                    .map_or(String::new(), |left| format!(" · about {} left", seconds(left.as_secs_f64())));
                sweep.set_message(format!("{ended} of {} trials{left}", self.trials));
                let mut running: Vec<_> = vec![None; workers.len()];
                state.running().for_each(|(slot, attempt)| running[slot as usize] = Some(attempt));
                for (bar, running) in workers.iter().zip(running) {
                    worker(bar, running, &self.labels);
                }
            }
        }
    }

    /// The first estimate, which stays on the screen.
    fn announce(&self, left: Duration, state: &State) {
        let step_ms = state.running().find_map(|(_, running)| running.step_ms);
        if let (Some(ms), false) = (step_ms, matches!(self.view, View::Silent)) {
            let left = seconds(left.as_secs_f64());
            self.tell(&format!("{ms:.0} ms a step in each worker: about {left} left"));
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(self) {
        if let View::Bars { all, .. } = self.view {
            // A terminal that is gone needs no clearing.
            let _ = all.clear();
        }
    }

    fn tell(&self, line: &str) {
        match &self.view {
            View::Bars { all, .. } => drop(all.println(escape(line))),
            View::Silent | View::Lines { .. } => say(line),
        }
    }

    /// How long the rest takes at the pace so far, once there is a pace.
    fn left(&mut self, done: u64) -> Option<Duration> {
        let (since, before) = match self.first {
            Some(first) => first,
            None if done > 0 => *self.first.insert((Instant::now(), done)),
            None => return None,
        };
        let elapsed = since.elapsed();
        // A trial that is tried again takes back what its last attempt had done.
        if done <= before || elapsed < PACE_AFTER {
            return None;
        }
        let rest = self.steps.saturating_sub(done) as f64 / (done - before) as f64;
        Some(elapsed.mul_f64(rest))
    }
}

fn bars(steps: u64, workers: u32) -> View {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    let style = |template: &str| {
        ProgressStyle::with_template(template).expect("the template is valid").progress_chars("━╸─")
    };
    let sweep = all.add(ProgressBar::new(steps));
    sweep.set_style(style("sweep     {bar:20} {percent:>3}%  {wide_msg}"));
    let workers = (1..=workers)
        .map(|number| {
            let bar = all.add(ProgressBar::new(1));
            bar.set_prefix(format!("worker {number}"));
            bar.set_style(style("{prefix:<9} {bar:20} {percent:>3}%  {wide_msg}"));
            bar
        })
        .collect();
    View::Bars { all, sweep, workers }
}

fn worker(bar: &ProgressBar, running: Option<&Running>, labels: &HashMap<TrialId, (String, u64)>) {
    let Some(running) = running else {
        bar.set_position(0);
        bar.set_message("—");
        return;
    };
    let (label, steps) = labels.get(&running.trial).cloned().unwrap_or_default();
    bar.set_length(steps);
    bar.set_position(running.step);
    let numbers = match (running.loss, running.learning_rate) {
        (Some(loss), Some(rate)) => format!("loss {loss:.3} · rate {rate:.4}"),
        _ => "starting".to_owned(),
    };
    // The numbers first: a narrow terminal cuts the end.
    bar.set_message(format!("{numbers} · {label}"));
}
