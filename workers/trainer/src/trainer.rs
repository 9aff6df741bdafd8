//! Trains trials of one job, one after another, with session, data and memory kept between them.

mod buffers;
mod keep;
mod table;

use std::time::{Duration, Instant};

use sweep_graph::{Metric, momentum};
use sweep_wire::{Facts, Job, Point, Run, Which};

use crate::{
    data::{Order, Subset},
    engine::{Engine, EngineError},
    fault::Fault,
    prepared::{Prepared, prepare},
};
use buffers::{Buffers, Pass};
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
    /// The last step's loss.
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
        let prepared = prepare(engine, job)?;
        let buffers = Buffers::new(engine, &prepared, job.threads).map_err(|error| {
            Fault::new("model.onnx", format!("ONNX Runtime refuses the training graph: {error}"))
        })?;
        let facts = prepared.facts(engine);
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

    /// Trains one trial to its last step, from its first or from where its last checkpoint left it.
    ///
    /// # Errors
    /// ONNX Runtime failed.
    pub fn train(
        &mut self,
        run: &Run,
        table: &Table,
        report: &mut dyn FnMut(Said) -> Control,
    ) -> Result<(Outcome, f64), EngineError> {
        let mut keeper = Keeper::new(run.keep.as_ref());
        let Beginning { step: first, damaged } = keeper.resume(run.steps, &mut self.buffers, &self.prepared);
        if first == 0 {
            self.buffers.reset(&self.prepared.step, self.job.model.init, run.seed);
        }
        report(Said::Began { step: first, state_bytes: keeper.bytes(&self.prepared), damaged });
        let mut order = Order::new(run.seed, self.job.data.shuffle);
        let mut progress = Progress::new();
        for step in first..run.steps {
            let control = report(Said::Nothing);
            if control == Control::Stop || (control == Control::Continue && keeper.is_due(step)) {
                progress.report(step, report);
                keeper.save(step, &self.buffers, &self.prepared).map(&mut *report);
            }
            if control != Control::Continue {
                return Ok((Outcome::Stopped, progress.seconds()));
            }
            if run.evaluate.contains(&step) && !self.evaluate(step, false, &mut keeper, &mut progress)? {
                return Ok((diverge(step, &mut progress, report), progress.seconds()));
            }
            let started = Instant::now();
            let loss = self.step(run.seed, step, table, &mut order)?;
            progress.stepped(started.elapsed());
            if !loss.is_finite() {
                return Ok((diverge(step, &mut progress, report), progress.seconds()));
            }
            if step % run.log_every == 0 || step + 1 == run.steps {
                progress.points.push(Point { name: "train/loss".to_owned(), step, value: loss });
            }
            progress.report_if_due(step + 1, loss, table.rate(step), report);
        }
        if !self.evaluate(run.steps, true, &mut keeper, &mut progress)? {
            return Ok((diverge(run.steps, &mut progress, report), progress.seconds()));
        }
        progress.report(run.steps, report);
        for said in keeper.finish(run.steps, &self.buffers, &self.prepared)? {
            report(said);
        }
        Ok((Outcome::Done, progress.seconds()))
    }

    /// All passes of one step; the mean of their losses before the update.
    fn step(&mut self, seed: u64, step: u64, table: &Table, order: &mut Order) -> Result<f64, EngineError> {
        let (batch, passes) = (self.job.batch_size as usize, self.job.accumulate as usize);
        let momentum = table.momentum(step).unwrap_or_else(|| momentum(&self.job.optimizer));
        let mut total = 0.0;
        for pass in 0..passes {
            let samples = order.batch(&self.prepared.sets.train, batch, (step, pass, passes));
            let (pass, passes) = (pass as u64, passes as u64);
            let pass = Pass { seed, step, pass, passes, rate: table.rate(step), momentum };
            total += f64::from(self.buffers.step(&self.prepared, samples, pass)?);
        }
        Ok(total / passes as f64)
    }

    /// Adds the metrics of the weights after `step` updates; false where they are not finite. On the way the
    /// validation set alone is measured if there is one; at the end every set is, and training samples like them.
    fn evaluate(
        &mut self,
        step: u64,
        last: bool,
        keeper: &mut Keeper<'_>,
        Progress { points, .. }: &mut Progress,
    ) -> Result<bool, EngineError> {
        let sets = &self.prepared.sets;
        let with_test = last || sets.validation.is_none();
        let test = sets.test.as_ref().filter(|_| with_test);
        let seen = sets.seen.as_ref().filter(|_| last);
        for (name, set) in [("validation", sets.validation.as_ref()), ("test", test), ("seen", seen)] {
            let Some(set) = set else { continue };
            let values = measure(&mut self.buffers, &self.prepared, set)?;
            // The loss comes first; perplexity may overflow where it does not.
            if !values[0].is_finite() {
                return Ok(false);
            }
            for (metric, value) in self.prepared.evaluation.metrics.iter().zip(values) {
                if value.is_finite() {
                    points.push(Point { name: format!("{name}/{}", metric.name), step, value });
                }
            }
        }
        keeper.evaluated(step, points, &self.buffers, &self.prepared)?;
        Ok(true)
    }
}

fn diverge(step: u64, progress: &mut Progress, report: &mut dyn FnMut(Said) -> Control) -> Outcome {
    progress.report(step, report);
    Outcome::Diverged { step }
}

/// Each metric over all samples of a set, each counted once.
fn measure(buffers: &mut Buffers, prepared: &Prepared, set: &Subset) -> Result<Vec<f64>, EngineError> {
    let metrics = &prepared.evaluation.metrics;
    let mut totals = vec![[0.0; 2]; metrics.len()];
    for start in (0..set.indices.len()).step_by(prepared.step.target.shape[0]) {
        buffers.evaluate(prepared, set, start, &mut totals)?;
    }
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

    fn report_if_due(&mut self, done: u64, loss: f64, rate: f64, report: &mut dyn FnMut(Said) -> Control) {
        self.last = (loss, rate);
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
