//! `warmup:`, of the training or of one schedule.

use crate::schedule::{Ramp, Warmup};

use super::{
    super::{
        cursor::{Cursor, Keys},
        error::Fault,
        scalar,
        yaml::Node,
    },
    fraction,
};

const KEYS: Keys = Keys { known: &["share", "shape", "start"], later: &[] };

/// `5%`, or a mapping with its shape.
pub(in crate::spec) fn warmup(at: &Cursor<'_>) -> Result<Warmup, Fault> {
    let share = |at: &Cursor<'_>| {
        scalar::share(at, "a share of the budget from 0% and below 100%", |share| (0.0..1.0).contains(&share))
    };
    if !matches!(at.node(), Node::Map(_)) {
        return Ok(Warmup::linear(share(at)?));
    }
    let map = at.map(&KEYS)?;
    let shapes = [
        ("linear", Ramp::Linear),
        ("cosine", Ramp::Cosine),
        ("exponential", Ramp::Exponential { start: 0.01 }),
    ];
    let mut ramp = map.or("shape", Ramp::Linear, |at| at.choice(&shapes, &[]))?;
    match (&mut ramp, map.get("start")) {
        (Ramp::Exponential { start }, Some(at)) => *start = fraction(&at)?,
        (_, Some(at)) => {
            return Err(at.fault("`start` is for `shape: exponential`").at_key().hint("leave it out"));
        }
        (_, None) => {}
    }
    Ok(Warmup { share: share(&map.required("share", "5%")?)?, ramp })
}
