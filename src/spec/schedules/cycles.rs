//! Schedules that rise and fall.

use crate::schedule::{
    Cyclical, OneCycle, Period, Schedule, Span,
    cyclical::Mode,
    one_cycle::{Anneal, Momentum},
};

use super::{
    super::{MAX_STEPS, cursor::Cursor, error::Fault, scalar, yaml::Node},
    Expanded, Family, cross, fraction, schedules_of, span,
};

/// Periods that may fill a budget.
pub(super) const MAX_CYCLES: u64 = 1000;

const EXP_RANGE: Mode = Mode::ExpRange { gamma: 1.0 };
pub(super) const MODES: [(&str, Mode); 3] =
    [("triangular", Mode::Triangular), ("triangular2", Mode::Triangular2), ("exp_range", EXP_RANGE)];
pub(super) const ANNEALS: [(&str, Anneal); 2] = [("cosine", Anneal::Cosine), ("linear", Anneal::Linear)];

impl<'a> Family<'_, 'a> {
    pub(super) fn sgdr(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let spans = self.values(&map, "period", |at| Ok(Period::First(span(at)?)))?;
        let cycles =
            self.values(&map, "cycles", |at| Ok(Period::Cycles(scalar::whole(at, 1..=MAX_CYCLES)?)))?;
        let periods = match (spans.is_empty(), cycles.first()) {
            (true, None) => return Err(self.needs("`cycles` or `period`", "cycles: 3, t_mult: 2")),
            (false, Some((_, at))) => {
                let hint = "`period` is how long the first one is, `cycles` how many fill the budget";
                return Err(at.fault("`cycles` and `period` exclude each other").hint(hint));
            }
            (true, _) => cycles,
            (false, None) => spans,
        };
        let mult = |at: &Cursor<'_>| {
            scalar::number(at, "1 or a number from 1.01 to 100", |m| m == 1.0 || (1.01..=100.0).contains(&m))
        };
        let all = periods.into_iter().map(|(period, at)| ((period, 1.0), at)).collect();
        let all = cross(all, &self.values(&map, "t_mult", mult)?, |(_, own), t_mult| *own = *t_mult);
        // Of periods that fill a budget the first must not vanish beside the last.
        let is_flat = |(period, t_mult): &(Period, f64)| match period {
            Period::Cycles(cycles) => t_mult.powf(*cycles as f64) > MAX_STEPS as f64,
            Period::First(_) => false,
        };
        if let Some((_, at)) = all.iter().find(|(own, _)| is_flat(own)) {
            let message = format!(
                "`cycles` and `t_mult` make the last cycle more than {MAX_STEPS} times as long as the first"
            );
            return Err(at.fault(message).hint("fewer `cycles`, or a smaller `t_mult`"));
        }
        Ok(schedules_of(all, |(period, t_mult)| Schedule::Sgdr { period, t_mult }))
    }

    pub(super) fn cyclical(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let quarter = Span::Share(0.25);
        let start = Cyclical { mode: Mode::Triangular, base: 0.1, up: quarter, down: quarter };
        let modes = self.values(&map, "mode", |at| at.choice(&MODES, &[]))?;
        let base = |at: &Cursor<'_>| {
            scalar::number(at, "a factor of the peak from 0 and below 1", |base| (0.0..1.0).contains(&base))
        };
        let mut all = cross(self.start(start), &modes, |own, mode| own.mode = *mode);
        all = cross(all, &self.values(&map, "base", base)?, |own, base| own.base = *base);
        all = cross(all, &self.values(&map, "up", span)?, |own, up| (own.up, own.down) = (*up, *up));
        all = cross(all, &self.values(&map, "down", span)?, |own, down| own.down = *down);
        let gammas = self.values(&map, "gamma", fraction)?;
        let ranges = all.iter().filter(|(own, _)| own.mode == EXP_RANGE).count();
        match gammas.first() {
            None if ranges > 0 => {
                return Err(self.needs("`gamma` for `mode: exp_range`", "mode: exp_range, gamma: 0.999"));
            }
            Some((_, at)) if ranges < all.len() => {
                return Err(at.fault("`gamma` is for `mode: exp_range`").hint("leave it out"));
            }
            _ => {}
        }
        all = cross(all, &gammas, |own, gamma| own.mode = Mode::ExpRange { gamma: *gamma });
        Ok(schedules_of(all, Schedule::Cyclical))
    }

    pub(super) fn one_cycle(&self) -> Expanded<'a> {
        let map = self.parameters()?;
        let up = |at: &Cursor<'_>| {
            scalar::share(at, "a share of the budget above 0% and below 100%", |up| up > 0.0 && up < 1.0)
        };
        let times = |at: &Cursor<'_>| {
            scalar::number(at, "a number from 1 to 1e12", |times| (1.0..=1e12).contains(&times))
        };
        let mut all = self.start(OneCycle::default());
        all = cross(all, &self.values(&map, "up", up)?, |own, up| own.up = *up);
        all = cross(all, &self.values(&map, "start", times)?, |own, start| own.start = *start);
        all = cross(all, &self.values(&map, "end", times)?, |own, end| own.end = *end);
        let anneals = self.values(&map, "anneal", |at| at.choice(&ANNEALS, &[]))?;
        all = cross(all, &anneals, |own, anneal| own.anneal = *anneal);
        let phases = self.values(&map, "three_phase", Cursor::boolean)?;
        all = cross(all, &phases, |own, three| own.three_phase = *three);
        if let Some((_, at)) = all.iter().find(|(own, _)| own.three_phase && own.up > 0.5) {
            let fault = at.fault("with `three_phase` the way up takes at most 50% of the budget");
            return Err(fault.hint("the way down takes as much again, and a third phase what is left"));
        }
        let momentum = self.given(&map, "momentum", momentum)?;
        Ok(schedules_of(all, |cycle| {
            Schedule::OneCycle(OneCycle { momentum: momentum.unwrap_or(cycle.momentum), ..cycle })
        }))
    }
}

/// `[0.85, 0.95]`, or `none` where it stays.
fn momentum(at: &Cursor<'_>) -> Result<Option<Momentum>, Fault> {
    if matches!(at.node(), Node::Text(text) if text == "none") {
        return Ok(None);
    }
    let wrong = || {
        at.expected("two momenta, or `none`")
            .hint("such as `[0.85, 0.95]`: at the peak, and where the rate is low")
    };
    let Node::List(_) = at.node() else { return Err(wrong()) };
    let read = |at: &Cursor<'_>| {
        scalar::number(at, "a number from 0 and below 1", |value| {
            (0.0..1.0).contains(&value) && (value as f32) < 1.0
        })
    };
    match &at.list()?[..] {
        [base, max] => Ok(Some(Momentum { base: read(base)?, max: read(max)? })),
        _ => Err(wrong()),
    }
}
