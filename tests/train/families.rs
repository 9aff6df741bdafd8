//! Models of many families follow PyTorch's own losses: as closely as PyTorch follows itself after a nudge of its
//! weights, times ten. See `tests/fixtures/families`.

use serde_json::{Value, json};
use sweep_wire::{Arrays, Inputs, Source};

use super::*;

/// Rounding that no nudge of the weights shows: a few units in the last place of a loss.
const FLOOR: f64 = 2e-6;
/// How much further than PyTorch after a nudge.
const FACTOR: f64 = 10.0;

fn dir() -> PathBuf {
    fixture_dir().join("families")
}

pub(crate) fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(dir().join(format!("{name}.json"))).unwrap()).unwrap()
}

fn source(data: &Value) -> Source {
    let path = |value: &Value| dir().join(value.as_str().unwrap());
    let inputs: BTreeMap<String, PathBuf> =
        data["inputs"].as_object().unwrap().iter().map(|(name, file)| (name.clone(), path(file))).collect();
    Source::Arrays(Arrays { inputs: Inputs::Named(inputs), labels: path(&data["target"]) })
}

fn list(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

/// The wire's form of a loss: one without options is a word.
fn loss(value: &Value) -> Loss {
    let (name, options) = value.as_object().unwrap().iter().next().unwrap();
    if let Ok(loss) = serde_json::from_value(json!(name)) {
        return loss;
    }
    let mut all = match name.as_str() {
        "bce_with_logits" => json!({"pos_weight": []}),
        "huber" => json!({}),
        _ => json!({"label_smoothing": 0.0, "ignore_index": null, "class_weights": []}),
    };
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    serde_json::from_value(json!({name: all})).unwrap()
}

pub(crate) fn job(fixture: &Value) -> Job {
    let onnx = dir().join(fixture["model"].as_str().unwrap());
    let mut job = plain_job(onnx, source(&fixture["data"]["train"]));
    job.model.output = fixture["output"].as_str().map(str::to_owned);
    job.model.loss = loss(&fixture["loss"]);
    job.model.frozen = list(&fixture["frozen"]);
    job.data.test = Some(source(&fixture["data"]["test"]));
    job.batch_size = fixture["batch_size"].as_u64().unwrap();
    job.accumulate = fixture["accumulate"].as_u64().unwrap_or(1) as u32;
    job.optimizer = serde_json::from_value(fixture["optimizer"].clone()).unwrap();
    job.no_decay = list(&fixture["no_decay"]);
    job.clip_norm = fixture["clip_norm"].as_f64();
    job.ema = fixture["ema"].as_f64();
    job
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

pub(crate) fn rates(fixture: &Value) -> Vec<f32> {
    numbers(&fixture["rates"]).into_iter().map(|rate| rate as f32).collect()
}

/// All points of a run at these rates.
fn run(job: &Job, rates: &[f32]) -> Vec<Point> {
    let mut trainer = Trainer::new(&engine(), job).unwrap_or_else(|fault| panic!("{fault}"));
    let (outcome, points) = train(&mut trainer, &every_step(0, rates.len() as u64), rates);
    assert_eq!(outcome, Outcome::Done);
    points
}

/// Root mean square of the differences from PyTorch's losses.
fn apart(points: &[Point], fixture: &Value) -> f64 {
    let (ours, theirs) = (values(points, "train/loss"), numbers(&fixture["losses"]));
    assert_eq!(ours.len(), theirs.len());
    let squares: f64 = ours.iter().zip(&theirs).map(|(a, b)| (a - b).powi(2)).sum();
    (squares / ours.len() as f64).sqrt()
}

fn tolerance(fixture: &Value) -> f64 {
    FLOOR.max(FACTOR * fixture["nudged"]["rms"].as_f64().unwrap())
}

/// What a metric of the fixtures is called here; nothing if it is not measured.
fn metric(name: &str, job: &Job) -> Option<&'static str> {
    match (name, &job.model.loss) {
        ("loss", _) => Some("test/loss"),
        ("mae", _) => Some("test/mae"),
        ("top_5_accuracy", _) => Some("test/top5_accuracy"),
        ("accuracy", Loss::CrossEntropy(_)) if job.model.onnx.to_string_lossy().contains("unet") => {
            Some("test/pixel_accuracy")
        }
        ("accuracy", _) => Some("test/accuracy"),
        _ => None,
    }
}

fn follows(name: &str) {
    let fixture = read(name);
    let job = job(&fixture);
    let points = run(&job, &rates(&fixture));
    let (apart, tolerance) = (apart(&points, &fixture), tolerance(&fixture));
    println!("{name}: {apart:.1e} from PyTorch, {tolerance:.1e} allowed");
    assert!(apart <= tolerance, "{name}: {apart:.1e} from PyTorch, {tolerance:.1e} allowed");
    for (metric_name, wanted) in fixture["evaluation"].as_object().unwrap() {
        let Some(ours) = metric(metric_name, &job) else { continue };
        let (wanted, found) = (wanted.as_f64().unwrap(), values(&points, ours)[0]);
        let nudged = fixture["evaluation_nudged"][metric_name].as_f64().unwrap_or(0.0);
        let allowed = 2e-5 * wanted.abs().max(1.0) + FACTOR * nudged;
        assert!((found - wanted).abs() <= allowed, "{name}: {ours} is {found}, not {wanted} ± {allowed:.1e}");
    }
}

macro_rules! families {
    ($($test:ident: $($name:literal),+;)+) => {
        $(#[test] fn $test() { $(follows($name);)+ })+
        /// Every fixture.
        pub(crate) const ALL: &[&[&str]] = &[$(&[$($name),+]),+];
    };
}

families! {
    convolutional_networks: "cnn-bn", "cnn-plain", "resnet", "densenet", "mobilenet", "convnext", "norms", "conv1d";
    encoders_and_decoders: "unet-transpose", "unet-resize", "autoencoder";
    transformers_of_images_and_text: "vit", "bert", "mixer";
    language_models: "gpt", "gpt-legacy", "llama", "llama-23";
    recurrent_networks: "lstm", "gru";
    perceptrons: "mlp-mse", "mlp-huber", "mlp-l1", "multilabel", "two-inputs";
}

/// What would be a mistake of ours is further from PyTorch than what is allowed.
#[test]
fn mistakes_are_further_away_than_what_is_allowed() {
    for name in ["bert", "conv1d", "llama", "mlp-l1", "mlp-mse", "gru", "norms", "llama-23"] {
        let fixture = read(name);
        let (job, rates, tolerance) = (job(&fixture), rates(&fixture), tolerance(&fixture));
        let off: Vec<f32> = rates.iter().map(|rate| rate * 1.1).collect();
        let early: Vec<f32> = rates.iter().copied().skip(1).chain([0.0]).collect();
        let mut mistakes = vec![("a rate 10 % off", apart(&run(&job, &off), &fixture))];
        mistakes.push(("a schedule one step off", apart(&run(&job, &early), &fixture)));
        if let Optimizer::AdamW(options) = job.optimizer {
            let adam = Job { optimizer: Optimizer::Adam(options), ..job.clone() };
            mistakes.push(("Adam for AdamW", apart(&run(&adam, &rates), &fixture)));
            let plain = Optimizer::AdamW(sweep_wire::Adam { weight_decay: 0.0, ..options });
            let plain = Job { optimizer: plain, no_decay: vec![], ..job.clone() };
            mistakes.push(("no weight decay", apart(&run(&plain, &rates), &fixture)));
        }
        for (mistake, apart) in mistakes {
            println!("{name}: {mistake} is {apart:.1e} away, {tolerance:.1e} allowed");
            assert!(
                apart > 3.0 * tolerance,
                "{name}: {mistake} is {apart:.1e} away, {tolerance:.1e} allowed"
            );
        }
    }
}
