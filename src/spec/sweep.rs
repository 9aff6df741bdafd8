//! The top of a spec, and what its parts must be to each other.

use std::path::Path;

use super::{
    MAX_TRIALS,
    budgets::{budgets, can_be_had},
    checkpoint::checkpoint,
    cursor::{Cursor, Keys, Map},
    data,
    error::{Fault, printable},
    machine::{self, Resources, Retry},
    metric,
    model::model,
    optimizer, parameters, program,
    savings::{self, Question, Seeds},
    scalar,
    schedules::{Listed, schedules},
    training,
    types::{Budget, Checkpoint, ModelWork, Parameters, ProgramWork, Spec, Training, Word, Work},
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
        "program",
        "command",
        "env",
        "inputs",
        "training",
        "budgets",
        "schedules",
        "parameters",
        "seeds",
        "savings",
        "metric",
        "resources",
        "retry",
        "checkpoint",
        "limits",
        "run_cap",
        "pricing",
        "priority",
    ],
    later: &["early_terminate", "<<"],
};
/// Keys of a model that a program's sweep has not.
const OF_MODELS: [&str; 3] = ["model", "data", "checkpoint"];
/// What a worker is told to run, in bytes.
const MAX_JOB: usize = sweep_wire::MAX_LINE / 4 * 3;

/// The document as a spec; see [`super::parse`].
pub(super) fn read(root: &Node, file: &Path) -> Result<Spec, Fault> {
    let map = Cursor::root(root).map(&TOP)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    map.or("version", (), version)?;
    map.or("method", (), |at| at.choice(&[("grid", ())], &["random", "bayes"]))?;
    let programs = ["program", "command"].into_iter().find(|key| map.get(key).is_some());
    let (work, training, parameters) = match programs {
        Some(key) => of_program(&map, key, folder)?,
        None => of_model(&map, folder)?,
    };
    let spec = Spec {
        name: name(&map, file)?,
        description: map.or("description", None, |at| Ok(Some(at.text()?.trim_end().to_owned())))?,
        work,
        training,
        budgets: map.or("budgets", vec![Budget::Share(1.0)], |at| budgets(at, training.full_budget))?,
        schedules: schedules(&map.required("schedules", "[cosine, linear]")?)?,
        parameters,
        seeds: map.or("seeds", Seeds::fixed(1), savings::seeds)?,
        question: map.or("savings", Question::default(), savings::question)?,
        resources: map
            .or("resources", Resources::default(), |at| machine::resources(at, programs.is_some()))?,
        retry: map.or("retry", Retry::default(), machine::retry)?,
        checkpoint: map.or("checkpoint", Checkpoint::default(), checkpoint)?,
        limits: machine::limits(&map)?,
        pricing: map.or("pricing", None, |at| savings::pricing(at, folder).map(Some))?,
        priority: map.or("priority", 0, machine::priority)?,
    };
    floor_below_peaks(&map, &spec)?;
    can_be_had(&map, &spec.budgets, programs.is_some())?;
    match &spec.work {
        Work::Model(model) => optimizer::agrees(&map, &model.updates, &spec.parameters, &spec.schedules)?,
        Work::Program(_) => no_choice(&map, &spec.schedules)?,
    }
    short_enough(&map, &spec)?;
    few_enough_trials(&map, &spec)?;
    savings::is_trained(&map, &spec)?;
    Ok(spec)
}

fn of_model(map: &Map<'_>, folder: &Path) -> Result<(Work, Training, Parameters), Fault> {
    if let Some((key, at)) = program::KEYS.iter().find_map(|key| Some((key, map.get(key)?))) {
        let fault = at.fault(format!("`{key}` is about a program, and this sweep has none")).at_key();
        return Err(
            fault.hint("leave it out, or write such as `program: train.py` instead of `model` and `data`")
        );
    }
    let (training, updates) = training::of_model(&map.required("training", "{batch_size: 128, …}")?)?;
    let model = model(&map.required("model", "{onnx: models/resnet8.onnx, loss: cross_entropy}")?, folder)?;
    let data = data::data(&map.required("data", "{train: {images: …, labels: …}}")?, folder)?;
    let metric = map.or("metric", None, |at| metric::of_model(at, &model.loss).map(Some))?;
    let parameters = parameters::of_model(&map.required("parameters", "{learning_rate: 0.1}")?)?;
    Ok((Work::Model(Box::new(ModelWork { model, data, updates, metric })), training, parameters))
}

/// `key` is the one that says that this is about a program.
fn of_program(map: &Map<'_>, key: &str, folder: &Path) -> Result<(Work, Training, Parameters), Fault> {
    if let Some((other, at)) = OF_MODELS.iter().find_map(|key| Some((*key, map.get(key)?))) {
        let fault = match other {
            "checkpoint" => at
                .fault("a program writes checkpoints of its own")
                .hint("leave `checkpoint` out; each trial is told a folder for them"),
            _ => at
                .fault(format!("`{key}` and `{other}` exclude each other"))
                .hint("a program reads model and data itself"),
        };
        return Err(fault.at_key());
    }
    let training = training::of_program(&map.required("training", "{full_budget: 3000 steps}")?)?;
    let program = program::program(map, folder)?;
    let parameters = parameters::of_program(&map.required("parameters", "{learning_rate: 0.1}")?)?;
    Ok((Work::Program(program), training, parameters))
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

/// Nobody knows the curvature of a program's model.
fn no_choice(map: &Map<'_>, schedules: &[Listed]) -> Result<(), Fault> {
    match schedules.iter().find(|listed| matches!(listed, Listed::UbaAuto { .. })) {
        Some(_) => Err(map
            .inner(&["schedules"], "`phi: auto` measures a model, and this sweep runs a program")
            .hint("list some, such as `phi: [0.5, 1, 5]`")),
        None => Ok(()),
    }
}

/// Also the peaks of a join's parts.
fn floor_below_peaks(map: &Map<'_>, spec: &Spec) -> Result<(), Fault> {
    let lowest = |listed: &Listed| match listed {
        Listed::Given(schedule) => schedule.lowest_peak(),
        Listed::UbaAuto { .. } => 1.0,
    };
    let part = spec.schedules.iter().map(lowest).fold(1.0, f64::min);
    let rates = spec.parameters.learning_rate.iter();
    let smallest = rates.copied().fold(f64::INFINITY, f64::min) * part;
    let floor = spec.training.eta_min;
    if floor <= smallest {
        return Ok(());
    }
    let what =
        if part < 1.0 { "the smallest peak of a schedule's parts" } else { "the smallest learning rate" };
    let message = format!("`training.eta_min` is `{floor}`, above {what} `{smallest}`");
    Err(map.inner(&["training", "eta_min"], message).hint("the rate falls from its peak to `eta_min`"))
}

/// A worker is told the job in one line of bounded length, with room for everything else that is in it.
fn short_enough(map: &Map<'_>, spec: &Spec) -> Result<(), Fault> {
    let length = |bytes: serde_json::Result<Vec<u8>>| bytes.map_or(0, |bytes| bytes.len());
    let (bytes, key, message, hint) = match &spec.work {
        Work::Model(work) => (
            length(serde_json::to_vec(&(&work.model, &work.data))),
            "model",
            "`model` and `data` together are",
            "class weights with fewer digits, patterns and names are shorter",
        ),
        Work::Program(program) => (
            program_bytes(program, &spec.parameters),
            if map.get("command").is_some() { "command" } else { "program" },
            "the command with its arguments and `env` is",
            "a file may hold what is long",
        ),
    };
    if bytes <= MAX_JOB {
        return Ok(());
    }
    Err(map.inner(&[key], format!("{message} longer than {MAX_JOB} bytes as JSON")).hint(hint))
}

/// At most this long is what a worker is told of a program.
fn program_bytes(program: &ProgramWork, parameters: &Parameters) -> usize {
    // A name, the longest number, and quotes, hyphens and commas, escaped.
    const AROUND: usize = 40;
    let names = parameters.others.iter().map(|(name, _)| name.len()).chain(["learning_rate".len()]);
    let arguments: usize = names.map(|length| length + AROUND).sum();
    let words = program.command.iter().map(|word| match word {
        Word::Text(text) | Word::Program(text) => serde_json::json!(text).to_string().len() + 1,
        Word::Args | Word::ArgsNoHyphens | Word::ArgsJson => arguments,
    });
    // The parameters are told once more by themselves.
    words.sum::<usize>() + serde_json::json!(program.environment).to_string().len() + arguments
}

fn few_enough_trials(map: &Map<'_>, spec: &Spec) -> Result<(), Fault> {
    let (budgets, schedules) = (spec.budgets.len(), spec.schedules.len());
    let (settings, seeds) = (spec.parameters.settings(), spec.seeds.max);
    // So many factors of at most 10,000 each do not fit 64 bits.
    let factors = [budgets as u64, schedules as u64, settings, seeds];
    let trials = factors.into_iter().fold(1u64, u64::saturating_mul);
    if trials <= MAX_TRIALS {
        return Ok(());
    }
    let message = format!("{trials} trials are more than {MAX_TRIALS}");
    let hint =
        format!("{budgets} budgets × {schedules} schedules × {settings} parameter settings × {seeds} seeds");
    Err(map.at().fault(message).hint(hint))
}
