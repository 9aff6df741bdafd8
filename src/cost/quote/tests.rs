use super::*;
use crate::cost::Verdict;

/// A step takes 2 s and a batch 1 s, give or take; loading takes 10 s, always.
fn rates() -> Rates {
    let rate = |timed: &[(f64, f64)]| Rate::of(timed);
    Rates::default()
        .with(Part::Step, rate(&[(10.0, 19.0), (10.0, 20.0), (10.0, 21.0)]))
        .with(Part::Evaluation, rate(&[(5.0, 5.5), (5.0, 4.5)]))
        .with(Part::Load, rate(&[(1.0, 10.0), (1.0, 10.0)]))
}

fn demand(load: f64, steps: u64, batches: f64) -> Demand {
    Demand::default()
        .with(Part::Load, load)
        .with(Part::Step, steps as f64)
        .with(Part::Evaluation, batches)
        .with(Part::Weights, 1.0)
}

fn budgets() -> Vec<QuotedBudget> {
    let budget =
        |name: &str, steps| QuotedBudget { name: name.into(), steps, whole: demand(0.0, steps, 4.0) };
    vec![budget("100%", 100), budget("50%", 50)]
}

fn open(budget: usize, load: f64, steps: u64) -> QuotedTrial {
    QuotedTrial { budget, stage: Stage::Open { steps, left: demand(load, steps, 4.0) } }
}

const TWO_WORKERS: Conditions = Conditions {
    workers: 2,
    share: 0.5,
    usd_per_hour: None,
    machine_seconds: 0.0,
    limits: AskedLimits { trials: None, wall_clock_s: None, usd: None },
};

/// Two trials of 100 steps and two of 50, one of which is done and one gone half-way.
fn trials() -> Vec<QuotedTrial> {
    let done = QuotedTrial { budget: 1, stage: Stage::Done };
    let repeated = QuotedTrial { budget: 0, stage: Stage::Repeated };
    vec![open(0, 1.0, 100), open(0, 1.0, 100), repeated, done, open(1, 0.0, 25)]
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
}

#[test]
fn times_of_trials_add_up_to_those_of_budgets_and_these_to_the_whole() {
    let quote = Quote::new(budgets(), &trials(), &rates(), &TWO_WORKERS);
    let seconds: Vec<_> = quote.seconds.iter().map(|seconds| seconds.unwrap()).collect();
    assert_eq!(seconds, [214.0, 214.0, 0.0, 0.0, 54.0]);
    let counts = |line: &Line| (line.trials, line.done, line.left, line.repeated, line.steps_left);
    assert_eq!(counts(&quote.budgets[0].line), (3, 0, 2, 1, 200));
    assert_eq!(counts(&quote.budgets[1].line), (2, 1, 1, 0, 25));
    assert_eq!(counts(&quote.total), (5, 1, 3, 1, 225));
    let mean = |line: &Line| line.device_seconds.unwrap().mean;
    close(mean(&quote.budgets[0].line), seconds[..3].iter().sum());
    close(mean(&quote.budgets[1].line), seconds[3..].iter().sum());
    close(mean(&quote.total), mean(&quote.budgets[0].line) + mean(&quote.budgets[1].line));
    assert_eq!(quote.budgets[0].each.unwrap().mean, 204.0, "a whole one, loaded");
    assert_eq!(quote.total.usd, None, "nobody told the price");
}

#[test]
fn the_whole_is_known_better_than_its_parts_and_worse_than_they_would_be_if_they_had_nothing_in_common() {
    let quote = Quote::new(budgets(), &trials(), &rates(), &TWO_WORKERS);
    let half = |line: &Line| line.device_seconds.unwrap().half().unwrap();
    let (one, other, whole) =
        (half(&quote.budgets[0].line), half(&quote.budgets[1].line), half(&quote.total));
    assert!(whole < one + other && whole > one.hypot(other), "{whole} of {one} and {other}");
}

#[test]
fn workers_take_trials_in_turn() {
    /// Steps of trials, and the steps of whoever is last and the starts.
    fn check(workers: u32, steps: &[u64], longest: u64, starts: &[f64]) {
        let rates = Rates::default().with(Part::Step, Rate::of(&[(1.0, 1.0)]));
        let trials = steps.iter().map(|steps| Demand::default().with(Part::Step, *steps as f64));
        let open: Vec<_> = trials
            .into_iter()
            .map(|demand| (demand, rates.predict(demand).map(|estimate| estimate.mean)))
            .collect();
        let (found, found_starts) = divide(&open, workers);
        assert_eq!(found.0[Part::Step as usize], longest as f64, "{steps:?} by {workers}");
        assert_eq!(found_starts, starts, "{steps:?} by {workers}");
    }
    check(1, &[3, 2, 1], 6, &[0.0, 3.0, 5.0]);
    check(2, &[3, 2, 1], 3, &[0.0, 0.0, 2.0]);
    check(2, &[3, 2, 2], 4, &[0.0, 0.0, 2.0]);
    check(u32::MAX, &[3, 2, 1], 3, &[0.0, 0.0, 0.0]);
    check(2, &[], 0, &[]);
    check(0, &[5], 5, &[0.0]);
}

#[test]
fn dollars_are_hours_of_a_share_of_the_machine() {
    let conditions = Conditions { usd_per_hour: Some(7.2), ..TWO_WORKERS };
    let quote = Quote::new(budgets(), &trials(), &rates(), &conditions);
    // 482 s of half a machine of $0.002 a second.
    close(quote.total.usd.unwrap().mean, 0.482);
    close(
        quote.total.usd.unwrap().half().unwrap(),
        quote.total.device_seconds.unwrap().half().unwrap() / 1000.0,
    );
    close(quote.budgets[1].line.usd.unwrap().mean, 0.054);
    close(quote.wall_seconds.unwrap().mean, 268.0);
}

#[test]
fn limits_are_told_before_they_are_reached() {
    let check = |limits: AskedLimits, before: f64, expected: (f64, Verdict, u64)| {
        let conditions =
            Conditions { usd_per_hour: Some(7.2), machine_seconds: before, limits, ..TWO_WORKERS };
        let quote = Quote::new(budgets(), &trials(), &rates(), &conditions);
        let [found] = quote.limits[..] else { panic!("{:?}", quote.limits) };
        close(found.expected.unwrap(), expected.0);
        assert_eq!((found.verdict, found.started), (expected.1, expected.2), "{limits:?}");
    };
    let none = AskedLimits::default();
    let trials = |limit| AskedLimits { trials: Some(limit), ..none };
    check(trials(4), 0.0, (4.0, Verdict::Clear, 3));
    check(trials(3), 0.0, (4.0, Verdict::Reached, 2));
    check(trials(1), 0.0, (4.0, Verdict::Reached, 0));
    let usd = |limit| AskedLimits { usd: Some(limit), ..none };
    // The first two cost $0.214 each, the last $0.054.
    check(usd(10.0), 0.0, (0.482, Verdict::Clear, 3));
    check(usd(0.483), 0.0, (0.482, Verdict::Near, 3));
    check(usd(0.43), 0.0, (0.482, Verdict::Reached, 2));
    check(usd(0.43), 100.0, (0.682, Verdict::Reached, 1));
    check(usd(0.1), 100.0, (0.682, Verdict::Reached, 0));
    let wall = |limit| AskedLimits { wall_clock_s: Some(limit), ..none };
    check(wall(1e6), 0.0, (268.0, Verdict::Clear, 3));
    check(wall(269.0), 0.0, (268.0, Verdict::Near, 3));
    check(wall(214.0), 0.0, (268.0, Verdict::Reached, 2));
}

#[test]
fn without_the_time_of_a_step_there_are_trials_and_no_hours() {
    let rates = Rates::default().with(Part::Load, Rate::of(&[(1.0, 10.0)]));
    let limits = AskedLimits { trials: Some(2), usd: Some(1.0), ..AskedLimits::default() };
    let conditions = Conditions { usd_per_hour: Some(1.0), limits, ..TWO_WORKERS };
    let quote = Quote::new(budgets(), &trials(), &rates, &conditions);
    assert_eq!((quote.total.left, quote.total.device_seconds, quote.total.usd), (3, None, None));
    assert_eq!(quote.wall_seconds, None);
    let verdicts: Vec<_> = quote.limits.iter().map(|check| (check.name, check.verdict)).collect();
    assert_eq!(verdicts, [("trials", Verdict::Reached), ("cost_usd", Verdict::Unknown)]);
}

#[test]
fn a_plan_whose_trials_are_all_done_takes_no_time() {
    let done = QuotedTrial { budget: 0, stage: Stage::Done };
    let quote = Quote::new(budgets(), &[done, done], &rates(), &TWO_WORKERS);
    assert_eq!(quote.total.device_seconds.unwrap().interval().map(|at| (at.low, at.high)), Some((0.0, 0.0)));
    assert_eq!(quote.wall_seconds.unwrap().mean, 0.0);
}
