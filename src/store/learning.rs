//! Learning curves of many trials, thinned as they are read.

use rusqlite::params;

use super::{Reader, StoreError, read::natural};
use crate::engine::TrialId;

/// Rows that are read whole; of more, single points are looked up. Half a million take about a tenth of a second.
const MAX_ROWS: u64 = 400_000;
/// Points that are looked up in all.
const MAX_LOOKS: u64 = 40_000;

/// A metric of one trial over its steps.
pub type Learning = Vec<(u64, f64)>;

impl Reader {
    /// A metric of each of these trials, given with their steps: means over so many stretches of equal length where there
    /// are more points, or, in a store of millions, fewer and single ones. What is not finite is left out.
    ///
    /// # Errors
    /// The disk.
    pub fn learning(
        &self,
        trials: &[(TrialId, u64)],
        metric: &str,
        points: u64,
    ) -> Result<Vec<Learning>, StoreError> {
        let count = "SELECT count(*) FROM metric WHERE trial = ?1 AND name = ?2";
        let mut count = self.connection.prepare(count)?;
        let mut rows = 0;
        for (trial, _) in trials {
            rows += count.query_row(params![trial, metric], |row| natural(row, 0))?;
            if rows > MAX_ROWS {
                break;
            }
        }
        let all = trials.len().max(1) as u64;
        trials
            .iter()
            .map(|(trial, steps)| match rows > MAX_ROWS {
                true => self.looked_up(*trial, metric, *steps, points.min((MAX_LOOKS / all).max(2))),
                false => self.averaged(*trial, metric, *steps, points),
            })
            .collect()
    }

    fn averaged(
        &self,
        trial: TrialId,
        metric: &str,
        steps: u64,
        points: u64,
    ) -> Result<Learning, StoreError> {
        // Evaluations are of a step each, the last of them after all steps; those of a trial are few.
        let stretch = i64::try_from((steps / points.max(1)).max(1)).unwrap_or(i64::MAX);
        let sql = "SELECT CAST(round(avg(step)) AS INTEGER), avg(value) FROM metric
                   WHERE trial = ?1 AND name = ?2 AND value IS NOT NULL GROUP BY step / ?3 ORDER BY 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let curve = statement.query_map(params![trial, metric, stretch], |row| {
            Ok((natural(row, 0)?, row.get::<_, f64>(1)?))
        })?;
        Ok(curve
            .filter(|point| !matches!(point, Ok((_, value)) if !value.is_finite()))
            .collect::<Result<_, _>>()?)
    }

    fn looked_up(
        &self,
        trial: TrialId,
        metric: &str,
        steps: u64,
        points: u64,
    ) -> Result<Learning, StoreError> {
        let sql = "SELECT step, value FROM metric
                   WHERE trial = ?1 AND name = ?2 AND step >= ?3 ORDER BY step LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut curve = Learning::new();
        for point in 0..points {
            // The last one is the last step that has any: train losses end before the last update, evaluations after it.
            let from =
                if point + 1 == points { steps.saturating_sub(1) } else { steps * point / (points - 1) };
            let from = i64::try_from(from).unwrap_or(i64::MAX);
            let found = statement.query_map(params![trial, metric, from], |row| {
                Ok((natural(row, 0)?, row.get::<_, Option<f64>>(1)?))
            })?;
            for found in found {
                if let (step, Some(value)) = found?
                    && value.is_finite()
                    && curve.last().is_none_or(|(last, _)| *last < step)
                {
                    curve.push((step, value));
                }
            }
        }
        Ok(curve)
    }

    /// The last value of a metric of each of these trials, where there is one and it is finite.
    ///
    /// # Errors
    /// The disk.
    pub fn last_values(
        &self,
        trials: impl IntoIterator<Item = TrialId>,
        metric: &str,
    ) -> Result<Vec<Option<f64>>, StoreError> {
        let sql = "SELECT value FROM metric WHERE trial = ?1 AND name = ?2 ORDER BY step DESC LIMIT 1";
        let mut statement = self.connection.prepare(sql)?;
        let mut values = Vec::new();
        for trial in trials {
            let mut rows = statement.query(params![trial, metric])?;
            let value: Option<f64> = rows.next()?.map(|row| row.get(0)).transpose()?.flatten();
            values.push(value.filter(|value| value.is_finite()));
        }
        Ok(values)
    }

    /// The names of what is measured in one of a sweep's trials, the first that is done.
    ///
    /// # Errors
    /// The disk.
    pub fn metrics_of(&self, sweep: crate::engine::SweepId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT name FROM metric WHERE trial = (
                       SELECT trial FROM sweep_trial WHERE sweep = ?1 AND end = 'done' ORDER BY ordinal LIMIT 1
                   ) ORDER BY name";
        let mut statement = self.connection.prepare(sql)?;
        let names = statement.query_map([sweep], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}
