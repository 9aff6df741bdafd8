//! GPUs: who may have one, and what happens to one that others use, that vanishes, or whose memory stays taken.

use sweep::engine::{
    Action, Event, Exit, GpuNeed, GpuProcess, GpuSeen, Need, Owner, Record, State, Terms, Why, WorkerRef,
};

use super::{exited, progress, said, spawned, start, state, submit, terms, waiting};

const GIB: u64 = 1 << 30;

fn gpu(index: u32, processes: Vec<GpuProcess>) -> GpuSeen {
    let used = GIB / 2 + processes.iter().filter_map(|process| process.bytes).sum::<u64>();
    let (uuid, name) = (format!("GPU-{index}"), "H100".to_owned());
    GpuSeen { uuid, index, name, memory: 80 * GIB, used, millijoules: None, processes }
}

fn process(pid: u32, gib: u64, owner: Owner) -> GpuProcess {
    GpuProcess { pid, name: "python".into(), bytes: Some(gib * GIB), owner }
}

fn on_gpu(share: u32) -> Terms {
    Terms { need: Need { gpu: Some(GpuNeed { share, foreign: false }), ..terms().need }, ..terms() }
}

/// An engine of eight cores with these GPUs and ten trials that need one.
fn with(terms: Terms, gpus: Vec<GpuSeen>) -> (State, Vec<(WorkerRef, u64, i64)>) {
    let mut state = state(8);
    state.step(0, Event::Gpus(gpus));
    let trials = (0..10).map(|id| waiting(id, 10)).collect();
    let actions = state.step(1, submit(1, terms, trials));
    let busy = start(&mut state, 2, &actions);
    (state, busy)
}

fn why(state: &State, now: i64, trial: i64) -> String {
    match state.why(now, trial) {
        Some(Why::Waiting { sweeps, .. }) => sweeps[0].2.clone().unwrap_or_default(),
        other => format!("{other:?}"),
    }
}

fn told(actions: &[Action]) -> Vec<&str> {
    let text = |action: &'_ Action| match action {
        Action::Tell { text, .. } => Some(text.as_str().to_owned()),
        _ => None,
    };
    actions.iter().filter_map(text).map(|text| &*text.leak()).collect()
}

#[test]
fn each_whole_gpu_takes_one_worker_and_halves_take_two() {
    let gpus = || vec![gpu(0, vec![]), gpu(1, vec![])];
    assert_eq!(with(on_gpu(1000), gpus()).1.len(), 2);
    assert_eq!(with(on_gpu(500), gpus()).1.len(), 4);
    let (state, busy) = with(on_gpu(1000), vec![]);
    assert!(busy.is_empty() && why(&state, 3, 0).contains("there is none"));
}

#[test]
fn a_gpu_in_foreign_use_is_left_alone_unless_told_otherwise() {
    let gpus = || vec![gpu(0, vec![process(77, 3, Owner::Other)])];
    let (mut state, busy) = with(on_gpu(1000), gpus());
    assert!(busy.is_empty());
    assert!(why(&state, 3, 0).contains("used by process 77 (`python`)"), "{}", why(&state, 3, 0));
    assert_eq!(spawned(&state.step(4, Event::Gpus(vec![gpu(0, vec![])]))).len(), 1, "once it is gone");
    let mut terms = on_gpu(1000);
    terms.need.gpu = Some(GpuNeed { share: 1000, foreign: true });
    assert_eq!(with(terms, gpus()).1.len(), 1);
}

#[test]
fn workers_are_packed_by_the_memory_that_the_first_step_took() {
    let (mut state, busy) = with(on_gpu(100), vec![gpu(0, vec![])]);
    assert_eq!(busy.len(), 8, "as many as cores: nothing is known of their memory");
    let worker = busy[0].0;
    for (worker, attempt, _) in &busy {
        said(&mut state, *worker, 3, progress(*attempt, 1));
    }
    let all = busy.iter().map(|(worker, _, _)| process(100, 9, Owner::Worker(*worker))).collect();
    state.step(4, Event::Gpus(vec![gpu(0, all)]));
    assert_eq!(state.sweeps[&1].gpu_memory, Some(9 * GIB));
    assert_eq!(
        spawned(&state.step(5, exited(worker, "exit code 1"))),
        [],
        "its memory has to come back first"
    );
    let rest: Vec<_> =
        busy[1..].iter().map(|(worker, _, _)| process(100, 10, Owner::Worker(*worker))).collect();
    let actions = state.step(6, Event::Gpus(vec![gpu(0, rest)]));
    assert_eq!(spawned(&actions), [], "9.5 GiB are free where 10 are needed");
    assert!(why(&state, 7, 9).contains("MiB are needed"), "{}", why(&state, 7, 9));
}

#[test]
fn memory_that_does_not_come_back_puts_a_gpu_into_quarantine_and_names_who_holds_it() {
    let (mut state, busy) = with(on_gpu(1000), vec![gpu(0, vec![])]);
    let (worker, _, _) = busy[0];
    state.step(3, Event::Gpus(vec![gpu(0, vec![process(9, 20, Owner::Worker(worker))])]));
    state.step(4, exited(worker, "killed by SIGKILL"));
    let stray = || vec![gpu(0, vec![process(9, 20, Owner::Stray)])];
    let mut actions = vec![];
    for now in [1000, 5000, 9000, 12_000, 16_000] {
        let step = state.step(now, Event::Gpus(stray()));
        assert_eq!(spawned(&step), [], "nothing is started on it");
        actions.extend(step);
    }
    let said = told(&actions);
    assert!(said.len() == 1 && said[0].contains("process 9 (`python`)"), "{said:?}");
    assert!(why(&state, 16_001, 1).contains("process 9"), "{}", why(&state, 16_001, 1));
    let actions = state.step(20_000, Event::Gpus(vec![gpu(0, vec![])]));
    assert!(told(&actions)[0].contains("used again") && spawned(&actions).len() == 1, "{actions:?}");
}

#[test]
fn memory_without_a_process_is_noticed_and_the_drivers_own_is_not() {
    let (mut state, busy) = with(on_gpu(1000), vec![gpu(0, vec![])]);
    state.step(3, exited(busy[0].0, "killed by SIGKILL"));
    let leaked = || vec![GpuSeen { used: 30 * GIB, ..gpu(0, vec![]) }];
    for now in [1000, 6000, 12_000] {
        assert_eq!(spawned(&state.step(now, Event::Gpus(leaked()))), []);
    }
    assert!(why(&state, 12_001, 1).contains("no process that can be seen"), "{}", why(&state, 12_001, 1));
    assert_eq!(spawned(&state.step(13_000, Event::Gpus(vec![gpu(0, vec![])]))).len(), 1);
}

#[test]
fn a_gpu_that_vanishes_takes_its_worker_and_blames_no_trial() {
    let (mut state, busy) = with(on_gpu(1000), vec![gpu(0, vec![]), gpu(1, vec![])]);
    let here = busy.iter().find(|(worker, _, _)| {
        state.workers[worker].lease.gpu.as_ref().is_some_and(|lease| lease.uuid == "GPU-1")
    });
    let (worker, _, trial) = *here.unwrap();
    let actions = state.step(3, Event::Gpus(vec![gpu(0, vec![])]));
    assert!(actions.contains(&Action::Kill { worker }), "{actions:?}");
    assert_eq!(state.trials[&trial].failures, 0);
    state.step(4, exited(worker, "killed by SIGKILL"));
    assert_eq!(spawned(&state.step(5, Event::Tick)), [], "the other one is busy");
    let actions = state.step(6, Event::Gpus(vec![gpu(0, vec![]), gpu(1, vec![])]));
    assert_eq!(spawned(&actions).len(), 1, "it is back");
}

#[test]
fn a_trial_that_ran_out_of_memory_gets_a_gpu_for_itself() {
    let (mut state, busy) = with(on_gpu(500), vec![gpu(0, vec![])]);
    let (worker, attempt, trial) = busy[0];
    said(&mut state, worker, 3, progress(attempt, 5));
    let exit = Exit { how: "exit code 1".into(), out_of_memory: true };
    state.step(4, Event::Exited { worker, exit });
    assert!(state.trials[&trial].alone);
    let failure = state.trials[&trial].last_failure.clone().unwrap();
    assert!(failure.starts_with("out of memory"), "{failure}");
    // Alone it does not fit beside the other half's worker.
    let waits = why(&state, 5, trial);
    assert!(waits.contains("is taken") || waits.contains("has ended"), "{waits}");
}

#[test]
fn an_attempt_is_told_the_energy_of_its_share_of_the_gpu() {
    let meter = |millijoules| vec![GpuSeen { millijoules, ..gpu(0, vec![]) }];
    for (before, after, share, expected) in [
        (Some(1_000_000), Some(1_500_000), 1000, Some(500.0)),
        (Some(1_000_000), Some(1_500_000), 250, Some(125.0)),
        // Nobody measures, or the driver was loaded again.
        (None, Some(1_500_000), 1000, None),
        (Some(1_000_000), None, 1000, None),
        (Some(1_000_000), Some(5), 1000, None),
    ] {
        let (mut state, busy) = with(on_gpu(share), meter(before));
        state.step(3, Event::Gpus(meter(after)));
        let (worker, attempt, _) = busy[0];
        said(&mut state, worker, 4, progress(attempt, 10));
        let done = sweep_wire::FromWorker::Done { attempt, steps: 10, train_seconds: 0.1 };
        let actions = said(&mut state, worker, 4, done);
        let ended = actions.iter().find_map(|action| match action {
            Action::Persist(Record::AttemptEnded { joules, .. }) => Some(*joules),
            _ => None,
        });
        assert_eq!(ended, Some(expected), "{before:?} to {after:?}");
    }
}
