use std::f64::consts::FRAC_PI_2;

use statrs::distribution::{ContinuousCDF, Normal};

use super::*;
use crate::cost::spending::{Walk, levels};

#[test]
fn levels_are_exact() {
    // The same recursion in numpy with 1,200 Gauss–Legendre nodes; two million simulated sequences agree with its
    // digits.
    let check = |min, max, alpha, expected: &[f64]| {
        let found = levels(min, max, alpha);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.into_iter().zip(expected) {
            close(found / expected, 1.0, 3e-3);
        }
    };
    check(
        3,
        10,
        0.05,
        &[0.0045, 0.004_634_8, 0.006_602_5, 0.009_344_2, 0.012_796_1, 0.016_985_4, 0.021_958_4, 0.027_764_3],
    );
    check(2, 6, 0.05 / 3.0, &[0.001_851_9, 0.002_465_6, 0.003_891_4, 0.005_870_8, 0.008_432_7]);
    check(3, 3, 0.05, &[0.05]);
    check(2, 2, 0.01, &[0.01]);
}

/// How likely any look at these levels rejects.
fn error(min: usize, levels: &[f64]) -> f64 {
    let mut walk = Walk::new(min);
    let mut error = 0.0;
    for (level, pairs) in levels.iter().zip(min..) {
        let freedom = (pairs - 1) as f64;
        let psi = (student::critical(*level, freedom) / freedom.sqrt()).atan();
        error += walk.tail(psi);
        walk.stop_above(psi);
    }
    error
}

#[test]
fn looking_often_without_levels_errs_often() {
    // A million simulated sequences each: 0.1456 and 0.1704.
    close(error(3, &[0.05; 8]), 0.1457, 2e-4);
    close(error(2, &[0.05; 9]), 0.1701, 4e-4);
    // Levels for normal statistics, three looks more than they should; a million simulated sequences: 0.0582.
    let normal = [0.00454, 0.00575, 0.0084, 0.0117, 0.01579, 0.0204, 0.02619, 0.03269];
    close(error(3, &normal), 0.0582, 4e-4);
    for (min, max, alpha) in [(2, 10, 0.05), (3, 10, 0.05 / 3.0)] {
        close(error(min, &levels(min, max, alpha)) / alpha, 1.0, 1e-6);
    }
}

/// The bounds of five looks at equal distances, as normal deviates, where `spent` says how much is by each share.
fn five_looks(distance: usize, spent: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut walk = Walk::new(distance);
    let mut bounds = Vec::new();
    for pairs in distance..=5 * distance {
        let mut bound = FRAC_PI_2;
        if pairs % distance == 0 {
            let share = (pairs / distance) as f64 / 5.0;
            bound = walk.bound(spent(share) - spent(share - 0.2));
            bounds.push(-Normal::standard().inverse_cdf(walk.level(bound)));
        }
        walk.stop_above(bound);
    }
    bounds
}

#[test]
fn many_pairs_have_the_published_bounds() {
    let check = |found: Vec<f64>, expected: [f64; 5]| {
        for (found, expected) in found.into_iter().zip(expected) {
            close(found, expected, 0.02);
        }
    };
    let normal = Normal::standard();
    // Lan & DeMets (1983), one-sided 0.025, as gsDesign's sfLDOF and sfLDPocock have them.
    let obrien_fleming = |share: f64| 2.0 * normal.sf(-normal.inverse_cdf(0.0125) / share.max(1e-9).sqrt());
    check(five_looks(10, obrien_fleming), [4.877, 3.357, 2.680, 2.290, 2.031]);
    // scipy.stats.multivariate_normal.cdf, look by look.
    check(five_looks(10, |share| 0.025 * share * share), [3.0902, 2.7141, 2.4728, 2.2799, 2.1140]);
}

#[test]
#[should_panic(expected = "1 to 3 pairs")]
fn one_pair_has_no_test() {
    let _ = levels(1, 3, 0.05);
}
