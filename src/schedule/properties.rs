//! What can be said of a curve without training.

/// The properties of a table of rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Properties {
    /// Of all rates, over the largest.
    pub mean: f64,
    /// The share of the budget after which the rate is at most half of its largest for the first time since it was there;
    /// `None` if it never is.
    pub half_life: Option<f64>,
    /// The sum of all rates.
    pub area: f64,
    pub first: f64,
    pub largest: f64,
    pub last: f64,
    /// See [`last_iterate_bound`].
    pub bound: Option<f64>,
}

impl Properties {
    /// Of at least one rate.
    ///
    /// ```
    /// use sweep::schedule::Properties;
    /// let linear: Vec<f32> = (0..100).map(|t| 1.0 - t as f32 / 100.0).collect();
    /// let found = Properties::of(&linear);
    /// assert!((found.mean - 0.505).abs() < 1e-6 && (found.area - 50.5).abs() < 1e-5);
    /// assert_eq!((found.first, found.half_life), (1.0, Some(0.5)));
    /// assert!((found.bound.unwrap() - 1.0).abs() < 1e-6, "linear is what others are compared with");
    /// ```
    #[must_use]
    pub fn of(rates: &[f32]) -> Self {
        let area: f64 = rates.iter().map(|rate| f64::from(*rate)).sum();
        let largest = rates.iter().copied().fold(0.0, f32::max);
        let top = rates.iter().position(|rate| *rate == largest).unwrap_or(0);
        // Of rates in 32 bits half is a matter of rounding.
        let is_half = |rate: &f32| f64::from(*rate) <= f64::from(largest) * (0.5 + 1e-7);
        let half = rates[top..].iter().position(is_half).filter(|_| largest > 0.0);
        let linear = raw_bound((0..rates.len()).map(|t| 1.0 - t as f64 / rates.len() as f64));
        let own = raw_bound(rates.iter().map(|rate| f64::from(*rate)));
        Self {
            mean: if largest > 0.0 { area / rates.len() as f64 / f64::from(largest) } else { 0.0 },
            half_life: half.map(|half| (top + half) as f64 / rates.len() as f64),
            area,
            first: f64::from(rates[0]),
            largest: f64::from(largest),
            last: f64::from(rates[rates.len() - 1]),
            bound: own.zip(linear).map(|(own, linear)| own / linear),
        }
    }
}

/// A bound on the loss after the last step of convex, non-smooth training, at the peak that makes it smallest, relative to
/// that of the linear schedule of the same length: smaller is better, linear is 1. `None` where no rate is above 0.
///
/// With rates η_t, gradient norms G and the distance D to the solution it is
/// `(D² + Ση²G²)/(2Ση) + ½ Σ_{k<T} η_k/Σ_{t>k}η_t · Σ_{t≥k}η_t²G² / Σ_{t≥k}η_t`; with G the same at every step the best peak is
/// known in closed form, and D and G cancel. Steps after the last rate above 0 do nothing and are left out.
///
/// Source: Schaipp et al., "The surprising agreement between convex optimization theory and learning-rate scheduling for
/// large model training", ICML 2025, arXiv 2501.18965.
#[must_use]
pub fn last_iterate_bound(rates: &[f64]) -> Option<f64> {
    let linear = raw_bound((0..rates.len()).map(|t| 1.0 - t as f64 / rates.len() as f64))?;
    Some(raw_bound(rates.iter().copied())? / linear)
}

/// The bound for D = G = 1, at the best peak.
fn raw_bound(rates: impl DoubleEndedIterator<Item = f64>) -> Option<f64> {
    // From the end: what is summed there is what comes after a step.
    let (mut sum, mut squares, mut later) = (0.0, 0.0, 0.0);
    for rate in rates.rev().skip_while(|rate| *rate <= 0.0) {
        let after = sum;
        sum += rate;
        squares += rate * rate;
        if after > 0.0 && rate > 0.0 {
            later += rate / after * squares / sum;
        }
    }
    // A peak p makes it 1/(2pΣη) + p·(Ση²/(2Ση) + ½·later), which is smallest at 2√(product of both).
    (sum > 0.0).then(|| 2.0 * (0.5 / sum * (squares / (2.0 * sum) + later / 2.0)).sqrt())
}
