//! The engine under a virtual clock, with workers that do everything a process can do wrong. A seed decides
//! all of it; a failure prints the seed.

mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use sweep::engine::{
    Action, AttemptEnd, Drain, Event, Policy, Record, State, Submitted, TrialEnd, TrialId, WorkerRef,
};
use sweep_wire::{FailureKind, FromWorker, PROTOCOL, Point, Progress, Which};

use world::World;

fn hello(worker: WorkerRef) -> Event {
    Event::Said { worker, message: FromWorker::Hello { protocol: PROTOCOL, worker: "w".into(), pid: 1 } }
}

fn waiting(trial: TrialId, steps: u64) -> Submitted {
    Submitted { trial, steps, checkpoints: vec![] }
}

fn progress(attempt: u64, step: u64) -> FromWorker {
    let points = vec![Point { name: "train/loss".into(), step: step - 1, value: 1.0 }];
    FromWorker::Progress(Progress {
        attempt,
        step,
        loss: Some(1.0),
        learning_rate: Some(0.1),
        step_ms: 1.0,
        points,
    })
}

/// An engine with one worker that runs attempt 1 of trial 7, which has 10 steps.
fn one_running() -> (State, WorkerRef) {
    let mut state = State::new(Policy::default(), 1, 1);
    let actions = state.step(0, Event::Submitted { trials: vec![waiting(7, 10)] });
    let [Action::Spawn { worker }] = actions[..] else { panic!("{actions:?}") };
    state.step(1, Event::Spawned { worker, pid: 42 });
    let actions = state.step(2, hello(worker));
    let started = Record::AttemptStarted { attempt: 1, trial: 7, slot: 0, pid: 42, at: 2 };
    assert_eq!(
        actions,
        [Action::Persist(started), Action::Assign { worker, attempt: 1, trial: 7, resume: vec![] }]
    );
    (state, worker)
}

fn said(state: &mut State, worker: WorkerRef, at: i64, message: FromWorker) -> Vec<Action> {
    state.step(at, Event::Said { worker, message })
}

#[test]
fn a_trial_ends_when_all_its_steps_have_arrived() {
    let (mut state, worker) = one_running();
    said(&mut state, worker, 10, progress(1, 10));
    let actions =
        said(&mut state, worker, 1002, FromWorker::Done { attempt: 1, steps: 10, train_seconds: 0.5 });
    let end = Record::AttemptEnded {
        attempt: 1,
        trial: 7,
        end: AttemptEnd::Done,
        device_seconds: 1.0,
        train_seconds: 0.5,
        at: 1002,
    };
    let over = Record::TrialEnded { trial: 7, end: TrialEnd::Done, at: 1002 };
    assert_eq!(actions, [Action::Persist(end), Action::Persist(over), Action::Release { worker }]);
    assert!(!state.is_finished(), "the worker has not ended");
    state.step(1003, Event::Exited { worker, how: "exit code 0".into() });
    assert!(state.is_finished());
}

#[test]
fn a_worker_that_reports_done_without_its_steps_is_not_believed() {
    for (points_until, steps) in [(9, 10), (10, 9)] {
        let (mut state, worker) = one_running();
        said(&mut state, worker, 10, progress(1, points_until));
        let actions =
            said(&mut state, worker, 20, FromWorker::Done { attempt: 1, steps, train_seconds: 0.5 });
        assert!(actions.contains(&Action::Kill { worker }), "{actions:?}");
        assert!(state.trials.contains_key(&7), "the trial waits for another attempt");
    }
}

#[test]
fn late_messages_change_nothing() {
    let (mut state, worker) = one_running();
    let before = state.clone();
    let old = WorkerRef { incarnation: 0, ..worker };
    for (who, message) in [
        (old, progress(1, 10)),
        (old, FromWorker::Done { attempt: 1, steps: 10, train_seconds: 1.0 }),
        (worker, FromWorker::Done { attempt: 99, steps: 10, train_seconds: 1.0 }),
        (worker, FromWorker::Diverged { attempt: 99, step: 1, train_seconds: 1.0 }),
        (worker, progress(99, 10)),
    ] {
        assert_eq!(said(&mut state, who, 2, message), []);
    }
    assert_eq!(state.late_messages, 5);
    state.late_messages = 0;
    assert_eq!(state, before);
    let ghost = Event::Exited { worker: WorkerRef { slot: 9, incarnation: 1 }, how: String::new() };
    assert_eq!(state.step(2, ghost), []);
}

#[test]
fn a_failed_attempt_is_retried_and_then_given_up() {
    let (mut state, mut worker) = one_running();
    for attempt in 1..=3 {
        said(&mut state, worker, 10, progress(attempt, 5));
        let actions = state.step(20, Event::Exited { worker, how: "killed by SIGKILL".into() });
        if attempt == 3 {
            let message = "the worker died: killed by SIGKILL".to_owned();
            let over = Record::TrialEnded { trial: 7, end: TrialEnd::Failed { message }, at: 20 };
            assert!(actions.contains(&Action::Persist(over)), "{actions:?}");
            assert!(state.is_finished());
            return;
        }
        assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial: 7, at: 20 })));
        let actions = state.step(20_000 * attempt as i64, Event::Tick);
        let [Action::Spawn { worker: next }] = actions[..] else { panic!("{actions:?}") };
        worker = next;
        state.step(20_000 * attempt as i64, hello(worker));
    }
}

#[test]
fn a_permanent_failure_is_not_retried() {
    let (mut state, worker) = one_running();
    let message =
        FromWorker::Failed { attempt: 1, kind: FailureKind::Permanent, message: "no such file".into() };
    said(&mut state, worker, 5, message);
    assert_eq!((state.counts.failed, state.trials.len()), (1, 0));
}

/// When a worker that does nothing but `say` each second is killed, if it is within `until`.
fn killed_at(
    state: &mut State,
    worker: WorkerRef,
    from: i64,
    until: i64,
    say: Option<FromWorker>,
) -> Option<i64> {
    (from..=until).step_by(1000).find(|now| {
        if let Some(message) = &say {
            said(state, worker, *now, message.clone());
        }
        state.step(*now, Event::Tick).contains(&Action::Kill { worker })
    })
}

#[test]
fn silence_and_stalls_end_a_worker() {
    let policy = Policy::default();
    let (mut state, worker) = one_running();
    let silent = killed_at(&mut state, worker, 2, 1_000_000, None);
    assert_eq!(silent, Some(2 + policy.silence_ms + 1000), "at the first tick after the limit");

    let (mut state, worker) = one_running();
    let stalled = killed_at(&mut state, worker, 2, 1_000_000, Some(FromWorker::Heartbeat));
    assert_eq!(stalled, Some(2 + policy.stall_ms + 1000));
    assert!(state.trials.contains_key(&7), "the trial waits for another attempt");
}

#[test]
fn time_in_which_the_scheduler_was_away_counts_for_nobody() {
    let policy = Policy::default();
    let (mut state, worker) = one_running();
    state.step(3, Event::Tick);
    let back = 10 * policy.stall_ms;
    let limit = back + policy.silence_ms;
    assert_eq!(killed_at(&mut state, worker, back, limit - 1000, None), None);
    assert_eq!(killed_at(&mut state, worker, limit, limit + 2000, None), Some(limit), "then the limit holds");
}

#[test]
fn a_job_that_changed_stops_the_sweep_and_blames_no_trial() {
    let (mut state, worker) = one_running();
    let message =
        FromWorker::Failed { attempt: 1, kind: FailureKind::Job, message: "the data has changed".into() };
    let actions = said(&mut state, worker, 5, message);
    assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial: 7, at: 5 })), "{actions:?}");
    assert!(actions.contains(&Action::Release { worker }), "{actions:?}");
    assert!(matches!(&state.drain, Drain::Broken { reason } if reason == "the data has changed"));
    assert_eq!((state.counts.failed, state.trials.len()), (0, 1));
}

#[test]
fn a_third_interrupt_kills_and_blames_no_trial() {
    let (mut state, worker) = one_running();
    state.policy.max_retries = 0;
    state.step(3, Event::Interrupted);
    state.step(4, Event::Interrupted);
    let actions = state.step(5, Event::Interrupted);
    assert!(actions.contains(&Action::Kill { worker }), "{actions:?}");
    assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial: 7, at: 5 })), "{actions:?}");
    assert_eq!(state.counts.failed, 0);
}

#[test]
fn an_environment_in_which_no_worker_lives_stops_the_sweep_with_one_message() {
    let mut state = State::new(Policy::default(), 2, 1);
    let mut actions =
        state.step(0, Event::Submitted { trials: (0..100).map(|trial| waiting(trial, 10)).collect() });
    let (mut now, mut told) = (0, Vec::new());
    while !state.is_finished() {
        now += 1000;
        let spawned: Vec<_> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Spawn { worker } => Some(*worker),
                _ => None,
            })
            .collect();
        actions = state.step(now, Event::Tick);
        for worker in spawned {
            actions.extend(state.step(now, Event::Exited { worker, how: "exit code 127".into() }));
        }
        told.extend(actions.iter().filter(|action| matches!(action, Action::Tell(_))).cloned());
        assert!(now < 1_000_000);
    }
    assert!(
        matches!(&state.drain, Drain::Broken { reason } if reason.contains("exit code 127")),
        "{:?}",
        state.drain
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(state.trials.len(), 100, "no trial is blamed");
}

#[test]
fn the_first_interrupt_lets_trials_finish_and_the_second_stops_them() {
    let (mut state, worker) = one_running();
    state.step(3, Event::Submitted { trials: vec![waiting(8, 10)] });
    state.step(5, Event::Interrupted);
    assert_eq!(state.drain, Drain::NoNewTrials);
    let stop = Action::Stop { worker, attempt: 1 };
    assert_eq!(state.step(6, Event::Interrupted), [stop]);
    let stopped = FromWorker::Failed { attempt: 1, kind: FailureKind::Stopped, message: "stopped".into() };
    let actions = said(&mut state, worker, 7, stopped);
    assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial: 7, at: 7 })), "{actions:?}");
    assert!(actions.contains(&Action::Release { worker }));
    state.step(8, Event::Exited { worker, how: "exit code 0".into() });
    assert!(state.is_finished());
    assert_eq!(state.trials.len(), 2, "both wait for the next run");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever workers do, once they stop misbehaving every trial ends, once.
    #[test]
    fn after_the_faults_every_trial_ends(seed in any::<u64>()) {
        let world = World::run(seed);
        let mut ends = BTreeMap::new();
        for record in &world.records {
            if let Record::TrialEnded { trial, .. } = record {
                *ends.entry(*trial).or_insert(0) += 1;
            }
        }
        prop_assert_eq!(ends.len(), world.trials, "every trial ended; seed {}", seed);
        prop_assert!(ends.values().all(|count| *count == 1), "and only once; seed {}", seed);
        world.check_records();
    }

    #[test]
    fn the_same_seed_gives_the_same_records(seed in any::<u64>()) {
        prop_assert_eq!(World::run(seed).records, World::run(seed).records);
    }
}

fn began(attempt: u64, step: u64, damaged: Vec<u64>) -> FromWorker {
    FromWorker::Started { attempt, step, state_bytes: 40_000_000, damaged }
}

#[test]
fn a_trial_goes_on_from_its_newest_checkpoint_and_old_ones_are_deleted() {
    let (mut state, worker) = one_running();
    assert_eq!(
        said(&mut state, worker, 3, began(1, 0, vec![])),
        [Action::Persist(Record::AttemptBegan { attempt: 1, trial: 7, step: 0 })]
    );
    for step in [2, 4] {
        said(&mut state, worker, 10, progress(1, step));
        let saved = Record::CheckpointSaved { attempt: 1, trial: 7, step, bytes: 9, at: 11 };
        let actions = said(&mut state, worker, 11, FromWorker::Checkpoint { attempt: 1, step, bytes: 9 });
        assert_eq!(actions, [Action::Persist(saved)]);
    }
    let actions = said(&mut state, worker, 12, FromWorker::Checkpoint { attempt: 1, step: 6, bytes: 9 });
    let dropped = Record::CheckpointsDropped { trial: 7, steps: vec![2] };
    assert_eq!(actions[1..], [Action::Persist(dropped), Action::Discard { trial: 7, steps: vec![2] }]);
    state.step(20, Event::Exited { worker, how: "killed by SIGKILL".into() });
    let [Action::Spawn { worker }] = state.step(20_000, Event::Tick)[..] else { panic!() };
    let actions = state.step(20_001, hello(worker));
    assert_eq!(actions[1], Action::Assign { worker, attempt: 2, trial: 7, resume: vec![4, 6] });
    // The newest is damaged: it is forgotten, and what was measured after the other one is void.
    let actions = said(&mut state, worker, 20_002, began(2, 4, vec![6]));
    assert!(matches!(&actions[0], Action::Tell(text) if text.contains("damaged") && text.contains("step 4")));
    let dropped = Record::CheckpointsDropped { trial: 7, steps: vec![6] };
    assert_eq!(
        actions[1..],
        [
            Action::Persist(Record::AttemptBegan { attempt: 2, trial: 7, step: 4 }),
            Action::Persist(dropped),
            Action::Discard { trial: 7, steps: vec![6] },
        ]
    );
}

#[test]
fn checkpoints_that_cannot_be_are_not_believed() {
    let began_at = |step| began(1, step, vec![]);
    let checkpoint = |step| FromWorker::Checkpoint { attempt: 1, step, bytes: 9 };
    for lies in [
        vec![began_at(3)],
        vec![began_at(0), began_at(0)],
        vec![checkpoint(3)],
        vec![began_at(0), checkpoint(0)],
        vec![began_at(0), checkpoint(5), checkpoint(5)],
        vec![began_at(0), checkpoint(10)],
        vec![began_at(0), FromWorker::Weights { attempt: 1, which: Which::Last, step: 11, bytes: 1 }],
    ] {
        let (mut state, worker) = one_running();
        let actions: Vec<_> =
            lies.iter().flat_map(|message| said(&mut state, worker, 5, message.clone())).collect();
        assert!(actions.contains(&Action::Kill { worker }), "{lies:?}: {actions:?}");
    }
}

#[test]
fn a_trial_that_gets_further_each_time_is_not_given_up() {
    let (mut state, mut worker) = one_running();
    for attempt in 1..9 {
        let resume = state.trials[&7].checkpoints.last().copied().unwrap_or(0);
        said(&mut state, worker, 10, began(attempt, resume, vec![]));
        said(&mut state, worker, 11, FromWorker::Checkpoint { attempt, step: attempt, bytes: 1 });
        state.step(12, Event::Exited { worker, how: "exit code 1".into() });
        let now = 20_000 * attempt as i64;
        let [Action::Spawn { worker: next }] = state.step(now, Event::Tick)[..] else { panic!() };
        worker = next;
        state.step(now, hello(worker));
    }
    assert_eq!(state.trials[&7].failures, 1);
}

#[test]
fn a_worker_that_is_asked_to_stop_gets_the_time_to_write_its_state() {
    let (mut state, worker) = one_running();
    said(&mut state, worker, 10, began(1, 0, vec![])); // 40 MB: two seconds on the slowest disk
    state.step(20, Event::Interrupted);
    state.step(20, Event::Interrupted);
    said(&mut state, worker, 12_000, FromWorker::Heartbeat);
    assert_eq!(state.step(12_019, Event::Tick), [], "ten seconds of grace and two for the disk");
    let actions = state.step(12_100, Event::Tick);
    assert!(actions.contains(&Action::Kill { worker }), "{actions:?}");
}
