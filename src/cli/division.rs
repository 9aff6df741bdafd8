//! How many workers of how many threads train a model most quickly here, all together. It is measured before trials get their
//! keys, for the number of threads is in them; the sweep's facts keep it, and a file in the home folder.

use std::path::Path;

use sweep_wire::{Division, Facts};

use super::{
    Failure, Global, OutputMode,
    calibration::{self, Divided},
    failure::say,
    measure::{self, Timed},
};
use crate::{
    device::{CpuSlots, cores, cpu_slots},
    plan::{self, Machine},
    spec::{Spec, Work},
    store::{self, StoreError},
};

/// A sweep of fewer steps is over before measuring would pay.
const LEAST_STEPS: u64 = 2_000;
/// How much quicker than a worker for each core another division must be, since each worker has a trial of its own and none
/// waits for another.
const GAIN: f64 = 1.1;
/// Threads of a worker that are tried, as far as there are cores.
const THREADS: [u32; 4] = [1, 2, 4, 8];

/// Adds the division to the facts, from the store or the home folder or by measuring, where the spec leaves it open and the
/// sweep is long enough; whether it did. Specs with budgets in time or money keep a worker for each core: what they measure
/// hangs on it.
pub(super) async fn complete(
    facts: &mut Facts,
    global: &Global,
    (spec, text, file): (&Spec, &str, &Path),
    (machine, again): (Machine, bool),
) -> Result<bool, Failure> {
    let Work::Model(model) = &spec.work else { return Ok(false) };
    let is_open = spec.resources.workers.is_none() && spec.resources.threads.is_none();
    let candidates = candidates(cores());
    if !is_open || !facts.device.is_cpu() || candidates.len() < 2 {
        return Ok(false);
    }
    // Steps do not hang on threads.
    let Ok(plan) = plan::plan(spec, text, facts, machine, None) else { return Ok(false) };
    if plan.trials.iter().map(|trial| trial.steps).sum::<u64>() < LEAST_STEPS {
        return Ok(false);
    }
    // A home may move to a machine with other cores.
    let key = plan::measured_key(&plan::base_job(model, 0, facts.device), facts, cores());
    let mut kept = calibration::read(&global.home, &key);
    let found = if again { None } else { known(&global.home, &key)? };
    let kept_division = kept.division.as_ref().filter(|_| !again);
    let slots = found.or_else(|| kept_division.map(|kept| slots(kept.workers, kept.threads)));
    let slots = match slots {
        Some(slots) => slots,
        None => {
            let mut measured = Vec::new();
            for division in candidates {
                let job = plan::base_job(model, division.threads, facts.device);
                let what =
                    format!("measuring how quickly {} train", words(division.workers, division.threads));
                let timed = Timed { what: &what, whole: false };
                let paced = measure::measure_pace(global, &job, (spec, text, file), division, timed).await?;
                let rate = f64::from(division.workers) / paced.step_seconds();
                measured.push((division.workers, division.threads, rate));
            }
            let best = best(&measured);
            if global.output_mode == OutputMode::Cli {
                say(&described(&measured, best));
            }
            kept.division = Some(Divided { workers: best.workers, threads: best.threads, measured });
            measure::keep(global, &key, &kept);
            best
        }
    };
    facts.division = Some(Division { key, workers: slots.workers, threads: slots.threads });
    Ok(true)
}

fn slots(workers: u32, threads: u32) -> CpuSlots {
    CpuSlots { workers, threads }
}

/// The divisions of so many cores that are tried: first the one that is taken untried.
fn candidates(cores: u32) -> Vec<CpuSlots> {
    let mut all = vec![cpu_slots(cores, None, None)];
    for threads in THREADS.into_iter().chain([cores]) {
        let division = cpu_slots(cores, None, Some(threads));
        if threads <= cores && !all.contains(&division) {
            all.push(division);
        }
    }
    all
}

/// The first of all, unless another is clearly quicker.
fn best(measured: &[(u32, u32, f64)]) -> CpuSlots {
    let first = measured[0];
    let quickest =
        measured.iter().copied().fold(first, |best, next| if next.2 > best.2 { next } else { best });
    let (workers, threads, _) = if quickest.2 > GAIN * first.2 { quickest } else { first };
    slots(workers, threads)
}

/// What was measured, and what is taken.
fn described(measured: &[(u32, u32, f64)], best: CpuSlots) -> String {
    let all: Vec<_> = measured
        .iter()
        .map(|(workers, threads, rate)| format!("{} {rate:.1}", words(*workers, *threads)))
        .collect();
    format!("steps a second in all: {}; taking {}", all.join(", "), words(best.workers, best.threads))
}

fn words(workers: u32, threads: u32) -> String {
    let count = |number: u32, name: &str| format!("{number} {name}{}", if number == 1 { "" } else { "s" });
    format!("{} of {}", count(workers, "worker"), count(threads, "thread"))
}

/// How the newest sweep of this job was divided.
fn known(home: &Path, key: &str) -> Result<Option<CpuSlots>, Failure> {
    match store::open_reader(home) {
        Ok(reader) => Ok(reader.division(key)?.map(|known| slots(known.workers, known.threads))),
        // There is none yet, or one from before there were measurements.
        Err(StoreError::NothingHere(_) | StoreError::Older { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_of_machines() {
        let all =
            |cores| candidates(cores).iter().map(|slots| (slots.workers, slots.threads)).collect::<Vec<_>>();
        assert_eq!(all(1), [(1, 1)]);
        assert_eq!(all(2), [(2, 1), (1, 2)]);
        assert_eq!(all(4), [(4, 1), (2, 2), (1, 4)]);
        assert_eq!(all(64), [(8, 8), (8, 1), (8, 2), (8, 4), (1, 64)]);
    }

    #[test]
    fn a_worker_for_each_core_unless_another_division_is_clearly_quicker() {
        let chosen = |rates: [f64; 2]| best(&[(2, 1, rates[0]), (1, 2, rates[1])]);
        assert_eq!(chosen([10.0, 9.0]), slots(2, 1));
        assert_eq!(chosen([10.0, 10.9]), slots(2, 1));
        assert_eq!(chosen([10.0, 11.1]), slots(1, 2));
        let measured = [(2, 1, 10.0), (1, 2, 12.0)];
        assert_eq!(
            described(&measured, best(&measured)),
            "steps a second in all: 2 workers of 1 thread 10.0, 1 worker of 2 threads 12.0; taking 1 worker of 2 threads"
        );
    }
}
