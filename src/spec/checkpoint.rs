//! `checkpoint:`.

use super::{
    cursor::{Cursor, Keys},
    error::Fault,
    scalar::{self, Part},
    types::{Checkpoint, Checkpoints, Interval},
    yaml::Node,
};

const CHECKPOINT: Keys = Keys { known: &["every", "keep", "weights"], later: &[] };

/// Checkpoints of one trial.
const MAX_KEPT: u64 = 1000;
/// The longest time between two checkpoints, in seconds: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

pub(super) fn checkpoint(at: &Cursor<'_>) -> Result<Checkpoint, Fault> {
    let map = at.map(&CHECKPOINT)?;
    let default = Checkpoint::default();
    Ok(Checkpoint {
        every: map.or("every", default.every, every)?,
        keep: map.or("keep", default.keep, |at| Ok(scalar::whole(at, 1..=MAX_KEPT)? as u32))?,
        weights: map.or("weights", None, |at| at.boolean().map(Some))?,
    })
}

fn every(at: &Cursor<'_>) -> Result<Checkpoints, Fault> {
    if let Node::Text(text) = at.node()
        && let Some(seconds) = duration(text)
    {
        return match seconds > 0.0 && seconds <= MAX_SECONDS {
            true => Ok(Checkpoints::Seconds(seconds)),
            false => Err(at.expected("a time above 0 and at most 366 days")),
        };
    }
    Ok(Checkpoints::Every(match scalar::part(at, 1.0)? {
        Part::Share(share) => Interval::Share(share),
        Part::Length(length) => Interval::Length(length),
    }))
}

/// Seconds, where the text is a number with a unit of time.
fn duration(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let seconds = match text[end..].trim() {
        "s" | "sec" | "second" | "seconds" => 1.0,
        "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        _ => return None,
    };
    Some(text[..end].trim().parse::<f64>().ok()? * seconds)
}
