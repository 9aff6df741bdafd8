//! Schedules that fall from their peak.

use crate::schedule::{Decay, Drops, Schedule, Span, Tail};

use super::{
    super::{cursor::Cursor, error::Fault, keys::choices, scalar, yaml::Node},
    Expanded, Family, bounded, cross, fraction, schedules_of, span,
};

/// What φ and β may be; beyond this the curve is a corner and its name a row of zeros.
const SHAPE: &str = "a number above 0, from 1e-6 to 1e6";

pub(super) const TAILS: [(&str, Tail); Tail::ALL.len()] = choices!(Tail);

/// A φ or β.
pub(super) fn shape(at: &Cursor<'_>) -> Result<f64, Fault> {
    scalar::number(at, SHAPE, |value| (1e-6..=1e6).contains(&value))
}

impl<'a> Family<'_, 'a> {
    pub(super) fn step(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let milestones = map.as_ref().and_then(|map| map.get("milestones"));
        let every = self.values(&map, "every", |at| Ok(Drops::Every(span(at)?)))?;
        if let (Some(_), Some((_, at))) = (&milestones, every.first()) {
            let hint = "`milestones` are where the rate drops, `every` is how far apart drops are";
            return Err(at.fault("`every` and `milestones` exclude each other").hint(hint));
        }
        let sets = match milestones {
            Some(at) if is_list_of_lists(&at) => {
                let sets = bounded(&at)?.into_iter();
                sets.map(|set| Ok((drops(&set)?, set))).collect::<Result<_, Fault>>()?
            }
            Some(at) => vec![(drops(&at)?, at)],
            None if every.is_empty() => self.start(Drops::At(vec![Span::Share(0.5), Span::Share(0.75)])),
            None => every,
        };
        let all = sets.into_iter().map(|(drops, at)| ((drops, 0.1), at)).collect();
        let all = cross(all, &self.values(&map, "gamma", fraction)?, |(_, own), gamma| *own = *gamma);
        Ok(schedules_of(all, |(drops, gamma)| Schedule::Step { drops, gamma }))
    }

    pub(super) fn exponential(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let ratios = self.values(&map, "end_ratio", fraction)?;
        let gammas = self.values(&map, "gamma", fraction)?;
        match (ratios.is_empty(), gammas.first()) {
            (true, None) => Err(self.needs("`end_ratio` or `gamma`", "end_ratio: 0.01")),
            (false, Some((_, at))) => {
                let hint = "`end_ratio` is the factor at the end of the budget, `gamma` the one of each step";
                Err(at.fault("`gamma` and `end_ratio` exclude each other").hint(hint))
            }
            _ => {
                let ratios = ratios.into_iter().map(|(ratio, at)| (Decay::EndRatio(ratio), at));
                let decays = ratios.chain(gammas.into_iter().map(|(gamma, at)| (Decay::PerStep(gamma), at)));
                Ok(schedules_of(decays.collect(), Schedule::Exponential))
            }
        }
    }

    pub(super) fn polynomial(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let what = "a number above 0 and at most 1000";
        let read = |at: &Cursor<'_>| scalar::number(at, what, |power| power > 0.0 && power <= 1000.0);
        let powers = self.needed(&map, "power", "power: 2", read)?;
        Ok(schedules_of(powers, |power| Schedule::Polynomial { power }))
    }

    pub(super) fn rex(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let all = cross(self.start(0.5), &self.values(&map, "beta", shape)?, |own, beta| *own = *beta);
        Ok(schedules_of(all, |beta| Schedule::Rex { beta }))
    }

    pub(super) fn wsd(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let what = "a share of the budget above 0% and at most 100%";
        let read = |at: &Cursor<'_>| scalar::share(at, what, |share| share > 0.0 && share <= 1.0);
        let tails = self.values(&map, "shape", |at| at.choice(&TAILS, &[]))?;
        let mut all =
            cross(self.start((0.2, Tail::Linear)), &self.values(&map, "decay", read)?, |(own, _), decay| {
                *own = *decay
            });
        all = cross(all, &tails, |(_, own), tail| *own = *tail);
        let ratios = self.values(&map, "end_ratio", fraction)?;
        if let Some((_, at)) = ratios.first()
            && all.iter().any(|((_, tail), _)| !matches!(tail, Tail::Exponential { .. }))
        {
            return Err(at.fault("`end_ratio` is for `shape: exponential`").hint("leave it out"));
        }
        all = cross(all, &ratios, |(_, tail), end_ratio| *tail = Tail::Exponential { end_ratio: *end_ratio });
        Ok(schedules_of(all, |(decay, tail)| Schedule::Wsd { decay, tail }))
    }

    pub(super) fn inverse_sqrt(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let all =
            cross(self.start(None), &self.values(&map, "timescale", span)?, |own, span| *own = Some(*span));
        Ok(schedules_of(all, |timescale| Schedule::InverseSqrt { timescale }))
    }

    pub(super) fn power(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let example = "a: 4, b: -0.5";
        let a =
            self.needed(&map, "a", example, |at| scalar::number(at, scalar::POSITIVE, scalar::is_positive))?;
        let below = |at: &Cursor<'_>| {
            scalar::number(at, "a number below 0, from -10", |value| (-10.0..0.0).contains(&value))
        };
        let b = self.needed(&map, "b", example, below)?;
        let all = a.into_iter().map(|(a, at)| ((a, 0.0), at)).collect();
        let all = cross(all, &b, |(_, own), b| *own = *b);
        Ok(schedules_of(all, |(a, b)| Schedule::Power { a, b }))
    }
}

fn is_list_of_lists(at: &Cursor<'_>) -> bool {
    matches!(at.node(), Node::List(items) if items.iter().any(|item| matches!(item, Node::List(_))))
}

/// Milestones, all shares or all steps.
fn drops(at: &Cursor<'_>) -> Result<Drops, Fault> {
    let mut spans: Vec<Span> = Vec::new();
    for item in bounded(at)? {
        let what = "a share of the budget between 0% and 100%";
        let steps = matches!(item.node(), Node::Text(text) if text.contains("step"));
        let next = match steps {
            true => span(&item)?,
            false => Span::Share(scalar::share(&item, what, |share| share > 0.0 && share < 1.0)?),
        };
        let is_later = match (spans.last(), next) {
            (None, _) => true,
            (Some(Span::Share(last)), Span::Share(next)) => next > *last,
            (Some(Span::Steps(last)), Span::Steps(next)) => next > *last,
            _ => return Err(item.fault("milestones are all shares or all steps")),
        };
        if !is_later {
            let message = format!("{} is not after the milestone before it", item.label());
            return Err(item.fault(message).hint("list milestones in ascending order"));
        }
        spans.push(next);
    }
    Ok(Drops::At(spans))
}
