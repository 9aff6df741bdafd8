//! `training:`.

use sweep_wire::{Kernels, Precision};

use crate::schedule::Warmup;

use super::{
    cursor::{Cursor, Map},
    error::Fault,
    form::{LENGTH, PART, STEPS},
    keys::{ABOVE_0, ABOVE_0_BELOW_1, FROM_0, Key, Keys, Kind::*, key, words},
    optimizer::{OPTIMIZERS, optimizer},
    scalar::{self, Part},
    schedules,
    types::{Interval, Length, Training, Updates},
    yaml::Node,
};

pub(super) static OF_MODEL: Keys = Keys::of(&[
    key("batch_size", Whole(1, MAX_BATCH), "Samples per pass through the model").needed("128"),
    key("accumulate", Whole(1, MAX_ACCUMULATE), "Passes per step").or("1"),
    key("full_budget", Form(&LENGTH), "What a budget of 100% means").needed("8 epochs"),
    key("optimizer", Named(&OPTIMIZERS, &[]), "How gradients become updates")
        .needed("{sgd: {momentum: 0.9}}"),
    key("clip_norm", ABOVE_0, "The largest norm of a step's gradient"),
    key("ema", ABOVE_0_BELOW_1, "Decay of a moving average of the weights, which is evaluated instead"),
    WARMUP,
    ETA_MIN,
    key("log_every", Form(&PART), "How often the training loss is kept").or("1%"),
    key("evaluate", Any(&[Choice(&["end"]), Form(&PART)]), "How often is evaluated; always at the end")
        .or("10%"),
    key(
        "precision",
        Choice(&words(PRECISIONS)),
        "How a GPU multiplies: in 32 bits, or rounded to TensorFloat-32",
    )
    .or("float32"),
    key(
        "kernels",
        Choice(&words(KERNELS)),
        "What a processor computes a step with: this program's own kernels where it has some, or ONNX Runtime's alone",
    )
    .or("own"),
]);

const KERNELS: [(&str, Kernels); 2] = [("own", Kernels::Own), ("standard", Kernels::Standard)];
const PRECISIONS: [(&str, Precision); 2] = [("float32", Precision::Float32), ("tf32", Precision::Tf32)];

pub(super) static OF_PROGRAM: Keys = Keys::of(&[
    key("full_budget", Form(&STEPS), "What a budget of 100% means").needed("3000 steps"),
    WARMUP,
    ETA_MIN,
]);

const WARMUP: Key =
    key("warmup", schedules::WARMUP, "The share of each trial's budget in which the rate climbs to its peak")
        .or("0%");
const ETA_MIN: Key = key("eta_min", FROM_0, "The rate below which schedules do not go").or("0");

pub(super) const EPOCHS: &str =
    "only a model and its data tell how long an epoch is: write such as `3000 steps`";

/// Samples in a pass.
const MAX_BATCH: u64 = 1 << 20;

/// Passes in a step.
const MAX_ACCUMULATE: u64 = 4096;

/// How long a model trains, and how.
pub(super) fn of_model(at: &Cursor<'_>) -> Result<(Training, Updates), Fault> {
    let map = at.map(&OF_MODEL)?;
    // As a worker computes with it: in 32 bits.
    let is_ema = |value: f64| value as f32 > 0.0 && (value as f32) < 1.0;
    let (optimizer, no_decay) = optimizer(&map.required("optimizer")?)?;
    let batch_size = scalar::whole(&map.required("batch_size")?, 1..=MAX_BATCH)?;
    let accumulate = map.or("accumulate", 1, |at| scalar::whole(at, 1..=MAX_ACCUMULATE))? as u32;
    let training = around(&map, scalar::length(&map.required("full_budget")?)?)?;
    let updates = Updates {
        batch_size,
        accumulate,
        optimizer,
        no_decay,
        clip_norm: map.or("clip_norm", None, |at| {
            scalar::number(at, scalar::POSITIVE, scalar::is_positive).map(Some)
        })?,
        ema: map
            .or("ema", None, |at| scalar::number(at, "a number above 0 and below 1", is_ema).map(Some))?,
        log_every: map.or("log_every", Interval::Share(0.01), interval)?,
        evaluate: map.or("evaluate", Interval::Share(0.1), |at| match at.node() {
            Node::Text(text) if text == "end" => Ok(Interval::End),
            _ => interval(at),
        })?,
        precision: map.or("precision", Precision::default(), |at| at.choice(&PRECISIONS, &["bf16"]))?,
        kernels: map.or("kernels", Kernels::default(), |at| at.choice(&KERNELS, &[]))?,
    };
    Ok((training, updates))
}

/// How long a program trains; how, it decides itself.
pub(super) fn of_program(at: &Cursor<'_>) -> Result<Training, Fault> {
    for (key, under) in at.entries().into_iter().flatten() {
        if OF_MODEL.has(key) && !OF_PROGRAM.has(key) {
            let fault = under.fault(format!("a program decides {} itself", under.label())).at_key();
            return Err(fault
                .hint("leave it out; what a program is to be told is a parameter or a word of `command`"));
        }
    }
    let map = at.map(&OF_PROGRAM)?;
    let full = map.required("full_budget")?;
    match scalar::length(&full)? {
        length @ Length::Steps(_) => around(&map, length),
        Length::Epochs(_) => Err(full.expected("a number of steps").hint(EPOCHS)),
    }
}

fn around(map: &Map<'_>, full_budget: Length) -> Result<Training, Fault> {
    Ok(Training {
        full_budget,
        warmup: map.or("warmup", Warmup::NONE, schedules::warmup)?,
        eta_min: map.or("eta_min", 0.0, |at| scalar::number(at, "a number from 0", |value| value >= 0.0))?,
    })
}

fn interval(at: &Cursor<'_>) -> Result<Interval, Fault> {
    Ok(match scalar::part(at, 1.0)? {
        Part::Share(share) => Interval::Share(share),
        Part::Length(length) => Interval::Length(length),
    })
}
