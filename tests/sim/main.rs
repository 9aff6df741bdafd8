//! The engine under a virtual clock: directed cases, and a simulated machine on which everything goes wrong that can,
//! as a seed decides. `SWEEP_SIM_SEED=7 cargo test --test sim one_seed -- --nocapture` replays one with its log.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on has failed")]

mod attempts;
mod gpus;
mod ledger;
mod machine;
mod sweeps;
mod world;

use sweep::engine::{
    Action, Before, Event, Exit, Kind, Limits, Need, Policy, Pool, State, Submitted, SweepId, Terms, TrialId,
    WorkerRef,
};
use sweep_wire::{FromWorker, PROTOCOL, Point, Progress};

use world::World;

/// What a sweep of models asks for that has no wishes: one core a worker.
pub(crate) fn terms() -> Terms {
    Terms {
        grows: false,
        priority: 0,
        need: Need { kind: Kind::Trainer, cpu: 1000, pin: false, gpu: None, memory: None, nice: 0 },
        max_workers: 64,
        limits: Limits::default(),
        usd_per_hour: None,
        max_retries: 2,
        backoff_ms: 0,
        max_checkpoints: 2,
        stall_ms: Some(600_000),
    }
}

pub(crate) fn state(cores: u32) -> State {
    State::new(Policy::default(), Pool::new(cores, vec![]), 1)
}

pub(crate) fn submit(sweep: SweepId, terms: Terms, trials: Vec<Submitted>) -> Event {
    Event::Submitted { sweep, terms: Box::new(terms), before: Before::default(), trials }
}

pub(crate) fn hello(worker: WorkerRef) -> Event {
    Event::Said { worker, message: FromWorker::Hello { protocol: PROTOCOL, worker: "w".into(), pid: 1 } }
}

pub(crate) fn waiting(trial: TrialId, steps: u64) -> Submitted {
    Submitted { trial, steps, checkpoints: vec![] }
}

pub(crate) fn progress(attempt: u64, step: u64) -> FromWorker {
    let points = vec![Point { name: "train/loss".into(), step: step - 1, value: 1.0 }];
    let (loss, learning_rate) = (Some(1.0), Some(0.1));
    FromWorker::Progress(Progress { attempt, step, loss, learning_rate, step_ms: 1.0, points })
}

pub(crate) fn exited(worker: WorkerRef, how: &str) -> Event {
    Event::Exited { worker, exit: Exit { how: how.into(), out_of_memory: false } }
}

pub(crate) fn said(state: &mut State, worker: WorkerRef, at: i64, message: FromWorker) -> Vec<Action> {
    state.step(at, Event::Said { worker, message })
}

/// The workers that these actions start.
pub(crate) fn spawned(actions: &[Action]) -> Vec<WorkerRef> {
    let worker = |action: &Action| match action {
        Action::Spawn { worker, .. } => Some(*worker),
        _ => None,
    };
    actions.iter().filter_map(worker).collect()
}

/// The attempts that these actions start, with their workers and trials.
pub(crate) fn assigned(actions: &[Action]) -> Vec<(WorkerRef, u64, TrialId)> {
    let attempt = |action: &Action| match action {
        Action::Assign { worker, attempt, trial, .. } => Some((*worker, *attempt, *trial)),
        _ => None,
    };
    actions.iter().filter_map(attempt).collect()
}

/// Starts what the actions ask for at once, and says what ran then.
pub(crate) fn start(state: &mut State, at: i64, actions: &[Action]) -> Vec<(WorkerRef, u64, TrialId)> {
    let mut running = assigned(actions);
    for worker in spawned(actions) {
        state.step(at, Event::Spawned { worker, pid: 42, process: "boot:1".into() });
        running.extend(assigned(&state.step(at, hello(worker))));
    }
    running
}

/// Seeds that `thousands_of_seeds` tries: more at night than between two edits.
fn seeds() -> u64 {
    std::env::var("SWEEP_SIM_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(3000)
}

/// Runs a seed; what goes wrong is told with the command that shows it again.
fn checked(seed: u64) -> u64 {
    let run = std::panic::catch_unwind(|| World::run(seed, false));
    match run {
        Ok(log) => log,
        Err(_) => panic!("replay with: SWEEP_SIM_SEED={seed} cargo test --test sim one_seed -- --nocapture"),
    }
}

/// Whatever workers, disk, clock, GPUs and people do: once they stop, every trial ends, once, and nothing is lost.
#[test]
fn thousands_of_seeds() {
    let halves = [0, 1].map(|half| {
        std::thread::spawn(move || {
            for seed in (0..seeds()).filter(|seed| seed % 2 == half) {
                checked(seed);
            }
        })
    });
    halves.into_iter().for_each(|half| half.join().unwrap());
}

#[test]
fn the_same_seed_gives_the_same_log() {
    for seed in 100_000..100_050 {
        assert_eq!(checked(seed), checked(seed), "seed {seed}");
    }
}

#[test]
fn one_seed() {
    let seed = std::env::var("SWEEP_SIM_SEED").ok().map(|seed| seed.parse().unwrap());
    let log = World::run(seed.unwrap_or(7), seed.is_some());
    println!("log {log:016x}");
}
