//! What the use of a machine costs: metered, as if only that use were paid; and billed, as a rental is charged.

use super::Offer;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// The GPU-hours of so many seconds on a share of a machine's GPUs; on a share of a machine without GPUs, its hours.
/// A share is from 0 to 1.
#[must_use]
pub fn device_hours(offer: &Offer, seconds: f64, share: f64) -> f64 {
    seconds / SECONDS_PER_HOUR * share * f64::from(offer.devices())
}

/// The dollars of the same, metered.
#[must_use]
pub fn usd(offer: &Offer, seconds: f64, share: f64) -> f64 {
    device_hours(offer, seconds, share) * offer.usd_per_device_hour()
}

/// What a rental is charged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bill {
    /// The seconds that are paid for: those it took up to the next step, at least the minimum.
    pub charged_s: f64,
    /// GPU-hours or hours that are paid for; see [`device_hours`].
    pub device_hours: f64,
    pub usd: f64,
}

impl Bill {
    /// Of renting a whole machine for so many seconds; of none where it was not rented.
    #[must_use]
    pub fn of(offer: &Offer, wall_s: f64) -> Self {
        let charged_s = charged(offer, wall_s);
        Self { charged_s, device_hours: device_hours(offer, charged_s, 1.0), usd: usd(offer, charged_s, 1.0) }
    }

    /// The dollars that fall to each part, in proportion to what it used, such as its GPU-seconds: what nobody used is
    /// paid by those who used something. All is 0 where nobody did.
    #[must_use]
    pub fn parts(&self, used: &[f64]) -> Vec<f64> {
        let all: f64 = used.iter().sum();
        used.iter().map(|used| if all > 0.0 { self.usd * (used / all) } else { 0.0 }).collect()
    }
}

/// The seconds that a rental of so many is charged for.
fn charged(offer: &Offer, wall_s: f64) -> f64 {
    if wall_s <= 0.0 {
        return 0.0;
    }
    let minimum = f64::from(offer.min_charge_s);
    if offer.billing_granularity_s == 0 {
        return wall_s.max(minimum);
    }
    // A sum of seconds is not always as whole as it is meant, and a step too many may be an hour.
    let wall_s = (wall_s * 1000.0).round() / 1000.0;
    let step = f64::from(offer.billing_granularity_s);
    ((wall_s / step).ceil() * step).max(minimum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn use_is_metered_by_time_and_share() {
        // Price, GPUs, seconds, share; GPU-hours and dollars.
        for (price, gpus, seconds, share, hours, dollars) in [
            (55.04, 8, 3600.0, 1.0, 8.0, 55.04),
            (55.04, 8, 3600.0, 1.0 / 8.0, 1.0, 6.88),
            (55.04, 8, 1800.0, 0.5, 2.0, 13.76),
            (0.8, 1, 900.0, 0.25, 0.0625, 0.05),
            (0.2, 0, 7200.0, 0.5, 1.0, 0.2),
            (0.2, 0, 0.0, 1.0, 0.0, 0.0),
        ] {
            let offer = Offer { gpus, min_charge_s: 60, billing_granularity_s: 3600, ..Offer::own(price) };
            assert!(close(device_hours(&offer, seconds, share), hours), "{price} {seconds} {share}");
            assert!(close(usd(&offer, seconds, share), dollars), "{price} {seconds} {share}");
        }
    }

    #[test]
    fn a_rental_is_charged_in_steps_and_for_a_minimum() {
        // Granularity, minimum, seconds, seconds charged.
        for (step, minimum, wall_s, charged_s) in [
            (0, 0, 12.5, 12.5),
            (0, 60, 12.5, 60.0),
            (0, 60, 60.5, 60.5),
            (1, 60, 0.1, 60.0),
            (1, 60, 60.0, 60.0),
            (1, 60, 60.001, 61.0),
            (1, 60, 60.0004, 60.0),
            (60, 0, 60.0, 60.0),
            (60, 0, 60.001, 120.0),
            (60, 0, 1.0, 60.0),
            (3600, 0, 3_600.000_000_001, 3600.0),
            (3600, 0, 3601.0, 7200.0),
            // The minimum need not be a number of steps.
            (60, 90, 10.0, 90.0),
            (60, 90, 91.0, 120.0),
            (60, 60, 0.0, 0.0),
            (60, 60, -1.0, 0.0),
        ] {
            let offer =
                Offer { billing_granularity_s: step, min_charge_s: minimum, gpus: 4, ..Offer::own(7.2) };
            let bill = Bill::of(&offer, wall_s);
            assert!(close(bill.charged_s, charged_s), "{step} {minimum} {wall_s}: {bill:?}");
            assert!(
                close(bill.usd, charged_s * 0.002) && close(bill.device_hours, charged_s / 900.0),
                "{bill:?}"
            );
        }
    }

    #[test]
    fn one_bill_is_less_than_one_for_each() {
        let offer = Offer { billing_granularity_s: 60, min_charge_s: 60, ..Offer::own(3.6) };
        let each: f64 = (0..100).map(|_| Bill::of(&offer, 5.0).usd).sum();
        let together = Bill::of(&offer, 500.0);
        assert!(close(each, 6.0) && close(together.usd, 0.54), "{each} {together:?}");
        assert!(together.usd >= usd(&offer, 500.0, 1.0));
    }

    #[test]
    fn a_bill_is_parted_by_use() {
        let bill = Bill { charged_s: 60.0, device_hours: 1.0, usd: 12.0 };
        for (used, expected) in [
            (vec![], vec![]),
            (vec![5.0], vec![12.0]),
            (vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]),
            (vec![0.0, 7.0], vec![0.0, 12.0]),
            (vec![0.0, 0.0], vec![0.0, 0.0]),
        ] {
            let parts = bill.parts(&used);
            assert!(
                parts.len() == expected.len() && parts.iter().zip(&expected).all(|(a, b)| close(*a, *b)),
                "{parts:?}"
            );
        }
        let used: Vec<f64> = (1..1000).map(|part| f64::from(part).sqrt()).collect();
        assert!(close(bill.parts(&used).iter().sum(), 12.0));
    }
}
