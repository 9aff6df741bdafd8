use super::*;
use crate::cost::best::{Rival, holm, rivals};

#[test]
fn holms_correction_is_rs() {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    let found = holm(&[Some(0.01), None, Some(0.04), Some(0.03), Some(0.005)]);
    for (found, expected) in found.iter().zip([Some(0.03), None, Some(0.06), Some(0.06), Some(0.02)]) {
        assert_eq!(found.is_some(), expected.is_some());
        close(found.unwrap_or(0.0), expected.unwrap_or(0.0), 1e-12);
    }
    assert_eq!(holm(&[Some(0.7), Some(0.6)]), [Some(1.0), Some(1.0)]);
}

#[test]
fn rivals_are_compared_with_the_best() {
    let best = [0.90, 0.91, 0.89, 0.92];
    let cells = [
        outcomes(&[0.899, 0.911, 0.8895, 0.919]),
        outcomes(&best),
        outcomes(&[0.85, 0.862, 0.838, 0.871]),
        outcomes(&[0.99, LOST, 0.99, 0.99]),
        Outcomes::new(),
        outcomes(&[0.5]),
    ];
    for maximize in [true, false] {
        let turn = |value: &Option<f64>| value.map(|value| if maximize { value } else { -value });
        let cells: Vec<Outcomes> = cells
            .iter()
            .map(|cell| cell.iter().map(|(seed, value)| (*seed, turn(value))).collect())
            .collect();
        let found = rivals(&cells.iter().collect::<Vec<_>>(), maximize, 0.05);
        let words: Vec<_> = found
            .iter()
            .map(|rival| rival.map(|Rival { is_best, is_unbeaten, .. }| (is_best, is_unbeaten)))
            .collect();
        let expected =
            [Some((false, true)), Some((true, true)), Some((false, false)), None, None, Some((false, true))];
        assert_eq!(words, expected);
        // scipy.stats.ttest_rel(best, other).pvalue, of two: the smaller one twice.
        close(found[0].unwrap().p.unwrap(), 0.486_003_629_730, 1e-9);
        close(found[2].unwrap().p.unwrap(), 2.227_928_684e-5, 1e-9);
        assert_eq!(found[5].unwrap().p, None, "one pair has no error");
    }
    assert_eq!(rivals(&[], true, 0.05), []);
}
