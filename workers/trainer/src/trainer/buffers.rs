//! Sessions and the memory they work on. The state (parameters, running statistics, optimiser buffers)
//! exists twice: a step reads one set and writes the other, then they swap. Everything is bound once.
//!
//! On CUDA all of it is on the GPU and the host has doubles: of what it fills before each pass, and of the state for
//! checkpoints. The runtime waits for the GPU at the end of each pass, since the next batch is copied on a stream of its
//! own; the loss stays there unless somebody wants it.

use ort::{
    memory::Allocator,
    session::{IoBinding, Session},
    value::Tensor,
};
use rand::RngExt;
use sweep_graph::{DType, Evaluated, Feed, Mask, State, StepGraph};
use sweep_wire::{Device, Init, Job};

use super::shared::Shared;
use crate::{
    checkpoint::Part,
    cuda::Memory,
    data::{Batch, Room},
    engine::{Engine, EngineError},
    init::initial,
    prepared::Prepared,
    random::{Purpose, stream},
};

pub(crate) struct Buffers {
    inputs: Vec<Fed>,
    /// Of the step, and of the evaluation.
    targets: [Fed; 2],
    valid: Shared<f32>,
    clock: Clock,
    masks: Vec<Shared<f32>>,
    loss: Shared<f32>,
    /// Sum and weight of each metric; the runtime brings them to the host.
    metrics: Vec<[Tensor<f32>; 2]>,
    state: [Vec<Shared<f32>>; 2],
    /// Which of the two sets the next pass reads.
    current: usize,
    steps: [IoBinding; 2],
    evaluations: [IoBinding; 2],
    /// Inputs of the evaluation that it reads elsewhere than where the state is, and which state: they are bound anew each
    /// time.
    copied: Vec<(String, usize)>,
    step_session: Session,
    evaluation_session: Session,
}

/// The scalars of a step.
struct Clock {
    rate: Shared<f64>,
    momentum: Shared<f64>,
    count: Shared<f64>,
    apply: Shared<bool>,
}

/// The state as it is now, on the host.
pub(crate) struct Held<'a>(&'a [Shared<f32>]);

/// What one pass needs besides its samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) seed: u64,
    pub(crate) step: u64,
    /// Which of the step's passes, and how many there are.
    pub(crate) pass: u64,
    pub(crate) passes: u64,
    pub(crate) rate: f64,
    pub(crate) momentum: f64,
}

impl Buffers {
    pub(crate) fn new(engine: &Engine, prepared: &Prepared, job: &Job) -> Result<Self, EngineError> {
        let graphs = [&prepared.step.bytes, &prepared.evaluation.bytes];
        let [step, evaluation] = graphs.map(|graph| engine.session(graph, job.threads, job.device));
        let (step, evaluation) = (step?, evaluation?);
        let memory = match job.device {
            Device::Cpu => [None, None],
            Device::Cuda(_) => [Some(Memory::of(&step)?), Some(Memory::of(&evaluation)?)],
        };
        Self::with([step, evaluation], memory, prepared)
    }

    /// The sessions of the step and of the evaluation, and their memory where they have other than the host's.
    pub(super) fn with(
        [step_session, evaluation_session]: [Session; 2],
        memory: [Option<Memory>; 2],
        prepared: &Prepared,
    ) -> Result<Self, EngineError> {
        let (step, evaluation) = (&prepared.step, &prepared.evaluation);
        let states =
            || step.state.iter().map(|state| Shared::new(&state.shape)).collect::<Result<Vec<_>, _>>();
        let steps = [step_session.create_binding()?, step_session.create_binding()?];
        let evaluations = [evaluation_session.create_binding()?, evaluation_session.create_binding()?];
        let scalar = || Tensor::new(&Allocator::default(), [0_usize; 0]);
        let pair = |_| Ok::<_, EngineError>([scalar()?, scalar()?]);
        let mut buffers = Self {
            inputs: step.inputs.iter().map(Fed::new).collect::<Result<_, _>>()?,
            targets: [Fed::new(&step.target)?, Fed::new(&evaluation.target)?],
            valid: Shared::new(&step.target.shape[..1])?,
            clock: Clock {
                rate: Shared::scalar()?,
                momentum: Shared::scalar()?,
                count: Shared::scalar()?,
                apply: Shared::scalar()?,
            },
            masks: step.masks.iter().map(|mask| Shared::new(&mask.shape)).collect::<Result<_, _>>()?,
            loss: Shared::on(memory[0].as_ref(), &[])?,
            metrics: evaluation.metrics.iter().map(pair).collect::<Result<_, _>>()?,
            state: [states()?, states()?],
            current: 0,
            steps,
            evaluations,
            copied: Vec::new(),
            step_session,
            evaluation_session,
        };
        buffers.bind_steps(step, memory[0].as_ref())?;
        buffers.bind_evaluations(prepared, memory[1].as_ref())?;
        Ok(buffers)
    }

    fn bind_steps(&mut self, step: &StepGraph, memory: Option<&Memory>) -> Result<(), EngineError> {
        let Clock { rate, momentum, count, apply } = &mut self.clock;
        for (binding, values) in self.steps.iter_mut().zip(&mut self.state) {
            for (feed, buffer) in step.inputs.iter().zip(&mut self.inputs) {
                buffer.bind(binding, &feed.name, memory)?;
            }
            self.targets[0].bind(binding, &step.target.name, memory)?;
            rate.bind_input(binding, &step.rate, memory)?;
            momentum.bind_input(binding, &step.momentum, memory)?;
            count.bind_input(binding, &step.count, memory)?;
            if let Some(name) = &step.apply {
                apply.bind_input(binding, name, memory)?;
            }
            for (mask, buffer) in step.masks.iter().zip(&mut self.masks) {
                buffer.bind_input(binding, &mask.name, memory)?;
            }
            for (state, value) in step.state.iter().zip(values) {
                value.bind_input(binding, &state.name, memory)?;
            }
            self.loss.bind_output(binding, &step.loss)?;
        }
        rate.push()?;
        momentum.push()?;
        count.push()?;
        apply.push()?;
        // Where each of the two sets is, its inputs have decided.
        for (binding, values) in self.steps.iter_mut().rev().zip(&mut self.state) {
            for (state, value) in step.state.iter().zip(values) {
                value.bind_output(binding, &state.next)?;
            }
        }
        Ok(())
    }

    fn bind_evaluations(&mut self, prepared: &Prepared, memory: Option<&Memory>) -> Result<(), EngineError> {
        let evaluation = &prepared.evaluation;
        let places = evaluated(prepared)?;
        for (binding, values) in self.evaluations.iter_mut().zip(&self.state) {
            // The same for both sets.
            self.copied.clear();
            for (feed, buffer) in evaluation.inputs.iter().zip(&mut self.inputs) {
                buffer.bind(binding, &feed.name, memory)?;
            }
            self.targets[1].bind(binding, &evaluation.target.name, memory)?;
            self.valid.bind_input(binding, &evaluation.valid, memory)?;
            for (evaluated, place) in evaluation.state.iter().zip(&places) {
                if values[*place].lend(binding, &evaluated.input, memory)? {
                    self.copied.push((evaluated.input.clone(), *place));
                }
            }
            for (metric, [sum, weight]) in evaluation.metrics.iter().zip(&mut self.metrics) {
                binding.bind_output(&metric.sum, sum)?;
                binding.bind_output(&metric.weight, weight)?;
            }
        }
        Ok(())
    }

    /// Back to the start of a trial.
    pub(crate) fn reset(&mut self, step: &StepGraph, init: Init, seed: u64) -> Result<(), EngineError> {
        self.fill(|rooms| {
            for (room, values) in rooms.into_iter().zip(initial(&step.state, init, seed)) {
                room.copy_from_slice(&values);
            }
        })
    }

    /// All that a step hands to the next.
    pub(crate) fn held(&mut self) -> Result<Held<'_>, EngineError> {
        let values = &mut self.state[self.current];
        values.iter_mut().try_for_each(Shared::pull)?;
        Ok(Held(values))
    }

    /// Has what a step is handed written, in the order of [`StepGraph::state`]; what is left alone is of no step in particular.
    pub(crate) fn fill<R>(&mut self, write: impl FnOnce(Vec<&mut [f32]>) -> R) -> Result<R, EngineError> {
        self.current = 0;
        let written = write(self.state[0].iter_mut().map(Shared::room).collect());
        self.state[0].iter_mut().try_for_each(Shared::push)?;
        Ok(written)
    }

    /// One pass over a batch; its loss before the update where it is `wanted`, and where it is there for nothing.
    pub(crate) fn step(
        &mut self,
        prepared: &Prepared,
        batch: &Batch,
        pass: Pass,
        wanted: bool,
    ) -> Result<Option<f32>, EngineError> {
        self.take(batch, 0)?;
        self.clock.rate.set(pass.rate)?;
        self.clock.momentum.set(pass.momentum)?;
        self.clock.count.set((pass.step + 1) as f64)?;
        self.clock.apply.set(pass.pass + 1 == pass.passes)?;
        for (index, (mask, buffer)) in prepared.step.masks.iter().zip(&mut self.masks).enumerate() {
            let number = pass.step * pass.passes + pass.pass;
            fill(mask, buffer.room(), pass.seed, number, index as u64);
            buffer.push()?;
        }
        drop(self.step_session.run_binding(&self.steps[self.current])?);
        self.current = 1 - self.current;
        if self.loss.has_double() && !wanted {
            return Ok(None);
        }
        self.loss.pull()?;
        Ok(Some(self.loss.values()[0]))
    }

    #[cfg(test)]
    pub(super) fn copied(&self) -> &[(String, usize)] {
        &self.copied
    }

    /// Takes in a batch for the step (0) or the evaluation (1).
    fn take(&mut self, batch: &Batch, which: usize) -> Result<(), EngineError> {
        batch.copy(self.inputs.iter_mut().map(Fed::room), self.targets[which].room());
        self.inputs.iter_mut().try_for_each(Fed::push)?;
        self.targets[which].push()
    }

    /// Adds to the sum and weight of each metric those of a batch.
    pub(crate) fn evaluate(&mut self, batch: &Batch, totals: &mut [[f64; 2]]) -> Result<(), EngineError> {
        self.take(batch, 1)?;
        self.valid.room().copy_from_slice(&batch.valid);
        self.valid.push()?;
        for (name, place) in &self.copied {
            self.state[self.current][*place].lend(&mut self.evaluations[self.current], name, None)?;
        }
        drop(self.evaluation_session.run_binding(&self.evaluations[self.current])?);
        for (total, parts) in totals.iter_mut().zip(&self.metrics) {
            for (total, part) in total.iter_mut().zip(parts) {
                *total += f64::from(part.extract_tensor().1[0]);
            }
        }
        Ok(())
    }
}

impl<'a> Held<'a> {
    /// All of it.
    pub(crate) fn state(&self, step: &'a StepGraph) -> Vec<Part<'a>> {
        let part = |(state, values): (&'a State, &'a Shared<f32>)| Part {
            name: &state.name,
            shape: &state.shape,
            values: values.values(),
        };
        step.state.iter().zip(self.0).map(part).collect()
    }

    /// Parameters and running statistics as evaluations see them, in the order of [`sweep_graph::EvalGraph::state`].
    pub(crate) fn evaluated(&self, prepared: &'a Prepared) -> Result<Vec<Part<'a>>, EngineError> {
        let part = |(evaluated, place): (&'a Evaluated, usize)| Part {
            name: &evaluated.input,
            shape: &prepared.step.state[place].shape,
            values: self.0[place].values(),
        };
        Ok(prepared.evaluation.state.iter().zip(evaluated(prepared)?).map(part).collect())
    }
}

/// Which state each input of the evaluation is.
fn evaluated(prepared: &Prepared) -> Result<Vec<usize>, EngineError> {
    let place = |name: &str| prepared.step.state.iter().position(|state| state.name == name);
    let all = prepared.evaluation.state.iter().map(|evaluated| {
        // A parameter that no gradient reaches has no average.
        let place = place(&evaluated.state).or_else(|| place(&evaluated.input));
        place.ok_or_else(|| EngineError(format!("no state `{}`", evaluated.state)))
    });
    all.collect()
}

/// The memory of one input or target.
enum Fed {
    F32(Shared<f32>),
    I64(Shared<i64>),
    I32(Shared<i32>),
    Bool(Shared<bool>),
}

impl Fed {
    fn new(feed: &Feed) -> Result<Self, EngineError> {
        Ok(match feed.dtype {
            DType::I64 => Self::I64(Shared::new(&feed.shape)?),
            DType::I32 => Self::I32(Shared::new(&feed.shape)?),
            DType::Bool => Self::Bool(Shared::new(&feed.shape)?),
            _ => Self::F32(Shared::new(&feed.shape)?),
        })
    }

    fn bind(
        &mut self,
        binding: &mut IoBinding,
        name: &str,
        memory: Option<&Memory>,
    ) -> Result<(), EngineError> {
        match self {
            Self::F32(tensor) => tensor.bind_input(binding, name, memory),
            Self::I64(tensor) => tensor.bind_input(binding, name, memory),
            Self::I32(tensor) => tensor.bind_input(binding, name, memory),
            Self::Bool(tensor) => tensor.bind_input(binding, name, memory),
        }
    }

    fn room(&mut self) -> Room<'_> {
        match self {
            Self::F32(tensor) => Room::F32(tensor.room()),
            Self::I64(tensor) => Room::I64(tensor.room()),
            Self::I32(tensor) => Room::I32(tensor.room()),
            Self::Bool(tensor) => Room::Bool(tensor.room()),
        }
    }

    fn push(&mut self) -> Result<(), EngineError> {
        match self {
            Self::F32(tensor) => tensor.push(),
            Self::I64(tensor) => tensor.push(),
            Self::I32(tensor) => tensor.push(),
            Self::Bool(tensor) => tensor.push(),
        }
    }
}

/// A dropout mask hangs on (seed, pass, node) alone, so that warm workers and resumed trials agree.
fn fill(mask: &Mask, values: &mut [f32], seed: u64, pass: u64, node: u64) {
    let mut rng = stream(Purpose::Mask, seed, pass, node);
    let kept = 1.0 / (1.0 - mask.ratio);
    values.fill_with(|| if rng.random::<f32>() < mask.ratio { 0.0 } else { kept });
}
