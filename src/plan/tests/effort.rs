use sweep_wire::{Every, Init, Optimizer};

use super::*;
use crate::plan::{Course, Keeping};

/// A trial of 100 steps with batches of 10 that is looked at after these steps.
fn course(evaluate: &[u64], every: Every, best: bool) -> Course {
    let best = best.then(|| sweep_wire::Best { metric: "validation/accuracy".into(), maximize: true });
    Course { log_every: 1, evaluate: evaluate.to_vec(), keep: Keeping { every, weights: true, best } }
}

fn task() -> Task {
    let mut job = job(&with("").trials[0]).clone();
    job.batch_size = 10;
    Task::Train(job)
}

#[test]
fn evaluations_are_counted_in_batches() {
    /// Samples of the training, validation and test set.
    fn check(samples: [u64; 3], evaluate: &[u64], from: u64, batches: u64) {
        let [train_samples, validation_samples, test_samples] = samples;
        let facts = Facts { train_samples, validation_samples, test_samples, ..facts() };
        let found = effort(&task(), 100, &course(evaluate, Every::Steps(1000), false), &facts, from);
        assert_eq!((found.steps, found.batches), (100 - from, batches), "{samples:?} {evaluate:?} {from}");
    }
    // The test set on the way and at the end, then as many training samples.
    check([900, 0, 95], &[25, 50, 75, 100], 0, 3 * 10 + 10 + 10);
    check([900, 0, 100], &[100], 0, 10 + 10);
    // The validation set on the way, all at the end.
    check([900, 41, 95], &[50, 100], 0, 5 + 5 + 10 + 10);
    check([900, 41, 0], &[50, 100], 0, 5 + 5 + 5);
    check([900, 0, 0], &[50, 100], 0, 0);
    check([30, 0, 95], &[100], 0, 10 + 3);
    // A checkpoint is written before the evaluation of its step.
    check([900, 0, 100], &[25, 50, 75, 100], 50, 2 * 10 + 10 + 10);
    check([900, 0, 100], &[25, 50, 75, 100], 51, 10 + 10 + 10);
}

#[test]
fn checkpoints_and_weights_are_counted() {
    let check = |every, from, step_seconds, checkpoints| {
        let found = effort(&task(), 100, &course(&[100], every, false), &facts(), from);
        assert_eq!(found.checkpoints(step_seconds), checkpoints, "{every:?}");
        assert_eq!(found.weights, 1);
    };
    check(Every::Steps(25), 0, 1.0, 3);
    check(Every::Steps(30), 0, 1.0, 3);
    check(Every::Steps(100), 0, 1.0, 0);
    check(Every::Steps(25), 50, 1.0, 1);
    check(Every::Seconds(30.0), 0, 1.0, 3);
    check(Every::Seconds(30.0), 0, 0.1, 0);
    let best = effort(&task(), 100, &course(&[100], Every::Steps(9), true), &facts(), 0);
    assert_eq!(best.weights, 2, "the best ones, too");
}

#[test]
fn jobs_that_differ_in_numbers_of_the_optimiser_take_as_long() {
    let base = job(&with("").trials[0]).clone();
    let check = |change: &dyn Fn(&mut Job), expected| {
        let mut other = base.clone();
        change(&mut other);
        assert_eq!(are_alike((&other, &facts()), (&base, &facts())), expected, "{other:?}");
    };
    check(&|_| {}, true);
    check(&|job| job.model.onnx = "elsewhere/m.onnx".into(), true);
    check(
        &|job| {
            if let Optimizer::Sgd(sgd) = &mut job.optimizer {
                sgd.weight_decay = 0.1;
            }
        },
        true,
    );
    check(&|job| job.batch_size = 64, false);
    check(&|job| job.threads = 7, false);
    check(&|job| job.device = sweep_wire::Device::Cuda(sweep_wire::Precision::Float32), false);
    check(&|job| job.model.init = Init::Exported, false);
    check(
        &|job| {
            job.optimizer = Optimizer::Lion(sweep_wire::Lion { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 })
        },
        false,
    );
    let others = Facts { contents: Contents { model: "another".into(), data: "data".into() }, ..facts() };
    assert!(!are_alike((&base, &others), (&base, &facts())));
}
