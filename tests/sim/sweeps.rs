//! Several sweeps in one scheduler: who goes first, who waits for what, and when a sweep is over.

use std::collections::BTreeMap;

use sweep::engine::{
    Action, Before, Change, Event, Kind, Limits, Need, Over, Record, Stage, State, Submitted, SweepId, Terms,
    Why,
};
use sweep_wire::{FailureKind, FromWorker};

use super::{assigned, exited, progress, said, spawned, start, state, submit, terms, waiting};

fn trials(ids: std::ops::Range<i64>) -> Vec<Submitted> {
    ids.map(|id| waiting(id, 10)).collect()
}

/// How many attempts of each sweep run.
fn running(state: &State) -> BTreeMap<SweepId, u32> {
    state.sweeps.iter().map(|(id, sweep)| (*id, sweep.running)).collect()
}

fn finish(state: &mut State, at: i64, worker: sweep::engine::WorkerRef, attempt: u64) -> Vec<Action> {
    said(state, worker, at, progress(attempt, 10));
    said(state, worker, at, FromWorker::Done { attempt, steps: 10, train_seconds: 0.1 })
}

fn overs(actions: &[Action]) -> Vec<(SweepId, Over)> {
    let over = |action: &Action| match action {
        Action::Over { sweep, over } => Some((*sweep, over.clone())),
        _ => None,
    };
    actions.iter().filter_map(over).collect()
}

/// In words, as `sweep why` says it.
fn blocker(state: &State, now: i64, trial: i64) -> String {
    match state.why(now, trial) {
        Some(Why::Waiting { sweeps, .. }) => sweeps[0].2.clone().unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sweeps_share_the_cores_evenly_and_whoever_is_behind_goes_next() {
    let mut state = state(4);
    let actions = state.step(0, submit(1, terms(), trials(0..50)));
    let mut busy = start(&mut state, 1, &actions);
    assert_eq!(running(&state), BTreeMap::from([(1, 4)]), "one alone takes all");
    state.step(2, submit(2, terms(), trials(100..150)));
    for round in 0..4 {
        let (worker, attempt, _) = busy.remove(0);
        busy.extend(assigned(&finish(&mut state, 3 + round, worker, attempt)));
    }
    assert_eq!(running(&state), BTreeMap::from([(1, 2), (2, 2)]));
    for round in 0..40 {
        let (worker, attempt, _) = busy.remove(0);
        busy.extend(assigned(&finish(&mut state, 10 + round, worker, attempt)));
        assert_eq!(running(&state), BTreeMap::from([(1, 2), (2, 2)]), "and so it stays");
    }
}

#[test]
fn a_larger_priority_goes_first() {
    let mut state = state(1);
    state.step(0, submit(1, terms(), trials(0..3)));
    let worker = *state.workers.keys().next().unwrap();
    state.step(0, submit(2, Terms { priority: 5, ..terms() }, trials(10..12)));
    let mut order = Vec::new();
    let mut next = assigned(&state.step(1, super::hello(worker)));
    while let Some((worker, attempt, trial)) = next.pop() {
        order.push(trial);
        next = assigned(&finish(&mut state, 2, worker, attempt));
    }
    assert_eq!(order, [10, 11, 0, 1, 2]);
}

#[test]
fn a_trial_that_two_sweeps_want_is_trained_once_and_outlives_one_of_them() {
    let mut state = state(1);
    let actions = state.step(0, submit(1, terms(), vec![waiting(7, 10)]));
    state.step(0, submit(2, terms(), vec![waiting(7, 10)]));
    let (worker, attempt, _) = start(&mut state, 1, &actions)[0];
    assert_eq!(running(&state), BTreeMap::from([(1, 1), (2, 1)]));
    let actions = state.step(2, Event::Cancel { sweep: 1, by: "root".into() });
    assert_eq!(overs(&actions), [(1, Over::Cancelled { by: "root".into() })]);
    assert!(!actions.contains(&Action::Stop { worker, attempt }), "the other still wants it");
    assert_eq!(overs(&finish(&mut state, 3, worker, attempt)), [(2, Over::Done)]);
}

#[test]
fn a_cancelled_sweep_stops_what_runs_and_is_over_when_that_has_ended() {
    let mut state = state(1);
    let actions = state.step(0, submit(1, terms(), trials(0..3)));
    let (worker, attempt, trial) = start(&mut state, 1, &actions)[0];
    let actions = state.step(2, Event::Cancel { sweep: 1, by: "root".into() });
    let change = Change::Over(Over::Cancelled { by: "root".into() });
    let kept = Action::Persist(Record::SweepChanged { sweep: 1, change, at: 2 });
    assert_eq!((actions, state.trials.len()), (vec![kept, Action::Stop { worker, attempt }], 1));
    let message = "stopped on request".into();
    let actions =
        said(&mut state, worker, 3, FromWorker::Failed { attempt, kind: FailureKind::Stopped, message });
    assert_eq!(overs(&actions), [(1, Over::Cancelled { by: "root".into() })]);
    assert!(actions.contains(&Action::Persist(Record::TrialQueued { trial, at: 3 })), "it has no result");
    assert!(state.trials.is_empty());
}

#[test]
fn a_paused_sweep_starts_nothing_and_goes_on_where_it_was() {
    let mut state = state(1);
    let actions = state.step(0, submit(1, terms(), trials(0..2)));
    let (worker, attempt, _) = start(&mut state, 1, &actions)[0];
    let by = || "root".to_owned();
    let actions = state.step(2, Event::Pause { sweep: 1, by: by(), stop: false });
    let paused = Record::SweepChanged { sweep: 1, change: Change::Paused { by: by() }, at: 2 };
    assert_eq!(actions, [Action::Persist(paused)], "what runs may end");
    assert_eq!(assigned(&finish(&mut state, 3, worker, attempt)), []);
    assert!(blocker(&state, 4, 1).contains("paused"));
    let mut actions = state.step(5, Event::Resume { sweep: 1, by: by() });
    if assigned(&actions).is_empty() {
        // The idle worker was let go meanwhile.
        actions.extend(state.step(6, exited(worker, "exit code 0")));
        actions.extend(state.step(6, Event::Tick));
    }
    assert_eq!(start(&mut state, 7, &actions)[0].2, 1);

    let (worker, attempt) =
        state.running().map(|(worker, running)| (worker, running.attempt)).next().unwrap();
    let actions = state.step(8, Event::Pause { sweep: 1, by: by(), stop: true });
    assert!(actions.contains(&Action::Stop { worker, attempt }), "{actions:?}");
}

#[test]
fn limits_count_what_runs_and_end_the_sweep_when_it_has_ended() {
    let limit = |limits| Terms { limits, usd_per_hour: Some(3600.0), ..terms() };
    let mut state = state(4);
    let actions =
        state.step(0, submit(1, limit(Limits { trials: Some(2), ..Limits::default() }), trials(0..9)));
    assert_eq!(spawned(&actions).len(), 4, "workers are on their way before a trial is committed");
    let mut busy = start(&mut state, 1, &actions);
    assert_eq!(busy.len(), 2, "no third trial though two workers are free");
    assert!(blocker(&state, 2, 5).contains("the limit of 2 trials"));
    let (worker, attempt, _) = busy.remove(0);
    let actions = finish(&mut state, 3, worker, attempt);
    assert_eq!((assigned(&actions), overs(&actions)), (vec![], vec![]));
    let (worker, attempt, _) = busy.remove(0);
    let actions = finish(&mut state, 4, worker, attempt);
    assert_eq!(overs(&actions), [(1, Over::Limited { reason: "the limit of 2 trials".into() })]);
}

#[test]
fn trials_that_have_results_count_towards_a_limit() {
    let mut state = state(1);
    let limits = Limits { trials: Some(5), ..Limits::default() };
    let before = Before { ended: 5, ..Before::default() };
    let terms = Box::new(Terms { limits, ..terms() });
    let actions = state.step(0, Event::Submitted { sweep: 1, terms, before, trials: trials(0..2) });
    assert_eq!(overs(&actions), [(1, Over::Limited { reason: "the limit of 5 trials".into() })]);
    assert_eq!(spawned(&actions), []);
}

#[test]
fn money_counts_what_is_spent_what_runs_and_what_would_start() {
    let mut state = state(2);
    // A dollar a second for the machine, half of it for each core.
    let limits = Limits { usd: Some(12.0), ..Limits::default() };
    let dear = Terms { limits, usd_per_hour: Some(3600.0), ..terms() };
    let actions = state.step(0, submit(1, dear, trials(0..9)));
    let mut busy = start(&mut state, 0, &actions);
    assert_eq!(busy.len(), 2, "nothing is known of the pace");
    // Both are half way after 4 s: $4 are spent, $4 more are committed, and a next one would take $4.
    for (worker, attempt, _) in &busy {
        said(&mut state, *worker, 4_000, progress(*attempt, 5));
    }
    let (worker, attempt, _) = busy.remove(0);
    said(&mut state, busy[0].0, 8_000, progress(busy[0].1, 10));
    let actions = finish(&mut state, 8_000, worker, attempt);
    let next = assigned(&actions);
    assert_eq!(next.len(), 1, "$8 are spent or committed, $4 more are allowed: {actions:?}");
    let (worker, attempt, _) = busy.remove(0);
    let actions = finish(&mut state, 8_000, worker, attempt);
    assert_eq!(assigned(&actions), [], "$12 are");
    assert!(blocker(&state, 8_001, 5).contains("the limit of $12"), "{}", blocker(&state, 8_001, 5));
    let (worker, attempt, _) = next[0];
    let ends = overs(&finish(&mut state, 16_000, worker, attempt));
    assert!(matches!(&ends[..], [(1, Over::Limited { .. })]), "{ends:?}");
}

#[test]
fn wall_clock_and_failures_are_limits_too() {
    let mut state = state(1);
    let limits = Limits { wall_clock_ms: Some(1000), ..Limits::default() };
    let actions = state.step(0, submit(1, Terms { limits, ..terms() }, trials(0..3)));
    let (worker, attempt, _) = start(&mut state, 1, &actions)[0];
    let next = assigned(&finish(&mut state, 999, worker, attempt));
    let (worker, attempt, _) = next[0];
    let ends = overs(&finish(&mut state, 1000, worker, attempt));
    assert!(matches!(&ends[..], [(1, Over::Limited { reason })] if reason.contains("1 s")), "{ends:?}");

    let limits = Limits { failures: Some(1), ..Limits::default() };
    let actions = state.step(2000, submit(2, Terms { limits, ..terms() }, trials(10..13)));
    let mut busy = assigned(&actions);
    busy.extend(start(&mut state, 2000, &actions));
    while busy.is_empty() {
        busy.extend(assigned(&state.step(2001, exited(worker, "exit code 0"))));
        let actions = state.step(2002, Event::Tick);
        busy.extend(start(&mut state, 2002, &actions));
    }
    let (worker, attempt, _) = busy[0];
    let message = "no such file".into();
    let failed = FromWorker::Failed { attempt, kind: FailureKind::Permanent, message };
    let ends = overs(&said(&mut state, worker, 2003, failed));
    assert!(matches!(&ends[..], [(2, Over::Limited { reason })] if reason.contains("failed")), "{ends:?}");
}

#[test]
fn a_retry_waits_twice_as_long_each_time() {
    let mut state = state(1);
    let slow = Terms { backoff_ms: 1000, max_retries: 9, ..terms() };
    let mut actions = state.step(0, submit(1, slow, vec![waiting(7, 10)]));
    let mut now = 0;
    for pause in [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000] {
        let (worker, attempt, _) = start(&mut state, now, &actions)[0];
        said(&mut state, worker, now, progress(attempt, 5));
        state.step(now, exited(worker, "exit code 1"));
        assert!(matches!(state.why(now, 7), Some(Why::Delayed { until, .. }) if until == now + pause));
        assert_eq!(spawned(&state.step(now + pause - 1, Event::Tick)), []);
        now += pause;
        actions = state.step(now, Event::Tick);
    }
    let sweep = &state.sweeps[&1];
    assert_eq!(sweep.terms.max_retries, 9);
}

#[test]
fn who_needs_more_is_not_overtaken_for_ever() {
    let mut state = state(4);
    let wide = Terms { need: Need { cpu: 4000, ..terms().need }, ..terms() };
    let actions = state.step(0, submit(1, terms(), trials(0..50)));
    let mut busy = start(&mut state, 1, &actions);
    state.step(2, submit(2, wide, trials(100..101)));
    let mut wide_started = false;
    for round in 0..20 {
        let Some((worker, attempt, _)) = busy.pop() else { break };
        let actions = finish(&mut state, 10 + round, worker, attempt);
        if actions.contains(&Action::Release { worker }) {
            let actions = state.step(10 + round, exited(worker, "exit code 0"));
            let started = start(&mut state, 10 + round, &actions);
            wide_started |= started.iter().any(|(_, _, trial)| *trial == 100);
            busy.extend(started);
        }
        busy.extend(assigned(&actions));
        if wide_started {
            break;
        }
    }
    assert!(wide_started, "four cores came free for it: {:?}", running(&state));
}

#[test]
fn models_and_programs_take_workers_of_their_own() {
    let mut state = state(1);
    let program = Terms { need: Need { kind: Kind::Program, ..terms().need }, ..terms() };
    let actions = state.step(0, submit(1, terms(), trials(0..1)));
    let (worker, attempt, _) = start(&mut state, 1, &actions)[0];
    state.step(2, submit(2, program, trials(10..11)));
    assert!(
        blocker(&state, 2, 10)
            .contains("a worker takes 1 core, and 0 are free; of the workers sweep 1 has 1"),
        "{}",
        blocker(&state, 2, 10)
    );
    let actions = finish(&mut state, 3, worker, attempt);
    assert!(actions.contains(&Action::Release { worker }), "it trains models: {actions:?}");
    let actions = state.step(4, exited(worker, "exit code 0"));
    let Some(Action::Spawn { need, .. }) = actions.first() else { panic!("{actions:?}") };
    assert_eq!(need.kind, Kind::Program);
}

#[test]
fn a_sweep_that_grows_is_asked_once_and_ends_when_it_has_all() {
    let mut state = state(1);
    state.step(0, submit(1, Terms { grows: true, ..terms() }, trials(0..1)));
    let worker = *state.workers.keys().next().unwrap();
    let asks = |actions: &[Action]| {
        actions.iter().filter(|action| matches!(action, Action::Grow { sweep: 1 })).count()
    };
    let mut next = assigned(&state.step(1, super::hello(worker)));
    for round in 0..3 {
        let (worker, attempt, _) = next.pop().unwrap();
        let actions = finish(&mut state, 2, worker, attempt);
        assert_eq!(asks(&actions), 1, "round {round}");
        assert_eq!(asks(&state.step(3, Event::Tick)), 0, "it is asked once");
        assert!(state.sweeps.contains_key(&1), "it is not over while nobody has answered");
        let more = trials(10 + round..11 + round);
        next = assigned(&state.step(4, Event::Grown { sweep: 1, trials: more }));
        assert_eq!(next.len(), 1, "round {round}: {:?}", state.workers);
    }
    let (worker, attempt, _) = next.pop().unwrap();
    finish(&mut state, 6, worker, attempt);
    let actions = state.step(7, Event::Grown { sweep: 1, trials: vec![] });
    assert!(
        actions.iter().any(|action| matches!(action, Action::Over { sweep: 1, over: Over::Done })),
        "{actions:?}"
    );
    assert!(!state.sweeps.contains_key(&1));
}

#[test]
fn a_sweep_that_grows_stays_paused_and_can_be_cancelled() {
    let mut state = state(1);
    state.step(0, submit(1, Terms { grows: true, ..terms() }, trials(0..1)));
    let worker = *state.workers.keys().next().unwrap();
    let (worker, attempt, _) = assigned(&state.step(1, super::hello(worker))).pop().unwrap();
    state.step(2, Event::Pause { sweep: 1, by: "root".into(), stop: false });
    finish(&mut state, 3, worker, attempt);
    let actions = state.step(4, Event::Grown { sweep: 1, trials: trials(10..11) });
    assert!(assigned(&actions).is_empty());
    assert_eq!(state.sweeps[&1].stage, Stage::Paused);
    let actions = state.step(5, Event::Cancel { sweep: 1, by: "root".into() });
    assert!(actions.iter().any(|action| matches!(action, Action::Over { over: Over::Cancelled { .. }, .. })));
}
