//! `sweep doctor`: whether training can work here. Each check looks at one thing and says what to do about it;
//! none takes long, and none leaves anything behind.

mod home;
mod machine;
mod runtime;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Failure, Global, OutputMode, failure::print, results::look};
use crate::{
    device::{self, CpuSlots, Machine},
    report::{self, Check, State},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "The exit code is 1 if there is any problem, 0 if there are at most warnings.")]
pub(super) struct Args {}

/// When checks that have not answered are given up: a lost network file system answers never.
const PATIENCE: Duration = Duration::from_secs(10);

/// What checks look at.
struct Here {
    home: PathBuf,
    machine: Machine,
    /// How the processors are divided unless a spec says otherwise.
    slots: CpuSlots,
}

/// How a check came out; its name is in the list.
struct Finding {
    state: State,
    found: String,
    advice: Option<String>,
}

impl Finding {
    fn ok(found: impl Into<String>) -> Self {
        Self { state: State::Ok, found: found.into(), advice: None }
    }

    fn warning(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn problem(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Problem, found: found.into(), advice: Some(advice.into()) }
    }
}

type Look = fn(&Here) -> Finding;

const CHECKS: &[(&str, Look)] = &[
    ("ONNX Runtime", runtime::library),
    ("GPUs", runtime::gpus),
    ("home folder", home::folder),
    ("disk space", home::space),
    ("store", home::store),
    ("scheduler", home::scheduler),
    ("left-over workers", home::workers),
    ("open files", machine::open_files),
    ("processes", machine::processes),
    ("memory", machine::memory),
    ("core claims", machine::claims),
    ("clock", machine::clock),
    ("temporary files", machine::temporary),
];

pub(super) fn run(global: &Global, _: &Args) -> Result<ExitCode, Failure> {
    let here = Here {
        home: std::path::absolute(&global.home).unwrap_or_else(|_| global.home.clone()),
        machine: Machine::read(),
        slots: device::cpu_slots(device::cores(), None, None),
    };
    let checks = all(CHECKS, here, PATIENCE);
    match global.output_mode {
        OutputMode::Quiet => {}
        OutputMode::Json => print(&format!("{:#}\n", json!({"version": 1, "checks": checks})))?,
        OutputMode::Cli => print(&report::checks(&checks, look(global)))?,
    }
    let is_broken = checks.iter().any(|check| check.state == State::Problem);
    Ok(ExitCode::from(u8::from(is_broken)))
}

/// Makes all checks at once; one that has not answered after `patience` is a problem.
fn all(list: &'static [(&'static str, Look)], here: Here, patience: Duration) -> Vec<Check> {
    let here = Arc::new(here);
    let (tell, told) = mpsc::channel();
    for (index, (_, look)) in list.iter().enumerate() {
        let (here, tell) = (here.clone(), tell.clone());
        // Nobody listens any more to one that is too late.
        thread::spawn(move || drop(tell.send((index, look(&here)))));
    }
    drop(tell);
    let end = Instant::now() + patience;
    let mut found: Vec<Option<Finding>> = list.iter().map(|_| None).collect();
    while let Ok((index, finding)) = told.recv_timeout(end.saturating_duration_since(Instant::now())) {
        found[index] = Some(finding);
    }
    let check = |((name, _), finding): (&(&'static str, Look), Option<Finding>)| {
        let Finding { state, found, advice } = finding.unwrap_or_else(|| {
            Finding::problem(
                format!("no answer within {} s", patience.as_secs()),
                "look for a file system or a driver that hangs",
            )
        });
        Check { name, state, found, advice }
    };
    list.iter().zip(found).map(check).collect()
}

/// Whether a file can be made in this folder, by making one and deleting it.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".sweep-doctor-{}-{:?}", std::process::id(), thread::current().id()));
    File::create_new(&path)?;
    fs::remove_file(&path)
}

/// The folder, or the nearest above it that is there.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"))
}

fn count(number: impl Into<u64>, name: &str) -> String {
    match number.into() {
        1 => format!("1 {name}"),
        number => format!("{number} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_hangs_is_a_problem() {
        fn hang(_: &Here) -> Finding {
            loop {
                thread::park();
            }
        }
        const LIST: &[(&str, Look)] = &[("hangs", hang), ("answers", |_| Finding::ok("fine"))];
        let here =
            Here { home: PathBuf::new(), machine: Machine::read(), slots: device::cpu_slots(1, None, None) };
        let checks = all(LIST, here, Duration::from_millis(300));
        let states: Vec<_> = checks.iter().map(|check| (check.name, check.state)).collect();
        assert_eq!(states, [("hangs", State::Problem), ("answers", State::Ok)]);
    }
}
