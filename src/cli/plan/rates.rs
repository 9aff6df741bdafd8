//! How long the parts of a trial take: from trials that are done, from a calibration, or unknown.

use std::time::{Duration, UNIX_EPOCH};

use sweep_wire::{Facts, Timing};

use crate::{
    cli::{Failure, Global, calibration::Paced, measure},
    cost::{Part, Rate, Rates},
    daemon::Order,
    device::{self, CpuSlots},
    plan::{self, Plan, Task},
    report::Source,
    spec::Work,
    store::{Reader, StoreError, TimedTrial},
};

/// From so many trials of a model on their times are better than a calibration.
const ENOUGH: usize = 3;

/// What times are wanted of.
pub(super) struct Wanted<'a> {
    pub(super) order: &'a Order,
    pub(super) plan: &'a Plan,
    pub(super) slots: CpuSlots,
    /// What a worker takes of the machine, and how many there are.
    pub(super) share: f64,
    pub(super) workers: u32,
}

impl Wanted<'_> {
    /// The rates that trials in the store tell; none where too few do, or times are to be measured `again`, as those of
    /// programs cannot be.
    pub(super) fn in_store(
        &self,
        reader: &Reader,
        again: bool,
    ) -> Result<Option<(Rates, Source)>, StoreError> {
        match &self.order.spec.work {
            Work::Program(_) => self.of_program(reader),
            Work::Model(_) if again => Ok(None),
            Work::Model(_) => self.of_trials(reader),
        }
    }

    /// Those of a calibration, which is made where there is none or `again` asked for.
    pub(super) async fn measured(&self, global: &Global, again: bool) -> Result<(Rates, Source), Failure> {
        let Order { file, text, spec, facts, .. } = self.order;
        let Work::Model(model) = &spec.work else {
            let why = "what a program takes shows with its trials, and none of this one, with as many workers, is done";
            return Ok((Rates::default(), Source::Unknown { why: why.to_owned() }));
        };
        let job = plan::base_job(model, self.slots.threads, facts.device);
        let paced = measure::calibrated(global, (&job, facts), (spec, text, file), self.slots, again).await?;
        let measured_at = UNIX_EPOCH + Duration::from_millis(paced.measured_at);
        let measured_at = humantime::format_rfc3339_seconds(measured_at).to_string();
        Ok((
            of_calibration(&paced),
            Source::Calibration { measured_at, load: paced.load, cores: device::cores() },
        ))
    }

    /// From trials of this model and batch size, where there are enough of them.
    fn of_trials(&self, reader: &Reader) -> Result<Option<(Rates, Source)>, StoreError> {
        let Some(Task::Train(job)) = self.plan.trials.first().map(|trial| &*trial.task) else {
            return Ok(None);
        };
        let facts = &self.order.facts;
        let is_alike = |task: &Task, others: &Facts| match task {
            Task::Train(other) => plan::are_alike((other, others), (job, facts)),
            Task::Program(_) => false,
        };
        let trials = reader.timed(is_alike, self.share, self.workers)?;
        if trials.len() < ENOUGH {
            return Ok(None);
        }
        let task = Task::Train(job.clone());
        let steps: Vec<_> = trials.iter().map(|trial| (trial.steps as f64, trial.train_seconds)).collect();
        let rest = |trial: &TimedTrial| {
            let batches = plan::effort(&task, trial.steps, &trial.course, facts, 0).batches;
            (batches as f64, (trial.device_seconds - trial.train_seconds).max(0.0))
        };
        let rest: Vec<_> = trials.iter().map(rest).collect();
        // All that is no step grows with evaluations, or is the same for each trial where there are none.
        let rates = Rates::default().with(Part::Step, Rate::of(&steps));
        let rates = match Rate::of(&rest) {
            Some(rate) => rates.with(Part::Evaluation, Some(rate)),
            None => {
                let rest: Vec<_> = rest.iter().map(|(_, seconds)| (1.0, *seconds)).collect();
                rates.with(Part::Start, Rate::of(&rest))
            }
        };
        Ok(Some((rates, Source::Trials { count: trials.len(), median: false })))
    }

    /// A program's trials are all that is known of it.
    fn of_program(&self, reader: &Reader) -> Result<Option<(Rates, Source)>, StoreError> {
        let contents = &self.order.facts.contents;
        let tasks = self.plan.tasks();
        let is_alike = |task: &Task, others: &Facts| {
            let Task::Program(one) = task else { return false };
            others.contents == *contents
                && tasks.iter().any(|task| match task {
                    Task::Program(other) => plan::are_same_program(one, other),
                    Task::Train(_) => false,
                })
        };
        let trials = reader.timed(is_alike, self.share, self.workers)?;
        let steps: Vec<_> = trials.iter().map(|trial| (trial.steps as f64, trial.device_seconds)).collect();
        let rate = Rate::by_median(&steps);
        let source = Source::Trials { count: trials.len(), median: true };
        Ok(rate.map(|rate| (Rates::default().with(Part::Step, Some(rate)), source)))
    }
}

/// Each part by itself.
fn of_calibration(paced: &Paced) -> Rates {
    let parts = &paced.parts;
    let rate = |timings: &[Timing]| {
        let pairs: Vec<_> = timings.iter().map(|timing| (timing.count as f64, timing.seconds)).collect();
        Rate::of(&pairs)
    };
    Rates::default()
        .with(Part::Load, rate(&parts.loads))
        .with(Part::Start, rate(&parts.starts))
        .with(Part::Step, rate(&parts.steps))
        .with(Part::Evaluation, rate(&parts.evaluations))
        .with(Part::Checkpoint, rate(&parts.checkpoints))
        .with(Part::Weights, rate(&parts.weights))
}
