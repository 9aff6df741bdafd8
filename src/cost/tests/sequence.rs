use super::*;
use crate::cost::sequence::{Step, fixed_sequence};

const BASELINE: [f64; 4] = [0.90, 0.91, 0.89, 0.92];

/// The baseline's values moved by this, with a spread of about a thousandth.
fn moved(by: f64) -> Outcomes {
    let noise = [0.001, -0.001, 0.0005, -0.0007];
    outcomes(&BASELINE.iter().zip(noise).map(|(value, noise)| value + by + noise).collect::<Vec<_>>())
}

fn word(step: &Step) -> String {
    match step {
        Step::Tested(PairedTest { verdict: Verdict::Shown, .. }) => "shown".into(),
        Step::Tested(PairedTest { verdict: Verdict::Worse, .. }) => "worse".into(),
        Step::Tested(_) => "not shown".into(),
        Step::Undecidable(why) => format!("{why:?}"),
        Step::Lost { lost, of } => format!("lost {lost} of {of}"),
        Step::NotReached => "-".into(),
    }
}

#[test]
fn a_sequence_stops_at_the_first_not_shown() {
    let check = |budgets: &[Outcomes], expected: &[&str], smallest| {
        for maximize in [true, false] {
            let claim = Claim { maximize, margin: 0.01, alpha: 0.05, candidates: 3 };
            let turn = |cell: &Outcomes| -> Outcomes {
                let turned = |(seed, value): (&u64, &Option<f64>)| {
                    (*seed, value.map(|value| if maximize { value } else { -value }))
                };
                cell.iter().map(turned).collect()
            };
            let budgets: Vec<_> = budgets.iter().map(&turn).collect();
            let budgets: Vec<_> = budgets.iter().collect();
            let found = fixed_sequence(&turn(&outcomes(&BASELINE)), &budgets, &claim);
            assert_eq!(found.steps.iter().map(word).collect::<Vec<_>>(), expected);
            assert_eq!(found.smallest, smallest);
        }
    };
    check(
        &[moved(0.0), moved(-0.002), moved(-0.02), moved(0.01)],
        &["shown", "shown", "worse", "-"],
        Some(1),
    );
    check(&[moved(0.0), moved(-0.0095), moved(0.0)], &["shown", "not shown", "-"], Some(0));
    check(&[moved(-0.05), moved(0.0)], &["worse", "-"], None);
    check(&[moved(0.0), moved(0.0)], &["shown", "shown"], Some(1));
    check(&[], &[], None);
    check(&[outcomes(&BASELINE), moved(0.0)], &["NoVariance", "-"], None);
    check(&[outcomes(&BASELINE[..1]), moved(0.0)], &["TooFewPairs", "-"], None);
    // One lost seed outweighs three that are better.
    let lost = outcomes(&[0.95, 0.96, LOST, 0.97]);
    check(&[moved(0.0), lost, moved(0.0)], &["shown", "lost 1 of 4", "-"], Some(0));
    // A seed that is not there yet is no loss.
    let mut few = moved(0.0);
    few.remove(&1);
    check(&[few], &["shown"], Some(0));
}

#[test]
fn a_baseline_without_values_shows_nothing() {
    let claim = Claim { maximize: true, margin: 0.01, alpha: 0.05, candidates: 1 };
    let found = fixed_sequence(&outcomes(&[LOST; 4]), &[&moved(0.0)], &claim);
    assert_eq!(found.steps, [Step::Undecidable(Undecidable::TooFewPairs)]);
}
