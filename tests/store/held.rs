//! Seeds that are planned and held back until results call for them.

use sweep::{
    answer::{Cells, Times},
    cost::{Offer, Provisioning},
    plan::PlannedTrial,
    store::{QueryLimits, Store, open_reader, query},
};

use super::support::{NOW, finish, home, info, point, points, started, submitted, terms, trial};

/// Three seeds of two schedules, the last of each held.
fn planned() -> Vec<PlannedTrial> {
    let seeds = (0..3).flat_map(|seed| ["cosine", "linear"].map(|schedule| (schedule, seed)));
    seeds
        .map(|(schedule, seed)| PlannedTrial { held: seed == 2, ..trial(schedule, 100, 0.1, seed) })
        .collect()
}

#[test]
fn what_is_held_is_none_of_the_results_until_it_is_released() {
    let home = home();
    let (mut store, submission) = submitted(&home, &planned());
    assert_eq!((submission.trials.len(), store.wanted(1).unwrap()), (6, 4));
    assert_eq!(store.open_sweep(1).unwrap().trials.len(), 4);
    for (number, (trial, _)) in submission.trials[..4].iter().enumerate() {
        finish(&mut store, *trial, 0.5 + number as f64 / 10.0);
    }
    let rows = |sql: &str| query(home.path(), sql, QueryLimits::default()).unwrap().rows.len();
    for (view, expected) in [("trials", 4), ("results", 4), ("costs", 2)] {
        assert_eq!(rows(&format!("SELECT * FROM {view}")), expected, "{view}");
    }
    let reader = open_reader(home.path()).unwrap();
    let sweep = reader.find("a").unwrap();
    assert_eq!((sweep.counts.trials, sweep.counts.done, sweep.counts.queued), (4, 4, 0));
    let outcomes = reader.outcomes(1).unwrap();
    assert_eq!(outcomes.iter().map(|outcome| outcome.seed).collect::<Vec<_>>(), [0, 0, 1, 1]);
    let cells = Cells::new(&sweep, &outcomes);
    let cosine = cells.groups.iter().find(|group| group.cell.schedule == "cosine").unwrap().cell.id;
    assert_eq!(Times::new(&outcomes).of(cells.groups[0].cell), Some(2.0));
    drop(reader);

    // Two seeds are there already; the third is what is asked for, in one cell.
    assert_eq!(store.release(1, &[(cosine, 2)], NOW).unwrap(), (0, vec![]));
    let (released, waiting) = store.release(1, &[(cosine, 3)], NOW).unwrap();
    assert_eq!((released, waiting.len(), waiting[0].trial), (1, 1, submission.trials[4].0));
    assert_eq!((store.wanted(1).unwrap(), rows("SELECT * FROM trials")), (5, 5));
    assert_eq!(open_reader(home.path()).unwrap().find("a").unwrap().counts.queued, 1);
    // Running the same spec again holds and releases nothing.
    let again = store.submit(&info("a"), &planned(), &terms(), NOW).unwrap();
    assert!(again.continued && store.wanted(1).unwrap() == 5);
}

#[test]
fn what_another_sweep_has_trained_is_there_once_it_is_released() {
    let home = home();
    let (mut store, submission) = submitted(&home, &planned());
    let all: Vec<PlannedTrial> =
        planned().into_iter().map(|trial| PlannedTrial { held: false, ..trial }).collect();
    store.submit(&info("b"), &all, &terms(), NOW).unwrap();
    for (trial, _) in &submission.trials {
        finish(&mut store, *trial, 0.75);
    }
    let values = |home: &std::path::Path| {
        let reader = open_reader(home).unwrap();
        let outcomes = reader.outcomes(1).unwrap();
        outcomes.iter().map(|outcome| outcome.value).collect::<Vec<_>>()
    };
    assert_eq!(values(home.path()), [Some(0.75); 4]);
    let cell = open_reader(home.path()).unwrap().outcomes(1).unwrap()[0].cell.id;
    let (released, waiting) = store.release(1, &[(cell, 3)], NOW).unwrap();
    assert_eq!((released, waiting.len(), values(home.path())), (1, 0, vec![Some(0.75); 5]));
}

#[test]
fn the_offer_that_a_sweep_was_priced_with_is_kept_with_it() {
    let home = home();
    let mut store = Store::open_writer(home.path()).unwrap();
    let offer = Offer {
        gpus: 8,
        gpu: "H100".to_owned(),
        gpu_memory_gb: 80,
        provisioning: Provisioning::Spot,
        checked_at: "2026-11-09".parse().ok(),
        ..Offer::own(12.5)
    };
    for (name, price) in [("a", Some(offer.clone())), ("b", Some(offer.clone())), ("c", None)] {
        let priced = sweep::plan::SweepInfo { price, ..info(name) };
        store.submit(&priced, &planned(), &terms(), NOW).unwrap();
    }
    let reader = open_reader(home.path()).unwrap();
    let prices: Vec<_> = (1..=3).map(|sweep| reader.price(sweep).unwrap()).collect();
    assert_eq!(prices, [Some(offer.clone()), Some(offer), None]);
}

#[test]
fn learning_curves_are_thinned_as_they_are_read() {
    let home = home();
    let (mut store, submission) = submitted(&home, &planned()[..1]);
    let trial = submission.trials[0].0;
    let losses = (0..100).map(|step| point("train/loss", step, step as f64)).collect();
    store.apply(&[started(1, trial), points(1, trial, losses)]).unwrap();
    let reader = open_reader(home.path()).unwrap();
    let curve = |points| reader.learning(&[(trial, 100)], "train/loss", points).unwrap().remove(0);
    assert_eq!(curve(10_000).len(), 100);
    // Means of stretches of ten steps, at their middles.
    let ten = curve(10);
    assert_eq!((ten.len(), ten[0], ten[9]), (10, (5, 4.5), (95, 94.5)));
    assert_eq!(reader.last_values([trial], "train/loss").unwrap(), [Some(99.0)]);
    assert_eq!(reader.last_values([trial, 77], "nothing").unwrap(), [None, None]);
}
