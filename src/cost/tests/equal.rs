use super::*;
use crate::cost::equal::{EqualBudget, Steps, equal_budget};

/// A schedule's curve against a baseline of zeros: its values by budget, each by seed.
fn found(budgets: &[(u64, &[f64])], level: f64) -> Result<EqualBudget, Undecidable> {
    let cells: Vec<_> = budgets.iter().map(|(steps, values)| (*steps, outcomes(values))).collect();
    let curve: Vec<_> = cells.iter().map(|(steps, cell)| (*steps, cell)).collect();
    let zeros = outcomes(&vec![0.0; budgets.first().map_or(5, |(_, values)| values.len())]);
    equal_budget(&zeros, &curve, true, level)
}

const LOW: [f64; 5] = [-0.05, -0.04, -0.055, -0.045, -0.052];
const MIDDLE: [f64; 5] = [-0.01, -0.015, -0.005, -0.02, -0.012];
const HIGH: [f64; 5] = [0.02, 0.025, 0.015, 0.03, 0.022];
const WIDE: [f64; 5] = [0.02, -0.045, 0.055, -0.03, -0.012];

fn check(budgets: &[(u64, &[f64])], expected: [Steps; 3]) {
    let EqualBudget { seeds, estimate, low, high } = found(budgets, 0.05).unwrap();
    assert_eq!(seeds, 5);
    for (found, expected) in [estimate, low, high].into_iter().zip(expected) {
        match (found, expected) {
            (Steps::At(found), Steps::At(expected)) => close(found, expected, 1e-6),
            _ => assert_eq!(found, expected),
        }
    }
}

#[test]
fn a_crossing_is_where_scipy_finds_it() {
    use Steps::{At, AtMost, MoreThan};
    // scipy.optimize.brentq on t(b) and on |t(b)| - scipy.stats.t.isf(0.025, 4), with numpy.interp over log(steps).
    check(
        &[(100, &LOW), (200, &MIDDLE), (400, &HIGH)],
        [At(256.031_592_400_165_5), At(239.635_543_768_922_4), At(263.411_170_110_113_7)],
    );
    check(&[(100, &HIGH), (200, &HIGH)], [AtMost(100.0); 3]);
    check(&[(100, &LOW), (200, &MIDDLE)], [MoreThan(200.0); 3]);
    check(&[(100, &HIGH)], [AtMost(100.0); 3]);
    check(&[(100, &WIDE)], [MoreThan(100.0), AtMost(100.0), MoreThan(100.0)]);
}

#[test]
fn what_lies_outside_is_said_to() {
    let ends = |budgets: &[(u64, &[f64])]| {
        let EqualBudget { estimate, low, high, .. } = found(budgets, 0.05).unwrap();
        (estimate, low, high)
    };
    let (estimate, low, high) = ends(&[(100, &LOW), (200, &WIDE)]);
    assert_eq!((estimate, high), (Steps::MoreThan(200.0), Steps::MoreThan(200.0)));
    assert!(matches!(low, Steps::At(steps) if 100.0 < steps && steps < 200.0));
    let (estimate, low, high) = ends(&[(100, &WIDE), (200, &HIGH)]);
    assert_eq!(low, Steps::AtMost(100.0));
    assert!(matches!((estimate, high), (Steps::At(at), Steps::At(high)) if at < high && high < 200.0));
    // Of three crossings the last one counts.
    let (estimate, low, high) = ends(&[(100, &LOW), (200, &HIGH), (400, &LOW), (800, &HIGH)]);
    assert!(matches!(low, Steps::At(steps) if 100.0 < steps && steps < 200.0));
    assert!(matches!(estimate, Steps::At(steps) if 400.0 < steps && steps < 800.0));
    assert!(matches!(high, Steps::At(steps) if 400.0 < steps && steps < 800.0));
    // Better in the middle only: the mean stays nowhere from there.
    let (estimate, low, high) = ends(&[(100, &LOW), (200, &HIGH), (400, &LOW)]);
    assert_eq!((estimate, high), (Steps::MoreThan(400.0), Steps::MoreThan(400.0)));
    assert!(matches!(low, Steps::At(steps) if 100.0 < steps && steps < 200.0));
}

/// Fieller's interval for the ratio of the means of −a and d, in the form with g = t²·s_dd/(n·D²), where g < 1.
fn fieller(a: &[f64], d: &[f64], t: f64) -> (f64, f64) {
    let n = a.len() as f64;
    let (mean_a, mean_d) = (mean(a).unwrap(), mean(d).unwrap());
    let covariance = |one: &[f64], mean_one: f64, other: &[f64], mean_other: f64| {
        let products = one.iter().zip(other).map(|(one, other)| (one - mean_one) * (other - mean_other));
        products.sum::<f64>() / (n - 1.0) / n
    };
    let (v_aa, v_dd) = (covariance(a, mean_a, a, mean_a), covariance(d, mean_d, d, mean_d));
    let v_ad = -covariance(a, mean_a, d, mean_d);
    let ratio = -mean_a / mean_d;
    let g = t * t * v_dd / (mean_d * mean_d);
    assert!(g < 1.0);
    let root = (v_aa - 2.0 * ratio * v_ad + ratio * ratio * v_dd - g * (v_aa - v_ad * v_ad / v_dd)).sqrt();
    let (centre, half) = (ratio - g * v_ad / v_dd, t / mean_d * root);
    ((centre - half) / (1.0 - g), (centre + half) / (1.0 - g))
}

#[test]
fn within_a_segment_it_is_fiellers() {
    let mut normals = Normals::new(3);
    for seeds in [3, 5, 8] {
        let (a, b) = (normals.draw(seeds, -3.0, 0.1), normals.draw(seeds, 2.0, 0.2));
        let d: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - a).collect();
        let (low, high) = fieller(&a, &d, student::critical(0.05, (seeds - 1) as f64));
        let found = found(&[(1_000, &a), (8_000, &b)], 0.1).unwrap();
        let Steps::At(found_low) = found.low else { panic!("{found:?}") };
        let Steps::At(found_high) = found.high else { panic!("{found:?}") };
        close(found_low, 1_000.0 * 8.0_f64.powf(low), 1e-6);
        close(found_high, 1_000.0 * 8.0_f64.powf(high), 1e-6);
    }
}

#[test]
fn budgets_below_a_loss_are_left_out() {
    let lost = [-0.05, LOST, -0.055, -0.045, -0.052];
    let (with, without) = (
        found(&[(100, &LOW), (150, &lost), (200, &MIDDLE), (400, &HIGH)], 0.05),
        found(&[(200, &MIDDLE), (400, &HIGH)], 0.05),
    );
    assert!(with.is_ok());
    assert_eq!(with, without);
    assert_eq!(found(&[(100, &HIGH), (200, &lost)], 0.05), Err(Undecidable::TooFewPairs));
    assert_eq!(found(&[], 0.05), Err(Undecidable::TooFewPairs));
    assert_eq!(found(&[(100, &LOW[..1]), (200, &HIGH[..1])], 0.05), Err(Undecidable::TooFewPairs));
    assert_eq!(found(&[(100, &LOW), (200, &[0.0; 5])], 0.05), Err(Undecidable::NoVariance));
}
