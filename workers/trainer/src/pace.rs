//! How long a training step takes here.

use std::time::{Duration, Instant};

use sweep_wire::{Job, Run};

use crate::{Control, Engine, Said, Table, Trainer, engine::EngineError, fault::Fault};

/// Steps before the first that counts: memory is touched and caches fill.
const WARMUP: usize = 3;
/// The steps that count take so long together, or are so many.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const MANY_ENOUGH: usize = 2000;
/// Three steps say something, however long they take.
const LEAST: usize = 3;

/// The mean of the seconds from one step of a job to the next, samples included, evaluations not: what a training of many
/// steps takes, with all that gets in its way. The weights stay as they are: the rate is 0.
///
/// # Errors
/// What is wrong with the job, or ONNX Runtime's failure as a fault of the model.
pub fn measure(engine: &Engine, job: &Job) -> Result<f64, Fault> {
    let mut trainer = Trainer::new(engine, job)?;
    let steps = (WARMUP + MANY_ENOUGH + 2) as u64;
    let run = Run {
        seed: 0,
        steps,
        table: Default::default(),
        log_every: steps,
        evaluate: vec![steps],
        keep: None,
    };
    // It asks before each step.
    let mut asked: Vec<Instant> = Vec::new();
    let mut report = |said: Said| {
        if !matches!(said, Said::Nothing) {
            return Control::Continue;
        }
        asked.push(Instant::now());
        let counted = asked.len().saturating_sub(WARMUP + 1);
        let enough = counted >= MANY_ENOUGH || counted >= LEAST && asked[WARMUP].elapsed() >= LONG_ENOUGH;
        if enough { Control::Abandon } else { Control::Continue }
    };
    let failed = |error: EngineError| Fault::new("model.onnx", format!("a step cannot be timed: {error}"));
    trainer.train(&run, &Table::of_rates(vec![0.0; steps as usize]), &mut report).map_err(failed)?;
    match asked.get(WARMUP..) {
        Some([first, .., last]) => Ok((*last - *first).as_secs_f64() / (asked.len() - WARMUP - 1) as f64),
        _ => Err(Fault::new(
            "model.onnx",
            "the loss at the initial weights of seed 0 is not finite, so no step can be timed",
        )),
    }
}
