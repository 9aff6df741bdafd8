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
    /// Whether that is another machine than the one that it was trained on.
    pub elsewhere: bool,
    /// How many times as fast that machine is taken to be.
    pub speedup: f64,
    pub rows: Vec<PricedRow>,
    pub total: PricedUses,
    /// Of the total: results of earlier sweeps that it took over.
    pub taken_over: Price,
    /// The total without them.
    pub paid: Price,
    /// How long the machine was at it, in hours.
    pub wall_hours: f64,
    /// What a rental for that long is charged, by its steps and its minimum.
    pub billed_usd: Option<f64>,
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
    elsewhere: bool,
    speedup: f64,
}

impl Priced {
    /// Where the offer is of another machine, an hour of this one is taken for `1 / speedup` hours of one of its GPUs.
    #[must_use]
    pub fn new(
        sweep: &SweepRow,
        account: &Account,
        offer: Option<Offer>,
        elsewhere: bool,
        speedup: f64,
    ) -> Self {
        let rate = Rate { offer: offer.as_ref(), elsewhere, speedup };
        let row = |row: &SpentRow| PricedRow {
            schedule: row.schedule.clone(),
            budget: row.budget.clone(),
            steps: row.steps,
            trials: row.trials,
            uses: rate.uses(row.uses),
        };
        let wall_hours = account.wall_seconds / speedup / 3600.0;
        let billed = offer.as_ref().map(|offer| match elsewhere {
            false => bill::Bill::of(offer, account.wall_seconds).usd,
            // One of its GPUs: the rest of the machine is for others.
            true => {
                let bill = bill::Bill::of(offer, account.paid().machine_seconds / speedup);
                bill.usd / f64::from(offer.devices())
            }
        });
        Self {
            version: 1,
            sweep: sweep.sweep,
            name: sweep.name.clone(),
            rows: account.rows.iter().map(row).collect(),
            total: rate.uses(account.total),
            taken_over: rate.price(account.taken_over),
            paid: rate.price(account.paid()),
            wall_hours,
            billed_usd: billed,
            offer,
            elsewhere,
            speedup,
        }
    }
}

impl Rate<'_> {
    fn price(self, spent: Spent) -> Price {
        let seconds = spent.machine_seconds / self.speedup;
        let (hours, usd) = match self.offer {
            None => (seconds / 3600.0, None),
            Some(offer) => {
                let share = if self.elsewhere { 1.0 / f64::from(offer.devices()) } else { 1.0 };
                (bill::device_hours(offer, seconds, share), Some(bill::usd(offer, seconds, share)))
            }
        };
        // Another machine takes other energy.
        let is_measured = spent.joules > 0.0 && !self.elsewhere;
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
