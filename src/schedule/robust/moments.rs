//! Second moments of (heavy-ball) gradient descent on quadratics, several curvatures side by side, and
//! their gradient by a reverse pass. Enter at [`log_square`] and [`gradient`].
//!
//! For curvature λ: m' = μm + λw + ξ, w' = w − ηm', Var ξ = σ², w_0 = 1, m_0 = 0. Moments are kept scaled
//! by powers of two, so that neither long products nor unstable rates leave the range of `f64`.

/// How many curvatures share a pass; two or four fit a vector register.
pub(super) const LANES: usize = 8;

/// One number per curvature.
pub(super) type Lanes = [f64; LANES];

/// Beyond 2^±332 (1e±100) a lane is scaled back: squares of its values still fit.
const BIG: f64 = f64::from_bits((1023 + 332) << 52);
const SMALL: f64 = f64::from_bits((1023 - 332) << 52);
/// What stands for a square of zero where something is divided by it.
const TINY: f64 = 1e-200;

/// One step of the moments and its transpose, for every lane.
pub(super) trait Rule {
    /// The moments, or the derivatives of a number by them.
    type State: Copy;
    /// w = 1 and m = 0.
    fn start(&self) -> Self::State;
    fn step(&self, state: &Self::State, eta: f64, lambda: &Lanes, noise: &Lanes) -> Self::State;
    /// Derivatives by what [`Self::step`] made become derivatives by what it was given; returns those by η.
    fn reverse(
        &self,
        given: &Self::State,
        adjoint: &mut Self::State,
        eta: f64,
        lambda: &Lanes,
        noise: &Lanes,
    ) -> Lanes;
    /// E w².
    fn square(state: &Self::State) -> &Lanes;
    /// The derivative by E w² alone.
    fn seed(by_square: Lanes) -> Self::State;
    /// How large the moments are, for scaling.
    fn size(state: &Self::State, lambda: &Lanes) -> Lanes;
    fn scale(state: &mut Self::State, by: &Lanes);
}

fn lanes(of: impl Fn(usize) -> f64) -> Lanes {
    std::array::from_fn(of)
}

/// No momentum: v' = (1 − ηλ)²v + σ²η².
pub(super) struct Plain;

impl Rule for Plain {
    type State = Lanes;

    fn start(&self) -> Lanes {
        [1.0; LANES]
    }

    #[inline]
    fn step(&self, state: &Lanes, eta: f64, lambda: &Lanes, noise: &Lanes) -> Lanes {
        lanes(|i| {
            let keep = 1.0 - eta * lambda[i];
            keep * keep * state[i] + noise[i] * (eta * eta)
        })
    }

    #[inline]
    fn reverse(&self, given: &Lanes, adjoint: &mut Lanes, eta: f64, lambda: &Lanes, noise: &Lanes) -> Lanes {
        let keep = lanes(|i| 1.0 - eta * lambda[i]);
        let by_eta = lanes(|i| 2.0 * adjoint[i] * (noise[i] * eta - lambda[i] * keep[i] * given[i]));
        *adjoint = lanes(|i| adjoint[i] * keep[i] * keep[i]);
        by_eta
    }

    fn square(state: &Lanes) -> &Lanes {
        state
    }

    fn seed(by_square: Lanes) -> Lanes {
        by_square
    }

    fn size(state: &Lanes, _: &Lanes) -> Lanes {
        *state
    }

    fn scale(state: &mut Lanes, by: &Lanes) {
        *state = lanes(|i| state[i] * by[i]);
    }
}

/// Momentum μ ∈ [0, 1).
pub(super) struct HeavyBall(pub(super) f64);

/// E w², E wm and E m².
#[derive(Clone, Copy)]
pub(super) struct Moments {
    ww: Lanes,
    wm: Lanes,
    mm: Lanes,
}

impl HeavyBall {
    /// E w m' and E m'², w being the one before the step.
    #[inline]
    fn ahead(&self, s: &Moments, lambda: &Lanes, noise: &Lanes) -> (Lanes, Lanes) {
        let mu = self.0;
        let cross = lanes(|i| mu * s.wm[i] + lambda[i] * s.ww[i]);
        let square =
            lanes(|i| mu * mu * s.mm[i] + lambda[i] * (2.0 * mu * s.wm[i] + lambda[i] * s.ww[i]) + noise[i]);
        (cross, square)
    }
}

impl Rule for HeavyBall {
    type State = Moments;

    fn start(&self) -> Moments {
        Moments { ww: [1.0; LANES], wm: [0.0; LANES], mm: [0.0; LANES] }
    }

    #[inline]
    fn step(&self, state: &Moments, eta: f64, lambda: &Lanes, noise: &Lanes) -> Moments {
        let (cross, square) = self.ahead(state, lambda, noise);
        Moments {
            ww: lanes(|i| state.ww[i] - eta * (2.0 * cross[i] - eta * square[i])),
            wm: lanes(|i| cross[i] - eta * square[i]),
            mm: square,
        }
    }

    #[inline]
    fn reverse(
        &self,
        given: &Moments,
        adjoint: &mut Moments,
        eta: f64,
        lambda: &Lanes,
        noise: &Lanes,
    ) -> Lanes {
        let mu = self.0;
        let (cross, square) = self.ahead(given, lambda, noise);
        let Moments { ww, wm, mm } = *adjoint;
        let by_square = lanes(|i| mm[i] + eta * (eta * ww[i] - wm[i]));
        let by_cross = lanes(|i| wm[i] - 2.0 * eta * ww[i]);
        *adjoint = Moments {
            ww: lanes(|i| ww[i] + lambda[i] * (by_cross[i] + lambda[i] * by_square[i])),
            wm: lanes(|i| mu * (by_cross[i] + 2.0 * lambda[i] * by_square[i])),
            mm: lanes(|i| mu * mu * by_square[i]),
        };
        lanes(|i| 2.0 * ww[i] * (eta * square[i] - cross[i]) - wm[i] * square[i])
    }

    fn square(state: &Moments) -> &Lanes {
        &state.ww
    }

    fn seed(by_square: Lanes) -> Moments {
        Moments { ww: by_square, wm: [0.0; LANES], mm: [0.0; LANES] }
    }

    fn size(state: &Moments, lambda: &Lanes) -> Lanes {
        // E w² alone passes near zero where the ball swings through.
        lanes(|i| state.ww[i].max(state.mm[i] / (lambda[i] * lambda[i])))
    }

    fn scale(state: &mut Moments, by: &Lanes) {
        for part in [&mut state.ww, &mut state.wm, &mut state.mm] {
            *part = lanes(|i| part[i] * by[i]);
        }
    }
}

/// What the reverse pass needs of a forward one. Reuse it: it keeps its memory.
pub(super) struct Trace<S> {
    /// The state before each step.
    states: Vec<S>,
    /// Steps after which lanes were scaled, and by what.
    scaled: Vec<(usize, Lanes)>,
    /// The noise in the scale of the last state.
    noise: Lanes,
    last: Lanes,
}

impl<S> Trace<S> {
    pub(super) fn new() -> Self {
        Self { states: Vec::new(), scaled: Vec::new(), noise: [0.0; LANES], last: [1.0; LANES] }
    }
}

/// ln E w² after all `rates`, for each λ > 0. −∞ where it is zero.
pub(super) fn log_square<R: Rule>(
    rule: &R,
    rates: &[f64],
    lambda: &Lanes,
    noise: f64,
    trace: &mut Trace<R::State>,
) -> Lanes {
    trace.states.clear();
    trace.scaled.clear();
    let mut state = rule.start();
    let mut noise = [noise; LANES];
    let mut shift = [0.0; LANES];
    for (t, eta) in rates.iter().enumerate() {
        trace.states.push(state);
        state = rule.step(&state, *eta, lambda, &noise);
        let size = R::size(&state, lambda);
        if size.iter().fold(false, |out, size| out | !(SMALL..=BIG).contains(size)) {
            let by = size.map(|size| match size {
                s if s < SMALL && s > 0.0 => BIG,
                s if s > BIG => SMALL,
                _ => 1.0,
            });
            R::scale(&mut state, &by);
            noise = lanes(|i| noise[i] * by[i]);
            shift = lanes(|i| shift[i] - by[i].ln());
            trace.scaled.push((t, by));
        }
    }
    trace.noise = noise;
    // Rounding can leave a square below zero where momentum swings through it.
    let square = R::square(&state).map(|square| square.max(0.0));
    trace.last = square.map(|square| square.max(TINY));
    lanes(|i| square[i].ln() + shift[i])
}

/// Adds the derivatives of Σ weight · ln E w² by each rate to `sum`, for the pass that filled `trace`.
pub(super) fn gradient<R: Rule>(
    rule: &R,
    rates: &[f64],
    lambda: &Lanes,
    weights: &Lanes,
    trace: &Trace<R::State>,
    sum: &mut [f64],
) {
    let mut adjoint = R::seed(lanes(|i| weights[i] / trace.last[i]));
    let mut noise = trace.noise;
    let mut scaled = trace.scaled.iter().rev().peekable();
    for t in (0..rates.len()).rev() {
        if let Some((_, by)) = scaled.next_if(|(step, _)| *step == t) {
            R::scale(&mut adjoint, by);
            noise = lanes(|i| noise[i] / by[i]);
        }
        sum[t] += rule.reverse(&trace.states[t], &mut adjoint, rates[t], lambda, &noise).iter().sum::<f64>();
    }
}
