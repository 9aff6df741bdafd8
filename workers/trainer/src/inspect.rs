//! Looks at a model without data: what trains and why, what it costs, what stops it.

use std::{collections::BTreeMap, path::Path};

use sweep_graph::{
    DType, Feed, Gradient, GraphError, Lowering, Model, Selection, StateKind, StepOptions, TensorData,
};
use sweep_wire::{CrossEntropy, Loss, Optimizer};

use crate::{
    engine::Engine,
    fault::Fault,
    prepared::read,
    probe::{fits, run, zeros},
};

/// The extent of a dimension that the file leaves open and nobody names.
const OPEN: usize = 8;
/// Samples per pass where neither the file nor anybody says how many.
const BATCH: usize = 16;

/// How to look at a model.
#[derive(Debug, Clone)]
pub struct Request {
    /// Samples per pass; the file's, or else 16, unless told.
    pub batch: Option<usize>,
    /// The loss; guessed from the output if absent.
    pub loss: Option<Loss>,
    pub optimizer: Optimizer,
    pub output: Option<String>,
    pub trainable: Vec<String>,
    pub frozen: Vec<String>,
    /// Extents of one sample, by input, where the file leaves some open.
    pub shapes: BTreeMap<String, Vec<usize>>,
}

/// What was found out about a model.
#[derive(Debug, Clone)]
pub struct Inspection {
    pub opset: i64,
    /// The only batch size that the file allows, if it does not allow any.
    pub batch: Option<usize>,
    pub inputs: Vec<Port>,
    pub output: Port,
    /// Inputs with open extents that had to be assumed.
    pub assumed: Vec<String>,
    pub tensors: Vec<Tensor>,
    pub operators: Vec<Operator>,
    /// What the loss is, for the numbers below.
    pub loss: String,
    /// What stops training; empty if the model can be trained.
    pub problems: Vec<String>,
    pub warnings: Vec<String>,
    /// Floating-point operations of one pass in convolutions and products: forward alone, and a training step.
    pub forward_work: u64,
    pub step_work: Option<u64>,
    /// Bytes of parameters, running statistics and optimiser buffers, held twice, and of what the forward pass leaves for
    /// the backward pass.
    pub state_bytes: u64,
    pub activation_bytes: u64,
    /// The training step as an ONNX file, if the model can be trained.
    pub step: Option<Vec<u8>>,
}

/// An input or output, its extents at the batch size.
#[derive(Debug, Clone)]
pub struct Port {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<usize>,
}

/// A float32 tensor of the file.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub name: String,
    /// The name in the file, where that is another.
    pub source: Option<String>,
    pub shape: Vec<usize>,
    /// `parameter`, `statistic` or `kept`.
    pub role: &'static str,
    pub why: &'static str,
}

/// An operator of the model.
#[derive(Debug, Clone)]
pub struct Operator {
    pub name: String,
    pub count: usize,
    /// `yes`, `zero` or `no`.
    pub gradient: &'static str,
    /// Nodes that stop training.
    pub stops: Vec<String>,
}

/// Reads a model and builds its training step on made-up inputs.
///
/// # Errors
/// The file is no model that can be read and run; whatever stops its training is no error but a problem of the result.
pub fn inspect(engine: &Engine, path: &Path, request: &Request) -> Result<Inspection, Fault> {
    let bytes = read(path)?;
    let Request { output, trainable, frozen, .. } = request.clone();
    let told = |error: &GraphError| {
        let fault = Fault::new("model", format!("`{}`: {error}", path.display()));
        match error.hint() {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    };
    let model =
        Model::decode(&bytes, &Selection { output, trainable, frozen }).map_err(|error| told(&error))?;
    let (feeds, assumed) = feeds(&model, request)?;
    let inputs: Vec<sweep_graph::Tensor> = feeds.iter().map(made_up).collect();
    let probe = run(engine, &model, &feeds, &inputs)?;
    let mut problems: Vec<String> = Vec::new();
    let operators = sweep_graph::operators(&model, &probe).unwrap_or_else(|error| {
        problems.push(error.to_string());
        Vec::new()
    });
    let out = probe.get(&model.output().name).map_or(vec![], |probed| probed.shape.clone());
    let loss = request.loss.clone().unwrap_or_else(|| guess(&out, &feeds));
    let mut options = StepOptions::new(feeds[0].shape[0], loss, request.optimizer);
    options.lowering = Lowering::Cpu;

    for operator in operators.iter().filter(|operator| operator.gradient == Gradient::No) {
        let nodes: Vec<String> = operator.stops.iter().map(|node| format!("`{node}`")).collect();
        problems.push(format!("operator `{}` has no gradient: {}", operator.operator, nodes.join(", ")));
    }
    let step = sweep_graph::training_step(&model, &probe, &options);
    if let (Err(error), true) = (&step, problems.is_empty()) {
        problems.push(error.to_string());
    }
    let forward_work = sweep_graph::evaluation(&model, &probe, &options).map_or(0, |pass| pass.work);
    let step = step.ok();
    let state = step.iter().flat_map(|step| &step.state);
    let state_bytes = 2 * 4 * state.map(|state| state.shape.iter().product::<usize>() as u64).sum::<u64>();
    Ok(Inspection {
        opset: model.opset(),
        batch: model.inputs().iter().find_map(|port| *port.dims.first()?),
        inputs: feeds.iter().map(|feed| port(&feed.name, feed.dtype, &feed.shape)).collect(),
        output: port(&model.output().name, DType::F32, &out),
        assumed,
        tensors: tensors(&model, step.as_ref().map_or(&[], |step| &step.unreached)),
        operators: operators.into_iter().map(operator).collect(),
        loss: loss_name(&options.loss).to_owned(),
        problems,
        warnings: warnings(&model, &options.loss, step.as_ref().map_or(&[], |step| &step.warnings)),
        forward_work,
        step_work: step.as_ref().map(|step| step.work),
        state_bytes,
        activation_bytes: step.as_ref().map_or(0, |step| step.activations),
        step: step.map(|step| step.bytes),
    })
}

/// The inputs' extents, and which of them were assumed.
fn feeds(model: &Model, request: &Request) -> Result<(Vec<Feed>, Vec<String>), Fault> {
    let names =
        || model.inputs().iter().map(|port| format!("`{}`", port.name)).collect::<Vec<_>>().join(", ");
    if let Some(name) =
        request.shapes.keys().find(|name| model.inputs().iter().all(|port| port.name != **name))
    {
        return Err(Fault::new("shape", format!("the model has no input `{name}`; it has {}", names())));
    }
    let (mut feeds, mut assumed) = (Vec::new(), Vec::new());
    for port in model.inputs() {
        let Some((first, rest)) = port.dims.split_first() else {
            return Err(Fault::new("model", format!("input `{}` has no batch dimension", port.name)));
        };
        if let (Some(fixed), Some(asked)) = (*first, request.batch)
            && fixed != asked
        {
            let message =
                format!("the batch dimension of input `{}` is fixed at {fixed}, not {asked}", port.name);
            return Err(Fault::new("batch-size", message)
                .hint("export the model with a dynamic batch dimension, or leave `--batch-size` out"));
        }
        let mut shape = vec![first.or(request.batch).unwrap_or(BATCH)];
        let given = request.shapes.get(&port.name);
        if given.is_some_and(|given| given.len() != rest.len()) {
            let message = format!("a sample of input `{}` has {} dimensions", port.name, rest.len());
            return Err(Fault::new("shape", message));
        }
        for (axis, extent) in rest.iter().enumerate() {
            if let (Some(fixed), Some(asked)) = (*extent, given.map(|given| given[axis]))
                && fixed != asked
            {
                let message =
                    format!("extent {} of a sample of `{}` is fixed at {fixed}", axis + 1, port.name);
                return Err(Fault::new("shape", format!("{message}, not {asked}")));
            }
            shape.push(extent.unwrap_or_else(|| given.map_or(OPEN, |given| given[axis])));
        }
        if given.is_none() && rest.iter().any(Option::is_none) {
            assumed.push(port.name.clone());
        }
        fits(&port.name, &shape).map_err(|message| Fault::new("model", message))?;
        feeds.push(Feed { name: port.name.clone(), dtype: port.dtype, shape });
    }
    Ok((feeds, assumed))
}

/// Small numbers that are not all alike; integers are 0, which every table has, and truths are true.
fn made_up(feed: &Feed) -> sweep_graph::Tensor {
    let mut tensor = zeros(feed);
    match &mut tensor.data {
        TensorData::F32(values) => {
            values.iter_mut().enumerate().for_each(|(i, v)| *v = (i * 7919 % 1009) as f32 / 1009.0 - 0.5);
        }
        TensorData::Bool(values) => values.fill(true),
        _ => {}
    }
    tensor
}

/// Cross-entropy where there is a score for each of several classes, else squared error.
fn guess(output: &[usize], feeds: &[Feed]) -> Loss {
    let text = feeds.iter().any(|feed| feed.dtype != DType::F32);
    match output {
        [_, classes] if *classes > 1 => Loss::CrossEntropy(CrossEntropy::default()),
        [_, _, tokens] if *tokens > 1 && text => Loss::TokenCrossEntropy(CrossEntropy::default()),
        _ => Loss::Mse,
    }
}

fn loss_name(loss: &Loss) -> &'static str {
    match loss {
        Loss::CrossEntropy(_) => "cross_entropy",
        Loss::TokenCrossEntropy(_) => "token_cross_entropy",
        Loss::Mse => "mse",
        Loss::L1 => "l1",
        Loss::Huber { .. } => "huber",
        Loss::BceWithLogits(_) => "bce_with_logits",
    }
}

fn tensors(model: &Model, unreached: &[String]) -> Vec<Tensor> {
    let learnt = model.learnt().into_iter().map(|learnt| {
        let (role, why) = match learnt.kind {
            _ if unreached.contains(&learnt.name) => ("kept", "no gradient reaches it"),
            StateKind::Parameter => ("parameter", learnt.why),
            _ => ("statistic", learnt.why),
        };
        let source = (learnt.source != learnt.name).then_some(learnt.source);
        Tensor { source, name: learnt.name, shape: learnt.shape, role, why }
    });
    let kept = model.kept().into_iter().map(|kept| Tensor {
        name: kept.name,
        source: None,
        shape: kept.shape,
        role: "kept",
        why: kept.why,
    });
    let mut tensors: Vec<Tensor> = learnt.chain(kept).collect();
    // Parameters first, each kind in the file's order.
    tensors.sort_by_key(|tensor| {
        ["parameter", "statistic", "kept"].iter().position(|role| *role == tensor.role)
    });
    tensors
}

fn operator(used: sweep_graph::OperatorUse) -> Operator {
    let gradient = match used.gradient {
        Gradient::Yes => "yes",
        Gradient::Zero => "zero",
        Gradient::No => "no",
    };
    Operator { name: used.operator, count: used.count, gradient, stops: used.stops }
}

fn warnings(model: &Model, loss: &Loss, known: &[String]) -> Vec<String> {
    let mut warnings = known.to_vec();
    for port in model.inputs() {
        if let Some(Some(fixed)) = port.dims.first() {
            warnings.push(format!(
                "the batch dimension of input `{}` is fixed at {fixed}: only that batch size can be trained",
                port.name
            ));
        }
    }
    let scores = matches!(loss, Loss::CrossEntropy(_) | Loss::TokenCrossEntropy(_));
    if scores && model.ends_in("Softmax") {
        warnings.push(format!(
            "output `{}` comes out of a Softmax, but cross-entropy wants scores before it",
            model.output().name
        ));
    }
    warnings
}

fn port(name: &str, dtype: DType, shape: &[usize]) -> Port {
    let dtype = match dtype {
        DType::I64 => "int64",
        DType::I32 => "int32",
        DType::Bool => "bool",
        _ => "float32",
    };
    Port { name: name.to_owned(), dtype: dtype.to_owned(), shape: shape.to_vec() }
}
