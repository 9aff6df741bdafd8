//! Sessions and the memory they work on. The state (parameters, running statistics, optimiser buffers)
//! exists twice: a step reads one set and writes the other, then they swap. Everything is bound once.

use ort::{
    memory::Allocator,
    session::{IoBinding, Session},
    value::Tensor,
};
use rand::RngExt;
use sweep_graph::{Mask, StepGraph};
use sweep_wire::Init;

use crate::{
    data::Subset,
    engine::{Engine, EngineError},
    init::initial,
    prepared::Prepared,
    random::{Purpose, stream},
};

pub(super) struct Buffers {
    input: Tensor<f32>,
    labels: Tensor<i64>,
    valid: Tensor<f32>,
    rate: Tensor<f32>,
    masks: Vec<Tensor<f32>>,
    loss: Tensor<f32>,
    loss_sum: Tensor<f32>,
    correct: Tensor<f32>,
    state: [Vec<Tensor<f32>>; 2],
    /// Which of the two sets the next step reads.
    current: usize,
    steps: [IoBinding; 2],
    evaluations: [IoBinding; 2],
    step_session: Session,
    evaluation_session: Session,
}

impl Buffers {
    pub(super) fn new(engine: &Engine, prepared: &Prepared, threads: u32) -> Result<Self, EngineError> {
        let step_session = engine.session(&prepared.step.bytes, threads)?;
        let evaluation_session = engine.session(&prepared.evaluation.bytes, threads)?;
        let batch = prepared.input_shape[0];
        let states =
            || prepared.step.state.iter().map(|state| tensor(&state.shape)).collect::<Result<Vec<_>, _>>();
        let labels = Tensor::new(&Allocator::default(), [batch])?;
        let masks = prepared.step.masks.iter().map(|mask| tensor(&mask.shape)).collect::<Result<_, _>>()?;
        let steps = [step_session.create_binding()?, step_session.create_binding()?];
        let evaluations = [evaluation_session.create_binding()?, evaluation_session.create_binding()?];
        let mut buffers = Self {
            input: tensor(&prepared.input_shape)?,
            labels,
            valid: tensor(&[batch])?,
            rate: tensor(&[])?,
            masks,
            loss: tensor(&[])?,
            loss_sum: tensor(&[])?,
            correct: tensor(&[])?,
            state: [states()?, states()?],
            current: 0,
            steps,
            evaluations,
            step_session,
            evaluation_session,
        };
        buffers.bind(prepared)?;
        Ok(buffers)
    }

    fn bind(&mut self, prepared: &Prepared) -> Result<(), EngineError> {
        let (step, evaluation) = (&prepared.step, &prepared.evaluation);
        let [first, second] = &mut self.state;
        for (binding, (from, to)) in self.steps.iter_mut().zip([(0, 1), (1, 0)]) {
            binding.bind_input(&step.input, &self.input)?;
            binding.bind_input(&step.labels, &self.labels)?;
            binding.bind_input(&step.rate, &self.rate)?;
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
        for (binding, values) in self.evaluations.iter_mut().zip([&*first, &*second]) {
            binding.bind_input(&evaluation.input, &self.input)?;
            binding.bind_input(&evaluation.labels, &self.labels)?;
            binding.bind_input(&evaluation.valid, &self.valid)?;
            for (state, value) in step.state.iter().zip(values) {
                if evaluation.state.contains(&state.name) {
                    binding.bind_input(&state.name, value)?;
                }
            }
            binding.bind_output(&evaluation.loss_sum, &mut self.loss_sum)?;
            binding.bind_output(&evaluation.correct, &mut self.correct)?;
        }
        Ok(())
    }

    /// Back to the start of a trial.
    pub(super) fn reset(&mut self, step: &StepGraph, init: Init, seed: u64) -> Result<(), EngineError> {
        self.current = 0;
        for (index, (state, buffer)) in step.state.iter().zip(&mut self.state[0]).enumerate() {
            buffer.extract_tensor_mut().1.copy_from_slice(&initial(state, index, init, seed));
        }
        Ok(())
    }

    /// One training step on the samples of `(epoch, indices)`; returns the batch's loss before the update.
    pub(super) fn step(
        &mut self,
        prepared: &Prepared,
        batch: (u64, &[u32]),
        seed: u64,
        step: u64,
        rate: f32,
    ) -> Result<f32, EngineError> {
        let input = self.input.extract_tensor_mut().1;
        let labels = self.labels.extract_tensor_mut().1;
        prepared.batcher.train(&prepared.sets.train, batch, seed, (input, labels));
        self.rate.extract_tensor_mut().1[0] = rate;
        for (index, (mask, buffer)) in prepared.step.masks.iter().zip(&mut self.masks).enumerate() {
            fill(mask, buffer.extract_tensor_mut().1, seed, step, index as u64);
        }
        drop(self.step_session.run_binding(&self.steps[self.current])?);
        self.current = 1 - self.current;
        Ok(self.loss.extract_tensor().1[0])
    }

    /// Sum of the losses and number of hits over the samples from `start` that fit one batch.
    pub(super) fn evaluate(
        &mut self,
        prepared: &Prepared,
        set: &Subset,
        start: usize,
    ) -> Result<(f32, f32), EngineError> {
        let input = self.input.extract_tensor_mut().1;
        let labels = self.labels.extract_tensor_mut().1;
        let valid = self.valid.extract_tensor_mut().1;
        prepared.batcher.evaluate(set, start, (input, labels, valid));
        drop(self.evaluation_session.run_binding(&self.evaluations[self.current])?);
        Ok((self.loss_sum.extract_tensor().1[0], self.correct.extract_tensor().1[0]))
    }
}

/// A dropout mask hangs on (seed, step, node) alone, so that warm workers and resumed trials agree.
fn fill(mask: &Mask, values: &mut [f32], seed: u64, step: u64, node: u64) {
    let mut rng = stream(Purpose::Mask, seed, step, node);
    let kept = 1.0 / (1.0 - mask.ratio);
    values.fill_with(|| if rng.random::<f32>() < mask.ratio { 0.0 } else { kept });
}

fn tensor(shape: &[usize]) -> Result<Tensor<f32>, EngineError> {
    Ok(Tensor::new(&Allocator::default(), shape)?)
}
