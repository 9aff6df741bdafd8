//! What a smaller budget saves, and when finding it has paid for itself.
//!
//! `ratio` is what the smaller training takes of the full one: 0.6 where it takes 60 %.

/// What is saved at each training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Saving {
    /// Of the full training, 1 − ratio; negative where the smaller one takes more.
    pub share: f64,
    /// GPU-hours, or hours of a machine without GPUs.
    pub hours: f64,
    pub usd: f64,
}

impl Saving {
    /// Where a full training takes so many hours and dollars, and the smaller one `ratio` of each.
    #[must_use]
    pub fn per_training(full_hours: f64, full_usd: f64, ratio: f64) -> Self {
        let share = 1.0 - ratio;
        Self { share, hours: full_hours * share, usd: full_usd * share }
    }

    /// In a year with so many trainings; `share` stays.
    #[must_use]
    pub fn yearly(self, trainings_per_year: f64) -> Self {
        Self { hours: self.hours * trainings_per_year, usd: self.usd * trainings_per_year, ..self }
    }

    /// The number of trainings after which a sweep that cost so many dollars has paid for itself, the cost over the
    /// saving, rounded up; `None` where nothing is saved, so that it never does.
    #[must_use]
    pub fn pays_after(self, sweep_usd: f64) -> Option<u64> {
        // 1.1 / 0.1 is above 11.
        (self.usd > 0.0).then(|| (sweep_usd / self.usd * (1.0 - 1e-12)).ceil().max(0.0) as u64)
    }
}

/// The dollars per hour of the full training's hardware below which the smaller one, on hardware at this price, saves
/// nothing: ratio × price. With `ratio` in hours of each.
#[must_use]
pub fn flips_below(ratio: f64, usd_per_hour: f64) -> f64 {
    ratio * usd_per_hour
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn a_smaller_budget_saves_the_rest() {
        for (hours, usd, ratio, expected) in [
            (100.0, 250.0, 0.6, (0.4, 40.0, 100.0)),
            (100.0, 250.0, 1.0, (0.0, 0.0, 0.0)),
            (100.0, 250.0, 1.2, (-0.2, -20.0, -50.0)),
            (0.0, 0.0, 0.5, (0.5, 0.0, 0.0)),
        ] {
            let saving = Saving::per_training(hours, usd, ratio);
            let (share, saved_hours, saved) = expected;
            assert!(
                close(saving.share, share) && close(saving.hours, saved_hours) && close(saving.usd, saved),
                "{saving:?}"
            );
            let yearly = saving.yearly(12.0);
            assert!(
                close(yearly.share, share)
                    && close(yearly.hours, 12.0 * saved_hours)
                    && close(yearly.usd, 12.0 * saved)
            );
        }
    }

    #[test]
    fn a_sweep_pays_for_itself_or_never_does() {
        for (sweep_usd, saved, trainings) in [
            (100.0, 40.0, Some(3)),
            (80.0, 40.0, Some(2)),
            (80.01, 40.0, Some(3)),
            (1.0, 40.0, Some(1)),
            (0.0, 40.0, Some(0)),
            (1.1, 0.1, Some(11)),
            (0.3, 0.1, Some(3)),
            (1e6, 0.001, Some(1_000_000_000)),
            (100.0, 0.0, None),
            (100.0, -1.0, None),
            (0.0, 0.0, None),
            (100.0, f64::NAN, None),
            (1e300, 1e-300, Some(u64::MAX)),
        ] {
            let saving = Saving { share: 0.5, hours: 1.0, usd: saved };
            assert_eq!(saving.pays_after(sweep_usd), trainings, "{sweep_usd} {saved}");
        }
        for (all, whole) in
            (1..2000_u32).flat_map(|all| [0.1, 0.7, 1.3].map(|usd| (f64::from(all) * usd, (all, usd))))
        {
            let saving = Saving { share: 0.5, hours: 1.0, usd: whole.1 };
            assert_eq!(saving.pays_after(all), Some(u64::from(whole.0)), "{whole:?}");
        }
    }

    #[test]
    fn cheaper_hardware_may_outweigh_a_smaller_budget() {
        let (ratio, price) = (0.6, 6.88);
        let flips = flips_below(ratio, price);
        assert!(close(flips, 4.128));
        let cost = |hours: f64, usd_per_hour: f64| hours * usd_per_hour;
        for (other, saves) in [(flips + 0.01, true), (flips - 0.01, false)] {
            assert_eq!(cost(60.0, price) < cost(100.0, other), saves, "{other}");
        }
    }
}
