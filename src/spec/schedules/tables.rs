//! What may stand under the name of each family.

use super::{
    super::{
        form::{SHARE, SPAN},
        keys::{
            ABOVE_0, ABOVE_0_BELOW_1, ANY_NUMBER, Bound, FROM_0_BELOW_1, Key, Keys, Kind, Name, Under, key,
            words,
        },
    },
    cycles::{ANNEALS, MAX_CYCLES, MODES},
    decays::TAILS,
    own::{INTERPOLATIONS, MAX_FACTOR},
    warmup::WARMUP,
};
use crate::schedule::{FAMILIES, robust};
use Bound::{At, Beyond};
use Kind::{Any, Boolean, Choice, Each, Form, List, Named, Number, Shared, Shares, Text, Whole};

/// Schedules in one spec, and values in one list of a parameter.
pub(in crate::spec) const MAX_SCHEDULES: usize = 1000;

/// One item of `schedules`.
pub(in crate::spec) const SCHEDULE: Kind = Shared("schedule", &ITEM);
static ITEM: Kind = Named(&NAMES, &[]);
/// A part of a join.
static PART: Kind = Named(&NAMES, &[PEAK]);

/// All families, each with what it takes.
pub(super) static NAMES: [Name; FAMILIES.len()] = {
    let nothing = Name { name: "", about: "", under: Under::Nothing };
    let mut names = [nothing; FAMILIES.len()];
    let mut index = 0;
    while index < names.len() {
        let family = &FAMILIES[index];
        let (name, under) = UNDER[index];
        assert!(same(family.name, name), "families stand in the same order in both tables");
        names[index] = Name { name, about: family.formula, under };
        index += 1;
    }
    names
};

static UNDER: [(&str, Under); FAMILIES.len()] = [
    ("uba", Under::Keys(&UBA)),
    ("linear", Under::Keys(&NONE)),
    ("polynomial", Under::Keys(&POLYNOMIAL)),
    ("d2z", Under::Keys(&NONE)),
    ("cosine", Under::Keys(&NONE)),
    ("rex", Under::Keys(&REX)),
    ("wsd", Under::Keys(&WSD)),
    ("robust", Under::Keys(&ROBUST)),
    ("constant", Under::Keys(&NONE)),
    ("step", Under::Keys(&STEP)),
    ("multistep", Under::Keys(&MULTISTEP)),
    ("exponential", Under::Keys(&EXPONENTIAL)),
    ("sgdr", Under::Keys(&SGDR)),
    ("cyclical", Under::Keys(&CYCLICAL)),
    ("one_cycle", Under::Keys(&ONE_CYCLE)),
    ("inverse_sqrt", Under::Keys(&INVERSE_SQRT)),
    ("power", Under::Keys(&POWER)),
    ("piecewise", Under::Keys(&PIECEWISE)),
    ("expr", Under::Value(Any(&[FORMULAS, Kind::Map(&EXPR)]))),
    ("join", Under::Value(Shares { of: &Shared("part", &PART), from_start: false, beside: &[OWN_WARMUP] })),
];

const OWN_WARMUP: Key = key("warmup", WARMUP, "In place of `training.warmup`");
const PEAK: Key = key("peak", FACTOR, "The part's peak, as a factor of the learning rate").or("1");

/// The keys of a family, and those that each has.
macro_rules! family {
    ($($key:expr),* $(,)?) => { Keys::of(&[$($key,)* OWN_WARMUP]) };
}
/// A value or a list of values to try.
macro_rules! each {
    ($kind:expr) => {
        Each(MAX_SCHEDULES, &$kind)
    };
}

const SHAPE: Kind = Number(At(1e-6), At(1e6));
const FACTOR: Kind = Number(Beyond(0.0), At(MAX_FACTOR));
const FACTOR_FROM_0: Kind = Number(At(0.0), At(MAX_FACTOR));
const SPANS: Kind = each!(Form(&SPAN));
const GAMMAS: Kind = each!(ABOVE_0_BELOW_1);
const FORMULAS: Kind = each!(Any(&[Text, ANY_NUMBER]));

static NONE: Keys = family!();
static UBA: Keys = family!(
    key(
        "phi",
        Any(&[Choice(&["auto"]), each!(SHAPE)]),
        "φ: larger decays earlier, 2 is cosine; `auto` is chosen for each budget"
    )
    .needed("1"),
    key(
        "phases",
        Shares { of: &FACTOR, from_start: false, beside: &[] },
        "How far each phase goes, and its peak"
    ),
);
static POLYNOMIAL: Keys =
    family!(key("power", each!(Number(Beyond(0.0), At(1000.0))), "The exponent of 1 − z").needed("2"));
static REX: Keys = family!(key("beta", each!(SHAPE), "How long the rate stays high").or("0.5"));
static WSD: Keys = family!(
    key("decay", each!(Form(&SHARE)), "The share of the budget that decays").or("20%"),
    key("shape", each!(Choice(&words(TAILS))), "How it decays").or("linear"),
    key("end_ratio", GAMMAS, "The factor at the end, of `shape: exponential`; 0.01 unless told"),
);
static ROBUST: Keys = family!(
    key("condition", each!(Number(At(1.0), At(1e9))), "Largest over smallest curvature").needed("100"),
    key("noise", each!(Number(At(0.0), At(1e6))), "Variance of the gradient").needed("0.01"),
    key("cap", each!(Number(At(1e-6), At(1e6))), "The largest rate times the largest curvature").or("1"),
    key("momentum", each!(Number(At(0.0), At(0.999))), "Of the optimizer").or("0"),
    key("horizon", each!(Whole(1, robust::MAX_STEPS as u64)), "Steps of the problem that is solved")
        .or("100"),
);
const STEP_GAMMA: Key = key("gamma", GAMMAS, "The factor of each drop").or("0.1");
/// Some, or lists of some to try.
const MILESTONES: Key = key("milestones", each!(SPANS), "Where the rate drops").or("[50%, 75%]");
static STEP: Keys = family!(MILESTONES, key("every", SPANS, "How far apart drops are"), STEP_GAMMA)
    .at_most_one(&["milestones", "every"]);
static MULTISTEP: Keys = family!(MILESTONES, STEP_GAMMA);
static EXPONENTIAL: Keys = family!(
    key("end_ratio", GAMMAS, "The factor at the end of the budget"),
    key("gamma", GAMMAS, "The factor of each step"),
)
.exactly_one(&["end_ratio", "gamma"]);
static SGDR: Keys = family!(
    key("period", SPANS, "How long the first cycle is"),
    key("cycles", each!(Whole(1, MAX_CYCLES)), "How many cycles fill the budget"),
    key(
        "t_mult",
        each!(Any(&[Number(At(1.0), At(1.0)), Number(At(1.01), At(100.0))])),
        "How much longer each next cycle is"
    )
    .or("1"),
)
.exactly_one(&["period", "cycles"]);
static CYCLICAL: Keys = family!(
    key("mode", each!(Choice(&words(MODES))), "What becomes of the peaks").or("triangular"),
    key("base", each!(FROM_0_BELOW_1), "The lowest rate, as a factor of the peak").or("0.1"),
    key("up", SPANS, "How long the way up is").or("25%"),
    key("down", SPANS, "How long the way down is; as long as up unless told"),
    key("gamma", GAMMAS, "The factor of each step, of `mode: exp_range`"),
);
static ONE_CYCLE: Keys = family!(
    key("up", each!(Form(&SHARE)), "The share of the budget on the way up").or("30%"),
    key("start", each!(Number(At(1.0), At(1e12))), "The peak over the first rate").or("25"),
    key("end", each!(Number(At(1.0), At(1e12))), "The first rate over the last").or("1e4"),
    key("anneal", each!(Choice(&words(ANNEALS))), "The curve up and down").or("cosine"),
    key(
        "three_phase",
        each!(Boolean),
        "Whether the way down ends at the first rate, and a third phase goes on"
    )
    .or("false"),
    key(
        "momentum",
        Any(&[Choice(&["none"]), List(2, 2, &FROM_0_BELOW_1)]),
        "At the peak, and where the rate is low"
    )
    .or("[0.85, 0.95]"),
);
static INVERSE_SQRT: Keys = family!(key(
    "timescale",
    SPANS,
    "How long the rate stays at its peak; as long as the warm-up unless told"
));
static POWER: Keys = family!(
    key("a", each!(ABOVE_0), "The rate after one step, were it not for the peak").needed("4"),
    key("b", each!(Number(At(-10.0), Beyond(0.0))), "The exponent of the step").needed("-0.5"),
);
static PIECEWISE: Keys = family!(
    key(
        "points",
        Shares { of: &FACTOR_FROM_0, from_start: true, beside: &[] },
        "Factors of the peak by shares of the budget"
    )
    .needed("{0%: 0.1, 10%: 1, 100%: 0}"),
    key("interpolation", each!(Choice(&words(INTERPOLATIONS))), "What lies between them").or("linear"),
);
pub(super) static EXPR: Keys = family!(
    key("formula", FORMULAS, "The factor of the peak, of `t`, `T` and `z` = t/T").needed("\"(1 - z)^2\""),
);

/// Whether two texts are the same, as a constant.
const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut index = 0;
    while index < left.len() && index < right.len() && left[index] == right[index] {
        index += 1;
    }
    index == left.len() && index == right.len()
}
