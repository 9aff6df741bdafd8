//! Seeds that only results can call for.

use std::path::Path;

use super::{Scheduler, SchedulerError, now};
use crate::{
    answer,
    engine::{Event, Submitted, SweepId},
    spec, store,
};

impl Scheduler {
    /// All trials of a sweep are over: those that its question still needs, or none.
    pub(super) fn grow(&mut self, sweep: SweepId) -> Event {
        let trials = self.wanted(sweep).unwrap_or_else(|error| {
            self.tell(&[sweep], format!("sweep {sweep} gets no further seeds: {error}"));
            Vec::new()
        });
        Event::Grown { sweep, trials }
    }

    fn wanted(&mut self, sweep: SweepId) -> Result<Vec<Submitted>, SchedulerError> {
        loop {
            let reader = store::open_reader(&self.setup.home)?;
            let row = reader.find(&sweep.to_string())?;
            // It was a spec when it was submitted; where it lay does not matter.
            let spec = spec::parse(&reader.spec(sweep)?, Path::new("spec.yaml"))?;
            let wanted = answer::wanted(&row, &reader.outcomes(sweep)?, &spec);
            drop(reader);
            let wanted = match wanted {
                Ok(wanted) => wanted,
                Err(problem) => {
                    self.tell(&[sweep], format!("sweep {sweep} gets no further seeds: {problem}"));
                    return Ok(Vec::new());
                }
            };
            let (released, trials) = self.store.release(sweep, &wanted, now())?;
            // Those that another sweep has trained already are results to decide by.
            if released > 0 && trials.is_empty() {
                continue;
            }
            if released > 0 {
                let cells = wanted.len();
                self.tell(
                    &[sweep],
                    format!("{released} more trials, in {cells} cells whose comparison is open"),
                );
            }
            return Ok(trials);
        }
    }
}
