//! Rows of the store → what they say: which settings each schedule took at each budget, how its losses went, what it
//! cost, which smaller budget is as good. Pure; the statistics are [`crate::cost`]'s, the words [`crate::report`]'s.
//!
//! Enter at [`Cells::new`] for what there is, at [`Savings::new`] for the question.

mod cells;
mod compared;
mod curves;
mod grouped;
mod growth;
mod priced;
mod savings;
mod spent;
mod standing;
mod summary;
mod times;

pub use cells::{Cells, Group};
pub use compared::{Asked, CONFIDENCE, Compared, NotComparable};
pub use curves::{Band, BandPoint, band, of_band};
pub use grouped::{Grouped, GroupedRow};
pub use growth::wanted;
pub use priced::{Elsewhere, Price, Priced, PricedRow, PricedUses};
pub use savings::{Budget, Compete, Evidence, Saves, Savings, Scale, Schedule, SweepCost, Verdict, Yours};
pub use spent::{Account, Spent, SpentRow, Uses};
pub use standing::{Standing, standings};
pub use summary::{Summary, better};
pub use times::Times;

/// Below this many finished seeds an interval says nothing.
pub const MIN_SEEDS: usize = 3;
