//! Which schedules are meant, and around them peak, budget, warm-up and floor.

use std::io::IsTerminal;

use clap::{Arg, ArgMatches, Command, FromArgMatches};
use serde_json::{Value, json};

use crate::{
    cli::{Failure, Global, OutputMode, failure::say},
    report::{Chart, Format, Series},
    schedule::{Schedule, Shape, Table, Warmup},
    spec::{self, Listed, MAX_STEPS, Misread},
};

/// What schedules are drawn over, and how high.
#[derive(Debug, clap::Args)]
pub(super) struct Around {
    /// Steps of the budget
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = steps)]
    pub(super) steps: u64,
    /// The peak rate
    #[arg(long, default_value_t = 1.0, value_name = "RATE", value_parser = positive)]
    pub(super) peak: f64,
    /// Warm-up in front, such as `5%`
    #[arg(long, value_name = "SHARE")]
    warmup: Option<String>,
    /// The rate that schedules fall to
    #[arg(long, default_value_t = 0.0, value_name = "RATE", value_parser = not_negative)]
    eta_min: f64,
    #[command(flatten)]
    parameters: Parameters,
}

/// The parameters of schedules, each an option of its own.
#[derive(Debug, Clone, Default)]
struct Parameters(Vec<(String, String)>);

/// As specs spell them but for the hyphens, each with whose it is; `warmup` is an option of its own.
const PARAMETERS: [(&str, &str); 32] = [
    ("phi", "uba: the shape, above 0; larger decays earlier"),
    ("phases", "uba: how far each phase goes and its peak, such as `50%:1/100%:0.5`"),
    ("power", "polynomial: of 1 − z"),
    ("beta", "rex: 0.5 unless given"),
    ("decay", "wsd: the share that decays, 20%"),
    ("shape", "wsd: linear, sqrt, square, cosine or exponential"),
    ("end-ratio", "exponential, wsd: the factor at the end"),
    ("milestones", "step: where the rate drops, such as `50%/75%`"),
    ("every", "step: how far apart drops are"),
    ("gamma", "step, exponential, cyclical: the factor of each drop or step"),
    ("period", "sgdr: the first cycle, such as `10%`"),
    ("cycles", "sgdr: how many fill the budget"),
    ("t-mult", "sgdr: how much longer each cycle is than the one before"),
    ("mode", "cyclical: triangular, triangular2 or exp_range"),
    ("base", "cyclical: the lowest factor"),
    ("up", "cyclical, one_cycle: how long the rate climbs"),
    ("down", "cyclical: how long it falls"),
    ("start", "one_cycle: the peak over the first rate"),
    ("end", "one_cycle: the first rate over the last"),
    ("anneal", "one_cycle: cosine or linear"),
    ("three-phase", "one_cycle: true or false"),
    ("momentum", "one_cycle: at the peak and elsewhere, `0.85,0.95`, or none; robust: heavy-ball"),
    ("timescale", "inverse_sqrt: steps before it falls"),
    ("a", "power: a rate"),
    ("b", "power: an exponent below 0"),
    ("points", "piecewise: such as `0%:0.1/10%:1/100%:0`"),
    ("interpolation", "piecewise: linear, cosine or constant"),
    ("formula", "expr: such as `(1 - z)^2`"),
    ("condition", "robust: largest over smallest curvature"),
    ("noise", "robust: variance of the gradient's noise"),
    ("cap", "robust: the largest rate, over 1/curvature"),
    ("horizon", "robust: steps that are solved for"),
];

impl clap::Args for Parameters {
    fn augment_args(command: Command) -> Command {
        PARAMETERS.iter().fold(command, |command, (name, help)| {
            let option = Arg::new(*name)
                .long(*name)
                .value_name("VALUE")
                .allow_hyphen_values(true)
                .help_heading("Parameters of schedules")
                .help(*help)
                .hide_short_help(*name != "phi");
            command.arg(option)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Parameters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |(name, _): &(&str, &str)| {
            Some((name.replace('-', "_"), matches.get_one::<String>(name)?.clone()))
        };
        Ok(Self(PARAMETERS.iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A schedule and its table.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) table: Table,
}

/// The most curves that one command draws.
const MAX_CURVES: usize = 50;
/// The rows of a table that many schedules may have together.
const MAX_ROWS: u64 = MAX_STEPS;

/// The schedules of these names, each compiled.
pub(super) fn curves(names: &[String], around: &Around) -> Result<Vec<Curve>, Failure> {
    let given: Vec<(&str, &str)> =
        around.parameters.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if let (Some((name, _)), true) = (given.first(), names.len() > 1) {
        let option = name.replace('_', "-");
        return Err(Failure::usage(format!("whose is `--{option}`, with several schedules?"))
            .hint("write parameters in parentheses, such as `\"uba(phi=5)\" cosine`"));
    }
    let mut listed: Vec<Listed> = Vec::new();
    for name in names {
        listed.extend(spec::typed(name, &given).map_err(misread)?);
    }
    let rows = around.steps.saturating_mul(listed.len() as u64);
    if listed.len() > MAX_CURVES || rows > MAX_ROWS {
        return Err(Failure::usage(format!(
            "{} schedules of {} steps are more than {MAX_CURVES} schedules or {MAX_ROWS} steps in all",
            listed.len(),
            around.steps
        )));
    }
    if around.steps > 5_000_000 && std::io::stderr().is_terminal() {
        say(&format!("computing {} steps …", around.steps));
    }
    let warmup = around.warmup()?;
    listed.into_iter().map(|listed| curve(listed, around, warmup)).collect()
}

/// One schedule, and what is around it.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Such as `uba`, with `--phi 5`, or `"uba(phi=5)"`
    #[arg(value_name = "SCHEDULE")]
    schedule: String,
    #[command(flatten)]
    pub(super) around: Around,
}

/// The one schedule that is meant.
pub(super) fn curve_of(one: &One) -> Result<Curve, Failure> {
    let name = &one.schedule;
    let mut curves = curves(std::slice::from_ref(name), &one.around)?;
    match curves.len() {
        1 => Ok(curves.remove(0)),
        several => Err(Failure::usage(format!("`{name}` with these parameters is {several} schedules"))
            .hint("`sweep schedule compare` shows several")),
    }
}

fn curve(listed: Listed, around: &Around, warmup: Warmup) -> Result<Curve, Failure> {
    let name = listed.to_string();
    let Listed::Given(schedule) = listed else {
        return Err(Failure::usage(
            "`phi: auto` is chosen for a model and a budget, when a sweep is planned",
        )
        .hint("give a number, such as `uba(phi=1)`; `sweep why TRIAL` tells what was chosen for a trial"));
    };
    let lowest = around.peak * schedule.lowest_peak();
    if around.eta_min > lowest {
        return Err(Failure::usage(format!(
            "`--eta-min {}` is above the peak {lowest} of `{name}`",
            around.eta_min
        ))
        .hint("the rate falls from its peak to `--eta-min`"));
    }
    let shape = Shape { schedule, warmup, eta_min: around.eta_min };
    let table = shape.table(around.peak, around.steps).map_err(|flaw| {
        Failure::usage(format!("`{name}` gives {flaw}"))
            .hint("a rate is a number from 0 that 32 bits hold, at every step")
    })?;
    Ok(Curve { name, table })
}

impl Around {
    fn warmup(&self) -> Result<Warmup, Failure> {
        let Some(text) = &self.warmup else { return Ok(Warmup::NONE) };
        // As a schedule's own, so that it is read and refused as in a spec.
        let wrong = |found: Misread| {
            let message = found.message.replace("schedule.constant.warmup", "--warmup");
            misread(Misread { message, ..found })
        };
        match spec::typed("constant", &[("warmup", text)]).map_err(wrong)?.pop() {
            Some(Listed::Given(Schedule::Warm { warmup, .. })) => Ok(warmup),
            _ => Ok(Warmup::NONE),
        }
    }

    /// What the picture is of, in a sentence.
    pub(super) fn words(&self) -> String {
        // As it was read: what was typed may hold anything.
        let warmup = match self.warmup() {
            Ok(warmup) if self.warmup.is_some() => format!(", warm-up {warmup}"),
            _ => String::new(),
        };
        let floor = if self.eta_min > 0.0 { format!(", down to {}", self.eta_min) } else { String::new() };
        format!("{} steps, peak {}{warmup}{floor}", self.steps, self.peak)
    }
}

fn misread(misread: Misread) -> Failure {
    let failure = Failure::usage(misread.message);
    match misread.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// How finely a picture can show a curve: in so many stretches, far narrower than what is drawn.
const STRETCHES: usize = 4000;

/// All curves as one picture.
pub(super) fn chart(curves: &[Curve], around: &Around) -> Chart {
    let series = curves.iter().map(|curve| {
        let rates = &curve.table.rates;
        let points = rates.iter().enumerate().map(|(t, rate)| (t as f64, single(*rate)));
        Series::thinned(curve.name.clone(), points, (rates.len() / STRETCHES).max(1) as f64)
    });
    Chart {
        title: if curves.len() == 1 { curves[0].name.clone() } else { "Learning rates".to_owned() },
        x_label: "step".to_owned(),
        y_label: "learning rate".to_owned(),
        series: series.collect(),
        note: Some(around.words()),
        ..Chart::default()
    }
}

/// A number of 32 bits as people would write it: 0.1, not 0.10000000149.
pub(super) fn single(value: f32) -> f64 {
    let value = f64::from(value);
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Powers of ten up to 22 are exact, so that dividing by one rounds once.
    let digits = 6 - value.abs().log10().floor() as i32;
    match digits {
        0..=22 => (value * 10f64.powi(digits)).round() / 10f64.powi(digits),
        _ => value,
    }
}

/// Rows of a drawing that fits a screen of this kind.
pub(super) const HEIGHT: usize = 14;

/// Table or JSON, as asked or as the output mode has it.
pub(super) fn format(global: &Global, asked: Option<Format>) -> Format {
    asked.unwrap_or(match global.output_mode {
        OutputMode::Json => Format::Json,
        _ => Format::Table,
    })
}

/// Four digits are what people compare; more are in `show` and `export`.
pub(super) fn digits(value: f64) -> Value {
    json!(format!("{value:.3e}").parse::<f64>().unwrap_or(value))
}

/// `1000`, `1_000` and `1e3`.
fn steps(text: &str) -> Result<u64, String> {
    let number: Option<f64> = text.replace('_', "").parse().ok();
    let whole = number.filter(|number| number.fract() == 0.0 && (1.0..=MAX_STEPS as f64).contains(number));
    whole.map(|steps| steps as u64).ok_or_else(|| format!("a whole number of steps from 1 to {MAX_STEPS}"))
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number above 0".to_owned())?;
    match number as f32 {
        single if single > 0.0 && single.is_finite() => Ok(number),
        _ => Err("a number above 0, in 32 bits too".to_owned()),
    }
}

pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number from 0".to_owned())?;
    if number >= 0.0 && (number as f32).is_finite() { Ok(number) } else { Err("a number from 0".to_owned()) }
}
