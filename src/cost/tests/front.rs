use super::*;
use crate::cost::front::{Place, Point, SplitMix64, front};

fn places(cells: &[(f64, Outcomes)], maximize: bool) -> Vec<Option<Place>> {
    let points: Vec<_> = cells.iter().map(|(cost, outcomes)| Point { cost: *cost, outcomes }).collect();
    front(&points, maximize, 2_000, 7)
}

#[test]
fn a_front_is_what_nothing_dominates() {
    let check = |points: &[(f64, f64)], expected: &[bool]| {
        for maximize in [true, false] {
            let cells: Vec<_> = points
                .iter()
                .map(|(cost, value)| (*cost, outcomes(&[if maximize { *value } else { -value }])))
                .collect();
            let places = places(&cells, maximize);
            let found: Vec<_> = places.iter().map(|place| place.unwrap().is_on_front).collect();
            assert_eq!(found, expected, "{points:?}");
            assert!(places.iter().all(|place| place.unwrap().share.is_none()), "one seed has no spread");
        }
    };
    check(&[(1.0, 0.5), (2.0, 0.7), (3.0, 0.6), (4.0, 0.8)], &[true, true, false, true]);
    check(&[(2.0, 0.7), (1.0, 0.7)], &[false, true]);
    check(&[(1.0, 0.7), (1.0, 0.8)], &[false, true]);
    check(&[(1.0, 0.7), (1.0, 0.7)], &[true, true]);
    check(&[(5.0, 0.1)], &[true]);
    check(&[], &[]);
}

#[test]
fn two_points_have_the_paired_tests_p() {
    let (cheap, dear) = ([0.80, 0.84, 0.82, 0.86], [0.805, 0.86, 0.825, 0.855]);
    let differences: Vec<f64> = dear.iter().zip(cheap).map(|(dear, cheap)| dear - cheap).collect();
    let p = paired_test(&differences, 0.0, 0.05).unwrap().p;
    let (cheap, dear) = (outcomes(&cheap), outcomes(&dear));
    let points = [Point { cost: 1.0, outcomes: &cheap }, Point { cost: 2.0, outcomes: &dear }];
    let found = front(&points, true, 20_000, 7);
    let shares: Vec<f64> = found.iter().map(|place| place.unwrap().share.unwrap()).collect();
    assert_eq!(shares[0], 1.0, "nothing is cheaper");
    // Without the covariance it would be about 0.59.
    close(shares[1], 1.0 - p, four_errors(p, 20_000));
    assert!(0.15 < p && p < 0.25, "{p}");
    assert_eq!(found, front(&points, true, 20_000, 7), "the seed says it all");
}

#[test]
fn lost_seeds_take_no_part() {
    let cells = [
        (1.0, outcomes(&[0.9, LOST, 0.9])),
        (2.0, outcomes(&[0.5, 0.6, 0.4])),
        (3.0, outcomes(&[0.4, 0.8])),
        (4.0, Outcomes::new()),
    ];
    let found = places(&cells, true);
    assert_eq!((found[0], found[3]), (None, None));
    close(found[1].unwrap().mean, 0.55, 1e-12);
    close(found[2].unwrap().mean, 0.6, 1e-12);
    let apart = [(1.0, Outcomes::from([(0, Some(1.0))])), (2.0, Outcomes::from([(1, Some(1.0))]))];
    assert_eq!(places(&apart, true), [None, None], "no seed is common");
}

#[test]
fn numbers_are_splitmixs() {
    // The first numbers of the reference implementation from 1234567.
    let mut random = SplitMix64(1_234_567);
    for expected in [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423_u64] {
        assert_eq!(random.next(), expected);
    }
}
