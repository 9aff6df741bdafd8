//! The ticks of a log scale: 1, 2 and 5 times the powers of ten, or as many of them as there is room for.

use super::{
    Range,
    axis::{Axis, REACH, Tick, is_flat},
};

/// Every which power of ten has a tick, where there are too many for each to have one.
const STRIDES: [i32; 9] = [1, 2, 3, 5, 10, 20, 50, 100, 200];

/// An axis across from one number above 0 to another, with at most so many steps between ticks. An end within 6 % of
/// a tick moves to it. A range that holds few of these ticks has those of a linear scale.
pub(super) fn across((low, high): Range, most: usize) -> Axis {
    let (low, high) = if is_flat((low, high)) {
        // Wide enough for three ticks.
        let low = (low / 4.0).clamp(f64::MIN_POSITIVE, f64::MAX / 16.0);
        (low, (high * 4.0).min(f64::MAX).max(16.0 * low))
    } else {
        (low, high)
    };
    let fine = ticks((low, high), &[1, 2, 5], 1);
    if fine.len() < 3 {
        return Axis { is_log: true, ..Axis::across((low, high), most) };
    }
    let ticks = fit((low, high), fine, most.max(2) + 1);
    let low = ticks.first().map_or(low, |tick| tick.at.min(low));
    let high = ticks.last().map_or(high, |tick| tick.at.max(high));
    Axis { low, high, ticks, is_log: true }
}

/// As many ticks as there is room for, evenly spread.
fn fit(range: Range, fine: Vec<Tick>, room: usize) -> Vec<Tick> {
    if fine.len() <= room {
        return fine;
    }
    let coarse = STRIDES.into_iter().map(|stride| ticks(range, &[1], stride)).find(|it| it.len() <= room);
    match coarse.filter(|ticks| ticks.len() > 1) {
        Some(ticks) => ticks,
        None => {
            let stride = fine.len().div_ceil(room);
            fine.into_iter().step_by(stride).collect()
        }
    }
}

/// These multiples of every so many powers of ten, as far as they are within the range or just beside it.
fn ticks((low, high): Range, multiples: &[i128], stride: i32) -> Vec<Tick> {
    let (from, to) = (low.log10(), high.log10());
    let reach = ((to - from) * REACH).max(1e-9);
    let is_near = |tick: &Tick| {
        let at = tick.at.log10();
        at.is_finite() && (from - reach..=to + reach).contains(&at)
    };
    (from.floor() as i32 - 1..=to.ceil() as i32 + 1)
        .filter(|exponent| exponent.rem_euclid(stride) == 0)
        .flat_map(|exponent| multiples.iter().map(move |multiple| Tick::new(*multiple, exponent)))
        .filter(is_near)
        .collect()
}
