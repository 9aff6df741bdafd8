//! `training:`.

use super::{
    cursor::{Cursor, Keys},
    error::Fault,
    optimizer::optimizer,
    scalar::{self, Part},
    types::{Interval, Training},
    yaml::Node,
};

const TRAINING: Keys = Keys {
    known: &[
        "batch_size",
        "accumulate",
        "full_budget",
        "optimizer",
        "clip_norm",
        "ema",
        "warmup",
        "eta_min",
        "log_every",
        "evaluate",
    ],
    later: &["precision"],
};

/// Samples in a pass.
const MAX_BATCH: u64 = 1 << 20;

/// Passes in a step.
const MAX_ACCUMULATE: u64 = 4096;

pub(super) fn training(at: &Cursor<'_>) -> Result<Training, Fault> {
    let map = at.map(&TRAINING)?;
    // As a worker computes with it: in 32 bits.
    let is_ema = |value: f64| value as f32 > 0.0 && (value as f32) < 1.0;
    let (optimizer, no_decay) = optimizer(&map.required("optimizer", "{sgd: {momentum: 0.9}}")?)?;
    Ok(Training {
        batch_size: scalar::whole(&map.required("batch_size", "128")?, 1..=MAX_BATCH)?,
        accumulate: map.or("accumulate", 1, |at| scalar::whole(at, 1..=MAX_ACCUMULATE))? as u32,
        full_budget: scalar::length(&map.required("full_budget", "8 epochs")?)?,
        optimizer,
        no_decay,
        clip_norm: map.or("clip_norm", None, |at| {
            scalar::number(at, scalar::POSITIVE, scalar::is_positive).map(Some)
        })?,
        ema: map
            .or("ema", None, |at| scalar::number(at, "a number above 0 and below 1", is_ema).map(Some))?,
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
