//! How steep and how noisy the loss is at the initial weights: the spectrum of its Hessian by Lanczos quadrature, and the
//! variance of its gradient. Enter at [`measure`].
//!
//! Hessian-vector products are central differences of gradients, which the training step itself computes: of two passes
//! a step adds up the first one's gradient and moves no parameter. Source of the quadrature: Ghorbani et al., "An
//! investigation into neural net optimization via Hessian eigenvalue density", arXiv 1901.10159.

mod lanczos;

use rand_distr::{Distribution, StandardNormal};
use sweep_graph::StateKind;
use sweep_wire::{Curvature, Job, Optimizer, Sgd};

use crate::{
    data::{Batch, Order},
    engine::{Engine, EngineError},
    fault::Fault,
    prepared::{Prepared, prepare},
    random::{Purpose, stream},
    trainer::{Buffers, Pass},
};
use lanczos::{Spectrum, lanczos};

/// What decides everything random here; one estimate is for all seeds of a sweep, so that these stay paired.
const SEED: u64 = 0;
/// The most batches that a gradient is the mean over.
const BATCHES: usize = 4;
/// The most Hessian-vector products, and what the vectors between them may take in bytes.
const PRODUCTS: usize = 24;
const MAX_BASIS: usize = 1 << 29;
/// How far a difference reaches, in norms of all parameters: far enough for 32 bits, near enough that few ReLUs change sides:
/// each that does adds a jump that no derivative has.
const REACH: f64 = 1e-5;
/// Eigenvalues below this share of the largest are rounding.
const FLOOR: f64 = 1e-4;
/// Which of the positive eigenvalues above that is called the low end: a tenth of them are smaller.
const LOW: f64 = 0.1;

/// Measures the curvature of a job's loss and the noise of its gradient, over the first batches of seed 0. `told` hears how
/// many parts of how many are done.
///
/// # Errors
/// What is wrong with the job, or ONNX Runtime's failure as a fault of the model.
pub fn measure(engine: &Engine, job: &Job, told: &mut dyn FnMut(u32, u32)) -> Result<Curvature, Fault> {
    // Plain descent without anything around it; of two passes the first only adds up.
    let plain = Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
    let job = Job {
        optimizer: Optimizer::Sgd(plain),
        accumulate: 1,
        no_decay: Vec::new(),
        clip_norm: None,
        ema: None,
        ..job.clone()
    };
    let prepared = prepare(engine, &job, 2)?;
    if prepared.sets.train.indices.len() < 2 * job.batch_size as usize {
        let message = "`phi: auto` takes two batches, to tell how noisy a gradient is, and there is only one";
        return Err(Fault::new("training.batch_size", message)
            .hint("list some φ instead, such as `phi: [0.5, 1, 5]`, or train with smaller batches"));
    }
    let failed =
        |error: EngineError| Fault::new("model.onnx", format!("its curvature cannot be measured: {error}"));
    let mut slopes = Slopes::new(engine, &prepared, &job).map_err(failed)?;
    let found = slopes.curvature(told).map_err(failed)?;
    if found.gradient_square == 0.0 {
        return Err(Fault::new("model.init", "the gradient is zero at the initial weights of seed 0"));
    }
    if ![found.top, found.low, found.noise(), found.gradient_square].iter().all(|value| value.is_finite()) {
        return Err(Fault::new("model.onnx", "the loss at the initial weights of seed 0 is not finite"));
    }
    if found.top <= 0.0 {
        return Err(Fault::new(
            "model.onnx",
            "the loss curves upwards in no direction at the initial weights of seed 0",
        )
        .hint("list some φ instead of `auto`, such as `phi: [0.5, 1, 5]`"));
    }
    Ok(found)
}

/// Gradients of the mean loss over some batches, in the parameters that have one, one behind the other.
struct Slopes<'a> {
    prepared: &'a Prepared,
    buffers: Buffers,
    batches: Vec<Batch>,
    /// Places in the state: of each parameter, and of where its gradient is added up.
    places: Vec<(usize, usize)>,
    weights: Vec<f32>,
}

impl<'a> Slopes<'a> {
    fn new(engine: &Engine, prepared: &'a Prepared, job: &Job) -> Result<Self, EngineError> {
        let mut buffers = Buffers::new(engine, prepared, job)?;
        buffers.reset(&prepared.step, job.model.init, SEED)?;
        let states = &prepared.step.state;
        let place = |name: &str| states.iter().position(|state| state.name == name);
        let places = states.iter().enumerate().filter(|(_, state)| state.kind == StateKind::Parameter);
        let places: Vec<_> = places
            .filter_map(|(index, state)| Some((index, place(&format!("gradient:{}", state.name))?)))
            .collect();
        let size = job.batch_size as usize;
        let mut order = Order::new(SEED, job.data.shuffle, prepared.drifting.as_ref());
        let count = (prepared.sets.train.indices.len() / size).min(BATCHES);
        let mut batches = Vec::with_capacity(count);
        for number in 0..count {
            let mut batch = Batch::new(&prepared.step.inputs, &prepared.step.target);
            let samples = order.batch(&prepared.sets.train, size, (number as u64, 0, 1));
            let (mut inputs, mut target, _) = batch.rooms();
            let rooms = (&mut inputs[..], &mut target);
            prepared
                .batcher
                .train(&prepared.sets.train, samples, SEED, rooms)
                .map_err(|error| EngineError(format!("samples cannot be read: {error}")))?;
            batches.push(batch);
        }
        let weights = {
            let parts = buffers.held()?.state(&prepared.step);
            places.iter().flat_map(|(parameter, _)| parts[*parameter].values.iter().copied()).collect()
        };
        Ok(Self { prepared, buffers, batches, places, weights })
    }

    /// The mean gradient over some of the batches at these weights.
    fn gradient(
        &mut self,
        weights: &[f32],
        batches: std::ops::Range<usize>,
    ) -> Result<Vec<f64>, EngineError> {
        let places = &self.places;
        self.buffers.fill(|mut rooms| {
            let mut left = weights;
            for (parameter, sum) in places {
                let (own, others) = left.split_at(rooms[*parameter].len());
                rooms[*parameter].copy_from_slice(own);
                rooms[*sum].fill(0.0);
                left = others;
            }
        })?;
        let count = batches.len() as f64;
        for number in batches {
            let pass = Pass { seed: SEED, step: number as u64, pass: 0, passes: 2, rate: 0.0, momentum: 0.0 };
            self.buffers.step(self.prepared, &self.batches[number], pass, false)?;
        }
        let parts = self.buffers.held()?.state(&self.prepared.step);
        let sums = self.places.iter().flat_map(|(_, sum)| parts[*sum].values);
        // Each of two passes adds half of its gradient.
        Ok(sums.map(|sum| f64::from(*sum) * 2.0 / count).collect())
    }

    /// The product of the Hessian and a vector of norm 1.
    fn product(&mut self, vector: &[f32], reach: f64) -> Result<Vec<f64>, EngineError> {
        let moved = |sign: f64| -> Vec<f32> {
            let pairs = self.weights.iter().zip(vector);
            pairs.map(|(weight, v)| (f64::from(*weight) + sign * reach * f64::from(*v)) as f32).collect()
        };
        let (above, below) = (moved(1.0), moved(-1.0));
        let all = 0..self.batches.len();
        let (above, below) = (self.gradient(&above, all.clone())?, self.gradient(&below, all)?);
        Ok(above.iter().zip(&below).map(|(above, below)| (above - below) / (2.0 * reach)).collect())
    }

    fn curvature(&mut self, told: &mut dyn FnMut(u32, u32)) -> Result<Curvature, EngineError> {
        let count = self.weights.len();
        let products = (MAX_BASIS / (4 * count)).clamp(4, PRODUCTS).min(count);
        let parts = products as u32 + 1;
        told(0, parts);
        let (gradient_square, noise_trace) = self.noise()?;
        told(1, parts);
        let norm = self.weights.iter().map(|weight| f64::from(*weight).powi(2)).sum::<f64>().sqrt();
        // Weights that are all 0 say nothing about how far is far.
        let reach = if norm > 0.0 { REACH * norm } else { REACH };
        let mut rng = stream(Purpose::Curvature, SEED, 0, 0);
        let start: Vec<f64> = (0..count).map(|_| StandardNormal.sample(&mut rng)).collect();
        let mut done = 1;
        let spectrum: Spectrum = lanczos(start, products, |vector| {
            let product = self.product(vector, reach)?;
            done += 1;
            told(done, parts);
            Ok::<_, EngineError>(product)
        })?;
        let (top, mean_square) = (spectrum.largest(), spectrum.mean_square());
        Ok(Curvature {
            seed: SEED,
            batches: self.batches.len() as u32,
            products: spectrum.nodes.len() as u32,
            top,
            low: spectrum.quantile(LOW, FLOOR * top),
            mean_square,
            gradient_square,
            noise_trace,
        })
    }

    /// The squared norm of the gradient without its noise, and the variance of one batch's gradient, both summed over the
    /// parameters and unbiased.
    fn noise(&mut self) -> Result<(f64, f64), EngineError> {
        let weights = self.weights.clone();
        let count = self.batches.len() as f64;
        let (mut sum, mut squares) = (vec![0.0; weights.len()], 0.0);
        for number in 0..self.batches.len() {
            let gradient = self.gradient(&weights, number..number + 1)?;
            squares += gradient.iter().map(|slope| slope * slope).sum::<f64>();
            sum.iter_mut().zip(&gradient).for_each(|(sum, slope)| *sum += slope);
        }
        let mean = sum.iter().map(|sum| (sum / count).powi(2)).sum::<f64>();
        let noise = ((squares - count * mean) / (count - 1.0)).max(0.0);
        // Where all of it is noise, what is left must not be nothing.
        Ok(((mean - noise / count).max(1e-3 * mean), noise))
    }
}
