use super::*;
use crate::cost::racing::{Comparison, Decision, FUTILE, Race, Standing};

const CLAIM: Claim = Claim { maximize: true, margin: 0.01, alpha: 0.05, candidates: 2 };

/// What would come out of each seed: the baseline's and each candidate's budgets.
struct Truth {
    baseline: Vec<f64>,
    candidates: Vec<Vec<Vec<f64>>>,
}

impl Truth {
    /// Schedules whose budgets differ from the baseline by these, of a margin and spread of 0.01.
    fn new(seed: u64, candidates: &[&[f64]]) -> Self {
        let mut normals = Normals::new(seed);
        let baseline = normals.draw(10, 0.9, 0.02);
        let mut cell = |by: &f64| -> Vec<f64> {
            baseline.iter().zip(normals.draw(10, *by, 0.01)).map(|(value, by)| value + by).collect()
        };
        let candidates = candidates.iter().map(|budgets| budgets.iter().map(&mut cell).collect()).collect();
        Self { baseline, candidates }
    }

    /// The decision where so many seeds of each cell have ended.
    fn decide(&self, race: &Race, baseline: u64, seeds: &[Vec<u64>]) -> Decision {
        let first = |values: &[f64], count: u64| outcomes(&values[..count as usize]);
        let cells: Vec<Vec<Outcomes>> = self
            .candidates
            .iter()
            .zip(seeds)
            .map(|(budgets, seeds)| {
                budgets.iter().zip(seeds).map(|(cell, count)| first(cell, *count)).collect()
            })
            .collect();
        let cells: Vec<Vec<&Outcomes>> = cells.iter().map(|budgets| budgets.iter().collect()).collect();
        race.decide(&first(&self.baseline, baseline), &cells)
    }

    fn none(&self) -> Vec<Vec<u64>> {
        self.candidates.iter().map(|budgets| vec![0; budgets.len()]).collect()
    }

    /// The decision after all that was wanted has ended, and how often something was.
    fn settle(&self, race: &Race) -> (Decision, usize) {
        let mut decision = self.decide(race, 0, &self.none());
        for round in 1.. {
            let next = self.decide(race, decision.baseline, &decision.wanted);
            if next == decision {
                return (decision, round);
            }
            assert!(next.baseline >= decision.baseline, "what has ended stays wanted");
            decision = next;
        }
        unreachable!()
    }
}

fn standings(decision: &Decision) -> Vec<Vec<Standing>> {
    let of =
        |comparisons: &Vec<Comparison>| comparisons.iter().map(|comparison| comparison.standing).collect();
    decision.comparisons.iter().map(of).collect()
}

#[test]
fn the_first_seeds_go_to_the_largest_budgets() {
    let truth = Truth::new(1, &[&[0.0, 0.0], &[0.0]]);
    let race = Race::new(CLAIM, 3, 10);
    let decision = truth.decide(&race, 0, &truth.none());
    assert_eq!((decision.baseline, &decision.wanted), (3, &vec![vec![3, 0], vec![3]]));
    assert_eq!(standings(&decision), [vec![Standing::Open, Standing::NotReached], vec![Standing::Open]]);
    assert!(!decision.is_settled());
    // What is half done wants no more than before.
    assert_eq!(truth.decide(&race, 1, &[vec![2, 0], vec![1]]).wanted, decision.wanted);
    // Three seeds that do not decide ask for a fourth, of the baseline too.
    let near = Truth {
        baseline: vec![0.9; 3],
        candidates: vec![vec![vec![0.896, 0.903, 0.894], Vec::new()], vec![vec![0.85, 0.86, 0.87]]],
    };
    let next = near.decide(&race, 3, &decision.wanted);
    assert_eq!((next.baseline, &next.wanted), (4, &vec![vec![4, 0], vec![3]]), "{next:?}");
    assert_eq!(standings(&next)[1], [Standing::Futile]);
}

#[test]
fn more_results_undo_nothing() {
    let race = Race::new(CLAIM, 3, 10);
    let mut seen = Vec::new();
    for seed in 0..60 {
        let truth = Truth::new(seed, &[&[0.01, 0.005, -0.01], &[0.0, -0.005, 0.01]]);
        let (settled, rounds) = truth.settle(&race);
        assert!(settled.is_settled() && rounds <= 25, "{rounds}");
        let all = truth.decide(&race, 10, &[vec![10; 3], vec![10; 3]]);
        assert_eq!(all, settled, "seed {seed}");
        for (budgets, wanted) in settled.comparisons.iter().zip(&settled.wanted) {
            for (comparison, wanted) in budgets.iter().zip(wanted) {
                assert_eq!(comparison.seeds, *wanted);
                assert!(comparison.standing != Standing::NotShown || *wanted == 10);
                let test = comparison.test.map(|test| (test.pairs as u64, test.verdict == Verdict::Shown));
                let shown = comparison.standing == Standing::Shown;
                assert_eq!(test, (*wanted > 0).then_some((*wanted, shown)));
                seen.push(comparison.standing);
            }
        }
    }
    for standing in [Standing::Shown, Standing::Futile, Standing::NotShown, Standing::NotReached] {
        assert!(seen.contains(&standing), "{standing:?}");
    }
}

#[test]
fn a_lost_seed_closes_a_comparison() {
    let race = Race::new(CLAIM, 3, 5);
    let check = |baseline: &[f64], candidate: &[f64], standing, seeds, wanted| {
        let candidate = outcomes(candidate);
        let decision = race.decide(&outcomes(baseline), &[vec![&candidate]]);
        let comparison = decision.comparisons[0][0];
        assert_eq!((comparison.standing, comparison.seeds), (standing, seeds), "{decision:?}");
        assert_eq!((decision.baseline, decision.wanted[0][0]), wanted);
    };
    let even = [0.9, 0.9, 0.9, 0.9, 0.9];
    let wide = [0.91, 0.885, 0.90, 0.889, 0.92];
    check(&even, &[LOST], Standing::Lost, 1, (3, 1));
    check(&even, &[0.91, 0.885, LOST, 0.9], Standing::Lost, 3, (3, 3));
    check(&[], &[LOST], Standing::Lost, 1, (3, 1));
    // Shown after three seeds; what becomes of the fourth is another question.
    check(&even, &[0.9001, 0.9002, 0.9, LOST], Standing::Shown, 3, (3, 3));
    // A seed that the baseline lost makes no pair.
    check(&[LOST, 0.9, 0.9], &wide[..3], Standing::Open, 3, (4, 4));
    check(&[LOST, 0.9, 0.9, 0.9], &wide[..4], Standing::Futile, 4, (4, 4));
    check(&[LOST; 5], &even, Standing::NotShown, 5, (5, 5));
    // Equal differences decide nothing, up to the last seed.
    check(&even, &even[..4], Standing::Open, 4, (5, 5));
    check(&even, &even, Standing::NotShown, 5, (5, 5));
    // A gap ends what counts.
    let gap = Outcomes::from([(0, Some(0.9)), (2, Some(0.9)), (3, Some(0.9))]);
    let decision = race.decide(&outcomes(&even), &[vec![&gap]]);
    assert_eq!((decision.comparisons[0][0].standing, decision.wanted[0][0]), (Standing::Open, 3));
}

#[test]
fn one_look_is_the_test() {
    let race = Race::new(CLAIM, 4, 4);
    let baseline = [0.90, 0.91, 0.89, 0.92];
    let candidate = outcomes(&[0.899, 0.912, 0.8895, 0.918]);
    let decision = race.decide(&outcomes(&baseline), &[vec![&candidate]]);
    let differences = pairs::differences(&candidate, &outcomes(&baseline), true);
    let (found, expected) =
        (decision.comparisons[0][0].test.unwrap(), paired_test(&differences, 0.01, 0.025).unwrap());
    close(found.level, 0.025, 1e-12);
    close(found.lower, expected.lower, 1e-12);
    assert_eq!((found.p, found.verdict), (expected.p, Verdict::Shown));
    assert_eq!(decision.comparisons[0][0].standing, Standing::Shown);
    assert!(race.decide(&Outcomes::new(), &[]).is_settled());
}

#[test]
fn futility_is_what_is_left_of_a_normal_walk() {
    // Φ((z − z_max·√t) / √(1 − t)) by scipy.stats.norm, with the last level of levels(3, 10, 0.05) = 0.0277643.
    let race = Race::new(Claim { candidates: 1, ..CLAIM }, 3, 10);
    for (p, pairs, expected) in [(0.3, 3, 0.265_43), (0.1, 5, 0.459_25), (0.5, 9, 4.6e-9), (0.9, 3, 0.002_67)]
    {
        close(race.predictive_power(p, pairs), expected, 1e-4);
    }
    assert_eq!(FUTILE, 0.05);
}
