//! One number at a time: a logarithmic grid, then golden sections around its best point.

/// The best point that was visited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) at: f64,
    pub(super) value: f64,
}

/// A search for the smallest value of a function of x ∈ [low, high], 0 < low < high.
///
/// `points` ≥ 2 of a logarithmic grid that holds both ends, then `sections` golden sections of ln x between
/// the neighbours of the best of them. A valley narrower than the grid can be missed; NaN counts as worst.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogSearch {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) points: usize,
    pub(super) sections: usize,
}

impl LogSearch {
    /// Of equal values the first visited is kept; the grid is visited from `high` down.
    pub(super) fn minimise(self, mut value: impl FnMut(f64) -> f64) -> Found {
        let mut best = Found { at: self.high, value: value(self.high) };
        for index in (0..self.points - 1).rev() {
            let at = self.low * (self.step() * index as f64).exp();
            improve(&mut best, at, value(at));
        }
        self.refine(best, value)
    }

    /// Golden sections in the two cells next to the best point of the grid.
    fn refine(self, mut best: Found, mut value: impl FnMut(f64) -> f64) -> Found {
        let golden = (5_f64.sqrt() - 1.0) / 2.0;
        let around = best.at;
        let (mut left, mut right) = (around.ln() - self.step(), around.ln() + self.step());
        left = left.max(self.low.ln());
        right = right.min(self.high.ln());
        let mut probe = |log: f64| {
            let at = log.exp().clamp(self.low, self.high);
            let found = value(at);
            improve(&mut best, at, found);
            found
        };
        let (mut inner, mut outer) = (right - golden * (right - left), left + golden * (right - left));
        let (mut at_inner, mut at_outer) = (probe(inner), probe(outer));
        for _ in 0..self.sections {
            if at_inner < at_outer {
                (right, outer, at_outer) = (outer, inner, at_inner);
                inner = right - golden * (right - left);
                at_inner = probe(inner);
            } else {
                (left, inner, at_inner) = (inner, outer, at_outer);
                outer = left + golden * (right - left);
                at_outer = probe(outer);
            }
        }
        best
    }

    fn step(self) -> f64 {
        (self.high / self.low).ln() / (self.points - 1) as f64
    }
}

fn improve(best: &mut Found, at: f64, value: f64) {
    if value < best.value || best.value.is_nan() {
        *best = Found { at, value };
    }
}
