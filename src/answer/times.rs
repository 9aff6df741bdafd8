//! How long a training takes.

use std::collections::{BTreeMap, HashMap};

use crate::store::{Cell, Outcome};

/// Device seconds of a training by steps, and by settings as far as they change what a step costs: the fastest finished one of
/// as many steps or more.
///
/// Schedules and rates cost the same, so all of them tell. The fastest is what else was at work on the machine disturbed
/// least; and where all trainings of a budget were disturbed, none of them takes longer than one of more steps.
#[derive(Debug, Clone, Default)]
pub struct Times(HashMap<Setting, BTreeMap<u64, f64>>);

type Setting = Vec<(String, u64)>;

/// Numbers that go into an update and change nothing about its cost.
const FREE: [&str; 3] = ["learning_rate", "momentum", "weight_decay"];

impl Times {
    #[must_use]
    pub fn new(outcomes: &[Outcome]) -> Self {
        let mut times: HashMap<Setting, BTreeMap<u64, f64>> = HashMap::new();
        let mut cells: HashMap<*const Cell, (Setting, u64, f64)> = HashMap::new();
        for outcome in outcomes.iter().filter(|outcome| outcome.is_done()) {
            let Some(seconds) = outcome.device_seconds else { continue };
            let cell = &*outcome.cell;
            let known = cells
                .entry(std::ptr::from_ref(cell))
                .or_insert_with(|| (setting(cell), cell.steps, f64::INFINITY));
            known.2 = known.2.min(seconds);
        }
        for (setting, steps, seconds) in cells.into_values() {
            let fastest = times.entry(setting).or_default().entry(steps).or_insert(f64::INFINITY);
            *fastest = fastest.min(seconds);
        }
        for budgets in times.values_mut() {
            let mut least = f64::INFINITY;
            for seconds in budgets.values_mut().rev() {
                least = least.min(*seconds);
                *seconds = least;
            }
        }
        Self(times)
    }

    /// None where no training of this setting and budget is done.
    #[must_use]
    pub fn of(&self, cell: &Cell) -> Option<f64> {
        self.0.get(&setting(cell))?.get(&cell.steps).copied()
    }
}

fn setting(cell: &Cell) -> Setting {
    let costly = cell.settings.iter().filter(|(name, _)| !FREE.contains(&name.as_str()));
    costly.map(|(name, value)| (name.clone(), (value + 0.0).to_bits())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::TrialStatus;

    #[test]
    fn the_fastest_counts_and_fewer_steps_never_take_longer() {
        let cell = |steps, batch| Cell {
            id: 1,
            schedule: "cosine".to_owned(),
            budget: String::new(),
            steps,
            settings: BTreeMap::from([
                ("batch".to_owned(), batch),
                ("learning_rate".to_owned(), 1.0 / steps as f64),
            ]),
            followed: None,
        };
        let outcome = |steps, batch, end, seconds| Outcome {
            trial: 1,
            seed: 0,
            cell: Arc::new(cell(steps, batch)),
            end: Some(end),
            value: None,
            selection: None,
            gap: None,
            device_seconds: Some(seconds),
        };
        use TrialStatus::{Done, Failed};
        let times = Times::new(&[
            outcome(100, 0.1, Done, 30.0),
            outcome(100, 0.1, Done, 25.0),
            outcome(200, 0.1, Done, 20.0),
            outcome(200, 0.1, Done, 90.0),
            outcome(400, 0.1, Done, 40.0),
            outcome(400, 0.1, Failed, 1.0),
            outcome(400, 0.2, Done, 70.0),
        ]);
        for (steps, batch, seconds) in [
            (100, 0.1, Some(20.0)),
            (200, 0.1, Some(20.0)),
            (400, 0.1, Some(40.0)),
            (400, 0.2, Some(70.0)),
            (100, 0.2, None),
        ] {
            assert_eq!(times.of(&cell(steps, batch)), seconds, "{steps} {batch}");
        }
    }
}
