//! A job made ready: model read, shapes probed, data loaded, graphs built. No session yet.

use std::{fs, path::Path};

use rand_distr::Beta;
use sweep_graph::{
    DType, EvalGraph, Feed, GraphError, Lowering, Model, Port, Probe, Selection, StateKind, StepGraph,
    StepOptions, Tensor, TensorData,
};
use sweep_wire::{Augment, Contents, CrossEntropy, Device, Facts, Job, Kernels, Loss};

use crate::{
    NUMERICS,
    data::{Array, Batcher, Drifting, Images, Kind, Layout, Mixup, Room, Sets, Source, check_labels, load},
    engine::Engine,
    fault::Fault,
    probe::{fits, run, zeros},
};

/// The largest model file that is read, in bytes: ONNX's own limit for one file.
pub(crate) const MAX_MODEL: u64 = 2 << 30;

/// Everything that trials of one job share.
pub(crate) struct Prepared {
    pub(crate) step: StepGraph,
    pub(crate) evaluation: EvalGraph,
    pub(crate) sets: Sets,
    pub(crate) batcher: Batcher,
    /// The training samples by class, where their proportions drift.
    pub(crate) drifting: Option<Drifting>,
    model_hash: String,
}

/// Reads and checks all that a job names; `passes` make a step of its graph.
///
/// # Errors
/// What is wrong, and which key of the spec says it.
pub(crate) fn prepare(engine: &Engine, job: &Job, passes: u32) -> Result<Prepared, Fault> {
    let batch = job.batch_size as usize;
    let (bytes, model) = read_model(job)?;
    let sets = load(&job.data)?;
    let (mut batcher, feeds) = feeds(&model, &sets, job)?;
    let count = sets.train.indices.len();
    let needed = batch * job.accumulate as usize;
    if count < needed {
        let message = format!("a step of {needed} samples is more than the {count} training samples");
        let key = if job.accumulate > 1 { "training.accumulate" } else { "training.batch_size" };
        return Err(Fault::new(key, message).hint("a step takes `batch_size` × `accumulate` samples"));
    }
    let probe = probe(engine, &model, &batcher, &sets, &feeds)?;
    let options = StepOptions {
        batch,
        loss: effective(&job.model.loss, &sets)?,
        optimizer: job.optimizer,
        no_decay: job.no_decay.clone(),
        clip_norm: job.clip_norm,
        accumulate: passes,
        ema: job.ema,
        soft_targets: mixup(job).is_some(),
        lowering: match (job.device, job.kernels) {
            (Device::Cpu, Kernels::Own) if sweep_kernels::are_supported() => Lowering::Kernels,
            (Device::Cpu, _) => Lowering::Cpu,
            (Device::Cuda(_), _) => Lowering::Portable,
        },
    };
    let refused = |error: GraphError| refused(job, &error);
    let step = sweep_graph::training_step(&model, &probe, &options).map_err(refused)?;
    let evaluation = sweep_graph::evaluation(&model, &probe, &options).map_err(refused)?;
    check_labels(&sets, job, &evaluation.target, step.classes)?;
    let classes = step.classes.filter(|_| evaluation.target.shape.len() == 1);
    let drifting = disturb(&mut batcher, &sets, job, classes)?;
    let model_hash = blake3::hash(&bytes).to_hex().to_string();
    Ok(Prepared { step, evaluation, sets, batcher, drifting, model_hash })
}

/// α of the job's mixup, if it has one.
fn mixup(job: &Job) -> Option<f64> {
    job.data.augment.iter().find_map(|augment| match augment {
        Augment::Mixup { alpha } => Some(*alpha),
        _ => None,
    })
}

/// Sets up what spoils labels, blends samples and moves class proportions; `classes` is how many there are where each
/// sample has one.
fn disturb(
    batcher: &mut Batcher,
    sets: &Sets,
    job: &Job,
    classes: Option<usize>,
) -> Result<Option<Drifting>, Fault> {
    let data = &job.data;
    let per_sample = |key: &str| {
        let fault = Fault::new(key, "samples have no class each, so this has nothing to work on");
        classes.ok_or_else(|| fault.hint("it goes with `loss: cross_entropy` and one label per sample"))
    };
    if let Some(noise) = data.label_noise {
        batcher.noise = Some((noise, per_sample("data.label_noise")?));
    }
    if let Some(alpha) = mixup(job) {
        let wrong = |error| Fault::new("data.augment", format!("alpha of mixup: {error}"));
        if batcher.sources.iter().any(|source| source.images.is_none()) {
            return Err(Fault::new(
                "data.augment",
                "the model's inputs hold integers, which cannot be blended",
            ));
        }
        batcher.mixup = Some(Mixup { beta: Beta::new(alpha, alpha).map_err(wrong)?, classes });
    }
    let Some(drift) = data.drift else { return Ok(None) };
    let drifting = Drifting::new(drift, &sets.train, per_sample("data.drift")?);
    drifting.map(Some).map_err(|error| unreadable(&error))
}

/// Samples that could be read before.
fn unreadable(error: &std::io::Error) -> Fault {
    Fault::new("data", format!("the samples cannot be read: {error}"))
}

/// The loss with its ignored index where targets hold it, and without where none does: looking for it costs time.
fn effective(loss: &Loss, sets: &Sets) -> Result<Loss, Fault> {
    let sets = [Some(&sets.train), sets.validation.as_ref(), sets.test.as_ref()];
    let mut loss = loss.clone();
    if let Loss::CrossEntropy(options) | Loss::TokenCrossEntropy(options) = &mut loss {
        let ignored = ignored(options);
        let mut held = false;
        for set in sets.into_iter().flatten().filter(|set| may_hold(set.samples.labels.kind, ignored)) {
            let see = |_, labels: crate::data::Sample<'_>| labels.wholes(|_, label| held |= label == ignored);
            set.samples.labels.each(set.samples.count, see).map_err(|error| unreadable(&error))?;
        }
        options.ignore_index = held.then_some(ignored);
    }
    Ok(loss)
}

/// Whether labels of this type can have this value.
fn may_hold(kind: Kind, value: i64) -> bool {
    kind.is_whole() && (value >= 0 || matches!(kind, Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64))
}

/// The index of targets that count nothing, as PyTorch has it unless told.
pub(crate) fn ignored(options: &CrossEntropy) -> i64 {
    options.ignore_index.unwrap_or(-100)
}

/// The key of the spec that an error of the graph is about.
fn refused(job: &Job, error: &GraphError) -> Fault {
    let at = match error {
        GraphError::NoMatch { key: "no_decay", .. } => "training.optimizer",
        GraphError::NoMatch { key: "frozen", .. } => "model.frozen",
        GraphError::NoMatch { .. } => "model.trainable",
        GraphError::Output(_) => "model.output",
        GraphError::Loss(_) => "model.loss",
        _ => "model.onnx",
    };
    let fault = Fault::new(at, format!("`{}`: {error}", job.model.onnx.display()));
    match error.hint() {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

impl Prepared {
    pub(crate) fn facts(&self, engine: &Engine, device: Device) -> Facts {
        let count =
            |set: &Option<crate::data::Subset>| set.as_ref().map_or(0, |set| set.indices.len() as u64);
        let parameters = self.step.state.iter().filter(|state| state.kind == StateKind::Parameter);
        Facts {
            train_samples: self.sets.train.indices.len() as u64,
            validation_samples: count(&self.sets.validation),
            test_samples: count(&self.sets.test),
            contents: Contents { model: self.model_hash.clone(), data: self.sets.hash.clone() },
            parameters: parameters.map(|state| state.shape.iter().product::<usize>() as u64).sum(),
            numerics: NUMERICS,
            runtime: engine.version(),
            cpu: cpu(),
            warnings: self.step.warnings.clone(),
            metrics: self.evaluation.metrics.iter().map(|metric| metric.name.to_owned()).collect(),
            device,
            measured: None,
            division: None,
        }
    }
}

fn read_model(job: &Job) -> Result<(Vec<u8>, Model), Fault> {
    let bytes = read(&job.model.onnx)?;
    let chosen = Selection {
        output: job.model.output.clone(),
        trainable: job.model.trainable.clone(),
        frozen: job.model.frozen.clone(),
    };
    let model = Model::decode(&bytes, &chosen).map_err(|error| refused(job, &error))?;
    Ok((bytes, model))
}

/// The bytes of a model file, however large ONNX lets it be.
///
/// # Errors
/// It is missing, too large or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |message: String| Fault::new("model.onnx", format!("`{}` {message}", path.display()));
    if !path.is_file() {
        return Err(Fault::missing("model.onnx", path));
    }
    let size = fs::metadata(path).map_err(|error| fault(format!("cannot be opened: {error}")))?.len();
    if size > MAX_MODEL {
        return Err(fault(format!("is larger than {} GiB, the most an ONNX file can be", MAX_MODEL >> 30)));
    }
    fs::read(path).map_err(|error| fault(format!("cannot be read: {error}")))
}

/// Where each input of the model comes from, and its extents.
fn feeds(model: &Model, sets: &Sets, job: &Job) -> Result<(Batcher, Vec<Feed>), Fault> {
    let inputs = &sets.train.samples.inputs;
    let ports = model.inputs();
    let listed = ports.iter().map(|port| format!("`{}`", port.name)).collect::<Vec<_>>().join(", ");
    if let Some((Some(name), _)) = inputs
        .iter()
        .find(|(name, _)| name.as_ref().is_some_and(|name| ports.iter().all(|port| port.name != *name)))
    {
        let message = format!("the model has no input `{name}` that its output depends on; it has {listed}");
        return Err(Fault::new("data.train.inputs", message));
    }
    if ports.len() > 1 && inputs.iter().any(|(name, _)| name.is_none()) {
        let message = format!("the model has {} inputs, {listed}, and the data has one", ports.len());
        return Err(Fault::new("data.train.inputs", message)
            .hint("write `inputs: {NAME: FILE.npy, …}`, one array for each input"));
    }
    let (mut sources, mut feeds) = (Vec::new(), Vec::new());
    for port in ports {
        let array = inputs.iter().position(|(name, _)| name.as_ref().is_none_or(|name| *name == port.name));
        let Some(array) = array else {
            let message = format!("there is no array for the model's input `{}`; it has {listed}", port.name);
            return Err(Fault::new("data.train.inputs", message));
        };
        let (images, feed) = feed(port, &inputs[array].1, job)?;
        sources.push(Source { array, images });
        feeds.push(feed);
    }
    let unused = sources.iter().all(|source| source.images.is_none());
    if unused && (job.data.normalize.is_some() || !job.data.augment.is_empty()) {
        let key = if job.data.normalize.is_some() { "data.normalize" } else { "data.augment" };
        return Err(Fault::new(
            key,
            "the model's input holds integers, which are neither normalised nor augmented",
        ));
    }
    Ok((Batcher { sources, mixup: None, noise: None }, feeds))
}

/// How an array fills an input.
fn feed(port: &Port, array: &Array, job: &Job) -> Result<(Option<Images>, Feed), Fault> {
    let batch = job.batch_size as usize;
    let Some((first, rest)) = port.dims.split_first() else {
        return Err(Fault::new("model.onnx", format!("input `{}` has no batch dimension", port.name)));
    };
    if let Some(fixed) = first.filter(|fixed| *fixed != batch) {
        let message =
            format!("the batch dimension of input `{}` is fixed at {fixed}, not {batch}", port.name);
        return Err(Fault::new("training.batch_size", message)
            .hint("export the model with a dynamic batch dimension, or train with that batch size"));
    }
    let Some((layout, shape)) = Layout::of(&array.shape, rest) else {
        let dims = rest.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string()));
        let wanted = dims.collect::<Vec<_>>().join("×");
        let found = array.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let message = format!("samples are {found}, but the model's input `{}` takes {wanted}", port.name);
        let key = if matches!(job.data.train, sweep_wire::Source::Images(_)) { "images" } else { "inputs" };
        return Err(Fault::new(format!("data.train.{key}"), message));
    };
    if port.dtype != DType::F32 && !array.kind.is_whole() {
        let message = format!("samples are floats, but the model's input `{}` takes integers", port.name);
        return Err(Fault::new("data.train.inputs", message));
    }
    let images = (port.dtype == DType::F32).then(|| Images::new(&job.data, layout)).transpose()?;
    let shape: Vec<usize> = std::iter::once(batch).chain(shape).collect();
    fits(&port.name, &shape).map_err(|message| Fault::new("training.batch_size", message))?;
    Ok((images, Feed { name: port.name.clone(), dtype: port.dtype, shape }))
}

/// Probes the model on the first training samples.
fn probe(
    engine: &Engine,
    model: &Model,
    batcher: &Batcher,
    sets: &Sets,
    feeds: &[Feed],
) -> Result<Probe, Fault> {
    let mut inputs: Vec<Tensor> = feeds.iter().map(zeros).collect();
    let mut rooms: Vec<Room<'_>> = inputs.iter_mut().map(room).collect();
    batcher.inputs(&sets.train, 0, &mut rooms).map_err(|error| unreadable(&error))?;
    run(engine, model, feeds, &inputs)
}

fn room(tensor: &mut Tensor) -> Room<'_> {
    match &mut tensor.data {
        TensorData::F32(values) => Room::F32(values),
        TensorData::I64(values) => Room::I64(values),
        TensorData::I32(values) => Room::I32(values),
        TensorData::Bool(values) => Room::Bool(values),
        _ => unreachable!("feeds have no other types"),
    }
}

/// The processor and those of its instruction sets that decide which kernels run.
fn cpu() -> String {
    let mut words = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    for (name, there) in [
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
    ] {
        if there {
            words.push(name);
        }
    }
    words.join(" ")
}
