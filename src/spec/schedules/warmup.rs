//! `warmup:`, of the training or of one schedule.

use crate::schedule::{Ramp, Warmup};

use super::{
    super::{
        cursor::Cursor,
        error::Fault,
        form::SHARE_FROM_0,
        keys::{ABOVE_0_BELOW_1, Keys, Kind, Kind::*, key, words},
        scalar,
        yaml::Node,
    },
    fraction,
};

const SHAPES: [(&str, Ramp); 3] =
    [("linear", Ramp::Linear), ("cosine", Ramp::Cosine), ("exponential", Ramp::Exponential { start: 0.01 })];

static KEYS: Keys = Keys::of(&[
    key("share", SHARE, "Of the budget").needed("5%"),
    key("shape", Choice(&words(SHAPES)), "How the rate climbs").or("linear"),
    key(
        "start",
        ABOVE_0_BELOW_1,
        "Where an exponential warm-up starts, as a factor of its end; 0.01 unless told",
    ),
]);
pub(in crate::spec) const WARMUP: Kind = Shared("warmup", &KIND);
static KIND: Kind = Any(&[SHARE, Map(&KEYS)]);
const SHARE: Kind = Any(&[Form(&SHARE_FROM_0), Zero]);

/// `5%`, or a mapping with its shape.
pub(in crate::spec) fn warmup(at: &Cursor<'_>) -> Result<Warmup, Fault> {
    let share = |at: &Cursor<'_>| {
        scalar::share(at, "a share of the budget from 0% and below 100%", |share| (0.0..1.0).contains(&share))
    };
    if !matches!(at.node(), Node::Map(_)) {
        return Ok(Warmup::linear(share(at)?));
    }
    let map = at.map(&KEYS)?;
    let mut ramp = map.or("shape", Ramp::Linear, |at| at.choice(&SHAPES, &[]))?;
    match (&mut ramp, map.get("start")) {
        (Ramp::Exponential { start }, Some(at)) => *start = fraction(&at)?,
        (_, Some(at)) => {
            return Err(at.fault("`start` is for `shape: exponential`").at_key().hint("leave it out"));
        }
        (_, None) => {}
    }
    Ok(Warmup { share: share(&map.required("share")?)?, ramp })
}
