//! The schedule × budget table, as it is seen.

use sweep::{
    report::{Look, Results, Totals, matrix, matrix_markdown},
    store::{Counts, Outcome, TrialStatus},
};

use super::results::{outcome, sweep, without_value};

fn totals() -> Totals {
    let counts = Counts { trials: 12, done: 11, diverged: 1, ..Counts::default() };
    Totals { counts, reason: None, device_seconds: 123.0, wall_seconds: 61.5 }
}

fn seeds(schedule: &str, steps: u64, values: &[f64]) -> Vec<Outcome> {
    values.iter().map(|value| outcome(schedule, steps, 0.1, *value, *value)).collect()
}

fn check(results: &Results, look: Look, expected: &str) {
    let drawn = matrix(results, &totals(), look);
    assert_eq!(drawn, expected, "\n{drawn}");
}

#[test]
fn seeds_give_a_mean_and_an_interval() {
    let outcomes = [
        seeds("uba(phi=1)", 250, &[0.80, 0.82, 0.84]),
        seeds("uba(phi=1)", 500, &[0.85, 0.86, 0.87]),
        seeds("cosine", 250, &[0.70, 0.72, 0.74]),
        seeds("cosine", 500, &[0.90, 0.91]),
        vec![without_value(outcome("cosine", 500, 0.1, 0.0, 0.0), TrialStatus::Diverged)],
    ]
    .concat();
    let results = Results::new(&sweep(None, true), &outcomes);
    check(
        &results,
        Look::default(),
        "tiny (sweep 1)

 schedule        25% · 250 steps  50% · 500 steps
──────────────────────────────────────────────────
 uba(phi=1)       ★ 82.0 ± 5.0 %     86.0 ± 2.5 %
 cosine             72.0 ± 5.0 %     90.0, 91.0 %
                                       1 diverged

 time per trial             25 s             50 s

12 trials: 11 done, 1 diverged · device time 2.0 min · wall time 62 s
Cells: accuracy on the test set, higher is better; mean over 3 seeds ± half the
width of its 95 % confidence interval (Student's t). Below 3 finished seeds a
cell lists their values. A diverged seed's loss was not finite; the mean is over
the others. ★ best mean of its budget.
",
    );
}

#[test]
fn markdown_has_the_same_cells() {
    let outcomes = [seeds("a|b", 250, &[0.5]), seeds("cosine", 250, &[0.6])].concat();
    let results = Results::new(&sweep(None, true), &outcomes);
    let text = matrix_markdown(&results, &totals());
    assert!(
        text.starts_with(
            "| schedule | 25% · 250 steps |\n| --- | --- |\n| a\\|b | 50.0 % |\n| cosine | **★ 60.0 %** |\n"
        ),
        "{text}"
    );
}

#[test]
fn a_narrow_screen_gets_tables_below_each_other_and_colour_only_if_asked() {
    let budgets = [100, 200, 400, 600, 800, 1000];
    let outcomes: Vec<_> = ["uba(phi=1)", "step(milestones=50%/75%,gamma=0.1)"]
        .into_iter()
        .flat_map(|schedule| {
            budgets.map(|steps| seeds(schedule, steps, &[0.8, 0.82, 0.84 + steps as f64 / 1e5]))
        })
        .flatten()
        .collect();
    let results = Results::new(&sweep(None, true), &outcomes);
    let text = matrix(&results, &totals(), Look::default());
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text.matches(" schedule ").count(), 2, "{text}");
    assert!(text.contains("\n   gamma=0.1)"), "a long name has a line for each parameter: {text}");
    assert!(!text.contains('\u{1b}'));
    let colored = matrix(&results, &totals(), Look { color: true, width: 80, folds: false });
    assert!(colored.contains("\u{1b}[1m"), "{colored}");
    let wide = matrix(&results, &totals(), Look { color: false, width: 200, folds: false });
    assert_eq!(wide.matches(" schedule ").count(), 1, "{wide}");
}

#[test]
fn settings_are_named_where_they_were_chosen_or_stand_apart() {
    let outcomes = [
        outcome("cosine", 250, 0.1, 0.5, 0.6),
        outcome("cosine", 250, 0.2, 0.7, 0.4),
        outcome("linear", 250, 0.1, 0.6, 0.6),
    ];
    let chosen = Results::new(&sweep(Some("validation/accuracy"), true), &outcomes);
    check(
        &chosen,
        Look::default(),
        "tiny (sweep 1)

 schedule          25% · 250 steps
───────────────────────────────────
 cosine                     50.0 %
                 learning_rate=0.1
 linear                   ★ 60.0 %
                 learning_rate=0.1

 time per trial               25 s

12 trials: 11 done, 1 diverged · device time 2.0 min · wall time 62 s
Cells: accuracy on the test set, higher is better. Below 3 finished seeds a cell
lists their values. Each cell takes the learning_rate with the best mean
accuracy on the validation set. ★ best mean of its budget.
",
    );
    let apart = Results::new(&sweep(None, false), &outcomes);
    check(
        &apart,
        Look::default(),
        "tiny (sweep 1)

 schedule           25% · 250 steps
────────────────────────────────────
 cosine                    ★ 0.5000
 learning_rate=0.1
 cosine                      0.7000
 learning_rate=0.2
 linear                      0.6000
 learning_rate=0.1

 time per trial                25 s

12 trials: 11 done, 1 diverged · device time 2.0 min · wall time 62 s
Cells: loss on the test set, lower is better. Below 3 finished seeds a cell
lists their values. Without a validation set to choose settings by, they are
listed apart. ★ best mean of its budget.
",
    );
}
