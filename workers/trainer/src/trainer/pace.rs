//! How long the parts of a trial take here, each tried several times. Enter at [`Trainer::pace`].

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sweep_wire::{Every, Job, Keep, Pace, Run, Timing};

use super::{Buffers, Control, Keeper, Said, Table, Trainer, measure};
use crate::{
    engine::{Engine, EngineError},
    fault::Fault,
    prepared::Prepared,
};

/// Steps before the first that counts: memory is touched and caches fill.
const WARMUP: usize = 3;
/// The steps that count take so long together, or are so many. Warm-up ends after this time, too.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const MANY_ENOUGH: usize = 20_000;
/// Three steps say something of their spread.
const LEAST: usize = 3;
/// Steps that take longer together are enough, were it one.
const TOO_LONG: Duration = Duration::from_secs(60);
/// Stretches that the steps are put together in: neighbours are alike, and few long ones hide less of how the machine's pace
/// wanders than many short ones.
const STRETCHES: usize = 10;
/// Other parts are tried so often at most, and not again after this time.
const REPEATS: usize = 10;
const REPEATING: Duration = Duration::from_millis(500);
/// What takes longer is tried once.
const SLOW: Duration = Duration::from_secs(10);
/// An evaluation is cut off here.
const EVALUATING: Duration = Duration::from_millis(200);
/// `told` hears of so many parts.
const PARTS: u32 = 4;

impl Trainer {
    /// Measures what [`Pace`] holds, within some seconds where a step takes less than one; with such that take long, within
    /// about a minute and a half, or a few steps. The weights stay as they are: the rate is 0. Checkpoints are written to
    /// `folder`, and missing where that cannot be done; without a folder only steps are timed. `told` hears how many parts
    /// of how many are done.
    ///
    /// # Errors
    /// What is wrong with the job, or ONNX Runtime's failure as a fault of the model.
    pub fn pace(
        engine: &Engine,
        job: &Job,
        folder: Option<&Path>,
        told: &mut dyn FnMut(u32, u32),
    ) -> Result<Pace, Fault> {
        let mut trainer = None;
        // A second time, since one alone has no spread.
        let loads = repeated(if folder.is_some() { 2 } else { 1 }, Duration::ZERO, || {
            trainer = None;
            trainer = Some(Self::new(engine, job)?);
            Ok::<_, Fault>(Some(1))
        })?;
        let Some(mut trainer) = trainer else { return Ok(Pace::default()) };
        told(1, PARTS);
        let failed =
            |error: EngineError| Fault::new("model.onnx", format!("a trial cannot be timed: {error}"));
        let steps = trainer.time_steps().map_err(failed)?;
        if steps.is_empty() {
            let message = "the loss at the initial weights of seed 0 is not finite, so no step can be timed";
            return Err(Fault::new("model.onnx", message));
        }
        let Some(folder) = folder else {
            told(PARTS, PARTS);
            return Ok(Pace { loads, steps, ..Pace::default() });
        };
        told(2, PARTS);
        let evaluations = trainer.time_evaluations().map_err(failed)?;
        told(3, PARTS);
        let Self { job, prepared, buffers, .. } = &mut trainer;
        let starts = repeated(REPEATS, REPEATING, || {
            buffers.reset(&prepared.step, job.model.init, 0).map_err(failed)?;
            Ok::<_, Fault>(Some(1))
        })?;
        let (checkpoints, weights) = time_writing(folder, buffers, prepared).map_err(failed)?;
        told(PARTS, PARTS);
        Ok(Pace { loads, starts, steps, evaluations, checkpoints, weights })
    }

    /// Stretches of training, with all that gets in its way; none where the loss is not finite.
    fn time_steps(&mut self) -> Result<Vec<Timing>, EngineError> {
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
        let mut first = None;
        let mut report = |said: Said| {
            if !matches!(said, Said::Nothing) {
                return Control::Continue;
            }
            asked.push(Instant::now());
            let last = asked.len() - 1;
            if first.is_none() && (last >= WARMUP || last > 0 && asked[0].elapsed() >= LONG_ENOUGH) {
                first = Some(last);
            }
            let Some(first) = first else { return Control::Continue };
            let (counted, took) = (last - first, asked[last] - asked[first]);
            let enough = counted >= MANY_ENOUGH
                || counted >= LEAST && took >= LONG_ENOUGH
                || counted > 0 && took >= TOO_LONG;
            if enough { Control::Abandon } else { Control::Continue }
        };
        self.train(&run, &Table::of_rates(vec![0.0; steps as usize]), &mut report)?;
        Ok(first.map_or(Vec::new(), |first| stretches(&asked[first..])))
    }

    /// Batches of what is evaluated; nothing where nothing is.
    fn time_evaluations(&mut self) -> Result<Vec<Timing>, EngineError> {
        let Self { prepared, buffers, .. } = self;
        let sets = &prepared.sets;
        let Some(set) = sets.test.as_ref().or(sets.validation.as_ref()) else { return Ok(Vec::new()) };
        let mut once = || {
            let (started, mut batches) = (Instant::now(), 0);
            let mut go_on = || {
                batches += 1;
                started.elapsed() < EVALUATING
            };
            measure(buffers, prepared, set, &mut go_on)?;
            Ok::<_, EngineError>(Some(batches))
        };
        // What is touched for the first time does not count.
        once()?;
        repeated(REPEATS, 2 * REPEATING, once)
    }
}

/// Checkpoints, and weights.
fn time_writing(
    folder: &Path,
    buffers: &mut Buffers,
    prepared: &Prepared,
) -> Result<(Vec<Timing>, Vec<Timing>), EngineError> {
    let keep = Keep {
        folder: folder.to_owned(),
        key: "pace".to_owned(),
        every: Every::Steps(1),
        resume: Vec::new(),
        weights: true,
        best: None,
    };
    let mut keeper = Keeper::new(Some(&keep));
    let mut step = 0;
    let checkpoints = repeated(REPEATS, REPEATING, || {
        step += 1;
        let said = keeper.save(step, buffers, prepared)?;
        Ok::<_, EngineError>(matches!(said, Some(Said::Checkpoint { .. })).then_some(1))
    })?;
    let weights = repeated(REPEATS, REPEATING, || {
        let said = keeper.finish(step, buffers, prepared)?;
        Ok::<_, EngineError>(matches!(said[..], [Said::Weights { .. }]).then_some(1))
    })?;
    Ok((checkpoints, weights))
}

/// The times between marks, put together in stretches of about equal length.
fn stretches(marks: &[Instant]) -> Vec<Timing> {
    let counted = marks.len().saturating_sub(1);
    let parts = counted.min(STRETCHES);
    let ends = (1..=parts).map(|part| part * counted / parts);
    let starts = (0..parts).map(|part| part * counted / parts);
    starts
        .zip(ends)
        .map(|(start, end)| Timing {
            count: (end - start) as u64,
            seconds: (marks[end] - marks[start]).as_secs_f64(),
        })
        .collect()
}

/// Tries something twice, and until it was tried `most` times or all of that took `limit`; what is slow, once. `once` says how
/// many of it there were, or that it cannot be done.
fn repeated<E>(
    most: usize,
    limit: Duration,
    mut once: impl FnMut() -> Result<Option<u64>, E>,
) -> Result<Vec<Timing>, E> {
    let began = Instant::now();
    let mut timings = Vec::new();
    while timings.len() < most {
        let started = Instant::now();
        let Some(count) = once()? else { return Ok(timings) };
        timings.push(Timing { count, seconds: started.elapsed().as_secs_f64() });
        let took = began.elapsed();
        if took >= SLOW || timings.len() >= 2 && took >= limit {
            break;
        }
    }
    Ok(timings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_stretches_that_hold_all_of_them() {
        let began = Instant::now();
        for (counted, parts) in [(0, 0), (1, 1), (3, 3), (10, 10), (11, 10), (2000, 10)] {
            let marks: Vec<_> = (0..=counted).map(|mark| began + Duration::from_millis(2 * mark)).collect();
            let timings = stretches(&marks);
            assert_eq!(timings.len(), parts, "{counted}");
            assert_eq!(timings.iter().map(|timing| timing.count).sum::<u64>(), counted);
            for Timing { count, seconds } in timings {
                assert!((seconds - 0.002 * count as f64).abs() < 1e-9, "{count} in {seconds} s");
            }
        }
        assert!(stretches(&[]).is_empty(), "nothing was asked");
    }

    #[test]
    fn something_is_tried_twice_at_least_unless_it_cannot_be_done() {
        let check = |most, limit, refuse_at: usize| {
            let mut tried = 0;
            let once = || {
                tried += 1;
                Ok::<_, ()>((tried < refuse_at).then_some(7))
            };
            let timings = repeated(most, limit, once).unwrap();
            assert!(timings.iter().all(|timing| timing.count == 7));
            timings.len()
        };
        assert_eq!(check(10, Duration::ZERO, 99), 2);
        assert_eq!(check(5, Duration::MAX, 99), 5);
        assert_eq!(check(5, Duration::MAX, 1), 0);
        assert_eq!(check(5, Duration::MAX, 3), 2);
        assert_eq!(repeated(5, Duration::MAX, || Err::<Option<u64>, _>("no")), Err("no"));
    }
}
