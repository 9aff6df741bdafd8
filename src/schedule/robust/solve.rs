//! The rates with the smallest worst case: a smoothed maximum, limited-memory BFGS, several fixed starts.
//!
//! Enter at [`Problem::solve`]. Two runs give the same rates: no clock, no chance.

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::MAX_STEPS;
use super::moments::{HeavyBall, LANES, Lanes, Plain, Rule, Trace, gradient, log_square};
use super::problem::{FINE, Problem, SEARCH, Solution, padded, tops};

/// The maximum of ln L is smoothed as ln(mean exp(β·ln L))/β, sharper from stage to stage.
const STAGES: [f64; 5] = [10.0, 50.0, 200.0, 1000.0, 5000.0];
/// How many starts are followed after the first stage.
const FOLLOWED: usize = 2;
/// How many steps L-BFGS remembers: up to T + 1 curvatures are worst together, each bends its own way.
const CORRECTIONS: usize = 40;
const MAX_ITERATIONS: u64 = 250;
/// A line search that does not end by itself is ended here; the best point is kept.
const MAX_EVALUATIONS: usize = 600;

impl Problem {
    /// The rates in (0, cap] with the smallest worst case.
    ///
    /// A local search from fixed starts: the named shapes at their best peaks, and without noise the Chebyshev
    /// rates. The result is never worse than any start. `steps` must be in [1, [`MAX_STEPS`]].
    pub fn solve(&self) -> Solution {
        let mut starts = self.named_starts();
        if self.noise == 0.0 && self.momentum == 0.0 {
            starts.push(self.chebyshev().into_iter().map(|rate| rate.min(self.cap)).collect());
        }
        self.solve_from(starts)
    }

    /// Common shapes, the middle of each step, at their best peaks, and a rate for each of T curvatures.
    pub(super) fn named_starts(&self) -> Vec<Vec<f64>> {
        self.check();
        assert!((1..=MAX_STEPS).contains(&self.steps), "steps in 1..={MAX_STEPS}: {}", self.steps);
        let uba =
            |z: f64, phi: f64| 1.0 / (1.0 + phi / 2.0 * (std::f64::consts::FRAC_PI_2 * z).tan().powi(2));
        let shapes: [&dyn Fn(f64) -> f64; 5] = [
            // Equal rates would stay equal for ever where order does not matter.
            &|z| 1.0 - 0.1 * z,
            &|z| 1.0 - z,
            &|z| uba(z, 2.0),
            &|z| uba(z, 0.3),
            &|z| uba(z, 0.03),
        ];
        let curve = |shape: &dyn Fn(f64) -> f64| -> Vec<f64> {
            (0..self.steps).map(|t| shape((t as f64 + 0.5) / self.steps as f64)).collect()
        };
        let at_best = |factors: Vec<f64>| {
            let peak = self.best_peak(&factors).0;
            factors.into_iter().map(|factor| peak * factor).collect()
        };
        let mut starts: Vec<Vec<f64>> = shapes.into_iter().map(|shape| at_best(curve(shape))).collect();
        // With little noise each rate has its own curvature to remove, and two rates that meet do not part
        // again: only starts that are far apart already reach the optimum.
        let target = |z: f64| self.low * (self.high / self.low).powf(z);
        starts.push(curve(&|z| (1.0 / target(z)).min(self.cap)));
        starts
    }

    /// The best of `starts` and of what the search makes of them.
    pub(super) fn solve_from(&self, starts: Vec<Vec<f64>>) -> Solution {
        let mut smoothed = Smoothed::new(self, STAGES[0]);
        let mut evaluations = 0;
        let mut followed: Vec<(f64, Vec<f64>)> = starts
            .iter()
            .map(|start| {
                smoothed.descend(start.iter().map(|rate| self.logit(*rate)).collect(), &mut evaluations)
            })
            .collect();
        followed.sort_by(|left, right| left.0.total_cmp(&right.0));
        followed.truncate(FOLLOWED);
        let mut candidates = starts;
        for (_, mut logits) in followed {
            for beta in &STAGES[1..] {
                smoothed.sharpen(*beta, &logits);
                logits = smoothed.descend(logits, &mut evaluations).1;
                candidates.push(smoothed.rates(&logits));
            }
        }
        // By logarithms: worst cases below the range of `f64` still differ.
        let (mut rates, mut least) = (Vec::new(), f64::INFINITY);
        for candidate in candidates {
            let log = self.log_worst(&candidate, &self.curvatures(self.steps, FINE));
            if rates.is_empty() || log < least {
                (rates, least) = (candidate, log);
            }
        }
        if self.noise == 0.0 && self.momentum == 0.0 {
            rates.sort_by(|left, right| right.total_cmp(left));
        }
        let worst = self.worst(&rates);
        Solution { rates, worst, evaluations }
    }

    /// The y of η = cap·sigmoid(y); kept where the sigmoid still has a slope.
    fn logit(&self, rate: f64) -> f64 {
        let share = (rate / self.cap).clamp(1e-9, 0.99);
        (share / (1.0 - share)).ln()
    }
}

/// The smoothed objective over y.
pub(super) struct Smoothed<'a> {
    problem: &'a Problem,
    curvatures: Vec<f64>,
    /// The curvatures that count at present.
    chunks: Vec<Lanes>,
    pub(super) beta: f64,
}

impl<'a> Smoothed<'a> {
    pub(super) fn new(problem: &'a Problem, beta: f64) -> Self {
        let curvatures = problem.curvatures(problem.steps, SEARCH);
        Self { problem, chunks: curvatures.chunks(LANES).map(padded).collect(), curvatures, beta }
    }

    /// A larger β, and the present tops among the curvatures: what falls between them is not seen, and the
    /// search would hide its peaks there.
    fn sharpen(&mut self, beta: f64, logits: &[f64]) {
        let rates = self.rates(logits);
        let mut curvatures = tops(&self.curvatures, &self.problem.logs(&rates, &self.curvatures));
        curvatures.extend(&self.curvatures);
        self.chunks = curvatures.chunks(LANES).map(padded).collect();
        self.beta = beta;
    }

    pub(super) fn rates(&self, logits: &[f64]) -> Vec<f64> {
        // Far out the sigmoid is zero in `f64`; rates are positive.
        let sigmoid = |y: &f64| (1.0 / (1.0 + (-y).exp())).max(f64::MIN_POSITIVE);
        logits.iter().map(|y| self.problem.cap * sigmoid(y)).collect()
    }

    /// The smoothed ln of the worst case and its derivatives by y; −∞ and none where nothing is left.
    pub(super) fn value_and_gradient(&self, logits: &[f64]) -> (f64, Vec<f64>) {
        if self.problem.momentum == 0.0 {
            self.by(&Plain, logits)
        } else {
            self.by(&HeavyBall(self.problem.momentum), logits)
        }
    }

    fn by<R: Rule>(&self, rule: &R, logits: &[f64]) -> (f64, Vec<f64>) {
        let rates = self.rates(logits);
        let mut logs = Vec::with_capacity(self.chunks.len());
        let mut trace = Trace::new();
        for lambda in &self.chunks {
            let squares = log_square(rule, &rates, lambda, self.problem.noise, &mut trace);
            let log: Lanes = std::array::from_fn(|i| squares[i] + self.problem.log_weight(lambda[i]));
            logs.push(log);
        }
        let top = logs.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<Lanes> =
            logs.iter().map(|log| log.map(|log| (self.beta * (log - top)).exp())).collect();
        let total: f64 = weights.iter().flatten().sum();
        let mut sum = vec![0.0; rates.len()];
        for (lambda, weights) in self.chunks.iter().zip(&weights) {
            let weights = weights.map(|weight| weight / total);
            // Most curvatures are far from the worst: to run the few others again is cheaper than to keep
            // every trace.
            if weights.iter().any(|weight| *weight > 1e-17) {
                log_square(rule, &rates, lambda, self.problem.noise, &mut trace);
                gradient(rule, &rates, lambda, &weights, &trace, &mut sum);
            }
        }
        for (slope, rate) in sum.iter_mut().zip(&rates) {
            *slope *= rate * (1.0 - rate / self.problem.cap);
        }
        (top + (total / (self.chunks.len() * LANES) as f64).ln() / self.beta, sum)
    }

    /// The smallest value found from `logits`, and where.
    fn descend(&self, logits: Vec<f64>, evaluations: &mut usize) -> (f64, Vec<f64>) {
        let memory = RefCell::new(Memory::default());
        let run = || -> Result<(), Error> {
            let line_search = MoreThuenteLineSearch::new().with_bounds(1e-12, 1e3)?;
            let solver =
                LBFGS::new(line_search, CORRECTIONS).with_tolerance_cost(1e-9)?.with_tolerance_grad(1e-8)?;
            let target = Target { smoothed: self, memory: &memory };
            let executor = Executor::new(target, solver).timer(false).ctrlc(false);
            executor.configure(|state| state.param(logits.clone()).max_iters(MAX_ITERATIONS)).run()?;
            Ok(())
        };
        // An error only says that the line search found no better point; the best one is in `memory`.
        let _ = run();
        let memory = memory.into_inner();
        *evaluations += memory.evaluations;
        memory.best.unwrap_or((f64::INFINITY, logits))
    }
}

/// What the line search has computed: it asks for value and gradient of a point one after the other.
#[derive(Default)]
struct Memory {
    last: Option<(Vec<f64>, f64, Vec<f64>)>,
    best: Option<(f64, Vec<f64>)>,
    evaluations: usize,
}

struct Target<'a> {
    smoothed: &'a Smoothed<'a>,
    memory: &'a RefCell<Memory>,
}

impl Target<'_> {
    fn at(&self, logits: &[f64]) -> Result<(f64, Vec<f64>), Error> {
        let mut memory = self.memory.borrow_mut();
        if let Some((at, value, gradient)) = &memory.last
            && at == logits
        {
            return Ok((*value, gradient.clone()));
        }
        if memory.evaluations == MAX_EVALUATIONS {
            return Err(Error::msg("out of evaluations"));
        }
        memory.evaluations += 1;
        let (value, gradient) = self.smoothed.value_and_gradient(logits);
        if memory.best.as_ref().is_none_or(|(best, _)| value < *best) {
            memory.best = Some((value, logits.to_vec()));
        }
        if !value.is_finite() || gradient.iter().any(|slope| !slope.is_finite()) {
            return Err(Error::msg("left the finite numbers"));
        }
        memory.last = Some((logits.to_vec(), value, gradient.clone()));
        Ok((value, gradient))
    }
}

impl CostFunction for Target<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, logits: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.at(logits)?.0)
    }
}

impl Gradient for Target<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, logits: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.at(logits)?.1)
    }
}
