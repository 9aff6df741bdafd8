//! `training.optimizer:`, with PyTorch's names and defaults, and what it demands of swept parameters.

use sweep_wire::{Adam, Lion, Optimizer, RmsProp, ScheduleFreeSgd, Sgd};

use super::{
    cursor::{Cursor, Map},
    error::Fault,
    keys::{ABOVE_0, FROM_0, FROM_0_BELOW_1, FROM_0_TO_1, Key, Keys, Kind::*, Name, key, with},
    patterns::{PATTERNS, patterns},
    scalar,
    schedules::Listed,
    types::{Parameters, Updates},
};

pub(super) static OPTIMIZERS: [Name; 7] = [
    with("sgd", "Stochastic gradient descent", &SGD),
    with("adam", "Adam, weight decay part of the gradient", &ADAM),
    with("adamw", "Adam with decoupled weight decay", &ADAMW),
    with("rmsprop", "RMSprop", &RMSPROP),
    with("lion", "Lion (Chen et al. 2023)", &LION),
    with("schedule_free_sgd", "Schedule-free SGD (Defazio et al. 2024)", &SCHEDULE_FREE_SGD),
    with("schedule_free_adamw", "Schedule-free AdamW (Defazio et al. 2024)", &ADAM),
];
const LATER: [&str; 3] = ["lamb", "lars", "muon"];

const NO_DECAY: Key =
    key("no_decay", PATTERNS, "Patterns of tensors that weight decay leaves alone").or("[]");
const DECAY: Key = key("weight_decay", FROM_0, "How strongly weights are drawn towards 0").or("0");
const VELOCITY: Key = key("momentum", FROM_0_BELOW_1, "Decay of the running sum of gradients");
const BETA1: Key = key("beta1", FROM_0_BELOW_1, "Decay of the running mean of gradients").or("0.9");
const BETA2: Key = key("beta2", FROM_0_BELOW_1, "Decay of the running mean of squared gradients");
const EPSILON: Key = key("epsilon", ABOVE_0, "What keeps the divisor above 0").or("1e-8");

static SGD: Keys = Keys::of(&[
    VELOCITY.or("0"),
    key("dampening", FROM_0_TO_1, "The share of a gradient that the momentum does not take").or("0"),
    key("nesterov", Boolean, "Nesterov's momentum").or("false"),
    DECAY,
    NO_DECAY,
]);
static ADAM: Keys = Keys::of(&[BETA1, BETA2.or("0.999"), EPSILON, DECAY, NO_DECAY]).later(&["amsgrad"]);
static ADAMW: Keys =
    Keys::of(&[BETA1, BETA2.or("0.999"), EPSILON, DECAY.or("0.01"), NO_DECAY]).later(&["amsgrad"]);
static RMSPROP: Keys = Keys::of(&[
    key("alpha", FROM_0_BELOW_1, "Decay of the running mean of squared gradients").or("0.99"),
    EPSILON,
    VELOCITY.or("0"),
    key("centered", Boolean, "Whether the mean gradient is taken out of the squared ones").or("false"),
    DECAY,
    NO_DECAY,
]);
static LION: Keys = Keys::of(&[BETA1, BETA2.or("0.99"), DECAY, NO_DECAY]);
static SCHEDULE_FREE_SGD: Keys = Keys::of(&[VELOCITY.or("0.9"), DECAY, NO_DECAY]);

pub(super) const MOMENTUM: &str = "a number from 0 and below 1";
pub(super) const WEIGHT_DECAY: &str = "a number from 0";

/// As a worker computes with it: in 32 bits, where 0.99999999 is 1.
pub(super) fn is_momentum(value: f64) -> bool {
    (0.0..1.0).contains(&(value as f32))
}

pub(super) fn is_weight_decay(value: f64) -> bool {
    value >= 0.0 && (value as f32).is_finite()
}

/// The optimisers that there are, as specs spell them.
pub fn optimizers() -> impl Iterator<Item = &'static str> {
    OPTIMIZERS.iter().map(|optimizer| optimizer.name)
}

/// The optimiser and the patterns of what its weight decay leaves alone.
pub(super) fn optimizer(at: &Cursor<'_>) -> Result<(Optimizer, Vec<String>), Fault> {
    let (name, map) = at.options(&OPTIMIZERS, &LATER)?;
    let optimizer = match name {
        "sgd" => Optimizer::Sgd(sgd(&map)?),
        "adam" => Optimizer::Adam(adam(&map, 0.0)?),
        "adamw" => Optimizer::AdamW(adam(&map, 0.01)?),
        "rmsprop" => Optimizer::RmsProp(rmsprop(&map)?),
        "lion" => Optimizer::Lion(Lion {
            beta1: below_one(&map, "beta1", 0.9)?,
            beta2: below_one(&map, "beta2", 0.99)?,
            weight_decay: weight_decay(&map, 0.0)?,
        }),
        "schedule_free_sgd" => Optimizer::ScheduleFreeSgd(ScheduleFreeSgd {
            momentum: below_one(&map, "momentum", 0.9)?,
            weight_decay: weight_decay(&map, 0.0)?,
        }),
        _ => Optimizer::ScheduleFreeAdamW(adam(&map, 0.0)?),
    };
    Ok((optimizer, map.or("no_decay", Vec::new(), patterns)?))
}

fn sgd(map: &Map<'_>) -> Result<Sgd, Fault> {
    let is_share = |value: f64| (0.0..=1.0).contains(&value);
    Ok(Sgd {
        momentum: below_one(map, "momentum", 0.0)?,
        dampening: map.or("dampening", 0.0, |at| scalar::number(at, "a number from 0 to 1", is_share))?,
        nesterov: map.or("nesterov", false, Cursor::boolean)?,
        weight_decay: weight_decay(map, 0.0)?,
    })
}

fn adam(map: &Map<'_>, decay: f64) -> Result<Adam, Fault> {
    Ok(Adam {
        beta1: below_one(map, "beta1", 0.9)?,
        beta2: below_one(map, "beta2", 0.999)?,
        epsilon: epsilon(map)?,
        weight_decay: weight_decay(map, decay)?,
    })
}

fn rmsprop(map: &Map<'_>) -> Result<RmsProp, Fault> {
    Ok(RmsProp {
        alpha: below_one(map, "alpha", 0.99)?,
        epsilon: epsilon(map)?,
        momentum: below_one(map, "momentum", 0.0)?,
        centered: map.or("centered", false, Cursor::boolean)?,
        weight_decay: weight_decay(map, 0.0)?,
    })
}

/// A momentum or another rate of decay.
fn below_one(map: &Map<'_>, key: &str, default: f64) -> Result<f64, Fault> {
    map.or(key, default, |at| scalar::number(at, MOMENTUM, is_momentum))
}

fn epsilon(map: &Map<'_>) -> Result<f64, Fault> {
    map.or("epsilon", 1e-8, |at| scalar::number(at, scalar::POSITIVE, scalar::is_positive))
}

fn weight_decay(map: &Map<'_>, default: f64) -> Result<f64, Fault> {
    map.or("weight_decay", default, |at| scalar::number(at, WEIGHT_DECAY, is_weight_decay))
}

/// Refuses what this optimiser cannot be trained with: swept momenta that it lacks, Nesterov's without
/// momentum, a moving average of what is an average already. `top` is the spec.
pub(super) fn agrees(
    top: &Map<'_>,
    updates: &Updates,
    parameters: &Parameters,
    schedules: &[Listed],
) -> Result<(), Fault> {
    let swept = parameters.other("momentum");
    moved(top, &updates.optimizer, swept, schedules)?;
    match updates.optimizer {
        Optimizer::Sgd(sgd) if sgd.nesterov => nesterov(top, sgd, swept),
        Optimizer::Sgd(_) | Optimizer::RmsProp(_) => Ok(()),
        Optimizer::ScheduleFreeSgd(_) => own_average(top, updates),
        Optimizer::ScheduleFreeAdamW(_) => {
            own_average(top, updates)?;
            no_momentum(top, swept)
        }
        Optimizer::Adam(_) | Optimizer::AdamW(_) | Optimizer::Lion(_) => no_momentum(top, swept),
    }
}

/// A schedule that moves the momentum needs one to move, and leaves none to sweep.
fn moved(
    top: &Map<'_>,
    optimizer: &Optimizer,
    swept: Option<&[f64]>,
    schedules: &[Listed],
) -> Result<(), Fault> {
    let moves = |listed: &&Listed| matches!(listed, Listed::Given(schedule) if schedule.moves_momentum());
    let Some(schedule) = schedules.iter().find(moves) else { return Ok(()) };
    if swept.is_some() {
        let message = format!("`{schedule}` moves the momentum, so sweeping it changes nothing there");
        let hint = "give the schedule `momentum: none`, or sweep the momentum in another spec";
        return Err(top.inner(&["parameters", "momentum"], message).hint(hint));
    }
    let has_none = match optimizer {
        Optimizer::Sgd(sgd) => sgd.momentum == 0.0,
        Optimizer::RmsProp(rmsprop) => rmsprop.momentum == 0.0,
        Optimizer::ScheduleFreeSgd(_) | Optimizer::ScheduleFreeAdamW(_) => true,
        Optimizer::Adam(_) | Optimizer::AdamW(_) | Optimizer::Lion(_) => false,
    };
    if has_none {
        let message = format!("`{schedule}` moves the momentum, and this optimizer has none");
        let hint = "give it one, such as `sgd: {momentum: 0.9}`, or the schedule `momentum: none`";
        return Err(top.inner(&["schedules"], message).hint(hint));
    }
    Ok(())
}

fn nesterov(top: &Map<'_>, sgd: Sgd, swept: Option<&[f64]>) -> Result<(), Fault> {
    let under = ["training", "optimizer", "sgd"];
    let fixed = [sgd.momentum];
    if swept.unwrap_or(&fixed).contains(&0.0) {
        let fault = top.inner(&[&under[..], &["nesterov"]].concat(), "`nesterov` needs a momentum above 0");
        return Err(fault.hint("such as `momentum: 0.9`"));
    }
    if sgd.dampening != 0.0 {
        let fault = top.inner(&[&under[..], &["dampening"]].concat(), "`nesterov` allows no dampening");
        return Err(fault.hint("leave `dampening` out"));
    }
    Ok(())
}

fn own_average(top: &Map<'_>, updates: &Updates) -> Result<(), Fault> {
    if updates.ema.is_none() {
        return Ok(());
    }
    let fault = top.inner(&["training", "ema"], "`ema` and a schedule-free optimizer exclude each other");
    Err(fault.hint("leave `ema` out: schedule-free optimizers evaluate an average of their own"))
}

fn no_momentum(top: &Map<'_>, swept: Option<&[f64]>) -> Result<(), Fault> {
    if swept.is_none() {
        return Ok(());
    }
    let fault = top.inner(&["parameters", "momentum"], "the optimizer has no momentum to sweep");
    Err(fault.hint("`sgd`, `rmsprop` and `schedule_free_sgd` have one"))
}
