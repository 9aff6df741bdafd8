//! `training:`.

use sweep_wire::{Optimizer, Sgd};

use super::{
    cursor::{Cursor, Keys},
    error::Fault,
    scalar::{self, Part},
    types::{Interval, Training},
    yaml::Node,
};

const TRAINING: Keys = Keys {
    known: &["batch_size", "full_budget", "optimizer", "warmup", "eta_min", "log_every", "evaluate"],
    later: &["accumulate", "clip_norm", "ema", "precision"],
};
const SGD: Keys =
    Keys { known: &["momentum", "nesterov", "weight_decay"], later: &["no_decay", "dampening"] };

/// Samples in a step.
const MAX_BATCH: u64 = 1 << 20;

pub(super) const MOMENTUM: &str = "a number from 0 and below 1";
pub(super) const WEIGHT_DECAY: &str = "a number from 0";

pub(super) fn is_momentum(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

pub(super) fn is_weight_decay(value: f64) -> bool {
    value >= 0.0 && (value as f32).is_finite()
}

pub(super) fn training(at: &Cursor<'_>) -> Result<Training, Fault> {
    let map = at.map(&TRAINING)?;
    Ok(Training {
        batch_size: scalar::whole(&map.required("batch_size", "128")?, 1..=MAX_BATCH)?,
        full_budget: scalar::length(&map.required("full_budget", "8 epochs")?)?,
        optimizer: optimizer(&map.required("optimizer", "{sgd: {momentum: 0.9}}")?)?,
        warmup: map.or("warmup", 0.0, |at| {
            scalar::share(at, "a share of the budget from 0% and below 100%", |share| {
                (0.0..1.0).contains(&share)
            })
        })?,
        eta_min: map.or("eta_min", 0.0, |at| scalar::number(at, "a number from 0", |value| value >= 0.0))?,
        log_every: map.or("log_every", Interval::Share(0.01), interval)?,
        evaluate: map.or("evaluate", Interval::Share(0.1), |at| match at.node() {
            Node::Text(text) if text == "end" => Ok(Interval::End),
            _ => interval(at),
        })?,
    })
}

fn interval(at: &Cursor<'_>) -> Result<Interval, Fault> {
    Ok(match scalar::part(at, 1.0)? {
        Part::Share(share) => Interval::Share(share),
        Part::Length(length) => Interval::Length(length),
    })
}

fn optimizer(at: &Cursor<'_>) -> Result<Optimizer, Fault> {
    let mut sgd = Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    if let (_, Some(under)) =
        at.named(&["sgd"], &["adam", "adamw", "lamb", "lars", "lion", "muon", "rmsprop"])?
    {
        let map = under.map(&SGD)?;
        sgd.momentum = map.or("momentum", 0.0, |at| scalar::number(at, MOMENTUM, is_momentum))?;
        sgd.nesterov = map.or("nesterov", false, Cursor::boolean)?;
        sgd.weight_decay =
            map.or("weight_decay", 0.0, |at| scalar::number(at, WEIGHT_DECAY, is_weight_decay))?;
    }
    Ok(Optimizer::Sgd(sgd))
}
