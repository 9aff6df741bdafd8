//! A sweep's account in money: at the price that it was trained at, or as it would be elsewhere.

use serde::Serialize;

use super::{Account, Spent, SpentRow, Uses};
use crate::{
    cost::{Offer, bill},
    store::SweepRow,
};

/// What a sweep cost, as JSON has it. Hours are GPU-hours where the offer has GPUs, else hours of the machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Priced {
    /// Of this object's shape.
    pub version: u32,
    pub sweep: i64,
    pub name: String,
    /// What it is priced with; without, there are no dollars.
    pub offer: Option<Offer>,
    /// Where that is another machine than the one that it was trained on.
    pub elsewhere: Option<Elsewhere>,
    pub rows: Vec<PricedRow>,
    pub total: PricedUses,
    /// Of the total: results of earlier sweeps that it took over.
    pub taken_over: Price,
    /// The total without them.
    pub paid: Price,
    /// How long the machine was at it, in hours.
    pub wall_hours: f64,
    /// What a rental for that long is charged, by its steps and its minimum; elsewhere of the whole machine, with all of its
    /// devices at work.
    pub billed_usd: Option<f64>,
}

/// What another machine is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Elsewhere {
    /// How many times as fast a device there is as one here.
    pub speedup: f64,
    /// Devices of the machine that trained.
    pub devices: u32,
}

impl Elsewhere {
    /// `devices` as whoever asks says, or as the machine's own offer does, or one.
    #[must_use]
    pub fn new(speedup: f64, devices: Option<u32>, own: Option<&Offer>) -> Self {
        Self { speedup, devices: devices.or(own.map(Offer::devices)).unwrap_or(1) }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PricedRow {
    pub schedule: String,
    pub budget: String,
    pub steps: u64,
    pub trials: usize,
    #[serde(flatten)]
    pub uses: PricedUses,
}

/// See [`Uses`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PricedUses {
    pub results: Price,
    pub diverged: Price,
    pub lost: Price,
    pub unfinished: Price,
    pub all: Price,
}

/// Time, money and energy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Price {
    pub hours: f64,
    pub usd: Option<f64>,
    /// Of GPUs; none where nobody measured it.
    pub kwh: Option<f64>,
}

/// What seconds are made into.
#[derive(Clone, Copy)]
struct Rate<'a> {
    offer: Option<&'a Offer>,
    elsewhere: Option<Elsewhere>,
}

impl Priced {
    /// Where the offer is of another machine, an hour of a device here is taken for `1 / speedup` hours of one there.
    #[must_use]
    pub fn new(
        sweep: &SweepRow,
        account: &Account,
        offer: Option<Offer>,
        elsewhere: Option<Elsewhere>,
    ) -> Self {
        let rate = Rate { offer: offer.as_ref(), elsewhere };
        let row = |row: &SpentRow| PricedRow {
            schedule: row.schedule.clone(),
            budget: row.budget.clone(),
            steps: row.steps,
            trials: row.trials,
            uses: rate.uses(row.uses),
        };
        let total = rate.uses(account.total);
        let wall_seconds = match (elsewhere, &offer) {
            (Some(_), Some(offer)) => total.all.hours * 3600.0 / f64::from(offer.devices()),
            _ => account.wall_seconds,
        };
        Self {
            version: 1,
            sweep: sweep.sweep,
            name: sweep.name.clone(),
            rows: account.rows.iter().map(row).collect(),
            total,
            taken_over: rate.price(account.taken_over),
            paid: rate.price(account.paid()),
            wall_hours: wall_seconds / 3600.0,
            billed_usd: offer.as_ref().map(|offer| bill::Bill::of(offer, wall_seconds).usd),
            offer,
            elsewhere,
        }
    }
}

impl Rate<'_> {
    fn price(self, spent: Spent) -> Price {
        let seconds = spent.machine_seconds;
        let (hours, usd) = match (self.offer, self.elsewhere) {
            (None, _) => (seconds / 3600.0, None),
            (Some(offer), None) => {
                (bill::device_hours(offer, seconds, 1.0), Some(bill::usd(offer, seconds, 1.0)))
            }
            (Some(offer), Some(Elsewhere { speedup, devices })) => {
                let hours = seconds * f64::from(devices) / speedup / 3600.0;
                (hours, Some(hours * offer.usd_per_device_hour()))
            }
        };
        // Another machine takes other energy.
        let is_measured = spent.joules > 0.0 && self.elsewhere.is_none();
        Price { hours, usd, kwh: is_measured.then_some(spent.joules / 3.6e6) }
    }

    fn uses(self, uses: Uses) -> PricedUses {
        PricedUses {
            results: self.price(uses.results),
            diverged: self.price(uses.diverged),
            lost: self.price(uses.lost),
            unfinished: self.price(uses.unfinished),
            all: self.price(uses.all()),
        }
    }
}
