//! The top of a spec, and what its parts must be to each other.

use std::path::Path;

use sweep_wire::Precision;

use super::{
    MAX_TRIALS,
    budgets::{MAX_BUDGETS, budgets, can_be_had},
    checkpoint::{CHECKPOINT, checkpoint},
    cursor::{Cursor, Map},
    data,
    error::{Fault, printable},
    form::{BUDGET, SPAN, SWEEP_NAME},
    keys::{Keys, Kind::*, key},
    machine::{self, Device, Resources, Retry},
    metric, model, optimizer, parameters, program,
    savings::{self, Question, Seeds},
    scalar,
    schedules::{Listed, MAX_SCHEDULES, SCHEDULE, schedules},
    training,
    types::{Budget, Checkpoint, ModelWork, Parameters, ProgramWork, Spec, Training, Word, Work},
    yaml::Node,
};

/// Keys of every sweep.
pub(super) static TOP: Keys = Keys::of(&[
    key("version", Whole(1, 1), "The version of the spec format").or("1"),
    key("name", Form(&SWEEP_NAME), "The sweep's name; this file's unless told"),
    key("description", Text, "What the sweep is to find out"),
    key("method", Choice(&["grid"]), "Every combination is tried").or("grid"),
    key(
        "schedules",
        Each(MAX_SCHEDULES, &SCHEDULE),
        "How the learning rate moves; lists inside are tried one by one",
    )
    .needed("[cosine, linear]"),
    key("seeds", savings::COUNT, "How often each setting is trained; with `min` and `max` results decide")
        .or("1"),
    key("savings", Map(&savings::SAVINGS), "What is to be compared with what, and how sure").or("{}"),
    key("resources", Map(&machine::RESOURCES), "What trials may use").or("{}"),
    key("retry", Map(&machine::RETRY), "How often a trial is tried again after a failure that may pass")
        .or("{}"),
    key("limits", Map(&machine::LIMITS), "When the sweep ends before all of its trials have").or("{}"),
    key("run_cap", machine::TRIALS, "Trials that are started: `limits.trials` as W&B spells it"),
    key("pricing", Map(&savings::PRICING), "What the machine costs"),
    key("priority", Whole(-100, 100), "Sweeps with a larger one go first").or("0"),
])
.later(&["early_terminate", "<<"]);
/// Keys of a sweep that trains a model.
pub(super) static MODEL: Keys = Keys::of(&[
    key("model", Map(&model::MODEL), "What is trained")
        .needed("{onnx: models/resnet8.onnx, loss: cross_entropy}"),
    key("data", Map(&data::DATA), "What it is trained and judged on")
        .needed("{train: {images: …, labels: …}}"),
    key("training", Map(&training::OF_MODEL), "How it is trained, and how long")
        .needed("{batch_size: 128, …}"),
    key(
        "budgets",
        Each(MAX_BUDGETS, &Form(&BUDGET)),
        "How much training is tried; each is a training of its own",
    )
    .or("100%"),
    key("parameters", Map(&parameters::OF_MODEL), "Peaks of the learning rate, and other values to try")
        .needed("{learning_rate: 0.1}"),
    key("metric", Any(&[metric::METRIC, Map(&metric::OF_MODEL)]), "What trials are judged by"),
    key("checkpoint", Map(&CHECKPOINT), "What trials leave on disk").or("{}"),
]);
/// Keys of a sweep that runs a program.
pub(super) static PROGRAM: Keys = Keys::of(&[
    key("program", Word, "A training program, run as `python3 PROGRAM --name=value …` in this file's folder"),
    key(
        "command",
        List(1, program::MAX_WORDS, &Word),
        "How it is run, word by word, such as `${program}` and `${args}`",
    ),
    key("env", Names(&program::VARIABLES), "Variables for its environment").or("{}"),
    key(
        "inputs",
        Any(&[Text, List(0, program::MAX_INPUTS, &Text)]),
        "Files and folders whose content decides results",
    ),
    key("training", Map(&training::OF_PROGRAM), "How long it trains").needed("{full_budget: 3000 steps}"),
    key(
        "budgets",
        Each(MAX_BUDGETS, &Form(&SPAN)),
        "How much training is tried; each is a training of its own",
    )
    .or("100%"),
    key("parameters", Names(&parameters::OF_PROGRAM), "Peaks of the learning rate, and other values to try")
        .needed("{learning_rate: 0.1}"),
    key("metric", Map(&metric::OF_PROGRAM), "What trials are judged by")
        .needed("{name: test/accuracy, goal: maximize}"),
]);
/// What a worker is told to run, in bytes.
const MAX_JOB: usize = sweep_wire::MAX_LINE / 4 * 3;

/// The document as a spec; see [`super::parse`].
pub(super) fn read(root: &Node, file: &Path) -> Result<Spec, Fault> {
    let map = Cursor::root(root).map_of(&[&MODEL, &PROGRAM, &TOP])?;
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
        schedules: schedules(&map.required("schedules")?)?,
        parameters,
        seeds: map.or("seeds", Seeds::fixed(1), savings::seeds)?,
        question: map.or("savings", Question::default(), savings::question)?,
        resources: map.or("resources", Resources::default(), machine::resources)?,
        retry: map.or("retry", Retry::default(), machine::retry)?,
        checkpoint: map.or("checkpoint", Checkpoint::default(), checkpoint)?,
        limits: machine::limits(&map)?,
        pricing: map.or("pricing", None, |at| savings::pricing(at, folder).map(Some))?,
        priority: map.or("priority", 0, machine::priority)?,
    };
    floor_below_peaks(&map, &spec)?;
    can_be_had(&map, &spec.budgets, programs.is_some())?;
    if spec.resources.device == Device::Cpu
        && let Work::Model(model) = &spec.work
        && model.updates.precision == Precision::Tf32
    {
        let fault =
            map.inner(&["training", "precision"], "`tf32` is for GPUs, and `resources.device` is `cpu`");
        return Err(fault.hint("leave one of them out"));
    }
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
    if let Some((key, at)) = only(map, &PROGRAM, &MODEL) {
        let fault = at.fault(format!("`{key}` is about a program, and this sweep has none")).at_key();
        return Err(
            fault.hint("leave it out, or write such as `program: train.py` instead of `model` and `data`")
        );
    }
    let (training, updates) = training::of_model(&map.required("training")?)?;
    let model = model::model(&map.required("model")?, folder)?;
    let data = data::data(&map.required("data")?, folder)?;
    let metric = map.or("metric", None, |at| metric::of_model(at, &model.loss).map(Some))?;
    let parameters = parameters::of_model(&map.required("parameters")?)?;
    Ok((Work::Model(Box::new(ModelWork { model, data, updates, metric })), training, parameters))
}

/// `key` is the one that says that this is about a program.
fn of_program(map: &Map<'_>, key: &str, folder: &Path) -> Result<(Work, Training, Parameters), Fault> {
    if let Some((other, at)) = only(map, &MODEL, &PROGRAM) {
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
    let training = training::of_program(&map.required("training")?)?;
    let program = program::program(map, folder)?;
    let parameters = parameters::of_program(&map.required("parameters")?)?;
    Ok((Work::Program(program), training, parameters))
}

/// A key that is there and in the one table alone.
fn only<'a>(map: &Map<'a>, table: &Keys, other: &Keys) -> Option<(&'static str, Cursor<'a>)> {
    let keys = table.known.iter().filter(|key| !other.has(key.name));
    keys.map(|key| key.name).find_map(|key| Some((key, map.get(key)?)))
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
