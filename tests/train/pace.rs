//! What quotes are made from: the time of each part of a trial.

use std::{fs, path::Path};

use sweep_trainer::Trainer;
use sweep_wire::{Images, Job, Pace, Source};

use super::{engine, plain_job};

fn images(set: &str) -> Source {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/data/digits");
    let file = |kind: &str| folder.join(format!("{set}-{kind}-ubyte.gz"));
    Source::Images(Images { images: file("images-idx3"), labels: file("labels-idx1") })
}

/// A small job; 360 samples are evaluated in batches of 50.
fn job() -> Job {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/models/mlp.onnx");
    let mut job = plain_job(model, images("train"));
    (job.batch_size, job.accumulate) = (50, 2);
    job.data.test = Some(images("t10k"));
    job
}

fn pace(job: &Job, folder: &Path) -> Pace {
    let mut heard = Vec::new();
    let pace = Trainer::pace(&engine(), job, Some(folder), &mut |done, of| heard.push((done, of))).unwrap();
    assert_eq!(heard, [(1, 4), (2, 4), (3, 4), (4, 4)], "it is said how far it is");
    pace
}

#[test]
fn each_part_of_a_trial_is_timed_several_times() {
    let folder = tempfile::tempdir().unwrap();
    let Pace { loads, starts, steps, evaluations, checkpoints, weights } =
        pace(&job(), &folder.path().join("new"));
    assert_eq!(loads.len(), 2);
    assert!((3..=10).contains(&steps.len()), "{steps:?}");
    for (what, timings) in [
        ("starts", &starts),
        ("evaluations", &evaluations),
        ("checkpoints", &checkpoints),
        ("weights", &weights),
    ] {
        assert!((2..=10).contains(&timings.len()), "{what}: {timings:?}");
    }
    for timing in loads.iter().chain(&starts).chain(&checkpoints).chain(&weights) {
        assert_eq!(timing.count, 1);
    }
    // An evaluation of this size is not cut off, unless the machine is very busy.
    assert!(evaluations.iter().all(|timing| (1..=8).contains(&timing.count)), "{evaluations:?}");
    for timing in loads.iter().chain(&steps).chain(&evaluations) {
        assert!(timing.seconds > 0.0, "{timing:?}");
    }
    let files: Vec<_> = fs::read_dir(folder.path().join("new")).unwrap().collect();
    assert_eq!(files.len(), checkpoints.len() + 1, "one for each checkpoint, and the last weights");
}

#[test]
fn without_a_folder_steps_alone_are_timed() {
    let mut heard = 0;
    let pace = Trainer::pace(&engine(), &job(), None, &mut |done, of| heard = done * 100 / of).unwrap();
    assert_eq!((pace.loads.len(), heard), (1, 100));
    assert!((3..=10).contains(&pace.steps.len()), "{:?}", pace.steps);
    assert_eq!(pace, Pace { loads: pace.loads.clone(), steps: pace.steps.clone(), ..Pace::default() });
}

#[test]
fn what_a_trial_has_not_is_not_timed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut job = job();
    job.data.test = None;
    let pace = pace(&job, &file);
    assert!(pace.evaluations.is_empty(), "nothing is held out");
    assert!(pace.checkpoints.is_empty() && pace.weights.is_empty(), "no folder can be made there");
    assert!(!pace.steps.is_empty());
}
