//! The engine, its ledger and a machine, in virtual time: schedulers die and start again, commits fail, people change
//! their minds.

use std::hash::{DefaultHasher, Hash, Hasher};

use sweep::engine::{Action, Drain, Event, GpuNeed, Kind, Limits, Need, Policy, Pool, State, SweepId, Terms};

use super::{
    ledger::{Ledger, SweepRow},
    machine::{Fault, Machine},
};

/// Faults end here; what is left must then finish.
const CALM_AFTER: i64 = 3_000_000;
const DEADLINE: i64 = 60_000_000;

pub(crate) struct World {
    machine: Machine,
    ledger: Ledger,
    state: State,
    now: i64,
    log: DefaultHasher,
    loud: bool,
}

impl World {
    /// Runs a seed to its end and gives the hash of everything that happened.
    pub(crate) fn run(seed: u64, loud: bool) -> u64 {
        let mut machine = Machine::new(seed);
        let ledger = sweeps(&mut machine);
        let cores = 1 + machine.below(4) as u32;
        let state = engine(&ledger, cores);
        let mut world = Self { machine, ledger, state, now: 0, log: DefaultHasher::new(), loud };
        let mut events = world.first_events();
        loop {
            while !events.is_empty() {
                events = world.step_all(events, cores);
            }
            assert_eq!(world.state.drain, Drain::No);
            if world.state.is_finished() {
                break;
            }
            world.pass_time();
            assert!(world.now < DEADLINE, "seed {seed} does not end: {:?}", world.state);
            // What people ask is answered from what is committed, before anything else that has happened.
            events = world.person();
            events.extend(world.machine.turn());
        }
        world.ledger.check_end();
        world.log.finish()
    }

    fn note(&mut self, what: &impl std::fmt::Debug) {
        let line = format!("{} {what:?}", self.now);
        line.hash(&mut self.log);
        if self.loud {
            println!("{line}");
        }
    }

    /// A scheduler that starts reads the GPUs and submits what the ledger has open.
    fn first_events(&mut self) -> Vec<Event> {
        let mut events = vec![Event::Gpus(self.machine.read_gpus())];
        let open = self.ledger.sweeps.iter().filter(|(_, row)| row.over.is_none());
        for (id, row) in open.map(|(id, row)| (*id, row.paused)).collect::<Vec<_>>() {
            events.push(self.ledger.submission(id));
            if row {
                events.push(Event::Pause { sweep: id, by: "p".into(), stop: false });
            }
        }
        events
    }

    /// One turn of the scheduler's loop, as it is: step, commit, apply; dead at any point in between.
    fn step_all(&mut self, events: Vec<Event>, cores: u32) -> Vec<Event> {
        let mut actions = Vec::new();
        for event in events {
            self.note(&event);
            let stepped = self.state.step(self.now, event);
            self.state.check();
            self.note(&stepped);
            actions.extend(stepped);
        }
        let (records, effects): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|action| matches!(action, Action::Persist(_)));
        if !records.is_empty() && self.machine.strikes(Fault::DiskFull) {
            return self.restart(cores, "disk full");
        }
        for action in &records {
            let Action::Persist(record) = action else { continue };
            self.ledger.apply(record);
        }
        let crash = self.machine.strikes(Fault::Crash);
        let done = if crash { self.machine.below(effects.len() as u64 + 1) as usize } else { effects.len() };
        let mut next = Vec::new();
        for action in effects.into_iter().take(done) {
            if let Action::Grow { sweep } = action {
                let most = self.machine.below(3) as usize;
                next.push(self.ledger.grow(sweep, most));
            }
            self.machine.apply(action, &self.ledger.steps, &mut next);
        }
        if crash { self.restart(cores, "crash") } else { next }
    }

    fn restart(&mut self, cores: u32, why: &str) -> Vec<Event> {
        self.note(&why);
        self.machine.scheduler_died();
        self.ledger.recover();
        self.state = engine(&self.ledger, cores);
        self.first_events()
    }

    fn pass_time(&mut self) {
        self.now += 100 + self.machine.below(3000) as i64;
        if self.machine.strikes(Fault::ClockJump) {
            let jump = self.machine.below(2_000_000) as i64 - 1_000_000;
            self.now = (self.now + jump).max(0);
        }
        if self.machine.faults && self.now >= CALM_AFTER {
            self.machine.faults = false;
            self.note(&"calm");
        }
    }

    /// Somebody changes a sweep. When it is calm, what was paused goes on.
    fn person(&mut self) -> Vec<Event> {
        let calm = !self.machine.faults;
        if !calm && !self.machine.strikes(Fault::Person) {
            return vec![];
        }
        let by = || "p".to_owned();
        let mut events = Vec::new();
        let open: Vec<SweepId> =
            self.ledger.sweeps.iter().filter(|(_, row)| row.over.is_none()).map(|(id, _)| *id).collect();
        for id in open {
            let what = if calm { 2 } else { self.machine.below(12) };
            match what {
                0 => events.push(Event::Cancel { sweep: id, by: by() }),
                1 => events.push(Event::Pause { sweep: id, by: by(), stop: self.machine.below(2) == 0 }),
                2 => events.push(Event::Resume { sweep: id, by: by() }),
                3 => events.push(self.ledger.submission(id)),
                _ => {}
            }
        }
        // Requests are taken one by one: what one of them brings about is committed before the next is looked at.
        if !events.is_empty() {
            let first = self.machine.below(events.len() as u64) as usize;
            events.swap(0, first);
            events.truncate(1);
        }
        events
    }
}

fn engine(ledger: &Ledger, cores: u32) -> State {
    let policy = Policy { max_start_failures: ledger.max_start_failures, ..Policy::default() };
    let pinnable = (0..cores).collect();
    State::new(policy, Pool::new(cores, pinnable), ledger.next_attempt())
}

/// Up to three sweeps, some of whose trials are the same.
fn sweeps(machine: &mut Machine) -> Ledger {
    // Mostly start failures pass; sometimes they break sweeps.
    let max_start_failures = [u32::MAX, u32::MAX, 3][machine.below(3) as usize];
    let mut ledger = Ledger::default();
    ledger.max_start_failures = max_start_failures;
    for id in 1..=1 + machine.below(3) as i64 {
        let first = machine.below(8) as i64;
        let trials: Vec<_> = (first..=first + machine.below(8) as i64).collect();
        for trial in &trials {
            let steps = 1 + machine.below(30);
            ledger.steps.entry(*trial).or_insert(steps);
        }
        let gpu = (machine.gpus > 0 && machine.below(3) == 0)
            .then(|| GpuNeed { share: [300, 500, 1000][machine.below(3) as usize], foreign: false });
        let need = Need {
            kind: Kind::Trainer,
            cpu: [500, 1000][machine.below(2) as usize],
            pin: machine.below(2) == 0,
            gpu,
            memory: None,
            nice: 0,
        };
        let limits = match machine.below(6) {
            2 => Limits { wall_clock_ms: Some(1000 * (1 + machine.below(1000) as i64)), ..Limits::default() },
            3 => Limits { usd: Some(1.0 + machine.below(100) as f64), ..Limits::default() },
            0 => Limits { trials: Some(1 + machine.below(10)), ..Limits::default() },
            1 => Limits { failures: Some(1 + machine.below(3)), ..Limits::default() },
            _ => Limits::default(),
        };
        let terms = Terms {
            priority: machine.below(3) as i32,
            need,
            max_workers: 1 + machine.below(4) as u32,
            limits,
            usd_per_hour: Some(3600.0),
            max_retries: machine.below(4) as u32,
            backoff_ms: [0, 1000, 60_000][machine.below(3) as usize],
            max_checkpoints: 2,
            stall_ms: Some(600_000),
            grows: machine.below(3) == 0,
        };
        // Some of them wait until they are asked for.
        let held = if terms.grows { trials.len() / 2 } else { 0 };
        let (trials, held) = (trials[held..].to_vec(), trials[..held].to_vec());
        ledger.sweeps.insert(id, SweepRow { terms, trials, held, paused: false, over: None });
    }
    ledger
}
