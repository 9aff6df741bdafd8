//! What it costs to rent a machine of one kind.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Date;

/// How a machine is rented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provisioning {
    OnDemand,
    Spot,
    Reserved,
}

impl Provisioning {
    pub const ALL: [Self; 3] = [Self::OnDemand, Self::Spot, Self::Reserved];

    /// As in tables: `on_demand`, `spot`, `reserved`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Spot => "spot",
            Self::Reserved => "reserved",
        }
    }
}

impl fmt::Display for Provisioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row of a table of prices. `Display` is its name, such as `aws:p5.48xlarge`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Without `:` and `@`, as `sku` is.
    pub provider: String,
    /// What the provider calls this kind of machine.
    pub sku: String,
    /// Empty where there is none.
    pub gpu: String,
    /// Of one GPU.
    pub gpu_memory_gb: u32,
    /// 0 where there is none, or nobody said.
    pub gpus: u32,
    /// Of the whole machine, above 0.
    pub usd_per_hour: f64,
    pub provisioning: Provisioning,
    /// Empty where the price is for any, or nobody said.
    pub region: String,
    /// A rental is charged in steps of so many seconds; 0 is as long as it was.
    pub billing_granularity_s: u32,
    /// A rental is charged for at least so many seconds.
    pub min_charge_s: u32,
    /// Where the price is from; empty where nobody said.
    pub source: String,
    /// When it was the price; `None` where nobody said.
    pub checked_at: Option<Date>,
}

impl Offer {
    /// A machine of one's own, or one whose price is known as a number: charged for as long as it is used.
    #[must_use]
    pub fn own(usd_per_hour: f64) -> Self {
        Self {
            provider: "own".to_owned(),
            sku: "machine".to_owned(),
            gpu: String::new(),
            gpu_memory_gb: 0,
            gpus: 0,
            usd_per_hour,
            provisioning: Provisioning::OnDemand,
            region: String::new(),
            billing_granularity_s: 0,
            min_charge_s: 0,
            source: "a number of one's own".to_owned(),
            checked_at: None,
        }
    }

    /// How many devices the price is divided by: its GPUs, or the machine where it has none.
    #[must_use]
    pub fn devices(&self) -> u32 {
        self.gpus.max(1)
    }

    /// Dollars for an hour of one GPU; of a machine without GPUs, for an hour of it.
    #[must_use]
    pub fn usd_per_device_hour(&self) -> f64 {
        self.usd_per_hour / f64::from(self.devices())
    }

    /// Which offer this is: of two with the same key in different tables, one takes the place of the other.
    pub(super) fn key(&self) -> (&str, &str, Provisioning, &str) {
        (&self.provider, &self.sku, self.provisioning, &self.region)
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.sku)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_kept_as_json() {
        let mut offer = Offer::own(21.957_642);
        offer.region = "us-east-1, \"a\"".to_owned();
        offer.checked_at = Some("2026-11-09".parse().unwrap());
        for provisioning in Provisioning::ALL {
            offer.provisioning = provisioning;
            let json = serde_json::to_string(&offer).unwrap();
            assert!(json.contains(&format!("\"provisioning\":\"{provisioning}\"")), "{json}");
            assert!(json.contains("\"checked_at\":\"2026-11-09\""), "{json}");
            assert_eq!(serde_json::from_str::<Offer>(&json).unwrap(), offer);
            let newer = json.replacen('{', "{\"carbon\":{\"grams\":[1]},", 1);
            assert_eq!(
                serde_json::from_str::<Offer>(&newer).unwrap(),
                offer,
                "fields of later versions are passed over"
            );
            let wrong = json.replace("2026-11-09", "2026-11-31");
            assert!(serde_json::from_str::<Offer>(&wrong).unwrap_err().to_string().contains("a day such as"));
        }
    }

    #[test]
    fn a_price_is_divided_by_the_gpus() {
        for (gpus, expected) in [(0, 55.04), (1, 55.04), (8, 6.88)] {
            let offer = Offer { gpus, ..Offer::own(55.04) };
            assert!((offer.usd_per_device_hour() - expected).abs() < 1e-12, "{gpus}");
        }
        assert_eq!(Offer::own(0.8).to_string(), "own:machine");
    }
}
