//! The store as the simulation has it: what was committed, and everything that must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use sweep::engine::{
    AttemptEnd, Before, Change, Event, Over, Record, Submitted, SweepId, Terms, TrialEnd, TrialId,
};

#[derive(Debug, Clone)]
pub(crate) struct SweepRow {
    pub(crate) terms: Terms,
    pub(crate) trials: Vec<TrialId>,
    /// What is not wanted yet.
    pub(crate) held: Vec<TrialId>,
    pub(crate) paused: bool,
    pub(crate) over: Option<Over>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) sweeps: BTreeMap<SweepId, SweepRow>,
    pub(crate) steps: BTreeMap<TrialId, u64>,
    pub(crate) ends: BTreeMap<TrialId, TrialEnd>,
    open: BTreeMap<TrialId, u64>,
    measured: BTreeMap<TrialId, BTreeSet<u64>>,
    pub(crate) checkpoints: BTreeMap<TrialId, BTreeSet<u64>>,
    newest: u64,
    pub(crate) max_start_failures: u32,
}

impl Ledger {
    /// The number after the last attempt's.
    pub(crate) fn next_attempt(&self) -> u64 {
        self.newest + 1
    }

    /// What a scheduler that starts finds: attempts of an earlier one are over, their trials wait.
    pub(crate) fn recover(&mut self) {
        self.open.clear();
    }

    /// A sweep's trials that have no result, as a submission.
    pub(crate) fn submission(&self, id: SweepId) -> Event {
        let row = &self.sweeps[&id];
        let trials = self.left(&row.trials);
        let ended = row.trials.iter().filter(|trial| self.ends.contains_key(trial)).count() as u64;
        let before = Before { ended, ..Before::default() };
        Event::Submitted { sweep: id, terms: Box::new(row.terms.clone()), before, trials }
    }

    fn left(&self, trials: &[TrialId]) -> Vec<Submitted> {
        let left = trials.iter().filter(|trial| !self.ends.contains_key(trial));
        let submitted = |trial: &TrialId| Submitted {
            trial: *trial,
            steps: self.steps[trial],
            checkpoints: self.checkpoints.get(trial).into_iter().flatten().copied().collect(),
        };
        left.map(submitted).collect()
    }

    /// A sweep whose trials are over wants so many of those that it holds, or the next that has no result.
    pub(crate) fn grow(&mut self, id: SweepId, most: usize) -> Event {
        let row = self.sweeps.get_mut(&id).expect("it is there");
        assert!(
            row.terms.grows
                && row.over.is_none()
                && row.trials.iter().all(|trial| self.ends.contains_key(trial))
        );
        let count = most.min(row.held.len());
        let fresh: Vec<TrialId> = row.held.drain(..count).collect();
        row.trials.extend(&fresh);
        Event::Grown { sweep: id, trials: self.left(&fresh) }
    }

    /// One committed record: attempts only grow, none is open twice, a trial that ended stays so, attempts go on from
    /// checkpoints that are there, and a finished trial has the points of all its steps.
    pub(crate) fn apply(&mut self, record: &Record) {
        match record {
            Record::AttemptStarted { attempt, trial, .. } => {
                assert!(*attempt > self.newest && !self.ends.contains_key(trial), "{record:?}");
                self.newest = *attempt;
                assert!(self.open.insert(*trial, *attempt).is_none(), "two live attempts: {record:?}");
            }
            Record::AttemptBegan { attempt, trial, step, .. } => {
                assert_eq!(self.open.get(trial), Some(attempt));
                assert!(*step == 0 || self.checkpoints[trial].contains(step), "{record:?}");
                let measured = self.measured.entry(*trial).or_default();
                measured.retain(|known| known < step);
                assert_eq!(measured.len() as u64, *step, "nothing before the checkpoint is lost");
            }
            Record::Points { attempt, trial, points } => {
                assert_eq!(self.open.get(trial), Some(attempt));
                let steps = points.iter().map(|point| point.step);
                self.measured.entry(*trial).or_default().extend(steps);
            }
            Record::CheckpointSaved { attempt, trial, step, .. } => {
                assert_eq!(self.open.get(trial), Some(attempt));
                let checkpoints = self.checkpoints.entry(*trial).or_default();
                assert!(checkpoints.insert(*step) && checkpoints.len() <= 3, "{record:?}");
            }
            Record::CheckpointsDropped { trial, steps } => {
                let checkpoints = self.checkpoints.entry(*trial).or_default();
                assert!(steps.iter().all(|step| checkpoints.remove(step)), "{record:?}");
            }
            Record::WeightsKept { .. } => {}
            Record::AttemptEnded { attempt, trial, end, .. } => {
                assert_eq!(self.open.remove(trial), Some(*attempt), "{record:?}");
                if *end == AttemptEnd::Done {
                    let steps = self.steps[trial];
                    let measured = self.measured.get(trial).into_iter().flatten().copied();
                    assert!(measured.eq(0..steps), "a finished trial has all points");
                    let left = self.checkpoints.get(trial);
                    assert!(left.is_none_or(BTreeSet::is_empty), "nothing is left");
                }
            }
            Record::TrialQueued { trial, .. } => assert!(!self.ends.contains_key(trial), "{record:?}"),
            Record::TrialEnded { trial, end, .. } => {
                assert!(!self.open.contains_key(trial), "{record:?}");
                assert!(self.ends.insert(*trial, end.clone()).is_none(), "it ended twice: {record:?}");
            }
            Record::SweepChanged { sweep, change, .. } => self.sweep_changed(*sweep, change),
        }
    }

    fn sweep_changed(&mut self, id: SweepId, change: &Change) {
        let row = self.sweeps.get_mut(&id).unwrap();
        assert!(row.over.is_none(), "sweep {id} is over already: {change:?}");
        match change {
            Change::Paused { .. } => row.paused = true,
            Change::Resumed { .. } => row.paused = false,
            Change::Over(over) => {
                row.over = Some(over.clone());
                if *over == Over::Done {
                    let all = row.trials.iter().all(|trial| self.ends.contains_key(trial));
                    assert!(all, "sweep {id} is done without all of its results");
                }
            }
        }
    }

    /// After everything is over: nothing is open, and every sweep has come to its end.
    pub(crate) fn check_end(&self) {
        assert!(self.open.is_empty(), "attempts are open: {:?}", self.open);
        for (id, row) in &self.sweeps {
            assert!(row.over.is_some(), "sweep {id} is not over");
        }
    }
}
