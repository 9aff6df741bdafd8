//! `sweep logs TRIAL`: what its attempts printed.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    process::ExitCode,
    time::Duration,
};

use super::{
    Failure, Global,
    failure::{print, say},
};
use crate::{
    engine::TrialId,
    executor::attempt_log,
    store::{self, History},
};

/// How often a log is looked at for more.
const LOOK: Duration = Duration::from_millis(200);
/// The most that is read at one time, in bytes.
const CHUNK: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its number, as `sweep trials` shows it
    #[arg(value_name = "TRIAL")]
    trial: TrialId,
    /// Of this attempt alone; all of them unless given
    #[arg(long, value_name = "N")]
    attempt: Option<u64>,
    /// Go on until the trial is over
    #[arg(short, long)]
    follow: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let mut shown = Shown { attempt: 0, offset: 0, bytes: 0 };
    loop {
        // Before the logs: what is written until the trial is over is then read.
        let history = store::open_reader(&global.home)?.history(args.trial)?;
        let over = !matches!(history.status.as_str(), "queued" | "running");
        shown.show(global, &history, args.attempt)?;
        if !args.follow || over {
            break;
        }
        std::thread::sleep(LOOK);
    }
    if shown.bytes == 0 {
        let trial = args.trial;
        say(&format!("trial {trial} printed nothing that is kept; `sweep why {trial}` says where it is"));
    }
    Ok(ExitCode::SUCCESS)
}

/// How far the logs were shown.
struct Shown {
    attempt: u64,
    offset: u64,
    bytes: u64,
}

impl Shown {
    fn show(&mut self, global: &Global, history: &History, only: Option<u64>) -> Result<(), Failure> {
        let attempts = history.attempts.iter().map(|attempt| attempt.attempt);
        let many = history.attempts.len() > 1 && only.is_none();
        for attempt in attempts.filter(|attempt| only.is_none_or(|only| only == *attempt)) {
            if attempt < self.attempt {
                continue;
            }
            if attempt > self.attempt {
                (self.attempt, self.offset) = (attempt, 0);
            }
            let Ok(mut file) = File::open(attempt_log(&global.home, attempt)) else { continue };
            let unreadable = |error| Failure::internal(format!("the log of attempt {attempt}: {error}"));
            file.seek(SeekFrom::Start(self.offset)).map_err(unreadable)?;
            loop {
                let mut bytes = Vec::new();
                (&mut file).take(CHUNK).read_to_end(&mut bytes).map_err(unreadable)?;
                if bytes.is_empty() {
                    break;
                }
                if self.offset == 0 && many {
                    say(&format!("── attempt {attempt}"));
                }
                self.offset += bytes.len() as u64;
                self.bytes += bytes.len() as u64;
                print(&legible(&bytes))?;
            }
        }
        Ok(())
    }
}

/// What a program printed, without what would move a terminal's cursor or change its title; colours stay.
fn legible(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\n' | '\t' => shown.push(character),
            '\r' if rest.peek() == Some(&'\n') => {}
            // A progress bar that was drawn over.
            '\r' => shown.push('\n'),
            '\u{1b}' if rest.peek() == Some(&'[') => {
                let mut sequence = String::from("\u{1b}[");
                rest.next();
                while let Some(next) = rest.next_if(|next| next.is_ascii_digit() || *next == ';') {
                    sequence.push(next);
                }
                if rest.next() == Some('m') {
                    shown.push_str(&(sequence + "m"));
                }
            }
            character if character.is_control() => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::legible;

    #[test]
    fn a_log_cannot_steer_the_terminal() {
        assert_eq!(legible(b"plain \xff\n\ttab\r\n"), "plain \u{fffd}\n\ttab\n");
        assert_eq!(legible(b"\x1b[31mred\x1b[0m"), "\x1b[31mred\x1b[0m");
        assert_eq!(legible(b"10%\r20%"), "10%\n20%");
        assert_eq!(legible(b"\x1b[2Jgone\x1b]0;title\x07"), "gone\\u{1b}]0;title\\u{7}");
        assert_eq!(legible(b"\x1b["), "");
    }
}
