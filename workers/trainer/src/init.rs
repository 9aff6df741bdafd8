//! The state a trial starts from.

use rand_distr::{Distribution, StandardNormal};
use sweep_graph::{Fresh, State};
use sweep_wire::Init;

use crate::random::{Purpose, stream};

/// The values that state number `index` starts with; only `KaimingNormal` weights depend on the seed.
pub(crate) fn initial(state: &State, index: usize, init: Init, seed: u64) -> Vec<f32> {
    let count = state.shape.iter().product();
    match (init, state.fresh) {
        (Init::Exported, _) | (_, Fresh::AsExported) => state.exported.clone(),
        (Init::KaimingNormal, Fresh::Zeros) => vec![0.0; count],
        (Init::KaimingNormal, Fresh::Ones) => vec![1.0; count],
        (Init::KaimingNormal, Fresh::Normal { fan_in }) => {
            let deviation = (2.0 / fan_in as f64).sqrt();
            let rng = stream(Purpose::Init, seed, index as u64, 0);
            let draw = |value: f64| (value * deviation) as f32;
            StandardNormal.sample_iter(rng).take(count).map(draw).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use sweep_graph::StateKind;

    use super::*;

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

    #[test]
    fn kaiming_normal_has_the_variance_of_its_fan_in() {
        let values = initial(&state(Fresh::Normal { fan_in: 50 }), 0, Init::KaimingNormal, 1);
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / 1e4;
        let variance = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 4.0 * 0.2 / 100.0, "mean {mean}");
        assert!((variance / 0.04 - 1.0).abs() < 0.06, "variance {variance}, expected 2/50");
    }

    #[test]
    fn seeds_and_places_differ_and_exported_ignores_both() {
        let fresh = Fresh::Normal { fan_in: 50 };
        let draw = |index, seed| initial(&state(fresh), index, Init::KaimingNormal, seed);
        assert_eq!(draw(0, 1), draw(0, 1));
        assert_ne!(draw(0, 1), draw(0, 2));
        assert_ne!(draw(0, 1), draw(1, 1));
        assert_eq!(initial(&state(fresh), 0, Init::Exported, 1), vec![0.5; 10_000]);
        assert_eq!(initial(&state(Fresh::Ones), 0, Init::KaimingNormal, 1), vec![1.0; 10_000]);
    }
}
