//! A trial that was interrupted and goes on from its checkpoint ends bit for bit as one that was not.

use std::{fs, path::Path};

use proptest::prelude::*;
use sweep_trainer::checkpoint::read_weights;
use sweep_wire::{Augment, Best, Every, Keep, Validation};

use super::*;

const LAST: &str = "last.safetensors";
const BEST: &str = "best.safetensors";

/// What a trial's attempts measured, as a store keeps it, and what they left on disk.
#[derive(Debug, PartialEq)]
struct Left {
    /// By name and step, each value as its bits.
    points: BTreeMap<(String, u64), u64>,
    /// By file and tensor.
    weights: BTreeMap<(&'static str, String), Vec<u32>>,
}

fn weights(folder: &Path, name: &'static str) -> impl Iterator<Item = ((&'static str, String), Vec<u32>)> {
    let read = read_weights(&folder.join(name)).ok();
    let tensors = read.into_iter().flat_map(|weights| weights.tensors);
    tensors.map(move |(tensor, (_, values))| ((name, tensor), values.into_iter().map(f32::to_bits).collect()))
}

fn kept(folder: &Path, steps: u64, resume: Vec<u64>, every: Every) -> Run {
    let best = Some(Best { metric: "validation/loss".to_owned(), maximize: false });
    let keep = Keep { folder: folder.to_owned(), key: "key".to_owned(), every, resume, weights: true, best };
    let evaluate = (1..steps).filter(|step| step % 4 == 0).chain([steps]).collect();
    Run { keep: Some(keep), evaluate, ..every_step(5, steps) }
}

/// Trains in attempts that are stopped after these steps, each time with another trainer where `fresh` says so.
fn train_in_parts(job: &Job, rates: &[f32], cuts: &[u64], fresh: bool) -> Left {
    let folder = tempfile::tempdir().unwrap();
    let steps = rates.len() as u64;
    let mut left = Left { points: BTreeMap::new(), weights: BTreeMap::new() };
    let mut trainer = Trainer::new(&engine(), job).unwrap_or_else(|fault| panic!("{fault}"));
    let mut known = Vec::new();
    for cut in cuts.iter().copied().map(Some).chain([None]) {
        if fresh {
            trainer = Trainer::new(&engine(), job).unwrap();
        }
        let run = kept(folder.path(), steps, known.clone(), Every::Seconds(1e6));
        let mut done = 0;
        let (outcome, _) = trainer
            .train(&run, &Table::of_rates(rates.to_vec()), &mut |said| {
                match said {
                    Said::Began { step, damaged, .. } => {
                        assert_eq!((step, damaged), (known.last().copied().unwrap_or(0), vec![]));
                        left.points.retain(|(_, at), _| *at < step);
                        done = step;
                    }
                    Said::Nothing if Some(done) == cut => return Control::Stop,
                    Said::Nothing => done += 1,
                    Said::Update(update) => {
                        let point = |point: Point| ((point.name, point.step), point.value.to_bits());
                        left.points.extend(update.points.into_iter().map(point));
                    }
                    Said::Checkpoint { step, .. } => known.push(step),
                    Said::Weights { .. } => {}
                    Said::Note(text) => panic!("{text}"),
                }
                Control::Continue
            })
            .unwrap();
        assert_eq!(outcome, if cut.is_some() { Outcome::Stopped } else { Outcome::Done });
    }
    for name in [LAST, BEST] {
        left.weights.extend(weights(folder.path(), name));
    }
    left
}

#[test]
fn every_family_goes_on_where_it_was() {
    let mut cut = 3;
    for name in families::ALL.concat() {
        let fixture = families::read(name);
        let mut job = families::job(&fixture);
        job.data.shuffle = true;
        let rates = families::rates(&fixture);
        let rates = &rates[..12.min(rates.len())];
        cut = cut * 5 % 11 + 1;
        let whole = train_in_parts(&job, rates, &[], false);
        assert!(!whole.weights.is_empty());
        let first = cut.min(rates.len() as u64 - 1);
        assert!(train_in_parts(&job, rates, &[first], true) == whole, "{name}, stopped after {first} steps");
    }
}

/// Random order, crops, flips, dropout, a validation set, an average of the weights.
fn restless(seed_of_split: u64) -> Job {
    let mut job = Fixture::read("lenet").job(None);
    job.model.init = Init::KaimingNormal;
    job.data.shuffle = true;
    job.data.augment = vec![Augment::RandomCrop { padding: 2 }, Augment::HorizontalFlip];
    (job.data.validation, job.data.split_seed) = (Some(Validation::Share(0.2)), seed_of_split);
    (job.ema, job.clip_norm, job.accumulate) = (Some(0.9), Some(1.0), 2);
    job
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn wherever_it_is_stopped(split in 0_u64..3, cuts in prop::collection::btree_set(1_u64..14, 0..4), fresh: bool) {
        let (job, rates) = (restless(split), [0.05; 14]);
        let cuts: Vec<u64> = cuts.into_iter().collect();
        let whole = train_in_parts(&job, &rates, &[], false);
        prop_assert!(train_in_parts(&job, &rates, &cuts, fresh) == whole);
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_one_before_it_used() {
    let (job, rates) = (restless(0), vec![0.05; 12]);
    let whole = train_in_parts(&job, &rates, &[], false);
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = Trainer::new(&engine(), &job).unwrap();
    let table = Table::of_rates(rates);
    let mut steps = Vec::new();
    let run = kept(folder.path(), 12, vec![], Every::Steps(3));
    let mut collect = |said| {
        if let Said::Checkpoint { step, bytes } = said {
            assert_eq!(fs::metadata(folder.path().join(format!("{step}.safetensors"))).unwrap().len(), bytes);
            steps.push(step);
        }
        Control::Continue
    };
    trainer.train(&run, &table, &mut collect).unwrap();
    assert_eq!(steps, [3, 6, 9]);
    fs::remove_file(folder.path().join(LAST)).unwrap();

    let path = |step: u64| folder.path().join(format!("{step}.safetensors"));
    let mut bytes = fs::read(path(9)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path(9), bytes).unwrap();
    let mut began = None;
    let mut resume = |trainer: &mut Trainer, key: &str| {
        let mut run = kept(folder.path(), 12, vec![3, 6, 9], Every::Seconds(1e6));
        run.keep.as_mut().unwrap().key = key.to_owned();
        let report = &mut |said| {
            if let Said::Began { step, damaged, .. } = said {
                began = Some((step, damaged));
            }
            Control::Continue
        };
        assert_eq!(trainer.train(&run, &table, report).unwrap().0, Outcome::Done);
        began.take().unwrap()
    };
    assert_eq!(resume(&mut trainer, "key"), (6, vec![9]));
    assert!(weights(folder.path(), LAST).all(|(name, values)| whole.weights[&name] == values));
    // Those of another trial are as good as none.
    assert_eq!(resume(&mut trainer, "another"), (0, vec![9, 6, 3]));
    fs::write(path(6), "").unwrap();
    fs::remove_file(path(3)).unwrap();
    assert_eq!(resume(&mut trainer, "key"), (0, vec![9, 6, 3]));
}

#[test]
fn a_disk_that_takes_no_checkpoint_stops_no_trial() {
    let folder = tempfile::tempdir().unwrap();
    let (job, rates) = (restless(0), vec![0.05; 6]);
    // A file where the folder should be.
    fs::write(folder.path().join("file"), "").unwrap();
    let run = kept(&folder.path().join("file"), 6, vec![], Every::Steps(1));
    let mut notes = Vec::new();
    let report = &mut |said| {
        if let Said::Note(text) = said {
            notes.push(text);
        }
        Control::Continue
    };
    let outcome =
        Trainer::new(&engine(), &job).unwrap().train(&run, &Table::of_rates(rates), report).unwrap().0;
    assert_eq!(outcome, Outcome::Done);
    let about = |what: &str| notes.iter().filter(|note| note.contains(what)).count();
    assert_eq!(
        (about("a checkpoint cannot be written"), about("weights cannot be written")),
        (1, notes.len() - 1)
    );
}

#[test]
fn the_best_weights_are_those_of_the_best_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let job = restless(1);
    // A rate that spoils what the first steps learnt.
    let rates: Vec<f32> = [vec![0.05; 8], vec![3.0; 4]].concat();
    let run = kept(folder.path(), 12, vec![], Every::Seconds(1e6));
    let (mut points, mut weights) = (Vec::new(), Vec::new());
    let report = &mut |said| {
        match said {
            Said::Update(update) => points.extend(update.points),
            Said::Weights { which, step, .. } => weights.push((which, step)),
            _ => {}
        }
        Control::Continue
    };
    Trainer::new(&engine(), &job).unwrap().train(&run, &Table::of_rates(rates), report).unwrap();
    let losses: Vec<_> = points.iter().filter(|point| point.name == "validation/loss").collect();
    let best = losses.iter().min_by(|a, b| a.value.total_cmp(&b.value)).unwrap();
    assert!(best.step < 12, "{losses:?}");
    assert_eq!(weights, [(sweep_wire::Which::Last, 12), (sweep_wire::Which::Best, best.step)]);
    let read = |name: &str| read_weights(&folder.path().join(name)).unwrap();
    let (last, best) = (read(LAST), read(BEST));
    assert!(last.tensors.keys().eq(best.tensors.keys()) && last.tensors != best.tensors);
}
