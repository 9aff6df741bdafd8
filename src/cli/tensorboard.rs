//! `sweep tensorboard [SWEEP] -o DIR`: the learning curves of a sweep as TensorBoard reads them.

use std::{
    fs::{self, File},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use serde_json::json;

use super::{
    Failure, Global, OutputMode,
    failure::{print, say},
};
use crate::{
    report::{EventFile, folders},
    store::{self, Reader, Run},
};

/// What TensorBoard looks for in a run's folder: `tfevents` in the name.
const EVENTS: &str = "events.out.tfevents.sweep";
/// What it has not to look at yet.
const PARTIAL: &str = "sweep.partial";
/// Bytes that are written at once.
const CHUNK: usize = 1 << 18;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `last`, a number, or a name (the newest of it)
    #[arg(value_name = "SWEEP", default_value = "last")]
    sweep: String,
    /// The folder for event files, in which each trial has a folder; `tensorboard --logdir DIR` shows it
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Write into a folder that is not empty: event files of the same trials are replaced, everything else stays
    #[arg(long)]
    force: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let reader = store::open_reader(&global.home)?;
    let runs = reader.runs(reader.find(&args.sweep)?.sweep)?;
    make(&args.output, args.force)?;
    let mut progress = Progress::new(runs.len(), global.output_mode == OutputMode::Cli);
    let (mut written, mut points) = (0_u64, 0);
    for (done, (run, folder)) in runs.iter().zip(folders(&runs)).enumerate() {
        progress.show(done);
        let found = write(&reader, run, &args.output.join(folder))?;
        written += u64::from(found > 0);
        points += found;
    }
    progress.finish();
    match global.output_mode {
        OutputMode::Cli => {
            let folder = args.output.display();
            say(&format!(
                "wrote {points} points of {written} trials; `tensorboard --logdir {folder}` shows them"
            ));
        }
        OutputMode::Json => {
            print(&format!("{:#}\n", json!({"version": 1, "trials": written, "points": points})))?;
        }
        OutputMode::Quiet => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the folder, or finds it empty.
fn make(folder: &Path, force: bool) -> Result<(), Failure> {
    let failed = |error| Failure::usage(format!("`{}` cannot be used: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let is_empty = fs::read_dir(folder).map_err(failed)?.next().is_none();
    if !is_empty && !force {
        return Err(Failure::usage(format!("`{}` is not empty", folder.display()))
            .hint("`--force` replaces the event files of the same trials in it and leaves everything else"));
    }
    Ok(())
}

/// Writes a trial's event file, whole or not at all, and gives the number of its points. One without any has no folder.
fn write(reader: &Reader, run: &Run, folder: &Path) -> Result<u64, Failure> {
    let partial = folder.join(PARTIAL);
    let failed =
        |error: io::Error| Failure::internal(format!("`{}` cannot be written: {error}", folder.display()));
    let open = || fs::create_dir_all(folder).and_then(|()| File::create(&partial)).map_err(failed);
    let (mut events, mut file, mut points) = (EventFile::new(run), None, 0);
    let mut append = |bytes: Vec<u8>| {
        let mut file = match &file {
            Some(file) => file,
            None => file.insert(open()?),
        };
        file.write_all(&bytes).map_err(failed)
    };
    let read = reader.each_point(run.trial, |name, step, value| {
        events.point(name, step, value);
        points += 1;
        if events.waiting() < CHUNK { Ok(()) } else { append(events.take()) }
    });
    if points == 0 {
        return read.map(|()| 0);
    }
    let written = read.and_then(|()| {
        events.end(run);
        append(events.take())?;
        fs::rename(&partial, folder.join(EVENTS)).map_err(failed)
    });
    if written.is_err() {
        let _ = fs::remove_file(&partial); // it may not exist
    }
    written.map(|()| points)
}

/// How far it is, for people, once it takes a while.
struct Progress {
    trials: usize,
    loud: bool,
    started: Instant,
    bar: Option<ProgressBar>,
    /// When a line was printed last, where there is no terminal.
    said: Option<Instant>,
}

impl Progress {
    const AFTER: Duration = Duration::from_secs(1);
    const LINE_EVERY: Duration = Duration::from_secs(10);

    fn new(trials: usize, loud: bool) -> Self {
        Self { trials, loud, started: Instant::now(), bar: None, said: None }
    }

    fn show(&mut self, done: usize) {
        if !self.loud || self.started.elapsed() < Self::AFTER {
            return;
        }
        if io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| ProgressBar::new(self.trials as u64));
            bar.set_position(done as u64);
        } else if self.said.is_none_or(|said| said.elapsed() >= Self::LINE_EVERY) {
            self.said = Some(Instant::now());
            say(&format!("{done} of {} trials are written", self.trials));
        }
    }

    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
