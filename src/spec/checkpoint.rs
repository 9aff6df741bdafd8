//! `checkpoint:`.

use super::{
    cursor::Cursor,
    error::Fault,
    form::PERIOD,
    keys::{Keys, Kind::*, key},
    scalar::{self, Part},
    types::{Checkpoint, Checkpoints, Interval},
    units,
    yaml::Node,
};

pub(super) static CHECKPOINT: Keys = Keys::of(&[
    key("every", Form(&PERIOD), "How often a trial's state is written").or("30 s"),
    key("keep", Whole(1, MAX_KEPT), "How many of them stay until the trial is over").or("2"),
    key("weights", Boolean, "Whether trained weights stay; by default if all together are below 4 GiB"),
]);

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
