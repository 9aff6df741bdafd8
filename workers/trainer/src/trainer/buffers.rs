//! Sessions and the memory they work on. The state (parameters, running statistics, optimiser buffers)
//! exists twice: a step reads one set and writes the other, then they swap. Everything is bound once.

use ort::{
    memory::Allocator,
    session::{IoBinding, Session},
    value::{PrimitiveTensorElementType, Tensor},
};
use rand::RngExt;
use sweep_graph::{DType, Evaluated, Feed, Mask, State, StepGraph};
use sweep_wire::Init;

use crate::{
    checkpoint::Part,
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
    valid: Tensor<f32>,
    clock: Clock,
    masks: Vec<Tensor<f32>>,
    loss: Tensor<f32>,
    /// Sum and weight of each metric.
    metrics: Vec<[Tensor<f32>; 2]>,
    state: [Vec<Tensor<f32>>; 2],
    /// Which of the two sets the next pass reads.
    current: usize,
    steps: [IoBinding; 2],
    evaluations: [IoBinding; 2],
    step_session: Session,
    evaluation_session: Session,
}

/// The scalars of a step.
struct Clock {
    rate: Tensor<f64>,
    momentum: Tensor<f64>,
    count: Tensor<f64>,
    apply: Tensor<bool>,
}

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
    pub(crate) fn new(engine: &Engine, prepared: &Prepared, threads: u32) -> Result<Self, EngineError> {
        let (step, evaluation) = (&prepared.step, &prepared.evaluation);
        let step_session = engine.session(&step.bytes, threads)?;
        let evaluation_session = engine.session(&evaluation.bytes, threads)?;
        let states = || step.state.iter().map(|state| tensor(&state.shape)).collect::<Result<Vec<_>, _>>();
        let steps = [step_session.create_binding()?, step_session.create_binding()?];
        let evaluations = [evaluation_session.create_binding()?, evaluation_session.create_binding()?];
        let pair = |_| Ok::<_, EngineError>([tensor(&[])?, tensor(&[])?]);
        let mut buffers = Self {
            inputs: step.inputs.iter().map(Fed::new).collect::<Result<_, _>>()?,
            targets: [Fed::new(&step.target)?, Fed::new(&evaluation.target)?],
            valid: tensor(&step.target.shape[..1])?,
            clock: Clock {
                rate: tensor(&[])?,
                momentum: tensor(&[])?,
                count: tensor(&[])?,
                apply: tensor(&[])?,
            },
            masks: step.masks.iter().map(|mask| tensor(&mask.shape)).collect::<Result<_, _>>()?,
            loss: tensor(&[])?,
            metrics: evaluation.metrics.iter().map(pair).collect::<Result<_, _>>()?,
            state: [states()?, states()?],
            current: 0,
            steps,
            evaluations,
            step_session,
            evaluation_session,
        };
        buffers.bind_steps(step)?;
        buffers.bind_evaluations(prepared)?;
        Ok(buffers)
    }

    fn bind_steps(&mut self, step: &StepGraph) -> Result<(), EngineError> {
        let [first, second] = &mut self.state;
        for (binding, (from, to)) in self.steps.iter_mut().zip([(0, 1), (1, 0)]) {
            for (feed, buffer) in step.inputs.iter().zip(&self.inputs) {
                buffer.bind(binding, &feed.name)?;
            }
            self.targets[0].bind(binding, &step.target.name)?;
            binding.bind_input(&step.rate, &self.clock.rate)?;
            binding.bind_input(&step.momentum, &self.clock.momentum)?;
            binding.bind_input(&step.count, &self.clock.count)?;
            if let Some(apply) = &step.apply {
                binding.bind_input(apply, &self.clock.apply)?;
            }
            for (mask, buffer) in step.masks.iter().zip(&self.masks) {
                binding.bind_input(&mask.name, buffer)?;
            }
            for (index, state) in step.state.iter().enumerate() {
                let pair = [&mut first[index], &mut second[index]];
                binding.bind_input(&state.name, &*pair[from])?;
                binding.bind_output(&state.next, &mut *pair[to])?;
            }
            binding.bind_output(&step.loss, &mut self.loss)?;
        }
        Ok(())
    }

    fn bind_evaluations(&mut self, prepared: &Prepared) -> Result<(), EngineError> {
        let evaluation = &prepared.evaluation;
        let places = evaluated(prepared)?;
        for (binding, values) in self.evaluations.iter_mut().zip(&self.state) {
            for (feed, buffer) in evaluation.inputs.iter().zip(&self.inputs) {
                buffer.bind(binding, &feed.name)?;
            }
            self.targets[1].bind(binding, &evaluation.target.name)?;
            binding.bind_input(&evaluation.valid, &self.valid)?;
            for (evaluated, place) in evaluation.state.iter().zip(&places) {
                binding.bind_input(&evaluated.input, &values[*place])?;
            }
            for (metric, [sum, weight]) in evaluation.metrics.iter().zip(&mut self.metrics) {
                binding.bind_output(&metric.sum, sum)?;
                binding.bind_output(&metric.weight, weight)?;
            }
        }
        Ok(())
    }

    /// Back to the start of a trial.
    pub(crate) fn reset(&mut self, step: &StepGraph, init: Init, seed: u64) {
        self.current = 0;
        for (values, buffer) in initial(&step.state, init, seed).iter().zip(&mut self.state[0]) {
            buffer.extract_tensor_mut().1.copy_from_slice(values);
        }
    }

    /// All that a step hands to the next.
    pub(crate) fn state<'a>(&'a self, step: &'a StepGraph) -> Vec<Part<'a>> {
        let part = |(state, values): (&'a State, &'a Tensor<f32>)| Part {
            name: &state.name,
            shape: &state.shape,
            values: values.extract_tensor().1,
        };
        step.state.iter().zip(&self.state[self.current]).map(part).collect()
    }

    /// The room for what a step is handed, in the order of [`StepGraph::state`].
    pub(crate) fn rooms(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.current = 0;
        self.state[0].iter_mut().map(|buffer| buffer.extract_tensor_mut().1)
    }

    /// Parameters and running statistics as evaluations see them, in the order of [`sweep_graph::EvalGraph::state`].
    pub(crate) fn evaluated<'a>(&'a self, prepared: &'a Prepared) -> Result<Vec<Part<'a>>, EngineError> {
        let (state, values) = (&prepared.evaluation.state, &self.state[self.current]);
        let part = |(evaluated, place): (&'a Evaluated, usize)| Part {
            name: &evaluated.input,
            shape: &prepared.step.state[place].shape,
            values: values[place].extract_tensor().1,
        };
        Ok(state.iter().zip(evaluated(prepared)?).map(part).collect())
    }

    /// One pass over a batch; returns its loss before the update.
    pub(crate) fn step(
        &mut self,
        prepared: &Prepared,
        batch: &Batch,
        pass: Pass,
    ) -> Result<f32, EngineError> {
        batch.copy(self.inputs.iter_mut().map(Fed::room), self.targets[0].room());
        self.clock.rate.extract_tensor_mut().1[0] = pass.rate;
        self.clock.momentum.extract_tensor_mut().1[0] = pass.momentum;
        self.clock.count.extract_tensor_mut().1[0] = (pass.step + 1) as f64;
        self.clock.apply.extract_tensor_mut().1[0] = pass.pass + 1 == pass.passes;
        for (index, (mask, buffer)) in prepared.step.masks.iter().zip(&mut self.masks).enumerate() {
            let number = pass.step * pass.passes + pass.pass;
            fill(mask, buffer.extract_tensor_mut().1, pass.seed, number, index as u64);
        }
        drop(self.step_session.run_binding(&self.steps[self.current])?);
        self.current = 1 - self.current;
        Ok(self.loss.extract_tensor().1[0])
    }

    /// Adds to the sum and weight of each metric those of a batch.
    pub(crate) fn evaluate(&mut self, batch: &Batch, totals: &mut [[f64; 2]]) -> Result<(), EngineError> {
        batch.copy(self.inputs.iter_mut().map(Fed::room), self.targets[1].room());
        self.valid.extract_tensor_mut().1.copy_from_slice(&batch.valid);
        drop(self.evaluation_session.run_binding(&self.evaluations[self.current])?);
        for (total, parts) in totals.iter_mut().zip(&self.metrics) {
            for (total, part) in total.iter_mut().zip(parts) {
                *total += f64::from(part.extract_tensor().1[0]);
            }
        }
        Ok(())
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
    F32(Tensor<f32>),
    I64(Tensor<i64>),
    I32(Tensor<i32>),
    Bool(Tensor<bool>),
}

impl Fed {
    fn new(feed: &Feed) -> Result<Self, EngineError> {
        Ok(match feed.dtype {
            DType::I64 => Self::I64(tensor(&feed.shape)?),
            DType::I32 => Self::I32(tensor(&feed.shape)?),
            DType::Bool => Self::Bool(tensor(&feed.shape)?),
            _ => Self::F32(tensor(&feed.shape)?),
        })
    }

    fn bind(&self, binding: &mut IoBinding, name: &str) -> Result<(), EngineError> {
        match self {
            Self::F32(tensor) => binding.bind_input(name, tensor)?,
            Self::I64(tensor) => binding.bind_input(name, tensor)?,
            Self::I32(tensor) => binding.bind_input(name, tensor)?,
            Self::Bool(tensor) => binding.bind_input(name, tensor)?,
        }
        Ok(())
    }

    fn room(&mut self) -> Room<'_> {
        match self {
            Self::F32(tensor) => Room::F32(tensor.extract_tensor_mut().1),
            Self::I64(tensor) => Room::I64(tensor.extract_tensor_mut().1),
            Self::I32(tensor) => Room::I32(tensor.extract_tensor_mut().1),
            Self::Bool(tensor) => Room::Bool(tensor.extract_tensor_mut().1),
        }
    }
}

/// A dropout mask hangs on (seed, pass, node) alone, so that warm workers and resumed trials agree.
fn fill(mask: &Mask, values: &mut [f32], seed: u64, pass: u64, node: u64) {
    let mut rng = stream(Purpose::Mask, seed, pass, node);
    let kept = 1.0 / (1.0 - mask.ratio);
    values.fill_with(|| if rng.random::<f32>() < mask.ratio { 0.0 } else { kept });
}

fn tensor<T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static>(
    shape: &[usize],
) -> Result<Tensor<T>, EngineError> {
    Ok(Tensor::new(&Allocator::default(), shape)?)
}
