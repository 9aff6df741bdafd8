//! The top of a spec, and what its parts must be to each other.

use std::path::Path;

use crate::schedule::Schedule;

use super::{
    MAX_SEEDS, MAX_TRIALS,
    budgets::budgets,
    checkpoint::checkpoint,
    cursor::{Cursor, Keys, Map},
    data,
    error::{Fault, printable},
    metric::metric,
    model::model,
    optimizer,
    parameters::parameters,
    scalar,
    schedules::schedules,
    training::training,
    types::{Budget, Checkpoint, Device, Parameters, Resources, Spec, Training},
    yaml::Node,
};

const TOP: Keys = Keys {
    known: &[
        "version",
        "name",
        "description",
        "method",
        "model",
        "data",
        "training",
        "budgets",
        "schedules",
        "parameters",
        "seeds",
        "metric",
        "resources",
        "retry",
        "checkpoint",
    ],
    later: &["program", "command", "limits", "pricing", "early_terminate", "run_cap", "<<"],
};
const RESOURCES: Keys = Keys { known: &["device", "workers", "threads"], later: &["gpu_fraction"] };
/// Model and data as a worker is told, in bytes.
const MAX_JOB: usize = sweep_wire::MAX_LINE / 4 * 3;
const RETRY: Keys = Keys { known: &["max"], later: &[] };

/// The document as a spec; see [`super::parse`].
pub(super) fn read(root: &Node, file: &Path) -> Result<Spec, Fault> {
    let map = Cursor::root(root).map(&TOP)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    map.or("version", (), version)?;
    map.or("method", (), |at| at.choice(&[("grid", ())], &["random", "bayes"]))?;
    let training = training(&map.required("training", "{batch_size: 128, …}")?)?;
    let budgets = map.or("budgets", vec![Budget::Share(1.0)], |at| budgets(at, training.full_budget))?;
    let model = model(&map.required("model", "{onnx: models/resnet8.onnx, loss: cross_entropy}")?, folder)?;
    let spec = Spec {
        name: name(&map, file)?,
        description: map.or("description", None, |at| Ok(Some(at.text()?.trim_end().to_owned())))?,
        data: data::data(&map.required("data", "{train: {images: …, labels: …}}")?, folder)?,
        training,
        budgets,
        schedules: schedules(&map.required("schedules", "[cosine, linear]")?)?,
        parameters: parameters(&map.required("parameters", "{learning_rate: 0.1}")?)?,
        seeds: map.or("seeds", 1, |at| scalar::whole(at, 1..=MAX_SEEDS))?,
        metric: map.or("metric", None, |at| metric(at, &model.loss).map(Some))?,
        resources: map.or("resources", Resources::default(), resources)?,
        retry: map.or("retry", 2, retry)?,
        checkpoint: map.or("checkpoint", Checkpoint::default(), checkpoint)?,
        model,
    };
    floor_below_peaks(&map, &spec.training, &spec.parameters)?;
    optimizer::agrees(&map, &spec.training, &spec.parameters)?;
    short_enough(&map, &spec)?;
    few_enough_trials(&map, &spec.budgets, &spec.schedules, &spec.parameters, spec.seeds)?;
    Ok(spec)
}

fn version(at: &Cursor<'_>) -> Result<(), Fault> {
    match scalar::whole(at, 0..=u64::MAX)? {
        1 => Ok(()),
        version => {
            let message = format!("version `{version}` of the spec format is not known");
            Err(at.fault(message).hint("this `sweep` reads `version: 1`"))
        }
    }
}

fn name(map: &Map<'_>, file: &Path) -> Result<String, Fault> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let (name, at) = match map.get("name") {
        Some(at) => (at.text()?.trim().to_owned(), at),
        None => (stem.trim().to_owned(), map.at().clone()),
    };
    let shown = printable(&name);
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        let message = format!("`{shown}` cannot be the sweep's name");
        return Err(at
            .fault(message)
            .hint("`name` has 1 to 100 characters, no control characters among them"));
    }
    if name == "last" || name.chars().all(|c| c.is_ascii_digit() || c == '-') {
        let message = format!("`{shown}` cannot be the sweep's name");
        return Err(at
            .fault(message)
            .hint("commands read `last`, `3` and `1-10` as other ways to name sweeps"));
    }
    Ok(name)
}

fn resources(at: &Cursor<'_>) -> Result<Resources, Fault> {
    let map = at.map(&RESOURCES)?;
    let devices = [("auto", Device::Auto), ("cpu", Device::Cpu)];
    let count = |at: &Cursor<'_>| match at.node() {
        Node::Text(text) if text == "auto" => Ok(None),
        Node::Text(_) => Err(at.expected("`auto` or a whole number")),
        _ => scalar::whole(at, 1..=1024).map(|count| Some(count as u32)),
    };
    Ok(Resources {
        device: map.or("device", Device::Auto, |at| at.choice(&devices, &["cuda", "gpu"]))?,
        workers: map.or("workers", None, count)?,
        threads: map.or("threads", None, count)?,
    })
}

fn retry(at: &Cursor<'_>) -> Result<u32, Fault> {
    Ok(scalar::whole(&at.map(&RETRY)?.required("max", "2")?, 0..=100)? as u32)
}

fn floor_below_peaks(map: &Map<'_>, training: &Training, parameters: &Parameters) -> Result<(), Fault> {
    let smallest = parameters.learning_rate.iter().copied().fold(f64::INFINITY, f64::min);
    if training.eta_min <= smallest {
        return Ok(());
    }
    let floor = training.eta_min;
    let message = format!("`training.eta_min` is `{floor}`, above the smallest learning rate `{smallest}`");
    Err(map.inner(&["training", "eta_min"], message).hint("the rate falls from its peak to `eta_min`"))
}

/// A worker is told the job in one line of bounded length, with room for everything else that is in it.
fn short_enough(map: &Map<'_>, spec: &Spec) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(&(&spec.model, &spec.data)).map_or(0, |bytes| bytes.len());
    if bytes <= MAX_JOB {
        return Ok(());
    }
    let message = format!("`model` and `data` together are longer than {MAX_JOB} bytes as JSON");
    Err(map
        .inner(&["model"], message)
        .hint("class weights with fewer digits, patterns and names are shorter"))
}

fn few_enough_trials(
    map: &Map<'_>,
    budgets: &[Budget],
    schedules: &[Schedule],
    parameters: &Parameters,
    seeds: u64,
) -> Result<(), Fault> {
    let count = |values: &Option<Vec<f64>>| values.as_ref().map_or(1, Vec::len);
    let settings =
        [parameters.learning_rate.len(), count(&parameters.weight_decay), count(&parameters.momentum)];
    let cells = [budgets.len(), schedules.len()];
    let factors = cells.iter().chain(&settings).map(|factor| *factor as u64).chain([seeds]);
    // Six factors of at most 10,000 each do not fit 64 bits.
    let trials = factors.fold(1u64, u64::saturating_mul);
    if trials <= MAX_TRIALS {
        return Ok(());
    }
    let message = format!("{trials} trials are more than {MAX_TRIALS}");
    let settings: u64 = settings.iter().map(|factor| *factor as u64).product();
    let hint = format!(
        "{} budgets × {} schedules × {settings} parameter settings × {seeds} seeds",
        budgets.len(),
        schedules.len()
    );
    Err(map.at().fault(message).hint(hint))
}
