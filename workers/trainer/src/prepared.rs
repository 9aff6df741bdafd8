//! A job made ready: model read, shapes probed, data loaded, graphs built. No session yet.

use std::{collections::HashMap, fs};

use sweep_graph::{
    DType, EvalGraph, GraphError, Loss, Lowering, Model, Optimizer, Probe, Probed, StateKind, StepGraph,
    StepOptions, Tensor,
};
use sweep_wire::{Contents, Facts, Job};

use crate::{
    NUMERICS,
    data::{Batcher, Layout, Sets, load},
    engine::Engine,
    fault::Fault,
};

/// The largest model file that is read, in bytes: ONNX's own limit for one file.
pub(crate) const MAX_MODEL: u64 = 2 << 30;

/// Everything that trials of one job share.
pub(crate) struct Prepared {
    pub(crate) step: StepGraph,
    pub(crate) evaluation: EvalGraph,
    pub(crate) sets: Sets,
    pub(crate) batcher: Batcher,
    /// The model's input at the job's batch size.
    pub(crate) input_shape: Vec<usize>,
    model_hash: String,
}

/// Reads and checks all that a job names.
///
/// # Errors
/// What is wrong, and which key of the spec says it.
pub(crate) fn prepare(engine: &Engine, job: &Job) -> Result<Prepared, Fault> {
    let batch = job.batch_size as usize;
    let (bytes, model) = read_model(job)?;
    let sets = load(&job.data)?;
    let (layout, shape) = input_shape(&model, &sets, batch)?;
    if sets.train.indices.len() < batch {
        let message =
            format!("a batch of {batch} is more than the {} training samples", sets.train.indices.len());
        return Err(Fault::new("training.batch_size", message));
    }
    let batcher = Batcher::new(&job.data, layout)?;
    let input_shape: Vec<usize> = std::iter::once(batch).chain(shape).collect();
    let probe = probe(engine, &model, &batcher, &sets, &input_shape)?;
    let sweep_wire::Optimizer::Sgd(sgd) = job.optimizer;
    let optimizer =
        Optimizer::Sgd { momentum: sgd.momentum, nesterov: sgd.nesterov, weight_decay: sgd.weight_decay };
    let sweep_wire::Loss::CrossEntropy = job.model.loss;
    let options = StepOptions { batch, loss: Loss::CrossEntropy, optimizer, lowering: Lowering::Cpu };
    let refused =
        |error: GraphError| Fault::new("model.onnx", format!("`{}`: {error}", job.model.onnx.display()));
    let step = sweep_graph::training_step(&model, &probe, &options).map_err(refused)?;
    let evaluation = sweep_graph::evaluation(&model, &probe, &options).map_err(refused)?;
    sets.check_labels(step.outputs)?;
    Ok(Prepared {
        step,
        evaluation,
        sets,
        batcher,
        input_shape,
        model_hash: blake3::hash(&bytes).to_hex().to_string(),
    })
}

impl Prepared {
    pub(crate) fn facts(&self, engine: &Engine) -> Facts {
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
        }
    }
}

fn read_model(job: &Job) -> Result<(Vec<u8>, Model), Fault> {
    let path = &job.model.onnx;
    let fault = |message: String| Fault::new("model.onnx", format!("`{}` {message}", path.display()));
    if !path.is_file() {
        return Err(Fault::missing("model.onnx", path));
    }
    let size = fs::metadata(path).map_err(|error| fault(format!("cannot be opened: {error}")))?.len();
    if size > MAX_MODEL {
        return Err(fault(format!("is larger than {} GiB, the most an ONNX file can be", MAX_MODEL >> 30)));
    }
    let bytes = fs::read(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let model = Model::decode(&bytes).map_err(|error| {
        let fault = fault(format!("cannot be used: {error}"));
        match fault.message.contains("hint:") {
            true => fault,
            false => fault
                .hint("`torch.onnx.export(…, dynamo=False, training=…)` writes files that can be trained"),
        }
    })?;
    Ok((bytes, model))
}

fn input_shape(model: &Model, sets: &Sets, batch: usize) -> Result<(Layout, Vec<usize>), Fault> {
    let port = model.input();
    let sample = &sets.train.samples.shape;
    let Some((first, rest)) = port.dims.split_first() else {
        return Err(Fault::new("model.onnx", format!("input `{}` has no batch dimension", port.name)));
    };
    if let Some(fixed) = first.filter(|fixed| *fixed != batch) {
        let message =
            format!("the batch dimension of input `{}` is fixed at {fixed}, not {batch}", port.name);
        return Err(Fault::new("training.batch_size", message)
            .hint("export the model with a dynamic batch dimension, or train with that batch size"));
    }
    Layout::of(sample, rest).ok_or_else(|| {
        let dims = rest.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string()));
        let wanted = dims.collect::<Vec<_>>().join("×");
        let found = sample.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let message = format!("samples are {found}, but the model's input `{}` takes {wanted}", port.name);
        Fault::new("data.train.images", message)
    })
}

/// Runs the forward model once at the real batch size: every value's type and shape, every constant's content.
fn probe(
    engine: &Engine,
    model: &Model,
    batcher: &Batcher,
    sets: &Sets,
    input_shape: &[usize],
) -> Result<Probe, Fault> {
    let graph = model.probe();
    let batch = input_shape[0];
    let mut input = vec![0.0; input_shape.iter().product()];
    let (mut labels, mut valid) = (vec![0; batch], vec![0.0; batch]);
    batcher.evaluate(&sets.train, 0, (&mut input, &mut labels, &mut valid));
    let input = Tensor { shape: input_shape.to_vec(), data: sweep_graph::TensorData::F32(input) };
    let run = || engine.open(&graph.bytes, false)?.run(&[(&model.input().name, &input)]);
    let outputs = run()
        .map_err(|error| Fault::new("model.onnx", format!("ONNX Runtime cannot run the model: {error}")))?;
    let constants: HashMap<_, _> =
        graph.outputs.iter().map(|output| (output.name.as_str(), output.constant)).collect();
    let given = Probed { dtype: DType::F32, shape: input_shape.to_vec(), content: None };
    let mut probe = Probe::from([(model.input().name.clone(), given)]);
    for (name, dtype, tensor) in outputs {
        let shape = tensor.shape.clone();
        let content = constants.get(name.as_str()).is_some_and(|constant| *constant).then_some(tensor);
        probe.insert(name, Probed { dtype, shape, content });
    }
    Ok(probe)
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
