use super::*;

#[test]
fn tails_are_scipys() {
    // scipy.stats.t.sf(t, freedom)
    for (t, freedom, expected) in [
        (1.0, 1.0, 0.25),
        (63.65, 1.0, 0.005_000_529_462_205_29),
        (2.5, 9.0, 0.016_930_913_841_492_867),
        (-1.0, 4.0, 0.813_049_516_849_970_5),
        (400.0, 2.0, 3.124_970_703_430_172_3e-6),
    ] {
        close(student::upper_tail(t, freedom), expected, 1e-12);
    }
    // scipy.stats.t.isf(level, freedom)
    for (level, freedom, expected) in [
        (0.05, 1.0, 6.313_751_514_675_044),
        (0.001, 1.0, 318.308_838_985_550_44),
        (1e-5, 2.0, 223.603_443_634_037_18),
        (0.025, 9.0, 2.262_157_162_798_205_3),
        (0.05 / 3.0, 4.0, 3.186_315_545_559_688),
        (0.05, 9_999.0, 1.645_006_033_311_299_2),
    ] {
        close(student::critical(level, freedom) / expected, 1.0, 1e-9);
    }
}

#[test]
fn power_is_the_noncentral_ts() {
    // scipy.stats.nct.sf(scipy.stats.t.isf(level, n - 1), n - 1, effect * n**0.5)
    for (level, pairs, effect, expected) in [
        (0.05, 3, 1.0, 0.321_836_409),
        (0.05, 2, 1.0, 0.179_562_488),
        (0.05, 2, 5.0, 0.731_342_169),
        (0.05 / 3.0, 2, 40.0, 0.996_929_293),
        (0.05, 10, 0.5, 0.427_289_827),
        (0.001, 3, 5.0, 0.140_884_582),
        (0.05 / 12.0, 5, 2.0, 0.499_515_779),
        (0.05, 100, 0.25, 0.798_985_470),
        (0.05, 620, 0.1, 0.800_219_032),
        (0.05, 9_000, 0.026, 0.794_329_927),
        (0.05, 7, 0.0, 0.05),
    ] {
        close(student::power(level, pairs, effect), expected, 3e-5);
    }
}

/// What the test says: mean, standard deviation, lower and upper bound, the interval's ends, p.
fn numbers(test: &PairedTest) -> [f64; 7] {
    let PairedTest { mean, standard_deviation, lower, upper, interval, p, .. } = *test;
    [mean, standard_deviation, lower, upper, interval.low, interval.high, p]
}

#[test]
fn tests_are_scipys() {
    // scipy.stats.ttest_1samp(d, -margin, alternative='greater').pvalue; bounds from scipy.stats.t.isf(level, n - 1),
    // the interval from scipy.stats.t.interval(1 - level, n - 1, mean, sem); seeds from scipy.stats.nct by search.
    let check = |differences: &[f64], margin, level, expected: [f64; 7], verdict, seeds| {
        let test = paired_test(differences, margin, level).unwrap();
        for (found, expected) in numbers(&test).into_iter().zip(expected) {
            close(found, expected, 6e-8);
        }
        assert_eq!((test.verdict, test.pairs, test.level), (verdict, differences.len(), level));
        assert_eq!(test.seeds_needed(), seeds);
    };
    check(
        &[0.01, -0.02, 0.005],
        0.01,
        0.05,
        [-0.001_666_7, 0.016_072_8, -0.028_763, 0.025_429_7, -0.041_593_6, 0.038_260_3, 0.231_971_9],
        Verdict::NotShown,
        Some(25),
    );
    check(
        &[0.01, -0.02, 0.005, 0.0, 0.012],
        0.01,
        0.05 / 3.0,
        [0.001_4, 0.012_837_4, -0.016_892_9, 0.019_692_9, -0.021_339_2, 0.024_139_2, 0.059_015_5],
        Verdict::NotShown,
        Some(14),
    );
    check(
        &[-0.001, 0.002, 0.001, 0.0005, -0.0003],
        0.005,
        0.05,
        [0.000_44, 0.001_158_9, -0.000_664_9, 0.001_544_9, -0.000_998_9, 0.001_878_9, 0.000_232_9],
        Verdict::Shown,
        Some(3),
    );
    check(
        &[-0.05, -0.06, -0.055],
        0.01,
        0.05,
        [-0.055, 0.005, -0.063_429_3, -0.046_570_7, -0.067_420_7, -0.042_579_3, 0.997_955],
        Verdict::Worse,
        None,
    );
    let beyond = paired_test(&[-0.012, -0.02, 0.0, -0.018], 0.01, 0.05).unwrap();
    assert_eq!((beyond.verdict, beyond.seeds_needed()), (Verdict::NotShown, None), "{beyond:?}");
}

#[test]
fn seeds_are_those_of_scipy() {
    // The smallest n with scipy.stats.nct.sf(scipy.stats.t.isf(level, n - 1), n - 1, effect * n**0.5) >= 0.8.
    let check = |effect: f64, level, expected| {
        // Two values with a mean of `effect` standard deviations.
        let half = 0.5_f64.sqrt();
        let test = paired_test(&[effect + half, effect - half], 0.0, level).unwrap();
        assert_eq!(test.seeds_needed(), expected, "{effect} at {level}");
    };
    check(1.0, 0.05, Some(8));
    check(0.5, 0.05, Some(27));
    check(0.2, 0.05, Some(156));
    check(1.0, 0.05 / 3.0, Some(12));
    check(0.05, 0.05 / 3.0, Some(3_530));
    check(0.025, 0.05, Some(9_894));
    // The next ones take 9,998 and 10,054.
    check(0.02487, 0.05, Some(9_998));
    check(0.0248, 0.05, None);
    check(1e-12, 0.05, None);
    check(0.0, 0.05, None);
    check(-1.0, 0.05, None);
}

#[test]
fn nothing_is_shown_without_an_error() {
    let check = |differences: &[f64], expected| {
        assert_eq!(paired_test(differences, 0.01, 0.05), Err(expected), "{differences:?}");
    };
    check(&[], Undecidable::TooFewPairs);
    check(&[0.1], Undecidable::TooFewPairs);
    check(&[0.1, 0.1], Undecidable::NoVariance);
    check(&[0.0; 5], Undecidable::NoVariance);
    check(&[1e200, 0.0, 1.0], Undecidable::Overflow);
    check(&[f64::MAX, f64::MAX, 0.0], Undecidable::Overflow);
    // As unequal as single precision makes equal differences.
    check(
        &[f64::from(0.85_f32) - f64::from(0.849_f32), f64::from(0.851_f32) - f64::from(0.85_f32)],
        Undecidable::NoVariance,
    );
    assert!(paired_test(&[0.0, 0.0005, 0.0], 0.01, 0.05).is_ok(), "one image of 2,000 is a spread");
}

#[test]
fn pairs_are_seeds_that_both_have() {
    use crate::cost::pairs::{differences, lost};
    let baseline = Outcomes::from([(0, Some(0.8)), (1, None), (2, Some(0.9)), (5, Some(0.7))]);
    let candidate =
        Outcomes::from([(0, Some(0.7)), (1, Some(0.6)), (2, None), (3, Some(0.5)), (5, Some(0.75))]);
    let found = differences(&candidate, &baseline, true);
    assert_eq!(found.len(), 2);
    close(found[0], -0.1, 1e-12);
    close(found[1], 0.05, 1e-12);
    let found = differences(&candidate, &baseline, false);
    close(found[0], 0.1, 1e-12);
    assert_eq!((lost(&baseline), lost(&candidate), lost(&Outcomes::new())), (1, 1, 0));
}

#[test]
fn candidates_share_the_error() {
    let claim = Claim { maximize: true, margin: 0.0, alpha: 0.06, candidates: 3 };
    close(claim.level(), 0.02, 1e-15);
    close(Claim { candidates: 0, ..claim }.level(), 0.06, 1e-15);
}
