//! `checkpoint:`.

use super::{
    cursor::{Cursor, Keys},
    error::Fault,
    scalar::{self, Part},
    types::{Checkpoint, Checkpoints, Interval},
    units,
    yaml::Node,
};

const CHECKPOINT: Keys = Keys { known: &["every", "keep", "weights"], later: &[] };

/// Checkpoints of one trial.
const MAX_KEPT: u64 = 1000;

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
        && units::duration(text).is_some()
    {
        return units::time(at).map(Checkpoints::Seconds);
    }
    Ok(Checkpoints::Every(match scalar::part(at, 1.0)? {
        Part::Share(share) => Interval::Share(share),
        Part::Length(length) => Interval::Length(length),
    }))
}
