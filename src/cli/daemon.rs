//! `sweep daemon start|stop|status|unit`: a scheduler that stays.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use clap::Subcommand;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Failure, Global, OutputMode, ask,
    failure::{print, say},
    run::{event_loop, setup, signal_channel},
    unit::systemd_unit,
};
use crate::{
    daemon::{
        Scheduler, Signal, View,
        protocol::{Reply, Request, Status},
    },
    device::{CoreClaims, allowed_cores},
    process,
    report::{escape, seconds},
};

/// How long a daemon may take to be there: a large store is read first.
const START: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// A log that is larger starts anew; one older is kept.
const MAX_LOG: u64 = 10 << 20;
/// A disk with less room than this is full, in bytes.
const LITTLE: u64 = 64 << 10;
/// How much of the log is shown where the daemon did not start, in bytes.
const SHOWN: usize = 2000;

#[derive(Debug, Subcommand)]
pub(super) enum Args {
    /// Start a scheduler for this home that stays, and goes on with what is open there
    Start {
        /// Stay in the foreground and log to standard error
        #[arg(long)]
        foreground: bool,
        /// What `start` without `--foreground` runs
        #[arg(long, hide = true, requires = "foreground")]
        detached: bool,
    },
    /// Stop what runs, with checkpoints, and end the daemon
    Stop {
        /// Kill what runs instead
        #[arg(long)]
        now: bool,
    },
    /// Whether a scheduler is there, and what it does
    Status,
    /// Print a systemd unit that runs the daemon
    Unit,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    match args {
        Args::Start { foreground: false, .. } => start(global),
        Args::Start { detached, .. } => serve(global, *detached),
        Args::Stop { now } => stop(global, *now),
        Args::Status => status(global),
        Args::Unit => {
            let home = std::path::absolute(&global.home).map_err(Failure::internal)?;
            print(&systemd_unit(&executable()?, &home))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn executable() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::internal(format!("cannot find this executable: {error}")))
}

fn log_path(home: &Path) -> PathBuf {
    home.join("daemon.log")
}

/// Starts a daemon in the background and waits until it answers.
fn start(global: &Global) -> Result<ExitCode, Failure> {
    if let Some(status) = ask::status(&global.home)? {
        let what = if status.daemon { "a daemon" } else { "`sweep run`" };
        return Err(Failure::usage(format!("{what} (process {}) already schedules this home", status.pid)));
    }
    let unwritable =
        |error| Failure::internal(format!("cannot write to `{}`: {error}", global.home.display()));
    fs::create_dir_all(&global.home).map_err(unwritable)?;
    let path = log_path(&global.home);
    if fs::metadata(&path).is_ok_and(|log| log.len() > MAX_LOG) {
        fs::rename(&path, path.with_extension("log.1")).map_err(unwritable)?;
    }
    let log = File::options().create(true).append(true).open(&path).map_err(unwritable)?;
    let before = log.metadata().map_err(unwritable)?.len();
    let mut child = Command::new(executable()?)
        .args(["daemon", "start", "--foreground", "--detached", "--home"])
        .arg(&global.home)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(unwritable)?)
        .stderr(log)
        .spawn()
        .map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    let status = await_start(global, &mut child, &path, before)?;
    if global.output_mode == OutputMode::Cli {
        print(&format!("the daemon runs (process {}); it logs to {}\n", status.pid, path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn await_start(global: &Global, child: &mut Child, log: &Path, before: u64) -> Result<Status, Failure> {
    let deadline = Instant::now() + START;
    loop {
        if let Some(status) = ask::status(&global.home)? {
            return Ok(status);
        }
        if child.try_wait().map_err(Failure::internal)?.is_some() {
            // It says itself what is wrong, as this command would.
            let said = tail(log, before);
            let (message, hint) = said.split_once("\n\nhint: ").unwrap_or((&said, ""));
            let message = message.trim().trim_start_matches("error: ").to_owned();
            let failure = Failure::internal(match message.is_empty() {
                // Not even its log took its last words.
                true if process::free_space(&global.home).is_ok_and(|free| free < LITTLE) => {
                    format!(
                        "the daemon ended at once: the disk that holds `{}` is full",
                        global.home.display()
                    )
                }
                true => format!("the daemon ended at once, and nothing is in its log, {}", log.display()),
                false => message,
            });
            return Err(if hint.is_empty() { failure } else { failure.hint(hint.trim()) });
        }
        if Instant::now() > deadline {
            return Err(Failure::internal(format!("the daemon does not answer after {} s", START.as_secs()))
                .hint(format!("its log is {}", log.display())));
        }
        std::thread::sleep(LOOK);
    }
}

fn tail(log: &Path, from: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        use std::io::{Seek, SeekFrom};
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(SHOWN)..]).into_owned(),
        Err(error) => format!("its log cannot be read: {error}"),
    }
}

/// The daemon itself.
fn serve(global: &Global, detached: bool) -> Result<ExitCode, Failure> {
    if detached {
        process::detach()
            .map_err(|error| Failure::internal(format!("cannot leave the terminal: {error}")))?;
    }
    let claims = CoreClaims::take(&allowed_cores());
    event_loop()?.block_on(async {
        let signals = signal_channel(&[
            (SignalKind::interrupt(), Signal::Terminate),
            (SignalKind::terminate(), Signal::Terminate),
        ])?;
        // It changes nothing: the terminal's end is not this process's.
        let _hangups = signal(SignalKind::hangup()).map_err(Failure::internal)?;
        let scheduler = Scheduler::open(setup(global, true, &claims)?)?;
        log(&format!("started, process {}, version {}", std::process::id(), env!("CARGO_PKG_VERSION")));
        let mut show = |view: View<'_>| view.told.iter().for_each(|line| log(line));
        let ended = scheduler.run(Vec::new(), signals, None, &mut show).await;
        match ended {
            Ok(_) => {
                log("ended");
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => Err(error.into()),
        }
    })
}

fn log(line: &str) {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
    say(&format!("{now} {line}"));
}

fn stop(global: &Global, now: bool) -> Result<ExitCode, Failure> {
    let nobody = || Failure::internal("no daemon runs for this home").code(102);
    let status = ask::status(&global.home)?.ok_or_else(nobody)?;
    if !status.daemon {
        return Err(Failure::usage(format!(
            "`sweep run` (process {}) schedules this home, no daemon",
            status.pid
        ))
        .hint("Ctrl-C there stops it; `sweep cancel` ends its sweep"));
    }
    let client = ask::scheduler(&global.home)?.ok_or_else(nobody)?;
    let Reply::Done { .. } = ask::answer(client, Request::Stop { now })? else {
        return Err(ask::unexpected());
    };
    let running: u32 = status.sweeps.iter().map(|sweep| sweep.running).sum();
    let mut told = Instant::now();
    // Its lock goes with the process.
    while process::is_alive(status.pid) && crate::store::is_writer_alive(&global.home) {
        if told.elapsed() > Duration::from_secs(2) && global.output_mode == OutputMode::Cli {
            told = Instant::now() + Duration::from_secs(3600);
            say(&format!(
                "{running} trials are writing their state; `sweep daemon stop --now` kills them instead"
            ));
        }
        std::thread::sleep(LOOK);
    }
    if global.output_mode == OutputMode::Cli {
        print("the daemon has ended\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn status(global: &Global) -> Result<ExitCode, Failure> {
    let Some(status) = ask::status(&global.home)? else {
        match global.output_mode {
            OutputMode::Json => print("{\"version\": 1, \"running\": false}\n")?,
            OutputMode::Cli => print(&format!("nothing schedules the home {}\n", global.home.display()))?,
            OutputMode::Quiet => {}
        }
        return Ok(ExitCode::from(102));
    };
    match global.output_mode {
        OutputMode::Quiet => {}
        OutputMode::Json => {
            let mut document = serde_json::to_value(&status).map_err(Failure::internal)?;
            document["sweep_version"] = document["version"].take();
            document["version"] = 1.into();
            document["running"] = true.into();
            print(&format!("{document:#}\n"))?;
        }
        OutputMode::Cli => print(&words(&status))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn words(status: &Status) -> String {
    let what = if status.daemon { "a daemon" } else { "`sweep run`" };
    let up = (crate::daemon::now() - status.since).max(0) as f64 / 1000.0;
    let cores = |thousandths: u32| f64::from(thousandths) / 1000.0;
    let (pid, version) = (status.pid, &status.version);
    let mut text = format!("{what} (process {pid}, version {version}) runs since {}\n", seconds(up));
    if status.draining {
        text += "it is ending: nothing more is started\n";
    }
    let used = cores(status.cpu - status.cpu_free);
    text += &format!("{} workers hold {used} of {} cores\n", status.workers, cores(status.cpu));
    for gpu in &status.gpus {
        let quarantine =
            gpu["quarantine"].as_str().map_or(String::new(), |why| format!(", left alone: {why}"));
        let name = escape(gpu["name"].as_str().unwrap_or_default());
        text +=
            &format!("GPU {} ({name}): {} free{}\n", gpu["index"], gpu["free_share"], escape(&quarantine));
    }
    if status.sweeps.is_empty() {
        text += "no sweep is open\n";
    }
    for sweep in &status.sweeps {
        let priority =
            if sweep.priority == 0 { String::new() } else { format!(", priority {}", sweep.priority) };
        let (number, state, running, waiting) = (sweep.sweep, &sweep.state, sweep.running, sweep.waiting);
        text += &format!("sweep {number}: {state}, {running} running, {waiting} waiting{priority}\n");
    }
    text
}
