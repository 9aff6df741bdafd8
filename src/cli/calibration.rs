//! What was measured of a job on this machine, kept as `calibration/KEY.json` in the home folder.
//!
//! It is beside the store and not in it: the store has one writer, the scheduler, which may be at work while somebody asks
//! what a sweep will take; and before the first sweep there is no store. A file is written whole under another name first.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sweep_wire::{Curvature, Pace, Timing};

use crate::{
    device::{self, Machine},
    process,
};

/// The folder's name in the home folder.
const FOLDER: &str = "calibration";
/// Of what a file holds; one of another version is measured anew.
const VERSION: u32 = 1;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// What the names of folders begin with that checkpoints are tried in.
const SCRATCH: &str = "scratch-";

/// What is known of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calibration {
    version: u32,
    /// The processor and how many cores of it there were: a home may move.
    machine: String,
    pub(super) curvature: Option<Curvature>,
    pub(super) pace: Option<Paced>,
    /// How the machine is best divided; under a key of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) division: Option<Divided>,
}

/// Workers and threads, and what was measured of all divisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Divided {
    pub(super) workers: u32,
    pub(super) threads: u32,
    /// Of each division its workers, their threads, and the steps per second of all together.
    pub(super) measured: Vec<(u32, u32, f64)>,
}

/// How long the parts of a trial took, in all workers together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paced {
    /// Milliseconds since 1970, UTC.
    pub(super) measured_at: u64,
    /// How many threads wanted a processor in the minute before.
    pub(super) load: Option<f64>,
    pub(super) parts: Pace,
}

impl Paced {
    /// The mean seconds of a step.
    pub(super) fn step_seconds(&self) -> f64 {
        let sum = |of: fn(&Timing) -> f64| self.parts.steps.iter().map(of).sum::<f64>();
        sum(|timing| timing.seconds) / sum(|timing| timing.count as f64)
    }

    fn is_sound(&self) -> bool {
        let Pace { loads, starts, steps, evaluations, checkpoints, weights } = &self.parts;
        let mut all = [loads, starts, steps, evaluations, checkpoints, weights].into_iter().flatten();
        let is_sound =
            |timing: &Timing| timing.count > 0 && timing.seconds.is_finite() && timing.seconds >= 0.0;
        all.all(is_sound) && self.step_seconds() > 0.0 && self.load.is_none_or(|load| load >= 0.0)
    }
}

fn path(home: &Path, key: &str) -> PathBuf {
    home.join(FOLDER).join(format!("{key}.json"))
}

/// What is kept under this key; nothing where there is no file, or none of this version, of this machine, or that makes
/// sense.
pub(super) fn read(home: &Path, key: &str) -> Calibration {
    let text = File::open(path(home, key)).and_then(|file| {
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).map(|_| text)
    });
    let found: Option<Calibration> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
    let is_ours = |found: &Calibration| {
        found.version == VERSION
            && found.machine == machine()
            && found.pace.as_ref().is_none_or(Paced::is_sound)
    };
    found.filter(is_ours).unwrap_or_default()
}

/// Keeps it, in place of what was there.
///
/// # Errors
/// The disk.
pub(super) fn write(home: &Path, key: &str, calibration: &Calibration) -> io::Result<()> {
    let whole = Calibration { version: VERSION, machine: machine(), ..calibration.clone() };
    let path = path(home, key);
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    fs::create_dir_all(home.join(FOLDER))?;
    let written = fs::write(&partial, serde_json::to_string_pretty(&whole)? + "\n");
    written.and_then(|()| fs::rename(&partial, path)).inspect_err(|_| {
        let _ = fs::remove_file(&partial); // it may not exist
    })
}

fn machine() -> String {
    let model = Machine::read().model.unwrap_or_default();
    format!("{model}, {} cores", device::cores())
}

/// A folder to try checkpoints in, on the disk that they will be on; it goes with this.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Those of processes that were killed go, too.
    pub(super) fn new(home: &Path) -> Self {
        let folder = home.join(FOLDER);
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.parse().ok());
            if owner.is_some_and(|pid| !process::is_alive(pid)) {
                let _ = fs::remove_dir_all(entry.path()); // somebody else may be at it
            }
        }
        Self(folder.join(format!("{SCRATCH}{}", std::process::id())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // where nothing could be written there is none
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Calibration {
        let steps = vec![Timing { count: 10, seconds: 1.0 }, Timing { count: 10, seconds: 3.0 }];
        let parts = Pace { steps, ..Pace::default() };
        let pace = Some(Paced { measured_at: 7, load: Some(0.5), parts });
        Calibration { version: VERSION, machine: machine(), curvature: None, pace, division: None }
    }

    #[test]
    fn what_was_kept_is_read_again() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read(home.path(), "key"), Calibration::default(), "nothing is there");
        write(home.path(), "key", &sample()).unwrap();
        assert_eq!(read(home.path(), "key"), sample());
        assert_eq!(read(home.path(), "other"), Calibration::default());
        assert_eq!(read(home.path(), "key").pace.unwrap().step_seconds(), 0.2);
        let names: Vec<_> = fs::read_dir(home.path().join(FOLDER)).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing half-written stays");
    }

    #[test]
    fn what_makes_no_sense_counts_for_nothing() {
        let home = tempfile::tempdir().unwrap();
        let check = |change: &dyn Fn(&mut Calibration)| {
            let mut changed = sample();
            change(&mut changed);
            fs::create_dir_all(home.path().join(FOLDER)).unwrap();
            fs::write(path(home.path(), "key"), serde_json::to_string(&changed).unwrap()).unwrap();
            read(home.path(), "key") == changed
        };
        assert!(check(&|_| {}));
        assert!(!check(&|changed| changed.version = 2));
        assert!(!check(&|changed| changed.machine = "another".to_owned()));
        let parts =
            |change: fn(&mut Pace)| check(&|changed| change(&mut changed.pace.as_mut().unwrap().parts));
        assert!(!parts(|parts| parts.steps.clear()));
        assert!(!parts(|parts| parts.steps[0].count = 0));
        assert!(!parts(|parts| parts.steps[0].seconds = -1.0));
        assert!(!parts(|parts| parts.weights.push(Timing { count: 1, seconds: f64::MAX * 2.0 })));
        for text in
            ["", "{", "[]", r#"{"version": 1, "machine": "", "curvature": null, "pace": null, "x": 1}"#]
        {
            fs::write(path(home.path(), "key"), text).unwrap();
            assert_eq!(read(home.path(), "key"), Calibration::default(), "{text}");
        }
    }

    #[test]
    fn scratch_folders_go() {
        let home = tempfile::tempdir().unwrap();
        // No process has this number: Linux counts to 2²².
        let stale = home.path().join(FOLDER).join(format!("{SCRATCH}99999999"));
        fs::create_dir_all(&stale).unwrap();
        let scratch = Scratch::new(home.path());
        assert!(!stale.exists());
        let own = scratch.path().to_owned();
        fs::create_dir_all(own.join("0")).unwrap();
        drop(scratch);
        assert!(!own.exists());
    }
}
