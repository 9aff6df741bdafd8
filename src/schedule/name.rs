//! The canonical names of schedules. A spec reads them back: a parameter's list is written `a/b`, its mapping `a:b/c:d`.

use std::fmt;

use super::{
    Decay, Drops, OneCycle, Part, Period, Ramp, Schedule, Span, Tail, Warmup, cyclical::Mode,
    one_cycle::Anneal, robust,
};

/// A name and its parameters.
struct Name {
    family: &'static str,
    parameters: Vec<(&'static str, String)>,
}

impl Name {
    fn new(family: &'static str) -> Self {
        Self { family, parameters: Vec::new() }
    }

    fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.parameters.push((key, value.to_string()));
        self
    }

    /// Adds a parameter where it is not what it would be anyway.
    fn unless<T: PartialEq + fmt::Display>(self, default: T, key: &'static str, value: T) -> Self {
        if value == default { self } else { self.with(key, value) }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self).fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name { family, parameters } = self;
        f.write_str(family)?;
        if parameters.is_empty() {
            return Ok(());
        }
        let written = |(key, value): &(&str, String)| match *key {
            // A formula needs no name.
            "" => value.clone(),
            key => format!("{key}={value}"),
        };
        let parameters: Vec<String> = parameters.iter().map(written).collect();
        write!(f, "({})", parameters.join(","))
    }
}

fn name(schedule: &Schedule) -> Name {
    match schedule {
        Schedule::Uba { phi } => Name::new("uba").with("phi", phi),
        Schedule::Constant => Name::new("constant"),
        Schedule::Step { drops: Drops::At(milestones), gamma } => {
            Name::new("step").with("milestones", list(milestones)).with("gamma", gamma)
        }
        Schedule::Step { drops: Drops::Every(every), gamma } => {
            Name::new("step").with("every", every).with("gamma", gamma)
        }
        Schedule::Exponential(Decay::EndRatio(ratio)) => Name::new("exponential").with("end_ratio", ratio),
        Schedule::Exponential(Decay::PerStep(gamma)) => Name::new("exponential").with("gamma", gamma),
        Schedule::Polynomial { power: 1.0 } => Name::new("linear"),
        Schedule::Polynomial { power } => Name::new("polynomial").with("power", power),
        Schedule::D2z => Name::new("d2z"),
        Schedule::Cosine => Name::new("cosine"),
        Schedule::Sgdr { period, t_mult } => {
            let name = Name::new("sgdr");
            let name = match period {
                Period::First(span) => name.with("period", span),
                Period::Cycles(cycles) => name.with("cycles", cycles),
            };
            name.unless(1.0, "t_mult", *t_mult)
        }
        Schedule::Cyclical(cyclical) => {
            let name = Name::new("cyclical");
            let name = match cyclical.mode {
                Mode::Triangular => name,
                Mode::Triangular2 => name.with("mode", "triangular2"),
                Mode::ExpRange { gamma } => name.with("mode", "exp_range").with("gamma", gamma),
            };
            let name = name.with("base", cyclical.base).with("up", cyclical.up);
            if cyclical.down == cyclical.up { name } else { name.with("down", cyclical.down) }
        }
        Schedule::OneCycle(cycle) => one_cycle(cycle),
        Schedule::Rex { beta } => Name::new("rex").with("beta", beta),
        Schedule::Wsd { decay, tail } => {
            let name = Name::new("wsd").with("decay", percent(*decay)).with("shape", tail.name());
            match tail {
                Tail::Exponential { end_ratio } => name.with("end_ratio", end_ratio),
                _ => name,
            }
        }
        Schedule::InverseSqrt { timescale: None } => Name::new("inverse_sqrt"),
        Schedule::InverseSqrt { timescale: Some(span) } => Name::new("inverse_sqrt").with("timescale", span),
        Schedule::Power { a, b } => Name::new("power").with("a", a).with("b", b),
        Schedule::Piecewise { points, interpolation } => {
            let points: Vec<_> = points.iter().map(|(z, f)| format!("{}:{f}", percent(*z))).collect();
            let name = Name::new("piecewise").with("points", points.join("/"));
            name.unless("linear", "interpolation", interpolation.name())
        }
        Schedule::Expr(formula) => Name::new("expr").with("", formula),
        Schedule::Robust(robust) => {
            let name = Name::new("robust").with("condition", robust.condition).with("noise", robust.noise);
            name.unless(1.0, "cap", robust.cap).unless(0.0, "momentum", robust.momentum).unless(
                robust::HORIZON,
                "horizon",
                robust.horizon,
            )
        }
        Schedule::Join(parts) => join(parts),
        Schedule::Warm { warmup, then } => name(then).with("warmup", warmup),
    }
}

fn one_cycle(cycle: &OneCycle) -> Name {
    let usual = OneCycle::default();
    let name = Name::new("one_cycle");
    let name = if cycle.up == usual.up { name } else { name.with("up", percent(cycle.up)) };
    let name = name.unless(usual.start, "start", cycle.start).unless(usual.end, "end", cycle.end);
    let name = if cycle.anneal == Anneal::Cosine { name } else { name.with("anneal", "linear") };
    let name = name.unless(false, "three_phase", cycle.three_phase);
    match cycle.momentum {
        same if same == usual.momentum => name,
        None => name.with("momentum", "none"),
        Some(momentum) => name.with("momentum", format!("{}/{}", momentum.base, momentum.max)),
    }
}

fn join(parts: &[Part]) -> Name {
    let phis = || {
        parts.iter().map(|part| match part.schedule {
            Schedule::Uba { phi } => Some(phi),
            _ => None,
        })
    };
    let first = phis().next().flatten();
    if let Some(phi) = first.filter(|_| phis().all(|phi| phi == first)) {
        let phases: Vec<_> =
            parts.iter().map(|part| format!("{}:{}", percent(part.until), part.peak)).collect();
        return Name::new("uba").with("phi", phi).with("phases", phases.join("/"));
    }
    let part = |part: &Part| {
        let name = name(&part.schedule).unless(1.0, "peak", part.peak);
        format!("{}:{name}", percent(part.until))
    };
    Name::new("join").with("", parts.iter().map(part).collect::<Vec<_>>().join("/"))
}

fn list(spans: &[Span]) -> String {
    spans.iter().map(ToString::to_string).collect::<Vec<_>>().join("/")
}

impl fmt::Display for Warmup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = percent(self.share);
        match self.ramp {
            Ramp::Linear => f.write_str(&share),
            Ramp::Cosine => write!(f, "share:{share}/shape:cosine"),
            Ramp::Exponential { start } => write!(f, "share:{share}/shape:exponential/start:{start}"),
        }
    }
}

/// A share as people write it: 0.07 is `7%`. Rounded where binary fractions would show.
pub(crate) fn percent(share: f64) -> String {
    format!("{}%", (share * 1e11).round() / 1e9)
}
