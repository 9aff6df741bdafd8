//! Trains trials of one job, one after another, with session, data and memory kept between them.

mod buffers;
mod keep;
mod pace;
mod shared;
mod table;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use sweep_graph::{Metric, momentum};
use sweep_wire::{Facts, Job, Point, Run, Which};

use crate::{
    cuda,
    data::{Ahead, Batch, Order, Subset, ahead},
    engine::{Engine, EngineError},
    fault::Fault,
    prepared::{Prepared, prepare},
};
pub(crate) use buffers::{Buffers, Pass};
use keep::{Beginning, Keeper};
pub use table::Table;

/// At most this often does a trial report, so that fast steps don't drown the scheduler.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// The most points one report carries: a line stays far below the wire's limit.
const MAX_POINTS: usize = 2000;

/// What a trial has to say on its way; whoever hears it says whether to go on.
#[derive(Debug)]
pub enum Said {
    /// Nothing: it asks, before each step.
    Nothing,
    /// Step `step` is next: 0, or that of the checkpoint it goes on from. A checkpoint takes about `state_bytes`;
    /// `damaged` are those that could not be used.
    Began {
        step: u64,
        state_bytes: u64,
        damaged: Vec<u64>,
    },
    Update(Update),
    /// The state after `step` updates is on disk.
    Checkpoint {
        step: u64,
        bytes: u64,
    },
    /// The weights after `step` updates are on disk.
    Weights {
        which: Which,
        step: u64,
        bytes: u64,
    },
    /// Something people should know that stops nothing.
    Note(String),
}

/// How far a trial is.
#[derive(Debug)]
pub struct Update {
    /// Steps done.
    pub step: u64,
    /// The last step's loss; on CUDA that of the last step that was logged.
    pub loss: f64,
    pub learning_rate: f64,
    /// Mean over the steps since the last update.
    pub step_ms: f64,
    pub points: Vec<Point>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Continue,
    /// Write a checkpoint and end.
    Stop,
    /// End: nobody would hear of a checkpoint.
    Abandon,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    Done,
    /// The loss of this step, or of the evaluation before it, was not finite.
    Diverged {
        step: u64,
    },
    Stopped,
}

/// A job, ready to train.
pub struct Trainer {
    job: Job,
    prepared: Prepared,
    buffers: Buffers,
    facts: Facts,
}

impl Trainer {
    /// Reads everything the job names and builds its sessions.
    ///
    /// # Errors
    /// What is wrong, and which key of the spec says it.
    pub fn new(engine: &Engine, job: &Job) -> Result<Self, Fault> {
        let prepared = prepare(engine, job, job.accumulate)?;
        let buffers =
            Buffers::new(engine, &prepared, job).map_err(|error| refused(&error, &prepared, job))?;
        let facts = prepared.facts(engine, job.device);
        Ok(Self { job: job.clone(), prepared, buffers, facts })
    }

    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What there is to say of an error of this job that means that its GPU's memory ran out.
    #[must_use]
    pub fn shortage(&self, error: &EngineError) -> Option<String> {
        shortage(error, &self.prepared, &self.job)
    }

    /// Trains one trial to its last step, from its first or from where its last checkpoint left it.
    ///
    /// # Errors
    /// ONNX Runtime failed, or samples could not be read.
    pub fn train(
        &mut self,
        run: &Run,
        table: &Table,
        report: &mut dyn FnMut(Said) -> Control,
    ) -> Result<(Outcome, f64), EngineError> {
        let Self { job, prepared, buffers, .. } = self;
        let mut keeper = Keeper::new(run.keep.as_ref());
        let Beginning { step: first, damaged } = keeper.resume(run.steps, buffers, prepared);
        if first == 0 {
            buffers.reset(&prepared.step, job.model.init, run.seed)?;
        }
        report(Said::Began { step: first, state_bytes: keeper.bytes(prepared), damaged });
        let mut order = Order::new(run.seed, job.data.shuffle, prepared.drifting.as_ref());
        let (batch_size, passes) = (job.batch_size as usize, job.accumulate as usize);
        let (sets, batcher) = (&prepared.sets, &prepared.batcher);
        let fill = |number: u64, batch: &mut Batch| {
            let (step, pass) = (first + number / passes as u64, (number % passes as u64) as usize);
            if step >= run.steps {
                return Ok(false);
            }
            let samples = order.batch(&sets.train, batch_size, (step, pass, passes));
            let (mut inputs, mut target, _) = batch.rooms();
            batcher.train(&sets.train, samples, run.seed, (&mut inputs, &mut target)).map(|()| true)
        };
        let trial = Trial { job, prepared, buffers, keeper, progress: Progress::new(), run, table };
        ahead((&prepared.step.inputs, &prepared.step.target), fill, |batches| {
            trial.train(first, batches, report)
        })
    }
}

fn shortage(error: &EngineError, prepared: &Prepared, job: &Job) -> Option<String> {
    let step = &prepared.step;
    let elements: usize = step.state.iter().map(|state| state.shape.iter().product::<usize>()).sum();
    // Twice, since a step reads one set and writes the other.
    let state = 2 * size_of::<f32>() as u64 * elements as u64;
    if job.device.is_cpu() { None } else { cuda::shortage(error, state, step.activations) }
}

/// Why there are no sessions for this job.
fn refused(error: &EngineError, prepared: &Prepared, job: &Job) -> Fault {
    if let Some(message) = shortage(error, prepared, job) {
        return Fault { out_of_memory: true, ..Fault::new("resources.device", message) };
    }
    if let Some((message, hint)) = cuda::missing(error).filter(|_| !job.device.is_cpu()) {
        return Fault::new("resources.device", message).hint(hint);
    }
    Fault::new("model.onnx", format!("ONNX Runtime refuses the training graph: {error}"))
}

/// A trial at work.
struct Trial<'a> {
    job: &'a Job,
    prepared: &'a Prepared,
    buffers: &'a mut Buffers,
    keeper: Keeper<'a>,
    progress: Progress,
    run: &'a Run,
    table: &'a Table,
}

impl Trial<'_> {
    fn train(
        mut self,
        first: u64,
        batches: &Ahead,
        report: &mut dyn FnMut(Said) -> Control,
    ) -> Result<(Outcome, f64), EngineError> {
        let run = self.run;
        for step in first..run.steps {
            let control = report(Said::Nothing);
            if control == Control::Stop || (control == Control::Continue && self.keeper.is_due(step)) {
                self.progress.report(step, report);
                self.keeper.save(step, self.buffers, self.prepared)?.map(&mut *report);
            }
            if control != Control::Continue {
                return Ok((Outcome::Stopped, self.progress.seconds()));
            }
            if run.evaluate.contains(&step) && !self.evaluate(step, false)? {
                return Ok(self.diverge(step, report));
            }
            let logged = step % run.log_every == 0 || step + 1 == run.steps;
            let started = Instant::now();
            let loss = self.step(step, batches, logged)?;
            self.progress.stepped(started.elapsed());
            if loss.is_some_and(|loss| !loss.is_finite()) {
                return Ok(self.diverge(step, report));
            }
            if let Some(value) = loss.filter(|_| logged) {
                self.progress.points.push(Point { name: "train/loss".to_owned(), step, value });
            }
            self.progress.report_if_due(step + 1, loss, self.table.rate(step), report);
        }
        if !self.evaluate(run.steps, true)? {
            return Ok(self.diverge(run.steps, report));
        }
        self.progress.report(run.steps, report);
        for said in self.keeper.finish(run.steps, self.buffers, self.prepared)? {
            report(said);
        }
        Ok((Outcome::Done, self.progress.seconds()))
    }

    fn diverge(&mut self, step: u64, report: &mut dyn FnMut(Said) -> Control) -> (Outcome, f64) {
        self.progress.report(step, report);
        (Outcome::Diverged { step }, self.progress.seconds())
    }

    /// All passes of one step; the mean of their losses before the update, which on CUDA has to be `wanted`.
    fn step(&mut self, step: u64, batches: &Ahead, wanted: bool) -> Result<Option<f64>, EngineError> {
        let passes = u64::from(self.job.accumulate);
        let (rate, seed) = (self.table.rate(step), self.run.seed);
        let momentum = self.table.momentum(step).unwrap_or_else(|| momentum(&self.job.optimizer));
        let mut total = Some(0.0);
        for pass in 0..passes {
            let pass = Pass { seed, step, pass, passes, rate, momentum };
            let loss = batches
                .next(|batch| self.buffers.step(self.prepared, batch, pass, wanted))
                .map_err(unreadable)?;
            let loss = loss.ok_or_else(|| EngineError("there are no more batches".to_owned()))??;
            total = total.zip(loss).map(|(total, loss)| total + f64::from(loss));
        }
        Ok(total.map(|total| total / passes as f64))
    }

    /// Adds the metrics of the weights after `step` updates; false where they are not finite. On the way the
    /// validation set alone is measured if there is one; at the end every set is, and training samples like them.
    fn evaluate(&mut self, step: u64, last: bool) -> Result<bool, EngineError> {
        let sets = &self.prepared.sets;
        let with_test = last || sets.validation.is_none();
        let test = sets.test.as_ref().filter(|_| with_test);
        let seen = sets.seen.as_ref().filter(|_| last);
        for (name, set) in [("validation", sets.validation.as_ref()), ("test", test), ("seen", seen)] {
            let Some(set) = set else { continue };
            let values = measure(self.buffers, self.prepared, set, &mut || true)?;
            // The loss comes first; perplexity may overflow where it does not.
            if !values[0].is_finite() {
                return Ok(false);
            }
            for (metric, value) in self.prepared.evaluation.metrics.iter().zip(values) {
                if value.is_finite() {
                    let name = format!("{name}/{}", metric.name);
                    self.progress.points.push(Point { name, step, value });
                }
            }
        }
        self.keeper.evaluated(step, &self.progress.points, self.buffers, self.prepared)?;
        Ok(true)
    }
}

fn unreadable(error: std::io::Error) -> EngineError {
    EngineError(format!("samples cannot be read: {error}"))
}

/// Each metric over all samples of a set, each counted once; `go_on` is asked after each batch.
fn measure(
    buffers: &mut Buffers,
    prepared: &Prepared,
    set: &Subset,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>, EngineError> {
    let metrics = &prepared.evaluation.metrics;
    let mut totals = vec![[0.0; 2]; metrics.len()];
    let evaluation = &prepared.evaluation;
    let size = evaluation.target.shape[0];
    let fill = |number: u64, batch: &mut Batch| {
        let start = number as usize * size;
        let (mut inputs, mut target, valid) = batch.rooms();
        prepared.batcher.evaluate(set, start, (&mut inputs, &mut target), valid)?;
        Ok(start < set.indices.len())
    };
    ahead((&evaluation.inputs, &evaluation.target), fill, |batches| {
        while let Some(done) =
            batches.next(|batch| buffers.evaluate(batch, &mut totals)).map_err(unreadable)?
        {
            done?;
            if !go_on() {
                break;
            }
        }
        Ok::<_, EngineError>(())
    })?;
    let mean = |[sum, weight]: [f64; 2]| sum / weight;
    let value = |(metric, total): (&Metric, [f64; 2])| match metric.exponential {
        true => mean(total).exp(),
        false => mean(total),
    };
    Ok(metrics.iter().zip(totals).map(value).collect())
}

/// What has happened since the last report.
struct Progress {
    points: Vec<Point>,
    reported: Instant,
    steps: u32,
    since: Duration,
    total: Duration,
    last: (f64, f64),
}

impl Progress {
    fn new() -> Self {
        let zero = Duration::ZERO;
        Self {
            points: Vec::new(),
            reported: Instant::now(),
            steps: 0,
            since: zero,
            total: zero,
            last: (0.0, 0.0),
        }
    }

    fn stepped(&mut self, took: Duration) {
        self.steps += 1;
        self.since += took;
        self.total += took;
    }

    fn seconds(&self) -> f64 {
        self.total.as_secs_f64()
    }

    fn report_if_due(
        &mut self,
        done: u64,
        loss: Option<f64>,
        rate: f64,
        report: &mut dyn FnMut(Said) -> Control,
    ) {
        self.last = (loss.unwrap_or(self.last.0), rate);
        if self.reported.elapsed() >= REPORT_EVERY || self.points.len() >= MAX_POINTS {
            self.report(done, report);
        }
    }

    fn report(&mut self, done: u64, report: &mut dyn FnMut(Said) -> Control) {
        let step_ms = self.since.as_secs_f64() * 1e3 / f64::from(self.steps.max(1));
        let (loss, learning_rate) = self.last;
        let points = std::mem::take(&mut self.points);
        report(Said::Update(Update { step: done, loss, learning_rate, step_ms, points }));
        (self.reported, self.steps, self.since) = (Instant::now(), 0, Duration::ZERO);
    }
}
