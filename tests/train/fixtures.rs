//! The trainer follows PyTorch's own losses, and closely enough to notice what is slightly wrong.

use super::*;
use sweep::schedule::{OneCycle, Schedule, Shape, Warmup};

/// How far losses may be from PyTorch's, in root mean square over the steps.
const TOLERANCE: f64 = 1e-3;

fn losses(job: &Job, rates: &[f32]) -> Vec<f64> {
    let mut trainer = Trainer::new(&engine(), job).unwrap();
    let (outcome, points) = train(&mut trainer, &every_step(0, rates.len() as u64), rates);
    assert_eq!(outcome, Outcome::Done);
    values(&points, "train/loss")
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn follows(name: &str, model: Option<&str>) {
    let fixture = Fixture::read(name);
    let job = fixture.job(model);
    let mut trainer = Trainer::new(&engine(), &job).unwrap();
    let (outcome, points) = train(&mut trainer, &every_step(0, fixture.losses.len() as u64), &fixture.rates);
    assert_eq!(outcome, Outcome::Done);
    let losses = values(&points, "train/loss");
    let apart = distance(&losses, &fixture.losses);
    let squares: f64 = losses.iter().zip(&fixture.losses).map(|(a, b)| (a - b).powi(2)).sum();
    let typically = (squares / losses.len() as f64).sqrt();
    println!("{name} {model:?}: {typically:.2e} from PyTorch, at most {apart:.2e}");
    assert!(typically <= TOLERANCE, "{typically} from PyTorch");
    // Twenty steps of a residual network amplify one rounding to 9e-4 in PyTorch itself (see the fixtures' README), more
    // or less from processor to processor; a real difference is ten times that.
    assert!(apart <= 3.0 * TOLERANCE, "{apart} from PyTorch");
    let (loss, accuracy) = (values(&points, "test/loss"), values(&points, "test/accuracy"));
    assert!(
        (loss[0] - fixture.evaluation.loss).abs() <= 5.0 * TOLERANCE,
        "{loss:?}, {:?}",
        fixture.evaluation
    );
    assert!(
        (accuracy[0] - fixture.evaluation.accuracy).abs() <= 0.003,
        "{accuracy:?}, {:?}",
        fixture.evaluation
    );
}

#[test]
fn an_mlp_follows_pytorch() {
    follows("mlp", None);
}

#[test]
fn a_lenet_follows_pytorch() {
    follows("lenet", None);
}

#[test]
fn a_resnet_follows_pytorch_from_either_exporter() {
    follows("resnet8", None);
    follows("resnet8", Some("resnet8-dynamo.onnx"));
}

#[test]
fn own_kernels_and_standard_operators_train_alike() {
    for name in ["lenet", "resnet8"] {
        let fixture = Fixture::read(name);
        let own = fixture.job(None);
        assert_eq!(own.kernels, Kernels::Own);
        let standard = Job { kernels: Kernels::Standard, ..own.clone() };
        let [own, standard] = [own, standard].map(|job| losses(&job, &fixture.rates));
        assert_ne!(own, standard, "both are computed with the same kernels");
        assert!(distance(&own, &standard) <= 3.0 * TOLERANCE, "{name}: {}", distance(&own, &standard));
    }
}

#[test]
fn threads_do_not_change_what_own_kernels_compute() {
    let fixture = Fixture::read("resnet8");
    let alone = fixture.job(None);
    let shared = Job { threads: 2, ..alone.clone() };
    let apart = distance(&losses(&alone, &fixture.rates), &losses(&shared, &fixture.rates));
    // The last layer is a product of ONNX Runtime's.
    assert!(apart <= 3.0 * TOLERANCE, "{apart}");
}

#[test]
fn the_comparison_notices_what_is_slightly_wrong() {
    let fixture = Fixture::read("resnet8");
    let job = fixture.job(None);
    let shifted: Vec<f32> = fixture.rates.iter().copied().skip(1).chain([0.0]).collect();
    assert!(distance(&losses(&job, &shifted), &fixture.losses) > 10.0 * TOLERANCE, "a schedule one step off");
    let off: Vec<f32> = fixture.rates.iter().map(|rate| rate * 1.1).collect();
    assert!(distance(&losses(&job, &off), &fixture.losses) > 10.0 * TOLERANCE, "a rate 10 % off");
    let mut plain = job.clone();
    let Optimizer::Sgd(sgd) = &mut plain.optimizer else { panic!("the fixture is of SGD") };
    sgd.nesterov = false;
    assert!(distance(&losses(&plain, &fixture.rates), &fixture.losses) > 10.0 * TOLERANCE, "no Nesterov");
    let mut heavier = job.clone();
    let Optimizer::Sgd(sgd) = &mut heavier.optimizer else { panic!("the fixture is of SGD") };
    sgd.weight_decay *= 20.0;
    assert!(distance(&losses(&heavier, &fixture.rates), &fixture.losses) > TOLERANCE, "another weight decay");
}

#[test]
fn a_warm_trainer_repeats_itself_bit_for_bit() {
    let fixture = Fixture::read("mlp");
    let mut job = fixture.job(None);
    (job.model.init, job.data.shuffle) = (Init::KaimingNormal, true);
    let mut trainer = Trainer::new(&engine(), &job).unwrap();
    let first = train(&mut trainer, &every_step(3, 20), &fixture.rates).1;
    let other = train(&mut trainer, &every_step(4, 20), &fixture.rates).1;
    let again = train(&mut trainer, &every_step(3, 20), &fixture.rates).1;
    assert_eq!(first, again);
    assert_ne!(first, other);
    let mut fresh = Trainer::new(&engine(), &job).unwrap();
    assert_eq!(train(&mut fresh, &every_step(3, 20), &fixture.rates).1, first);
}

#[test]
fn a_run_that_diverges_says_where() {
    let fixture = Fixture::read("mlp");
    let mut trainer = Trainer::new(&engine(), &fixture.job(None)).unwrap();
    let (outcome, points) = train(&mut trainer, &every_step(0, 20), &[1e30; 20]);
    let Outcome::Diverged { step } = outcome else { panic!("{outcome:?}") };
    assert!((1..=3).contains(&step), "{step}");
    assert_eq!(values(&points, "train/loss").len() as u64, step, "what came before is kept");
}

#[test]
fn a_table_moves_the_momentum() {
    let fixture = Fixture::read("mlp");
    let job = fixture.job(None);
    let Optimizer::Sgd(sgd) = job.optimizer else { panic!("{:?}", job.optimizer) };
    let losses = |momentum: &dyn Fn(usize) -> f32| {
        let rows = fixture.rates.iter().enumerate().flat_map(|(step, rate)| [*rate, momentum(step)]);
        let bytes: Vec<u8> = rows.flat_map(f32::to_le_bytes).collect();
        let run = every_step(0, fixture.rates.len() as u64);
        let table = Table::read(&bytes, run.steps).unwrap();
        let mut points = Vec::new();
        let mut trainer = Trainer::new(&engine(), &job).unwrap();
        let report = &mut |said| {
            if let Said::Update(update) = said {
                points.extend(update.points);
            }
            Control::Continue
        };
        trainer.train(&run, &table, report).unwrap();
        values(&points, "train/loss")
    };
    let same = losses(&|_| sgd.momentum as f32);
    assert!(distance(&same, &fixture.losses) < TOLERANCE, "{}", distance(&same, &fixture.losses));
    // The momentum of a step first shows in the loss of the one after.
    let moved = losses(&|step| if step < 10 { sgd.momentum as f32 } else { 0.5 });
    assert_eq!(moved[..11], same[..11]);
    assert!(distance(&moved[11..], &same[11..]) > TOLERANCE);
}

#[derive(Debug, Deserialize)]
struct OneCycles {
    cases: Vec<MovedMomentum>,
}

#[derive(Debug, Deserialize)]
struct MovedMomentum {
    optimizer: Optimizer,
    peak: f64,
    steps: u64,
    losses: Vec<f64>,
}

/// See `tests/fixtures/schedules/train.py`.
#[test]
fn a_moving_momentum_follows_pytorch() {
    let text = std::fs::read_to_string(fixture_dir().join("schedules/one-cycle.json")).unwrap();
    let OneCycles { cases } = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let job = Job { optimizer: case.optimizer, ..Fixture::read("mlp").job(None) };
        let schedule = Schedule::OneCycle(OneCycle::default());
        let shape = Shape { schedule, warmup: Warmup::NONE, eta_min: 0.0 };
        let compiled = shape.table(case.peak, case.steps).unwrap();
        let losses = |bytes: &[u8]| {
            let mut trainer = Trainer::new(&engine(), &job).unwrap();
            let table = Table::read(bytes, case.steps).unwrap();
            let mut points = Vec::new();
            let report = &mut |said| {
                if let Said::Update(update) = said {
                    points.extend(update.points);
                }
                Control::Continue
            };
            trainer.train(&every_step(0, case.steps), &table, report).unwrap();
            values(&points, "train/loss")
        };
        let moved = losses(&compiled.blocks().collect::<Vec<_>>().concat());
        let apart = distance(&moved, &case.losses);
        assert!(apart <= TOLERANCE, "{:?}: {apart} from PyTorch", case.optimizer);
        let alone = sweep::schedule::Table { momenta: None, ..compiled };
        let kept = losses(&alone.blocks().collect::<Vec<_>>().concat());
        assert!(
            distance(&kept, &case.losses) > 5.0 * TOLERANCE,
            "{:?}: the momentum decides",
            case.optimizer
        );
    }
}
