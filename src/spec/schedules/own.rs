//! Schedules that are put together: UBA with its phases, the robust optimum, points, formulas, joins.

use crate::schedule::{Formula, Interpolation, Part, Robust, Schedule, Warmup, robust};

use super::{
    super::{
        cursor::Cursor,
        error::{Fault, printable},
        keys::choices,
        scalar,
        yaml::Node,
    },
    Expanded, Family, by_share, cross,
    decays::shape,
    last_key, schedules_of,
    tables::EXPR,
    warmup,
};

/// The largest factor of the peak that a point or a part may name.
pub(super) const MAX_FACTOR: f64 = 1000.0;

pub(super) const INTERPOLATIONS: [(&str, Interpolation); Interpolation::ALL.len()] = choices!(Interpolation);

impl<'a> Family<'_, 'a> {
    /// Whether this is UBA whose φ is to be chosen.
    pub(super) fn auto(&self) -> Result<Option<(Option<Warmup>, Cursor<'a>)>, Fault> {
        let Some(under) = self.under.as_ref().filter(|_| self.name == "uba") else { return Ok(None) };
        let phi = under.entries().ok().into_iter().flatten().find(|(key, _)| *key == "phi");
        let Some((_, at)) = phi.filter(|(_, at)| is_auto(at)) else {
            return Ok(None);
        };
        let Some(map) = self.parameters()? else { return Ok(None) };
        if let Some(phases) = map.get("phases") {
            return Err(phases
                .fault("`phi: auto` is chosen for one phase")
                .at_key()
                .hint("give `phi` a number"));
        }
        let warmup = map.get("warmup").map(|at| warmup(&at)).transpose()?;
        Ok(Some((warmup, at)))
    }

    pub(super) fn uba(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let read = |at: &Cursor<'a>| match is_auto(at) {
            true => Err(at
                .fault("`auto` stands alone: it is one choice for each budget")
                .hint("write another item, `uba: {phi: auto}`")),
            false => shape(at),
        };
        let phis = self.needed(&map, "phi", "phi: 1", read)?;
        let Some(phases) = self.given(&map, "phases", phases)? else {
            return Ok(schedules_of(phis, |phi| Schedule::Uba { phi }));
        };
        let part = |phi, (until, peak): &(f64, f64)| Part {
            until: *until,
            peak: *peak,
            schedule: Schedule::Uba { phi },
        };
        Ok(schedules_of(phis, |phi| Schedule::Join(phases.iter().map(|phase| part(phi, phase)).collect())))
    }

    pub(super) fn robust(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let example = "condition: 100, noise: 0.01";
        let read = |what: &'static str, low: f64, high: f64| {
            move |at: &Cursor<'_>| scalar::number(at, what, |value| (low..=high).contains(&value))
        };
        let condition = read("a number from 1 to 1e9", 1.0, 1e9);
        let noise = read("a number from 0 to 1e6", 0.0, 1e6);
        let cap = read("a number from 1e-6 to 1e6", 1e-6, 1e6);
        let momentum = read("a number from 0 to 0.999", 0.0, 0.999);
        let horizon = |at: &Cursor<'_>| Ok(scalar::whole(at, 1..=robust::MAX_STEPS as u64)? as usize);
        let conditions = self.needed(&map, "condition", example, condition)?;
        let noises = self.needed(&map, "noise", example, noise)?;
        let start = |(condition, at)| (Robust::new(condition, 0.0), at);
        let mut all = conditions.into_iter().map(start).collect();
        all = cross(all, &noises, |own, noise| *own = Robust::new(own.condition, *noise));
        all = cross(all, &self.values(&map, "cap", cap)?, |own, cap| own.cap = *cap);
        all = cross(all, &self.values(&map, "momentum", momentum)?, |own, momentum| own.momentum = *momentum);
        all = cross(all, &self.values(&map, "horizon", horizon)?, |own, horizon| own.horizon = *horizon);
        Ok(schedules_of(all, |robust| Schedule::Robust(robust.unsolved())))
    }

    pub(super) fn piecewise(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let Some(points) = self.given(&map, "points", points)? else {
            return Err(self.needs("`points`", "points: {0%: 0.1, 10%: 1, 100%: 0}"));
        };
        let ways = self.values(&map, "interpolation", |at| at.choice(&INTERPOLATIONS, &[]))?;
        let all = cross(self.start(Interpolation::Linear), &ways, |own, way| *own = *way);
        Ok(schedules_of(all, |interpolation| Schedule::Piecewise { points: points.clone(), interpolation }))
    }

    /// `expr: "(1 - z)^2"`, or a mapping where it has a warm-up too.
    pub(super) fn expr(&self) -> Expanded<'a> {
        let needed =
            || self.needs("a formula", "formula: \"(1 - z)^2\"").hint("such as `expr: \"(1 - z)^2\"`");
        let under = self.under.as_ref().ok_or_else(needed)?;
        let at = match under.node() {
            Node::Map(_) => under.map(&EXPR)?.get("formula").ok_or_else(needed)?,
            _ => under.clone(),
        };
        let read = |item: &Cursor<'a>| {
            let text = match item.node() {
                Node::Whole(value) => value.to_string(),
                Node::Number(value) => value.to_string(),
                _ => item.text()?.trim().to_owned(),
            };
            Formula::read(&text).map_err(|problem| {
                let message = format!("`{}` is no formula: {}", printable(&text), printable(&problem));
                item.fault(message).hint(
                    "there are `t`, `T`, `z` = t/T, `pi`, + - * / ^ < >, parentheses, and functions such as `cos`, `exp`, \
                     `sqrt`, `min(a, b)`",
                )
            })
        };
        let formulas = super::bounded(&at)?;
        formulas.into_iter().map(|item| Ok((Schedule::Expr(read(&item)?), item))).collect()
    }

    /// `join: {50%: constant, 100%: {linear: {peak: 0.5}}}`.
    pub(super) fn join(&self) -> Expanded<'a> {
        let example = "50%: constant, 100%: linear";
        let under = self.under.as_ref().ok_or_else(|| self.needs("its parts", example))?;
        let shares = by_share(under, false, Some("warmup"))?;
        let mut parts = Vec::new();
        for (until, at) in &shares {
            let (peak, schedule) = part(at)?;
            parts.push(Part { until: *until, peak, schedule });
        }
        reaches_the_end(under, &shares)?;
        Ok(vec![(Schedule::Join(parts), self.item.clone())])
    }
}

fn is_auto(at: &Cursor<'_>) -> bool {
    matches!(at.node(), Node::Text(text) if text.eq_ignore_ascii_case("auto"))
}

/// A part of a join: one schedule, with its `peak` beside its own parameters.
fn part(at: &Cursor<'_>) -> Result<(f64, Schedule), Fault> {
    // What is left of the mapping is an item as the list has them.
    let (peak, rest) = match at.node() {
        Node::Map(entries) => match &entries[..] {
            [(name, Node::Map(inner))] => {
                let inside = at.entries()?[0].1.clone();
                let peak = inside.entries()?.into_iter().find(|(key, _)| *key == "peak");
                let peak = peak.map(|(_, at)| factor(&at, "above 0", |value| value > 0.0)).transpose()?;
                let rest: Vec<_> = inner.iter().filter(|(key, _)| key != "peak").cloned().collect();
                let rest = if rest.is_empty() {
                    Node::Text(name.clone())
                } else {
                    Node::Map(vec![(name.clone(), Node::Map(rest))])
                };
                (peak.unwrap_or(1.0), rest)
            }
            _ => (1.0, at.node().clone()),
        },
        node => (1.0, node.clone()),
    };
    let item = at.with(&rest);
    let family = Family::of(&item)?;
    let all = match family.auto()? {
        Some(_) => {
            return Err(at
                .fault("`phi: auto` is chosen for a whole budget, not for a part")
                .hint("give `phi` a number"));
        }
        None => family.schedules()?,
    };
    match <[_; 1]>::try_from(all) {
        Ok([(schedule, _)]) if schedule.moves_momentum() => Err(at
            .fault("a part of a join cannot move the momentum")
            .hint("give `one_cycle` a `momentum: none`")),
        Ok([(schedule, _)]) => Ok((peak, schedule)),
        Err(_) => Err(at
            .fault(format!("{} is several schedules", at.label()))
            .hint("a part has no lists of alternatives")),
    }
}

/// `{50%: 1, 100%: 0.5}`: how far each phase goes, and its peak.
fn phases(at: &Cursor<'_>) -> Result<Vec<(f64, f64)>, Fault> {
    let shares = by_share(at, false, None)?;
    let phases = shares.iter().map(|(until, at)| Ok((*until, factor(at, "above 0", |value| value > 0.0)?)));
    let phases = phases.collect::<Result<_, Fault>>()?;
    reaches_the_end(at, &shares)?;
    Ok(phases)
}

/// `{0%: 0.1, 10%: 1, 100%: 0}`.
fn points(at: &Cursor<'_>) -> Result<Vec<(f64, f64)>, Fault> {
    let shares = by_share(at, true, None)?;
    shares.iter().map(|(z, at)| Ok((*z, factor(at, "from 0", |value| value >= 0.0)?))).collect()
}

fn factor(at: &Cursor<'_>, least: &str, ok: impl Fn(f64) -> bool) -> Result<f64, Fault> {
    let what = format!("a factor of the peak {least} and at most {MAX_FACTOR}");
    scalar::number(at, &what, |value| ok(value) && value <= MAX_FACTOR)
}

fn reaches_the_end(at: &Cursor<'_>, shares: &[(f64, Cursor<'_>)]) -> Result<(), Fault> {
    match shares.last() {
        Some((1.0, _)) | None => Ok(()),
        Some((_, last)) => {
            let message = format!("{} ends at {}", at.label(), printable(last_key(last)));
            Err(last.fault(message).at_key().hint("the last part goes to `100%`"))
        }
    }
}
