//! The offers that sweeps are priced with.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Reader, StoreError};
use crate::{
    cost::{Date, Offer, Provisioning},
    engine::SweepId,
};

/// The row of an offer, which sweeps share.
pub(super) fn insert(transaction: &Transaction<'_>, offer: &Offer) -> Result<i64, StoreError> {
    let checked_at = offer.checked_at.map(|date| date.to_string()).unwrap_or_default();
    let values = params![
        offer.provider,
        offer.sku,
        offer.gpu,
        offer.gpu_memory_gb,
        offer.gpus,
        offer.usd_per_hour,
        offer.provisioning.name(),
        offer.region,
        offer.billing_granularity_s,
        offer.min_charge_s,
        offer.source,
        checked_at,
    ];
    let columns = "provider, sku, gpu, gpu_memory_gb, gpus, usd_per_hour, provisioning, region,
                   billing_granularity_s, min_charge_s, source, checked_at";
    let marks = "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12";
    transaction.execute(&format!("INSERT OR IGNORE INTO price ({columns}) VALUES ({marks})"), values)?;
    let find = format!("SELECT id FROM price WHERE ({columns}) = ({marks})");
    Ok(transaction.query_row(&find, values, |row| row.get(0))?)
}

impl Reader {
    /// What a sweep is priced with.
    ///
    /// # Errors
    /// The disk.
    pub fn price(&self, sweep: SweepId) -> Result<Option<Offer>, StoreError> {
        let sql = "SELECT provider, sku, gpu, gpu_memory_gb, gpus, usd_per_hour, provisioning, region,
                   billing_granularity_s, min_charge_s, source, checked_at FROM prices WHERE sweep = ?1";
        let offer = self.connection.query_row(sql, [sweep], |row| {
            let (provisioning, checked_at): (String, String) = (row.get(6)?, row.get(11)?);
            let known = Provisioning::ALL.into_iter().find(|known| known.name() == provisioning);
            Ok(Offer {
                provider: row.get(0)?,
                sku: row.get(1)?,
                gpu: row.get(2)?,
                gpu_memory_gb: row.get(3)?,
                gpus: row.get(4)?,
                usd_per_hour: row.get(5)?,
                // The column takes no others.
                provisioning: known.unwrap_or(Provisioning::OnDemand),
                region: row.get(7)?,
                billing_granularity_s: row.get(8)?,
                min_charge_s: row.get(9)?,
                source: row.get(10)?,
                checked_at: checked_at.parse::<Date>().ok(),
            })
        });
        Ok(offer.optional()?)
    }
}
