use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rand_distr::StandardNormal;

use super::{
    noninferiority::{Claim, PairedTest, Undecidable, Verdict, paired_test},
    pairs::Outcomes,
    *,
};

mod equal;
mod front;
mod noninferiority;
mod racing;
mod rivals;
mod sequence;
mod simulation;
mod spending;

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

/// Seeds from 0 with these values; not a number is a lost seed.
fn outcomes(values: &[f64]) -> Outcomes {
    (0..).zip(values.iter().map(|value| Some(*value).filter(|value| !value.is_nan()))).collect()
}

const LOST: f64 = f64::NAN;

struct Normals(ChaCha8Rng);

impl Normals {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn draw(&mut self, count: usize, mean: f64, deviation: f64) -> Vec<f64> {
        (0..count).map(|_| mean + deviation * self.0.sample::<f64, _>(StandardNormal)).collect()
    }
}

/// Four standard errors: one in 16,000 sets of draws lies beyond.
fn four_errors(share: f64, of: u32) -> f64 {
    4.0 * (share * (1.0 - share) / f64::from(of)).sqrt()
}

/// How many of a number of repetitions hold, as a share.
fn share(of: u32, mut holds: impl FnMut() -> bool) -> f64 {
    f64::from((0..of).filter(|_| holds()).count() as u32) / f64::from(of)
}

#[test]
fn a_share_of_test_samples_has_an_error() {
    close(test_error(0.85, 2_000), 0.007_984, 1e-6);
    assert_eq!(test_error(1.0, 10), 0.0);
}
