//! Schedules one after another, each over steps of its own. Multi-phase UBA is one: θ starts anew in each phase, and each
//! has a maximum of its own.
//!
//! Source: common practice, as optax's `join_schedules` and PyTorch's `SequentialLR`; for multi-phase UBA, in our reading
//! of it, Tang et al., "Stepsize anything", arXiv 2505.24452.

use super::Schedule;

/// A schedule, how far it goes, and how high.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Share of the budget at which it ends; ascending from part to part, 1 for the last.
    pub until: f64,
    /// Its peak as a factor of the trial's, above 0.
    pub peak: f64,
    pub schedule: Schedule,
}

/// The part that step t of T is in, and its first step and the step after its last. Ends are rounded to the nearest step,
/// so a part of a tiny budget may have none.
///
/// ```
/// use sweep::schedule::{Part, Schedule, join::place};
/// let part = |until| Part { until, peak: 1.0, schedule: Schedule::Cosine };
/// let parts = [part(0.25), part(1.0)];
/// assert_eq!((place(24, 100, &parts).1, place(24, 100, &parts).2), (0, 25));
/// assert_eq!((place(25, 100, &parts).1, place(25, 100, &parts).2), (25, 100));
/// ```
pub fn place(step: u64, total: u64, parts: &[Part]) -> (&Part, u64, u64) {
    let end = |part: &Part| (part.until * total as f64).round() as u64;
    let index = parts.iter().position(|part| step < end(part)).unwrap_or(parts.len() - 1);
    let start = if index == 0 { 0 } else { end(&parts[index - 1]) };
    (&parts[index], start, end(&parts[index]))
}
