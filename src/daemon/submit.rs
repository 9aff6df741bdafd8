//! A spec becomes a sweep: planned, kept, handed to the engine.

use std::path::{Path, PathBuf};

use sweep_wire::Facts;

use super::{Scheduler, SchedulerError, now, protocol::Accepted};
use crate::{
    cost::Offer,
    device::{CpuSlots, Gpus, cpu_slots},
    engine::{Event, GpuNeed, Kind, Limits, Millis, Need, Terms, WHOLE},
    executor,
    plan::{self, Machine, Plan},
    spec::{self, Device, Resources, Seeds, Spec, SpecError, Work},
};

/// How long a model's trial may make no step unless its spec says otherwise; a program need not tell of its steps.
const STALL_MS: Millis = 600_000;

/// A spec that is to be swept.
#[derive(Debug, Clone)]
pub struct Order {
    /// Where the spec is.
    pub file: PathBuf,
    pub text: String,
    pub spec: Spec,
    /// What was found out about its model and data, or about its program's files.
    pub facts: Facts,
    /// What the machine costs, where the spec says.
    pub price: Option<Offer>,
}

impl Order {
    /// # Errors
    /// The text is no spec.
    pub fn new(file: PathBuf, text: String, facts: Facts, price: Option<Offer>) -> Result<Self, SpecError> {
        Ok(Self { spec: spec::parse(&text, &file)?, file, text, facts, price })
    }

    /// Whether its workers need GPUs: programs say so themselves, models were looked at for what they train on.
    #[must_use]
    pub fn is_on_gpus(&self) -> bool {
        match self.spec.work {
            Work::Model(_) => !self.facts.device.is_cpu(),
            Work::Program(_) => self.spec.resources.device == Device::Cuda,
        }
    }
}

impl Scheduler {
    /// Takes in a sweep: what has no result yet is to be trained once the event is stepped.
    ///
    /// # Errors
    /// The spec does not agree with the facts; the disk.
    pub fn submit(&mut self, order: Order) -> Result<(Accepted, Event), SchedulerError> {
        let gpus = self.state.pool.gpus.len();
        let terms = terms(&order, self.setup.cores, (&self.setup.gpus, gpus))?;
        let gpus = order.is_on_gpus().then_some(gpus);
        let Order { file, text, mut spec, facts, price } = order;
        let usd_per_hour = price.as_ref().map(|price| price.usd_per_hour);
        make_absolute(&mut spec.work)?;
        let (slots, share) = divide(&spec, &facts, self.setup.cores, gpus);
        let nonce = self.store.finished(&spec.name, &text)?;
        let machine = Machine { threads: slots.threads, share, usd_per_hour };
        if !is_measured_alike(&spec, &facts, slots) {
            let message = "the time of a step was measured with another division of this machine than the \
                           scheduler's, which has other processors";
            let hint =
                "say `resources: {workers: …, threads: …}`, or run the command where the scheduler runs";
            let message = message.to_owned();
            return Err(SpecError::at(&file, &text, "resources", message, Some(hint.to_owned())).into());
        }
        let mut plan = plan::plan(&spec, &text, &facts, machine, Some(nonce))
            .map_err(|error| SpecError::at(&file, &text, error.at(), error.to_string(), error.hint()))?;
        plan.info.price = price;
        executor::write_tables(&self.setup.home, &plan.trials)?;
        let submission = self.store.submit(&plan.info, &plan.trials, &terms, now())?;
        let event = self.resumption(submission.sweep)?;
        let (left, steps) = match &event {
            Event::Submitted { trials, .. } => (trials.len(), trials.iter().map(|trial| trial.steps).sum()),
            _ => (0, 0),
        };
        let accepted = Accepted {
            sweep: submission.sweep,
            name: plan.info.name.clone(),
            trials: self.store.wanted(submission.sweep)? as usize,
            factors: factors(&spec, &plan),
            left,
            steps,
            workers: terms.max_workers,
            threads: slots.threads,
        };
        Ok((accepted, event))
    }
}

/// Trials name their model, and programs their folder, wherever they are asked for later.
fn make_absolute(work: &mut Work) -> std::io::Result<()> {
    let path = match work {
        Work::Model(model) => &mut model.model.onnx,
        Work::Program(program) => &mut program.folder,
    };
    // The folder of a spec here is empty, which is no path.
    let named = if path.as_os_str().is_empty() { Path::new(".") } else { path.as_path() };
    *path = std::path::absolute(named)?;
    Ok(())
}

/// Whether a time that was measured is of as many workers and threads as there will be.
fn is_measured_alike(spec: &Spec, facts: &Facts, slots: CpuSlots) -> bool {
    match (&spec.work, &facts.measured) {
        (Work::Model(model), Some(measured)) if measured.step_seconds.is_some() => {
            let job = plan::base_job(model, slots.threads, facts.device);
            measured.key == plan::measured_key(&job, facts, slots.workers)
        }
        _ => true,
    }
}

/// How a spec divides a machine of so many cores, and what of it a worker takes, from 0 to 1: as it says, else as was
/// measured, if of a machine like this; its GPUs, so many, are what it divides where it trains on them.
#[must_use]
pub fn divide(spec: &Spec, facts: &Facts, cores: u32, gpus: Option<usize>) -> (CpuSlots, f64) {
    let Resources { workers, threads, .. } = spec.resources;
    let Some(gpus) = gpus else {
        let slots = match (&facts.division, workers, threads) {
            (Some(best), None, None) if best.workers.saturating_mul(best.threads) <= cores => {
                CpuSlots { workers: best.workers, threads: best.threads }
            }
            _ => cpu_slots(cores, workers, threads),
        };
        return (slots, slots.share(cores));
    };
    let most = most_on(gpus, &spec.resources).max(1);
    let slots = CpuSlots { workers: workers.unwrap_or(most).min(most), threads: threads.unwrap_or(1) };
    (slots, 1.0 / f64::from(most))
}

/// How many workers so many GPUs have room for.
fn most_on(gpus: usize, resources: &Resources) -> u32 {
    u32::try_from(gpus).unwrap_or(u32::MAX).saturating_mul(resources.workers_per_gpu())
}

/// The fault of a spec that needs GPUs where there is none.
#[must_use]
pub fn no_gpu(file: &Path, text: &str, driver: &Gpus) -> SpecError {
    let message = format!("there is no GPU: {}", driver.why_none());
    let hint = Some("`sweep doctor` says more about it".to_owned());
    SpecError::at(file, text, "resources.device", message, hint)
}

/// What a spec asks for on a machine of so many cores, and of so many GPUs.
///
/// # Errors
/// It needs a GPU, and there is none.
pub fn terms(order: &Order, cores: u32, (driver, gpus): (&Gpus, usize)) -> Result<Terms, SpecError> {
    let Order { file, text, spec, facts, price } = order;
    if order.is_on_gpus() && gpus == 0 {
        return Err(no_gpu(file, text, driver));
    }
    let slots = divide(spec, facts, cores, None).0;
    let resources = &spec.resources;
    let millis = |seconds: f64| (seconds * 1000.0).round() as Millis;
    let kind = if spec.program().is_some() { Kind::Program } else { Kind::Trainer };
    let gpu = order.is_on_gpus().then(|| GpuNeed {
        share: (WHOLE / resources.workers_per_gpu()).max(1),
        foreign: resources.share_gpus,
    });
    // GPUs limit the workers of who needs them, the cores all others. More workers than cores share these.
    let (max_workers, threads) = match gpu {
        Some(_) => (resources.workers.unwrap_or(u32::MAX), resources.threads.unwrap_or(1)),
        None => (slots.workers, slots.threads),
    };
    let at_once = if gpu.is_some() { max_workers.min(most_on(gpus, resources)) } else { max_workers };
    let all = cores.saturating_mul(WHOLE);
    let cpu = threads.saturating_mul(WHOLE).min(all / at_once.clamp(1, all));
    let need = Need {
        kind,
        cpu: cpu.max(1),
        pin: resources.pin,
        gpu,
        memory: resources.memory,
        nice: i32::from(resources.nice),
    };
    Ok(Terms {
        priority: spec.priority,
        need,
        max_workers,
        limits: Limits {
            trials: spec.limits.trials,
            wall_clock_ms: spec.limits.wall_clock_s.map(millis),
            failures: spec.limits.failures,
            usd: spec.limits.cost_usd,
        },
        usd_per_hour: price.as_ref().map(|price| price.usd_per_hour),
        max_retries: spec.retry.max,
        backoff_ms: millis(spec.retry.backoff_s),
        max_checkpoints: spec.checkpoint.keep as usize,
        stall_ms: match (spec.limits.stall_s, kind) {
            (Some(seconds), _) => Some(millis(seconds)),
            (None, Kind::Trainer) => Some(STALL_MS),
            (None, Kind::Program) => None,
        },
        grows: !spec.seeds.is_fixed(),
    })
}

/// What a sweep is made of, in words.
#[must_use]
pub fn factors(spec: &Spec, plan: &Plan) -> String {
    let count = |number: usize, name: &str| match number {
        1 => format!("1 {name}"),
        _ => format!("{number} {name}s"),
    };
    let cells = spec.schedules.len() * spec.budgets.len() * spec.seeds.max as usize;
    let mut factors = vec![
        count(spec.schedules.len(), "schedule"),
        count(spec.budgets.len(), "budget"),
        match spec.seeds {
            seeds if seeds.is_fixed() => count(seeds.max as usize, "seed"),
            Seeds { min, max } => format!("{min} to {max} seeds"),
        },
    ];
    let settings = plan.trials.len() / cells.max(1);
    if settings > 1 {
        factors.insert(2, count(settings, "setting"));
    }
    factors.join(" × ")
}
