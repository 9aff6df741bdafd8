//! The state a trial starts from.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use sweep_graph::{Fresh, State};
use sweep_wire::Init;

use crate::random::{Purpose, stream};

/// How random values are spread around 0.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Spread {
    /// Standard deviation.
    Normal(f64),
    /// Standard deviation before what lies beyond two of them is drawn again.
    Truncated(f64),
    /// Bound on both sides.
    Uniform(f64),
    Constant(f32),
}

/// The values that each state starts with. A random one depends on the seed and its place among the states alone.
pub(crate) fn initial(states: &[State], init: Init, seed: u64) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = Vec::with_capacity(states.len());
    for (index, state) in states.iter().enumerate() {
        values.push(match (init, state.fresh) {
            (_, Fresh::Same(other)) => values[other].clone(),
            (Init::Exported, _) | (_, Fresh::AsExported) => state.exported.clone(),
            (_, fresh) => draw(spread(init, fresh), state.shape.iter().product(), index, seed),
        });
    }
    values
}

fn spread(init: Init, fresh: Fresh) -> Spread {
    let root = |share: f64, count: usize| (share / count.max(1) as f64).sqrt();
    let (fan_in, fan_out) = match fresh {
        Fresh::Weight { fan_in, fan_out } => (fan_in, fan_out),
        Fresh::Recurrent { hidden, .. } if init == Init::Pytorch => return uniform(hidden),
        Fresh::Recurrent { fan_in, hidden } => (fan_in, hidden),
        Fresh::Bias { fan_in } if init == Init::Pytorch => return uniform(fan_in),
        Fresh::RecurrentBias { hidden } if init == Init::Pytorch => return uniform(hidden),
        Fresh::Embedding => {
            return match init {
                Init::TruncatedNormal { std } => Spread::Truncated(std),
                _ => Spread::Normal(1.0),
            };
        }
        Fresh::Ones => return Spread::Constant(1.0),
        _ => return Spread::Constant(0.0),
    };
    match init {
        Init::KaimingNormal | Init::Exported => Spread::Normal(root(2.0, fan_in)),
        Init::KaimingUniform => Spread::Uniform(root(6.0, fan_in)),
        Init::XavierNormal => Spread::Normal(root(2.0, fan_in + fan_out)),
        Init::XavierUniform => Spread::Uniform(root(6.0, fan_in + fan_out)),
        Init::TruncatedNormal { std } => Spread::Truncated(std),
        Init::Pytorch => uniform(fan_in),
    }
}

/// Uniform within ±1/√count.
fn uniform(count: usize) -> Spread {
    Spread::Uniform((1.0 / count.max(1) as f64).sqrt())
}

fn draw(spread: Spread, count: usize, index: usize, seed: u64) -> Vec<f32> {
    let mut rng = stream(Purpose::Init, seed, index as u64, 0);
    match spread {
        Spread::Constant(value) => vec![value; count],
        Spread::Normal(deviation) => {
            let drawn = StandardNormal.sample_iter(rng).take(count);
            drawn.map(|value: f64| (value * deviation) as f32).collect()
        }
        Spread::Truncated(deviation) => {
            let drawn = StandardNormal.sample_iter(rng).filter(|value: &f64| value.abs() <= 2.0);
            drawn.map(|value| (value * deviation) as f32).take(count).collect()
        }
        Spread::Uniform(bound) => {
            (0..count).map(|_| ((rng.random::<f64>() * 2.0 - 1.0) * bound) as f32).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_graph::StateKind;

    fn state(fresh: Fresh) -> State {
        State {
            name: "w".to_owned(),
            next: "w.next".to_owned(),
            shape: vec![100, 100],
            kind: StateKind::Parameter,
            exported: vec![0.5; 10_000],
            fresh,
        }
    }

    const WEIGHT: Fresh = Fresh::Weight { fan_in: 50, fan_out: 100 };

    fn values(fresh: Fresh, init: Init, seed: u64) -> Vec<f32> {
        initial(&[state(fresh)], init, seed).remove(0)
    }

    /// Variance and largest value against what the distribution has.
    fn check(fresh: Fresh, init: Init, variance: f64, bound: f64) {
        let values = values(fresh, init, 1);
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / 1e4;
        let found = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 4.0 * variance.sqrt() / 100.0, "{init:?}: mean {mean}");
        assert!((found / variance - 1.0).abs() < 0.06, "{init:?}: variance {found}, expected {variance}");
        let largest = values.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
        assert!(
            largest <= bound * 1.000_001 && largest > 0.9 * bound.min(3.0 * variance.sqrt()),
            "{init:?}: {largest}"
        );
    }

    #[test]
    fn distributions_are_pytorchs() {
        check(WEIGHT, Init::KaimingNormal, 2.0 / 50.0, f64::INFINITY);
        check(WEIGHT, Init::KaimingUniform, 2.0 / 50.0, (6.0_f64 / 50.0).sqrt());
        check(WEIGHT, Init::XavierNormal, 2.0 / 150.0, f64::INFINITY);
        check(WEIGHT, Init::XavierUniform, 2.0 / 150.0, (6.0_f64 / 150.0).sqrt());
        check(WEIGHT, Init::Pytorch, 1.0 / 150.0, (1.0_f64 / 50.0).sqrt());
        check(Fresh::Bias { fan_in: 50 }, Init::Pytorch, 1.0 / 150.0, (1.0_f64 / 50.0).sqrt());
        check(Fresh::Recurrent { fan_in: 7, hidden: 25 }, Init::Pytorch, 1.0 / 75.0, 0.2);
        check(Fresh::Embedding, Init::KaimingNormal, 1.0, f64::INFINITY);
        // A normal cut off at two deviations keeps 0.774 of its variance.
        let truncated = Init::TruncatedNormal { std: 0.02 };
        check(WEIGHT, truncated, 0.774 * 0.0004, 0.04);
        check(Fresh::Embedding, truncated, 0.774 * 0.0004, 0.04);
    }

    #[test]
    fn seeds_and_places_differ_and_exported_ignores_both() {
        let pair = initial(&[state(WEIGHT), state(WEIGHT)], Init::KaimingNormal, 1);
        assert_eq!(pair[0], values(WEIGHT, Init::KaimingNormal, 1));
        assert_ne!(pair[0], values(WEIGHT, Init::KaimingNormal, 2));
        assert_ne!(pair[0], pair[1]);
        assert_eq!(values(WEIGHT, Init::Exported, 1), vec![0.5; 10_000]);
        assert_eq!(values(Fresh::Ones, Init::KaimingNormal, 1), vec![1.0; 10_000]);
        assert_eq!(values(Fresh::Bias { fan_in: 3 }, Init::KaimingNormal, 1), vec![0.0; 10_000]);
        let copies = initial(&[state(WEIGHT), state(Fresh::Same(0))], Init::XavierNormal, 3);
        assert_eq!(copies[0], copies[1]);
    }
}
