//! What a running sweep looks like: bars on a terminal, a line now and then elsewhere.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::say;
use crate::{
    daemon::protocol::{Attempting, Snapshot},
    report::{escape, seconds},
};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Workers that have a bar of their own.
const MAX_BARS: usize = 16;

/// How long a sweep waits before that is explained.
const EXPLAIN_AFTER: Duration = Duration::from_secs(2);

/// No pace is derived from less than this.
const PACE_AFTER: Duration = Duration::from_secs(3);

/// Something that takes a while: what it is and for how long, only where a terminal shows it.
pub(super) fn waiting(what: &str, loud: bool) -> ProgressBar {
    if !loud || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Watches one sweep.
pub(super) struct Progress {
    /// Whether it was said that the sweep is paused.
    paused: bool,
    /// What it waits for, since when, and whether that was said.
    waits: Option<(String, Instant, bool)>,
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
    /// `silent` shows nothing but what is told.
    pub(super) fn new(silent: bool) -> Self {
        let view = if silent {
            View::Silent
        } else if std::io::stderr().is_terminal() {
            bars()
        } else {
            View::Lines { last: Instant::now(), ended: 0 }
        };
        Self { paused: false, waits: None, first: None, estimated: false, view }
    }

    /// Shows where the sweep is.
    pub(super) fn show(&mut self, snapshot: &Snapshot) {
        for line in &snapshot.told {
            self.tell(line);
        }
        if snapshot.state == "over" {
            return;
        }
        let paused = snapshot.state == "paused";
        if paused != std::mem::replace(&mut self.paused, paused) && !matches!(self.view, View::Silent) {
            self.tell(if paused {
                "the sweep is paused; `sweep resume` lets it go on"
            } else {
                "the sweep goes on"
            });
        }
        self.explain(snapshot.waits.as_deref().filter(|_| !paused));
        let (ended, done) = (snapshot.ended(), snapshot.steps_made);
        let left = self.left(done, snapshot.steps);
        if let (Some(left), false) = (left, self.estimated) {
            self.estimated = true;
            self.announce(left, snapshot);
        }
        match &mut self.view {
            View::Silent => {}
            View::Lines { last, ended: before } => {
                if ended == snapshot.trials
                    || *before == ended && last.elapsed() < LINE_EVERY
                    || last.elapsed() < LINE_EVERY / 5
                {
                    return;
                }
                (*last, *before) = (Instant::now(), ended);
                let share = 100 * done / snapshot.steps.max(1);
                let left = left
                    .map_or(String::new(), |left| format!(", about {} left", seconds(left.as_secs_f64())));
                say(&format!("{ended} of {} trials, {share}% of the steps{left}", snapshot.trials));
            }
            View::Bars { all, sweep, workers } => {
                sweep.set_length(snapshot.steps);
                sweep.set_position(done);
                let left = left
                    .map_or(String::new(), |left| format!(" · about {} left", seconds(left.as_secs_f64())));
                sweep.set_message(format!("{ended} of {} trials{left}", snapshot.trials));
                let slots =
                    snapshot.running.iter().map(|running| running.slot as usize + 1).max().unwrap_or(0);
                while workers.len() < slots.min(MAX_BARS) {
                    workers.push(worker_bar(all, workers.len() + 1));
                }
                for (slot, bar) in workers.iter().enumerate() {
                    worker(bar, snapshot.running.iter().find(|running| running.slot as usize == slot));
                }
            }
        }
    }

    /// Says what the sweep waits for, once it has waited for it a while.
    fn explain(&mut self, waits: Option<&str>) {
        let Some(waits) = waits else { return self.waits = None };
        match &mut self.waits {
            Some((known, since, said)) if known == waits => {
                if since.elapsed() >= EXPLAIN_AFTER && !std::mem::replace(said, true) {
                    let line = format!("nothing runs yet: {waits}");
                    self.tell(&line);
                }
            }
            other => *other = Some((waits.to_owned(), Instant::now(), false)),
        }
    }

    /// The first estimate, which stays on the screen.
    fn announce(&self, left: Duration, snapshot: &Snapshot) {
        let step_ms = snapshot.running.iter().find_map(|running| running.step_ms);
        if let (Some(ms), false) = (step_ms, matches!(self.view, View::Silent)) {
            let left = seconds(left.as_secs_f64());
            let digits = if ms < 10.0 { 1 } else { 0 };
            self.tell(&format!("{ms:.digits$} ms a step in each worker: about {left} left"));
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(self) {
        if let View::Bars { all, .. } = self.view {
            // A terminal that is gone needs no clearing.
            let _ = all.clear();
        }
    }

    pub(super) fn tell(&self, line: &str) {
        match &self.view {
            View::Bars { all, .. } => drop(all.println(escape(line))),
            View::Silent | View::Lines { .. } => say(line),
        }
    }

    /// How long the rest takes at the pace so far, once there is a pace.
    fn left(&mut self, done: u64, steps: u64) -> Option<Duration> {
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
        let rest = steps.saturating_sub(done) as f64 / (done - before) as f64;
        // Rounded up to a second: less is no forecast.
        Some(elapsed.mul_f64(rest).max(Duration::from_secs(1)))
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("━╸─")
}

fn bars() -> View {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    let sweep = all.add(ProgressBar::new(1));
    sweep.set_style(style("sweep     {bar:20} {percent:>3}%  {wide_msg}"));
    View::Bars { all, sweep, workers: Vec::new() }
}

fn worker_bar(all: &MultiProgress, number: usize) -> ProgressBar {
    let bar = all.add(ProgressBar::new(1));
    bar.set_prefix(format!("worker {number}"));
    bar.set_style(style("{prefix:<9} {bar:20} {percent:>3}%  {wide_msg}"));
    bar
}

fn worker(bar: &ProgressBar, running: Option<&Attempting>) {
    let Some(running) = running else {
        bar.set_position(0);
        bar.set_message("—");
        return;
    };
    bar.set_length(running.steps);
    bar.set_position(running.step);
    let numbers = match (running.loss, running.learning_rate) {
        (Some(loss), Some(rate)) => format!("loss {loss:.3} · rate {rate:.4}"),
        (Some(loss), None) => format!("loss {loss:.3}"),
        _ if running.step > 0 => format!("step {}", running.step),
        _ => "starting".to_owned(),
    };
    // The numbers first: a narrow terminal cuts the end.
    bar.set_message(format!("{numbers} · {}", running.label));
}
