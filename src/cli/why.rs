//! `sweep why TRIAL`: what a trial waits for, who stopped it, why it was tried again.

use std::process::ExitCode;

use super::{Failure, Global, OutputMode, ask, failure::print, results::look};
use crate::{
    daemon::protocol::{Reply, Request},
    engine::TrialId,
    report::{escape, wrap},
    store::{self, History},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its number, as `sweep trials` shows it
    #[arg(value_name = "TRIAL")]
    trial: TrialId,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let trial = args.trial;
    let history = store::open_reader(&global.home)?.history(trial)?;
    let now = match ask::scheduler(&global.home)? {
        None => None,
        Some(client) => match ask::answer(client, Request::Why { trial })? {
            Reply::Why { lines } => Some(lines),
            _ => return Err(ask::unexpected()),
        },
    };
    let state = state(&history, now);
    match global.output_mode {
        OutputMode::Quiet => {}
        OutputMode::Json => {
            let document = serde_json::json!({
                "version": 1, "trial": trial, "status": history.status, "why": state, "attempts": history.attempts,
                "sweeps": history.sweeps, "settled": history.settled,
            });
            print(&format!("{document:#}\n"))?;
        }
        OutputMode::Cli => {
            let mut text = format!("trial {trial}: {}\n", history.status);
            state.iter().for_each(|line| text += &format!("  {}\n", escape(line)));
            let look = look(global);
            let width = if look.folds { look.width.saturating_sub(2) } else { usize::MAX };
            for line in &history.settled {
                wrap(&escape(line), width).lines().for_each(|line| text += &format!("  {line}\n"));
            }
            if !history.attempts.is_empty() {
                text += "attempts:\n";
            }
            for attempt in &history.attempts {
                let end = attempt.end.as_deref().unwrap_or("running");
                let message =
                    attempt.message.as_deref().map_or(String::new(), |message| format!(": {message}"));
                let line = format!("{} since {}, {end}{message}", attempt.attempt, attempt.started);
                text += &format!("  {}\n", escape(&line));
            }
            if !history.events.is_empty() {
                text += "its sweeps:\n";
            }
            for event in &history.events {
                text += &format!("  {}\n", escape(event));
            }
            print(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// In words; `now` is what the scheduler says of it, where there is one.
fn state(history: &History, now: Option<Vec<String>>) -> Vec<String> {
    match history.status.as_str() {
        "done" => return vec!["it has its result".to_owned()],
        "diverged" | "failed" => return vec![history.reason.clone().unwrap_or_default()],
        "held" => return vec!["results have not called for this seed".to_owned()],
        _ => {}
    }
    if let Some(lines) = now.as_ref().filter(|lines| !lines.is_empty()) {
        return lines.clone();
    }
    let mut lines = Vec::new();
    for sweep in &history.sweeps {
        let reason = sweep.reason.as_deref().unwrap_or("every trial has ended");
        lines.push(match (sweep.state.as_str(), now.is_some()) {
            ("open", true) => format!("sweep {} is open, and this scheduler runs another", sweep.sweep),
            ("open", false) => {
                format!("sweep {} is open, and nothing schedules it: `sweep daemon start` does", sweep.sweep)
            }
            ("paused", _) => {
                format!("sweep {} was {reason}; `sweep resume {}` lets it go on", sweep.sweep, sweep.sweep)
            }
            (_, _) => format!("sweep {} is over: {reason}; running its spec again goes on", sweep.sweep),
        });
    }
    lines
}
