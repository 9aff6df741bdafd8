//! One attempt and its worker: how they begin, report, end, and what ends them.

use sweep::engine::{
    Action, AttemptEnd, Change, Drain, Event, Over, Policy, Record, State, Terms, TrialEnd, WorkerRef,
};
use sweep_wire::{FailureKind, FromWorker, Which};

use super::{exited, hello, progress, said, spawned, state, submit, terms, waiting};

/// An engine with one worker that runs attempt 1 of trial 7, which has 10 steps.
fn one_running() -> (State, WorkerRef) {
    let mut state = state(1);
    let actions = state.step(0, submit(1, terms(), vec![waiting(7, 10)]));
    let [Action::Spawn { worker, .. }] = actions[..] else { panic!("{actions:?}") };
    state.step(1, Event::Spawned { worker, pid: 42, process: "boot:1".into() });
    let actions = state.step(2, hello(worker));
    let (slot, pid, process, share, at) = (0, 42, "boot:1".into(), 1.0, 2);
    let started = Record::AttemptStarted { attempt: 1, trial: 7, slot, pid, process, share, at };
    assert_eq!(
        actions,
        [Action::Persist(started), Action::Assign { worker, attempt: 1, trial: 7, resume: vec![] }]
    );
    (state, worker)
}

/// What the longest pause without a step is unless a sweep says otherwise.
const STALL_MS: i64 = 600_000;

/// How many trials of the only sweep failed; none once it is over.
fn failed(actions: &[Action]) -> usize {
    let failed = |action: &&Action| {
        matches!(action, Action::Persist(Record::TrialEnded { end: TrialEnd::Failed { .. }, .. }))
    };
    actions.iter().filter(failed).count()
}

/// How the only sweep ended, if these actions end it.
fn over(actions: &[Action]) -> Option<&Over> {
    actions.iter().find_map(|action| match action {
        Action::Over { over, .. } => Some(over),
        _ => None,
    })
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
        joules: None,
        train_seconds: 0.5,
        at: 1002,
    };
    let over = Record::TrialEnded { trial: 7, end: TrialEnd::Done, at: 1002 };
    let done = Record::SweepChanged { sweep: 1, change: Change::Over(Over::Done), at: 1002 };
    assert_eq!(
        actions,
        [
            Action::Persist(end),
            Action::Persist(over),
            Action::Release { worker },
            Action::Persist(done),
            Action::Over { sweep: 1, over: Over::Done },
        ]
    );
    assert!(!state.is_finished(), "the worker has not ended");
    state.step(1003, exited(worker, "exit code 0"));
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
    let ghost = exited(WorkerRef { slot: 9, incarnation: 1 }, "");
    assert_eq!(state.step(2, ghost), []);
}

#[test]
fn a_failed_attempt_is_retried_and_then_given_up() {
    let (mut state, mut worker) = one_running();
    for attempt in 1..=3 {
        said(&mut state, worker, 10, progress(attempt, 5));
        let actions = state.step(20, exited(worker, "killed by SIGKILL"));
        if attempt == 3 {
            let message = "the worker died: killed by SIGKILL".to_owned();
            let over = Record::TrialEnded { trial: 7, end: TrialEnd::Failed { message }, at: 20 };
            assert!(actions.contains(&Action::Persist(over)), "{actions:?}");
            assert!(state.is_finished());
            return;
        }
        assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial: 7, at: 20 })));
        let [next] = spawned(&actions)[..] else { panic!("{actions:?}") };
        worker = next;
        state.step(20_000 * attempt as i64, hello(worker));
    }
}

#[test]
fn a_permanent_failure_is_not_retried() {
    let (mut state, worker) = one_running();
    let message =
        FromWorker::Failed { attempt: 1, kind: FailureKind::Permanent, message: "no such file".into() };
    let actions = said(&mut state, worker, 5, message);
    assert_eq!((failed(&actions), state.trials.len()), (1, 0));
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
    assert_eq!(stalled, Some(2 + STALL_MS + 1000));
    assert!(state.trials.contains_key(&7), "the trial waits for another attempt");
}

#[test]
fn time_in_which_the_scheduler_was_away_counts_for_nobody() {
    let policy = Policy::default();
    let (mut state, worker) = one_running();
    state.step(3, Event::Tick);
    let back = 10 * STALL_MS;
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
    let broken = Over::Broken { reason: "the data has changed".into() };
    assert_eq!((over(&actions), failed(&actions)), (Some(&broken), 0));
}

#[test]
fn a_third_interrupt_kills_and_blames_no_trial() {
    let (mut state, worker) = one_running();
    state.sweeps.get_mut(&1).unwrap().terms.max_retries = 0;
    state.step(3, Event::Interrupted);
    state.step(4, Event::Interrupted);
    let actions = state.step(5, Event::Interrupted);
    assert!(actions.contains(&Action::Kill { worker }), "{actions:?}");
    assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial: 7, at: 5 })), "{actions:?}");
    assert_eq!(failed(&actions), 0);
}

#[test]
fn an_environment_in_which_no_worker_lives_stops_the_sweep_with_one_message() {
    let mut state = state(2);
    let mut actions = state.step(0, submit(1, terms(), (0..100).map(|trial| waiting(trial, 10)).collect()));
    let (mut now, mut told, mut ends) = (0, Vec::new(), Vec::new());
    while !state.is_finished() {
        now += 1000;
        let started = spawned(&actions);
        actions = state.step(now, Event::Tick);
        for worker in started {
            actions.extend(state.step(now, exited(worker, "exit code 127")));
        }
        told.extend(actions.iter().filter(|action| matches!(action, Action::Tell { .. })).cloned());
        ends.extend(over(&actions).cloned());
        assert_eq!(failed(&actions), 0, "no trial is blamed");
        assert!(now < 1_000_000);
    }
    assert!(matches!(&ends[..], [Over::Broken { reason }] if reason.contains("exit code 127")), "{ends:?}");
    assert!(told.is_empty(), "its end says it: {told:?}");
}

#[test]
fn trials_that_all_fail_at_once_stop_the_sweep_and_are_not_blamed() {
    let mut state = state(2);
    let mut actions = state.step(0, submit(1, terms(), (0..100).map(|trial| waiting(trial, 10)).collect()));
    let (mut now, mut ends, mut running) = (0, Vec::new(), Vec::new());
    while !state.is_finished() {
        now += 1000;
        running.extend(super::start(&mut state, now, &actions));
        actions = state.step(now, Event::Tick);
        for (worker, attempt, _) in std::mem::take(&mut running) {
            let (kind, message) = (FailureKind::Transient, "No module named torch".into());
            actions.extend(said(&mut state, worker, now, FromWorker::Failed { attempt, kind, message }));
            actions.extend(state.step(now, exited(worker, "exit code 0")));
        }
        ends.extend(over(&actions).cloned());
        assert_eq!(failed(&actions), 0, "no trial is blamed");
        assert!(now < 1_000_000);
    }
    assert!(
        matches!(&ends[..], [Over::Broken { reason }] if reason.contains("No module named torch")),
        "{ends:?}"
    );
}

#[test]
fn one_trial_that_fails_at_once_is_at_fault_itself() {
    let mut state = state(1);
    let patient = Terms { max_retries: 20, ..terms() };
    let mut actions = state.step(0, submit(1, patient, vec![waiting(7, 10)]));
    let (mut now, mut attempts, mut blamed) = (0, 0, 0);
    while !state.is_finished() {
        now += 20_000;
        let running = super::start(&mut state, now, &actions);
        actions = state.step(now, Event::Tick);
        for (worker, attempt, _) in running {
            attempts += 1;
            let (kind, message) = (FailureKind::Transient, "no".into());
            actions.extend(said(&mut state, worker, now, FromWorker::Failed { attempt, kind, message }));
            actions.extend(state.step(now, exited(worker, "exit code 0")));
        }
        blamed += failed(&actions);
        assert!(now < 10_000_000);
    }
    assert_eq!((attempts, blamed), (21, 1));
}

#[test]
fn the_first_interrupt_lets_trials_finish_and_the_second_stops_them() {
    let (mut state, worker) = one_running();
    state.step(3, submit(1, terms(), vec![waiting(8, 10)]));
    state.step(5, Event::Interrupted);
    assert_eq!(state.drain, Drain::NoNewTrials);
    let stop = Action::Stop { worker, attempt: 1 };
    assert_eq!(state.step(6, Event::Interrupted), [stop]);
    let stopped = FromWorker::Failed { attempt: 1, kind: FailureKind::Stopped, message: "stopped".into() };
    let actions = said(&mut state, worker, 7, stopped);
    assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial: 7, at: 7 })), "{actions:?}");
    assert!(actions.contains(&Action::Release { worker }));
    state.step(8, exited(worker, "exit code 0"));
    assert!(state.is_finished());
    assert_eq!(state.trials.len(), 2, "both wait for the next run");
}

fn began(attempt: u64, step: u64, damaged: Vec<u64>) -> FromWorker {
    FromWorker::Started { attempt, step, state_bytes: 40_000_000, damaged }
}

#[test]
fn a_trial_goes_on_from_its_newest_checkpoint_and_old_ones_are_deleted() {
    let (mut state, worker) = one_running();
    assert_eq!(
        said(&mut state, worker, 3, began(1, 0, vec![])),
        [Action::Persist(Record::AttemptBegan { attempt: 1, trial: 7, step: 0, void: 0 })]
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
    let [worker] = spawned(&state.step(20, exited(worker, "killed by SIGKILL")))[..] else { panic!() };
    let actions = state.step(20_001, hello(worker));
    assert_eq!(actions[1], Action::Assign { worker, attempt: 2, trial: 7, resume: vec![4, 6] });
    // The newest is damaged: it is forgotten, and what was measured after the other one is void.
    let actions = said(&mut state, worker, 20_002, began(2, 4, vec![6]));
    assert!(
        matches!(&actions[0], Action::Tell { text, .. } if text.contains("damaged") && text.contains("step 4"))
    );
    let dropped = Record::CheckpointsDropped { trial: 7, steps: vec![6] };
    assert_eq!(
        actions[1..],
        [
            Action::Persist(Record::AttemptBegan { attempt: 2, trial: 7, step: 4, void: 4 }),
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
        vec![began_at(0), checkpoint(11)],
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
        state.step(12, exited(worker, "exit code 1"));
        let now = 20_000 * attempt as i64;
        let [next] = spawned(&state.step(now, Event::Tick))[..] else { panic!() };
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
