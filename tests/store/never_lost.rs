//! Whatever is submitted and happens in whatever order, a result that was acknowledged stays as it was.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sweep::{
    engine::{AttemptEnd, Record, TrialEnd, TrialId},
    store::{Store, open_reader},
};
use tempfile::TempDir;

use super::large::agrees;
use super::support::{NOW, attempt_ended, home, info, point, points, started, terms, trial, trial_ended};

#[derive(Debug, Clone)]
enum Step {
    /// Some of the trials, under one of a few names.
    Submit {
        name: u8,
        trials: Vec<u8>,
    },
    Start(usize),
    Measure(usize),
    Finish(usize, f64),
    Diverge(usize),
    Fail(usize),
    Requeue(usize),
    /// A result in a batch that cannot be kept.
    Contradict(usize),
    /// The scheduler goes away and another one comes.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8, prop::collection::vec(0..6_u8, 1..6))
            .prop_map(|(name, trials)| Step::Submit { name, trials }),
        any::<usize>().prop_map(Step::Start),
        any::<usize>().prop_map(Step::Start),
        any::<usize>().prop_map(Step::Measure),
        (any::<usize>(), 0.0..1.0).prop_map(|(at, value)| Step::Finish(at, value)),
        (any::<usize>(), 0.0..1.0).prop_map(|(at, value)| Step::Finish(at, value)),
        any::<usize>().prop_map(Step::Diverge),
        any::<usize>().prop_map(Step::Fail),
        any::<usize>().prop_map(Step::Requeue),
        any::<usize>().prop_map(Step::Contradict),
        Just(Step::Crash),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Queued,
    Running(u64),
    Done(f64),
    Diverged,
    Failed,
}

/// The store beside what must be in it.
struct World {
    home: TempDir,
    store: Option<Store>,
    trials: BTreeMap<TrialId, Known>,
}

impl World {
    fn store(&mut self) -> &mut Store {
        let home = self.home.path();
        self.store.get_or_insert_with(|| Store::open_writer(home).unwrap())
    }

    /// One of the trials that are as asked.
    fn pick(&self, at: usize, wanted: impl Fn(&Known) -> bool) -> Option<(TrialId, Known)> {
        let fitting: Vec<_> = self.trials.iter().filter(|(_, known)| wanted(known)).collect();
        fitting.get(at % fitting.len().max(1)).map(|(id, known)| (**id, **known))
    }

    fn running(&self, at: usize) -> Option<(TrialId, u64)> {
        match self.pick(at, |known| matches!(known, Known::Running(_))) {
            Some((id, Known::Running(attempt))) => Some((id, attempt)),
            _ => None,
        }
    }

    fn end(&mut self, at: usize, first: Option<Record>, ends: (AttemptEnd, TrialEnd), known: Known) {
        if let Some((id, attempt)) = self.running(at) {
            let mut records = vec![points(attempt, id, vec![point("train/loss", 99, 0.1)])];
            records.extend(first.map(|record| match record {
                Record::Points { points: values, .. } => points(attempt, id, values),
                other => other,
            }));
            records.extend([attempt_ended(attempt, id, ends.0), trial_ended(id, ends.1)]);
            self.store().apply(&records).unwrap();
            self.trials.insert(id, known);
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Submit { name, trials } => self.submit(name, &trials),
            Step::Start(at) => {
                if let Some((id, _)) = self.pick(at, |known| *known == Known::Queued) {
                    let attempt = self.store().next_attempt().unwrap();
                    self.store().apply(&[started(attempt, id)]).unwrap();
                    self.trials.insert(id, Known::Running(attempt));
                }
            }
            Step::Measure(at) => {
                if let Some((id, attempt)) = self.running(at) {
                    self.store()
                        .apply(&[points(attempt, id, vec![point("test/accuracy", 50, 2.0)])])
                        .unwrap();
                }
            }
            Step::Finish(at, value) => {
                let last = points(0, 0, vec![point("test/accuracy", 100, value)]);
                self.end(at, Some(last), (AttemptEnd::Done, TrialEnd::Done), Known::Done(value));
            }
            Step::Diverge(at) => {
                let step = 1;
                self.end(
                    at,
                    None,
                    (AttemptEnd::Diverged { step }, TrialEnd::Diverged { step }),
                    Known::Diverged,
                );
            }
            Step::Fail(at) => {
                let message = || "broken".to_owned();
                let ends =
                    (AttemptEnd::Failed { message: message() }, TrialEnd::Failed { message: message() });
                self.end(at, None, ends, Known::Failed);
            }
            Step::Requeue(at) => {
                if let Some((id, attempt)) = self.running(at) {
                    let end = AttemptEnd::Failed { message: "again".to_owned() };
                    let records =
                        [attempt_ended(attempt, id, end), Record::TrialQueued { trial: id, at: NOW }];
                    self.store().apply(&records).unwrap();
                    self.trials.insert(id, Known::Queued);
                }
            }
            Step::Contradict(at) => self.contradict(at),
            Step::Crash => {
                self.crash();
                for known in self.trials.values_mut().filter(|known| matches!(known, Known::Running(_))) {
                    *known = Known::Queued;
                }
            }
        }
    }

    /// Goes on with the files as they were while the store was open, as after a kill.
    fn crash(&mut self) {
        self.store();
        let after = home();
        for file in ["sweep.db", "sweep.db-wal"] {
            let kept = self.home.path().join(file);
            if kept.exists() {
                std::fs::copy(kept, after.path().join(file)).unwrap();
            }
        }
        self.store = None;
        self.home = after;
    }

    fn submit(&mut self, name: u8, trials: &[u8]) {
        let planned: Vec<_> = trials.iter().map(|seed| trial("cosine", 100, 0.1, u64::from(*seed))).collect();
        let submission = self.store().submit(&info(&name.to_string()), &planned, &terms(), NOW).unwrap();
        for (id, _) in submission.trials {
            let known = self.trials.entry(id).or_insert(Known::Queued);
            if *known == Known::Failed {
                *known = Known::Queued;
            }
        }
    }

    fn contradict(&mut self, at: usize) {
        if let Some((id, attempt)) = self.running(at) {
            let records = [
                points(attempt, id, vec![point("test/accuracy", 100, 3.0)]),
                attempt_ended(attempt, id, AttemptEnd::Done),
                trial_ended(id, TrialEnd::Done),
                trial_ended(id, TrialEnd::Done),
            ];
            self.store().apply(&records).unwrap_err();
        }
    }

    fn check(&mut self) {
        self.store();
        let reader = open_reader(self.home.path()).unwrap();
        agrees(&reader);
        for (id, known) in &self.trials {
            let detail = reader.trial(*id).unwrap();
            let result =
                detail.metrics.iter().find(|metric| metric.name == "test/accuracy" && metric.step == 100);
            let (status, value) = match known {
                Known::Queued => ("queued", None),
                Known::Running(_) => ("running", None),
                Known::Done(value) => ("done", Some(*value)),
                Known::Diverged => ("diverged", None),
                Known::Failed => ("failed", None),
            };
            assert_eq!((detail.status.as_str(), result.and_then(|metric| metric.value)), (status, value));
            let live = detail.attempts.iter().filter(|attempt| attempt.end.is_none()).count();
            assert_eq!(live, usize::from(status == "running"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_result_is_lost_or_changed(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World { home: home(), store: None, trials: BTreeMap::new() };
        for step in steps {
            world.take(step);
            world.check();
        }
    }
}
